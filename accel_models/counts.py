"""What each command does, as counts: pure functions of its fields and the hardware that broadcast over NumPy arrays.

Energy is these counts times a table, traffic is their bytes. Field names are those of the commands; ``hw`` is anything
with the attributes of cost.Hardware. Accesses are counted in full-width words: scratchpad vectors of ``rows`` bytes
(two for a read that is not aligned to the vector, because two banks answer it), accumulator entries of ``columns``
sums, bus beats.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from accel_models import cost, systolic_counts
from accel_models.batch import Batch
from accel_models.commands import (
    COMMAND_BYTES,
    LIST_ENTRY_BYTES,
    TABLE_BYTES,
    WORD_BYTES,
    Command,
    Compare,
    Elementwise,
    End,
    Fill,
    Function,
    List,
    Load,
    LoadRegisters,
    Matrix,
    MatrixMode,
    Pool,
    Pooling,
    Range,
    Requantize,
    Residual,
    Scaling,
    SetRegister,
    Store,
    StoreRegisters,
    Sum,
    Update,
)
from accel_models.cost import ceil_div
from accel_models.memory import EXTERNAL_BASE, FLASH_BASE, SRAM_BASE
from accel_models.system import ArrayKind

Int64 = NDArray[np.int64]
SPACES = ("flash", "sram", "external")
_BASES = np.array([FLASH_BASE, SRAM_BASE, EXTERNAL_BASE])


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """int64 arrays of one length (a command or a row each), or scalars."""

    macs: Int64  # products of real operands, padding included
    array_steps: Int64  # cycles in which the array multiplies; idle lanes included, rows*columns products each
    pe_register_bytes: Int64  # written into the PEs' own registers: sums (outer), places in the chain (depthwise)
    # (systolic: into the transposer, and by sums on their way out)
    weight_vectors: Int64  # vectors written into the array's weight registers
    pad_reads: Int64  # scratchpad words read, all engines
    pad_writes: Int64
    accumulator_reads: Int64  # entries
    accumulator_writes: Int64
    multiplies: Int64  # 32-bit products of the vector engine
    adds: Int64  # 32-bit additions, subtractions and comparisons of the vector engine
    requantized: Int64  # int8 results that pass the requantizer (round, zero point, clamp)
    lookups: Int64  # bytes looked up in a 256-entry table
    sram_read_beats: Int64
    sram_write_beats: Int64
    sram_read_bytes: Int64
    sram_write_bytes: Int64
    flash_read_bytes: Int64
    external_read_bytes: Int64
    external_write_bytes: Int64
    command_bytes: Int64

    @classmethod
    def zeros(cls, length: int) -> Self:
        return cls(**{item.name: np.zeros(length, np.int64) for item in fields(cls)})

    def by_row(self, rows: NDArray[np.int32], length: int) -> "Counts":
        """Sums over the commands of each row; ``rows`` int32 [commands], exact in int64. Rows of -1 are left out."""
        inside = rows >= 0
        summed = {}
        for item in fields(self):
            total = np.zeros(length, np.int64)
            np.add.at(total, rows[inside], getattr(self, item.name)[inside])
            summed[item.name] = total
        return Counts(**summed)

    def total(self) -> dict[str, int]:
        return {item.name: int(np.sum(getattr(self, item.name))) for item in fields(self)}


def of_batches(found: Iterable[Batch], length: int, hw: Any) -> Counts:
    """Counts of every command of a program of ``length`` commands."""
    result = Counts.zeros(length)
    for batch in found:
        for name, value in of_command(batch.command, batch.fields, hw).items():
            getattr(result, name)[batch.index] = value
        result.command_bytes[batch.index] = COMMAND_BYTES
    return result


def of_command(command: type[Command], c: Any, hw: Any) -> dict[str, ArrayLike]:
    """The counts of one class that are not zero, by name."""
    return _OF[command](c, hw)


def _words(start: ArrayLike, strides: Iterable[ArrayLike], hw: Any) -> Int64:
    """Words that one vector read takes: 1 when start and strides keep vectors aligned, else 2."""
    aligned = np.asarray(start, np.int64) % hw.rows == 0
    for stride in strides:
        aligned = aligned & (np.asarray(stride, np.int64) % hw.rows == 0)
    return np.where(aligned, 1, 2).astype(np.int64)


def _matrix(c: Any, hw: Any) -> dict[str, ArrayLike]:
    mode = np.asarray(c.mode)
    kinds = [_dot(c, hw), _depthwise(c, hw), _outer(c, hw)]
    broadcast: dict[str, ArrayLike] = {
        name: np.where(
            mode == MatrixMode.DOT,
            kinds[0][name],
            np.where(mode == MatrixMode.DEPTHWISE, kinds[1][name], kinds[2][name]),
        )
        for name in kinds[0]
    }
    plain = np.asarray(hw.kind) == ArrayKind.BROADCAST
    if plain.all():
        return broadcast
    weight_words = _words(c.weight_address, (c.weight_row_stride,), hw)
    other = systolic_counts.matrix(c, hw, _input_words(c, hw), weight_words)
    return {name: np.where(plain, broadcast[name], other[name]) for name in broadcast}


def _input_words(c: Any, hw: Any) -> Int64:
    start = np.asarray(c.input_address, np.int64) + np.asarray(c.origin_x, np.int64) * c.input_pixel_stride
    steps = np.asarray(c.input_pixel_stride, np.int64) * c.stride_x
    tap = np.where(np.asarray(c.taps) > 1, c.tap_stride, 0)
    return _words(start, (steps, tap, c.input_row_stride, _plane_stride(c)), hw)


def _plane_stride(c: Any) -> ArrayLike:
    return np.where(np.asarray(c.planes) > 1, c.input_plane_stride, 0)


def _dot(c: Any, hw: Any) -> dict[str, ArrayLike]:
    pixels = cost.output_rows(c) * c.output_width
    chunks, groups = ceil_div(c.run_bytes, hw.rows), ceil_div(c.columns, hw.columns)
    repeats = np.asarray(c.kernel_height, np.int64) * c.taps
    steps = groups * repeats * chunks * pixels
    by_row, by_column = groups * repeats * c.run_bytes, repeats * chunks * np.asarray(c.columns, np.int64)
    vectors = np.where(np.asarray(c.transposed) == 1, by_column, by_row) * (pixels > 0)
    weight_words = _words(c.weight_address, (c.weight_row_stride,), hw)
    first = np.where(np.asarray(c.accumulate) == 1, 0, groups * pixels)  # the first pass writes without reading
    return {
        "macs": pixels * repeats * c.run_bytes * c.columns,
        "array_steps": steps,
        "pe_register_bytes": np.zeros_like(steps),
        "weight_vectors": vectors,
        "pad_reads": steps * _input_words(c, hw) + vectors * weight_words,
        "accumulator_reads": steps - first,
        "accumulator_writes": steps,
    }


def _depthwise(c: Any, hw: Any) -> dict[str, ArrayLike]:
    height, width = cost.output_rows(c), np.asarray(c.output_width, np.int64)
    groups, kernel = ceil_div(c.columns, hw.columns), np.asarray(c.kernel_height, np.int64)
    reads = groups * kernel * height * ((width - 1) * c.stride_x + c.taps)
    steps = groups * kernel * height * width
    vectors = groups * kernel * c.taps * (height > 0)
    first = np.where(np.asarray(c.accumulate) == 1, 0, groups * height * width)
    input_words = _words(c.input_address, (c.input_pixel_stride, c.input_row_stride, _plane_stride(c)), hw)
    return {
        "macs": height * width * kernel * c.taps * c.columns,
        "array_steps": steps,
        "pe_register_bytes": reads * hw.rows * hw.columns,  # every vector read moves the chain of a byte per PE
        "weight_vectors": vectors,
        "pad_reads": reads * input_words + vectors * _words(c.weight_address, (c.weight_row_stride,), hw),
        "accumulator_reads": steps - first,
        "accumulator_writes": steps,
    }


def _outer(c: Any, hw: Any) -> dict[str, ArrayLike]:
    pixels = cost.output_rows(c) * c.output_width
    chunks, groups = ceil_div(c.run_bytes, hw.rows), ceil_div(c.columns, hw.columns)
    repeats = np.asarray(c.kernel_height, np.int64) * c.taps
    steps = groups * repeats * chunks * pixels
    drained = groups * repeats * c.run_bytes * (pixels > 0)
    words = _input_words(c, hw) + _words(c.weight_address, (c.weight_row_stride,), hw)
    return {
        "macs": pixels * repeats * c.run_bytes * c.columns,
        "array_steps": steps,
        # Every step adds to the 32-bit sum of every PE; every row drained moves those of the whole array up.
        "pe_register_bytes": 4 * (steps + drained) * hw.rows * hw.columns,
        "weight_vectors": np.zeros_like(steps),
        "pad_reads": steps * words,
        "accumulator_reads": np.where(np.asarray(c.accumulate) == 1, drained, 0),
        "accumulator_writes": drained,
    }


def _table(c: Any, elements: Int64, hw: Any) -> tuple[Int64, Int64]:
    """(words read to load the table, lookups)."""
    used = np.asarray(c.table, np.int64)
    return used * ceil_div(TABLE_BYTES, hw.columns), used * elements


def _requantize(c: Any, hw: Any) -> dict[str, ArrayLike]:
    groups, pixels = ceil_div(c.columns, hw.columns), np.asarray(c.height, np.int64) * c.width
    elements, vectors = pixels * c.columns, pixels * groups
    kind, trained = np.asarray(c.residual), (np.asarray(c.scaling) != Scaling.BLOCK).astype(np.int64)
    residual, masked = (kind == Residual.ADD).astype(np.int64), (kind == Residual.MASK).astype(np.int64)
    ranged = (np.asarray(c.range) > 0).astype(np.int64)
    loads, lookups = _table(c, elements, hw)
    words = _words(c.residual_address, (c.residual_pixel_stride, c.residual_row_stride), hw)
    return {
        "pad_reads": groups * cost.parameter_words(c.scaling) + (residual + masked) * vectors * words + loads,
        "pad_writes": vectors,
        "accumulator_reads": vectors,
        "multiplies": elements * (1 + 2 * residual),
        # bias, zero point; residual: two zero points, sum, zero point; training: both bounds; the mask; the range
        "adds": elements * (2 + 4 * residual + 2 * trained + masked + ranged),
        "requantized": elements * (1 + residual),
        "lookups": lookups,
    }


def _elementwise(c: Any, hw: Any) -> dict[str, ArrayLike]:
    pixels = np.asarray(c.height, np.int64) * c.width
    elements, vectors = pixels * c.columns, ceil_div(c.columns, hw.columns) * pixels
    function = np.asarray(c.function)
    two = (function != Function.RESCALE).astype(np.int64)
    scales = (function != Function.SELECT).astype(np.int64)
    loads, lookups = _table(c, elements, hw)
    a_words = _words(c.a_address, (c.a_pixel_stride, c.a_row_stride), hw)
    b_words = _words(c.b_address, (c.b_pixel_stride, c.b_row_stride), hw)
    return {
        "pad_reads": vectors * (a_words + two * b_words) + loads,
        "pad_writes": vectors,
        # ADD: two factors; MULTIPLY: the product and its factor; RESCALE: one; SELECT: none
        "multiplies": elements * (1 + two) * scales,
        "adds": elements * np.where(scales, 2 + two + (function == Function.ADD), 1),  # zeros, the sum; or a compare
        "requantized": elements * scales,
        "lookups": lookups,
    }


def _pool(c: Any, hw: Any) -> dict[str, ArrayLike]:
    pixels, taps = np.asarray(c.height, np.int64) * c.width, np.asarray(c.kernel_height, np.int64) * c.kernel_width
    elements, vectors = pixels * c.columns, ceil_div(c.columns, hw.columns) * pixels
    average = (np.asarray(c.function) == Pooling.AVERAGE).astype(np.int64)
    loads, lookups = _table(c, elements, hw)
    words = _words(c.input_address, (c.input_pixel_stride, c.input_row_stride), hw)
    return {
        "pad_reads": vectors * taps * words + loads,
        "pad_writes": vectors,
        "multiplies": elements * average,
        "adds": elements * (taps + 2 * average),
        "requantized": elements * average,
        "lookups": lookups,
    }


def _sum(c: Any, hw: Any) -> dict[str, ArrayLike]:
    pixels, masked = np.asarray(c.height, np.int64) * c.width, np.asarray(c.masked, np.int64)
    elements, vectors = pixels * c.columns, ceil_div(c.columns, hw.columns) * pixels
    a, b, mask = (
        _words(address, strides, hw)
        for address, *strides in (
            (c.a_address, c.a_pixel_stride, c.a_row_stride),
            (c.b_address, c.b_pixel_stride, c.b_row_stride),
            (c.c_address, c.c_pixel_stride, c.c_row_stride),
        )
    )
    ranged = (np.asarray(c.range) > 0).astype(np.int64)
    return {
        "pad_reads": vectors * (a + b + masked * mask),
        "pad_writes": vectors,
        "multiplies": elements,
        "adds": elements * (3 + masked + ranged),  # the sum, both bounds, the mask, the range
        "requantized": elements,
    }


def _update(c: Any, hw: Any) -> dict[str, ArrayLike]:
    entries, wide = np.asarray(c.entries, np.int64), np.asarray(c.wide, np.int64)
    groups, elements = ceil_div(c.columns, hw.columns), entries * c.columns
    vectors = entries * groups
    # int16 masters of the last column group may fit one vector
    masters = entries * ceil_div(np.asarray(c.columns, np.int64) * (1 + wide), hw.columns)
    words = _words(c.master_address, (c.master_row_stride,), hw)
    return {
        "pad_reads": masters * words,
        "pad_writes": masters + wide * vectors,
        "accumulator_reads": vectors,
        "multiplies": elements,
        "adds": elements * (3 + wide),  # the master, both counts, the view's rounding
        "requantized": elements,
    }


def _load_registers(c: Any, hw: Any) -> dict[str, ArrayLike]:
    return {"pad_reads": np.asarray(c.count, np.int64) * _words(c.pad_address, (WORD_BYTES,), hw)}


def _store_registers(c: Any, hw: Any) -> dict[str, ArrayLike]:
    return {"pad_writes": np.asarray(c.count, np.int64)}


def _compare(c: Any, hw: Any) -> dict[str, ArrayLike]:
    pixels = np.asarray(c.planes, np.int64) * c.pixels
    elements, vectors = pixels * c.columns, pixels * ceil_div(c.columns, hw.columns)
    marked = np.where(elements > 0, c.planes, 0)
    a = _words(c.a_address, (c.a_pixel_stride, c.a_plane_stride), hw)
    b = _words(c.b_address, (c.b_pixel_stride, c.b_plane_stride), hw)
    return {
        "pad_reads": vectors * (a + b) + marked * _words(c.list_address, (LIST_ENTRY_BYTES,), hw),
        "pad_writes": marked,
        "adds": 2 * elements + marked,  # the difference, the larger one; the threshold
    }


def _list(c: Any, hw: Any) -> dict[str, ArrayLike]:
    rows, cells = np.asarray(c.rows, np.int64), np.asarray(c.rows, np.int64) * c.columns
    return {
        "pad_reads": rows * ceil_div(c.columns, hw.columns) * _words(c.mask_address, (c.mask_row_stride,), hw),
        "pad_writes": cells,
        "adds": 3 * cells + c.chunks,  # the threshold, the offset, the place; what is left of the total
    }


def _range(c: Any, hw: Any) -> dict[str, ArrayLike]:
    entries = np.asarray(c.entries, np.int64)
    return {"accumulator_reads": entries * ceil_div(c.columns, hw.columns), "adds": entries * c.columns}


def _nothing(c: Any, hw: Any) -> dict[str, ArrayLike]:
    return {}


def _fill(c: Any, hw: Any) -> dict[str, ArrayLike]:
    return {"pad_writes": ceil_div(c.row_bytes, hw.rows) * c.rows}


def payload_bytes(c: Any) -> Int64:
    """Bytes that a Load or Store moves."""
    return np.asarray(c.row_bytes, np.int64) * c.rows * c.planes


def space_of(c: Any) -> Int64:
    """Index into SPACES of the memory at the bus end of a transfer."""
    return np.searchsorted(_BASES, np.asarray(c.bus_address, np.int64), side="right").astype(np.int64) - 1


def _transfer(c: Any, hw: Any, direction: str) -> dict[str, ArrayLike]:
    amount, space, beats = payload_bytes(c), space_of(c), cost.beats(c, hw)
    vectors = ceil_div(c.row_bytes, hw.rows) * c.rows * c.planes
    entries = np.where((amount > 0) & (np.asarray(c.listed) == 1), c.planes, 0)  # of a row list, a word each
    found: dict[str, ArrayLike] = {
        "pad_writes": vectors if direction == "read" else np.zeros_like(vectors),
        "pad_reads": entries if direction == "read" else vectors + entries,
        f"sram_{direction}_bytes": np.where(space == 1, amount, 0),
        f"sram_{direction}_beats": np.where(space == 1, beats, 0),
        f"external_{direction}_bytes": np.where(space == 2, amount, 0),
    }
    if direction == "read":
        found["flash_read_bytes"] = np.where(space == 0, amount, 0)
    return found


def _load(c: Any, hw: Any) -> dict[str, ArrayLike]:
    return _transfer(c, hw, "read")


def _store(c: Any, hw: Any) -> dict[str, ArrayLike]:
    return _transfer(c, hw, "write")


_OF: dict[type[Command], Callable[[Any, Any], dict[str, ArrayLike]]] = {
    Load: _load,
    Store: _store,
    Fill: _fill,
    Matrix: _matrix,
    Requantize: _requantize,
    Elementwise: _elementwise,
    Pool: _pool,
    Range: _range,
    SetRegister: _nothing,
    LoadRegisters: _load_registers,
    StoreRegisters: _store_registers,
    Update: _update,
    Sum: _sum,
    Compare: _compare,
    List: _list,
    End: _nothing,
}
