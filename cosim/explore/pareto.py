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
        found[rows] = ~_beaten(values[rows] - margin * np.abs(values[rows]), best)
    return found


def _beaten(rows: Float64, best: Float64) -> NDArray[np.bool_]:
    """Which rows a row of ``best`` beats."""
    beaten = np.zeros(len(rows), bool)
    for other in best:
        beaten |= (other <= rows).all(axis=1) & (other < rows).any(axis=1)
    return beaten


def _plain_front(values: Float64) -> NDArray[np.int64]:
    """Rows of the front. Best first in the first objective, so that nothing is beaten by what comes later."""
    order = np.lexsort(values.T[::-1])
    kept = np.empty(0, np.int64)
    for start in range(0, len(order), _AT_ONCE):
        rows = order[start : start + _AT_ONCE]
        rows = rows[~_beaten(values[rows], np.unique(values[kept], axis=0))]
        for place in rows:
            row, held = values[place], values[kept]
            if not ((held <= row).all(axis=1) & (held < row).any(axis=1)).any():
                kept = np.append(kept, place)
    return kept
