"""A systolic array, register by register and cycle by cycle, that multiplies real matrices: written without cost.py.

Everything that a PE passes on goes through a register. What enters the left edge at row i, and the top edge at column
j, is delayed by i and j registers. Each cycle the controller puts a Slot in front of the operand registers. The
accumulators read an entry in the cycle in which a sum stands at the bottom edge, and write it in the next (as in the
RTL).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

START = 3  # decode, address generator, first scratchpad word: as in the RTL
REUSE = 4  # cycles after which an accumulator entry may be updated again


@dataclass
class Slot:
    """What enters in one cycle. ``entry``: of the accumulators, -1 for none; ``weights`` shift down where ``shift``."""

    activations: np.ndarray
    weights: np.ndarray
    entry: int = -1
    shift: bool = False
    swap: bool = False
    entries: list[int] = field(default_factory=list)  # output-stationary: of the rows that a swap sends out


class Wave:
    """Delays a slot to PE (i, j) by i + j cycles after its operand register: control that runs with the data."""

    def __init__(self, rows: int, columns: int) -> None:
        self.rows, self.columns, self.slots = rows, columns, []

    def push(self, slot: Slot) -> None:
        self.slots.append(slot)

    def at(self, name: str, idle: int) -> np.ndarray:
        """The field's value at every PE in this cycle."""
        found = np.full((self.rows, self.columns), idle)
        now = len(self.slots) - 2  # the newest slot is only now entering the operand register
        for i in range(self.rows):
            for j in range(self.columns):
                if 0 <= now - i - j:
                    found[i, j] = getattr(self.slots[now - i - j], name)
        return found

    def edge(self, name: str, along: int) -> np.ndarray:
        """Values that enter at the edge: element e of the vector e cycles late."""
        now, found = len(self.slots) - 2, np.zeros(along, np.int64)
        for place in range(along):
            if 0 <= now - place:
                found[place] = getattr(self.slots[now - place], name)[place]
        return found


class WeightStationary:
    """PEs with an active and a shadow weight. Returns from ``run`` the cycles of the command and its accumulators."""

    def __init__(self, rows: int, columns: int, entries: int) -> None:
        self.rows, self.columns = rows, columns
        self.wave = Wave(rows, columns)
        self.activation, self.sum, self.active, self.shadow, self.passed = np.zeros((5, rows, columns), np.int64)
        self.tag = np.full((rows, columns), -1)
        self.accumulators = np.zeros((entries, columns), np.int64)
        self.updated = np.full((entries, columns), -REUSE)
        self.last = 0

    def step(self, cycle: int, slot: Slot) -> None:
        for j in range(self.columns):  # accumulators: what left the array is read and added now, written a cycle later
            entry = self.tag[-1, j]
            if entry >= 0:
                assert cycle - self.updated[entry, j] >= REUSE, "an entry is updated while its last update is under way"
                self.accumulators[entry, j] += self.sum[-1, j]
                self.updated[entry, j], self.last = cycle, cycle + 1
        self.wave.push(slot)
        left = np.column_stack([self.wave.edge("activations", self.rows), self.activation[:, :-1]])
        above = np.vstack([np.zeros((1, self.columns), np.int64), self.sum[:-1]])
        weights = np.vstack([self.wave.edge("weights", self.columns), self.passed[:-1]])
        swap, shift = self.wave.at("swap", 0) == 1, self.wave.at("shift", 0) == 1
        self.active = np.where(swap, self.shadow, self.active)
        self.sum, self.activation, self.tag = above + left * self.active, left, self.wave.at("entry", -1)
        self.passed = self.shadow.copy()  # what the PE below takes a cycle later
        self.shadow = np.where(shift, weights, self.shadow)

    def run(self, tiles: list[tuple[np.ndarray, np.ndarray, list[int]]]) -> int:
        """``tiles``: activations [slots, <= rows], weights [<= rows, <= columns], entries of the slots."""
        empty = Slot(np.zeros(self.rows, np.int64), np.zeros(self.columns, np.int64))
        timeline: dict[int, Slot] = {}

        def slot(cycle: int) -> Slot:
            return timeline.setdefault(cycle, Slot(empty.activations.copy(), empty.weights.copy()))

        loaded_from, free = START, START
        for activations, weights, entries in tiles:
            for place, vector in enumerate(weights[::-1]):  # the last row goes deepest
                item = slot(loaded_from + place)
                item.shift, item.weights[: len(vector)] = True, vector
            begin = max(loaded_from + len(weights), free)
            slot(begin).swap = True
            for place, (vector, entry) in enumerate(zip(activations, entries, strict=True)):
                item = slot(begin + place)
                item.entry, item.activations[: len(vector)] = entry, vector
            loaded_from, free = begin, begin + max(len(activations), REUSE)
        for cycle in range(free + self.rows + self.columns + 4):
            self.step(cycle, timeline.get(cycle, empty))
        short = max(0, REUSE - len(tiles[-1][0]))  # a command lasts for whole slots
        return self.last + 1 + short


