"""Where the beats of a Load go: a short queue, then the banks of the scratchpad, cycle by cycle (rtl/beat_queue.sv)."""

import math
from collections.abc import Callable

from accel_models.banks import Masks
from accel_models.requests import BeatRequests
from accel_models.row_lists import ListReader

_QUEUE = 4  # beats that wait for their bank
_STRETCH = 64  # cycles of the other engines' wishes that are fetched at once

Window = Callable[[int, int], Masks]  # (first cycle, cycles) -> what ports of higher priority want


class LoadDrain:
    """One Load. ``window`` has to be right for cycles in the past: the drain is asked only about those.

    A beat is taken from the channel when the memory has it and the queue has room, and written from the next cycle on;
    two that wait and touch are written at once where a word has room for both.
    """

    def __init__(self, requests: BeatRequests, begun: int, window: Window) -> None:
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
        base, above = 0, [0]
        cycle, stop = self._cycle, now
        while cycle < stop:
            waiting = len(self._taken) - self._written
            entry = self._list.wants(cycle)
            if not waiting and not entry:
                if (then := self._next_event(cycle)) is None or then >= stop:
                    break
                cycle = then
                entry = self._list.wants(cycle)
            if waiting or entry:
                if not base <= cycle < base + len(above) or base == 0:
                    base, above = cycle, self._window(cycle, min(_STRETCH, stop - cycle)).tolist()
                if not entry:
                    self._write(above[cycle - base], waiting)
                elif not entry & above[cycle - base]:
                    self._list.grant(cycle)
            comes = len(self._taken) < self._offered and cycle >= max(self._from, self._ready(self.due))
            if comes and waiting < _QUEUE:
                self._taken.append(cycle)
                more = len(self._taken) < self._offered
                self.due = max(self.due, cycle) + (self._pace if more else 0.0)
            cycle += 1
        self._cycle = max(self._cycle, stop)

    def _next_event(self, cycle: int) -> int | None:
        """When nothing waits for a bank: the next cycle in which a beat comes or an entry is asked for."""
        found = []
        if len(self._taken) < self._offered:
            found.append(max(cycle, self._from, self._ready(self.due)))
        if self._list.next_asked is not None:
            found.append(max(cycle, self._list.next_asked))
        return min(found, default=None)

    def _write(self, above: int, waiting: int) -> None:
        beat = self._written
        pair = waiting > 1 and self._joined[beat]
        if not above & (self._joined[beat] if pair else self._single[beat]):
            self._written += 2 if pair else 1
