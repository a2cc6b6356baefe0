"""Cycles of every command: pure functions of its fields and the system that broadcast over NumPy arrays.

The only definition of cost: the event machine calls these for one command, screening for arrays of them, the RTL is
held to them. What systolic arrays do differently is in systolic.py, which nothing else calls. A field may be an int or
an array; ``hw`` is any object with the attributes of Hardware, scalars or arrays.
All results are int64 cycles of the accelerator's clock, from the cycle a command starts until its engine can start the
next one and its effects are visible.
"""

from dataclasses import dataclass
from itertools import product
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from accel_models import systolic
from accel_models.arithmetic import ceil_div
from accel_models.commands import BIAS_BYTES, PARAMETER_BYTES, TABLE_BYTES, WORD_BYTES, Function, MatrixMode, Scaling
from accel_models.system import Accelerator, ArrayKind, Bus

Cycles = NDArray[np.int64]

# Pipeline constants, in cycles. The RTL blocks state the same numbers in their headers; tests hold both to each other.
MATRIX_START = 3  # decode, address generator, first scratchpad word
MATRIX_DRAIN = 4  # operand register, product, column sum, accumulator write
ACCUMULATE_LATENCY = systolic.ACCUMULATE_LATENCY  # the same accumulator entry may be updated again after this many
VECTOR_START = 2  # decode, first address
VECTOR_DRAIN = 7  # bias, product, shift, products of the add, its shift, table, write
UPDATE_STEPS_WIDE = 4  # of a vector of int16 masters
COMMAND_FETCH_START = 0  # from the start of a segment to the first address on the bus
COMMAND_FETCH_AHEAD = 4  # commands that are fetched before the dispatcher takes them
DISPATCH = 1  # from the dispatcher to the earliest start of an engine
REGISTER_READ = 1  # per field that names a register, before the command starts
SEGMENT_END = 1  # from the end of the last command to the interrupt


@dataclass(frozen=True, slots=True)
class Hardware:
    """What cost depends on, in the accelerator's clock. Build it from a system, or with arrays for screening."""

    rows: Any
    columns: Any
    bus_bytes: Any
    dma_setup_cycles: Any
    max_burst_beats: Any
    kind: Any = ArrayKind.BROADCAST  # codes of system.ArrayKind

    @classmethod
    def of(cls, accelerator: Accelerator, bus: Bus) -> Self:
        return cls(
            rows=accelerator.array.rows,
            columns=accelerator.array.columns,
            bus_bytes=bus.bytes_per_cycle,
            dma_setup_cycles=accelerator.dma.setup_cycles,
            max_burst_beats=accelerator.dma.max_burst_beats,
            kind=accelerator.array.code,
        )


def matrix(command: Any, hw: Any) -> Cycles:
    """Cycles of a Matrix command, any mode, on any kind of array: start, the time of the array, drain."""
    kind, mode = np.asarray(hw.kind), np.minimum(command.mode, MatrixMode.OUTER)  # code 3 runs as OUTER
    found: Cycles = np.zeros((), np.int64)
    for code, which in product(_distinct(kind), _distinct(mode)):  # what no design or command is costs no time here
        found = np.where((kind == code) & (mode == which), _ARRAYS[ArrayKind(code)][which](command, hw), found)
    return np.where(_empty(command), MATRIX_START, MATRIX_START + found + matrix_drain(hw))


def _distinct(codes: NDArray[Any]) -> set[int]:
    return set(codes.ravel().tolist())


def matrix_drain(hw: Any) -> Cycles:
    """From the last slot of a Matrix command to the write of its first sum: of a systolic array, with all its skew."""
    skewed = systolic.DRAIN + systolic.skew(hw)
    return np.where(np.asarray(hw.kind) == ArrayKind.BROADCAST, MATRIX_DRAIN, skewed)


def output_rows(c: Any) -> Cycles:
    """Rows of output pixels of a Matrix command, those of all its planes."""
    return np.asarray(c.planes, np.int64) * c.output_height


def _empty(c: Any) -> NDArray[np.bool_]:
    """Whether a Matrix command has no pixels, outputs or products: it ends at once."""
    none = (np.asarray(c.run_bytes) == 0) & (np.asarray(c.mode) != MatrixMode.DEPTHWISE)
    for size in (c.planes, c.output_height, c.output_width, c.columns, c.kernel_height, c.taps):
        none = none | (np.asarray(size) == 0)
    return none


def _dot(c: Any, hw: Any) -> Cycles:
    """Weight tiles load one row (or, transposed, one column) a cycle while the tile before them computes.

    A tile takes max(pixels, load of its own weights, accumulator latency); the first load is exposed.
    """
    pixels = output_rows(c) * c.output_width
    chunks, groups = ceil_div(c.run_bytes, hw.rows), ceil_div(c.columns, hw.columns)
    repeats = np.asarray(c.kernel_height, np.int64) * c.taps
    row_tail, column_tail = c.run_bytes - (chunks - 1) * hw.rows, c.columns - (groups - 1) * hw.columns
    step = np.maximum(pixels, ACCUMULATE_LATENCY)
    transposed = np.asarray(c.transposed) == 1

    def tile(load: ArrayLike) -> Cycles:
        return np.maximum(step, np.asarray(load, np.int64))

    by_row = groups * repeats * ((chunks - 1) * tile(hw.rows) + tile(row_tail))
    by_column = repeats * chunks * ((groups - 1) * tile(hw.columns) + tile(column_tail))
    first_row = np.where(chunks > 1, hw.rows, row_tail)
    first_column = np.where(groups > 1, hw.columns, column_tail)
    total = np.where(transposed, by_column, by_row)
    first = np.where(transposed, first_column, first_row)
    return first + total - tile(first) + step


