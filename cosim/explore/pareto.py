"""The Pareto front: points that no other point beats in every objective."""

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]
_AT_ONCE = 4096  # rows


def front(values: Float64) -> NDArray[np.bool_]:
    """Which rows of ``values`` [points, objectives], all to be minimised, are on the front.

    A point is off the front where another one is at least as good in every objective and better in one; equal points
    stay together. Rows that hold not-a-number are off.
    """
    return near_front(values, 0.0)


def near_front(values: Float64, margin: float) -> NDArray[np.bool_]:
    """The front, and every point that would be on it if each of its objectives were better by ``margin`` (a share)."""
    found = np.zeros(len(values), bool)
    usable = np.flatnonzero(~np.isnan(values).any(axis=1))
    best = np.unique(values[usable[_plain_front(values[usable])]], axis=0)
    for start in range(0, len(usable), _AT_ONCE):
        rows = usable[start : start + _AT_ONCE]
        found[rows] = ~beaten(values[rows] - margin * np.abs(values[rows]), best)
    return found


def spread(values: Float64, count: int) -> list[int]:
    """``count`` rows that show what ``values`` [points, objectives], all to be minimised, hold.

    First the best in each objective; then, again and again, the row that is farthest from those taken, objectives
    scaled to 0..1. Of equal ones the first.
    """
    low, high = values.min(axis=0), values.max(axis=0)
    scaled = (values - low) / np.where(high > low, high - low, 1.0)
    taken = list(dict.fromkeys(int(place) for place in scaled.argmin(axis=0)))[:count]
    while len(taken) < min(count, len(values)):
        distance = np.linalg.norm(scaled[:, None] - scaled[taken], axis=2).min(axis=1)
        distance[taken] = -1.0
        taken.append(int(distance.argmax()))
    return taken


def hypervolume(values: Float64, reference: Float64) -> float:
    """Volume between ``reference`` [objectives] and the points that ``values`` beat, all to be minimised (WFG)."""
    inside = np.unique(values[(values < reference).all(axis=1)], axis=0)
    if len(inside) and inside.shape[1] == 1:
        return float(reference[0] - inside.min())
    if inside.shape[1] == 2:
        inside = inside[front(inside)]  # best first in the first objective, so best last in the second
        above = np.append(reference[1], inside[:-1, 1])
        return float(((reference[0] - inside[:, 0]) * (above - inside[:, 1])).sum())
    total = 0.0
    inside = inside[front(inside)] if len(inside) else inside
    for place, row in enumerate(inside):
        total += float(np.prod(reference - row)) - hypervolume(np.maximum(inside[place + 1 :], row), reference)
    return total


def beaten(rows: Float64, best: Float64) -> NDArray[np.bool_]:
    """Which rows a row of ``best`` beats: as good in every objective and better in one."""
    found = np.zeros(len(rows), bool)
    for other in best:
        found |= (other <= rows).all(axis=1) & (other < rows).any(axis=1)
    return found


def _plain_front(values: Float64) -> NDArray[np.int64]:
    """Rows of the front. Best first in the first objective, so that nothing is beaten by what comes later."""
    order = np.lexsort(values.T[::-1])
    kept = np.empty(0, np.int64)
    for start in range(0, len(order), _AT_ONCE):
        rows = order[start : start + _AT_ONCE]
        rows = rows[~beaten(values[rows], np.unique(values[kept], axis=0))]
        for place in rows:
            row, held = values[place], values[kept]
            if not ((held <= row).all(axis=1) & (held < row).any(axis=1)).any():
                kept = np.append(kept, place)
    return kept
