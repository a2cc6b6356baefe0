"""Requantizer fed with the sums and parameter blocks of a compiled network."""

import cocotb
import numpy as np
from cocotb.triggers import ClockCycles

from accel_models.arithmetic import requantize, wrap32
from accel_models.commands import PARAMETER_BYTES, Requantize
from accel_models.golden.vector import parameters
from compiled import commands_of, program_under_test
from stream import bursty, collect, drive, never, pack, parameter, unpack
from tb_requant import reset, set_parameters

LANES = parameter("Lanes")


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def compiled_layers(dut):
    """Every vector of every Requantize command, bias and scale stage."""
    await reset(dut)
    out = []
    cocotb.start_soon(collect(dut, bursty(), out))
    vectors, codes = 0, set()
    for _, c, state in commands_of(program_under_test(), Requantize):
        pixels = c.height * c.width
        for group in range(-(-c.columns // LANES)):
            count = min(LANES, c.columns - group * LANES)
            block = c.parameters + group * PARAMETER_BYTES * LANES
            bias, mult, shift = (part[0, 0] for part in parameters(state.scratchpad, block, LANES, count))
            first = c.accumulator + group * pixels
            acc = state.accumulators[0, first : first + pixels]
            lanes = [np.pad(part.astype(np.int64), (0, LANES - count)) for part in (bias, mult, shift)]
            set_parameters(dut, *lanes, c.zero_point, c.low, c.high, (c.rounding, False))
            await drive(dut, dut.acc_i, [pack(vector, 32) for vector in acc], never())
            await ClockCycles(dut.clk_i, 16)
            got = np.array([unpack(word, "<i1") for word in out])[:, :count]
            sums = wrap32(acc[:, :count].astype(np.int64) + bias)
            want = requantize(sums, mult, shift, c.zero_point, c.low, c.high, c.rounding)
            np.testing.assert_array_equal(got, want, err_msg=str(c))
            out.clear()
            vectors += pixels
            codes.update(np.unique(want).tolist())
    assert vectors > 1000 and len(codes) > 100, "too little of the range was seen"
