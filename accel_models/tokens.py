"""Tokens: order every pair of conflicting commands in different engines with as few tokens as order allows.

Commands arrive in program order. For each one, the latest conflicting command of every other engine must have ended;
where vector clocks do not already guarantee it, a token is given by that command and taken by this one. An engine never
runs more than ``token_depth`` of its commands ahead of the takers of their tokens, so no counter can overflow. Where so
many are given before their takers come in the program, the last of them is given by the engine's latest command: it
stands for all that the engine has done by then, and whoever took it needs no further ones.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from operator import attrgetter

from accel_models.commands import Command
from accel_models.footprint import Interval, Largest, footprint, note_registers

_ENGINES = range(4)
_NONE = (-1, -1, -1, -1)
_written = attrgetter("write")
_State = tuple[int, tuple[int, ...]]  # the last writer, and of each engine the last reader since then; -1: none


class _Space:
    """A space in parts, split as accesses need it: part i goes from ``starts[i]`` to the next one's start.

    A writer waits for every earlier reader and writer, so that whoever follows it follows them all: of what it has
    written, nothing older has to be known, and it is one part.
    """

    def __init__(self) -> None:
        self.starts = [0]
        self.states: list[_State] = [(-1, _NONE)]

    def _cut(self, at: int) -> int:
        """The part that starts at ``at``, made where there is none."""
        place = bisect_left(self.starts, at)
        if place == len(self.starts) or self.starts[place] != at:
            self.starts.insert(place, at)
            self.states.insert(place, self.states[place - 1])
        return place

    def touch(self, item: Interval, index: int, engines: Sequence[int], needs: list[int]) -> None:
        """Add what command ``index`` must wait for to ``needs`` (per engine), then record its access.

        ``engines``: those of the commands so far.
        """
        if item.start == item.stop:
            return
        low, high = self._cut(item.start), self._cut(item.stop)
        states, engine = self.states[low:high], engines[index]
        for writer, readers in states:
            if writer >= 0 and needs[engines[writer]] < writer:
                needs[engines[writer]] = writer
            if item.write and readers is not _NONE:
                needs[:] = map(max, needs, readers)
        if item.write:
            self.starts[low:high], self.states[low:high] = [item.start], [(index, _NONE)]
        else:
            after = engine + 1
            self.states[low:high] = [(writer, (*old[:engine], index, *old[after:])) for writer, old in states]


class _Ledger:
    """Tokens given so far, by pair of engines: who took them, in the order of the givers."""

    def __init__(self, depth: int) -> None:
        self.depth = depth
        self.positions: list[int] = []  # of each command: how many its engine had before it
        self._counts = [0] * 4
        self._takers: list[list[list[tuple[int, int]]]] = [[[] for _ in _ENGINES] for _ in _ENGINES]
        self._due = [[0] * 4 for _ in _ENGINES]

    def enter(self, engine: int, needs: list[int]) -> None:
        """A command starts on ``engine``: takers of tokens that are ``depth`` of its commands old must have ended."""
        position = self._counts[engine]
        self._counts[engine] += 1
        self.positions.append(position)
        if position < self.depth:
            return
        for other, takers in enumerate(self._takers[engine]):
            due = self._due[engine][other]
            while due < len(takers) and takers[due][0] <= position - self.depth:
                needs[other] = max(needs[other], takers[due][1])
                due += 1
            self._due[engine][other] = due

    def fills(self, giver: int, giver_engine: int, taker: int, taker_engine: int) -> bool:
        """Whether the counter may be full once ``giver`` gives its token, because takers come later in the program."""
        takers = self._takers[giver_engine][taker_engine]
        first = len(takers) + 1 - self.depth  # of the tokens that the counter then holds
        return first >= 0 and (takers[first][1] if first < len(takers) else taker) > giver

    def take(self, giver: int, giver_engine: int, taker: int, taker_engine: int) -> None:
        self._takers[giver_engine][taker_engine].append((self.positions[giver], taker))


def token_masks(commands: Sequence[Command], columns: int, token_depth: int) -> tuple[list[int], list[int]]:
    """Wait and signal masks that these commands need, without regard to those that they have.

    ``columns`` of the array size the footprints.
    """
    ledger = _Ledger(token_depth)
    spaces: dict[str, _Space] = defaultdict(_Space)
    engines: list[int] = []
    known = [[-1] * 4 for _ in _ENGINES]  # per engine: what has certainly ended before its next command
    clocks: list[list[int]] = []
    waits, signals = [0] * len(commands), [0] * len(commands)
    largest: Largest = {}
    for index, command in enumerate(commands):
        assert command.ENGINE is not None
        engine = int(command.ENGINE)
        engines.append(engine)
        needs = [-1] * 4
        ledger.enter(engine, needs)
        for item in sorted(footprint(command, columns, largest), key=_written):
            spaces[item.space].touch(item, index, engines, needs)
        note_registers(command, columns, largest)
        clock = known[engine].copy()
        # Waiting for the latest command first may make the others known.
        for giver in sorted(needs, reverse=True):
            other = engines[giver]
            if giver < 0 or other == engine or giver <= clock[other]:
                continue
            if ledger.fills(giver, other, index, engine):
                giver = known[other][other]
            signals[giver] |= 1 << engine
            waits[index] |= 1 << other
            ledger.take(giver, other, index, engine)
            clock = list(map(max, clock, clocks[giver]))
        clock[engine] = index
        clocks.append(clock)
        known[engine] = clock
    return waits, signals


def add_tokens(commands: Sequence[Command], columns: int, token_depth: int) -> list[Command]:
    """The same commands with the masks that they need."""
    waits, signals = token_masks(commands, columns, token_depth)
    return [
        replace(command, wait=wait, signal=signal) if wait or signal else command
        for command, wait, signal in zip(commands, waits, signals, strict=True)
    ]
