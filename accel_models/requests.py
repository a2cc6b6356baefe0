"""What each command asks of the scratchpad, request by request in order, as masks of banks (banks.py).

One function per class; fields are ints, registers resolved. The orders are those of golden.streams and of the walks in
the RTL; when a request is made is said in replay.py. Most commands of a program are tiles of one shape at other places:
what computes is looked at for all commands of a shape at once, its PLACES an array [commands], broadcast over the axes
of the shape.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accel_models.banks import BankMap, Masks
from accel_models.commands import (
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
    Pool,
    Requantize,
    Store,
    StoreRegisters,
    Sum,
    Update,
    layout,
)
from accel_models.cost import matrix_drain, parameter_words, update_steps
from accel_models.system import ArrayKind

Int64 = NDArray[np.int64]
PAGE_BYTES = 4096  # no AXI4 burst crosses a multiple of it (AMBA AXI protocol, A3.4.1)


@dataclass(frozen=True, slots=True, kw_only=True)
class MatrixRequests:
    """``activations``: a mask per operand slot, ``slots`` of them in each tile; ``weights``: a mask per vector.

    ``loads``: weight vectors of each tile; ``drains``: rows that each tile drains, OUTER only, where weights are the
    second operand of every slot. ``drain``: cycles from the last slot to the end of the command (cost.matrix_drain).
    """

    activations: Masks
    weights: Masks
    slots: int
    loads: tuple[int, ...]
    drains: tuple[int, ...]
    drain: int


@dataclass(frozen=True, slots=True)
class VectorRequests:
    """``reads``: a mask per word or step, 0 where it reads nothing; ``writes``: a mask per result, which the step
    ``emits`` [results] gives."""

    reads: Masks
    emits: Int64
    writes: Masks


@dataclass(frozen=True, slots=True)
class BeatRequests:
    """Beats of a transfer or vectors of a fill. ``joined`` [beats]: mask of a beat together with the next one, 0 where
    they cannot be one access. ``lists``: masks of the entries of its row list, none without one."""

    masks: Masks
    joined: Masks
    lists: Masks = field(default_factory=lambda: np.zeros(0, np.uint64))


Requests = MatrixRequests | VectorRequests | BeatRequests


# Fields that only say where a command of some shape reads and writes, and those that its requests do not depend on.
PLACES: dict[type[Command], tuple[str, ...]] = {
    Matrix: ("input_address", "input_height", "origin_y", "origin_x", "weight_address"),
    Requantize: ("parameters", "output_address", "residual_address", "table_address"),
    Elementwise: ("a_address", "b_address", "output_address", "table_address"),
    Pool: ("input_address", "input_height", "origin_y", "origin_x", "output_address", "table_address"),
    Sum: ("a_address", "b_address", "c_address", "output_address"),
    Update: ("master_address", "output_address"),
}
ELSEWHERE = ("wait", "signal", "accumulator", "accumulate")
_AXES = 6  # of a shape at most


def requests_of(
    command: type[Command], fields: Any, hw: Any, banks: BankMap, offsets: Int64 | None = None
) -> Requests | None:
    """The requests of a command; None where it makes none. ``hw``: cost.Hardware; ``offsets``: of batch.Batch.lists."""
    if command in PLACES:
        places = {name: np.array([getattr(fields, name)]) for name in PLACES[command]}
        return requests_at(command, fields, places, hw, banks)[0]
    if command in _BY_DATA:
        return _BY_DATA[command](fields, hw, banks, np.zeros(0, np.int64) if offsets is None else offsets)
    of = _OF.get(command)
    return of(fields, hw, banks) if of is not None else None


def requests_at(
    command: type[Command], shape: Any, places: Mapping[str, Int64], hw: Any, banks: BankMap
) -> Sequence[Requests | None]:
    """The requests of the commands of one shape; ``places``: their PLACES, [commands]."""
    count = len(next(iter(places.values())))
    arrays = {name: column.reshape(count, *(1,) * _AXES) for name, column in places.items()}
    found = _AT[command](SimpleNamespace(**_fields(command, shape) | arrays), hw, banks)
    return found or [None] * count


def _fields(command: type[Command], shape: Any) -> dict[str, Any]:
    return {spec.name: getattr(shape, spec.name) for spec in layout(command) if spec.name not in PLACES[command]}


def _rows(found: NDArray[Any]) -> NDArray[Any]:
    """[commands, ...] as [commands, requests]."""
    return found.reshape(len(found), math.prod(found.shape[1:]))


def _axes(*lengths: int) -> list[Int64]:
    """The index along each axis, shaped to broadcast: np.ogrid in half of its time."""
    inner = len(lengths) - 1
    return [np.arange(length).reshape(length, *(1,) * (inner - axis)) for axis, length in enumerate(lengths)]


def _groups(columns: int, width: int) -> Int64:
    """Lanes of each column group."""
    starts = np.arange(0, columns, width)
    return np.minimum(width, columns - starts)


def _matrix(c: Any, hw: Any, banks: BankMap) -> list[MatrixRequests] | None:
    """None also where a systolic array reads in another order than the broadcast one: that is not modelled."""
    if hw.kind != ArrayKind.BROADCAST and (hw.kind, c.mode) != (ArrayKind.WEIGHT_STATIONARY, MatrixMode.DOT):
        return None
    depthwise, outer = c.mode == MatrixMode.DEPTHWISE, c.mode == MatrixMode.OUTER
    run = 1 if depthwise else c.run_bytes
    if 0 in (c.planes, c.output_height, c.output_width, c.kernel_height, c.taps, run, c.columns):
        return None
    lanes = _groups(c.columns, hw.columns)
    chunks = _groups(run, hw.rows)  # bytes of each chunk
    repeats = c.kernel_height * (1 if depthwise else c.taps)
    tile_rows = np.tile(chunks, len(lanes) * repeats)
    activations = _pixels(c, hw, banks, lanes) if depthwise else _patches(c, hw, banks, chunks, len(lanes))
    per_tile = len(lanes) * repeats * len(chunks)
    if depthwise:
        loads = [c.taps] * per_tile
    elif outer:
        loads = []
    else:
        loads = np.repeat(lanes, repeats * len(chunks)).tolist() if c.transposed else tile_rows.tolist()
    alike = {
        "slots": activations.shape[1] // per_tile,
        "loads": tuple(loads),
        "drains": tuple(tile_rows.tolist()) if outer else (),
        "drain": int(matrix_drain(hw)),
    }
    weights = _weights(c, hw, banks, lanes, chunks, repeats)
    return [MatrixRequests(activations=a, weights=w, **alike) for a, w in zip(activations, weights, strict=True)]


def _inside(c: Any, banks: BankMap, plane: Int64, y: Int64, offset: Int64, lanes: Int64) -> Masks:
    """Masks of vectors at byte ``offset`` of input row ``y`` of a plane: the lanes inside the image are read."""
    first = np.maximum(offset, 0)
    count = np.minimum(c.input_width * c.input_pixel_stride, offset + lanes) - first
    row = plane * c.input_plane_stride + y * c.input_row_stride
    masks = banks.masks(row + (c.input_address + first), count)
    return _rows(np.where((y >= 0) & (y < c.input_height), masks, 0))


def _patches(c: Any, hw: Any, banks: BankMap, chunks: Int64, groups: int) -> Masks:
    """DOT and OUTER: [kernel row, tap, chunk, plane, output row, output column], again for every column group."""
    sizes = c.kernel_height, c.taps, len(chunks), c.planes, c.output_height, c.output_width
    ky, tap, chunk, plane, oy, ox = _axes(*sizes)
    y = oy * c.stride_y + c.origin_y + ky * c.dilation_y
    offset = (ox * c.stride_x + c.origin_x) * c.input_pixel_stride + tap * c.tap_stride + chunk * hw.rows
    return np.tile(_inside(c, banks, plane, y, offset, chunks[chunk]), (1, groups))


def _pixels(c: Any, hw: Any, banks: BankMap, lanes: Int64) -> Masks:
    """DEPTHWISE: [column group, kernel row, plane, output row, input pixel]."""
    line = (c.output_width - 1) * c.stride_x + c.taps
    group, ky, plane, oy, x = _axes(len(lanes), c.kernel_height, c.planes, c.output_height, line)
    y = oy * c.stride_y + c.origin_y + ky * c.dilation_y
    offset = (x + c.origin_x) * c.input_pixel_stride + group * hw.columns
    return _inside(c, banks, plane, y, offset, lanes[group])


def _weights(c: Any, hw: Any, banks: BankMap, lanes: Int64, chunks: Int64, repeats: int) -> Masks:
    stride = c.weight_row_stride
    if c.mode == MatrixMode.OUTER:  # [group, kernel row and tap, chunk, pixel]
        pixels = np.arange(c.planes * c.output_height * c.output_width)
        group = np.arange(len(lanes))[:, None]
        masks = banks.masks(c.weight_address + pixels * stride + group * hw.columns, lanes[:, None])
        return _rows(np.tile(masks[..., None, :], (repeats * len(chunks), 1)))
    if c.mode == MatrixMode.DOT and c.transposed:  # [group, kernel row and tap, chunk, column]
        first = np.arange(repeats)[:, None] * c.run_bytes + np.arange(len(chunks)) * hw.rows
        found = [
            _rows(
                banks.masks(
                    c.weight_address + (group * hw.columns + np.arange(lanes[group])) * stride + first[..., None],
                    chunks[None, :, None],
                )
            )
            for group in range(len(lanes))
        ]
        return np.concatenate(found, axis=1)
    depth = c.kernel_height * c.taps * (1 if c.mode == MatrixMode.DEPTHWISE else c.run_bytes)
    k, group = np.arange(depth), np.arange(len(lanes))[:, None]
    return _rows(banks.masks(c.weight_address + k * stride + group * hw.columns, lanes[:, None]))


def _table(c: Any, hw: Any, banks: BankMap) -> Masks:
    """Words of a table, which a command reads first."""
    start = np.arange(0, TABLE_BYTES if c.table else 0, hw.columns)
    return _rows(banks.masks(c.table_address + start, np.minimum(hw.columns, TABLE_BYTES - start)))


def _image(banks: BankMap, hw: Any, c: Any, base: Int64, row_stride: int, pixel_stride: int) -> Masks:
    """[command, column group, pixel] of an image of the command's size."""
    lanes = _groups(c.columns, hw.columns)
    group, y, x = _axes(len(lanes), c.height, c.width)
    address = base + group * hw.columns + y * row_stride + x * pixel_stride
    return banks.masks(address, lanes[group]).reshape(-1, len(lanes), c.height * c.width)