def _depthwise(c: Any, hw: Any) -> Cycles:
    """One kernel row at a time: an output row takes ``(width-1)*stride_x + taps`` cycles, one pixel read in each."""
    groups, tiles = ceil_div(c.columns, hw.columns), np.asarray(c.kernel_height, np.int64)
    height = output_rows(c)
    row = (np.asarray(c.output_width, np.int64) - 1) * c.stride_x + c.taps
    tile = np.maximum(np.maximum(height * row, c.taps), ACCUMULATE_LATENCY)
    return c.taps + groups * tiles * tile


def _outer(c: Any, hw: Any) -> Cycles:
    """Every tile sums over all pixels in the PEs, then drains one accumulator entry per row."""
    pixels = output_rows(c) * c.output_width
    chunks, groups = ceil_div(c.run_bytes, hw.rows), ceil_div(c.columns, hw.columns)
    repeats = np.asarray(c.kernel_height, np.int64) * c.taps
    drained = groups * repeats * c.run_bytes
    tiles = groups * repeats * chunks
    return tiles * pixels + drained


_ARRAYS = {
    # A systolic array with weights in place differs from a broadcast one in its drain: swaps move with the wavefront.
    ArrayKind.BROADCAST: (_dot, _depthwise, _outer),
    ArrayKind.WEIGHT_STATIONARY: (_dot, systolic.weight_depthwise, systolic.weight_outer),
    ArrayKind.OUTPUT_STATIONARY: (systolic.output_dot, systolic.output_depthwise, systolic.output_outer),
}


def _table_load(c: Any, hw: Any) -> Cycles:
    return np.where(np.asarray(c.table) == 1, ceil_div(TABLE_BYTES, hw.columns), 0)


def _vector(steps: Any, words: Any = 0) -> Cycles:
    """A vector command that goes over ``steps`` vectors and reads ``words`` besides; without steps it ends at once."""
    return np.where(np.asarray(steps, np.int64) > 0, VECTOR_START + words + steps + VECTOR_DRAIN, VECTOR_START)


def requantize(c: Any, hw: Any) -> Cycles:
    """One vector a cycle, also with a residual or mask, after the parameters of each column group."""
    groups = ceil_div(c.columns, hw.columns)
    pixels = np.asarray(c.height, np.int64) * c.width
    return _vector(groups * pixels, groups * parameter_words(c.scaling) + _table_load(c, hw))


def parameter_words(scaling: ArrayLike) -> Cycles:
    """Words of the parameters of a column group: 9, 4 where biases are all, none where there is no block."""
    words = [PARAMETER_BYTES, 0, BIAS_BYTES, PARAMETER_BYTES]  # code 3 is refused, and ends as BLOCK does
    assert list(Scaling) == [Scaling.BLOCK, Scaling.UNIFORM, Scaling.BIAS]
    return np.array(words, np.int64)[np.asarray(scaling)]


def elementwise(c: Any, hw: Any) -> Cycles:
    """One operand vector a cycle on the engine's one read port: two cycles a vector with two operands."""
    vectors = ceil_div(c.columns, hw.columns) * c.height * c.width
    operands = np.where(np.asarray(c.function) == Function.RESCALE, 1, 2)
    return _vector(vectors * operands, _table_load(c, hw))


def pool(c: Any, hw: Any) -> Cycles:
    """One window tap of one vector a cycle, taps outside the image included."""
    vectors = ceil_div(c.columns, hw.columns) * c.height * c.width
    return _vector(vectors * c.kernel_height * c.kernel_width, _table_load(c, hw))


def sum_(c: Any, hw: Any) -> Cycles:
    """One operand vector a cycle: two cycles a vector, three with a mask."""
    vectors = ceil_div(c.columns, hw.columns) * c.height * c.width
    return _vector(vectors * (2 + np.asarray(c.masked, np.int64)))


def update(c: Any, hw: Any) -> Cycles:
    """One vector a cycle of int8 masters. Of int16 four cycles a vector: the second of its two reads is the first of
    its three writes, which the write port takes one a cycle.
    """
    vectors = np.asarray(c.entries, np.int64) * ceil_div(c.columns, hw.columns)
    return _vector(vectors * update_steps(c.wide))


def update_steps(wide: ArrayLike) -> Cycles:
    return np.where(np.asarray(wide) == 1, UPDATE_STEPS_WIDE, 1).astype(np.int64)


def move_registers(c: Any, hw: Any) -> Cycles:
    """LoadRegisters and StoreRegisters: one register a cycle, on arrays that move a whole one at once."""
    return _vector(c.count * ceil_div(WORD_BYTES, hw.columns))


