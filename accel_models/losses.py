"""Where every cycle goes that the array does not fill: total cycles less the array bound, split exactly into rows.

The array bound is the accelerator's MACs over its peak, rounded up. Everything is seen from the matrix engine. While it
runs a command, cycles beyond the bound are the command's own (slots.py). While it has none, they belong to what it
waited for last: the token that let its next command start, or else the loads that its fetch and dispatch were behind.
Before its first command of a segment they are the prologue, after its last one the final drain. Rows sum to the
difference; none is negative.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accel_models.batch import Batch
from accel_models.commands import Engine, Matrix, Requantize
from accel_models.cost import Hardware
from accel_models.program import Program, Segment
from accel_models.slots import Slots, slots
from accel_models.timing import ENGINES, Timing

Int64 = NDArray[np.int64]
NAMES: Mapping[str, str] = {
    "prologue": "before the array's first command: command fetch and the first loads",
    "DMA wait": "the array waits for a load or a store, or for a command behind loads",
    "vector wait": "the array waits for accumulators: requantization has not emptied them",
    "vector operators": "pooling or per-element operators that the array waits for, or that run without it",
    "command wait": "the next command is not fetched or dispatched yet, though no load runs",
    "bank conflicts": "a command takes longer than it would alone: scratchpad banks, registers",
    "start and drain": "decode and pipeline of every matrix command",
    "weight loads": "weights enter the array and no sums hide it",
    "empty slots": "short tiles; in depthwise mode, the chain fills and strides pass over pixels",
    "depthwise rows": "rows of the array beyond the taps of a depthwise kernel; systolic: PEs off the diagonal",
    "idle rows": "rows of partly filled tiles",
    "idle columns": "columns of partly filled tiles; zeros of dilated kernels",
    "final drain": "after the array's last command: requantization and the last store",
    "CPU": "a CPU call runs",
}
_AT = {name: place for place, name in enumerate(NAMES)}


@dataclass(frozen=True, slots=True)
class Losses:
    """``bound`` int64 [rows]: the array bound of each operator. ``cycles`` int64 [rows, len(NAMES)]: its losses."""

    bound: Int64
    cycles: Int64

    @property
    def bound_cycles(self) -> int:
        return int(self.bound.sum())

    def named(self) -> dict[str, int]:
        """Cycles by name, in the order of NAMES."""
        return dict(zip(NAMES, self.cycles.sum(axis=0).tolist(), strict=True))

    def of_row(self, row: int) -> dict[str, int]:
        """Cycles of an operator by name, zeros left out."""
        return {name: int(cycles) for name, cycles in zip(NAMES, self.cycles[row], strict=True) if cycles}


def losses_of(program: Program, timing: Timing, found: Sequence[Batch]) -> Losses:
    """Split the losses of a run of the event machine; ``found``: the program's batches.

    The gap before a command belongs to the command's operator. An operator's part of bound and lanes is rounded so
    that the sums are exact.
    """
    accelerator = program.system.accelerator
    rows = len(program.rows)
    macs = np.array([row.macs if row.placement == "accelerator" else 0 for row in program.rows], np.int64)
    result = Losses(np.zeros(rows, np.int64), np.zeros((rows, len(NAMES)), np.int64))
    if accelerator is not None:
        peak = accelerator.array.macs_per_cycle
        result.bound[:] = np.diff(-(-np.cumsum(np.concatenate([[0], macs])) // peak))
        batch = next((item for item in found if item.command is Matrix), None)
        if batch is not None:
            _add_commands(
                result, program, timing, batch, slots(batch.fields, Hardware.of(accelerator, program.system.bus))
            )
    reasons = _Reasons(program, timing)
    for segment, (begun, end) in zip(program.segments, timing.segments, strict=True):
        if segment.count:
            _add_gaps(result, reasons, segment, begun, end)
        else:
            result.cycles[segment.row, _AT["CPU"]] += end - begun
    return result


def _add_commands(result: Losses, program: Program, timing: Timing, batch: Batch, parts: Slots) -> None:
    """What happens while the matrix engine runs commands, less the bound."""
    row = timing.row[batch.index]
    took = timing.end[batch.index] - timing.start[batch.index]
    alone = parts.overhead + parts.weights + parts.empty + parts.filled
    for name, cycles in (
        ("bank conflicts", took - alone),
        ("start and drain", parts.overhead),
        ("weight loads", parts.weights),
        ("empty slots", parts.empty),
    ):
        np.add.at(result.cycles[:, _AT[name]], row, cycles)
    assert program.system.accelerator is not None
    peak = program.system.accelerator.array.macs_per_cycle
    filled, depthwise, idle_rows = (np.zeros(len(result.bound), np.int64) for _ in range(3))
    np.add.at(filled, row, parts.filled)
    np.add.at(depthwise, row, parts.depthwise)
    np.add.at(idle_rows, row, parts.idle_rows)
    # Lanes in whole cycles: each name takes what the names before it have left of a cycle.
    first, second = depthwise // peak, (depthwise + idle_rows) // peak
    result.cycles[:, _AT["depthwise rows"]] += first
    result.cycles[:, _AT["idle rows"]] += second - first
    result.cycles[:, _AT["idle columns"]] += filled - result.bound - second


class _Reasons:
    """What each Matrix command waited for: the token that came last, and the command that gave it."""

    def __init__(self, program: Program, timing: Timing) -> None:
        self.program, self.timing = program, timing
        self.matrix = np.flatnonzero(timing.engine == Engine.MATRIX)
        self.loads = np.flatnonzero(timing.engine == Engine.LOAD)
        masks = program.commands[:, 1]
        giver = np.full((len(self.matrix), ENGINES), -1, np.int64)
        for source in range(ENGINES):
            gives = (timing.engine == source) & (masks >> (4 + Engine.MATRIX) & 1 == 1)
            takes = np.flatnonzero(masks[self.matrix] >> source & 1)
            giver[takes, source] = np.flatnonzero(gives)[: len(takes)]  # tokens are first in, first out
        ends = np.where(giver >= 0, timing.end[giver], -1)
        self.last: list[int] = giver[np.arange(len(giver)), np.argmax(ends, axis=1)].tolist()  # -1: it took none

    def gap(self, place: int, begun: int) -> list[tuple[str, int, int]]:
        """(name, row, cycles) from ``begun`` to the start of Matrix command ``place`` (of ``matrix``)."""
        timing, command = self.timing, int(self.matrix[place])
        row, start = int(timing.row[command]), int(timing.start[command])
        last = self.last[place]
        if last < 0 or timing.end[last] < start:
            loading = int(_within(timing, self.loads, begun, start).sum())
            return [("DMA wait", row, loading), ("command wait", row, start - begun - loading)]
        if timing.engine[last] != Engine.VECTOR:
            return [("DMA wait", row, start - begun)]
        if self.program.commands[last, 0] == Requantize.OPCODE:
            return [("vector wait", row, start - begun)]
        return [("vector operators", int(timing.row[last]), start - begun)]


def _add_gaps(result: Losses, reasons: _Reasons, segment: Segment, begun: int, end: int) -> None:
    """A segment's cycles in which the matrix engine runs nothing."""
    timing, matrix = reasons.timing, reasons.matrix
    low, high = np.searchsorted(matrix, (segment.first, segment.first + segment.count))
    last = segment.first + segment.count - 2 if segment.count > 1 else segment.first  # End is of no row
    row = max(0, int(timing.row[last]))
    if low == high:
        vector = _vector_cycles(result, timing, segment, begun, end)
        result.cycles[row, _AT["DMA wait"]] += end - begun - vector
        return
    first = int(timing.start[matrix[low]])
    vector = _vector_cycles(result, timing, segment, begun, first)
    result.cycles[timing.row[matrix[low]], _AT["prologue"]] += first - begun - vector
    before = int(timing.end[matrix[low]])
    for place in range(low + 1, high):
        start = int(timing.start[matrix[place]])
        if start > before:
            for name, waiting, cycles in reasons.gap(place, before):
                result.cycles[waiting, _AT[name]] += cycles
        before = int(timing.end[matrix[place]])
    result.cycles[row, _AT["final drain"]] += end - before


def _within(timing: Timing, commands: Int64, begun: int, end: int) -> Int64:
    """Cycles of each command, all of one engine, in [begun, end)."""
    return np.maximum(0, np.minimum(timing.end[commands], end) - np.maximum(timing.start[commands], begun))


def _vector_cycles(result: Losses, timing: Timing, segment: Segment, begun: int, end: int) -> int:
    """Add the vector engine's work in [begun, end) to its operators; returns all of it."""
    place = segment.first + np.flatnonzero(
        timing.engine[segment.first : segment.first + segment.count] == Engine.VECTOR
    )
    cycles = _within(timing, place, begun, end)
    np.add.at(result.cycles[:, _AT["vector operators"]], timing.row[place], cycles)
    return int(cycles.sum())
