"""Functions of one int8 value as tables of 256 codes, filled by PyTorch itself.

Any chain (or net) of element-by-element operators that starts at one tensor of codes is such a function: SiLU written
as ``x * sigmoid(x)`` as much as ``aten.silu``. The table holds what dequantize, the chain and quantize give for every
code.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import fx

from accel_models.arithmetic import requantize
from accel_models.network import Elementwise

from .clamps import CLAMPS
from .codes import Codes, is_dequantize
from .graph import data_nodes, name_of
from .values import Value

if TYPE_CHECKING:
    from .lowering import Lowering

_UNARY = (
    "abs", "acos", "asin", "asinh", "atan", "atanh", "bitwise_not", "ceil", "celu", "cos", "cosh", "elu", "erf", "erfc",
    "erfinv", "exp", "exp2", "expm1", "floor", "frac", "gelu", "hardshrink", "hardsigmoid", "hardswish", "isfinite",
    "isinf", "isnan", "leaky_relu", "log", "log10", "log1p", "log2", "log_sigmoid", "logical_not", "mish", "neg",
    "reciprocal", "rsqrt", "round", "selu", "sgn", "sigmoid", "sign", "silu", "sin", "sinh", "softplus", "softshrink",
    "softsign", "sqrt", "square", "tan", "tanh", "trunc", "clone", "alias", "detach", "contiguous", "dropout",
)  # fmt: skip
_OTHER = (
    "add", "atan2", "div", "eq", "fmod", "ge", "gt", "le", "logical_and", "logical_or", "lt", "maximum", "minimum",
    "mul", "ne", "pow", "prelu", "remainder", "rsub", "sub", "where", "lerp", "addcmul", "addcdiv", "_to_copy", "to",
)  # fmt: skip
POINTWISE = frozenset(f"aten.{name}" for name in (*_UNARY, *_OTHER)) | frozenset(CLAMPS)


def pointwise(low: Lowering, node: fx.Node, codes: Codes) -> Value | None:
    """Lower a function of one tensor of codes to a table; None when ``node`` is anything else."""
    chain = _chain(low, node)
    if chain is None:
        return None
    nodes, leaf = chain
    known = low.codes(leaf)
    if known is None:
        return None
    value, have = known
    table = low.draft.constant(_evaluate(low, nodes, leaf, have, codes), "table")
    label = name_of(node).removeprefix("aten.")
    held = replace(codes, low=codes.low, high=codes.high)
    name = low.draft.emit(
        Elementwise(function="rescale", table=True), [value.tensor, table], value.stored, held, node, label=label
    )
    return replace(value, tensor=name)


def table_of_rescale(attributes: Elementwise, codes: np.ndarray) -> np.ndarray:
    """What a rescale gives for ``codes`` (int8), table aside: another form of the same operator."""
    output = attributes.output
    return requantize(
        codes.astype(np.int64) - attributes.zero_a, attributes.multiplier_a, attributes.shift, output.zero_point,
        output.low, output.high, output.double,
    )  # fmt: skip


def _chain(low: Lowering, node: fx.Node) -> tuple[list[fx.Node], fx.Node] | None:
    """Element-by-element operators that ``node`` depends on, in order, and the DQ that all of them start from."""
    shape = low.graph.shape(node) if node.op == "call_function" and name_of(node) in POINTWISE else None
    leaf: fx.Node | None = None
    nodes: set[fx.Node] = set()
    stack = [node]
    while stack:
        item = stack.pop()
        if item in nodes:
            continue
        if is_dequantize(item):
            if leaf is not None and low.source(item) is not low.source(leaf):
                return None
            leaf = item
        elif item.op != "call_function" or name_of(item) not in POINTWISE or low.graph.shape(item) != shape:
            return None
        elif name_of(item) == "aten.dropout" and low.graph.arguments(item)["train"]:
            return None
        else:
            nodes.add(item)
            for argument in data_nodes((item.args, item.kwargs)):
                constant = low.graph.constant(argument)
                if constant is None:
                    stack.append(argument)
                elif constant.numel() != 1:
                    return None
    if leaf is None or low.graph.shape(leaf) != shape:
        return None
    return sorted(nodes, key=low.graph.index.__getitem__), leaf


def _evaluate(low: Lowering, nodes: list[fx.Node], leaf: fx.Node, have: Codes, want: Codes) -> np.ndarray:
    """The table: int8 [256], entry ``code + 128``."""
    rank = len(low.graph.shape(leaf))
    codes = torch.arange(-128, 128, dtype=torch.int16).to(torch.int8)
    start = have.dequantize(codes).reshape([256] + [1] * (rank - 1)) if rank else have.dequantize(codes)
    known: dict[fx.Node, Any] = {}

    def value(node: fx.Node) -> Any:
        if node in known:
            return known[node]
        return start if is_dequantize(node) and low.graph.constant(node) is None else low.graph.constant(node)

    with torch.no_grad():
        for node in nodes:
            known[node] = node.target(*fx.map_arg(node.args, value), **fx.map_arg(node.kwargs, value))
    return want.quantize(known[nodes[-1]].reshape(256)).numpy()
