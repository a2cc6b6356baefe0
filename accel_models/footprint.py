"""Which bytes a command reads and writes: the one definition that token insertion and the static checker share.

A footprint is a list of half-open intervals in a space. Strided accesses are covered by their bounding interval, which
can only add order, never lose it. A register operand counts as the largest value that the register can hold then, as
far as the commands before say. Spaces: ``bus`` (addresses), ``pad`` (scratchpad bytes), ``acc`` (entries), ``reg``.
"""

from collections.abc import Callable
from dataclasses import replace
from operator import attrgetter
from typing import Any, NamedTuple

from accel_models.commands import (
    COMMANDS,
    LIST_ENTRY_BYTES,
    TABLE_BYTES,
    WORD_BYTES,
    Command,
    Compare,
    Elementwise,
    Fill,
    Function,
    List,
    Load,
    LoadRegisters,
    Matrix,
    MatrixMode,
    Operand,
    Pool,
    Range,
    Register,
    Requantize,
    SetRegister,
    Store,
    StoreRegisters,
    Sum,
    Update,
    layout,
)
from accel_models.cost import parameter_words

PAD_END = 1 << 20  # no scratchpad is larger


class Interval(NamedTuple):
    space: str
    start: int
    stop: int
    write: bool


# Of each class, the fields that may be registers; the mask before them makes it a tuple always.
_MAY_BE_REGISTERS = {
    kind: attrgetter("wait", "signal", *(spec.name for spec in layout(kind) if spec.register)) for kind in COMMANDS
}


Largest = dict[int, int]  # value of each register of which one is known


def footprint(command: Command, columns: int, largest: Largest | None = None) -> list[Interval]:
    """Intervals that a command touches on an array of ``columns`` columns; ``largest``: see ``note_registers``."""
    found = [
        Interval("reg", value.index, value.index + 1, False)
        for value in _MAY_BE_REGISTERS[type(command)](command)
        if type(value) is Register
    ]
    if found and largest:
        command = _limited(command, largest)
    if type(command) in _OF:
        found += _OF[type(command)](command, columns)
    return [item for item in found if item.stop > item.start]


def note_registers(command: Command, columns: int, largest: Largest) -> None:
    """Change ``largest`` to what is true behind a command."""
    for item in footprint(command, columns):
        if item.space == "reg" and item.write:
            for index in range(item.start, item.stop):
                largest.pop(index, None)
    if isinstance(command, SetRegister):
        largest[command.destination] = max(command.value, 0)
    elif isinstance(command, List):
        cells = command.rows * command.columns
        for place in range(command.chunks):
            largest[command.destination + place] = min(max(cells - place * command.chunk, 0), command.chunk)


def _limited(command: Command, largest: Largest) -> Command:
    """Registers as the largest number that they may hold, where one is known."""
    found = {
        spec.name: min(largest[value.index], spec.high)
        for spec in layout(type(command))
        if spec.register
        and not spec.signed
        and isinstance(value := getattr(command, spec.name), Register)
        and value.index in largest
    }
    return replace(command, **found) if found else command


def _load(c: Load, columns: int) -> list[Interval]:
    return [_bus(c, False), _pad(c, True), *_list(c)]


def _store(c: Store, columns: int) -> list[Interval]:
    return [_pad(c, False), _bus(c, True), *_list(c)]


def _fill(c: Fill, columns: int) -> list[Interval]:
    return [_box("pad", c.pad_address, True, (_top(c, "rows"), c.pad_row_stride), (_top(c, "row_bytes"), 1))]


def _top(command: Command, name: str) -> int:
    """A field's value, or the largest it can hold when a register gives it."""
    value: Operand = getattr(command, name)
    if isinstance(value, Register):
        return next(spec.high for spec in layout(type(command)) if spec.name == name)
    return value


def _box(space: str, base: int, write: bool, *axes: tuple[int, int]) -> Interval:
    """Bounding interval of a strided block; axes are (count, stride), the innermost stride is 1."""
    stop = base + 1
    for count, stride in axes:
        if count == 0:
            return Interval(space, base, base, write)
        stop += (count - 1) * stride
    return Interval(space, base, stop, write)