def range_(c: Any, hw: Any) -> Cycles:
    """One accumulator entry a cycle."""
    return _vector(np.asarray(c.entries, np.int64) * ceil_div(c.columns, hw.columns))


def compare(c: Any, hw: Any) -> Cycles:
    """Of each patch its place in the list, then two operand vectors a vector, one read a cycle."""
    vectors = np.asarray(c.pixels, np.int64) * ceil_div(c.columns, hw.columns)
    return _vector(np.where(vectors > 0, np.asarray(c.planes, np.int64) * (1 + 2 * vectors), 0))


def list_(c: Any, hw: Any) -> Cycles:
    """A cycle for each vector of the mask, for each cell's write and for each register."""
    rows = np.asarray(c.rows, np.int64)
    return _vector(rows * (ceil_div(c.columns, hw.columns) + c.columns) + c.chunks)


def set_register(c: Any, hw: Any) -> Cycles:
    return np.full(np.shape(c.value), VECTOR_START, np.int64)


def beats(command: Any, hw: Any) -> Cycles:
    """Bus beats of a transfer: every run starts and ends anywhere, so its first and last beat may be partial.

    Runs are not joined, not even where they touch: whoever writes the command joins them.
    """
    row_bytes, rows, planes = _extents(command)
    bus = np.asarray(hw.bus_bytes, np.int64)
    planes_apart = np.where(command.listed, 0, command.bus_plane_stride)  # offsets of a list are whole beats
    strides = np.asarray(command.bus_row_stride, np.int64), np.asarray(planes_apart, np.int64)
    address = np.asarray(command.bus_address, np.int64)
    total = np.zeros(np.broadcast_shapes(row_bytes.shape, rows.shape, planes.shape, bus.shape, address.shape), np.int64)
    # Starts repeat, modulo the bus, after at most one bus width of rows and of planes.
    for plane in range(_residues(strides[1], bus, planes)):
        for row in range(_residues(strides[0], bus, rows)):
            start = (address + row * strides[0] + plane * strides[1]) % bus
            alike = _alike(row, strides[0], bus, rows) * _alike(plane, strides[1], bus, planes)
            total = total + alike * ceil_div(row_bytes + start, bus)
    return np.where(row_bytes > 0, total, 0)


def _extents(command: Any) -> tuple[Cycles, Cycles, Cycles]:
    row_bytes, rows, planes = (np.asarray(getattr(command, name), np.int64) for name in ("row_bytes", "rows", "planes"))
    return row_bytes, rows, planes


def _residues(stride: Cycles, bus: Cycles, count: Cycles) -> int:
    """How many different starts have to be told apart."""
    uneven = (stride % bus != 0) & (count > 1)
    return int(np.max(np.where(uneven, np.minimum(bus, count), 1)))


def _alike(index: int, stride: Cycles, bus: Cycles, count: Cycles) -> Cycles:
    """How many of ``count`` runs start like run ``index``; those of an even stride are all like run 0."""
    even = (stride % bus == 0) | (count <= 1)
    uneven = np.where(index < bus, np.maximum(0, ceil_div(count - index, bus)), 0)
    return np.where(even, count if index == 0 else 0, uneven)


def bursts(command: Any, hw: Any) -> Cycles:
    """Address phases of a transfer: one per run and per ``max_burst_beats`` of it."""
    row_bytes, rows, planes = _extents(command)
    return rows * planes * ceil_div(ceil_div(row_bytes, hw.bus_bytes), hw.max_burst_beats)


def transfer(command: Any, hw: Any, latency_cycles: ArrayLike, cycles_per_beat: ArrayLike = 1) -> Cycles:
    """Load or Store: set-up, latency of the memory once (requests overlap), then one beat every ``cycles_per_beat``.

    ``latency_cycles``: from an address phase to its first beat, or from the last beat written to its response, of a
    memory with one cycle per beat. Address phases take a cycle each and hide behind the data: a burst has at least one
    beat. Set-up holds decoding, the first address phase and the scratchpad access of one beat; without bytes it is all.
    """
    return hw.dma_setup_cycles + data_cycles(beats(command, hw), latency_cycles, cycles_per_beat)


def data_cycles(total: ArrayLike, latency_cycles: ArrayLike, cycles_per_beat: ArrayLike = 1) -> Cycles:
    """Of a transfer of ``total`` beats, after its set-up."""
    data = np.ceil(np.asarray(total) * np.asarray(cycles_per_beat, np.float64)).astype(np.int64)
    return np.where(np.asarray(total) > 0, np.asarray(latency_cycles, np.int64) + data, 0)


def fill(command: Any, hw: Any) -> Cycles:
    """One scratchpad vector of ``rows`` lanes a cycle."""
    return hw.dma_setup_cycles + ceil_div(command.row_bytes, hw.rows) * command.rows


def fetch(commands: ArrayLike, hw: Any) -> Cycles:
    """Cycles on the read channel to fetch that many commands."""
    return COMMAND_FETCH_START + np.asarray(commands, np.int64) * ceil_div(64, hw.bus_bytes)
