"""Every cycle belongs to exactly one row: an operator of the program, or a named row where none is at work.

At any cycle the row is that of the running command of the first busy engine in the order matrix, vector, store, load;
of the CPU call while one runs; otherwise ``idle``. Before the first command that computes (matrix or vector), cycles
belong to ``DMA prologue`` while a load runs and to ``start-up`` (command fetch) while nothing does. Rows sum to the
total exactly.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accel_models import batch
from accel_models.commands import Engine
from accel_models.program import Program
from accel_models.timing import ENGINES, Timing
from accel_models.work import Work, work_of

Int64 = NDArray[np.int64]
NAMED = ("start-up", "DMA prologue", "idle")
_PRIORITY = (Engine.MATRIX, Engine.VECTOR, Engine.STORE, Engine.LOAD)
_COMPUTE = (Engine.MATRIX, Engine.VECTOR)


@dataclass(frozen=True, slots=True)
class Accounts:
    """``cycles`` int64 [rows + 3]: the program's rows, then those of NAMED. ``busy``: see busy_by_row.

    ``call_cycles`` int64 [rows]: the part of ``cycles`` in which the CPU works.
    """

    cycles: Int64
    busy: Int64
    call_cycles: Int64

    @property
    def total_cycles(self) -> int:
        return int(self.cycles.sum())


def account(program: Program, timing: Timing, work: Work | None = None) -> Accounts:
    """Attribute every cycle of ``timing``; ``work`` spares computing the costs again."""
    rows = len(program.rows)
    cycles = np.zeros(rows + len(NAMED), np.int64)
    call_cycles = np.zeros(rows, np.int64)
    for call in timing.calls:
        call_cycles[call.row] += call.end - call.start
    edges = _edges(timing)
    if len(edges) > 1:
        owner = _owner(timing, edges[:-1], rows)
        np.add.at(cycles, owner, np.diff(edges))
    return Accounts(cycles, _worked(program, timing), call_cycles)


def _edges(timing: Timing) -> Int64:
    runs = timing.engine >= 0
    calls = [time for call in timing.calls for time in (call.start, call.end)]
    times = (timing.start[runs], timing.end[runs], np.array([0, timing.total_cycles, *calls], np.int64))
    return np.unique(np.concatenate(times))


def _owner(timing: Timing, at: Int64, rows: int) -> Int64:
    """Row of each instant; rows, rows+1, rows+2 are NAMED."""
    owner = np.full(len(at), rows + NAMED.index("idle"), np.int64)
    compute = np.isin(timing.engine, [int(engine) for engine in _COMPUTE]) & (timing.end > timing.start)
    begun = int(timing.start[compute].min()) if compute.any() else timing.total_cycles
    if timing.calls:
        begun = min(begun, timing.calls[0].start)
    owner[at < begun] = rows + NAMED.index("start-up")
    for engine in reversed(_PRIORITY):
        mine = np.flatnonzero((timing.engine == engine) & (timing.end > timing.start))
        if not len(mine):
            continue
        last = np.searchsorted(timing.start[mine], at, side="right") - 1
        running = (last >= 0) & (at < timing.end[mine][last])
        row = timing.row[mine][last].astype(np.int64)
        if engine == Engine.LOAD:
            row = np.where(at < begun, rows + NAMED.index("DMA prologue"), row)
        owner = np.where(running, np.where(row >= 0, row, rows + NAMED.index("idle")), owner)
    for call in timing.calls:
        owner[(at >= call.start) & (at < call.end)] = call.row
    return owner


def busy_by_row(program: Program, work: Work | None = None) -> Int64:
    """int64 [rows, engines]: cycles in which an engine carries out commands of a row, waiting for memory included."""
    busy = np.zeros((len(program.rows), ENGINES), np.int64)
    if len(program.command_rows):
        work = work or work_of(program, batch.batches(program))
        mine = (work.engine >= 0) & (program.command_rows >= 0)
        np.add.at(busy, (program.command_rows[mine], work.engine[mine]), (work.cycles + work.shared)[mine])
    return busy


def _worked(program: Program, timing: Timing) -> Int64:
    """The same, as the event machine has seen it."""
    busy = np.zeros((len(program.rows), ENGINES), np.int64)
    mine = (timing.engine >= 0) & (program.command_rows >= 0)
    np.add.at(busy, (program.command_rows[mine], timing.engine[mine]), (timing.end - timing.start)[mine])
    return busy


def named(accounts: Accounts) -> Mapping[str, int]:
    """Cycles of the named rows."""
    return dict(zip(NAMED, accounts.cycles[-len(NAMED) :].tolist(), strict=True))
