"""Matrix commands of a compiled network on the array: operands as golden finds them when the command comes up."""

import os
from collections import Counter

import cocotb
import numpy as np

from accel_models.commands import Matrix
from compiled import commands_of, program_under_test
from matrix_bench import MatrixBench
from stream import parameter

ROWS, COLUMNS, ENTRIES = parameter("Rows"), parameter("Columns"), parameter("Entries")


@cocotb.test(timeout_time=50, timeout_unit="ms")
async def compiled_tiles(dut):
    """TILES_PER_OPERATOR tiles of every operator, spread over it; all of them where it is 0."""
    program = program_under_test()
    accelerator = program.system.accelerator
    assert accelerator is not None
    assert (accelerator.array.rows, accelerator.array.columns, accelerator.accumulators.entries) == (
        ROWS,
        COLUMNS,
        ENTRIES,
    )
    wanted = int(os.environ["TILES_PER_OPERATOR"])
    decoded = zip(program.command_rows.tolist(), program.decoded, strict=True)
    tiles = Counter(row for row, command in decoded if isinstance(command, Matrix))
    seen: Counter[int] = Counter()
    checked: Counter[int] = Counter()
    bench = MatrixBench(dut, ROWS, COLUMNS, ENTRIES)
    await bench.reset()
    for row, command, state in commands_of(program, Matrix):
        if wanted == 0 or seen[row] in np.linspace(0, tiles[row] - 1, wanted).astype(int):
            await bench.check([command], state.scratchpad[0])
            checked[row] += 1
        seen[row] += 1
    multiplied = {index for index, row in enumerate(program.rows) if row.macs and row.kind in ("conv2d", "matmul")}
    assert set(checked) == multiplied, "an operator with MACs had no tile"
