"""Cycles of one program under many memories at once: the event machine's rules as one pass over the commands.

A program's order is a legal schedule: everything that a command waits for comes before it. So one pass in that order
finds every start and end, as a maximum of earlier ones, for arrays of memories together. Durations are those of
work.py. What the event machine has and this has not: the read channel burst by burst and conflicts in scratchpad banks;
work.py's estimate of sharing stands for the first, nothing for the second.
"""

import math
from collections import deque
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from accel_models import batch, cost, cpu
from accel_models.commands import Load, Store
from accel_models.counts import SPACES, space_of
from accel_models.network import Tensor
from accel_models.program import Program
from accel_models.system import System
from accel_models.timing import ENGINES, tensors_of
from accel_models.work import Work, command_memory, memory_speed, works_of

Float64 = NDArray[np.float64]


def forecast(program: Program, systems: Sequence[System]) -> tuple[Float64, Float64]:
    """(total cycles, those in which the CPU works), float64 [systems], of one program on systems that differ in clocks
    and in the speed of memories only."""
    works, of = _works(program, systems)
    now, called = np.zeros(len(systems)), np.zeros(len(systems))
    tensors = tensors_of(program)
    for segment in program.segments:
        if segment.count:
            # A segment takes equally long whenever it begins.
            now = now + _segment(program, works, segment.first, segment.first + segment.count)[of]
        else:
            spent = _called(program, segment.call, systems, tensors)
            now, called = now + spent, called + spent
    return now, called


def _works(program: Program, systems: Sequence[System]) -> tuple[list[Work], NDArray[np.int64]]:
    """Costs under each speed that the memories of this program have, and which of them each system has."""
    if not len(program.command_rows):
        return [], np.zeros(len(systems), np.int64)
    found = batch.batches(program)
    used = {SPACES[space] for item in found if item.command in (Load, Store) for space in space_of(item.fields)}
    names = sorted(used | {command_memory(program)})
    speeds = [tuple(memory_speed(system)[name] for name in names) for system in systems]
    distinct = {speed: place for place, speed in reversed(list(enumerate(speeds)))}
    order = {speed: number for number, speed in enumerate(distinct)}
    works = works_of(program, found, [systems[place] for place in distinct.values()])
    return works, np.array([order[speed] for speed in speeds], np.int64)


def _called(program: Program, call: int, systems: Sequence[System], tensors: Mapping[str, Tensor]) -> Float64:
    """Cycles of a CPU call, in the clock that cycles are counted in."""
    found = []
    for system in systems:
        spent = cpu.cpu_cost(program.cpu_calls[call], tensors, system.cpu, system.technology.node_nm)
        found.append(math.ceil(spent.cycles_cpu * system.clock_mhz / system.cpu.clock_mhz - 1e-9))
    return np.array(found, np.float64)


def _segment(program: Program, works: Sequence[Work], first: int, stop: int) -> Float64:
    """Cycles of a segment, float64 [works]."""
    accelerator = program.system.accelerator
    assert accelerator is not None
    durations = np.array([(work.cycles + work.shared)[first:stop] for work in works], np.float64).T
    fetch = np.array([work.fetch_cycles for work in works], np.float64)
    latency = np.array([work.first_fetch_cycles for work in works], np.float64)
    engines, waits, signals = (getattr(works[0], name)[first:stop].tolist() for name in ("engine", "wait", "signal"))
    begun = np.zeros(len(works))
    free = [begun] * ENGINES
    queues: list[deque[Float64]] = [deque(maxlen=accelerator.queue_depth) for _ in range(ENGINES)]
    tokens: list[list[deque[Float64]]] = [[deque() for _ in range(ENGINES)] for _ in range(ENGINES)]
    dispatched: list[Float64] = []
    channel = begun + latency - fetch
    last = begun
    for place, engine in enumerate(engines):
        ahead = place - cost.COMMAND_FETCH_AHEAD
        channel = (np.maximum(channel, dispatched[ahead] + latency - 1) if ahead >= 0 else channel) + fetch
        here = channel + 1 if not dispatched else np.maximum(channel + 1, dispatched[-1] + 1)
        if engine < 0:
            return np.maximum(here, last) + cost.SEGMENT_END
        queue = queues[engine]
        if len(queue) == queue.maxlen:
            here = np.maximum(here, queue[0])
        dispatched.append(here)
        start = taken = np.maximum(here + cost.DISPATCH, free[engine])
        queue.append(taken)
        for source in range(ENGINES):
            if waits[place] >> source & 1:
                start = np.maximum(start, tokens[source][engine].popleft())
        end = start + durations[place]
        free[engine] = end
        last = np.maximum(last, end)
        for target in range(ENGINES):
            if signals[place] >> target & 1:
                tokens[engine][target].append(end)
    raise AssertionError(f"the segment of commands {first} to {stop - 1} of program {program.name} has no End")
