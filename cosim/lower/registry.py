"""Which function lowers which ATen operator. Adding an operator is one decorated function in one of the modules.

``@move``: the outputs are codes of the inputs, moved, selected or compared; the function gets the inputs as codes of
one scale. ``@compute``: the outputs are new codes; the function finds its operands itself and gets the wanted codes.
Both return None where the accelerator cannot do it exactly: then the node runs on the CPU in float, listed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from torch import fx

from .codes import Codes
from .values import Value

if TYPE_CHECKING:
    from .lowering import Lowering

Move = Callable[["Lowering", fx.Node, list[Value], Codes], Value | None]
Compute = Callable[["Lowering", fx.Node, Codes], Value | None]

MOVES: dict[str, Move] = {}
COMPUTES: dict[str, Compute] = {}


def move(*names: str) -> Callable[[Move], Move]:
    """Register a function for operators that move codes."""

    def register(function: Move) -> Move:
        MOVES.update(dict.fromkeys(names, function))
        return function

    return register


def compute(*names: str) -> Callable[[Compute], Compute]:
    """Register a function for operators that compute new codes."""

    def register(function: Compute) -> Compute:
        COMPUTES.update(dict.fromkeys(names, function))
        return function

    return register
