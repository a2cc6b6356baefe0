"""Queue: the stream comes out as it went in, at full speed, and Depth words fit in."""

import cocotb
import numpy as np
from cocotb.triggers import ClockCycles, ReadOnly, RisingEdge

from stream import bursty, collect, drive, never, parameter, start, uneven

DEPTH = parameter("Depth")


async def reset(dut):
    await start(dut, valid_i=0, ready_i=0, data_i=0)


@cocotb.test(timeout_time=200, timeout_unit="us")
@cocotb.parametrize(gaps=[never, bursty, uneven], stalls=[never, bursty, uneven])
async def identity(dut, gaps, stalls):
    await reset(dut)
    words = np.random.default_rng(2).integers(0, 1 << 10, 1000)
    words[:3] = [0, (1 << 10) - 1, 0]
    out = []
    cocotb.start_soon(collect(dut, stalls(), out))
    await drive(dut, dut.data_i, (int(word) for word in words), gaps())
    await ClockCycles(dut.clk_i, 40 * DEPTH)  # the rest, and anything extra
    assert [word.to_unsigned() for word in out] == words.tolist()


@cocotb.test(timeout_time=10, timeout_unit="us")
async def holds_depth_and_keeps_pace(dut):
    """While the output stalls Depth words go in and no more; then one goes in and one comes out a cycle."""
    await reset(dut)
    taken = 0
    dut.valid_i.value = 1
    for cycle in range(3 * DEPTH):
        dut.data_i.value = taken
        await ReadOnly()
        assert (dut.ready_o.value == 1) == (cycle < DEPTH)
        assert (dut.valid_o.value == 1) == (cycle > 0)
        taken += int(dut.ready_o.value == 1)
        await RisingEdge(dut.clk_i)
    assert taken == DEPTH
    dut.ready_i.value = 1
    for word in range(4 * DEPTH):
        dut.data_i.value = taken
        await ReadOnly()
        assert dut.valid_o.value == 1 and dut.data_o.value == word
        assert (dut.ready_o.value == 1) == (word > 0)
        taken += int(dut.ready_o.value == 1)
        await RisingEdge(dut.clk_i)