def _output(c: Any, hw: Any, banks: BankMap) -> Masks:
    return _image(banks, hw, c, c.output_address, c.output_row_stride, c.output_pixel_stride)


def _vector(head: Masks, words: Masks, steps: Masks, writes: Masks) -> list[VectorRequests]:
    """``words`` [command, column group, word] are read before the ``steps`` [command, column group, pixel, tap]; the
    last tap emits."""
    commands, groups, pixels, taps = steps.shape
    body = np.concatenate([words, steps.reshape(commands, groups, pixels * taps)], axis=2)
    group, pixel = _axes(groups, pixels)
    emits = head.shape[1] + group * body.shape[2] + words.shape[2] + (pixel + 1) * taps - 1
    reads = np.concatenate([head, _rows(body)], axis=1)
    return [VectorRequests(r, emits.ravel(), w) for r, w in zip(reads, _rows(writes), strict=True)]


def _requantize(c: Any, hw: Any, banks: BankMap) -> list[VectorRequests] | None:
    if 0 in (c.height, c.width, c.columns):
        return None
    writes = _output(c, hw, banks)
    steps = np.zeros_like(writes)
    if c.residual:
        steps = _image(banks, hw, c, c.residual_address, c.residual_row_stride, c.residual_pixel_stride)
    each = int(parameter_words(c.scaling))
    group, word = _axes(steps.shape[1], each)
    words = banks.masks(c.parameters + (group * each + word) * hw.columns, hw.columns)
    return _vector(_table(c, hw, banks), words.reshape(len(words), group.size, each), steps[..., None], writes)


