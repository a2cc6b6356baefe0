"""Vector engine: corner and random commands, memories and registers equal to golden and cycles equal to cost."""

import itertools
from dataclasses import replace

import cocotb
import numpy as np
import pytest
from cocotb.triggers import ClockCycles

from accel_models.commands import LIST_ENTRY_BYTES, Elementwise, Function, Pool, Range, Requantize, Update
from accel_models.golden.access import GoldenError
from patch_commands import beyond, changing
from patch_commands import corners as patch_corners
from patch_commands import refused as refused_patches
from rtl.bench.stimulus import rounds
from stream import bursty, never, parameter, uneven
from training_commands import KINDS, random_commands
from training_commands import corners as training_corners
from training_commands import refused as refused_training
from vector_bench import VectorBench, golden
from vector_commands import LIST_AT, SLOTS, Shape, corners, memory, parameters_at, random_requantize, sums

SHAPE = Shape(parameter("Columns"), parameter("Entries"), parameter("MultW") == 16)
ROUNDS = rounds(70)
FORMS = [  # what does not go together in a Requantize
    *({"scaling": 0} | fields for fields in ({"rounding": 2}, {"residual": 2}, {"range": 1}, {"rounding": 3})),
    *({"scaling": 1} | fields for fields in ({"rounding": 1}, {"residual": 1}, {"range": 3}, {"shift": 63})),
    *({"scaling": 2} | fields for fields in ({"rounding": 3, "random_bits": 0}, {"residual": 3}, {"shift": 63})),
    {"scaling": 3},
]


async def bench_of(dut):
    bench = VectorBench(dut, SHAPE)
    await bench.reset()
    return bench


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def corner_commands(dut):
    bench, rng = await bench_of(dut), np.random.default_rng(3)
    accumulators = sums(rng, SHAPE)
    data = memory(rng, SHAPE)
    commands = [*corners(SHAPE), *training_corners(SHAPE), *patch_corners(SHAPE)]
    await bench.check(commands, data, accumulators)
    for command in patch_corners(SHAPE):  # alone: all of them write to one place
        await bench.check([command], data, accumulators)
    for a, b in itertools.product((0x80, 0x7F), repeat=2):  # the largest products and sums
        data = memory(rng, SHAPE)
        data[4000:4500], data[4500:5000] = a, b
        await bench.check(commands, data, accumulators)
        for command in patch_corners(SHAPE):
            await bench.check([command], data, accumulators)


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize(read_gaps=[never, bursty], write_gaps=[never, uneven])
async def random_sequences(dut, read_gaps, write_gaps):
    """Commands back to back that may read what those before them wrote."""
    bench, rng = await bench_of(dut), np.random.default_rng(SHAPE.columns)
    gaps = read_gaps(), write_gaps()
    for _ in range(ROUNDS):
        await bench.check(random_commands(rng, SHAPE), memory(rng, SHAPE), sums(rng, SHAPE), *gaps)


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def random_grants(dut):
    """Grants by chance, from nearly always to hardly ever, on both ports."""
    bench, rng = await bench_of(dut), np.random.default_rng(SHAPE.columns + 1)

    def chance(share):
        while True:
            yield from (rng.random(64) < share).tolist()

    for _ in range(ROUNDS):
        gaps = chance(rng.choice([0.05, 0.5, 0.85])), chance(rng.choice([0.05, 0.5, 0.85]))
        await bench.check(random_commands(rng, SHAPE), memory(rng, SHAPE), sums(rng, SHAPE), *gaps)


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def refused_commands(dut):
    """What golden refuses raises an error for a cycle or more, and the command still ends."""
    bench, rng = await bench_of(dut), np.random.default_rng(5)
    whole = Requantize(accumulator=0, width=2, columns=SHAPE.columns, parameters=parameters_at(0), output_address=7000)
    code = Elementwise(function=Function.RESCALE, columns=1, a_address=4000, output_address=7000)
    adding = {"residual": 1, "residual_address": 4000}
    window = {"function": 1, "width": 1, "columns": 1, "kernel_height": 1, "kernel_width": 1}
    average = Pool(
        input_address=4000, input_pixel_stride=1, input_height=1, input_width=1, output_address=7000, **window
    )
    fields = [
        *(replace(code, function=function, shift=shift) for function in range(4) for shift in (0, 63)),
        *(replace(whole, add_shift=shift, **adding) for shift in (0, 63)),
        *(replace(average, shift=shift) for shift in (0, 63)),
        replace(code, rounding=3),
        replace(average, rounding=3),
        replace(average, function=3),
        *(replace(whole, **fields) for fields in FORMS),
        *refused_training(SHAPE),
        *refused_patches(SHAPE),
        replace(code, shift=0, width=0),
    ]
    entries = [
        replace(whole, accumulator=SHAPE.entries - 1),
        Range(accumulator=SHAPE.entries - 2, entries=3, columns=1, destination=0),
        Update(
            accumulator=SHAPE.entries - 1, entries=2, columns=1, multiplier=1 << 16, master_address=4000, destination=0
        ),
        Update(
            accumulator=SHAPE.entries - 1,
            entries=2,
            columns=1,
            multiplier=1 << 16,
            master_address=4000,
            destination=0,
            wide=1,
        ),
    ]
    data, accumulators = memory(rng, SHAPE), sums(rng, SHAPE)
    for command in (*fields, *entries):
        with pytest.raises(GoldenError):
            golden(command, data.copy(), accumulators, bench.registers)
        run = (await bench.run([command], data.copy(), accumulators, never(), never()))[0]
        assert (run.bad_field > 0) == (command in fields) and (run.bad_entry > 0) == (command in entries), command
    lanes = SHAPE.columns
    shifts = [(lane, 8 * lanes + lane) for lane in range(lanes)]
    signs = [(lane, 4 * lanes + 4 * lane + 3) for lane in (0, 1)]
    for (lane, byte), value in [
        *zip(shifts, itertools.cycle((0, 63, 0x81)), strict=False),
        *((place, 0x80) for place in signs),
    ]:
        bad = data.copy()
        bad[parameters_at(0) + byte] = value
        with pytest.raises(GoldenError):
            golden(whole, bad.copy(), accumulators, bench.registers)
        for columns in {lanes, 1}:  # a lane that is not used may hold anything
            run = (await bench.run([replace(whole, columns=columns)], bad.copy(), accumulators, never(), never()))[0]
            assert (run.bad_field > 0) == (lane < columns), f"byte {byte} is {value} with {columns} columns: {run}"
    accepted = [replace(average, shift=0, width=0), replace(average, shift=0, function=0), replace(whole, add_shift=0)]
    await bench.check(accepted, data, accumulators)


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def marks_that_wait(dut):
    """A patch keeps what it found while its last step has to stay."""
    bench, rng = await bench_of(dut), np.random.default_rng(9)
    data, accumulators = memory(rng, SHAPE), sums(rng, SHAPE)
    data[4000:4500], data[4500:5000] = 1, 2
    for period in range(2, 16):
        writes = itertools.cycle([True] * period + [False])
        reads = itertools.cycle([True] + [False] * (period % 4 + 1))  # else the last step is never in its place
        for command in changing():
            await bench.check([command], data, accumulators, reads, writes)


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def marks_beyond_the_address(dut):
    """They go to the address that no scratchpad has, which is its error to find."""
    bench, rng = await bench_of(dut), np.random.default_rng(8)
    data, accumulators = memory(rng, SHAPE), sums(rng, SHAPE)
    for command, entry in beyond():
        data[LIST_AT : LIST_AT + LIST_ENTRY_BYTES] = np.array([entry], "<u4").view(np.uint8)
        with pytest.raises(GoldenError, match="mark"):
            golden(command, data.copy(), accumulators, bench.registers)
        found = data.copy()
        run = (await bench.run([command], found, accumulators, never(), never(), beyond=1))[0]
        assert not run.bad_field and (found == data).all(), command


