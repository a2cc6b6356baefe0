"""Which NumPy kernel of ``accel_models.kernels`` computes which ATen operator, and how the arguments map."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import fx

from accel_models.kernels import FUNCTIONS

from .graph import Graph, name_of
from .shapes import PERMUTES, permutation

Given = Mapping[str, Any]


class Named(Protocol):
    """A lowering whose values have names: what a call is made of."""

    @property
    def graph(self) -> Graph: ...

    @property
    def reals(self) -> Mapping[Any, list[str]]:
        """Names of a node's results."""

    @property
    def seed(self) -> int:
        """Of operators that draw random numbers."""

    def source(self, node: fx.Node) -> fx.Node:
        """The first tensor among a node's arguments."""


@dataclass(frozen=True, slots=True)
class Call:
    """A CPU call to be: function, tensor operands by draft name, JSON parameters."""

    function: str
    tensors: list[str]
    parameters: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Mapped:
    """``operands``: schema names of the tensors in kernel order (missing ones at the end are left out).
    ``parameters``: kernel parameter -> schema name. ``fits``: whether the kernel covers these arguments."""

    function: str
    operands: tuple[str, ...] = ("self",)
    parameters: tuple[tuple[str, str], ...] = ()
    fixed: tuple[tuple[str, Any], ...] = ()
    fits: Callable[[Given], bool] = lambda given: True


def _same(*names: str) -> tuple[tuple[str, str], ...]:
    return tuple((name, name) for name in names)


_UNARY = (
    "neg", "abs", "sign", "square", "floor", "ceil", "round", "exp", "log", "log1p", "sqrt", "rsqrt", "reciprocal",
    "sin", "cos", "tanh", "erf", "sigmoid", "silu", "hardswish", "hardsigmoid", "relu", "logical_not",
)  # fmt: skip
_BINARY = ("mul", "maximum", "minimum", "eq", "ne", "lt", "le", "gt", "ge", "logical_and", "logical_or")


def _zero_padding(given: Given) -> bool:
    return not isinstance(given["padding"], str)


def _plain_pool(given: Given) -> bool:
    dilation = given.get("dilation", 1)
    undilated = dilation == 1 or all(step == 1 for step in dilation)
    counted = given.get("count_include_pad", True) and given.get("divisor_override") is None
    return not given["ceil_mode"] and undilated and counted


def _numbers(*names: str) -> Callable[[Given], bool]:
    return lambda given: not any(isinstance(given.get(name), fx.Node) for name in names)


