"""Where the beats of a Load go: a short queue, then the banks of the scratchpad, cycle by cycle (rtl/beat_queue.sv)."""

import math
from collections.abc import Callable

import numpy as np

from accel_models.banks import Masks
from accel_models.requests import BeatRequests
from accel_models.row_lists import ListReader

_QUEUE = 4  # beats that wait for their bank
_STRETCH = 64  # cycles of the other engines' wishes that are fetched at once
# Beats that come this far apart, in cycles, and are as many as this are looked at all at once; not for this many cycles
# after one that had to wait.
_SLOW, _WORTH_IT, _QUIET = 2.0, 6, 12

Window = Callable[[int, int], Masks]  # (first cycle, cycles) -> what ports of higher priority want


class LoadDrain:
    """One Load. ``window`` has to be right for cycles in the past: the drain is asked only about those.

    A beat is taken from the channel when the memory has it and the queue has room, and written from the next cycle on;
    two that wait and touch are written at once where a word has room for both.
    """

    def __init__(self, requests: BeatRequests, begun: int, window: Window) -> None:
        self._masks = requests.masks
        self._single, self._joined = requests.masks.tolist(), requests.joined.tolist()
        self._list = ListReader(requests.lists.tolist(), begun)
        self._window = window
        self._cycle = begun  # the next to be looked at
        self._taken: list[int] = []  # cycles
        self._written = 0  # beats
        self._offered, self._pace, self._from = 0, 1.0, 0
        self.due = 0.0  # when the memory has the next beat, or has kept its pace since the last one

    @property
    def last_taken(self) -> int:
        return self._taken[-1]

    def offer(self, beats: int, due: float, pace: float, first: int) -> None:
        """A burst is at the head of the channel: its first beat comes at ``due``, not before cycle ``first``."""
        self._offered += beats
        self.due, self._pace, self._from = due, pace, first

    @property
    def listed(self) -> bool:
        return bool(self._list.masks)

    def plane_done(self, decided: int) -> None:
        """The last burst of a plane was decided on in cycle ``decided``."""
        self._list.allow(decided + 1)

    def offset_taken(self, plane: int, now: int) -> int | None:
        """The cycle in which the address walk takes the offset of a plane; None where that is not known yet."""
        self._advance(now)
        return self._list.taken[plane] if plane < len(self._list.taken) else None

    def taken(self, now: int) -> int:
        """Beats taken in cycles before ``now``."""
        self._advance(now)
        return len(self._taken)

    def written(self, now: int) -> int:
        """Beats written in cycles before ``now``."""
        self._advance(now)
        return self._written

    def soonest(self, now: int, beats: int | None = None) -> int | None:
        """The earliest cycle in which so many more of the beats offered may have been taken, all of them unless told.

        None where all have been, before ``now``.
        """
        self._advance(now)
        left = self._offered - len(self._taken)
        if not left:
            return None
        more = (left if beats is None else min(beats, left)) - 1
        return max(self._ready(self.due + more * self._pace), max(now, self._from) + more)

    @staticmethod
    def _ready(due: float) -> int:
        return math.ceil(due - 1e-6) - 1

    def _advance(self, now: int) -> None:
        """Look at the cycles before ``now``. What every cycle needs is in local names: this is the innermost loop."""
        cycle, stop, listed = self._cycle, now, self.listed
        if cycle >= stop:
            return
        taken, written, offered = self._taken, self._written, self._offered
        single, joined = self._single, self._joined
        base, above, alone = 0, [0], 0
        come = self._next_beat()
        while cycle < stop:
            waiting = len(taken) - written
            if (
                waiting < 2
                and cycle >= alone
                and self._pace >= _SLOW
                and offered - len(taken) >= _WORTH_IT
                and not listed
            ):
                self._written = written
                cycle = self._stream(cycle, stop)
                written, come, alone = self._written, self._next_beat(), cycle + _QUIET
                continue
            entry = self._list.wants(cycle) if listed else 0
            if not waiting and not entry:
                asked = self._list.next_asked if listed else None
                then = max(cycle, come if asked is None else min(come, asked))
                if then >= stop:
                    break
                cycle = int(then)
                entry = self._list.wants(cycle) if listed else 0
            if waiting or entry:
                if not base <= cycle < base + len(above) or base == 0:
                    base, above = cycle, self._window(cycle, min(_STRETCH, stop - cycle)).tolist()
                wanted = above[cycle - base]
                if entry:
                    if not entry & wanted:
                        self._list.grant(cycle)
                elif waiting > 1 and joined[written]:
                    if not wanted & joined[written]:
                        written += 2
                elif not wanted & single[written]:
                    written += 1
            if cycle >= come and waiting < _QUEUE:
                taken.append(cycle)
                self.due = max(self.due, cycle) + (self._pace if len(taken) < offered else 0.0)
                come = self._next_beat()
            cycle += 1
        self._written, self._cycle = written, stop

    def _stream(self, cycle: int, stop: int) -> int:
        """Beats that are written in the cycle after they were taken, up to the first that would wait or to ``stop``.

        At most one waits in ``cycle``. Returns the first cycle that has not been looked at.
        """
        waits = len(self._taken) - self._written
        beats = np.arange(self._offered - len(self._taken))
        first = max(cycle, self._from, self._ready(self.due))
        due = max(self.due, first)
        taken = np.maximum(first + beats, np.ceil(due + beats * self._pace - 1e-6).astype(np.int64) - 1)
        taken[0] = first
        writes = np.concatenate([np.full(waits, cycle), taken + 1])
        writes = writes[: np.searchsorted(writes, stop)]
        end = stop
        if len(writes):
            above = self._window(cycle, int(writes[-1]) + 1 - cycle)
            held = np.flatnonzero(above[writes - cycle] & self._masks[self._written : self._written + len(writes)])
            if len(held):
                end = int(writes[held[0]])
                writes = writes[: held[0]]
        taken = taken[: np.searchsorted(taken, end)]
        self._written += len(writes)
        self._taken += taken.tolist()
        if len(taken):
            more = len(self._taken) < self._offered
            self.due = due + (len(taken) - 1 + more) * self._pace
        return end

    def _next_beat(self) -> float:
        """The first cycle in which a beat may be taken; infinite where none is left."""
        if len(self._taken) == self._offered:
            return math.inf
        return max(self._from, self._ready(self.due))
