"""Matrix commands of a compiled network on operands in the scratchpad, which activations and weights share."""

import logging
from collections import Counter

import cocotb

from accel_models.commands import Matrix
from compiled import commands_of, program_under_test
from engine_bench import EngineBench, Setting
from stream import parameter

ROWS, COLUMNS, ENTRIES, PAD_BYTES = map(parameter, ("Rows", "Columns", "Entries", "PadBytes"))
LOST = 0.01  # part of the cycles that may be lost; these tiles lose 1 of 10,131 in ResNet-8, 1 of 3,960 in kws


@cocotb.test(timeout_time=50, timeout_unit="ms")
async def compiled_tiles(dut):
    """A tile of every operator from its middle; few cycles are lost to banks that activations and weights share."""
    program = program_under_test()
    accelerator = program.system.accelerator
    assert accelerator is not None
    assert accelerator.scratchpad.size_bytes == PAD_BYTES and accelerator.scratchpad.banks == parameter("Banks")
    decoded = zip(program.command_rows.tolist(), program.decoded, strict=True)
    tiles = Counter(row for row, command in decoded if isinstance(command, Matrix))
    seen: Counter[int] = Counter()
    bench = EngineBench(dut, ROWS, COLUMNS, ENTRIES, PAD_BYTES, Setting(shared=True))
    await bench.reset()
    cycles = lost = 0
    for row, command, state in commands_of(program, Matrix):
        if seen[row] == tiles[row] // 2:
            await bench.load(state.scratchpad[0])
            spent = await bench.check([command])
            logging.getLogger("cocotb").info("%s: %d cycles, %d lost", program.rows[row].name, *spent)
            cycles, lost = cycles + spent[0], lost + spent[1]
        seen[row] += 1
    multiplied = {index for index, row in enumerate(program.rows) if row.macs and row.kind in ("conv2d", "matmul")}
    assert multiplied <= set(seen)
    assert lost < cycles * LOST, f"{lost} of {cycles} cycles lost"
