"""Matrix engine: corner and random commands, values equal to golden and cycles equal to cost."""

import cocotb
import numpy as np

from accel_models.commands import MatrixMode
from matrix_bench import MatrixBench
from matrix_commands import OUTER, corners, random_command, scratchpad, tile
from rtl.bench.stimulus import rounds
from stream import bursty, never, parameter, uneven

ROWS, COLUMNS, ENTRIES = parameter("Rows"), parameter("Columns"), parameter("Entries")
TILES = rounds(90)


async def bench_of(dut):
    bench = MatrixBench(dut, ROWS, COLUMNS, ENTRIES)
    await bench.reset()
    return bench


@cocotb.test(timeout_time=5, timeout_unit="ms")
@cocotb.parametrize(weight_gaps=[None, bursty], act_gaps=[None, bursty])
async def corner_tiles(dut, weight_gaps, act_gaps):
    bench = await bench_of(dut)
    memory = scratchpad(np.random.default_rng(2))
    gaps = [pattern and pattern() for pattern in (weight_gaps, act_gaps)]
    for command in corners(ROWS, COLUMNS):
        await bench.check([command], memory, *gaps)
    lowest = np.full_like(memory, 0x80)  # the largest products, and with them the largest column sums
    for mode in MatrixMode:
        await bench.check([tile(mode, 2, 5, 2, 2, 2 * ROWS - (mode == OUTER) * ROWS, COLUMNS)], lowest, *gaps)


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize(weight_gaps=[never, bursty], act_gaps=[never, uneven])
async def random_tiles(dut, weight_gaps, act_gaps):
    """Commands back to back, a few between looks at the accumulators."""
    bench = await bench_of(dut)
    rng = np.random.default_rng([ROWS, COLUMNS])
    free = weight_gaps is never and act_gaps is never
    gaps = [None, None] if free else [weight_gaps(), act_gaps()]
    for _ in range(TILES // 3):
        commands = [random_command(rng, ROWS, COLUMNS, ENTRIES) for _ in range(3)]
        await bench.check(commands, scratchpad(rng), *gaps)
