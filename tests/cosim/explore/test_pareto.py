"""The Pareto front against its definition."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cosim.explore.pareto import front, near_front

# Few different values, so that ties and equal points come up; now and then one that is not a number.
values = st.tuples(st.integers(0, 40), st.integers(1, 4)).flatmap(
    lambda shape: arrays(np.float64, shape, elements=st.integers(-3, 3).map(float) | st.just(np.nan))
)


def _beaten(row: np.ndarray, others: np.ndarray) -> bool:
    return any((other <= row).all() and (other < row).any() for other in others)


@given(values)
def test_the_front_is_what_nothing_beats(rows: np.ndarray) -> None:
    usable = rows[~np.isnan(rows).any(axis=1)]
    want = [not np.isnan(row).any() and not _beaten(row, usable) for row in rows]
    assert front(rows).tolist() == want


@given(values, st.floats(0, 0.5))
def test_what_is_near_is_on_the_front_when_it_is_better_by_the_margin(rows: np.ndarray, margin: float) -> None:
    usable = rows[~np.isnan(rows).any(axis=1)]
    better = rows - margin * np.abs(rows)
    want = [not np.isnan(row).any() and not _beaten(row, usable) for row in better]
    assert near_front(rows, margin).tolist() == want
