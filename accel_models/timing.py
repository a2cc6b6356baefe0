"""Cycles of a program: an event machine (SimPy) in the shape of the hardware.

Commands are fetched in program order, up to COMMAND_FETCH_AHEAD before they are needed, on the read channel that loads
use too (channel.py); a dispatcher puts them into one queue per engine, at most one a cycle; each in-order engine takes
its next command,
takes one token for each bit of ``wait``, works for the cycles of work.py, and gives one token for each bit of
``signal``. End waits until every engine is idle. A CPU call runs between segments, at the CPU's own clock. Times are
cycles of ``System.clock_mhz``.
"""

import math
from collections import deque
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import simpy
from numpy.typing import NDArray

from accel_models import batch, cost, cpu
from accel_models.channel import ReadChannel
from accel_models.commands import Engine
from accel_models.contention import Contention
from accel_models.network import Tensor
from accel_models.program import Program
from accel_models.registers import ErrorCause
from accel_models.work import Work, work_of

Int64 = NDArray[np.int64]
ENGINES = len(Engine)


class TimingError(ValueError):
    """A program that cannot run to its end; the message names the engines, commands and tokens.

    ``cause``: what the accelerator reports when it runs the same program.
    """

    def __init__(self, message: str, cause: ErrorCause = ErrorCause.DEADLOCK) -> None:
        super().__init__(message, cause)  # SimPy raises a process's error anew, from its arguments
        self.cause = cause

    def __str__(self) -> str:
        return str(self.args[0])


@dataclass(frozen=True, slots=True)
class CallTime:
    """A CPU call: row, [start, end) in cycles of the system clock, its own cycles and its energy."""

    call: int
    row: int
    start: int
    end: int
    cycles_cpu: int
    energy_pj: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """When everything happened. ``start``, ``end`` int64 [commands], end exclusive; ``engine`` -1 for End.

    ``busy``: cycles of cost.py per engine, those of Loads and Stores for a memory that keeps pace (work.py).
    ``stalled``: cycles in which an engine held a command and waited for tokens or registers, for a bank of the
    scratchpad, or for a memory: its latency, its slower beats, and others that use it. The rest of ``total_cycles`` it
    had no command.
    """

    total_cycles: int
    start: Int64
    end: Int64
    engine: Int64
    row: NDArray[np.int32]
    busy: tuple[int, ...]
    stalled: tuple[int, ...]
    calls: tuple[CallTime, ...]
    segments: tuple[tuple[int, int], ...]


@dataclass(slots=True)
class _Fetch:
    """Command fetch of one segment of ``count`` commands."""

    count: int
    taken: int = 0  # commands that left the buffer
    last_taken: int = -1  # cycle in which the last of them did: its room can be used in the next one
    came: int = 0  # commands whose beats have come, those behind End included
    stop: float = math.inf  # no more are asked for from this cycle on
    arrivals: deque[int] = field(default_factory=deque)  # first cycle in which each of the next commands is there
    asked_for: simpy.Event | None = None  # the dispatcher waits for an arrival
    room: simpy.Event | None = None  # the buffer is full