def _elementwise(c: Any, hw: Any, banks: BankMap) -> list[VectorRequests] | None:
    if 0 in (c.height, c.width, c.columns):
        return None
    operands = [_image(banks, hw, c, c.a_address, c.a_row_stride, c.a_pixel_stride)]
    if c.function != Function.RESCALE:
        operands.append(_image(banks, hw, c, c.b_address, c.b_row_stride, c.b_pixel_stride))
    steps = np.stack(operands, axis=-1)
    return _vector(_table(c, hw, banks), steps[..., :0, 0], steps, _output(c, hw, banks))


def _sum(c: Any, hw: Any, banks: BankMap) -> list[VectorRequests] | None:
    if 0 in (c.height, c.width, c.columns):
        return None
    operands = [
        _image(banks, hw, c, c.a_address, c.a_row_stride, c.a_pixel_stride),
        _image(banks, hw, c, c.b_address, c.b_row_stride, c.b_pixel_stride),
    ]
    if c.masked:
        operands.append(_image(banks, hw, c, c.c_address, c.c_row_stride, c.c_pixel_stride))
    steps = np.stack(operands, axis=-1)
    return _vector(steps[:, 0, :0, 0], steps[..., :0, 0], steps, _output(c, hw, banks))


def _update(c: Any, hw: Any, banks: BankMap) -> list[VectorRequests] | None:
    """Steps [column group, row, step]; of int16 masters the last three of four write: low half, high half, view."""
    if 0 in (c.entries, c.columns):
        return None
    lanes, size = _groups(c.columns, hw.columns), 1 + int(c.wide)
    group, row, half = _axes(len(lanes), c.entries, size)
    start = group * hw.columns * size + half * hw.columns
    count = np.clip(lanes[group] * size - half * hw.columns, 0, hw.columns)
    masters = banks.masks(c.master_address + row * c.master_row_stride + start, count)
    masters = masters.reshape(-1, len(lanes), c.entries, size)
    if not c.wide:
        return _vector(masters[:, 0, :0, 0], masters[..., :0, 0], masters, masters)
    view = banks.masks(c.output_address + row * c.output_row_stride + group * hw.columns, lanes[group])
    idle = np.zeros((*masters.shape[:3], int(update_steps(1)) - 2), np.uint64)
    steps = np.concatenate([masters, idle], axis=-1)
    writes = np.concatenate([masters, view.reshape(*masters.shape[:3], 1)], axis=-1)
    first = np.arange(len(lanes) * c.entries)[:, None] * steps.shape[-1]
    emits = (first + np.arange(1, steps.shape[-1])).ravel()
    return [VectorRequests(r, emits, w) for r, w in zip(_rows(steps), _rows(writes), strict=True)]


