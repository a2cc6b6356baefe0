"""The Pareto front against its definition."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cosim.explore.pareto import front, hypervolume, near_front, spread

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


@given(
    st.tuples(st.integers(0, 8), st.integers(1, 4)).flatmap(
        lambda shape: arrays(np.float64, shape, elements=st.integers(0, 4).map(float))
    )
)
def test_the_volume_is_the_number_of_cells_that_a_point_beats(rows: np.ndarray) -> None:
    """On whole numbers the volume up to (3, 3, ...) is a count of unit cells."""
    objectives = rows.shape[1]
    cells = np.stack(np.meshgrid(*[np.arange(3)] * objectives, indexing="ij"), -1).reshape(-1, objectives)
    want = sum(any((row <= cell).all() for row in rows) for cell in cells)
    assert hypervolume(rows, np.full(objectives, 3.0)) == pytest.approx(want)


def test_a_spread_has_the_best_of_each_objective_and_then_what_is_farthest() -> None:
    line = np.array([[place, 10.0 - place] for place in range(11)])
    assert spread(line, 1) == [0]
    assert spread(line, 2) == [0, 10]
    assert spread(line, 3) == [0, 10, 5]
    assert sorted(spread(line, 99)) == list(range(11))
    same = np.ones((3, 2))
    assert spread(same, 2) == [0, 1] and spread(same[:1], 4) == [0]
