"""Two explorations side by side, from their explore.json: what was asked, which designs are on which front, who wins.

Volumes are of the box from the best value of each objective on both fronts to BEYOND (a share) past the worst, and as
shares of it: a front with the best value everywhere has 1.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.explore import designs
from cosim.explore.designs import Data
from cosim.explore.metrics import MAXIMISE
from cosim.explore.pareto import beaten, front, hypervolume

Float64 = NDArray[np.float64]
KEYS = frozenset(
    {"space", "base", "axes", "objectives", "front", "levels", "counts", "evaluated", "provenance", "size"}
)
"""What an explore.json of this release holds at least."""
BEYOND = 0.1


def compare(a: Data, b: Data) -> dict[str, Any]:
    """The comparison as JSON data. Raises ValueError where the objectives differ."""
    order = _order(a, b)
    values_a, values_b = _values(a, range(len(order))), _values(b, order)
    names = sorted({*a["provenance"], *b["provenance"]})
    said = {name: [data["provenance"].get(name) for data in (a, b)] for name in names}
    return {
        "a": _about(a),
        "b": _about(b),
        "objectives": a["objectives"],
        "axes": designs.axes(a, b),
        "settings": designs.settings(a, b),
        "points_in_common": designs.points_in_common(a, b),
        "designs": _designs(a, b, values_a, values_b) if designs.comparable(a, b) else [],
        "fronts": {"a": _front(a, values_a), "b": _front(b, values_b)},
        "verdict": _verdict(a, values_a, values_b),
        "provenance": {name: pair for name, pair in said.items() if pair[0] != pair[1]},
    }


def _order(a: Data, b: Data) -> list[int]:
    """The place in ``b`` of each objective of ``a``."""
    first, second = ([(item["goal"], item["metric"]) for item in data["objectives"]] for data in (a, b))
    if sorted(first) != sorted(second):
        one, other = (", ".join(f"{goal} {metric}" for goal, metric in names) for names in (first, second))
        raise ValueError(
            f"--compare: the objectives differ, so the fronts cannot be compared: {one} in A; {other} in B"
        )
    return [second.index(name) for name in first]


def _values(data: Data, order: Sequence[int]) -> Float64:
    """Objectives of the front, float64 [points, objectives]."""
    found = np.array([item["objectives"] for item in data["front"]], np.float64).reshape(-1, len(order))
    return found[:, list(order)]


def _about(data: Data) -> dict[str, Any]:
    own = {name: data[name] for name in ("size", "evaluated", "counts")}
    return {"space": data["space"]["name"], "front": len(data["front"])} | own


def _designs(a: Data, b: Data, values_a: Float64, values_b: Float64) -> list[dict[str, Any]]:
    """Designs on both fronts: each front's number of the point and its objectives, and B's over A's."""
    along = designs.paths(a, b)
    there = {designs.design(b, item["point"], along): place for place, item in enumerate(b["front"])}
    found = []
    for place, item in enumerate(a["front"]):
        other = there.get(designs.design(a, item["point"], along))
        if other is not None:
            mine, theirs = values_a[place].tolist(), values_b[other].tolist()
            ratios = [y / x if x else None for x, y in zip(mine, theirs, strict=True)]
            points = {"point_a": item["index"], "point_b": b["front"][other]["index"]}
            found.append(points | {"a": mine, "b": theirs, "b_over_a": ratios})
    return found


def _front(data: Data, values: Float64) -> list[dict[str, Any]]:
    return [
        {"point": item["index"], "level": item["level"], "values": item["point"], "objectives": row.tolist()}
        for item, row in zip(data["front"], values, strict=True)
    ]


def _verdict(a: Data, values_a: Float64, values_b: Float64) -> Mapping[str, Any]:
    """Volumes, how many points of a front one of the other beats, who makes up the front of both together, and the best
    value of each objective (None of an empty front)."""
    signs = np.array([-1.0 if item["goal"] == MAXIMISE else 1.0 for item in a["objectives"]])
    first, second = values_a * signs, values_b * signs
    joint = front(np.vstack([first, second]))
    volumes = _volumes(first, second)
    return {
        "volume": dict(zip(("a", "b", "both"), volumes, strict=True)),
        "beaten": {"a": int(beaten(first, second).sum()), "b": int(beaten(second, first).sum())},
        "on_joint_front": {"a": int(joint[: len(first)].sum()), "b": int(joint[len(first) :].sum())},
        "best": {"a": _best(first, signs), "b": _best(second, signs)},
    }


def _best(values: Float64, signs: Float64) -> list[float] | None:
    return (values.min(axis=0) * signs).tolist() if len(values) else None


def _volumes(first: Float64, second: Float64) -> list[float]:
    """Of A's front, of B's and of both together, over the whole box."""
    both = np.vstack([first, second])
    if not len(both):
        return [0.0, 0.0, 0.0]
    low, high = both.min(axis=0), both.max(axis=0)
    width = high + BEYOND * np.abs(high) - low
    width[width == 0] = 1.0
    return [hypervolume((values - low) / width, np.ones(len(low))) for values in (first, second, both)]