def _registers(c: Any, hw: Any, banks: BankMap, loads: bool) -> VectorRequests | None:
    if c.count == 0:
        return None
    words = banks.masks(c.pad_address + WORD_BYTES * np.arange(c.count), WORD_BYTES)
    none = np.zeros_like(words)
    return VectorRequests(words if loads else none, np.arange(c.count), none if loads else words)


def _load_registers(c: Any, hw: Any, banks: BankMap) -> VectorRequests | None:
    return _registers(c, hw, banks, True)


def _store_registers(c: Any, hw: Any, banks: BankMap) -> VectorRequests | None:
    return _registers(c, hw, banks, False)


def _compare(c: Any, hw: Any, banks: BankMap, offsets: Int64) -> VectorRequests | None:
    """Steps [patch, (entry of the list, then pixel, column group, operand)]; the last of a patch writes its mark."""
    if 0 in (c.planes, c.pixels, c.columns):
        return None
    lanes = _groups(c.columns, hw.columns)
    plane, pixel, group = _axes(c.planes, c.pixels, len(lanes))
    start = group * hw.columns
    a = banks.masks(c.a_address + plane * c.a_plane_stride + pixel * c.a_pixel_stride + start, lanes[group])
    b = banks.masks(c.b_address + plane * c.b_plane_stride + pixel * c.b_pixel_stride + start, lanes[group])
    entries = banks.masks(c.list_address + LIST_ENTRY_BYTES * np.arange(c.planes), LIST_ENTRY_BYTES)
    reads = np.concatenate([entries[:, None], _rows(np.stack([a, b], axis=-1))], axis=1)
    emits = (np.arange(c.planes) + 1) * reads.shape[1] - 1
    return VectorRequests(reads.ravel(), emits, banks.masks(c.output_address + offsets, 1))


