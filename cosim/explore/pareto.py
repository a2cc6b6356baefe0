"""The Pareto front: points that no other point beats in every objective."""

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]


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
    exact = usable[_plain_front(values[usable])]
    best = values[exact]
    for place in usable:
        better = values[place] - margin * np.abs(values[place])
        beaten = (best <= better).all(axis=1) & (best < better).any(axis=1)
        found[place] = not beaten.any()
    return found


def _plain_front(values: Float64) -> NDArray[np.int64]:
    """Rows of the front, by comparing each, best first, with those that are on it already."""
    order = np.lexsort(values.T[::-1])
    kept: list[int] = []
    held = np.empty((0, values.shape[1]))
    for place in order:
        row = values[place]
        if ((held <= row).all(axis=1) & (held < row).any(axis=1)).any():
            continue
        kept.append(int(place))
        held = np.vstack([held, row])
    return np.array(kept, np.int64)