class _Machine:
    """State of one simulation. Engines are processes; tokens and queues are counters with one waiting event each."""

    def __init__(
        self, program: Program, work: Work | None, contention: Contention | None, env: simpy.Environment
    ) -> None:
        accelerator = program.system.accelerator
        self.env, self.program, self.work, self.contention = env, program, work, contention
        self.processes: list[simpy.Process] = []
        self.asleep: dict[Engine, int | None] = dict.fromkeys(Engine)  # until when, in the last part of a command
        self.queue_depth = accelerator.queue_depth if accelerator else 0
        self.token_depth = accelerator.token_depth if accelerator else 0
        length = len(program.command_rows)
        self.start, self.end, self.dispatched = [0] * length, [0] * length, [0] * length
        self.stalled = [0] * ENGINES
        self.queues: list[deque[int]] = [deque() for _ in range(ENGINES)]
        self.tokens = [[0] * ENGINES for _ in range(ENGINES)]  # [from][to]
        self.arrival: list[simpy.Event | None] = [None] * ENGINES
        self.room: list[simpy.Event | None] = [None] * ENGINES
        self.token: list[simpy.Event | None] = [None] * ENGINES
        self.holds: list[tuple[int, int] | None] = [None] * ENGINES  # (command, engine it waits for, -1 while working)
        self.drained: simpy.Event | None = None
        self.channel = ReadChannel(work.speed if work is not None else {})
        self.outstanding = 0
        self.dispatching = -1
        self.calls: list[CallTime] = []
        self.segments: list[tuple[int, int]] = []
        self.finished = False

    def run(self) -> Generator[simpy.Event, Any, None]:
        """The main process: segments in order."""
        tensors = tensors_of(self.program)
        for segment in self.program.segments:
            begun = int(self.env.now)
            if segment.count:
                yield from self.dispatch(segment.first, segment.first + segment.count)
            else:
                yield from self.call(segment.call, segment.row, tensors)
            self.segments.append((begun, int(self.env.now)))
        self.finished = True

    def call(self, call: int, row: int, tensors: Mapping[str, Tensor]) -> Generator[simpy.Event, Any, None]:
        system = self.program.system
        spent = cpu.cpu_cost(self.program.cpu_calls[call], tensors, system.cpu, system.technology.node_nm)
        cycles = math.ceil(spent.cycles_cpu * system.clock_mhz / system.cpu.clock_mhz - 1e-9)
        begun = int(self.env.now)
        if cycles:
            yield self.env.timeout(cycles)
        self.calls.append(CallTime(call, row, begun, begun + cycles, spent.cycles_cpu, spent.energy_pj))

    def dispatch(self, first: int, stop: int) -> Generator[simpy.Event, Any, None]:
        work, env = self.work, self.env
        assert work is not None and self.contention is not None
        fetch = _Fetch(stop - first)
        self.channel.rest()
        self.contention.rest(int(env.now))
        env.process(self.fetching(fetch))
        for place, engine in enumerate(work.engine[first:stop].tolist(), first):
            self.dispatching = place
            if not fetch.arrivals:
                fetch.asked_for = env.event()
                yield fetch.asked_for
            here = fetch.arrivals.popleft()
            yield env.timeout(max(here - int(env.now), 0 if place == first else 1))
            if engine < 0:
                self.start[place] = int(env.now)
                if self.outstanding:
                    self.drained = env.event()
                    yield self.drained
                yield env.timeout(cost.SEGMENT_END)
                self.end[place] = int(env.now)
                return
            queue = self.queues[engine]
            if len(queue) >= self.queue_depth:
                self.room[engine] = room = env.event()
                yield room
            queue.append(place)
            fetch.taken, fetch.last_taken = fetch.taken + 1, int(env.now)
            if fetch.room is not None:
                room, fetch.room = fetch.room, None
                room.succeed()
            self.dispatched[place] = int(env.now)
            self.outstanding += 1
            waiting = self.arrival[engine]
            if waiting is not None:
                self.arrival[engine] = None
                waiting.succeed()
        raise TimingError(f"the segment of commands {first} to {stop - 1} of program {self.program.name} has no End")

    def fetching(self, fetch: _Fetch) -> Generator[simpy.Event, Any, None]:
        """Address phases of a segment's commands, and of what lies behind them until End has come: it is dropped."""
        work, env = self.work, self.env
        assert work is not None
        yield env.timeout(cost.COMMAND_FETCH_START)
        asked = 0
        while env.now < fetch.stop:
            if asked - fetch.taken >= cost.COMMAND_FETCH_AHEAD:
                fetch.room = env.event()
                yield fetch.room
                yield env.timeout(1)
            elif asked - fetch.taken + (fetch.last_taken == int(env.now)) >= cost.COMMAND_FETCH_AHEAD:
                yield env.timeout(1)
            else:
                asked += 1
                came = partial(self.fetched, fetch)
                yield from self.channel.fetch(env, work.fetch_space, work.fetch_beats, came)

    def fetched(self, fetch: _Fetch, last: int) -> None:
        """The beats of the next command of a segment come, the last one in cycle ``last``."""
        fetch.came += 1
        if fetch.came <= fetch.count:
            fetch.arrivals.append(last + 1)
            if fetch.asked_for is not None:
                asked_for, fetch.asked_for = fetch.asked_for, None
                asked_for.succeed()
        if fetch.came == fetch.count:
            fetch.stop = self.channel.first_beat + 1  # the cycle after the first beat of End

    def loading(self, place: int, begun: int) -> Generator[simpy.Event, Any, None]:
        """A Load from its start to its last byte: set-up, bursts on the read channel, the writes of its beats."""
        work, env = self.work, self.env
        assert work is not None and self.contention is not None
        planes, drain = self.contention.load(place, begun)
        yield env.timeout(begun + work.setup_cycles - 1 - int(env.now))
        yield from self.channel.load(env, int(work.space[place]), planes, drain)

    def finishing(self, me: Engine) -> Generator[simpy.Event, Any, None]:
        """Until the engine's command ends, which a command of an engine above it may put off or bring forward."""
        assert self.contention is not None
        while (left := self.contention.end(me) - int(self.env.now)) > 0:
            self.asleep[me] = int(self.env.now) + left
            try:
                yield self.env.timeout(left)
            except simpy.Interrupt:
                pass
        self.asleep[me] = None
        self.contention.done(me)

    def disturb(self, me: Engine) -> None:
        """A command has started: commands of the engines below that now end sooner are woken, to sleep less."""
        assert self.contention is not None
        for engine in self.contention.below(me):
            target = self.asleep[engine]
            if target is not None and self.contention.end(engine) < target:
                self.processes[engine].interrupt()

    def engine(self, me: int, plan: list[tuple[int, tuple[int, ...], tuple[int, ...]]]) -> Generator[Any, Any, None]:
        """One engine, for ever. ``plan``: duration, engines to wait for, engines to signal, by command."""
        env, queue, tokens, work = self.env, self.queues[me], self.tokens, self.work
        assert work is not None
        cycles = work.cycles.tolist()
        while True:
            if not queue:
                self.arrival[me] = arrival = env.event()
                yield arrival
            place = queue.popleft()
            room = self.room[me]
            if room is not None:
                self.room[me] = None
                room.succeed()
            early = self.dispatched[place] + cost.DISPATCH - int(env.now)
            if early > 0:
                yield env.timeout(early)
            taken = env.now
            duration, waits, signals = plan[place]
            for source in waits:
                if not tokens[source][me]:
                    self.holds[me] = (place, source)
                    self.token[me] = event = env.event()
                    yield event
                tokens[source][me] -= 1
            self.holds[me] = (place, -1)
            self.start[place] = begun = int(env.now)
            yield from self.working(Engine(me), place, begun, duration)
            self.end[place] = int(env.now)
            self.stalled[me] += int(env.now - taken) - cycles[place]
            self.holds[me] = None
            for target in signals:
                self.give(me, target, place)
            self.outstanding -= 1
            if not self.outstanding and self.drained is not None:
                self.drained.succeed()
                self.drained = None

    def working(self, me: Engine, place: int, start: int, duration: int) -> Generator[simpy.Event, Any, None]:
        """A command from its start to its end; ``duration`` where nothing of it depends on other engines."""
        work, contention = self.work, self.contention
        assert work is not None and contention is not None
        begun = start + int(work.operands[place]) * cost.REGISTER_READ
        if work.beats[place]:
            yield from self.loading(place, begun)
            return
        if not contention.begin(me, place, begun):
            yield self.env.timeout(duration)
            return
        self.disturb(me)
        yield from self.finishing(me)

    def give(self, me: int, target: int, place: int) -> None:
        if self.tokens[me][target] >= self.token_depth:
            raise TimingError(
                f"command {place} of program {self.program.name} signals {Engine(target).name}, but counter "
                f"{Engine(me).name} -> {Engine(target).name} is at its depth of {self.token_depth}",
                ErrorCause.TOKEN_OVERFLOW,
            )
        self.tokens[me][target] += 1
        held, event = self.holds[target], self.token[target]
        if event is not None and held is not None and held[1] == me:
            self.token[target] = None
            event.succeed()

    def explain(self) -> str:
        """Why nothing happens any more."""
        lines = []
        for engine in Engine:
            held = self.holds[engine]
            if held is not None:
                kind = type(self.program.decoded[held[0]]).__name__
                waits = Engine(held[1]).name
                lines.append(f"{engine.name} holds command {held[0]} ({kind}) and waits for a token from {waits}")
            else:
                lines.append(f"{engine.name} has no command")
        return f"program {self.program.name} stops at command {self.dispatching}: " + "; ".join(lines)