def _list(c: Any, hw: Any, banks: BankMap, offsets: Int64) -> VectorRequests | None:
    """Steps [row, (for each vector of the mask its read, then its cells)], then registers; cells and registers end in
    the writer, registers without a write."""
    row = [step for lanes in _groups(c.columns, hw.columns).tolist() for step in (lanes, *[0] * lanes)]
    cells, start = np.array(row, np.int64) == 0, np.zeros(len(row), np.int64)
    start[~cells] = np.arange(int((~cells).sum())) * hw.columns
    y = np.arange(c.rows)[:, None]
    reads = banks.masks(c.mask_address + y * c.mask_row_stride + start, np.array(row, np.int64)).ravel()
    reads = np.concatenate([reads, np.zeros(c.chunks, np.uint64)])
    if len(reads) == 0:
        return None
    emits = np.flatnonzero(np.concatenate([np.tile(cells, c.rows), np.ones(c.chunks, bool)]))
    writes = banks.masks(c.output_address + offsets, LIST_ENTRY_BYTES)
    return VectorRequests(reads, emits, np.concatenate([writes, np.zeros(c.chunks, np.uint64)]))


def _pool(c: Any, hw: Any, banks: BankMap) -> list[VectorRequests] | None:
    if 0 in (c.height, c.width, c.columns, c.kernel_height, c.kernel_width):
        return None
    lanes = _groups(c.columns, hw.columns)
    group, oy, ox, ky, kx = _axes(len(lanes), c.height, c.width, c.kernel_height, c.kernel_width)
    y, x = oy * c.stride_y + c.origin_y + ky, ox * c.stride_x + c.origin_x + kx
    inside = (y >= 0) & (y < c.input_height) & (x >= 0) & (x < c.input_width)
    address = c.input_address + y * c.input_row_stride + x * c.input_pixel_stride + group * hw.columns
    steps = banks.masks(address, np.where(inside, lanes[group], 0))
    steps = steps.reshape(-1, len(lanes), c.height * c.width, ky.size * kx.size)
    return _vector(_table(c, hw, banks), steps[..., :0, 0], steps, _output(c, hw, banks))


def burst_sizes(c: Any, hw: Any, offsets: Int64 | None = None) -> list[list[int]]:
    """Beats of each burst of a transfer, in order: at most ``max_burst_beats`` each, none across PAGE_BYTES.

    By plane, of a listed transfer, whose ``offsets`` [planes] have to be known; otherwise all in one.
    """
    planes = _run_addresses(c, offsets).tolist()
    if not c.listed:
        planes = [[address for rows in planes for address in rows]]
    return [[size for address in rows for size in _run_bursts(address, c.row_bytes, hw)] for rows in planes]