def _bus(c: Load | Store, write: bool) -> Interval:
    """Of a listed transfer up to where the largest offset allowed reaches."""
    planes = (2, c.bus_plane_stride) if c.listed and _top(c, "planes") else (_top(c, "planes"), c.bus_plane_stride)
    axes = (planes, (_top(c, "rows"), c.bus_row_stride), (_top(c, "row_bytes"), 1))
    return _box("bus", c.bus_address, write, *axes)


def _pad(c: Load | Store, write: bool) -> Interval:
    axes = ((_top(c, "planes"), c.pad_plane_stride), (_top(c, "rows"), c.pad_row_stride), (_top(c, "row_bytes"), 1))
    return _box("pad", c.pad_address, write, *axes)


def _list(c: Load | Store) -> list[Interval]:
    return [_box("pad", c.list_address, False, (_top(c, "planes") * LIST_ENTRY_BYTES, 1))] if c.listed else []


def _image(base: int, rows: int, row_stride: int, width_bytes: int, write: bool) -> Interval:
    return _box("pad", base, write, (max(rows, 0), row_stride), (max(width_bytes, 0), 1))


def _matrix(c: Matrix, columns: int) -> list[Interval]:
    height = _top(c, "output_height")
    planes = _top(c, "planes")
    pixels = planes * height * c.output_width
    groups = -(-c.columns // columns)
    first = max(c.origin_y, 0)
    last = min(c.origin_y + (height - 1) * c.stride_y + (c.kernel_height - 1) * c.dilation_y, c.input_height - 1)
    # Channels of a group start inside a pixel, so the last pixel of a row ends one run after its start, where taps are
    # whole pixels apart.
    pixel = c.input_pixel_stride
    whole = pixel == 0 or c.tap_stride % pixel == 0
    run = c.columns if c.mode == MatrixMode.DEPTHWISE else min(c.run_bytes, pixel) if whole else pixel
    row_bytes = (c.input_width - 1) * pixel + run
    axes = (planes, c.input_plane_stride), (max(last - first + 1, 0), c.input_row_stride), (max(row_bytes, 0), 1)
    read = _box("pad", c.input_address + first * c.input_row_stride, False, *axes)
    contraction = c.kernel_height * c.taps * (1 if c.mode == MatrixMode.DEPTHWISE else c.run_bytes)
    if c.mode == MatrixMode.OUTER:
        weights = _box("pad", c.weight_address, False, (pixels, c.weight_row_stride), (c.columns, 1))
        entries = groups * contraction
    else:
        outer, inner = (c.columns, contraction) if c.transposed else (contraction, c.columns)
        weights = _box("pad", c.weight_address, False, (outer, c.weight_row_stride), (inner, 1))
        entries = groups * pixels
    sums = Interval("acc", c.accumulator, c.accumulator + entries, True)
    return [read, weights, sums]


def _requantize(c: Requantize, columns: int) -> list[Interval]:
    height, groups = _top(c, "height"), -(-c.columns // columns)

    def image(address: int, row_stride: int, pixel_stride: int, write: bool) -> Interval:
        return _box("pad", address, write, (height, row_stride), (c.width, pixel_stride), (c.columns, 1))

    found = [
        Interval("acc", c.accumulator, c.accumulator + groups * height * c.width, False),
        Interval("pad", c.parameters, c.parameters + groups * int(parameter_words(c.scaling)) * columns, False),
        image(c.output_address, c.output_row_stride, c.output_pixel_stride, True),
    ]
    if c.residual:
        found.append(image(c.residual_address, c.residual_row_stride, c.residual_pixel_stride, False))
    return found + _found_range(c) + _table(c)


def _elementwise(c: Elementwise, columns: int) -> list[Interval]:
    height = _top(c, "height")

    def image(address: int, row_stride: int, pixel_stride: int, write: bool) -> Interval:
        return _box("pad", address, write, (height, row_stride), (c.width, pixel_stride), (c.columns, 1))

    found = [
        image(c.a_address, c.a_row_stride, c.a_pixel_stride, False),
        image(c.output_address, c.output_row_stride, c.output_pixel_stride, True),
    ]
    if c.function != Function.RESCALE:
        found.append(image(c.b_address, c.b_row_stride, c.b_pixel_stride, False))
    return found + _table(c)


def _sum(c: Sum, columns: int) -> list[Interval]:
    height = _top(c, "height")
    found = []
    for name in ("a", "b", "c", "output"):
        base, row, pixel = (getattr(c, f"{name}_{part}") for part in ("address", "row_stride", "pixel_stride"))
        if name != "c" or c.masked:
            found.append(_box("pad", base, name == "output", (height, row), (c.width, pixel), (c.columns, 1)))
    return found + _found_range(c)


def _update(c: Update, columns: int) -> list[Interval]:
    rows, groups = _top(c, "entries"), -(-c.columns // columns)
    if rows * groups == 0:
        return []
    axes = (rows, c.master_row_stride), (c.columns * (1 + c.wide), 1)
    found = [
        Interval("acc", c.accumulator, c.accumulator + groups * rows, False),
        Interval("reg", c.destination, c.destination + 2, True),
        _box("pad", c.master_address, False, *axes),
        _box("pad", c.master_address, True, *axes),
    ]
    if c.wide:
        found.append(_box("pad", c.output_address, True, (rows, c.output_row_stride), (c.columns, 1)))
    return found


def _compare(c: Compare, columns: int) -> list[Interval]:
    """Marks may lie anywhere behind ``output_address``."""
    planes = _top(c, "planes")
    if planes * c.pixels * c.columns == 0:
        return []
    sides = (c.a_address, c.a_plane_stride, c.a_pixel_stride), (c.b_address, c.b_plane_stride, c.b_pixel_stride)
    axes = (planes, c.pixels, c.columns)
    found = [_box("pad", base, False, (axes[0], plane), (axes[1], pixel), (axes[2], 1)) for base, plane, pixel in sides]
    found.append(_box("pad", c.list_address, False, (planes * LIST_ENTRY_BYTES, 1)))
    return [*found, Interval("pad", c.output_address, PAD_END, True)]


def _list_cells(c: List, columns: int) -> list[Interval]:
    return [
        _box("pad", c.mask_address, False, (c.rows, c.mask_row_stride), (c.columns, 1)),
        _box("pad", c.output_address, True, (c.rows * c.columns * LIST_ENTRY_BYTES, 1)),
        Interval("reg", c.destination, c.destination + c.chunks, True),
    ]


def _found_range(c: Requantize | Sum) -> list[Interval]:
    return [Interval("reg", c.destination, c.destination + 1, True)] if c.range else []


def _pool(c: Pool, columns: int) -> list[Interval]:
    height = _top(c, "height")
    first = max(c.origin_y, 0)
    last = min(c.origin_y + (height - 1) * c.stride_y + c.kernel_height - 1, c.input_height - 1)
    row_bytes = (c.input_width - 1) * c.input_pixel_stride + c.columns
    read = _image(c.input_address + first * c.input_row_stride, last - first + 1, c.input_row_stride, row_bytes, False)
    axes = ((height, c.output_row_stride), (c.width, c.output_pixel_stride), (c.columns, 1))
    return [read, _box("pad", c.output_address, True, *axes), *_table(c)]


def _table(c: Requantize | Elementwise | Pool) -> list[Interval]:
    return [Interval("pad", c.table_address, c.table_address + TABLE_BYTES, False)] if c.table else []


def _range(c: Range, columns: int) -> list[Interval]:
    entries = _top(c, "entries") * -(-c.columns // columns)
    return [Interval("acc", c.accumulator, c.accumulator + entries, False), *_set_register(c, columns)]


def _registers(c: LoadRegisters | StoreRegisters, loads: bool) -> list[Interval]:
    words = _box("pad", c.pad_address, not loads, (WORD_BYTES * c.count, 1))
    return [Interval("reg", c.register, c.register + c.count, loads), words]


def _load_registers(c: LoadRegisters, columns: int) -> list[Interval]:
    return _registers(c, True)


def _store_registers(c: StoreRegisters, columns: int) -> list[Interval]:
    return _registers(c, False)


def _set_register(c: Range | SetRegister, columns: int) -> list[Interval]:
    return [Interval("reg", c.destination, c.destination + 1, True)]


_OF: dict[type[Command], Callable[[Any, int], list[Interval]]] = {
    Load: _load,
    Store: _store,
    Fill: _fill,
    Matrix: _matrix,
    Requantize: _requantize,
    Elementwise: _elementwise,
    Pool: _pool,
    Range: _range,
    SetRegister: _set_register,
    LoadRegisters: _load_registers,
    StoreRegisters: _store_registers,
    Update: _update,
    Sum: _sum,
    Compare: _compare,
    List: _list_cells,
}
