"""Fits of gates and flip-flops to the terms of accel_models.gates: least squares of relative errors, none below 0."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from accel_models.gates import Sizes, terms
from rtl.synthesis.blocks import Block
from rtl.synthesis.flow import Gates

_ROUNDING = 1e-9  # least squares in float64 leave 1e-14 of a term that is not there


@dataclass(frozen=True, slots=True)
class Point:
    """One synthesis: ``counted`` by Yosys, ``fitted`` by the model; ``held_out``: the fit did not see it."""

    sizes: Sizes
    counted: Gates
    fitted: Gates
    held_out: bool

    @property
    def error(self) -> float:
        """Relative error of the cell area."""
        return self.fitted.um2 / self.counted.um2 - 1


@dataclass(frozen=True, slots=True)
class Fit:
    """Coefficients by term, and every synthesis beside them."""

    block: str
    logic: dict[str, float]
    flip_flops: dict[str, float]
    points: tuple[Point, ...]

    def at(self, sizes: Sizes) -> Gates:
        """What the fit says of a configuration."""
        values = terms(self.block, sizes)
        logic, flip_flops = (
            math.fsum(x[term] * value for term, value in values.items()) for x in (self.logic, self.flip_flops)
        )
        return Gates(logic, flip_flops)

    def worst(self, *, held_out: bool) -> float:
        """Largest relative error of cell area, 0 where there is no such point."""
        return max((abs(point.error) for point in self.points if point.held_out == held_out), default=0.0)


def fit(name: str, block: Block) -> Fit:
    """Synthesize the block at all its configurations and fit."""
    counted = [block.gates_at(sizes) for sizes in block.fitted]
    rows = [terms(name, sizes) for sizes in block.fitted]
    names = list(rows[0])
    matrix = np.array([[row[term] for term in names] for row in rows])
    logic = non_negative(matrix, [gates.logic for gates in counted])
    flip_flops = non_negative(matrix, [float(gates.flip_flops) for gates in counted])
    # Written with four digits, so the errors are stated of what is written.
    fits = [{term: float(f"{value:.4g}") for term, value in zip(names, x, strict=True)} for x in (logic, flip_flops)]
    bare = Fit(name, fits[0], fits[1], ())
    points = (Point(sizes, block.gates_at(sizes), bare.at(sizes), held_out) for sizes, held_out in block.points)
    return replace(bare, points=tuple(points))


def non_negative(matrix: NDArray[np.float64], wanted: Sequence[float]) -> NDArray[np.float64]:
    """x >= 0 with small relative errors of ``matrix @ x`` against ``wanted`` (> 0): float64 [terms].

    Terms whose coefficient comes out below zero are dropped, the most negative one first, until none does; then those
    that add less than _ROUNDING of what is wanted anywhere.
    """
    scale = 1 / np.asarray(wanted, np.float64)
    weighted = matrix * scale[:, None]
    kept = list(range(matrix.shape[1]))
    while True:
        found = np.linalg.lstsq(weighted[:, kept], np.ones(len(wanted)), rcond=None)[0]
        if (found >= 0).all() or len(kept) == 1:
            break
        kept.pop(int(np.argmin(found * weighted[:, kept].mean(axis=0))))
    x = np.zeros(matrix.shape[1])
    x[kept] = np.maximum(found, 0)
    x[x * weighted.max(axis=0) < _ROUNDING] = 0
    return x
