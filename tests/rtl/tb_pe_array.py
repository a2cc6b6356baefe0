"""PE array alone: tiles of every mode while the next weights load; sums equal to golden, three cycles later."""

from collections.abc import Iterator

import cocotb
import numpy as np
from cocotb.triggers import ClockCycles, RisingEdge

from accel_models.commands import Matrix, MatrixMode
from accel_models.golden.matrix import matrix_tile, product
from accel_models.golden.streams import TileVectors, operand_vectors
from matrix_commands import DEPTHWISE, DOT, OUTER, scratchpad, tile
from rtl.bench.stimulus import rounds
from stream import bursty, never, pack, parameter, start, unpack

ROWS, COLUMNS = parameter("Rows"), parameter("Columns")
LATENCY = 3
INPUTS = (
    "mode", "load", "load_first", "load_column", "load_index", "load_data", "swap", "slot", "slot_first", "x", "drain",
)  # fmt: skip
Cycle = dict[str, int]


def single_tiles(rng: np.random.Generator, mode: MatrixMode, transposed: int, count: int) -> list[Matrix]:
    """Commands of one array tile each, of any size up to the array's."""
    found = []
    for _ in range(count):
        taps = int(rng.integers(1, ROWS + 1)) if mode == DEPTHWISE else 1
        run, columns = int(rng.integers(1, ROWS + 1)), int(rng.integers(1, COLUMNS + 1))
        height, width, step = int(rng.integers(1, 3)), int(rng.integers(2, 6)), int(rng.integers(1, 4))
        where = {"input_address": int(rng.integers(999)), "weight_address": int(rng.integers(4096, 9999))}
        found.append(tile(mode, height, width, 1, taps, run, columns, stride_x=step, transposed=transposed, **where))
    return found


def loads(command: Matrix, vectors: TileVectors) -> Iterator[Cycle]:
    """The weight load of a tile; a depthwise tile fills the last rows, where the newest pixels are."""
    first = ROWS - command.taps if command.mode == DEPTHWISE else 0
    for index, vector in enumerate(vectors.weights):
        yield {
            "load": 1, "load_first": int(index == 0), "load_column": command.transposed, "load_index": first + index,
            "load_data": pack(vector, 8),
        }  # fmt: skip


def slots(command: Matrix, vectors: TileVectors) -> Iterator[tuple[Cycle, int | None]]:
    """The operand slots and drains of a tile, each with the accumulator entry that its sum is for, if any."""
    line = (command.output_width - 1) * command.stride_x + command.taps
    entries = iter(vectors.entries.tolist())
    for index, vector in enumerate(vectors.activations):
        cycle = {"slot": 1, "slot_first": int(index == 0), "x": pack(vector, 8), "swap": int(index == 0)}
        skipped = index % line - (command.taps - 1)
        gives = command.mode == DOT or (command.mode == DEPTHWISE and skipped >= 0 and skipped % command.stride_x == 0)
        if command.mode == OUTER:
            cycle["load_data"] = pack(vectors.gradients[index], 8)
        yield cycle, next(entries) if gives else None
    if command.mode == OUTER:
        for entry in entries:
            yield {"drain": 1}, entry
    assert next(entries, None) is None


@cocotb.test(timeout_time=2, timeout_unit="ms")
@cocotb.parametrize((("mode", "transposed"), [(DOT, 0), (DOT, 1), (DEPTHWISE, 0), (OUTER, 0)]), gaps=[never, bursty])
async def tiles(dut, mode, transposed, gaps):
    await start(dut, **{f"{name}_i": 0 for name in INPUTS})
    rng, lost = np.random.default_rng([mode, transposed]), gaps()
    memory = scratchpad(rng)
    commands = single_tiles(rng, mode, transposed, rounds(150))
    parts = [next(operand_vectors(command, memory, ROWS, COLUMNS)) for command in commands]
    schedule = [(cycle, None) for cycle in loads(commands[0], parts[0])]
    for index, (command, part) in enumerate(zip(commands, parts, strict=True)):
        later = loads(commands[index + 1], parts[index + 1]) if index + 1 < len(commands) else iter(())
        for cycle, entry in slots(command, part):
            schedule.append(({**next(later, {}), **cycle}, None if entry is None else (index, entry)))
        schedule.extend((cycle, None) for cycle in later)
    got: dict[tuple[int, int], np.ndarray] = {}
    pending: list[tuple[int, int] | None] = [None] * LATENCY
    schedule.extend([({}, None)] * LATENCY)
    for cycle, target in schedule:
        while next(lost):
            await drive_cycle(dut, {}, mode, None, pending, got)
        await drive_cycle(dut, cycle, mode, target, pending, got)
    for index, command in enumerate(commands):
        want = matrix_tile(command, memory, np.zeros((64, COLUMNS), np.int32), ROWS)
        for entry in parts[index].entries.tolist():
            np.testing.assert_array_equal(got.pop((index, entry)), want[entry], err_msg=str(command))
    assert not got


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def outer_sums_wrap(dut):
    """The PEs' sums wrap at 32 bits: more than 2**17 products of the two most negative codes."""
    await start(dut, **{f"{name}_i": 0 for name in INPUTS})
    count, lanes = (1 << 17) + 5, max(ROWS, COLUMNS)
    dut.mode_i.value, dut.slot_i.value, dut.slot_first_i.value = OUTER, 1, 1
    dut.x_i.value = dut.load_data_i.value = pack([-128] * lanes, 8)
    await RisingEdge(dut.clk_i)
    dut.slot_first_i.value = 0
    await ClockCycles(dut.clk_i, count - 1)
    dut.slot_i.value, dut.drain_i.value = 0, 1
    await ClockCycles(dut.clk_i, LATENCY + 1)
    operand = np.full((1, count), -128, np.int8)
    want = product(operand[None], operand.T[None])[0, 0, 0]
    assert want < 0 and set(unpack(dut.sum_o.value, "<i4")) == {want}


async def drive_cycle(dut, cycle, mode, target, pending, got):
    """One clock cycle; the sum that is due in it goes to `got`."""
    for name in INPUTS:
        getattr(dut, f"{name}_i").value = cycle.get(name, mode if name == "mode" else 0)
    pending.append(target)
    await RisingEdge(dut.clk_i)  # outputs still have the values of the cycle that ends
    due = pending.pop(0)
    if due is not None:
        got[due] = unpack(dut.sum_o.value, "<i4")
