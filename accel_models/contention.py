"""Engines that meet in the scratchpad's banks: what each running command wants, and when it therefore ends.

An engine gives way to those above it, never to those below: matrix, vector, store, load. What a command wants is
planned to its end when it starts; when a command above starts, the plans below it are made again, from the same start,
so that what has happened stays as it was. Loads are never planned: nothing gives way to them (drain.py).
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from types import SimpleNamespace

import numpy as np
from numpy.typing import NDArray

from accel_models import replay, row_lists
from accel_models.banks import BankMap, Masks, Wanted
from accel_models.batch import Batch
from accel_models.commands import Command, Engine
from accel_models.cost import Hardware
from accel_models.drain import LoadDrain
from accel_models.program import Program
from accel_models.requests import (
    ELSEWHERE,
    PLACES,
    BeatRequests,
    MatrixRequests,
    Requests,
    VectorRequests,
    burst_sizes,
    requests_at,
    requests_of,
)
from accel_models.work import Work

Int64 = NDArray[np.int64]
_MOST_CYCLES = 1 << 22  # to make room for at once
_TOGETHER = 16  # commands of a shape that are looked at at once
_ORDER = (Engine.MATRIX, Engine.VECTOR, Engine.STORE, Engine.LOAD)  # by priority


@dataclass(frozen=True, slots=True)
class _Command:
    """``fields``: ints by name; ``offsets`` of its row list, if it has one."""

    kind: type[Command]
    fields: SimpleNamespace
    offsets: Int64 | None


def _split(batch: Batch) -> Iterator[_Command]:
    """The commands of a batch one by one."""
    columns = {name: column.tolist() for name, column in vars(batch.fields).items()}
    for k, values in enumerate(zip(*columns.values(), strict=True)):
        fields = SimpleNamespace(**dict(zip(columns, values, strict=True)))
        yield _Command(batch.command, fields, batch.lists.get(k))


@dataclass(frozen=True, slots=True)
class _Alike:
    """Commands of one shape: their places in the program, in order, and ``batch`` with their rows in it."""

    batch: Batch
    rows: list[int]


def _shapes(batch: Batch) -> Iterator[_Alike]:
    """The commands of a batch, at most _TOGETHER of a shape at a time."""
    left_out = {*PLACES[batch.command], *ELSEWHERE}
    columns = [column.tolist() for name, column in vars(batch.fields).items() if name not in left_out]
    found: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for row, shape in enumerate(zip(*columns, strict=True)):
        found[shape].append(row)
    for rows in found.values():
        for first in range(0, len(rows), _TOGETHER):
            yield _Alike(batch, rows[first : first + _TOGETHER])


@dataclass(slots=True)
class _Running:
    """A command under way; ``start``: after its registers were read."""

    place: int
    requests: Requests
    start: int
    end: int = 0
    planned: int = 0  # first cycle behind its plan


@dataclass(slots=True)
class Contention:
    """Plans of one simulation. ``ideal``: a scratchpad without conflicts."""

    program: Program
    work: Work
    ideal: bool = False
    banks: BankMap = field(init=False)
    _hw: Hardware = field(init=False)
    _commands: dict[int, _Command] = field(init=False, default_factory=dict)  # but those in ``_alike``
    _alike: dict[int, _Alike] = field(init=False, default_factory=dict)
    _known: dict[int, Requests | None] = field(init=False, default_factory=dict)  # of commands that did not begin yet
    _wanted: Wanted = field(init=False)
    _running: dict[Engine, _Running] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        system = self.program.system
        assert system.accelerator is not None
        self.banks = BankMap.of(system.accelerator, system.bus)
        self._hw = Hardware.of(system.accelerator, system.bus)
        self.rest(0)
        for batch in self.work.batches:
            index = batch.index.tolist()
            if batch.command in PLACES:
                self._alike |= {index[row]: alike for alike in _shapes(batch) for row in alike.rows}
            else:
                self._commands |= zip(index, _split(batch), strict=True)

    def rest(self, now: int) -> None:
        """No command is under way: a segment begins."""
        cycles = min(_MOST_CYCLES, int((self.work.cycles + self.work.shared).sum()))
        self._wanted = Wanted(_ORDER.index(Engine.LOAD), now, cycles)

    def begin(self, engine: Engine, place: int, start: int) -> bool:
        """A command other than a Load starts. Whether its end depends on the scratchpad."""
        requests = None if self.ideal else self._requests(place)
        if requests is None:
            return False
        self._running[engine] = _Running(place, requests, start)
        self._plan(engine)
        return True

    def load(self, place: int, begun: int) -> tuple[list[list[int]], LoadDrain]:
        """The bursts of a Load that is accepted in cycle ``begun``, in beats, by plane, and what takes them."""
        requests = self._requests(place)
        assert isinstance(requests, BeatRequests)
        above = partial(self._wanted.above, _ORDER.index(Engine.LOAD))
        return self._bursts(place), LoadDrain(requests, begun, above)

    def _bursts(self, place: int) -> list[list[int]]:
        command = self._commands[place]
        return burst_sizes(command.fields, self._hw, command.offsets)

    def _requests(self, place: int) -> Requests | None:
        """Of a command that begins: each does once."""
        if place in self._commands:
            command = self._commands[place]
            return requests_of(command.kind, command.fields, self._hw, self.banks, command.offsets)
        if place not in self._known:
            alike = self._alike[place]
            kind, columns = alike.batch.command, vars(alike.batch.fields)
            shape = SimpleNamespace(**{name: int(column[alike.rows[0]]) for name, column in columns.items()})
            places = {name: columns[name][alike.rows] for name in PLACES[kind]}
            found = requests_at(kind, shape, places, self._hw, self.banks)
            self._known |= zip(alike.batch.index[alike.rows].tolist(), found, strict=True)
        return self._known.pop(place)

    def below(self, engine: Engine) -> list[Engine]:
        """Plan anew what gives way to ``engine``; the engines whose commands now end in another cycle."""
        changed = []
        for lower in _ORDER[_ORDER.index(engine) + 1 :]:
            if lower in self._running:
                before = self._running[lower].end
                self._plan(lower)
                if self._running[lower].end != before:
                    changed.append(lower)
        return changed

    def end(self, engine: Engine) -> int:
        """The cycle after the last of the engine's command, as far as is known now."""
        return self._running[engine].end

    def done(self, engine: Engine) -> None:
        del self._running[engine]

    def _plan(self, engine: Engine) -> None:
        item, port = self._running[engine], _ORDER.index(engine)

        def window(first: int, cycles: int) -> Masks:
            return self._wanted.above(port, item.start + first, cycles)

        match item.requests:
            case MatrixRequests():
                timeline = replay.matrix(item.requests)
                item.end = item.start + timeline.cycles
            case VectorRequests():
                timeline = replay.vector(item.requests, window)
                item.end = item.start + timeline.cycles
            case BeatRequests() if engine == Engine.STORE:
                latency, pace = self.work.speed[int(self.work.space[item.place])]
                if len(item.requests.lists):
                    planes = self._bursts(item.place)
                    timeline = row_lists.store(item.requests, planes, self.work.setup_cycles, (latency, pace), window)
                else:
                    timeline = replay.store(item.requests, self.work.setup_cycles, pace, window)
                item.end = item.start + timeline.cycles + latency
            case BeatRequests():
                item.end = item.start + replay.fill(item.requests, self.work.setup_cycles, window)
                return
        self._wanted.plan(port, item.start, timeline.wanted, item.planned)
        item.planned = item.start + timeline.cycles
