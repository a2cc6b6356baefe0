"""Values of axes, and points of their product by number."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from cosim.explore.axes import Lattice, Span

lengths = st.lists(st.integers(1, 50), min_size=0, max_size=8).map(tuple)


@given(lengths, st.data())
def test_a_number_and_its_digits_are_one_point(lengths: tuple[int, ...], data: st.DataObject) -> None:
    lattice = Lattice(lengths)
    index = data.draw(st.integers(0, lattice.size - 1))
    digits = lattice.digits(index)
    assert len(digits) == len(lengths) and all(
        0 <= digit < length for digit, length in zip(digits, lengths, strict=True)
    )
    assert lattice.index(digits) == index


def test_the_last_axis_changes_fastest_and_every_point_comes_once() -> None:
    lattice = Lattice((2, 3))
    assert [lattice.digits(index) for index in range(6)] == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]


@pytest.mark.parametrize("index", [-1, 6])
def test_a_point_outside_is_refused(index: int) -> None:
    with pytest.raises(ValueError, match="want 0 to 5"):
        Lattice((2, 3)).digits(index)


@given(st.integers(-1000, 1000), st.integers(0, 2000), st.integers(1, 300))
def test_whole_steps_are_pythons_range(first: int, length: int, step: int) -> None:
    assert Span(first=first, to=first + length, step=step).values() == list(range(first, first + length + 1, step))


@given(st.integers(1, 100), st.integers(2, 10), st.integers(0, 5), st.integers(0, 1))
def test_a_log_range_multiplies(first: int, factor: int, count: int, more: int) -> None:
    end = first * factor**count
    values = Span(first=first, to=end + more * (end // 2), factor=factor).values()
    assert values[: count + 1] == [first * factor**i for i in range(count + 1)]
    assert all(type(value) is int for value in values)


def test_steps_of_floats_reach_their_end() -> None:
    values = Span.model_validate({"from": 0.6, "to": 1.0, "step": 0.1}).values()
    assert values == [0.6, 0.7, 0.8, 0.9, 1.0]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"from": 4, "to": 1, "step": 1}, "holds no value"),
        ({"from": 1, "to": 4}, "want either step or factor"),
        ({"from": 1, "to": 4, "step": 1, "factor": 2}, "want either step or factor"),
        ({"from": 1, "to": 4, "step": 0}, "greater than 0"),
        ({"from": 1, "to": 4, "factor": 1}, "greater than 1"),
        ({"from": 0, "to": 4, "factor": 2}, "starts above 0"),
        ({"from": 0, "to": 1e12, "step": 1}, "at most 100,000 values"),
        ({"from": 0, "to": math.inf, "step": 1}, "finite"),
        ({"from": 0, "to": 1, "steps": 1}, "Extra inputs"),
    ],
)
def test_a_range_that_makes_no_sense_is_refused(fields: dict[str, float], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Span.model_validate(fields)
