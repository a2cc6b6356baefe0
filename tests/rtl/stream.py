"""What the testbenches share: gap patterns, lanes of wide ports, clock and reset, stream driver and collector."""

import itertools
import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, ReadOnly, RisingEdge
from numpy.typing import ArrayLike

Pattern = Callable[[], Iterator[bool]]


def parameter(name: str) -> int:
    """A parameter of the build under test."""
    return int(os.environ[f"PARAM_{name}"])


def never() -> Iterator[bool]:
    """No cycle is lost."""
    return itertools.repeat(False)


def bursty() -> Iterator[bool]:
    """Half of the cycles are lost, singly and in pairs."""
    return itertools.cycle([False, False, True, False, True, True])


def uneven() -> Iterator[bool]:
    """Long runs and long gaps, out of step with `bursty`."""
    return itertools.cycle([True] * 7 + [False] * 5 + [True] * 2 + [False] * 13)


def pack(lanes: ArrayLike, bits: int) -> int:
    """The lanes of a vector as one integer, lane 0 lowest; negative lanes in two's complement."""
    values = np.asarray(lanes, np.int64)
    if bits in (8, 32):
        return int.from_bytes(values.astype("<i1" if bits == 8 else "<i4").tobytes(), "little")
    mask, word = (1 << bits) - 1, 0
    for value in reversed(values.tolist()):
        word = (word << bits) | (value & mask)
    return word


def unpack(value: Any, dtype: str) -> np.ndarray:
    """The lanes of a wide port's value; `dtype` is '<i1' or '<i4'."""
    return np.frombuffer(value.to_bytes(byteorder="little"), dtype)


async def start(dut: Any, **inputs: int) -> None:
    """Free-running clock, inputs set, two cycles of reset where there is one."""
    Clock(dut.clk_i, 10, "ns").start()
    for name, value in inputs.items():
        getattr(dut, name).value = value
    if hasattr(dut, "rst_ni"):
        dut.rst_ni.value = 0
    await ClockCycles(dut.clk_i, 2)
    if hasattr(dut, "rst_ni"):
        dut.rst_ni.value = 1


async def drive(dut: Any, port: Any, words: Iterable[int], gaps: Iterator[bool]) -> None:
    """Offer the words on valid_i, ready_o and `port`, with gaps; returns when the last one is taken."""
    valid, ready, clock = dut.valid_i, dut.ready_o, dut.clk_i
    for word in words:
        while next(gaps):
            valid.value = 0
            await RisingEdge(clock)
        valid.value, port.value = 1, word
        await ReadOnly()
        while ready.value == 0:
            await RisingEdge(clock)
            await ReadOnly()
        await RisingEdge(clock)
    valid.value = 0


async def collect(dut: Any, stalls: Iterator[bool], out: list[Any]) -> None:
    """Take the words of valid_o, ready_i and data_o for ever; a word must hold still while it is stalled."""
    valid, ready, data, clock = dut.valid_o, dut.ready_i, dut.data_o, dut.clk_i
    held: Any = None
    while True:
        stalled = next(stalls)
        ready.value = int(not stalled)
        await ReadOnly()
        offered = data.value if valid.value == 1 else None
        assert held is None or offered == held, "a stalled word changed or went away"
        held = offered if stalled else None
        if offered is not None and not stalled:
            out.append(offered)
        await RisingEdge(clock)
