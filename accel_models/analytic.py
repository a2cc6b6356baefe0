"""Cycles of a program in closed form, without events: what ``--fidelity analytic`` reports.

In each segment a row takes the cycles of its busiest engine, or of the fetch of its commands: engines overlap perfectly
inside a row and not at all between rows. The first load of a segment is exposed. README.md gives the error against
the event machine.
"""

import math

import numpy as np

from accel_models import batch, cpu
from accel_models.accounts import NAMED, Accounts, busy_by_row
from accel_models.commands import Engine
from accel_models.program import Program
from accel_models.timing import ENGINES, CallTime, Timing, tensors_of
from accel_models.work import Work, work_of


def estimate(program: Program, work: Work | None = None) -> tuple[Timing, Accounts]:
    """A Timing without a timeline (its arrays of commands are empty) and the accounts that go with it."""
    if work is None and len(program.command_rows):
        work = work_of(program, batch.batches(program))
    rows, system, tensors = len(program.rows), program.system, tensors_of(program)
    cycles, call_cycles = np.zeros(rows + len(NAMED), np.int64), np.zeros(rows, np.int64)
    calls, segments, now = [], [], 0
    for segment in program.segments:
        begun = now
        if segment.count:
            assert work is not None
            place = slice(segment.first, segment.first + segment.count)
            row, engine = program.command_rows[place], work.engine[place]
            spent = np.zeros((rows, ENGINES + 1), np.int64)
            mine = (engine >= 0) & (row >= 0)
            np.add.at(spent, (row[mine], engine[mine]), (work.cycles + work.shared)[place][mine])
            np.add.at(spent[:, ENGINES], row[mine], work.fetch_cycles)
            cycles[:rows] += spent.max(axis=1)
            now += int(spent.max(axis=1).sum())
            loads = np.flatnonzero(engine == Engine.LOAD)
            prologue = int((work.cycles + work.shared)[place][loads[0]]) if len(loads) else 0
            cycles[rows + NAMED.index("DMA prologue")] += prologue
            start_up = work.first_fetch_cycles + work.fetch_cycles
            cycles[rows + NAMED.index("start-up")] += start_up
            now += prologue + start_up
        else:
            cost = cpu.cpu_cost(program.cpu_calls[segment.call], tensors, system.cpu, system.technology.node_nm)
            length = math.ceil(cost.cycles_cpu * system.clock_mhz / system.cpu.clock_mhz - 1e-9)
            calls.append(CallTime(segment.call, segment.row, now, now + length, cost.cycles_cpu, cost.energy_pj))
            cycles[segment.row] += length
            call_cycles[segment.row] += length
            now += length
        segments.append((begun, now))
    busy = [int(work.cycles[work.engine == engine].sum()) if work is not None else 0 for engine in Engine]
    empty = np.zeros(0, np.int64)
    timing = Timing(
        total_cycles=now,
        start=empty,
        end=empty,
        engine=empty,
        row=np.zeros(0, np.int32),
        busy=tuple(busy),
        stalled=(0,) * ENGINES,
        calls=tuple(calls),
        segments=tuple(segments),
    )
    return timing, Accounts(cycles, busy_by_row(program, work), call_cycles)
