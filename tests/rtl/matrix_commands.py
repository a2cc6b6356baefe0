"""Matrix commands to try: corners by hand, and random ones over every field that an array sees."""

import numpy as np

from accel_models.commands import Matrix, MatrixMode
from accel_models.golden.access import Bytes

DOT, DEPTHWISE, OUTER = MatrixMode.DOT, MatrixMode.DEPTHWISE, MatrixMode.OUTER
SCRATCHPAD_BYTES = 1 << 15


def scratchpad(rng: np.random.Generator) -> Bytes:
    """Random bytes, a tenth of them the extremes."""
    memory = rng.integers(0, 256, SCRATCHPAD_BYTES, np.uint8)
    extreme = rng.random(SCRATCHPAD_BYTES) < 0.1
    memory[extreme] = rng.choice([0x80, 0x7F, 0x00, 0xFF], int(extreme.sum()))
    return memory


def tile(
    mode: MatrixMode, height: int, width: int, kernel: int, taps: int, run: int, columns: int, **more: int
) -> Matrix:
    """A command with dense operands and the sizes that matter to the array."""
    fields = {
        "input_address": 64, "input_row_stride": 160, "input_pixel_stride": 8, "input_height": 8, "input_width": 20,
        "weight_address": 4096, "weight_row_stride": max(run * taps * kernel, columns) + 1,
        "tap_stride": 8, "accumulator": 0,
    }  # fmt: skip
    return Matrix(
        mode=mode, output_height=height, output_width=width, kernel_height=kernel, taps=taps, run_bytes=run,
        columns=columns, **{**fields, **more},
    )  # fmt: skip


def corners(rows: int, columns: int) -> list[Matrix]:
    """Sizes of one, tails of one, whole arrays; tiles shorter than the accumulator latency and than a weight load."""
    found = []
    for pixels in (1, 2, 3, 4, 5):
        found.append(tile(DOT, 1, pixels, 2, 2, rows + 1, columns + 1, accumulate=pixels % 2))
        found.append(tile(DOT, 1, pixels, 1, 2, rows + 1, 2 * columns + 1, transposed=1, accumulate=1))
        found.append(tile(DEPTHWISE, 1, pixels, 3, 1, 0, columns + 1))
        found.append(tile(OUTER, 1, pixels, 1, 2, rows + 1, columns + 1, accumulate=pixels % 2))
    for mode in (DOT, DEPTHWISE, OUTER):
        found.append(tile(mode, 1, 1, 1, 1, 1, 1))
        found.append(tile(mode, 0, 5, 2, 1, rows, columns))
        found.append(tile(mode, 2, 3, 1, 2, 2 * rows - (mode == OUTER) * rows, columns + 2, accumulator=3))
    for step in (1, 2, 5):  # 5: more than the taps, so that pixels are read and dropped
        for taps in (1, min(3, rows), rows):
            found.append(tile(DEPTHWISE, 2, 2, 2, taps, 0, columns, stride_x=step, accumulate=step % 2))
    found.append(tile(DOT, 2, 20, 1, 1, 3 * rows - 1, columns - 1, transposed=1))
    for mode in (DOT, DEPTHWISE, OUTER):
        found.append(tile(mode, 2, 3, 2, 2, rows + 1, columns + 1, planes=0))
        for height, width in ((1, 1), (1, 3), (3, 1), (2, 3)):
            fields = {"planes": 3, "input_plane_stride": 333, "origin_y": -1, "input_height": 2}
            found.append(tile(mode, height, width, 2, 2, 2 + (mode == DOT) * rows, columns + 1, **fields))
    found.append(tile(DOT, 1, 1, 1, 1, rows, columns, planes=7))  # the same pixel
    return found


def random_command(rng: np.random.Generator, rows: int, columns: int, entries: int) -> Matrix:
    """Any mode, padding on any side, tails of any length; what golden and the accumulators can hold."""
    while True:
        mode = MatrixMode(int(rng.integers(3)))
        height, width = int(rng.integers(1, 5)), int(rng.integers(1, 13))
        planes = int(rng.integers(1, 4)) if rng.random() < 0.4 else 1
        kernel, taps = int(rng.integers(1, 4)), int(rng.integers(1, (rows if mode == DEPTHWISE else 3) + 1))
        run, outputs = int(rng.integers(1, 3 * rows + 2)), int(rng.integers(1, 3 * columns + 2))
        length = kernel * taps * (1 if mode == DEPTHWISE else run)
        groups = -(-outputs // columns)
        used = groups * (length if mode == OUTER else planes * height * width)
        if used > entries:
            continue
        transposed = int(mode == DOT and rng.random() < 0.5)
        pixel_stride = int(rng.integers(1, 24))
        line = int(rng.integers(1, 12)) * pixel_stride
        return Matrix(
            mode=mode,
            accumulate=int(rng.integers(2)),
            transposed=transposed,
            input_address=int(rng.integers(64)),
            input_row_stride=line + int(rng.integers(8)),
            input_pixel_stride=pixel_stride,
            input_height=int(rng.integers(1, 8)),
            input_width=line // pixel_stride,
            origin_y=int(rng.integers(-3, 2)),
            origin_x=int(rng.integers(-3, 2)),
            stride_y=int(rng.integers(1, 4)),
            stride_x=int(rng.integers(1, 4)),
            dilation_y=int(rng.integers(1, 3)),
            output_height=height,
            output_width=width,
            kernel_height=kernel,
            taps=taps,
            tap_stride=int(rng.integers(0, 40)),
            run_bytes=0 if mode == DEPTHWISE else run,
            columns=outputs,
            weight_address=int(rng.integers(4096, 5000)),
            weight_row_stride=(length if transposed else outputs) + int(rng.integers(4)),
            accumulator=int(rng.integers(entries - used + 1)),
            zero_point=int(rng.integers(-128, 128)),
            planes=planes,
            input_plane_stride=int(rng.integers(200)),
        )
