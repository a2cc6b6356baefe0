"""Adder behind the requantizer: corners, ties of both signs and random codes against accel_models.arithmetic."""

import cocotb
import numpy as np
from cocotb.triggers import RisingEdge

from accel_models.arithmetic import MAX_SHIFT, MIN_SHIFT, rescaled_add
from rtl.bench.stimulus import rounds
from stream import bursty, never, parameter, start

AHEAD, LATENCY = 3, 2  # cycles from b to its a, from a to the result
TOP = 2**31 - 1


def short(multiplier):
    return multiplier & ~0xFFFF if parameter("MultW") == 16 else multiplier


async def check(dut, pairs, settings, gaps, add=1):
    """Send pairs [n, 2] of codes; compare every result."""
    names = ("zero_a", "mult_a", "zero_b", "mult_b", "shift", "zero_point", "low", "high")
    for name, value in zip(names, settings, strict=True):
        port = getattr(dut, f"{name}_i")
        port.value = value & ((1 << len(port)) - 1)
    dut.add_i.value = add
    a, b = pairs.T.tolist()
    out = []
    for cycle in range(len(a) + AHEAD + LATENCY):
        while next(gaps):
            dut.enable_i.value = 0
            dut.a_i.value, dut.b_i.value = 0x55, 0x2A
            await RisingEdge(dut.clk_i)
        dut.enable_i.value = 1
        dut.b_i.value = b[cycle] & 255 if cycle < len(b) else 0
        dut.a_i.value = a[cycle - AHEAD] & 255 if AHEAD <= cycle < len(a) + AHEAD else 0
        await RisingEdge(dut.clk_i)
        if cycle >= AHEAD + LATENCY:
            out.append(dut.data_o.value.to_signed())
    zero_a, mult_a, zero_b, mult_b, shift, zero_point, low, high = settings
    a, b = pairs.T
    wanted = rescaled_add(a, zero_a, mult_a, b, zero_b, mult_b, shift, zero_point, low, high) if add else a
    np.testing.assert_array_equal(out, wanted, err_msg=str(settings))


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def every_shift(dut):
    await start(dut, enable_i=0, add_i=0)
    rng, gaps = np.random.default_rng(1), never()
    corners = np.array([(a, b) for a in (-128, -1, 0, 1, 127) for b in (-128, -1, 0, 1, 127)])
    for shift in range(MIN_SHIFT, MAX_SHIFT + 1):
        for mult_a, mult_b in ((short(TOP), short(TOP)), (1 << 30, 1 << 30), (0, short(TOP)), (1 << 30, 3 << 29)):
            zeros = rng.choice([-128, 0, 127], 3).tolist()
            settings = (zeros[0], mult_a, zeros[1], mult_b, shift, zeros[2], -128, 127)
            await check(dut, corners, settings, gaps)


@cocotb.test(timeout_time=5, timeout_unit="ms")
@cocotb.parametrize(gaps=[never, bursty], add=[1, 0])
async def random_codes(dut, gaps, add):
    await start(dut, enable_i=0, add_i=0)
    rng, pattern = np.random.default_rng(2), gaps()
    for _ in range(rounds(60)):
        low, high = sorted(rng.integers(-128, 128, 2).tolist())
        mult_a, mult_b = (short(int(value)) for value in rng.integers(0, 2**31, 2))
        zero_a, zero_b, zero_point = rng.integers(-128, 128, 3).tolist()
        settings = (zero_a, mult_a, zero_b, mult_b, int(rng.integers(28, 36)), zero_point, low, high)
        await check(dut, rng.integers(-128, 128, (40, 2)), settings, pattern, add)
