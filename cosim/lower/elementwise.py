"""Element by element on codes: add, subtract, multiply of two tensors, and rescaling of one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from torch import fx

from accel_models.arithmetic import add_multipliers, quantize_multiplier
from accel_models.network import Elementwise, Output8

from .codes import Codes
from .errors import LoweringError
from .registry import compute
from .values import Value

if TYPE_CHECKING:
    from .lowering import Lowering

# ~q is -1 - q: with zero point ~z it is exactly the negative number, for every int8 code.
_NEGATION = np.arange(127, -129, -1, dtype=np.int8)


def output_of(low: Lowering, codes: Codes) -> Output8:
    """How a result is formed under ``codes``."""
    return Output8(zero_point=codes.zero_point, low=codes.low, high=codes.high, double=low.double)


def multiplier(low: Lowering, real: float, node: fx.Node | None) -> tuple[int, int]:
    """Fixed-point factor; LoweringError names the layer when it is out of range."""
    try:
        return quantize_multiplier(real, low.bits)
    except ValueError as error:
        raise LoweringError(f"{low.label(node)}: {error}") from error


def rescale(low: Lowering, value: Value, have: Codes, want: Codes, node: fx.Node) -> Value:
    """The same real numbers under other codes; a clamp or nothing at all where the scale stays."""
    if have.same_scale(want):
        return low.clamp(value, want, node)
    factor, shift = multiplier(low, have.scale / want.scale, node)
    attributes = Elementwise(
        function="rescale", zero_a=have.zero_point, multiplier_a=factor, shift=shift, output=output_of(low, want)
    )
    name = low.draft.emit(attributes, [value.tensor], value.stored, want, node, label="rescale")
    return replace(value, tensor=name)


@compute("aten.add", "aten.sub", "aten.mul")
def binary(low: Lowering, node: fx.Node, want: Codes) -> Value | None:
    """Two tensors of one shape, one of them possibly constant. A difference adds the exact negative."""
    given = low.graph.arguments(node)
    first, second = low.codes(given["self"]), low.codes(given["other"])
    if first is None or second is None:
        return None
    (a, codes_a), (b, codes_b) = first, second
    if a.shape != b.shape:
        return None
    factor = float(given.get("alpha", 1))
    kind = str(node.target).split(".")[1]
    if (factor if kind == "add" else -factor) < 0 and kind != "mul":
        b, codes_b = _negated(low, b, codes_b, node)
    if _prefers(low, a, b):
        a = low.draft.arrange(a, b.axes, node)
    b = low.draft.arrange(b, a.axes, node)
    if kind == "mul":
        factor_a, shift = multiplier(low, codes_a.scale * codes_b.scale / want.scale, node)
        function, factor_b = "multiply", 0
    else:
        function = "add"
        factor_a, factor_b, shift = _add_factors(low, codes_a, codes_b, abs(factor), want, node)
    attributes = Elementwise(
        function=function,
        zero_a=codes_a.zero_point,
        zero_b=codes_b.zero_point,
        multiplier_a=factor_a,
        multiplier_b=factor_b,
        shift=shift,
        output=output_of(low, want),
    )
    name = low.draft.emit(attributes, [a.tensor, b.tensor], a.stored, want, node, label=kind)
    return replace(a, tensor=name)


def _prefers(low: Lowering, a: Value, b: Value) -> bool:
    """Whether ``a`` should move to the order of ``b``: constants move for free, channels last is worth keeping."""
    if a.tensor in low.draft.constants or b.tensor in low.draft.constants:
        return a.tensor in low.draft.constants
    return a.axes == tuple(range(len(a.axes))) and a.axes != b.axes


def _add_factors(low: Lowering, a: Codes, b: Codes, alpha: float, want: Codes, node: fx.Node) -> tuple[int, int, int]:
    try:
        return add_multipliers(a.scale / want.scale, alpha * b.scale / want.scale, low.bits)
    except ValueError as error:
        raise LoweringError(f"{low.label(node)}: {error}") from error


def _negated(low: Lowering, value: Value, codes: Codes, node: fx.Node) -> tuple[Value, Codes]:
    negative = Codes(codes.scale, ~codes.zero_point, ~codes.high, ~codes.low)
    if value.tensor in low.draft.constants:
        return replace(
            value, tensor=low.draft.constant(~low.draft.constants[value.tensor], "constant", negative)
        ), negative
    table = low.draft.constant(_NEGATION, "table")
    attributes = Elementwise(function="rescale", table=True)
    name = low.draft.emit(attributes, [value.tensor, table], value.stored, negative, node, label="negate")
    return replace(value, tensor=name), negative
