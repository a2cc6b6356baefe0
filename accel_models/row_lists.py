"""Row lists: when the offsets of a listed transfer are read, and when its address phases may follow (rtl/row_list.sv).

One entry is kept ahead. It is asked for on the engine's scratchpad port, before the engine's own beats; the walk over
the bursts takes it when the plane before has had its last one, and then the next entry is asked for.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from accel_models.banks import Masks
from accel_models.memory import beat_cycle
from accel_models.replay import Timeline
from accel_models.requests import BeatRequests

NEVER = 1 << 62  # a cycle that no program reaches
_FIRST_ASKED = 1  # cycle of a command in which its first entry is asked for
_TO_WALK = 2  # cycles from the grant of an entry to the one in which the walk can take it
_BEATS = 4  # between scratchpad and bus (dma_store)
_TO_BUS = 2  # cycles from the grant of a beat to the one in which the bus may take it
_LENGTHS = 4  # bursts whose address phase was made and whose data are not through (dma_store)
_RESPONSES = 31  # no address phase is decided on while as many are due (dma_store)

Window = Callable[[int, int], Masks]


@dataclass(slots=True)
class ListReader:
    """The entries of one transfer, ``masks`` their banks; cycles are those of whoever asks."""

    masks: Sequence[int]
    begun: int  # cycle in which the command was accepted
    taken: list[int] = field(default_factory=list)  # cycles in which the walk took each entry
    asks: int = NEVER  # first cycle in which the next entry is asked for, as far as is known
    _granted: int | None = None  # cycle in which the entry that is kept was granted
    _allowed: int | None = None  # first cycle in which the walk may take it
    _asked: int = 0  # entries granted

    def __post_init__(self) -> None:
        if self.masks:
            self.asks = self.begun + _FIRST_ASKED
            self._allowed = self.begun + 1

    def wants(self, cycle: int) -> int:
        """Banks of the entry asked for in this cycle; 0: none is."""
        return self.masks[self._asked] if cycle >= self.asks else 0

    def grant(self, cycle: int) -> None:
        self._granted, self.asks = cycle, NEVER
        self._asked += 1
        self._take()

    def allow(self, cycle: int) -> None:
        """The walk is done with a plane, and may take the next entry from this cycle on."""
        if len(self.taken) < len(self.masks):
            self._allowed = cycle
            self._take()

    def _take(self) -> None:
        if self._granted is None or self._allowed is None:
            return
        cycle = max(self._granted + _TO_WALK, self._allowed)
        self.taken.append(cycle)
        self._granted = self._allowed = None
        if self._asked < len(self.masks):
            self.asks = cycle + 1


def store(
    requests: BeatRequests, planes: Sequence[Sequence[int]], setup: int, memory: tuple[int, float], window: Window
) -> Timeline:
    """A listed Store up to its last beat on the bus.

    ``planes``: beats of the bursts of each plane; ``memory``: latency and cycles per beat.
    """
    return _Store(requests, planes, setup, memory, window).run()


class _Store:
    """dma_store cycle by cycle: entries, address phases, reads and beats."""

    def __init__(
        self,
        requests: BeatRequests,
        planes: Sequence[Sequence[int]],
        setup: int,
        memory: tuple[int, float],
        window: Window,
    ) -> None:
        self.reader = ListReader(requests.lists.tolist(), 0)
        self.masks = requests.masks.tolist()
        self.bursts = [(size, index == len(sizes) - 1) for sizes in planes for index, size in enumerate(sizes)]
        self.opens = {0} | {index + 1 for index, (_, last) in enumerate(self.bursts) if last}
        self.first = setup - _TO_BUS
        self.latency, self.pace = memory
        self.window = window
        self.wanted: list[int] = []
        self.decided = 0  # bursts whose address phase stands or stood at the output
        self.planes_done = 0
        self.offered = False  # an address phase stands at the output
        self.lengths: deque[tuple[int, int]] = deque()  # beats left of each burst, first cycle in which they may come
        self.due = 0  # responses
        self.responses: deque[int] = deque()  # cycles in which they come
        self.ready: deque[int] = deque()  # cycles from which each beat read may be taken
        self.read = 0
        self.time = 0.0  # when the memory has kept its pace
        self.since: int | None = None  # first cycle in which a beat has been on offer

    def run(self) -> Timeline:
        sent, cycle, above = 0, 0, np.zeros(0, np.uint64)
        base = 0
        while sent < len(self.masks):
            if cycle - base >= len(above):
                base, above = cycle, self.window(cycle, 64)
            sent += self._step(cycle, int(above[cycle - base]))
            cycle += 1
        return Timeline(cycle, np.array(self.wanted, np.uint64))

    def _step(self, cycle: int, above: int) -> bool:
        """One cycle; whether a beat went over the bus."""
        used, lengths = len(self.ready), len(self.lengths)  # as they were before this cycle
        sends = self._sends(cycle)
        self._addresses(cycle, lengths)
        entry = self.reader.wants(cycle)
        reads = not entry and cycle >= self.first and self.read < len(self.masks) and used < _BEATS
        mask = entry or (self.masks[self.read] if reads else 0)
        self.wanted.append(mask)
        if mask and not mask & above:
            if entry:
                self.reader.grant(cycle)
            else:
                self.ready.append(cycle + _TO_BUS)
                self.read += 1
        return sends

    def _sends(self, cycle: int) -> bool:
        there = bool(self.ready) and self.ready[0] <= cycle and bool(self.lengths) and self.lengths[0][1] <= cycle
        if not there:
            self.since = None
            return False
        if self.since is None:
            self.since = cycle
        due = max(self.time, self.since) + self.pace
        if cycle < beat_cycle(due):
            return False
        self.time = max(due, cycle)
        self.ready.popleft()
        left, start = self.lengths.popleft()
        if left > 1:
            self.lengths.appendleft((left - 1, start))
        else:
            self.responses.append(cycle + self.latency)
        return True

    def _addresses(self, cycle: int, lengths: int) -> None:
        """The address phase of this cycle, and whether another is decided on for the next."""
        due = self.due  # a response that comes now and a phase made now count from the next cycle on
        if self.responses and self.responses[0] <= cycle:
            self.responses.popleft()
            self.due -= 1
        sent = self.offered and lengths < _LENGTHS
        if sent:
            self.lengths.append((self.bursts[self.decided - 1][0], cycle + 1))
            self.due += 1
            self.offered = False
        if cycle < self.first or due >= _RESPONSES or self.offered or self.decided == len(self.bursts):
            return
        if self.decided in self.opens:  # the first burst of a plane, behind the cycle that took its entry
            taken = self.reader.taken
            if len(taken) <= self.planes_done or taken[self.planes_done] >= cycle:
                return
        _, last = self.bursts[self.decided]
        self.decided += 1
        self.offered = True
        if last:
            self.planes_done += 1
            self.reader.allow(cycle + 1)
