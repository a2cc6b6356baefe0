"""Which ATen operators the accelerator computes on int8 codes, by what they need from quantization parameters."""

from __future__ import annotations

from typing import Any

import torch
from torch import fx

from cosim.trace.graph import op_name

aten = torch.ops.aten

# Names are overload packets, as `op_name` returns them.
WEIGHTED = frozenset({"aten.conv1d", "aten.conv2d", "aten.linear"})
"""Second argument: constant weights, symmetric per output channel (dimension 0)."""
PRODUCTS = frozenset({"aten.matmul", "aten.bmm", "aten.mm"})
"""Both operands are activations; the second one is symmetric."""
CLAMPS = frozenset({"aten.relu", "aten.relu6", "aten.hardtanh", "aten.clamp", "aten.clamp_min"})
"""Fused into the operator before them; otherwise they keep their input's codes."""
SAME_CODES = frozenset(
    {
        "aten.max_pool1d",
        "aten.max_pool2d",
        "aten.adaptive_max_pool2d",
        "aten.amax",
        "aten.reshape",
        "aten.view",
        "aten._unsafe_view",
        "aten.flatten",
        "aten.unflatten",
        "aten.squeeze",
        "aten.unsqueeze",
        "aten.permute",
        "aten.transpose",
        "aten.t",
        "aten.movedim",
        "aten.expand",
        "aten.repeat",
        "aten.slice",
        "aten.select",
        "aten.flip",
        "aten.roll",
        "aten.pixel_shuffle",
        "aten.pixel_unshuffle",
        "aten.channel_shuffle",
        "aten.upsample_nearest2d",
        "aten.pad",
        "aten.constant_pad_nd",
    }
)
"""Outputs are input codes, moved or selected (or padding): the output shares the input's parameters."""
SPLITS = frozenset({"aten.chunk", "aten.split", "aten.split_with_sizes", "aten.unbind"})
"""Return several tensors that share the input's parameters."""
JOINS = frozenset({"aten.cat", "aten.concat", "aten.stack"})
"""All inputs and the output share one set of parameters."""
BINARY = frozenset({"aten.add", "aten.sub", "aten.mul"})
"""Two tensors, or a tensor and a number; own output parameters."""
AVERAGES = frozenset(
    {"aten.avg_pool1d", "aten.avg_pool2d", "aten.adaptive_avg_pool1d", "aten.adaptive_avg_pool2d", "aten.mean"}
)
TABLES = frozenset(
    {
        "aten.gelu",
        "aten.silu",
        "aten.mish",
        "aten.hardswish",
        "aten.hardsigmoid",
        "aten.elu",
        "aten.selu",
        "aten.celu",
        "aten.leaky_relu",
        "aten.softplus",
        "aten.softsign",
        "aten.erf",
        "aten.exp",
        "aten.abs",
        "aten.neg",
        "aten.rsub",
        "aten.div",
        "aten.square",
        "aten.sin",
        "aten.cos",
    }
)
"""Functions of one element (`div`: by a number): a table of 256 codes; own output parameters."""
FIXED = {
    "aten.sigmoid": (1.0 / 256.0, -128),
    "aten.tanh": (1.0 / 128.0, 0),
    "aten.softmax": (1.0 / 256.0, -128),
    "aten._softmax": (1.0 / 256.0, -128),
}
"""Output scale and zero point that the TFLite int8 specification fixes
(https://ai.google.dev/edge/litert/conversion/tensorflow/quantization/quantization_spec)."""
ROWS = frozenset({"aten.layer_norm"})
"""Computed on the CPU or a later unit, but between int8 tensors; own output parameters."""

_UNARY = TABLES | frozenset(FIXED) | AVERAGES | ROWS


def data_inputs(node: fx.Node) -> list[fx.Node]:
    """Return the arguments that carry activations: what must be int8 for `node` to be quantized. Empty if it cannot be.

    Weights, biases and the affine parameters of a layer norm are not among them.
    """
    name = op_name(node)
    if name in WEIGHTED:
        return _nodes(node.args[:1]) if is_weight(node.args[1]) else []
    if name in PRODUCTS:
        both = _nodes(node.args[:2])
        return both if all(_rank(argument) >= 2 for argument in both) else []
    if name in JOINS:
        return _nodes(node.args[0])
    if name in BINARY:
        if len(node.args) > 2 or node.kwargs.get("alpha", 1) != 1:
            return []
        return _nodes(node.args[:2])
    if name in ("aten.div", "aten.rsub") and isinstance(node.args[1], fx.Node):
        return []
    if name == "getitem":
        return data_inputs(node.args[0]) if op_name(node.args[0]) in SPLITS else []
    if (
        name == "aten.pad"
        and len(node.args) > 2
        and node.args[2] not in ("constant", "reflect", "replicate", "circular")
    ):
        return []
    if name in _UNARY | CLAMPS | SAME_CODES | SPLITS:
        return _nodes(node.args[:1])
    return []


def is_constant(node: Any) -> bool:
    """Tell whether an argument is a constant of the graph."""
    return isinstance(node, fx.Node) and node.op == "get_attr"


def is_weight(node: Any) -> bool:
    """Tell whether an argument is a constant or its dequantized codes."""
    if is_constant(node):
        return True
    if not isinstance(node, fx.Node) or not op_name(node).startswith("quantized_decomposed.dequantize_per"):
        return False
    codes = node.args[0]
    quantizes = isinstance(codes, fx.Node) and op_name(codes).startswith("quantized_decomposed.quantize_per")
    return is_constant(codes.args[0] if quantizes else codes)


def clamp_bounds(node: fx.Node) -> tuple[float, float]:
    """Return the bounds (real values, possibly infinite) of an operator in CLAMPS."""
    name, infinite = op_name(node), float("inf")
    if name == "aten.relu":
        return 0.0, infinite
    if name == "aten.relu6":
        return 0.0, 6.0
    names, defaults = ("min", "max"), (-infinite, infinite)
    if name == "aten.hardtanh":
        names, defaults = ("min_val", "max_val"), (-1.0, 1.0)
    bounds = []
    for position, (key, default) in enumerate(zip(names, defaults, strict=True), start=1):
        value = node.args[position] if len(node.args) > position else node.kwargs.get(key)
        bounds.append(default if value is None else float(value))
    return bounds[0], bounds[1]


def _nodes(arguments: Any) -> list[fx.Node]:
    return [argument for argument in arguments if isinstance(argument, fx.Node)]


def _rank(node: fx.Node) -> int:
    value = node.meta.get("val")
    return value.ndim if isinstance(value, torch.Tensor) else 0
