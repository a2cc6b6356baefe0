"""Skid register: the stream comes out as it went in, at full speed, and ready does not depend on the other side."""

import cocotb
import numpy as np
from cocotb.triggers import ClockCycles, ReadOnly, RisingEdge

from stream import bursty, collect, drive, never, start, uneven


async def reset(dut):
    await start(dut, valid_i=0, ready_i=0, data_i=0)


@cocotb.test(timeout_time=200, timeout_unit="us")
@cocotb.parametrize(gaps=[never, bursty, uneven], stalls=[never, bursty, uneven])
async def identity(dut, gaps, stalls):
    await reset(dut)
    words = np.random.default_rng(1).integers(0, 1 << 24, 1000)
    words[:3] = [0, (1 << 24) - 1, 0]
    out = []
    cocotb.start_soon(collect(dut, stalls(), out))
    await drive(dut, dut.data_i, (int(word) for word in words), gaps())
    await ClockCycles(dut.clk_i, 40)  # the rest, and anything extra
    assert [word.to_unsigned() for word in out] == words.tolist()


@cocotb.test(timeout_time=10, timeout_unit="us")
async def holds_two(dut):
    """While the output stalls, two words go in and no third."""
    await reset(dut)
    taken = 0
    dut.valid_i.value = 1
    for _ in range(6):
        dut.data_i.value = 50 + taken
        await ReadOnly()
        taken += int(dut.ready_o.value == 1)
        await RisingEdge(dut.clk_i)
    assert taken == 2


@cocotb.test(timeout_time=10, timeout_unit="us")
async def keeps_pace(dut):
    """Free-running: one word a cycle, one cycle later."""
    await reset(dut)
    dut.valid_i.value, dut.ready_i.value = 1, 1
    for word in range(8):
        dut.data_i.value = word
        await ReadOnly()
        assert dut.ready_o.value == 1
        assert (dut.valid_o.value == 1) == (word > 0)
        assert word == 0 or dut.data_o.value == word - 1
        await RisingEdge(dut.clk_i)
