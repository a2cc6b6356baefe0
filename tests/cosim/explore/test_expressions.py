"""Expressions of space files: what they compute, and what they refuse."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosim.explore.expressions import ExpressionError, parse

NAMES = ("a", "b.c", "d.e.f")
_leaf = st.sampled_from(NAMES) | st.integers(0, 9).map(str) | st.floats(0.1, 5).map(repr)


def _joined(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    operators = st.sampled_from(["+", "-", "*", "/"])
    pair = st.tuples(parts, operators, parts).map(lambda item: f"({item[0]} {item[1]} {item[2]})")
    call = st.tuples(st.sampled_from(["min", "max"]), parts, parts).map(lambda item: f"{item[0]}({item[1]}, {item[2]})")
    return pair | call | parts.map(lambda item: f"-{item}") | parts.map(lambda item: f"abs({item})")


numeric = st.recursive(_leaf, _joined, max_leaves=12)
numbers = st.fixed_dictionaries({name: st.floats(-100, 100) for name in NAMES})


def _python(text: str, values: dict[str, float]) -> float:
    """Python's own value of the text, with dotted names as subscripts."""
    for name in sorted(NAMES, key=len, reverse=True):
        text = text.replace(name, f"V[{NAMES.index(name)}]") if "." in name else text
    words = text.replace("max", "MAX").replace("abs", "ABS").replace("min", "MIN").replace("a", "V[0]")
    scope = {"V": [values[name] for name in NAMES], "MAX": max, "MIN": min, "ABS": abs}
    return float(eval(words, {"__builtins__": {}}, scope))


@given(numeric, numbers)
def test_arithmetic_is_pythons(text: str, values: dict[str, float]) -> None:
    try:
        want = _python(text, values)
    except ZeroDivisionError:
        return  # float64: infinite, or not a number
    assert parse(text, "test").value(values) == pytest.approx(want, rel=1e-12, nan_ok=True)


@given(numeric, st.lists(numbers, min_size=1, max_size=5))
def test_arrays_are_many_scalars(text: str, rows: list[dict[str, float]]) -> None:
    expression = parse(f"{text} <= 1 or {text} > 2", "test")
    columns = {name: np.array([row[name] for row in rows]) for name in NAMES}
    together = np.broadcast_to(expression.holds(columns), len(rows))
    assert together.tolist() == [bool(expression.holds(row)) for row in rows]


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("1 < a <= 3", True),
        ("1 < a < 3", False),
        ("not a == 3", False),
        ("a == 3 and b.c != 3", True),
        ("a > 5 or b.c == 4", True),
        ("a // 2 == 1 and a % 2 == 1 and a ** 2 == 9", True),
        ("missing <= 1e30", False),
        ("missing > 0 or a == 3", True),
        ("a / 0 > 1e308", True),
    ],
)
def test_conditions(text: str, holds: bool) -> None:
    expression = parse(text, "test")
    assert expression.is_condition
    assert bool(expression.holds({"a": 3.0, "b.c": 4})) is holds


def test_names_are_collected_with_their_dots() -> None:
    assert parse("a.b * c + min(a.b, d.e.f)", "test").names == {"a.b", "c", "d.e.f"}
    assert math.isnan(parse("a.b", "test").value({}))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 +", "is not an expression"),
        ("", "is not an expression"),
        ("__import__('os')", "'__import__('os')' is not understood"),
        ("a.b()", "is not understood"),
        ("[a]", "is not understood"),
        ("'text' == a", "is not understood"),
        ("a if b else c", "is not understood"),
        ("lambda: a", "is not understood"),
        ("min()", "is not understood"),
        ("abs(a, b)", "is not understood"),
        ("max(*a)", "is not understood"),
        ("a & b", "is not understood"),
        ("(1).real", "is not understood"),
        ("a\0", "is not an expression"),
        ("1" * 1001, "at most 1000 characters"),
        ("(" * 400 + "a" + ")" * 400, "is not an expression"),
    ],
)
def test_anything_else_is_refused(text: str, message: str) -> None:
    with pytest.raises(ExpressionError, match="^constraints: ") as caught:
        parse(text, "constraints")
    assert message in str(caught.value)


def test_an_unknown_name_is_told_with_what_there_is() -> None:
    with pytest.raises(ExpressionError, match=r"unknown name 'sizes' \(did you mean 'size'\?\); want size, weight"):
        parse("sizes + 1", "test").check_names({"size", "weight"}, "test", "size, weight")
