"""Random commands of the vector engine: both roundings, residuals, tables, windows over edges, images that repeat,
outputs apart from every operand or exactly on one."""

from collections.abc import Sequence
from typing import Any

from accel_models.commands import (
    PARAMETER_BYTES,
    REGISTERS,
    TABLE_BYTES,
    Elementwise,
    Function,
    Pool,
    Pooling,
    Range,
    Requantize,
    SetRegister,
)
from accel_models.generator.room import Room, Span, factor

Fields = dict[str, Any]
Sizes = tuple[int, int, int]  # height, width, columns
_LOW, _HIGH = -(1 << 31), (1 << 31) - 1
_EXTREMES = (_LOW, _LOW + 1, -1, 0, 1, _HIGH - 1, _HIGH)


def requantize(room: Room) -> Requantize:
    """Raises NoRoomError."""
    height, width, columns = _sizes(room)
    groups = -(-columns // room.columns)
    parameters = room.parameters(groups)
    taken: list[Span] = [(parameters, parameters + groups * PARAMETER_BYTES * room.columns)]
    fields: Fields = {"residual": room.upto(1, 0), "add_shift": 1}
    images = []
    if fields["residual"]:
        images = [_image(room, "residual", (height, width, columns))]
        multiplier_a, add_shift = factor(room.rng, 8)
        fields |= {"multiplier_a": multiplier_a, "multiplier_b": factor(room.rng, 8)[0], "add_shift": add_shift}
        fields |= images[0] | {"zero_b": room.code(), "add_zero": room.code()} | _bounds(room, "add_")
    fields |= _bounds(room) | _table(room, taken)
    fields |= _output(room, images, (height, width, columns), taken)
    return Requantize(
        accumulator=room.accumulator(groups * height * width),
        height=height,
        width=width,
        columns=columns,
        parameters=parameters,
        zero_point=room.code(),
        double=room.upto(1, 0),
        **fields,
    )


def elementwise(room: Room) -> Elementwise:
    """Raises NoRoomError."""
    sizes = _sizes(room)
    function, taken = Function(room.upto(2, 0)), list[Span]()
    images = [_image(room, "a", sizes)]
    if function != Function.RESCALE:
        images.append(images[0] if room.happens(0.1) else _image(room, "b", sizes))
    fields: Fields = dict(zip(_names("a"), images[0].values(), strict=True))
    if len(images) > 1:
        fields |= dict(zip(_names("b"), images[1].values(), strict=True))
    multiplier, shift = factor(room.rng, 16 if function == Function.MULTIPLY else 8)
    fields |= _bounds(room) | _table(room, taken)
    return Elementwise(
        function=function,
        height=sizes[0],
        width=sizes[1],
        columns=sizes[2],
        zero_a=room.code(),
        zero_b=room.code(),
        multiplier_a=multiplier,
        multiplier_b=factor(room.rng, 8)[0],
        shift=shift,
        zero_point=room.code(),
        double=room.upto(1, 0),
        **fields,
        **_output(room, images, sizes, taken),
    )


def pool(room: Room) -> Pool:
    """Raises NoRoomError."""
    height, width, columns = _sizes(room)
    height, width = min(height, 1 + room.reach), min(width, 2 + room.reach)
    rows, line, taken = room.upto(4 + room.reach), room.upto(4 + room.reach), list[Span]()
    image = _image(room, "input", (rows, line, columns))
    multiplier, shift = factor(room.rng, 11)
    fields = _bounds(room) | _table(room, taken)
    return Pool(
        function=Pooling(room.upto(1, 0)),
        height=height,
        width=width,
        columns=columns,
        **image,
        input_height=rows,
        input_width=line,
        origin_y=room.upto(2, -4),
        origin_x=room.upto(2, -4),
        kernel_height=room.extent(4),
        kernel_width=room.extent(4),
        stride_y=room.upto(3, 0),
        stride_x=room.upto(3, 0),
        bias=int(room.pick((0, *_EXTREMES, room.upto(5000, -5000)))),
        multiplier=multiplier,
        shift=shift,
        zero_point=room.code(),
        double=room.upto(1, 0),
        **fields,
        **_apart(room, (height, width, columns), [_span(image, (rows, line, columns)), *taken]),
    )


def range_(room: Room) -> Range:
    """Raises NoRoomError."""
    columns, entries = room.upto(2 * room.columns + 2, 0), room.extent(20 * room.reach)
    used = max(1, -(-columns // room.columns)) * entries
    accumulator = room.accumulator(used)
    return Range(accumulator=accumulator, entries=entries, columns=columns, destination=room.upto(REGISTERS - 1, 0))


def set_register(room: Room) -> SetRegister:
    value = room.pick((*_EXTREMES, room.upto(_HIGH, _LOW), room.upto(127, -128), room.upto(12, 0)))
    return SetRegister(destination=room.upto(REGISTERS - 1, 0), value=int(value))


def _sizes(room: Room) -> Sizes:
    return room.extent(2 + room.reach), room.extent(5 * room.reach), room.extent((1 + room.reach) * room.columns + 2)


def _names(prefix: str) -> tuple[str, str, str]:
    return f"{prefix}_address", f"{prefix}_row_stride", f"{prefix}_pixel_stride"


def _span(image: Fields, sizes: Sizes) -> Span:
    address, row, pixel = image.values()
    height, width, columns = sizes
    return address, address + max(height - 1, 0) * row + max(width - 1, 0) * pixel + max(columns, 1)


def _image(room: Room, prefix: str, sizes: Sizes) -> Fields:
    """Address and strides of an operand; now and then one that repeats pixels or rows."""
    height, width, columns = sizes
    pixel = 0 if room.happens(0.05) else columns + room.upto(3, 0)
    row = 0 if room.happens(0.05) else width * pixel + room.upto(5, 0)
    first, stop = _span({"address": 0, "row": row, "pixel": pixel}, sizes)
    return dict(zip(_names(prefix), (room.place(stop - first), row, pixel), strict=True))


def _output(room: Room, images: Sequence[Fields], sizes: Sizes, taken: Sequence[Span]) -> Fields:
    """A dense image exactly on an operand that no other one touches, or off all of them."""
    width, columns = sizes[1:]
    spans = [_span(image, sizes) for image in images]
    for image, (first, stop) in zip(images, spans, strict=True):
        place = tuple(image.values())
        others = [span for other, span in zip(images, spans, strict=True) if tuple(other.values()) != place]
        free = all(stop <= low or high <= first for low, high in [*others, *taken])
        if free and place[2] >= columns and place[1] >= width * place[2] and room.happens(0.4):
            room.remember(first)
            return dict(zip(_names("output"), place, strict=True))
    return _apart(room, sizes, [*spans, *taken])


def _apart(room: Room, sizes: Sizes, taken: Sequence[Span]) -> Fields:
    """A dense image off everything in ``taken``."""
    pixel = sizes[2] + room.upto(3, 0)
    row = sizes[1] * pixel + room.upto(5, 0)
    first, stop = _span({"address": 0, "row": row, "pixel": pixel}, sizes)
    address = room.place(stop - first, taken)
    room.remember(address)
    return dict(zip(_names("output"), (address, row, pixel), strict=True))


def _bounds(room: Room, prefix: str = "") -> Fields:
    low, high = sorted((room.upto(127, -128), room.upto(127, -128))) if room.happens(0.4) else (-128, 127)
    return {f"{prefix}low": low, f"{prefix}high": high}


def _table(room: Room, taken: list[Span]) -> Fields:
    """A table or none; its bytes are added to ``taken``."""
    if not room.happens(0.25):
        return {"table": 0, "table_address": 0}
    address = room.place(TABLE_BYTES)
    taken.append((address, address + TABLE_BYTES))
    return {"table": 1, "table_address": address}
