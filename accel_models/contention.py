"""Engines that meet in the scratchpad's banks: what each running command wants, and when it therefore ends.

An engine gives way to those above it, never to those below: matrix, vector, store, load. What a command wants is
planned to its end when it starts; when a command above starts, the plans below it are made again, from the same start,
so that what has happened stays as it was. Loads are never planned: nothing gives way to them (drain.py).
"""

from dataclasses import dataclass, field
from functools import partial

import numpy as np

from accel_models import replay, row_lists
from accel_models.banks import BankMap, Masks, Wanted
from accel_models.batch import Batch
from accel_models.commands import Command, Engine
from accel_models.cost import Hardware
from accel_models.drain import LoadDrain
from accel_models.program import Program
from accel_models.requests import BeatRequests, MatrixRequests, Requests, VectorRequests, burst_sizes, requests_of
from accel_models.work import Work

_ORDER = (Engine.MATRIX, Engine.VECTOR, Engine.STORE, Engine.LOAD)  # by priority


class _Fields:
    """The fields of one command of a batch, as ints."""

    __slots__ = ("_batch", "_place")

    def __init__(self, batch: Batch, place: int) -> None:
        self._batch, self._place = batch, place

    def __getattr__(self, name: str) -> int:
        return int(getattr(self._batch.fields, name)[self._place])


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
    _where: dict[int, tuple[type[Command], Batch, int]] = field(init=False, default_factory=dict)
    _wanted: dict[Engine, Wanted] = field(init=False)
    _running: dict[Engine, _Running] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        system = self.program.system
        assert system.accelerator is not None
        self.banks = BankMap.of(system.accelerator, system.bus)
        self._hw = Hardware.of(system.accelerator, system.bus)
        self._wanted = {engine: Wanted() for engine in _ORDER[:-1]}
        for batch in self.work.batches:
            if batch.command.ENGINE is not None:
                self._where |= {int(at): (batch.command, batch, k) for k, at in enumerate(batch.index)}

    def begin(self, place: int, start: int) -> bool:
        """A command other than a Load starts. Whether its end depends on the scratchpad."""
        if self.ideal:
            return False
        engine, requests = self._requests(place)
        if requests is None:
            return False
        self._running[engine] = _Running(place, requests, start)
        self._plan(engine)
        return True

    def load(self, place: int, begun: int) -> tuple[list[list[int]], LoadDrain]:
        """The bursts of a Load that is accepted in cycle ``begun``, in beats, by plane, and what takes them."""
        _, requests = self._requests(place)
        assert isinstance(requests, BeatRequests)
        return self._bursts(place), LoadDrain(requests, begun, partial(self._above, Engine.LOAD))

    def _bursts(self, place: int) -> list[list[int]]:
        _, batch, k = self._where[place]
        return burst_sizes(_Fields(batch, k), self._hw, batch.lists.get(k))

    def _requests(self, place: int) -> tuple[Engine, Requests | None]:
        command, batch, k = self._where[place]
        assert command.ENGINE is not None
        return command.ENGINE, requests_of(command, _Fields(batch, k), self._hw, self.banks)

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
        item = self._running[engine]

        def window(first: int, cycles: int) -> Masks:
            return self._above(engine, item.start + first, cycles)

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
        self._wanted[engine].plan(item.start, timeline.wanted, item.planned)
        item.planned = item.start + timeline.cycles

    def _above(self, engine: Engine, first: int, cycles: int) -> Masks:
        found = np.zeros(cycles, np.uint64)
        if self.ideal:
            return found
        for higher in _ORDER[: _ORDER.index(engine)]:
            found |= self._wanted[higher].window(first, cycles)
        return found
