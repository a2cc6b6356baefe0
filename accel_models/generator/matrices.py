"""Random Matrix commands: three modes, padding on any side, strides, dilation, taps, transposed weights, tails, sums
that go on where others ended."""

from dataclasses import replace
from typing import Any

from accel_models import cost
from accel_models.commands import Matrix, MatrixMode
from accel_models.generator.room import NoRoomError, Room
from accel_models.golden.matrix import column_groups, contraction_length, pixels_of

_MOST_CYCLES = 1500  # of one command, times the reach


def matrix(room: Room) -> Matrix:
    """Raises NoRoomError where the operands, the sums or the time have no room."""
    mode = MatrixMode(room.upto(2, 0))
    fields = _sizes(room, mode)
    fields |= _image(room, mode, fields["columns"])
    sketch = Matrix(mode=mode, input_address=0, weight_address=0, weight_row_stride=0, accumulator=0, **fields)
    if int(cost.matrix(sketch, room.hardware)) > _MOST_CYCLES * room.reach:
        raise NoRoomError
    length, pixels = contraction_length(sketch), pixels_of(sketch)
    outer, transposed = mode == MatrixMode.OUTER, int(mode == MatrixMode.DOT and room.happens(0.4))
    accumulator = room.accumulator(column_groups(sketch, room.columns) * (length if outer else pixels))
    room.sums = [*room.sums, accumulator][-3:]
    stride = (length if transposed else sketch.columns) + room.upto(3, 0)
    vectors = sketch.columns if transposed else pixels if outer else length
    return replace(
        sketch,
        accumulate=room.upto(1, 0),
        transposed=transposed,
        input_address=room.place(sketch.input_height * sketch.input_row_stride + 2 * sketch.input_plane_stride),
        weight_address=room.place(max(1, vectors) * stride),
        weight_row_stride=stride,
        accumulator=accumulator,
    )


def _sizes(room: Room, mode: MatrixMode) -> dict[str, Any]:
    """What the array sees: pixels, kernel, run and outputs."""
    depthwise = mode == MatrixMode.DEPTHWISE
    return {
        "planes": room.extent(3) if room.happens(0.3) else 1,
        "input_plane_stride": room.upto(200, 0),
        "output_height": room.extent(2 + room.reach),
        "output_width": room.extent(5 * room.reach),
        "kernel_height": room.extent(3),
        "taps": room.extent(room.rows if depthwise else 3),
        "run_bytes": 0 if depthwise else room.extent((2 + room.reach) * room.rows + 1),
        "columns": room.extent((1 + room.reach) * room.columns + 1),
    }


def _image(room: Room, mode: MatrixMode, columns: int) -> dict[str, Any]:
    """An input image, dense or not, of which the tile may see a part, or nothing."""
    pixel = room.upto(3 * room.rows)
    if mode == MatrixMode.DEPTHWISE:
        pixel = columns + room.upto(2, 0)
    width = room.upto(4 + 2 * room.reach)
    return {
        "input_pixel_stride": pixel,
        "input_width": width,
        "input_row_stride": width * pixel + room.upto(7, 0),
        "input_height": room.upto(3 + 2 * room.reach),
        "origin_y": room.upto(2, -3),
        "origin_x": room.upto(2, -3),
        "stride_y": room.pick((1, 1, 2, 3)),
        "stride_x": room.pick((1, 1, 2, 3)),
        "dilation_y": room.pick((1, 1, 2)),
        "tap_stride": pixel * room.upto(2) if room.happens(0.7) else room.upto(40, 0),
        "zero_point": room.code(),
    }
