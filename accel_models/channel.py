"""The read channel of the AXI4 master: command fetches and loads share it burst by burst, in the order of addresses.

A memory answers an address phase of cycle t with beat k in cycle ``t + latency - 1 + ceil(k * pace)`` at the earliest;
beats come in the order of the addresses, one a cycle; a memory keeps its pace over bursts that queue in it. These are
the rules of rtl/bench/axi_memory.sv. One address phase fits in a cycle; a fetch goes before a load. Beats of a fetch
are always taken, those of a load when there is room on their way to the scratchpad (drain.py), and what comes behind
them waits. The stores' channel disturbs nothing.
"""

from collections import deque
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field

import simpy

from accel_models.drain import LoadDrain
from accel_models.memory import beat_cycle

AHEAD_BEATS = 32  # a load has no new address phase while as many beats are under way
OUTSTANDING = 32  # bursts under way at most, of loads and fetches together (axi_read_mux)


@dataclass(frozen=True, slots=True)
class _Burst:
    """``address``: cycle of the address phase. ``drain``: where a load's beats go; None: a fetch, whose ``arrived`` is
    told the cycle of the last beat as soon as that is known."""

    address: int
    memory: int
    beats: int
    drain: LoadDrain | None = None
    arrived: Callable[[int], None] | None = None


@dataclass(slots=True)
class ReadChannel:
    """``speed``: latency in cycles and cycles per beat of each memory, by number."""

    speed: Mapping[int, tuple[int, float]]
    last_address: int = -1  # cycle of the last address phase so far
    first_beat: int = -1  # cycle of the first beat of the last fetch so far
    last_beat: int = -1  # cycle of the last beat taken so far
    paced: dict[int, float] = field(default_factory=dict)  # when each memory has kept its pace since its last beat
    under_way: deque[_Burst] = field(default_factory=deque)
    ends: deque[int] = field(default_factory=deque)  # last beats to come of bursts that are not in ``under_way``
    asked: simpy.Event | None = None  # the channel is idle

    def serve(self, env: simpy.Environment) -> Generator[simpy.Event, None, None]:
        """The process that brings the bursts, in order, for ever."""
        while True:
            if not self.under_way:
                self.asked = env.event()
                yield self.asked
            burst = self.under_way[0]
            if burst.drain is None:
                self._fetched(burst)
            else:
                yield from self._fill(env, burst, burst.drain)
            self.under_way.popleft()

    def rest(self) -> None:
        """Nothing is under way: between two segments the memories come to rest."""
        self.under_way.clear()
        self.ends.clear()
        self.paced.clear()
        self.last_address = self.last_beat = -1

    def full(self, cycle: int) -> bool:
        """Whether there is no room for another burst; to be asked after the beats of the cycle before."""
        while self.ends and self.ends[0] < cycle:
            self.ends.popleft()
        return len(self.ends) + len(self.under_way) >= OUTSTANDING

    def fetch(
        self, env: simpy.Environment, memory: int, beats: int, arrived: Callable[[int], None]
    ) -> Generator[simpy.Event, None, None]:
        """The address phase of a fetch, in this cycle or as soon as there is room; ends with its cycle."""
        if not self.full(int(env.now)):
            self._ask(_Burst(int(env.now), memory, beats, arrived=arrived))
            yield env.timeout(1)
            return
        yield env.timeout(0.25)  # before a load asks
        while self.full(int(env.now)):
            yield env.timeout(1)
        self._ask(_Burst(int(env.now), memory, beats, arrived=arrived))
        yield env.timeout(0.75)

    def load(
        self, env: simpy.Environment, memory: int, planes: Sequence[Sequence[int]], drain: LoadDrain
    ) -> Generator[simpy.Event, None, None]:
        """The address phases of a load, from this cycle on; ends with its last write.

        ``planes``: beats of the bursts of each plane, where the load has a row list; otherwise of all, in one.
        """
        total, first = 0, True
        for plane, sizes in enumerate(planes):
            if drain.listed:
                yield from self._offset(env, plane, drain, first)
            for index, size in enumerate(sizes):
                lead = 0.5  # by then it is known whether a fetch has this cycle
                if not first:  # decided a cycle before it is made
                    while (soonest := drain.soonest(int(env.now), total - AHEAD_BEATS + 1)) is not None:
                        yield env.timeout(soonest + 1 - int(env.now))
                    lead = 1
                first = False
                if index == len(sizes) - 1:
                    drain.plane_done(int(env.now + lead) - 1)
                yield env.timeout(lead)
                while self.last_address == int(env.now) or self.full(int(env.now)):
                    yield env.timeout(1)
                self._ask(_Burst(int(env.now), memory, size, drain))
                total += size
        yield env.timeout(0.5)
        while (left := total - drain.written(int(env.now))) > 0:
            soonest = drain.soonest(int(env.now))  # and written in the cycle after
            yield env.timeout(-(-left // 2) if soonest is None else soonest + 2 - int(env.now))  # two at a time at best

    def _offset(
        self, env: simpy.Environment, plane: int, drain: LoadDrain, first: bool
    ) -> Generator[simpy.Event, None, None]:
        """Until the cycle in which the first burst of a listed plane may be decided on; of the first, be made."""
        while (taken := drain.offset_taken(plane, int(env.now))) is None:
            yield env.timeout(1)
        left = taken + 1 + first - int(env.now)
        if left > 0:
            yield env.timeout(left)

    def burst(self, address: int, memory: int, beats: int) -> int:
        """Cycle of the last beat of a burst whose beats are always taken. Bursts come in order of time."""
        latency, pace = self.speed[memory]
        due = max(self.paced.get(memory, 0.0), address + latency) + pace
        self.first_beat = first = max(beat_cycle(due), self.last_beat + 1)
        due = max(due, first) + (beats - 1) * pace
        self.paced[memory] = due
        self.last_beat = max(beat_cycle(due), first + beats - 1)
        return self.last_beat

    def _fetched(self, burst: _Burst) -> None:
        last = self.burst(burst.address, burst.memory, burst.beats)
        self.ends.append(last)
        if burst.arrived is not None:
            burst.arrived(last)

    def _ask(self, burst: _Burst) -> None:
        self.last_address = burst.address
        if burst.drain is None and self.asked is not None:  # nothing is before it
            self._fetched(burst)
            return
        self.under_way.append(burst)
        if self.asked is not None:
            asked, self.asked = self.asked, None
            asked.succeed()

    def _fill(self, env: simpy.Environment, burst: _Burst, drain: LoadDrain) -> Generator[simpy.Event, None, None]:
        """Bring a load's beats as they are taken."""
        latency, pace = self.speed[burst.memory]
        due = max(self.paced.get(burst.memory, 0.0), burst.address + latency) + pace
        drain.offer(burst.beats, due, pace, self.last_beat + 1)
        while (soonest := drain.soonest(int(env.now))) is not None:
            yield env.timeout(soonest + 1 - env.now)  # asked for at half a cycle, brought at whole ones
        self.paced[burst.memory], self.last_beat = drain.due, drain.last_taken
