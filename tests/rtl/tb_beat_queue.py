"""Beat queue: every byte once and in order, whole beats, two at a time only where they touch and a word has room."""

import itertools
from dataclasses import dataclass

import cocotb
import numpy as np
from cocotb.triggers import ReadOnly, RisingEdge

from stream import bursty, never, parameter, start, uneven

BUS, WORD, DEPTH = parameter("BusBytes"), parameter("WordBytes"), parameter("Depth")


@dataclass(frozen=True, slots=True)
class Beat:
    address: int
    data: bytes
    last: bool


def beats_of(rng: np.random.Generator, runs: int) -> list[Beat]:
    """Runs of beats, the first and the last of a run not full; some runs touch the one before."""
    found, address = [], 0
    for _ in range(runs):
        address = address if rng.random() < 0.3 else int(rng.integers(0, 1 << 20))
        counts = [int(rng.integers(1, BUS + 1)), *[BUS] * int(rng.integers(0, 9)), int(rng.integers(1, BUS + 1))]
        for count in counts:
            found.append(Beat(address, rng.bytes(count), False))
            address += count
    return [*found[:-1], Beat(found[-1].address, found[-1].data, True)]


async def transfer(dut, beats, gaps, stalls) -> list[tuple[int, Beat]]:
    """Push all beats; returns the writes with the cycles in which they were taken."""
    await start(dut, valid_i=0, ready_i=0, address_i=0, count_i=0, data_i=0, last_i=0)
    todo, writes, held = iter(beats), [], None
    beat = next(todo)
    for cycle in itertools.count():
        offered = beat is not None and not next(gaps)
        dut.valid_i.value = int(offered)
        if offered:
            dut.address_i.value, dut.count_i.value, dut.last_i.value = beat.address, len(beat.data), int(beat.last)
            dut.data_i.value = int.from_bytes(beat.data, "little")
        ready = not next(stalls)
        dut.ready_i.value = int(ready)
        await ReadOnly()
        if dut.valid_o.value == 1:
            data = dut.data_o.value.to_bytes(byteorder="little")[: dut.count_o.value.to_unsigned()]
            write = Beat(dut.address_o.value.to_unsigned(), data, dut.last_o.value == 1)
            assert held is None or (write.address == held.address and write.data.startswith(held.data))
            held = None if ready else write  # a write that waits may grow by the next beat
            if ready:
                writes.append((cycle, write))
        else:
            assert held is None
        if offered and dut.ready_o.value == 1:
            beat = next(todo, None)
        await RisingEdge(dut.clk_i)
        if beat is None and writes and writes[-1][1].last:
            return writes
    raise AssertionError


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(gaps=[never, bursty], stalls=[never, bursty, uneven])
async def every_byte_in_order(dut, gaps, stalls):
    beats = beats_of(np.random.default_rng(WORD), 120)
    writes = [write for _, write in await transfer(dut, beats, gaps(), stalls())]
    place = 0
    for write in writes:
        of = [beats[place]]
        if len(of[0].data) < len(write.data):
            of.append(beats[place + 1])
            assert of[1].address == of[0].address + len(of[0].data), "two beats that do not touch"
        place += len(of)
        assert (write.address, write.data) == (of[0].address, b"".join(beat.data for beat in of))
        assert write.last == of[-1].last and len(write.data) <= WORD
    assert place == len(beats)


@cocotb.test(timeout_time=100, timeout_unit="us")
async def catches_up(dut):
    """What a short stall held up is through as soon as without it, where a word holds two beats."""
    beats = [Beat(8 * index, bytes([index] * BUS), index == 39) for index in range(40)]
    free = (await transfer(dut, beats, never(), never()))[-1][0]
    assert free == len(beats)
    short = itertools.chain([False] * 10, [True] * (DEPTH - 2), itertools.repeat(False))
    late = (await transfer(dut, beats, never(), short))[-1][0] - free
    assert late == (0 if WORD >= 2 * BUS else DEPTH - 2)