def _run_bursts(address: int, row_bytes: int, hw: Any) -> Sequence[int]:
    beat, stop = address // hw.bus_bytes, -(-(address + row_bytes) // hw.bus_bytes)
    page = PAGE_BYTES // hw.bus_bytes
    found = []
    while beat < stop:
        found.append(min(stop - beat, hw.max_burst_beats, page - beat % page))
        beat += found[-1]
    return found


def _run_addresses(c: Any, offsets: Int64 | None = None) -> Int64:
    """Bus address of every run of a transfer, [planes, rows]; of a listed one without ``offsets`` modulo the bus."""
    plane, row = _axes(c.planes, c.rows)
    start = plane * (0 if c.listed else c.bus_plane_stride) if offsets is None else np.asarray(offsets)[:, None]
    return np.asarray(c.bus_address + row * c.bus_row_stride + start, np.int64)


def _transfer(c: Any, hw: Any, banks: BankMap) -> BeatRequests | None:
    if 0 in (c.row_bytes, c.rows, c.planes):
        return None
    plane, row = _axes(c.planes, c.rows)
    bus = _run_addresses(c).ravel() % hw.bus_bytes
    pad = (c.pad_address + row * c.pad_row_stride + plane * c.pad_plane_stride).ravel()
    beats = -(-(bus + c.row_bytes) // hw.bus_bytes)
    run = np.repeat(np.arange(len(beats)), beats)
    index = np.arange(len(run)) - np.repeat(np.cumsum(beats) - beats, beats)
    first = np.maximum(index * hw.bus_bytes - bus[run], 0)  # byte of the run
    stop = np.minimum((index + 1) * hw.bus_bytes - bus[run], c.row_bytes)
    found = _beats(pad[run] + first, stop - first, hw, banks)
    if not c.listed:
        return found
    entries = c.list_address + LIST_ENTRY_BYTES * np.arange(c.planes)
    return replace(found, lists=banks.masks(entries, LIST_ENTRY_BYTES))


def _beats(address: Int64, count: Int64, hw: Any, banks: BankMap) -> BeatRequests:
    masks, joined = banks.masks(address, count), np.zeros(len(address), np.uint64)
    if 2 * hw.bus_bytes <= banks.word_bytes and len(address) > 1:
        touching = address[1:] == address[:-1] + count[:-1]
        joined[:-1] = np.where(touching, masks[:-1] | masks[1:], 0)  # two words at most, as each of them
    return BeatRequests(masks, joined)


def _fill(c: Any, hw: Any, banks: BankMap) -> BeatRequests | None:
    if 0 in (c.row_bytes, c.rows):
        return None
    row, start = np.arange(c.rows)[:, None], np.arange(0, c.row_bytes, hw.rows)
    count = np.minimum(hw.rows, c.row_bytes - start)
    masks = banks.masks(c.pad_address + row * c.pad_row_stride + start, count).ravel()
    return BeatRequests(masks, np.zeros_like(masks))


_OF: dict[type[Command], Callable[[Any, Any, BankMap], Requests | None]] = {
    Load: _transfer,
    Store: _transfer,
    Fill: _fill,
    LoadRegisters: _load_registers,
    StoreRegisters: _store_registers,
}
_BY_DATA: dict[type[Command], Callable[[Any, Any, BankMap, Int64], Requests | None]] = {
    Compare: _compare,
    List: _list,
}
_AT: dict[type[Command], Callable[[Any, Any, BankMap], Sequence[Requests] | None]] = {
    Matrix: _matrix,
    Requantize: _requantize,
    Elementwise: _elementwise,
    Pool: _pool,
    Update: _update,
    Sum: _sum,
}
