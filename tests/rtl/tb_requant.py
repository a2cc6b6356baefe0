"""Requantizer: corners, ties and random vectors in every rounding, and clipped, against accel_models.arithmetic."""

import cocotb
import numpy as np
from cocotb.triggers import ClockCycles, ReadOnly, RisingEdge

from accel_models.arithmetic import MAX_SHIFT, MIN_SHIFT, Rounding, indexed_shift, noise, requantize, wrap32
from rtl.bench.stimulus import rounds
from stream import bursty, collect, drive, never, pack, parameter, start, unpack

LATENCY = 3
LANES = parameter("Lanes")
LOW, HIGH = -(2**31), 2**31 - 1
MODES = [  # rounding, and whether sums are exact and clipped, with shifts from 0 on
    (Rounding.HALF_UP, False),
    (Rounding.DOUBLE, False),
    (Rounding.PSEUDO_STOCHASTIC, False),
    (Rounding.HALF_UP, True),
    (Rounding.PSEUDO_STOCHASTIC, True),
    (Rounding.INDEXED, True),
]
RANDOM_BITS, KEY = 8, 12345
CORNERS = [0, -1, 1, LOW, HIGH, LOW + 1, HIGH - 1, 2, -2, 3, -3, 127, -128, 128, -129, 1 << 20, -(1 << 20)]


def shortened(mult):
    """Multipliers that this build can hold: with MultW = 16 the low half is zero."""
    return mult & ~0xFFFF if parameter("MultW") == 16 else mult


def set_parameters(dut, bias, mult, shift, zero_point, low, high, mode, bound=HIGH):
    dut.bias_i.value, dut.mult_i.value, dut.shift_i.value = pack(bias, 32), pack(mult, 31), pack(shift, 6)
    dut.zero_point_i.value, dut.low_i.value, dut.high_i.value = zero_point & 255, low & 255, high & 255
    dut.random_bits_i.value, dut.index_i.value = RANDOM_BITS, KEY
    dut.rounding_i.value, dut.training_i.value, dut.bound_i.value = int(mode[0]), int(mode[1]), bound


def expected(acc, bias, mult, shift, zero_point, low, high, mode, bound=HIGH):
    value = np.clip(acc + bias, -bound, bound) if mode[1] else wrap32(acc + bias)
    if mode[0] != Rounding.INDEXED:
        return requantize(value, mult, shift, zero_point, low, high, mode[0])
    random = noise(np.arange(LANES), KEY, RANDOM_BITS)
    return np.clip(indexed_shift(value * mult, shift, random, RANDOM_BITS) + zero_point, low, high).astype(np.int8)


def random_parameters(rng, mode):
    """Per-lane factors whose results mostly lie inside int8, and a third with any shift at all."""
    lanes = LANES
    bias = rng.integers(LOW, HIGH + 1, lanes) >> rng.integers(0, 32, lanes)
    mult = shortened(
        np.where(rng.random(lanes) < 0.8, rng.integers(1 << 30, 1 << 31, lanes), rng.integers(0, 1 << 31, lanes))
    )
    shift = np.where(
        rng.random(lanes) < 0.67,
        rng.integers(30, 56, lanes),
        rng.integers(0 if mode[1] else MIN_SHIFT, MAX_SHIFT + 1, lanes),
    )
    bound = int(rng.choice([HIGH, 0, rng.integers(HIGH), rng.integers(1 << 20)]))
    low, high = sorted(rng.integers(-128, 128, 2)) if rng.random() < 0.5 else (-128, 127)
    return bias, mult, shift, int(rng.integers(-128, 128)), int(low), int(high), mode, bound


def random_accumulators(rng, bias, shift, count):
    """Sums of every magnitude up to what scales to about 2**9, and full range."""
    span = np.minimum(np.maximum(shift - 30 + 9, 4), 31)
    bits = rng.integers(1, np.broadcast_to(span, (count, len(bias))) + 1)
    acc = rng.integers(LOW, HIGH + 1, (count, len(bias))) >> (31 - bits)
    wide = rng.random(count) < 0.2
    acc[wide] = rng.integers(LOW, HIGH + 1, (int(wide.sum()), len(bias)))
    return wrap32(acc - bias)


async def reset(dut):
    await start(dut, valid_i=0, ready_i=0, acc_i=0)


