"""Accumulators: random updates as close as the pipeline allows, reads beside them, and the check on early updates."""

import os

import cocotb
import numpy as np
from cocotb.triggers import ReadOnly, RisingEdge

from accel_models.arithmetic import wrap32
from accel_models.cost import ACCUMULATE_LATENCY
from stream import bursty, never, pack, parameter, start, unpack

ENTRIES, COLUMNS = parameter("Entries"), parameter("Columns")
SUM_AFTER = 2  # cycles from an update's address to its sum
IDLE = (False, 0, False, np.zeros(COLUMNS, np.int64))


def updates(rng, count):
    """(valid, entry, zero, sum) of one cycle each; an entry comes again after ACCUMULATE_LATENCY cycles or later."""
    plan = [(True, entry, True, rng.integers(-(2**31), 2**31, COLUMNS)) for entry in range(ENTRIES)]
    recent = list(range(ENTRIES))
    for _ in range(count):
        recent = recent[-(ACCUMULATE_LATENCY - 1) :]
        choice = [entry for entry in (0, 1, 2, 3, ENTRIES - 1, int(rng.integers(ENTRIES))) if entry not in recent]
        entry = int(rng.choice(choice))
        recent.append(entry)
        plan.append((True, entry, bool(rng.random() < 0.1), rng.integers(-(2**31), 2**31, COLUMNS)))
    return plan


async def run_updates(dut, plan, gaps):
    """Issue the plan; returns the accumulators that golden arithmetic leaves."""
    memory = np.zeros((ENTRIES, COLUMNS), np.int64)
    queue = [IDLE] * SUM_AFTER
    for step in [*plan, *[IDLE] * (SUM_AFTER + 2)]:
        while next(gaps):
            await cycle(dut, IDLE, queue)
        await cycle(dut, step, queue)
        valid, entry, zero, addend = step
        if valid:
            memory[entry] = wrap32(addend + (0 if zero else memory[entry]))
    return memory


async def cycle(dut, step, queue):
    queue.append(step)
    dut.update_i.value, dut.entry_i.value, dut.zero_i.value = int(step[0]), step[1], int(step[2])
    dut.sum_i.value = pack(queue.pop(0)[3], 32)
    await RisingEdge(dut.clk_i)


async def read_all(dut, entries):
    """The named entries through the read port, one a cycle, each one cycle after its address."""
    out = []
    dut.read_i.value = 1
    for entry in [*entries, 0]:
        dut.read_entry_i.value = entry
        await ReadOnly()
        out.append(unpack(dut.read_data_o.value, "<i4"))
        await RisingEdge(dut.clk_i)
    dut.read_i.value = 0
    return np.array(out[1:])


async def reset(dut):
    await start(dut, update_i=0, entry_i=0, zero_i=0, sum_i=0, read_i=0, read_entry_i=0)


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(gaps=[never, bursty])
async def matches_wrapping_sums(dut, gaps):
    await reset(dut)
    memory = await run_updates(dut, updates(np.random.default_rng(3), 2000), gaps())
    np.testing.assert_array_equal(await read_all(dut, range(ENTRIES)), memory)


@cocotb.test(timeout_time=100, timeout_unit="us")
async def reads_beside_updates(dut):
    """The vector engine reads one half while the matrix engine updates the other; a read value holds."""
    await reset(dut)
    rng, half = np.random.default_rng(4), ENTRIES // 2
    memory = await run_updates(dut, updates(rng, 0), never())
    plan = [(True, half + i % (ENTRIES - half), False, rng.integers(-9, 9, COLUMNS)) for i in range(99)]
    writing = cocotb.start_soon(run_updates(dut, plan, never()))
    for _ in range(3):
        np.testing.assert_array_equal(await read_all(dut, range(half)), memory[:half])
    await RisingEdge(dut.clk_i)
    before = dut.read_data_o.value
    await writing
    assert dut.read_data_o.value == before


@cocotb.test(timeout_time=10, timeout_unit="us")
async def visible_after_the_latency(dut):
    """An entry read ACCUMULATE_LATENCY cycles after the address of its update is new, one cycle earlier it is old."""
    await reset(dut)
    old = await run_updates(dut, updates(np.random.default_rng(5), 0), never())
    seen = []
    dut.read_i.value, dut.read_entry_i.value = 1, 7
    for step in range(ACCUMULATE_LATENCY + 3):
        dut.update_i.value, dut.entry_i.value, dut.zero_i.value = int(step == 0), 7, 1
        dut.sum_i.value = pack([123] * COLUMNS, 32) if step == SUM_AFTER else 0
        await ReadOnly()
        seen.append(unpack(dut.read_data_o.value, "<i4").tolist())
        await RisingEdge(dut.clk_i)
    read_latency = 1
    first = seen.index([123] * COLUMNS)
    assert first == ACCUMULATE_LATENCY + read_latency and seen[first - 1] == old[7].tolist()


@cocotb.test(timeout_time=10, timeout_unit="us", skip="TOO_EARLY" not in os.environ)
async def too_early(dut):
    """One cycle less than the latency between two updates: the design's own assertion must end the simulation."""
    await reset(dut)
    update = (True, 7, False, np.zeros(COLUMNS, np.int64))
    await run_updates(dut, [update, *[IDLE] * (ACCUMULATE_LATENCY - 2), update], never())


@cocotb.test(timeout_time=20, timeout_unit="us")
@cocotb.parametrize(ago=[0, 1, 2, 3])
async def reset_drops_updates_in_flight(dut, ago):
    """One cycle of reset, `ago` cycles after the last update: no entry changes any more."""
    await reset(dut)
    memory = await run_updates(dut, updates(np.random.default_rng(6), 0), never())
    dut.entry_i.value, dut.zero_i.value, dut.sum_i.value = 5, 1, pack([77] * COLUMNS, 32)
    dut.update_i.value = 1
    await RisingEdge(dut.clk_i)
    dut.update_i.value = 0
    for _ in range(ago):
        await RisingEdge(dut.clk_i)
    dut.rst_ni.value = 0
    await RisingEdge(dut.clk_i)
    dut.rst_ni.value = 1
    for _ in range(ACCUMULATE_LATENCY):
        await RisingEdge(dut.clk_i)
    if ago == 3:  # already written
        memory[5] = 77
    np.testing.assert_array_equal(await read_all(dut, range(ENTRIES)), memory)
