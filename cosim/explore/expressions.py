"""Expressions over named numbers: what a space file writes as a constraint or an objective.

Arithmetic (+ - * / // % **), comparisons (also chained), and, or, not, the functions min, max and abs, and names with
dots. Numbers are float64, scalars or arrays of one length: one expression may be evaluated over many points at once.
A name without a value counts as not-a-number, so that comparisons with it do not hold. Nothing else of Python is
understood, and nothing is executed.
"""

import ast
import operator
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import reduce
from typing import Any

import numpy as np

_LONGEST = 1000  # characters
_BINARY: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: np.divide,
    ast.FloorDiv: np.floor_divide,
    ast.Mod: np.mod,
    ast.Pow: np.power,
}
_UNARY: Mapping[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.UAdd: operator.pos,
    ast.USub: operator.neg,
    ast.Not: np.logical_not,
}
_COMPARE: Mapping[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "min": lambda *values: reduce(np.minimum, values),
    "max": lambda *values: reduce(np.maximum, values),
    "abs": lambda value: np.abs(value),
}
_UNDERSTOOD = "numbers, names, + - * / // % **, comparisons, and, or, not, min, max and abs"


class ExpressionError(ValueError):
    """An expression that cannot be used; the message holds its text, what is wrong and what is wanted."""


@dataclass(frozen=True, slots=True)
class Expression:
    """``names``: every name it needs, dots included; ``is_condition``: it holds or not."""

    text: str
    names: frozenset[str]
    is_condition: bool
    _tree: ast.expr = field(repr=False, compare=False)

    def value(self, numbers: Mapping[str, Any]) -> Any:
        """Its value as float64 (a condition: 1.0 or 0.0), of the shape of the numbers."""
        with np.errstate(all="ignore"):
            return np.asarray(_value(self._tree, numbers), np.float64)[()]

    def holds(self, numbers: Mapping[str, Any]) -> Any:
        """Whether a condition holds, as bool, of the shape of the numbers."""
        return self.value(numbers) != 0.0

    def check_names(self, known: Collection[str], where: str, shown: str) -> None:
        """Raises ExpressionError naming the first name that is not in ``known``; ``shown`` says what there is."""
        for name in sorted(self.names - set(known)):
            near = get_close_matches(name, known, n=1)
            hint = f" (did you mean '{near[0]}'?)" if near else ""
            raise ExpressionError(f"{where}: '{self.text}': unknown name '{name}'{hint}; want {shown}")


def parse(text: str, where: str) -> Expression:
    """The expression of a text; ``where`` (a field of a file) starts every message. Raises ExpressionError."""
    if len(text) > _LONGEST:
        raise ExpressionError(f"{where}: an expression has at most {_LONGEST} characters, got {len(text)}")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
        names = frozenset(_names(tree))
    except ExpressionError as error:
        raise ExpressionError(f"{where}: '{text}': {error}") from None
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        reason = error.msg if isinstance(error, SyntaxError) else str(error)
        raise ExpressionError(f"{where}: '{text}' is not an expression: {reason}") from None
    condition = isinstance(tree, ast.Compare | ast.BoolOp) or (
        isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.Not)
    )
    return Expression(text.strip(), names, condition, tree)


def dotted(node: ast.expr) -> str:
    """The name that a Name or a chain of Attributes spells. Raises ExpressionError for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    raise ExpressionError(f"'{ast.unparse(node)}' is not understood; want {_UNDERSTOOD}")


def _names(node: ast.expr) -> set[str]:
    """Names of a tree. Raises ExpressionError on what is not understood."""
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return set()
    if isinstance(node, ast.Name | ast.Attribute):
        return {dotted(node)}
    parts = _operands(node)
    if parts is None:
        raise ExpressionError(f"'{ast.unparse(node)}' is not understood; want {_UNDERSTOOD}")
    return {name for part in parts for name in _names(part)}


def _operands(node: ast.expr) -> list[ast.expr] | None:
    """What an operation works on, or None for one that is not understood."""
    match node:
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
            return [left, right]
        case ast.UnaryOp(op=op, operand=operand) if type(op) in _UNARY:
            return [operand]
        case ast.BoolOp(values=values):
            return values
        case ast.Compare(left=left, ops=ops, comparators=others) if all(type(op) in _COMPARE for op in ops):
            return [left, *others]
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in _FUNCTIONS and args:
            starred = any(isinstance(item, ast.Starred) for item in args)
            return None if starred or (name == "abs" and len(args) != 1) else args
    return None


def _value(node: ast.expr, numbers: Mapping[str, Any]) -> Any:
    match node:
        case ast.Constant(value=value):
            return np.float64(value)  # type: ignore[arg-type]
        case ast.Name() | ast.Attribute():
            return np.asarray(numbers.get(dotted(node), np.nan), np.float64)
        case ast.BinOp(left=left, op=op, right=right):
            return _BINARY[type(op)](_value(left, numbers), _value(right, numbers))
        case ast.UnaryOp(op=op, operand=operand):
            return _UNARY[type(op)](_value(operand, numbers))
        case ast.BoolOp(op=op, values=values):
            join = np.logical_and if isinstance(op, ast.And) else np.logical_or
            return reduce(join, [_value(item, numbers) for item in values])
        case ast.Compare(left=left, ops=ops, comparators=others):
            values = [_value(item, numbers) for item in [left, *others]]
            pairs = [_COMPARE[type(op)](values[i], values[i + 1]) for i, op in enumerate(ops)]
            return reduce(np.logical_and, pairs)
        case ast.Call(func=ast.Name(id=name), args=args):
            return _FUNCTIONS[name](*[_value(item, numbers) for item in args])
    raise AssertionError(f"{ast.dump(node)} passed parse")
