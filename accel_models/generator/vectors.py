"""Random commands of the vector engine (training.py has some of them): roundings, residuals, tables, windows over
edges, images that repeat, outputs apart from every operand or exactly on one."""

from accel_models.arithmetic import Rounding
from accel_models.commands import (
    PARAMETER_BYTES,
    REGISTERS,
    Elementwise,
    Function,
    Pool,
    Pooling,
    Range,
    Requantize,
    Residual,
    SetRegister,
)
from accel_models.generator import training
from accel_models.generator.images import Fields, apart, bounds, image, names, output, sizes, span, table
from accel_models.generator.room import Room, Span, factor

_ROUNDINGS = (Rounding.HALF_UP, Rounding.DOUBLE, Rounding.PSEUDO_STOCHASTIC)
_LOW, _HIGH = -(1 << 31), (1 << 31) - 1
_EXTREMES = (_LOW, _LOW + 1, -1, 0, 1, _HIGH - 1, _HIGH)


def requantize(room: Room) -> Requantize:
    """Either form. Raises NoRoomError."""
    if room.happens(0.5):
        return training.requantize(room)
    height, width, columns = sizes(room)
    groups = -(-columns // room.columns)
    parameters = room.parameters(groups)
    taken: list[Span] = [(parameters, parameters + groups * PARAMETER_BYTES * room.columns)]
    fields: Fields = {"residual": room.pick((Residual.NONE, Residual.ADD)), "add_shift": 1}
    images = []
    if fields["residual"]:
        images = [image(room, "residual", (height, width, columns))]
        multiplier_a, add_shift = factor(room.rng, 8)
        fields |= {"multiplier": multiplier_a, "multiplier_b": factor(room.rng, 8)[0], "add_shift": add_shift}
        fields |= images[0] | {"zero_b": room.code(), "add_zero": room.code()} | bounds(room, "add_")
    fields |= bounds(room) | table(room, taken)
    fields |= output(room, images, (height, width, columns), taken)
    return Requantize(
        accumulator=room.accumulator(groups * height * width),
        height=height,
        width=width,
        columns=columns,
        parameters=parameters,
        zero_point=room.code(),
        rounding=room.pick((Rounding.HALF_UP, Rounding.DOUBLE)),
        **fields,
    )


def elementwise(room: Room) -> Elementwise:
    """Raises NoRoomError."""
    size = sizes(room)
    function, taken = Function(room.upto(3, 0)), list[Span]()
    images = [image(room, "a", size)]
    if function != Function.RESCALE:
        images.append(images[0] if room.happens(0.1) else image(room, "b", size))
    fields: Fields = dict(zip(names("a"), images[0].values(), strict=True))
    if len(images) > 1:
        fields |= dict(zip(names("b"), images[1].values(), strict=True))
    multiplier, shift = factor(room.rng, 16 if function == Function.MULTIPLY else 8)
    fields |= bounds(room) | table(room, taken)
    return Elementwise(
        function=function,
        height=size[0],
        width=size[1],
        columns=size[2],
        zero_a=room.code(),
        zero_b=room.code(),
        multiplier_a=multiplier,
        multiplier_b=factor(room.rng, 8)[0],
        shift=shift,
        zero_point=room.code(),
        rounding=room.pick(_ROUNDINGS),
        code=room.upto(3, -1),
        **fields,
        **output(room, images, size, taken),
    )


def pool(room: Room) -> Pool:
    """Raises NoRoomError."""
    height, width, columns = sizes(room)
    height, width = min(height, 1 + room.reach), min(width, 2 + room.reach)
    rows, line, taken = room.upto(4 + room.reach), room.upto(4 + room.reach), list[Span]()
    window = image(room, "input", (rows, line, columns))
    multiplier, shift = factor(room.rng, 11)
    fields = bounds(room) | table(room, taken)
    return Pool(
        function=Pooling(room.upto(2, 0)),
        height=height,
        width=width,
        columns=columns,
        **window,
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
        rounding=room.pick(_ROUNDINGS),
        **fields,
        **apart(room, (height, width, columns), [span(window, (rows, line, columns)), *taken]),
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
