"""Where the beats of a Load go: a short queue, then the banks of the scratchpad, cycle by cycle (rtl/beat_queue.sv)."""

from collections.abc import Callable
from math import ceil

from accel_models.banks import Masks
from accel_models.memory import EARLY, beat_cycle
from accel_models.requests import BeatRequests
from accel_models.row_lists import NEVER, ListReader

_QUEUE = 4  # beats that wait for their bank
_SLOW = 4  # cycles per beat of a memory for whose beats few cycles have to be looked at

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
        self._offered = self._taken = self._written = 0  # beats
        self._pace, self._from = 1.0, 0
        self._come: float = NEVER  # the next beat offered may be taken in no cycle before
        self.last_taken = -1  # cycle
        self.due = 0.0  # when the memory has the next beat, or has kept its pace since the last one

    def offer(self, beats: int, due: float, pace: float, first: int) -> None:
        """A burst is at the head of the channel: its first beat comes at ``due``, not before cycle ``first``."""
        self._offered += beats
        self.due, self._pace, self._from = due, pace, first
        self._come = max(first, beat_cycle(due))

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

    def written(self, now: int) -> int:
        """Beats written in cycles before ``now``."""
        self._advance(now)
        return self._written

    def soonest(self, now: int, beats: int | None = None) -> int | None:
        """The earliest cycle in which so many beats of the Load may have been taken, all those offered unless told.

        None where they have been, before ``now``.
        """
        self._advance(now)
        more = (self._offered if beats is None else beats) - self._taken
        if more <= 0:
            return None
        offered = min(more, self._offered - self._taken)
        if not offered:
            return now + more - 1
        taken = max(beat_cycle(self.due + (offered - 1) * self._pace), max(now, self._from) + offered - 1)
        return taken + more - offered

    def _advance(self, now: int) -> None:
        """Look at the cycles before ``now``. What every cycle needs is in local names: this is the innermost loop."""
        cycle = self._cycle
        if cycle >= now:
            return
        taken, written, come, due = self._taken, self._written, self._come, self.due
        offered, pace, single, joined = self._offered, self._pace, self._single, self._joined
        listed, entry = self.listed, 0
        above: Callable[[int], int] | None = None  # from cycle ``base`` on
        base = now
        while cycle < now:
            waiting = taken - written
            if listed:
                entry = self._list.wants(cycle)
            if waiting or entry:
                if above is None:
                    masks = self._window(cycle, now - cycle)
                    base, above = cycle, masks.item if pace > _SLOW else masks.tolist().__getitem__
                wanted = above(cycle - base)
                if entry:
                    if not entry & wanted:
                        self._list.grant(cycle)
                elif waiting > 1 and joined[written]:
                    if not joined[written] & wanted:
                        written += 2
                elif not single[written] & wanted:
                    written += 1
            elif cycle < come:  # nothing happens before the next beat, or the next entry
                cycle = min(ceil(come), self._list.asks)
                if listed or cycle >= now:
                    continue
            if come <= cycle and waiting < _QUEUE:
                taken, self.last_taken = taken + 1, cycle
                due = due if due > cycle else cycle
                come = NEVER
                if taken < offered:
                    due += pace
                    come = due - EARLY - 1
            cycle += 1
        self._cycle = now
        self._taken, self._written, self._come, self.due = taken, written, come, due