MAPPED: dict[str, Mapped] = {
    **{name: Mapped(name) for name in _UNARY},
    **{name: Mapped(name, ("self", "other")) for name in _BINARY},
    "add": Mapped("add", ("self", "other"), _same("alpha")),
    "sub": Mapped("sub", ("self", "other"), _same("alpha")),
    "rsub": Mapped("sub", ("self", "other"), _same("alpha"), (("reverse", True),)),
    "div": Mapped("div", ("self", "other"), _same("rounding_mode")),
    "pow": Mapped("pow", ("self", "exponent")),
    "where": Mapped("where", ("condition", "self", "other")),
    "gelu": Mapped("gelu", parameters=_same("approximate")),
    "leaky_relu": Mapped("leaky_relu", parameters=_same("negative_slope")),
    "elu": Mapped("elu", parameters=_same("alpha", "scale", "input_scale")),
    "softplus": Mapped("softplus", parameters=_same("beta", "threshold")),
    "clamp": Mapped("clamp", parameters=_same("min", "max"), fits=_numbers("min", "max")),
    "clamp_min": Mapped("clamp", parameters=_same("min"), fits=_numbers("min")),
    "clamp_max": Mapped("clamp", parameters=_same("max"), fits=_numbers("max")),
    "hardtanh": Mapped("clamp", parameters=(("min", "min_val"), ("max", "max_val"))),
    "relu6": Mapped("clamp", fixed=(("min", 0.0), ("max", 6.0))),
    "sum": Mapped("sum", parameters=_same("dim", "keepdim")),
    "mean": Mapped("mean", parameters=_same("dim", "keepdim")),
    "var": Mapped("var", parameters=_same("dim", "keepdim", "correction")),
    "amax": Mapped("amax", parameters=_same("dim", "keepdim")),
    "amin": Mapped("amin", parameters=_same("dim", "keepdim")),
    "max": Mapped("max", parameters=_same("dim", "keepdim"), fits=lambda given: "dim" in given),
    "argmax": Mapped("argmax", parameters=_same("dim", "keepdim")),
    "argmin": Mapped("argmin", parameters=_same("dim", "keepdim")),
    "softmax": Mapped("softmax", parameters=_same("dim")),
    "_softmax": Mapped("softmax", parameters=_same("dim")),
    "log_softmax": Mapped("log_softmax", parameters=_same("dim")),
    "_log_softmax": Mapped("log_softmax", parameters=_same("dim")),
    "layer_norm": Mapped("layer_norm", ("input", "weight", "bias"), _same("normalized_shape", "eps")),
    "group_norm": Mapped("group_norm", ("input", "weight", "bias"), _same("num_groups", "eps")),
    "batch_norm": Mapped(
        "batch_norm",
        ("input", "weight", "bias", "running_mean", "running_var"),
        _same("eps"),
        fits=lambda given: not given["training"],
    ),
    "linear": Mapped("linear", ("input", "weight", "bias")),
    "matmul": Mapped("matmul", ("self", "other")),
    "addmm": Mapped(
        "gemm", ("mat1", "mat2", "self"), fits=lambda given: given.get("alpha", 1) == given.get("beta", 1) == 1
    ),
    "bmm": Mapped("matmul", ("self", "mat2")),
    "mm": Mapped("matmul", ("self", "mat2")),
    "conv2d": Mapped(
        "conv2d", ("input", "weight", "bias"), _same("stride", "padding", "dilation", "groups"), fits=_zero_padding
    ),
    "max_pool2d": Mapped("max_pool2d", parameters=_same("kernel_size", "stride", "padding"), fits=_plain_pool),
    "avg_pool2d": Mapped("avg_pool2d", parameters=_same("kernel_size", "stride", "padding"), fits=_plain_pool),
    "adaptive_avg_pool2d": Mapped("adaptive_avg_pool2d", parameters=_same("output_size")),
    "upsample_nearest2d": Mapped(
        "upsample_nearest", parameters=_same("output_size"), fits=lambda given: given.get("output_size") is not None
    ),
    "pixel_shuffle": Mapped("pixel_shuffle", parameters=_same("upscale_factor")),
    "embedding": Mapped("embedding", ("weight", "indices")),
    "gather": Mapped("gather", ("self", "index"), _same("dim")),
    "cat": Mapped("concat", ("tensors",), _same("dim")),
    "stack": Mapped("stack", ("tensors",), _same("dim")),
}
_OPTIONAL = frozenset({"alpha", "rounding_mode", "correction", "stride", "dim"})


def kernel_call(low: Named, node: fx.Node) -> Call | None:
    """The NumPy kernel's call of a node; None where there is no kernel, or none for these arguments."""
    name, given = name_of(node).removeprefix("aten."), low.graph.arguments(node)
    if name in ("_to_copy", "to"):
        return _cast(low, node)
    if name_of(node) in PERMUTES and "permute" in FUNCTIONS:
        return Call("permute", [low.reals[low.source(node)][0]], {"dims": tuple(permutation(low.graph, node))})
    if name == "var" and "unbiased" in given:
        given = {**given, "correction": int(given["unbiased"])}
    mapped = MAPPED.get(name)
    known = mapped is not None and name_of(node).startswith("aten.") and mapped.function in FUNCTIONS
    if mapped is None or not known or not mapped.fits(given) or given.get("dtype") is not None:
        return None
    tensors, parameters = _operands(low, mapped, given)
    if tensors is None:
        return None
    for parameter, source in mapped.parameters:
        value = given.get(source)
        if isinstance(value, fx.Node):
            return None
        if value is not None and not (source in _OPTIONAL and value == []):
            parameters[parameter] = tuple(value) if isinstance(value, list | tuple) else value
    parameters.update(mapped.fixed)
    return Call(mapped.function, tensors, parameters)


def _operands(low: Named, mapped: Mapped, given: Given) -> tuple[list[str] | None, dict[str, Any]]:
    """Tensors in order; a number as the last operand of a two-operand kernel becomes the parameter ``other``."""
    tensors: list[str] = []
    parameters: dict[str, Any] = {}
    missing = False
    for position, operand in enumerate(mapped.operands):
        value = given.get(operand)
        if isinstance(value, list | tuple):
            tensors.extend(low.reals[item][0] for item in value)
        elif isinstance(value, fx.Node):
            if missing:
                return None, {}
            tensors.append(low.reals[value][0])
        elif value is None:
            missing = True
        elif position == len(mapped.operands) - 1 and position:
            parameters["other"] = value
        else:
            return None, {}
    return tensors, parameters


def _cast(low: Named, node: fx.Node) -> Call | None:
    if "cast" not in FUNCTIONS:
        return None
    dtype = str(low.graph.dtype(node)).removeprefix("torch.")
    return Call("cast", [low.reals[low.source(node)][0]], {"dtype": dtype})


def torch_name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