class OutputStationary:
    """PEs that sum, and a second register through which finished sums move down, a row a cycle."""

    def __init__(self, rows: int, columns: int, entries: int) -> None:
        self.rows, self.columns = rows, columns
        self.wave = Wave(rows, columns)
        self.activation, self.weight, self.sum, self.leaving, self.passed = np.zeros((5, rows, columns), np.int64)
        self.tag, self.leaving_tag, self.passed_tag = np.full((3, rows, columns), -1)
        self.accumulators = np.zeros((entries, columns), np.int64)
        self.last = 0

    def step(self, cycle: int, slot: Slot) -> None:
        self.wave.push(slot)
        swap = self.wave.at("swap", 0) == 1
        down = np.vstack([np.zeros((1, self.columns), np.int64), self.passed[:-1]])
        down_tag = np.vstack([np.full((1, self.columns), -1), self.passed_tag[:-1]])
        # At a swap a PE's sum takes the way out, which nothing else may be on.
        assert not (swap & (down_tag >= 0)).any(), "sums of two tiles meet on the way out"
        out, out_tag = np.where(swap, self.sum, down), np.where(swap, self.tag, down_tag)
        for j in range(self.columns):
            if out_tag[-1, j] >= 0:
                self.accumulators[out_tag[-1, j], j] += out[-1, j]
                self.last = cycle + 1
        left = np.column_stack([self.wave.edge("activations", self.rows), self.activation[:, :-1]])
        above = np.vstack([self.wave.edge("weights", self.columns), self.weight[:-1]])
        self.sum = np.where(swap, 0, self.sum) + left * above
        for i in range(self.rows):  # whose output a PE sums is known from its slot
            for j in range(self.columns):
                now = len(self.wave.slots) - 2 - i - j
                if now >= 0 and self.wave.slots[now].entries:
                    self.tag[i, j] = self.wave.slots[now].entries[i]
        # Rows run a cycle behind each other: the row below takes a cycle later what stood here before.
        self.passed, self.passed_tag = self.leaving, self.leaving_tag
        self.activation, self.weight, self.leaving, self.leaving_tag = left, above, out, out_tag

    def run(self, tiles: list[tuple[list[np.ndarray], list[np.ndarray], list[int], list[int]]], turned: bool) -> int:
        """``tiles``: blocks of activations [pixels, slots] and of weights [slots, columns], entries of the pixels, and
        the cycles that each block takes to come in; 0 where operands need no transposer."""
        idle = Slot(np.zeros(self.rows, np.int64), np.zeros(self.columns, np.int64))
        timeline: dict[int, Slot] = {}
        loads = [cycles for tile in tiles for cycles in tile[3]]
        swaps: set[int] = set()
        at, block, way_out = START, 0, 0  # cycle of the next slot; from when a tile may swap
        arrived = START + (loads[0] if turned else 0)
        for activations, weights, entries, _ in tiles:
            for acts, vectors in zip(activations, weights, strict=True):
                at = max(at, arrived)
                block += 1
                arrived = at + (loads[block] if turned and block < len(loads) else 0)  # the other half is free now
                for k in range(len(vectors)):
                    item = Slot(idle.activations.copy(), idle.weights.copy(), entries=[-1] * self.rows)
                    first = self.rows - len(acts)  # pixels stand next to the way out
                    item.activations[first:], item.weights[: vectors.shape[1]] = acts[:, k], vectors[k]
                    item.entries[first:] = entries
                    timeline[at + k] = item
                at += len(vectors)
            # The swap goes with the next tile's first slot, or alone behind the last product; sums of the tile before
            # have left by then.
            at = max(at, way_out, arrived if block < len(loads) else 0)
            swaps.add(at)
            way_out = at + len(entries)
        for cycle in range(at + 2 * self.rows + self.columns + 4):
            item = timeline.get(cycle) or Slot(idle.activations, idle.weights)
            item.swap = cycle in swaps
            self.step(cycle, item)
        return self.last + 1


def blocks(total: int, size: int) -> Iterator[slice]:
    for start in range(0, total, size):
        yield slice(start, min(start + size, total))
