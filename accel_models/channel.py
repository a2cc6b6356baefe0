"""The read channel of the AXI4 master: command fetches and loads share it burst by burst, in the order of addresses.

A memory answers an address phase of cycle t with beat k in cycle ``t + latency - 1 + ceil(k * pace)`` at the earliest;
beats come in the order of the addresses, one a cycle; a memory keeps its pace over bursts that queue in it. These are
the rules of rtl/bench/axi_memory.sv. The stores' channel disturbs nothing.
"""

import math
from collections import deque
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import simpy

_PAGE_BYTES = 4096  # no burst crosses a border of these
AHEAD_BEATS = 32  # a load has no new address phase while as many beats are under way


@dataclass(slots=True)
class ReadChannel:
    """``speed``: latency in cycles and cycles per beat of each memory, by number."""

    speed: Mapping[int, tuple[int, float]]
    last_beat: int = -1  # cycle of the channel's last beat so far
    phase: int = -1  # cycle of the last address phase
    first: int = -1  # cycle of the first beat of the last burst
    due: float = 0.0  # when its memory had it
    paced: dict[int, float] = field(default_factory=dict)  # when each memory has kept its pace since its last beat

    def burst(self, now: int, memory: int, beats: int) -> int:
        """Cycle of the last beat of a burst whose address phase is in cycle ``now``. Bursts come in order of time."""
        latency, pace = self.speed[memory]
        due = max(self.paced.get(memory, 0.0), now + latency) + pace
        first = max(math.ceil(due - 1e-6) - 1, self.last_beat + 1)
        self.due = max(due, first)
        due = self.due + (beats - 1) * pace
        self.paced[memory] = due
        self.last_beat = max(math.ceil(due - 1e-6) - 1, first + beats - 1)
        self.phase, self.first = now, first
        return self.last_beat

    def load(self, env: simpy.Environment, memory: int, bursts: Sequence[int]) -> Generator[simpy.Event, None, int]:
        """The bursts of a load, beats of each; returns the cycle of its last beat.

        An address phase of a command fetch in the same cycle goes first.
        """
        under_way: deque[tuple[int, int, float]] = deque()  # beats, cycle of the first, when it was due
        waiting = last = 0  # beats of the bursts in ``under_way``
        for index, size in enumerate(bursts):
            yield env.timeout(0)
            while self.phase == env.now:
                yield env.timeout(1)
            last = self.burst(int(env.now), memory, size)
            under_way.append((size, self.first, self.due))
            waiting += size
            while waiting - under_way[0][0] >= AHEAD_BEATS:
                waiting -= under_way.popleft()[0]
            if index + 1 < len(bursts):
                yield env.timeout(max(1, self._room(under_way[0], waiting, memory) - int(env.now)))
        return last

    def _room(self, oldest: tuple[int, int, float], waiting: int, memory: int) -> int:
        """First cycle with an address phase after ``waiting`` beats, of which ``oldest`` are the first to come."""
        beat = waiting - AHEAD_BEATS  # the last one that has to be there
        if beat < 0:
            return 0
        _, first, due = oldest
        return max(math.ceil(due + beat * self.speed[memory][1] - 1e-6) - 1, first + beat) + 2


def bursts_of(fields: Any, hw: Any) -> list[tuple[int, ...]]:
    """Beats of every burst of transfers, ``fields`` arrays: run after run, none over ``max_burst_beats`` or 4 KiB."""
    names = ("bus_address", "row_bytes", "rows", "planes", "bus_row_stride", "bus_plane_stride")
    columns = (np.asarray(getattr(fields, name)).tolist() for name in names)
    bus, most = int(hw.bus_bytes), int(hw.max_burst_beats)
    return [_bursts(values, bus, most) for values in zip(*columns, strict=True)]


def _bursts(values: Sequence[int], bus: int, most: int) -> tuple[int, ...]:
    address, row_bytes, rows, planes, row_stride, plane_stride = values
    if not row_bytes:
        return ()
    found: list[int] = []
    for plane in range(planes):
        for row in range(rows):
            start = address + plane * plane_stride + row * row_stride
            word, stop = start // bus, -(-(start + row_bytes) // bus)
            while word < stop:
                size = min(stop - word, most, _PAGE_BYTES // bus - word % (_PAGE_BYTES // bus))
                found.append(size)
                word += size
    return tuple(found)
