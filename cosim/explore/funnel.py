"""From a screened space to the points worth simulating, and how far screening was off there."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cosim.explore.pareto import front, near_front
from cosim.explore.screen import Screen, Screened, structures
from cosim.explore.space import Space
from cosim.explore.study import OK, Result, Study, objectives_of

MOST_POINTS = 2_000_000
MOST_PROGRAMS = 1500  # structures times workloads: each is compiled once or, by the speed of flash, a few times
PART = 1 << 15  # points at once: bounds the memory
MARGIN = 0.07  # more than screening is off in 95 of 100 points


@dataclass(frozen=True, slots=True)
class Screening:
    """All points of a space. ``values``: as of objectives_of; ``killed``: points that violate each constraint, of the
    ``feasible`` ones; ``reasons`` of the others; ``ranges`` of each constraint's names."""

    values: NDArray[np.float64]
    feasible: int
    killed: tuple[int, ...]
    reasons: Mapping[str, int]
    ranges: Mapping[str, tuple[float, float]]

    @property
    def ok(self) -> int:
        return int((~np.isnan(self.values).any(axis=1)).sum())

    def candidates(self, count: int) -> list[int]:
        """The points to simulate: the front, then what is within MARGIN of it, evenly chosen; at most ``count``."""
        on_front = np.flatnonzero(front(self.values))
        near = np.setdiff1d(np.flatnonzero(near_front(self.values, MARGIN)), on_front)
        if len(on_front) > count:
            on_front = on_front[np.linspace(0, len(on_front) - 1, count).astype(int)]
        room = count - len(on_front)
        if len(near) > room:
            near = near[np.linspace(0, len(near) - 1, room).astype(int)]
        return sorted({*on_front.tolist(), *near.tolist()})


def can_screen(space: Space) -> bool:
    """Whether screening all points is a matter of minutes."""
    return space.lattice.size <= MOST_POINTS and structures(space) <= MOST_PROGRAMS


def screen_all(study: Study) -> Screening:
    """Screen every point, part by part."""
    space, screen = study.space, Screen(study.space, study.networks)
    size = space.lattice.size
    values = np.full((size, len(space.goals)), np.nan)
    killed, feasible, reasons = np.zeros(len(space.conditions), np.int64), 0, defaultdict[str, int](int)
    ranges: dict[str, tuple[float, float]] = {}
    for start in range(0, size, PART):
        rows = np.arange(start, min(size, start + PART))
        found = screen.screen(rows, lambda done, of: study.watch.answer(done, of, len(rows)))  # noqa: B023
        holds = [condition.holds(found.metrics) & found.feasible for condition in space.conditions]
        values[rows] = screened_objectives(space, found)
        killed += np.array([int((found.feasible & ~held).sum()) for held in holds], np.int64)
        feasible += int(found.feasible.sum())
        for name in {name for condition in space.conditions for name in condition.names}:
            ranges[name] = _wider(ranges.get(name), found.metrics.get(name))
        for reason, count in found.reasons.items():
            reasons[reason] += count
        study.watch.screened(len(rows))
    return Screening(values, feasible, tuple(int(item) for item in killed), dict(reasons), ranges)


def screened_objectives(space: Space, found: Screened) -> NDArray[np.float64]:
    """float64 [points, objectives], as of objectives_of: not-a-number where a point is infeasible or violates a
    constraint."""
    ok = np.logical_and.reduce(
        [found.feasible, *(condition.holds(found.metrics) for condition in space.conditions)], axis=0
    )
    values = np.full((len(ok), len(space.goals)), np.nan)
    for column, (expression, most) in enumerate(space.goals):
        value = np.broadcast_to(expression.value(found.metrics), len(ok))
        values[:, column] = np.where(ok, -value if most else value, np.nan)
    return values


def _wider(known: tuple[float, float] | None, values: NDArray[np.float64] | None) -> tuple[float, float]:
    """The range of these values and of the known ones."""
    usable = np.empty(0) if values is None else values[~np.isnan(values)]
    found = [*usable[[usable.argmin(), usable.argmax()]].tolist()] if len(usable) else []
    both = [*found, *(item for item in known or () if not np.isnan(item))]
    return (min(both), max(both)) if both else (np.nan, np.nan)


def errors(space: Space, screening: Screening, results: Sequence[Result]) -> dict[str, dict[str, float]]:
    """Relative error of screening where points were simulated as well, by objective: median, p95, how many points."""
    chosen = [result for result in results if result.status == OK]
    simulated = objectives_of(space, chosen)
    screened = screening.values[[result.index for result in chosen]]
    found = {}
    for column, (expression, _) in enumerate(space.goals):
        a, b = simulated[:, column], screened[:, column]
        use = ~np.isnan(b) & (a != 0)
        off = np.abs(b[use] / a[use] - 1)
        if len(off):
            found[expression.text] = {
                "median": float(np.median(off)),
                "p95": float(np.quantile(off, 0.95)),
                "points": len(off),
            }
    return found
