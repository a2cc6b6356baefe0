"""Drives `control` as its neighbours do: a command fetch, four engines of given durations, the host's registers."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cocotb.triggers import ReadOnly, RisingEdge

from accel_models import cost
from accel_models.channel import ReadChannel
from accel_models.commands import COMMAND_BYTES, Engine
from stream import start

ENGINES = len(Engine)


@dataclass(slots=True)
class Outcome:
    """Cycles are counted from the first busy one. ``starts``: per engine (cycle, command as started)."""

    starts: list[list[tuple[int, int]]] = field(default_factory=lambda: [[] for _ in range(ENGINES)])
    ends: list[list[int]] = field(default_factory=lambda: [[] for _ in range(ENGINES)])
    busy: list[int] = field(default_factory=lambda: [0] * ENGINES)
    stalled: list[int] = field(default_factory=lambda: [0] * ENGINES)
    dispatched: int = 0
    cycles: int = 0
    cause: int | None = None  # of a segment that failed


@dataclass(frozen=True, slots=True)
class Fetch:
    """The memory that holds the commands: latency, cycles per beat, beats of a command."""

    latency: int
    pace: float
    beats: int


async def prepare(dut: Any, registers: Mapping[int, int] | None = None) -> None:
    """Reset; scalar registers written by the host."""
    await start(
        dut, start_i=0, fetch_busy_i=0, command_valid_i=0, command_i=0, start_ready_i=0, done_i=0, stall_i=0, error_i=0,
        error_cause_i=0, scalar_write_i=0, scalar_index_i=0, scalar_data_i=0, host_write_i=0, host_index_i=0,
        host_data_i=0,
    )  # fmt: skip
    await write_registers(dut, registers or {})


async def write_registers(dut: Any, registers: Mapping[int, int]) -> None:
    for index, value in registers.items():
        dut.host_write_i.value, dut.host_index_i.value = 1, index
        dut.host_data_i.value = value & 0xFFFFFFFF
        await RisingEdge(dut.clk_i)
    dut.host_write_i.value = 0


async def run_segment(
    dut: Any,
    words: Sequence[int],
    durations: Mapping[int, Sequence[int]],
    fetch: Fetch,
    *,
    scalars: Callable[[int], tuple[int, int] | None] = lambda word: None,
    fault: tuple[int, int] | None = None,
    limit: int = 20_000,
) -> Outcome:
    """One segment.

    ``durations``: by engine, in order, each at least 2. ``scalars``: what a command of the vector engine writes when it
    ends, (register, value). ``fault``: (cycle, cause) of an error from outside.
    """
    out, arrivals = Outcome(), deque[int]()
    channel = ReadChannel({0: (fetch.latency, fetch.pace)})
    todo = {engine: deque(durations[engine]) for engine in range(ENGINES)}
    running: list[tuple[int, int] | None] = [None] * ENGINES  # (last cycle, command)
    place, asked, stopped = 0, 0, False
    dut.start_i.value = 1
    await RisingEdge(dut.clk_i)
    dut.start_i.value = 0
    for cycle in range(limit):
        if cycle >= cost.COMMAND_FETCH_START and asked < len(words) and asked - place < cost.COMMAND_FETCH_AHEAD:
            arrivals.append(channel.burst(cycle, 0, fetch.beats) + 1)
            asked += 1
        offered = bool(arrivals) and cycle >= arrivals[0] and not stopped
        dut.command_valid_i.value = int(offered)
        if offered:
            dut.command_i.value = words[place]
        dut.start_ready_i.value = sum(1 << e for e in range(ENGINES) if running[e] is None)
        ending = [e for e in range(ENGINES) if (item := running[e]) is not None and item[0] == cycle]
        dut.done_i.value = sum(1 << e for e in ending)
        write = scalars(running[Engine.VECTOR][1]) if Engine.VECTOR in ending else None  # type: ignore[index]
        dut.scalar_write_i.value = int(write is not None)
        if write is not None:
            dut.scalar_index_i.value, dut.scalar_data_i.value = write[0], write[1] & 0xFFFFFFFF
        hit = fault is not None and fault[0] == cycle
        dut.error_i.value, dut.error_cause_i.value = int(hit), fault[1] if fault is not None and hit else 0
        await ReadOnly()
        assert dut.busy_o.value == 1
        assert dut.fetch_start_o.value == 0
        valid, commands = dut.start_valid_o.value.to_unsigned(), None
        for e in range(ENGINES):
            if valid >> e & 1 and running[e] is None:
                commands = commands or dut.command_o.value.to_bytes(byteorder="little")
                word = int.from_bytes(commands[e * COMMAND_BYTES : (e + 1) * COMMAND_BYTES], "little")
                out.starts[e].append((cycle, word))
                running[e] = (cycle + todo[e].popleft() - 1, word)
                assert running[e] != cycle
            elif e in ending:
                out.ends[e].append(cycle + 1)
                running[e] = None
            out.busy[e] += dut.engine_busy_o.value.to_unsigned() >> e & 1
            out.stalled[e] += dut.engine_stalled_o.value.to_unsigned() >> e & 1
        out.dispatched += int(dut.dispatched_o.value == 1)
        if offered and dut.command_ready_o.value == 1:
            arrivals.popleft()
            place += 1
        stopped = stopped or dut.fetch_stop_o.value == 1
        finished = dut.done_o.value == 1 or dut.failed_o.value == 1
        if dut.failed_o.value == 1:
            out.cause = dut.cause_o.value.to_unsigned()
        await RisingEdge(dut.clk_i)
        if finished:
            out.cycles = cycle + 1
            dut.done_i.value, dut.command_valid_i.value, dut.error_i.value = 0, 0, 0
            assert all(item is None for item in running), "an engine still runs after the segment"
            await ReadOnly()
            assert dut.busy_o.value == 0
            await RisingEdge(dut.clk_i)
            return out
    raise AssertionError(f"the segment does not end: {place} of {len(words)} commands taken, {running=}")
