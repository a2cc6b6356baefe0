"""When a command makes its requests of the scratchpad, and when they are granted: the timelines of the engines.

Cycles count from the start of a command. A port asks for the request at its head until it is granted, one a cycle; what
it asks for stands in the way of every port of lower priority: activations (always granted), weights, vector read,
vector write, store, load. So the matrix engine's timeline depends on nothing but its command, the vector engine's on
the matrix engine's, and so on. Between stalls everything moves as in cost.py, so that long stretches are checked at
once and only what is held up is walked cycle by cycle.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accel_models.banks import Masks
from accel_models.cost import ACCUMULATE_LATENCY, MATRIX_START, VECTOR_DRAIN, VECTOR_START
from accel_models.requests import BeatRequests, MatrixRequests, VectorRequests

Int64 = NDArray[np.int64]
Window = Callable[[int, int], Masks]  # (first cycle, cycles) -> what ports of higher priority want

_FIRST_OPERAND = 2  # cycle in which both address generators of the matrix engine ask for their first vector
_AHEAD = 2  # vectors of an operand that are under way or wait at most (operand_stream)
_QUIET = 16  # cycles without a stall after which a stretch is worth checking at once
_STORE_QUEUE = 4  # beats between scratchpad and bus (dma_store)
_STORE_LATENCY = 2  # from the grant of a read to its beat on the bus


@dataclass(frozen=True, slots=True)
class Timeline:
    """``cycles`` of a command from its start to its end; ``wanted`` uint64: what its ports want in each."""

    cycles: int
    wanted: Masks


def matrix(requests: MatrixRequests) -> Timeline:
    """The matrix engine, whose weights wait for its activations."""
    return _outer(requests) if requests.drains else _weight_stationary(requests)


def _weight_stationary(requests: MatrixRequests) -> Timeline:
    """DOT and DEPTHWISE: the weights of a tile load while the tile before computes."""
    acts, weights, slots = requests.activations.tolist(), requests.weights.tolist(), requests.slots
    step = max(slots, ACCUMULATE_LATENCY)
    act: dict[int, int] = dict(zip((_FIRST_OPERAND, _FIRST_OPERAND + 1), acts[:_AHEAD], strict=False))
    want: dict[int, int] = {}
    asked, before, taken, begin = _FIRST_OPERAND - 1, -2, -1, MATRIX_START  # of the last weight vector; its predecessor
    vector, busy_until = 0, 0
    for tile, count in enumerate(requests.loads):
        for mask in weights[vector : vector + count]:
            cycle = max(asked + 1, before + 1)
            while act.get(cycle, 0) & mask:
                want[cycle] = want.get(cycle, 0) | mask
                cycle += 1
            want[cycle] = want.get(cycle, 0) | mask
            asked, before, taken = cycle, taken, max(cycle + 1, taken + 1, begin)
        vector += count
        begin = max(taken + 1, busy_until)  # the swap; the next tile's vectors may come from here on
        busy_until = begin + step
        ahead = tile * slots + _AHEAD
        act.update(zip(range(begin + 1, begin + 1 + slots), acts[ahead : ahead + slots], strict=False))
    return _timeline(busy_until + requests.drain, act, want)


def _outer(requests: MatrixRequests) -> Timeline:
    """OUTER: a slot takes an activation and a gradient; a tile ends with a cycle for every row it drains."""
    acts, weights, slots = requests.activations.tolist(), requests.weights.tolist(), requests.slots
    act: dict[int, int] = {}
    want: dict[int, int] = {}
    taken = [-2, -1]  # cycles of the two slots before
    act_asked = weight_asked = _FIRST_OPERAND - 1
    begin = MATRIX_START
    pending: deque[int] = deque()  # cycles in which the next activations were asked for
    for slot, mask in enumerate(weights):
        while len(pending) < _AHEAD and slot + len(pending) < len(acts):
            nth = slot + len(pending)  # may be asked for when the one two before it was taken
            act_asked = max(act_asked + 1, taken[nth - slot] + 1)
            act[act_asked] = acts[nth]
            pending.append(act_asked)
        cycle = max(weight_asked + 1, taken[0] + 1)
        while act.get(cycle, 0) & mask:
            want[cycle] = want.get(cycle, 0) | mask
            cycle += 1
        want[cycle] = want.get(cycle, 0) | mask
        weight_asked = cycle
        at = max(begin, taken[1] + 1, weight_asked + 1, pending.popleft() + 1)
        taken = [taken[1], at]
        if (slot + 1) % slots == 0:
            begin = at + 1 + requests.drains[slot // slots]
    return _timeline(begin + requests.drain, act, want)


def _timeline(cycles: int, act: dict[int, int], want: dict[int, int]) -> Timeline:
    wanted = np.zeros(cycles, np.uint64)
    for part in (act, want):
        at = np.fromiter(part.keys(), np.int64, len(part))
        wanted[at] |= np.fromiter(part.values(), np.uint64, len(part))
    return Timeline(cycles, wanted)


def vector(requests: VectorRequests, window: Window) -> Timeline:
    """The vector engine: a read that waits holds up what follows, a write that waits stops all a cycle later."""
    return _VectorEngine(requests, window).run()


class _VectorEngine:
    """``turn``: times the pipeline has moved. A result comes to the writer at a turn and is offered a cycle later."""

    def __init__(self, requests: VectorRequests, window: Window) -> None:
        self.reads, self.writes = requests.reads, requests.writes
        self.window = window
        self.cycle, self.turn, self.read = VECTOR_START, 0, 0
        self.emits = requests.emits  # [results] read that gives each
        self.emitted = self.written = 0  # results whose read was made, results that have been written
        self.due: deque[int] = deque()  # turns in which emitted results come
        self.out = self.spare = False  # the two entries of the writer hold results ``written`` and the next
        self.wanted: list[int] = [0] * VECTOR_START

    def run(self) -> Timeline:
        while self.written < len(self.writes):
            if not self.spare:
                self._leap()
            if self.written < len(self.writes):
                self._walk()
        return Timeline(self.cycle, np.array(self.wanted, np.uint64))

    def _leap(self) -> None:
        """All cycles up to the first in which a request would wait."""
        reads, turn, now = self.reads[self.read :], self.turn, self.cycle
        arrivals = np.concatenate(
            [
                np.zeros(int(self.out), np.int64),
                np.array(self.due, np.int64) - turn + 1,
                self.emits[self.emitted :] - self.read + VECTOR_DRAIN,
            ]
        )  # cycles from now on in which results are offered
        length = int(arrivals[-1]) + 1
        read, write = np.zeros(length, np.uint64), np.zeros(length, np.uint64)
        read[: len(reads)] = reads
        write[arrivals] = self.writes[self.written :]
        above = self.window(now, length)
        held = np.flatnonzero((read & above) | (write & (above | read)))
        free = int(held[0]) if len(held) else length
        self.wanted += (read | write)[:free].tolist()
        self.cycle, self.turn = now + free, turn + free
        made = min(self.read + free, len(self.reads))
        emitted = int(np.searchsorted(self.emits, made))
        self.due.extend((turn + self.emits[self.emitted : emitted] - self.read + VECTOR_DRAIN - 1).tolist())
        self.read, self.emitted = made, emitted
        offered = int(np.searchsorted(arrivals, free, side="right"))  # in a cycle up to the one that comes
        self.written += int(np.searchsorted(arrivals, free))
        self.out = offered > int(np.searchsorted(arrivals, free))
        while self.due and self.due[0] < self.turn:
            self.due.popleft()

    def _walk(self) -> None:
        """Cycle by cycle until nothing has waited for a while."""
        last, quiet = len(self.writes), 0
        above = self.window(self.cycle, 4 * _QUIET).tolist()
        base = self.cycle
        while self.written < last and (quiet < _QUIET or self.spare):
            if self.cycle - base == len(above):
                base, above = self.cycle, self.window(self.cycle, 4 * _QUIET).tolist()
            quiet = 0 if self._step(above[self.cycle - base]) else quiet + 1

    def _step(self, above: int) -> bool:
        """One cycle; whether a request waited."""
        moves = not self.spare
        more = moves and self.read < len(self.reads)
        reading = int(self.reads[self.read]) if more else 0
        writing = int(self.writes[self.written]) if self.out else 0
        granted = not writing & (above | reading)
        self.wanted.append(reading | writing)
        arrives = moves and bool(self.due) and self.due[0] == self.turn
        if arrives:
            self.due.popleft()
        made = more and not reading & above
        if made:
            if self.emitted < len(self.emits) and self.emits[self.emitted] == self.read:
                self.due.append(self.turn + VECTOR_DRAIN - 1)
                self.emitted += 1
            self.read += 1
        self.turn += moves
        self.cycle += 1
        if self.out and not granted:
            self.spare = self.spare or arrives
        else:
            self.written += self.out
            self.out, self.spare = self.spare or arrives, False
        return not granted or (more and not made)


def store(requests: BeatRequests, setup: int, pace: float, window: Window) -> Timeline:
    """The store engine up to its last beat on the bus, on a memory that takes a beat every ``pace`` cycles."""
    masks, first = requests.masks, setup - _STORE_LATENCY
    count = len(masks)
    if pace <= 1 and not (masks & window(first, count)).any():
        return Timeline(setup + count, np.concatenate([np.zeros(first, np.uint64), masks]))
    wanted: dict[int, int] = {}
    sent: deque[int] = deque([-1] * _STORE_QUEUE, _STORE_QUEUE)
    cycle, due = first, float(setup)
    above = _Above(window)
    for mask in masks.tolist():
        cycle = max(cycle, sent[0] + 1)
        while above[cycle] & mask:
            wanted[cycle] = mask
            cycle += 1
        wanted[cycle] = mask
        ready = cycle + _STORE_LATENCY
        due = max(due, ready if ready > sent[-1] + 1 else 0) + pace  # a memory that waits for a beat loses its pace
        sent.append(max(ready, sent[-1] + 1, int(np.ceil(due - 1e-6)) - 1))
        due = max(due, sent[-1])
        cycle += 1
    return _timeline(sent[-1] + 1, wanted, {})


def fill(requests: BeatRequests, setup: int, window: Window) -> int:
    """Cycles of a Fill."""
    masks = requests.masks
    if not (masks & window(setup, len(masks))).any():
        return setup + len(masks)
    above, cycle = _Above(window), setup
    for mask in masks.tolist():
        while above[cycle] & mask:
            cycle += 1
        cycle += 1
    return cycle


class _Above:
    """Single cycles of a window, fetched in stretches."""

    def __init__(self, window: Window) -> None:
        self._window, self._base, self._masks = window, 0, [0]

    def __getitem__(self, cycle: int) -> int:
        place = cycle - self._base
        if not 0 <= place < len(self._masks):
            self._base, self._masks = cycle, self._window(cycle, 64).tolist()
            place = 0
        return self._masks[place]
