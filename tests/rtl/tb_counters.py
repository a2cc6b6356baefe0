"""Performance counters: each adds its own input, and nothing else."""

import cocotb
import numpy as np
from cocotb.triggers import RisingEdge, Timer

from accel_models.commands import Engine
from accel_models.registers import Counter, busy, stalled
from stream import parameter, start


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def each_counts_its_own(dut):
    await start(dut, clear_i=0, cycle_i=0, command_i=0, busy_i=0, stalled_i=0, bytes_read_i=0, bytes_written_i=0,
                macs_i=0, index_i=0)  # fmt: skip
    rng, want = np.random.default_rng(1), dict.fromkeys(Counter, 0)

    async def compare() -> None:
        dut.cycle_i.value = dut.command_i.value = dut.busy_i.value = dut.stalled_i.value = 0
        dut.bytes_read_i.value = dut.bytes_written_i.value = dut.macs_i.value = 0
        for counter in Counter:
            dut.index_i.value = int(counter)
            await Timer(1, "ns")
            assert dut.value_o.value.to_unsigned() == want[counter], counter

    for step in range(3000):
        cycle, command, in_use, stall = (int(rng.integers(high)) for high in (2, 2, 16, 16))
        read, written = (int(rng.integers(parameter("BytesMax") + 1)) for _ in range(2))
        macs = int(rng.choice([0, 1, 255, parameter("MacsMax")]))
        clear = int(step == 1500)
        dut.cycle_i.value, dut.command_i.value, dut.busy_i.value, dut.stalled_i.value = cycle, command, in_use, stall
        dut.bytes_read_i.value, dut.bytes_written_i.value, dut.macs_i.value = read, written, macs
        dut.clear_i.value = clear
        added = {Counter.CYCLES: cycle, Counter.COMMANDS: command, Counter.BYTES_READ: read}
        added |= {Counter.BYTES_WRITTEN: written, Counter.MACS: macs}
        added |= {busy(engine): in_use >> engine & 1 for engine in Engine}
        added |= {stalled(engine): stall >> engine & 1 for engine in Engine}
        want = {counter: 0 if clear else want[counter] + added[counter] for counter in Counter}
        await RisingEdge(dut.clk_i)
        if step % 500 == 499:
            await compare()
            await RisingEdge(dut.clk_i)
    await compare()
    dut.rst_ni.value = 0
    await RisingEdge(dut.clk_i)
    dut.rst_ni.value = 1
    want = dict.fromkeys(Counter, 0)
    await compare()