@cocotb.test(timeout_time=1, timeout_unit="ms", skip=not SHAPE.short)
async def long_multipliers_in_a_short_build(dut):
    """A multiplier with low bits, for which this hardware has no place, is an error and not another value."""
    bench, rng = await bench_of(dut), np.random.default_rng(7)
    data, accumulators = memory(rng, SHAPE), sums(rng, SHAPE)
    whole = Requantize(accumulator=0, width=1, columns=1, parameters=parameters_at(0), output_address=7000)
    code = Elementwise(function=Function.ADD, columns=1, a_address=4000, b_address=4100, output_address=7000)
    long = (1 << 30) + 1
    bad = [
        replace(code, multiplier_a=long),
        replace(code, multiplier_b=long),
        replace(code, function=Function.RESCALE, multiplier_a=long),
        replace(whole, scaling=1, multiplier=1),
        replace(whole, residual=1, residual_address=4000, multiplier_b=long),
    ]
    good = [replace(code, function=Function.RESCALE, multiplier_b=long), replace(whole, multiplier_b=long), whole]
    for command in (*bad, *good):
        run = (await bench.run([command], data.copy(), accumulators, never(), never()))[0]
        assert (run.bad_field > 0) == (command in bad), command
    for byte, used in ((0, True), (1, True), (4, False)):  # of lane 0, of lane 1
        block = data.copy()
        block[parameters_at(0) + 4 * SHAPE.columns + byte] = 1
        run = (await bench.run([whole], block, accumulators, never(), never()))[0]
        assert (run.bad_field > 0) == used, byte


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def reset_in_the_middle(dut):
    """After a reset at any moment the next command is right."""
    bench, rng = await bench_of(dut), np.random.default_rng(6)
    for cycle in range(1, 60, 3):
        kind = KINDS[int(rng.integers(len(KINDS)))]
        task = cocotb.start_soon(
            bench.run([kind(rng, SHAPE, 0)] * SLOTS, memory(rng, SHAPE), sums(rng, SHAPE), never(), bursty())
        )
        await ClockCycles(dut.clk_i, cycle)
        task.cancel()
        dut.rst_ni.value = 0
        dut.start_valid_i.value = 0
        await ClockCycles(dut.clk_i, 2)
        assert dut.read_valid_o.value == 0 and dut.write_valid_o.value == 0 and dut.start_ready_o.value == 1
        dut.rst_ni.value = 1
        await bench.check([random_requantize(rng, SHAPE, 0)], memory(rng, SHAPE), sums(rng, SHAPE))
