"""When a command makes its requests of the scratchpad, and when they are granted: the timelines of the engines.

Cycles count from the start of a command. A port asks for the request at its head until it is granted, one a cycle; what
it asks for stands in the way of every port of lower priority: activations (always granted), weights, vector read,
vector write, store, load. So the matrix engine's timeline depends on nothing but its command, the vector engine's on
the matrix engine's, and so on. Loops keep what every cycle needs in local names: most of a simulation's time is here.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from accel_models.banks import Masks
from accel_models.cost import ACCUMULATE_LATENCY, MATRIX_START, VECTOR_DRAIN, VECTOR_START
from accel_models.memory import beat_cycle
from accel_models.requests import BeatRequests, MatrixRequests, VectorRequests

Window = Callable[[int, int], Masks]  # (first cycle, cycles) -> what ports of higher priority want

_FIRST_OPERAND = 2  # cycle in which both address generators of the matrix engine ask for their first vector
_AHEAD = 2  # vectors of an operand that are under way or wait at most (operand_stream)
_STRETCH = 64  # cycles of the other ports' wishes that are fetched at once
_FULL = (1 << (VECTOR_DRAIN - 1)) - 1  # a result in every stage of the vector engine
_WORTH_IT = 8  # results in a row for which they are looked at by themselves
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
    """DOT and DEPTHWISE: the weights of a tile load while the tile before computes.

    Its first two vectors are asked for ahead and wait for the swap; those behind them follow cycle by cycle.
    """
    acts, weights, slots = requests.activations.tolist(), requests.weights.tolist(), requests.slots
    step = max(slots, ACCUMULATE_LATENCY)
    act = [0] * _FIRST_OPERAND + acts[:_AHEAD]  # by cycle, as far as is known; what follows comes after all weights
    begins: list[int] = []  # of the tiles
    granted_in: list[int] = []  # cycles in which each weight vector was granted
    refused_in: list[int] = []  # cycles in which one was not, and
    refused: list[int] = []  # which
    cycle, before, taken, begin = _FIRST_OPERAND - 1, -2, -1, MATRIX_START  # of the last weight vector; its predecessor
    vector, busy_until = 0, 0
    for tile, count in enumerate(requests.loads):
        known = len(act)
        for mask in weights[vector : vector + min(count, _AHEAD)]:
            cycle = (cycle if cycle > before else before) + 1
            while cycle < known and act[cycle] & mask:
                refused_in.append(cycle)
                refused.append(mask)
                cycle += 1
            granted_in.append(cycle)
            before, taken = taken, (taken if taken > cycle else cycle) + 1
            if taken < begin:
                taken = begin
        if count > _AHEAD:
            cycle = max(cycle, before)
            for mask in weights[vector + _AHEAD : vector + count]:
                cycle += 1
                while cycle < known and act[cycle] & mask:
                    refused_in.append(cycle)
                    refused.append(mask)
                    cycle += 1
                granted_in.append(cycle)
            before, taken = cycle, cycle + 1
        vector += count
        begin = max(taken + 1, busy_until)  # the swap; the next tile's vectors may come from here on
        begins.append(begin)
        busy_until = begin + step
        ahead = tile * slots + _AHEAD
        act += [0] * (begin + 1 - known) + acts[ahead : ahead + slots]
    first = np.arange(_FIRST_OPERAND, _FIRST_OPERAND + _AHEAD)
    following = np.array(begins)[:, None] + 1 + np.arange(slots)
    act_in = np.concatenate([first, following.ravel()])[: len(acts)]
    ports = (act_in, requests.activations), (granted_in, requests.weights), (refused_in, refused)
    return _timeline(busy_until + requests.drain, *ports)


def _outer(requests: MatrixRequests) -> Timeline:
    """OUTER: a slot takes an activation and a gradient; a tile ends with a cycle for every row it drains."""
    acts, weights, slots = requests.activations.tolist(), requests.weights.tolist(), requests.slots
    act: dict[int, int] = {}  # by cycle
    asked_in: list[int] = []  # cycles in which a gradient was asked for, and
    want: list[int] = []  # which
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
            asked_in.append(cycle)
            want.append(mask)
            cycle += 1
        asked_in.append(cycle)
        want.append(mask)
        weight_asked = cycle
        at = max(begin, taken[1] + 1, weight_asked + 1, pending.popleft() + 1)
        taken = [taken[1], at]
        if (slot + 1) % slots == 0:
            begin = at + 1 + requests.drains[slot // slots]
    return _timeline(begin + requests.drain, (list(act), requests.activations), (asked_in, want))


def _timeline(cycles: int, *ports: tuple[ArrayLike, ArrayLike]) -> Timeline:
    """``ports``: cycles in which each asks for something, and for what."""
    wanted = np.zeros(cycles, np.uint64)
    for asked_in, masks in ports:
        wanted[np.asarray(asked_in, np.int64)] |= np.asarray(masks, np.uint64)
    return Timeline(cycles, wanted)


def vector(requests: VectorRequests, window: Window) -> Timeline:
    """The vector engine: a read that waits holds up what follows, a write that waits stops all a cycle later."""
    reads, writes = [*requests.reads.tolist(), 0], requests.writes.tolist()  # after the last read nothing is read
    gives = np.zeros(len(reads), np.int64)
    gives[requests.emits] = 1 << (VECTOR_DRAIN - 1)
    results, streams = gives.tolist(), _streams(requests)
    pipe = 0  # the results under way, a bit a stage; the lowest comes to the writer in this cycle
    out = spare = 0  # whether the writer's two entries hold results ``written`` and the next
    read, written, last = 0, 0, len(writes)
    wanted = [0] * VECTOR_START
    while written < last:
        if pipe == _FULL and out and not spare and streams[read] >= _WORTH_IT:
            # Every write finds its result there, and nothing else is asked for.
            begun, writing = written, writes[written]
            for above in window(len(wanted), streams[read]).tolist():
                wanted.append(writing)
                if refused := writing & above:
                    continue
                written += 1
                writing = writes[written]
            spare = int(refused > 0)
            read += written - begun + spare
        for above in window(len(wanted), _STRETCH).tolist():
            if pipe == _FULL and out and not spare and streams[read] >= _WORTH_IT:
                break
            reading = arrives = 0
            writing = writes[written] if out else 0
            if not spare:  # otherwise nothing moves
                reading, arrives = reads[read], pipe & 1
                if reading & above:
                    pipe >>= 1
                else:
                    pipe = (pipe | results[read]) >> 1
                    read += read < len(requests.reads)
            wanted.append(reading | writing)
            if writing & (above | reading):
                spare |= arrives
                continue
            written += out
            if written == last:
                break
            out, spare = spare | arrives, 0
    return Timeline(len(wanted), np.array(wanted, np.uint64))


def _streams(requests: VectorRequests) -> list[int]:
    """From each step on: how many read nothing and give a result, and so on to the first that does not."""
    other = np.ones(len(requests.reads) + 1, np.bool_)
    other[requests.emits] = requests.reads[requests.emits] != 0
    ends = np.flatnonzero(other)
    index = np.arange(len(other))
    return (ends[np.searchsorted(ends, index)] - index).tolist()


def store(requests: BeatRequests, setup: int, pace: float, window: Window) -> Timeline:
    """The store engine up to its last beat on the bus, on a memory that takes a beat every ``pace`` cycles."""
    masks, first = requests.masks, setup - _STORE_LATENCY
    count = len(masks)
    if pace <= 1 and not (masks & window(first, count)).any():
        return Timeline(setup + count, np.concatenate([np.zeros(first, np.uint64), masks]))
    asked_in: list[int] = []  # cycles in which a beat was asked for, and
    want: list[int] = []  # which
    sent: deque[int] = deque([-1] * _STORE_QUEUE, _STORE_QUEUE)
    cycle, due = first, float(setup)
    above = _Above(window)
    for mask in masks.tolist():
        cycle = max(cycle, sent[0] + 1)
        while above[cycle] & mask:
            asked_in.append(cycle)
            want.append(mask)
            cycle += 1
        asked_in.append(cycle)
        want.append(mask)
        ready = cycle + _STORE_LATENCY
        due = max(due, ready if ready > sent[-1] + 1 else 0) + pace  # a memory that waits for a beat loses its pace
        sent.append(max(ready, sent[-1] + 1, beat_cycle(due)))
        due = max(due, sent[-1])
        cycle += 1
    return _timeline(sent[-1] + 1, (asked_in, want))


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
            self._base, self._masks = cycle, self._window(cycle, _STRETCH).tolist()
            place = 0
        return self._masks[place]
