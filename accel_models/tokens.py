"""Tokens: order every pair of conflicting commands in different engines with as few tokens as order allows.

Commands arrive in program order. For each one, the latest conflicting command of every other engine must have ended;
where vector clocks do not already guarantee it, a token is given by that command and taken by this one. An engine never
runs more than ``token_depth`` of its commands ahead of the takers of their tokens, so no counter can overflow.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from accel_models.commands import Command
from accel_models.footprint import Interval, footprint


@dataclass(slots=True)
class _Last:
    """An interval and, per engine, the last command that wrote or read all of it."""

    start: int
    stop: int
    writers: tuple[int, int, int, int]
    readers: tuple[int, int, int, int]


_NONE = (-1, -1, -1, -1)


class _Space:
    """Disjoint intervals in order, split as accesses need it."""

    def __init__(self) -> None:
        self.parts: list[_Last] = []
        self._starts: list[int] = []

    def touch(self, item: Interval, index: int, engine: int, needs: list[int]) -> None:
        """Add what this access must wait for to ``needs`` (per engine), then record it."""
        low = bisect_right(self._starts, item.start)
        low -= low > 0 and self.parts[low - 1].stop > item.start
        high = bisect_left(self._starts, item.stop, low)
        parts: list[_Last] = []
        cursor = item.start
        for part in self.parts[low:high]:
            for other in range(4):
                needs[other] = max(needs[other], part.writers[other])
                if item.write:
                    needs[other] = max(needs[other], part.readers[other])
            start, stop = max(part.start, item.start), min(part.stop, item.stop)
            if part.start < start:
                parts.append(_Last(part.start, start, part.writers, part.readers))
            if cursor < start:
                parts.append(_mark(_Last(cursor, start, _NONE, _NONE), item.write, index, engine))
            parts.append(_mark(_Last(start, stop, part.writers, part.readers), item.write, index, engine))
            if stop < part.stop:
                parts.append(_Last(stop, part.stop, part.writers, part.readers))
            cursor = stop
        if cursor < item.stop:
            parts.append(_mark(_Last(cursor, item.stop, _NONE, _NONE), item.write, index, engine))
        self.parts[low:high] = parts
        self._starts[low:high] = [part.start for part in parts]


def _mark(part: _Last, write: bool, index: int, engine: int) -> _Last:
    def put(values: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
        changed = list(values)
        changed[engine] = index
        return (changed[0], changed[1], changed[2], changed[3])

    if write:
        # The writer has waited for every earlier reader and writer: whoever follows it follows them all, except
        # commands of the writer's own kind in other engines that it did not conflict with, and there are none.
        return _Last(part.start, part.stop, put(_NONE), _NONE)
    return _Last(part.start, part.stop, part.writers, put(part.readers))


class _Ledger:
    """Tokens given so far, by pair of engines: who took them, in the order of the givers."""

    def __init__(self, depth: int) -> None:
        self.depth = depth
        self.positions: list[int] = []  # of each command: how many its engine had before it
        self._counts = [0] * 4
        self._takers: dict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
        self._due: dict[tuple[int, int], int] = defaultdict(int)

    def enter(self, engine: int, needs: list[int]) -> None:
        """A command starts on ``engine``: takers of tokens that are ``depth`` of its commands old must have ended."""
        position = self._counts[engine]
        self._counts[engine] += 1
        self.positions.append(position)
        for other in range(4):
            pair = (engine, other)
            takers, due = self._takers[pair], self._due[pair]
            while due < len(takers) and takers[due][0] <= position - self.depth:
                needs[other] = max(needs[other], takers[due][1])
                due += 1
            self._due[pair] = due

    def take(self, giver: int, giver_engine: int, taker: int, taker_engine: int) -> None:
        self._takers[giver_engine, taker_engine].append((self.positions[giver], taker))


def add_tokens(commands: Sequence[Command], columns: int, token_depth: int) -> list[Command]:
    """The same commands with wait and signal masks; ``columns`` of the array size the footprints."""
    ledger = _Ledger(token_depth)
    spaces: dict[str, _Space] = defaultdict(_Space)
    known: list[list[int]] = [
        [-1] * 4 for _ in range(4)
    ]  # per engine: what has certainly ended before its next command
    clocks: list[list[int]] = []
    waits, signals = [0] * len(commands), [0] * len(commands)
    for index, command in enumerate(commands):
        engine = command.ENGINE
        assert engine is not None
        needs = [-1] * 4
        ledger.enter(engine, needs)
        for item in sorted(footprint(command, columns), key=lambda part: part.write):
            spaces[item.space].touch(item, index, engine, needs)
        # Waiting for the latest command first may make the others known.
        for other in sorted(range(4), key=lambda candidate: -needs[candidate]):
            if other == engine or needs[other] <= known[engine][other]:
                continue
            signals[needs[other]] |= 1 << engine
            waits[index] |= 1 << other
            ledger.take(needs[other], other, index, engine)
            known[engine] = [max(pair) for pair in zip(known[engine], clocks[needs[other]], strict=True)]
        clock = known[engine].copy()
        clock[engine] = index
        clocks.append(clock)
        known[engine] = clock.copy()
    return [
        replace(command, wait=wait, signal=signal) if wait or signal else command
        for command, wait, signal in zip(commands, waits, signals, strict=True)
    ]
