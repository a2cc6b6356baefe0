"""The read channel of the AXI4 master: command fetches and loads share it burst by burst, in the order of addresses.

A memory answers an address phase of cycle t with beat k in cycle ``t + latency - 1 + ceil(k * pace)`` at the earliest;
beats come in the order of the addresses, one a cycle; a memory keeps its pace over bursts that queue in it. These are
the rules of rtl/bench/axi_memory.sv. The stores' channel disturbs nothing.
"""

import math
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field

import simpy

AHEAD_BEATS = 32  # a load has no new address phase while as many beats are under way


@dataclass(slots=True)
class ReadChannel:
    """``speed``: latency in cycles and cycles per beat of each memory, by number."""

    speed: Mapping[int, tuple[int, float]]
    last_beat: int = -1  # cycle of the channel's last beat so far
    paced: dict[int, float] = field(default_factory=dict)  # when each memory has kept its pace since its last beat

    def burst(self, now: int, memory: int, beats: int) -> int:
        """Cycle of the last beat of a burst whose address phase is in cycle ``now``. Bursts come in order of time."""
        latency, pace = self.speed[memory]
        due = max(self.paced.get(memory, 0.0), now + latency) + pace
        first = max(math.ceil(due - 1e-6) - 1, self.last_beat + 1)
        due = max(due, first) + (beats - 1) * pace
        self.paced[memory] = due
        self.last_beat = max(math.ceil(due - 1e-6) - 1, first + beats - 1)
        return self.last_beat

    def load(self, env: simpy.Environment, memory: int, beats: int, bursts: int) -> Generator[simpy.Event, None, int]:
        """The bursts of a load, as long as each other as can be; returns the cycle of its last beat."""
        under_way: list[tuple[int, int]] = []  # (last cycle, beats)
        last = 0
        for index in range(bursts):
            size = (index + 1) * beats // bursts - index * beats // bursts
            last = self.burst(int(env.now), memory, size)
            under_way.append((last, size))
            if index + 1 < bursts:
                yield env.timeout(max(1, self._room(under_way, memory) - int(env.now)))
        return last

    def _room(self, under_way: list[tuple[int, int]], memory: int) -> int:
        """First cycle in which fewer than AHEAD_BEATS of these beats are still to come; drops what has come by then."""
        allowed = AHEAD_BEATS - 1
        for place in range(len(under_way) - 1, -1, -1):
            end, size = under_way[place]
            if size > allowed:
                del under_way[:place]
                return end - math.floor(allowed * self.speed[memory][1]) + 1
            allowed -= size
        return 0