async def send_and_check(dut, parameters, acc, gaps, out):
    set_parameters(dut, *parameters)
    await drive(dut, dut.acc_i, [pack(vector, 32) for vector in acc], gaps)
    while len(out) < len(acc):
        await RisingEdge(dut.clk_i)
    await ClockCycles(dut.clk_i, 4)  # anything extra lands in `out` too
    got = np.array([unpack(word, "<i1") for word in out])
    np.testing.assert_array_equal(got, expected(acc, *parameters))
    out.clear()


@cocotb.test(timeout_time=2, timeout_unit="ms")
@cocotb.parametrize(mode=MODES)
async def corners(dut, mode):
    """Extreme sums, zero and largest factors, every shift, ties of both signs."""
    await reset(dut)
    lanes, out = LANES, []
    cocotb.start_soon(collect(dut, never(), out))
    every = [CORNERS[i % len(CORNERS)] for i in range(-(-len(CORNERS) // lanes) * lanes)]
    acc = np.array(every, np.int64).reshape(-1, lanes)
    acc = np.concatenate([np.roll(acc.ravel(), step).reshape(acc.shape) for step in range(lanes)])
    for shift in range(0 if mode[1] else MIN_SHIFT, MAX_SHIFT + 1):
        mult = shortened(np.array([(1 << 30), (1 << 31) - 1, 0, (1 << 30) + (1 << 16), 3 << 29] * lanes)[:lanes])
        bias = np.array([0, -1, HIGH, LOW] * lanes)[:lanes]
        await send_and_check(dut, (bias, mult, np.full(lanes, shift), -5, -128, 127, mode), acc, never(), out)
        # A power of two makes every odd multiple of its half a tie.
        ties = (2 * np.arange(-8, 8)[:, None] + 1) << max(0, min(shift - 31, 26))
        identity = np.full(lanes, 1 << 30)
        zeros = np.zeros(lanes, np.int64)
        parameters = (zeros, identity, np.full(lanes, shift), 0, -128, 127, mode)
        await send_and_check(dut, parameters, np.repeat(ties, lanes, axis=1), never(), out)


@cocotb.test(timeout_time=8, timeout_unit="ms")
@cocotb.parametrize(gaps=[never, bursty], stalls=[never, bursty], mode=MODES)
async def random_vectors(dut, gaps, stalls, mode):
    await reset(dut)
    rng, out = np.random.default_rng([MODES.index(mode), LANES]), []
    cocotb.start_soon(collect(dut, stalls(), out))
    for _ in range(rounds(120)):
        parameters = random_parameters(rng, mode)
        acc = random_accumulators(rng, parameters[0], parameters[2], 24)
        await send_and_check(dut, parameters, acc, gaps(), out)


@cocotb.test(timeout_time=10, timeout_unit="us")
async def latency_and_throughput(dut):
    """A vector comes out three cycles after it went in, one per cycle."""
    await reset(dut)
    set_parameters(dut, [0] * LANES, [1 << 30] * LANES, [30] * LANES, 0, -128, 127, MODES[0])
    dut.ready_i.value, dut.valid_i.value = 1, 1
    for cycle in range(12):
        dut.acc_i.value = pack([cycle] * LANES, 32)
        await ReadOnly()
        assert dut.ready_o.value == 1
        assert (dut.valid_o.value == 1) == (cycle >= LATENCY)
        if cycle >= LATENCY:
            assert set(unpack(dut.data_o.value, "<i1")) == {cycle - LATENCY}
        await RisingEdge(dut.clk_i)


@cocotb.test(timeout_time=10, timeout_unit="us")
async def reset_drops_what_is_in_flight(dut):
    """Full of vectors, the output stalled: a reset takes all of them, at once."""
    await reset(dut)
    set_parameters(dut, [0] * LANES, [1 << 30] * LANES, [30] * LANES, 0, -128, 127, MODES[0])
    dut.valid_i.value = 1
    await ClockCycles(dut.clk_i, LATENCY + 1)
    await ReadOnly()
    assert dut.valid_o.value == 1
    await RisingEdge(dut.clk_i)
    dut.rst_ni.value, dut.valid_i.value, dut.ready_i.value = 0, 0, 1
    for cycle in range(LATENCY + 3):
        await ReadOnly()
        assert dut.valid_o.value == 0, cycle
        await RisingEdge(dut.clk_i)
        if cycle == 0:  # one cycle of reset: nothing has the time to run out of the pipeline
            dut.rst_ni.value = 1
