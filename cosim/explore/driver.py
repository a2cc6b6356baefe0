"""The funnel: which points are evaluated at which level, and what is left at the end.

All points of a small space go to the event machine, with the compiler's first mapping; of a larger one those that
screening puts on or near the front; of one that is too large to screen, those that a search asks for. Those on the
front, and those within MARGIN of it, are evaluated again with the mapping searched, and the front is drawn among them;
where they are many, those on the front alone; where even these are many, none. Batches have a fixed size and are
decided one after the other, so that the number of workers changes nothing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.explore.evaluate import EVENT, SEARCHED
from cosim.explore.funnel import Screening, can_screen, errors, screen_all
from cosim.explore.metrics import MAXIMISE, MINIMISE, unit_of
from cosim.explore.pareto import front, near_front
from cosim.explore.search import BATCH, search
from cosim.explore.space import Space
from cosim.explore.study import FAILED, INFEASIBLE, KILLED, OK, Result, Study, objectives_of

MARGIN = 0.03  # searching the mapping rarely gains more
MOST_SEARCHED = 40  # points: a searched mapping costs seconds
MOST_ENUMERATED = 2000  # points of a space that is enumerated when no budget is given
DEFAULT_BUDGET = 1000  # evaluations of a larger one


@dataclass(frozen=True, slots=True)
class Exploration:
    """``results``: every evaluated point at its highest level, in order; ``front``: indices of those on the front."""

    space: Space
    results: tuple[Result, ...]
    front: tuple[int, ...]
    screening: Screening | None = None

    def count(self, status: str) -> int:
        return sum(result.status == status for result in self.results)

    def on_front(self) -> list[Result]:
        """Results on the front, best first in the first objective."""
        chosen = [result for result in self.results if result.index in self.front]
        values = objectives_of(self.space, chosen)
        return [chosen[place] for place in np.lexsort(values.T[::-1])]


def explore(study: Study, *, budget: int | None, seed: int) -> Exploration:
    """Evaluate the space. ``budget``: most points to evaluate, where the space has more; see the module."""
    space, screening = study.space, None
    if budget is None:
        budget = space.lattice.size if space.lattice.size <= MOST_ENUMERATED else DEFAULT_BUDGET
    if budget >= space.lattice.size:
        study.watch.stage("evaluating all points", space.lattice.size)
        results = [item for batch in _batches(space.lattice.size) for item in study.evaluate(batch, EVENT)]
    elif can_screen(space):
        study.watch.stage("screening all points", space.lattice.size)
        screening = screen_all(study)
        chosen = screening.candidates(budget)
        study.watch.stage("simulating what may be on the front", len(chosen))
        groups = [chosen[start : start + BATCH] for start in range(0, len(chosen), BATCH)]
        results = [item for group in groups for item in study.evaluate(group, EVENT)]
    else:
        results = search(study, budget=budget, seed=seed)
    values = objectives_of(space, results)
    near = _chosen(results, near_front(values, MARGIN))
    if len(near) > MOST_SEARCHED:
        near = _chosen(results, front(values))
    if len(near) > MOST_SEARCHED:
        return Exploration(space, tuple(sorted(results, key=lambda item: item.index)), tuple(sorted(near)), screening)
    study.watch.stage("searching mappings near the front", len(near))
    groups = [near[start : start + BATCH] for start in range(0, len(near), BATCH)]
    refined = [item for group in groups for item in study.evaluate(group, SEARCHED)]
    by_index = {result.index: result for result in [*results, *refined]}
    best = _chosen(refined, front(objectives_of(space, refined)))
    return Exploration(space, tuple(by_index[index] for index in sorted(by_index)), tuple(sorted(best)), screening)


def _chosen(results: Sequence[Result], which: NDArray[np.bool_]) -> list[int]:
    return [result.index for result, chosen in zip(results, which, strict=True) if chosen]


def _batches(size: int) -> Iterator[range]:
    """All points: the first one alone, so that something can be shown soon, then batches of BATCH."""
    yield range(min(1, size))
    for first in range(1, size, BATCH):
        yield range(first, min(size, first + BATCH))


@dataclass(frozen=True, slots=True)
class Kills:
    """How many of the points that a constraint was looked at for violate it, and the range of its numbers there."""

    constraint: str
    killed: int
    of: int
    ranges: tuple[tuple[str, float, float], ...]

    def __str__(self) -> str:
        text = f"constraint '{self.constraint}' kills {self.killed:,} of {self.of:,} points"
        if self.killed < self.of or not self.of:
            return text
        seen = ", ".join(f"{name} from {low:,.6g} to {high:,.6g}" for name, low, high in self.ranges)
        return f"{text}: no point satisfies it ({seen})"


def kills(space: Space, results: Sequence[Result]) -> list[Kills]:
    """One entry a constraint, in the order of the space file."""
    found = []
    for place, condition in enumerate(space.conditions):
        seen = [result for result in results if result.holds[place] is not None]
        ranges = []
        for name in sorted(condition.names):
            values = [result.metrics[name] for result in seen if name in result.metrics]
            if values:
                ranges.append((name, min(values), max(values)))
        killed = sum(result.holds[place] is False for result in seen)
        found.append(Kills(condition.text, killed, len(seen), tuple(ranges)))
    return found


def screened_kills(space: Space, screening: Screening) -> list[Kills]:
    """The same of all points of a screened space, of those that are feasible."""
    return [
        Kills(
            condition.text,
            killed,
            screening.feasible,
            tuple((name, *screening.ranges[name]) for name in sorted(condition.names)),
        )
        for condition, killed in zip(space.conditions, screening.killed, strict=True)
    ]


def reasons(results: Sequence[Result], status: str) -> dict[str, int]:
    """How many points have each reason, most frequent first."""
    texts = [result.reason for result in results if result.status == status]
    return dict(sorted(((text, texts.count(text)) for text in set(texts)), key=lambda item: (-item[1], item[0])))


def summary(found: Exploration) -> dict[str, Any]:
    """Plain data: what the JSON file holds and the report reads."""
    space = found.space
    return {
        "space": space.model_dump(mode="json", by_alias=True),
        "base": space.base.model_dump(mode="json"),
        "axes": [{"path": path, "values": list(values)} for path, values in space.values.items()],
        "size": space.lattice.size,
        "evaluated": len(found.results),
        "counts": {status: found.count(status) for status in (OK, KILLED, INFEASIBLE, FAILED)},
        "infeasible": reasons(found.results, INFEASIBLE),
        "failed": reasons(found.results, FAILED),
        "constraints": [
            {"constraint": item.constraint, "killed": item.killed, "of": item.of, "text": str(item)}
            for item in (screened_kills(space, found.screening) if found.screening else kills(space, found.results))
        ],
        "screening": _screening(found),
        "objectives": [
            {"metric": item.text, "goal": MAXIMISE if most else MINIMISE, "unit": unit_of(item.text)}
            for item, most in space.goals
        ],
        "front": [_plain(space, result) for result in found.on_front()],
    }


def _screening(found: Exploration) -> dict[str, Any] | None:
    screening = found.screening
    if screening is None:
        return None
    return {
        "points": len(screening.values),
        "feasible": screening.feasible,
        "ok": screening.ok,
        "infeasible": dict(sorted(screening.reasons.items(), key=lambda item: (-item[1], item[0]))),
        "errors": errors(found.space, screening, found.results),
    }


def _plain(space: Space, result: Result) -> dict[str, Any]:
    return {
        "index": result.index,
        "level": result.level,
        "point": dict(result.point),
        "objectives": [float(expression.value(result.metrics)) for expression, _ in space.goals],
        "metrics": dict(result.metrics),
    }
