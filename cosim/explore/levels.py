"""The front at every level: what screening, the event machine, the searched mapping and the RTL say of each point.

Nothing is simulated twice: levels that the exploration went through are in the study's hands. New are screening, of the
points of this table only, and the RTL, of those chosen for it with their searched mapping. Of a front with too many
points for all of their mappings to be searched, those that show it best are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cosim.explore.driver import MOST_SEARCHED, Exploration
from cosim.explore.evaluate import EVENT, RTL, SCREEN, SEARCHED
from cosim.explore.metrics import OF_RTL
from cosim.explore.pareto import spread
from cosim.explore.screen import Screen
from cosim.explore.search import BATCH
from cosim.explore.study import DISAGREES, FAILED, INFEASIBLE, OK, Result, Study, objectives_of

ORDER = (SCREEN, EVENT, SEARCHED, RTL)
SHOWN = ("latency_ms", "energy_uj")
INFEASIBLE_ON_SCREEN = "screening finds that it cannot run a workload"


@dataclass(frozen=True, slots=True)
class Cell:
    """A point at one level. ``numbers``: of SHOWN, where there are any; ``status`` and ``reason`` as of a Result.

    ``workloads``: on the RTL, of each workload the numbers of OF_RTL.
    """

    status: str
    reason: str
    numbers: Mapping[str, float]
    workloads: Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class Row:
    """A point at the levels that it was evaluated at, by name."""

    index: int
    on_front: bool
    cells: Mapping[str, Cell]


def choose(found: Exploration, count: int, named: Sequence[int]) -> list[int]:
    """The points for a costly level: ``count`` of the front as ``pareto.spread`` picks them, then the named ones."""
    front = [result for result in found.results if result.index in found.front]
    places = spread(objectives_of(found.space, front), count) if front and count else []
    return list(dict.fromkeys([*(front[place].index for place in places), *named]))


def levels_of(study: Study, found: Exploration, chosen: Sequence[int]) -> list[Row]:
    """One row a point: the front in its order, then other ``chosen`` points; ``chosen`` ones go on the RTL."""
    front = [result.index for result in found.on_front()]
    points = list(dict.fromkeys([*front, *chosen]))
    searched = {result.index for result in found.results if result.level == SEARCHED}
    searched = (searched or {*choose(found, MOST_SEARCHED, [])}) | set(chosen)
    cells: dict[str, dict[int, Cell]] = {
        SCREEN: _screened(study, points),
        EVENT: _evaluated(study, points, EVENT, "simulating the front's first mappings"),
        SEARCHED: _evaluated(study, [i for i in points if i in searched], SEARCHED, "searching the front's mappings"),
        RTL: _evaluated(study, list(chosen), RTL, "simulating on the RTL"),
    }
    on_front = set(front)
    return [
        Row(index, index in on_front, {level: cells[level][index] for level in ORDER if index in cells[level]})
        for index in points
    ]


def _screened(study: Study, points: Sequence[int]) -> dict[int, Cell]:
    if not points:
        return {}
    study.watch.stage("screening the front", len(points))
    screened = Screen(study.space, study.networks).screen(points)
    found = {}
    for place, index in enumerate(points):
        if screened.feasible[place]:
            numbers = {name: float(screened.metrics[name][place]) for name in SHOWN}
            found[index] = Cell(OK, "", numbers, {})
        else:
            found[index] = Cell(INFEASIBLE, INFEASIBLE_ON_SCREEN, {}, {})
    study.watch.screened(len(points))
    return found


def _evaluated(study: Study, points: Sequence[int], level: str, stage: str) -> dict[int, Cell]:
    if not points:
        return {}
    study.watch.stage(stage, len(points))
    groups = [points[start : start + BATCH] for start in range(0, len(points), BATCH)]
    return {item.index: _cell(study, item) for group in groups for item in study.evaluate(group, level)}


def _cell(study: Study, result: Result) -> Cell:
    numbers = {name: float(result.metrics[name]) for name in SHOWN if name in result.metrics}
    labels = [item.label for item in study.space.workloads] if result.level == RTL else []
    return Cell(
        result.status,
        result.reason,
        numbers,
        {
            label: {name: result.metrics[f"{label}.{name}"] for name in OF_RTL}
            for label in labels
            if f"{label}.{OF_RTL[0]}" in result.metrics
        },
    )


def plain(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """The rows as JSON holds them; null for a level that was not run."""
    return [
        {
            "point": row.index,
            "front": row.on_front,
            "levels": {level: _plain_cell(row.cells.get(level)) for level in ORDER},
        }
        for row in rows
    ]


def _plain_cell(cell: Cell | None) -> dict[str, Any] | None:
    if cell is None:
        return None
    found = {"status": cell.status, "reason": cell.reason} | {name: cell.numbers.get(name) for name in SHOWN}
    return found | (
        {"workloads": {name: dict(item) for name, item in cell.workloads.items()}} if cell.workloads else {}
    )


def complaints(rows: Sequence[Row]) -> list[str]:
    """What the RTL got wrong, and what could not be found out; points that the RTL cannot be built for are neither."""
    return [
        f"point {row.index} on the RTL: {cell.reason}"
        for row in rows
        for level, cell in row.cells.items()
        if level == RTL and cell.status in (DISAGREES, FAILED)
    ]
