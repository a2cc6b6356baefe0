"""Random commands of training: scaled sums with bound, mask and range, sums of two images, updates, registers moved."""

from typing import Any

from accel_models.arithmetic import INT32_MAX, MAX_RANDOM_BITS, MAX_SHIFT, Rounding
from accel_models.commands import (
    BIAS_BYTES,
    REGISTERS,
    WORD_BYTES,
    LoadRegisters,
    Ranging,
    Requantize,
    Residual,
    Scaling,
    StoreRegisters,
    Sum,
    Update,
)
from accel_models.generator.images import Fields, apart, bounds, image, names, output, sizes, span, table
from accel_models.generator.room import NoRoomError, Room, Span, factor

_ROUNDINGS = (Rounding.HALF_UP, Rounding.PSEUDO_STOCHASTIC, Rounding.INDEXED)


def requantize(room: Room) -> Requantize:
    """The form for training. Raises NoRoomError."""
    size, taken = sizes(room), list[Span]()
    height, width, columns = size
    groups = -(-columns // room.columns)
    fields: Fields = {"scaling": room.pick((Scaling.UNIFORM, Scaling.BIAS)), "residual": Residual.NONE}
    if fields["scaling"] == Scaling.BIAS:
        block = BIAS_BYTES * groups * room.columns
        fields["parameters"] = parameters = room.place(block)
        taken.append((parameters, parameters + block))
    images = []
    if room.happens(0.5):
        images = [image(room, "residual", size)]
        fields |= images[0] | {"residual": Residual.MASK}
    fields |= _scale(room, int(room.pick((4, 12, 20, 31)))) | _range(room) | bounds(room) | table(room, taken)
    return Requantize(
        accumulator=room.accumulator(groups * height * width),
        height=height,
        width=width,
        columns=columns,
        zero_point=room.code() if room.happens(0.3) else 0,
        multiplier_b=room.upto(1 << 20, 0),
        index_row_stride=room.upto(5000),
        index_pixel_stride=room.upto(100),
        **fields,
        **output(room, images, size, taken),
    )


def sum_(room: Room) -> Sum:
    """Raises NoRoomError."""
    size = sizes(room)
    images = [image(room, "a", size), image(room, "b", size)]
    fields = images[0] | images[1] | {"masked": room.upto(1, 0)}
    if fields["masked"]:
        images.append(image(room, "c", size))
        fields |= images[2]
    return Sum(
        height=size[0],
        width=size[1],
        columns=size[2],
        up_a=room.upto(15, -16) if room.happens(0.3) else room.upto(8, 0),
        up_b=room.upto(15, -16) if room.happens(0.3) else 8,
        index_start=room.upto(1 << 20, 0),
        **fields,
        **_scale(room, int(room.pick((8, 16, 17)))),
        **_range(room),
        **bounds(room),
        **output(room, images, size, ()),
    )


def update(room: Room) -> Update:
    """Raises NoRoomError."""
    rows, columns, wide = room.extent(8 * room.reach), room.extent((1 + room.reach) * room.columns + 2), room.upto(1, 0)
    size = rows, 1, columns * (1 + wide)
    found = dict(zip(names("master"), image(room, "a", size, dense=True).values(), strict=True))
    del found["master_pixel_stride"]
    first, stop = span({**found, "pixel": 0}, size)
    fields: Fields = {"most": room.pick((127, 1, 0, room.upto(127)))}
    if wide:
        fields = {"most": room.pick((INT32_MAX >> 16, 127 << 8, room.upto(INT32_MAX >> 16)))}
        place = apart(room, (rows, 1, columns), [(first, stop)])
        fields |= {name: place[name] for name in ("output_address", "output_row_stride")}
        fields["fraction_bits"] = room.upto(15, 0)
    room.remember(first)
    scale = _scale(room, int(room.pick((4, 12, 20, 31))))
    del scale["bound"]
    return Update(
        accumulator=room.accumulator(-(-columns // room.columns) * rows),
        entries=rows,
        columns=columns,
        wide=wide,
        destination=room.upto(REGISTERS - 2, 0),
        zeros_start=room.pick((0, INT32_MAX, room.upto(1000))),
        index_start=room.upto(1 << 20, 0),
        index_row_stride=room.upto(5000),
        sums_start=room.pick((0, INT32_MAX, room.upto(1000))),
        **found,
        **fields,
        **scale,
    )


def load_registers(room: Room) -> LoadRegisters:
    """Raises NoRoomError."""
    register, count = _registers(room)
    return LoadRegisters(register=register, count=count, pad_address=room.place(WORD_BYTES * count))


def store_registers(room: Room) -> StoreRegisters:
    """Raises NoRoomError."""
    register, count = _registers(room)
    address = room.place(WORD_BYTES * count)
    room.remember(address)
    return StoreRegisters(register=register, count=count, pad_address=address)


def _registers(room: Room) -> tuple[int, int]:
    if room.columns < WORD_BYTES:
        raise NoRoomError
    count = room.extent(4) if room.happens(0.9) else room.upto(REGISTERS)
    return room.upto(min(REGISTERS - count, REGISTERS - 1), 0), count


def _scale(room: Room, bits: int) -> Fields:
    """Bound, factor and rounding for values of that many bits: mostly a shift alone, as integer training has it."""
    multiplier, shift = 1, room.upto(bits, max(bits - 8, 0))
    if room.happens(0.3):
        multiplier, shift = factor(room.rng, max(bits, 8))
    shift = room.upto(MAX_SHIFT, 0) if room.happens(0.1) else shift
    most = (1 << bits) - 1
    bound = room.pick((INT32_MAX, INT32_MAX, most, room.upto(most), room.upto(most), 0))
    fields = {"multiplier": multiplier, "shift": shift, "bound": bound, "rounding": room.pick(_ROUNDINGS)}
    key, bits = room.upto(INT32_MAX, -INT32_MAX), room.pick((8, 8, room.upto(MAX_RANDOM_BITS)))
    return fields | {"key": key, "random_bits": bits}


def _range(room: Room) -> dict[str, Any]:
    if room.happens(0.4):
        return {"range": Ranging.NONE}
    start = room.pick((0, 0, 1000, INT32_MAX))
    return {"range": room.pick(tuple(Ranging)), "range_start": start, "destination": room.upto(REGISTERS - 1, 0)}