def tensors_of(program: Program) -> dict[str, Tensor]:
    """Shapes of everything that CPU calls touch."""
    found = {
        name: Tensor(name=name, shape=data.shape, dtype=str(data.dtype), role="constant")
        for name, data in program.constants.items()
    }
    return found | {name: item.tensor for name, item in program.bindings.items()}


_BITS = [tuple(bit for bit in range(ENGINES) if mask >> bit & 1) for mask in range(16)]


def simulate(
    program: Program,
    decided: batch.Decided = batch.NOTHING_DECIDED,
    *,
    work: Work | None = None,
    ideal_scratchpad: bool = False,
) -> Timing:
    """Run the event machine over one invocation.

    ``decided``: by data, as for batch.batches; ``work`` spares computing the costs again. ``ideal_scratchpad``: no two
    accesses ever meet in a bank. Raises TimingError on a deadlock or an overflowing token counter, ValueError on a
    program that its system cannot run.
    """
    if work is None and len(program.command_rows):
        work = work_of(program, batch.batches(program, decided))
    contention = Contention(program, work, ideal_scratchpad) if work is not None else None
    env = simpy.Environment()
    machine = _Machine(program, work, contention, env)
    if work is not None:
        durations = (work.cycles + work.shared).tolist()
        waits, signals = work.wait.tolist(), work.signal.tolist()
        plan = [(durations[i], _BITS[waits[i]], _BITS[signals[i]]) for i in range(len(durations))]
        for engine in range(ENGINES):
            machine.processes.append(env.process(machine.engine(engine, plan)))
    env.process(machine.channel.serve(env))
    env.process(machine.run())
    env.run()
    if not machine.finished:
        raise TimingError(machine.explain())
    return _timing(program, work, machine)


def _timing(program: Program, work: Work | None, machine: _Machine) -> Timing:
    busy = [0] * ENGINES
    if work is not None:
        busy = [int(work.cycles[work.engine == engine].sum()) for engine in range(ENGINES)]
    return Timing(
        total_cycles=int(machine.env.now),
        start=np.array(machine.start, np.int64),
        end=np.array(machine.end, np.int64),
        engine=work.engine if work is not None else np.zeros(0, np.int64),
        row=program.command_rows,
        busy=tuple(busy),
        stalled=tuple(machine.stalled),
        calls=tuple(machine.calls),
        segments=tuple(machine.segments),
    )
