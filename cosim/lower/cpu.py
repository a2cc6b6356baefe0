"""What the accelerator lacks: float operators as CPU calls, between a dequantize and a quantize, every one listed."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import torch
from torch import fx

from accel_models.network import CpuCall

from . import aten
from .codes import Codes, is_dequantize, is_quantize
from .errors import LoweringError
from .gradients import gradient_call
from .graph import data_nodes, known_dtype, name_of
from .kernels import kernel_call
from .shapes import RESHAPES, is_identity
from .values import Step, Value, plain_value
from .weights import count

if TYPE_CHECKING:
    from .lowering import Lowering


def quantize(low: Lowering, node: fx.Node, codes: Codes) -> Value:
    """Codes of a real tensor that the CPU computed or that came in as float."""
    parameters = {"scale": codes.scale, "zero_point": codes.zero_point, "low": codes.low, "high": codes.high}
    attributes = CpuCall(function="quantize", parameters=tuple(sorted(parameters.items())))
    name = low.draft.emit(attributes, [real(low, node)[0]], low.graph.shape(node), codes, node, label="quantize")
    return plain_value(name, low.graph.shape(node))


def real(low: Lowering, node: fx.Node) -> list[str]:
    """Tensors of a node's results in PyTorch's order; computes on the CPU what is not there yet."""
    stack = [node]
    while stack:
        item = stack[-1]
        if item in low.reals:
            stack.pop()
            continue
        waiting = [argument for argument in _needs(low, item) if argument not in low.reals]
        if waiting:
            stack.extend(waiting)
        else:
            low.reals[item] = _make(low, item)
            stack.pop()
    return low.reals[node]


def copy(low: Lowering, name: str, node: fx.Node) -> str:
    """A copy of a tensor that is no codes."""
    tensor = low.draft.tensors[name]
    attributes = CpuCall(function="identity")
    return low.draft.emit(attributes, [name], tensor.shape, None, node, label="copy", dtype=tensor.dtype)


def _is_leaf(low: Lowering, node: fx.Node) -> bool:
    """Whether a node's tensor comes from codes, a constant or an input rather than from a CPU call."""
    return (
        node.op != "call_function" or low.graph.constant(node) is not None or is_quantize(node) or is_dequantize(node)
    )


def _needs(low: Lowering, node: fx.Node) -> list[fx.Node]:
    if _is_leaf(low, node) or low.codes(node) is not None:
        return []
    return list(data_nodes((node.args, node.kwargs)))


def _make(low: Lowering, node: fx.Node) -> list[str]:
    constant = low.graph.constant(node)
    if constant is not None:
        known_dtype(constant.dtype, f"constant {low.label(node)}")
        if constant.is_floating_point() and constant.ndim and (node.op == "get_attr" or is_dequantize(node)):
            count(low, node, constant)
        return [low.draft.constant(constant.contiguous().numpy(), "constant")]
    if is_quantize(node):
        return [low.draft.plain(low.integers(node), node).tensor]
    if node.op == "placeholder":
        value = low.integers(node)
        tensor = low.draft.tensors[value.tensor]
        if low.graph.dtype(node) != torch.float32:
            return [low.draft.plain(value, node).tensor]
        return [_dequantize(low, value, Codes(tensor.scale or 1.0, tensor.zero_point), node)]
    known = low.codes(node)
    if known is not None:
        return [_dequantize(low, *known, node)]
    if is_dequantize(node):
        raise LoweringError(f"node {node.name}: activations are quantized per channel; want one scale per tensor")
    return _call(low, node)


def _dequantize(low: Lowering, value: Value, codes: Codes, node: fx.Node) -> str:
    held = low.draft.plain(value, node)
    key = (held.tensor, codes.scale, codes.zero_point)
    if key not in low.dequantized:
        parameters = (("scale", codes.scale), ("zero_point", codes.zero_point))
        attributes = CpuCall(function="dequantize", parameters=parameters)
        low.dequantized[key] = low.draft.emit(
            attributes, [held.tensor], held.stored, None, node, label="dequantize", dtype="float32"
        )
    return low.dequantized[key]


def _call(low: Lowering, node: fx.Node) -> list[str]:
    """A CPU call of a NumPy kernel, or of the ATen operator itself where there is none; reshapes move nothing."""
    name = name_of(node)
    if name == "getitem":
        return [low.reals[low.source(node)][int(node.args[1])]]
    results = low.graph.results(node)
    if name in RESHAPES:
        return [low.draft.reshape(low.reals[low.source(node)][0], low.graph.shape(node), node)]
    if is_identity(low, node):
        return low.reals[low.source(node)]
    call = kernel_call(low, node) or gradient_call(low, node) or aten.call(low, node)
    if "::" in call.function and None in results:  # only what was asked for is wanted of PyTorch
        call.parameters["keep"] = tuple(place for place, item in enumerate(results) if item is not None)
    attributes = CpuCall(function=call.function, parameters=tuple(sorted(call.parameters.items())))
    names = [
        ""
        if result is None
        else low.draft.tensor(result.shape, known_dtype(result.dtype, f"node {node.name} ({name})"))
        for result in results
    ]
    made = [item for item in names if item]
    low.draft.steps.append(Step(attributes, call.tensors, made, _macs(low, node), node, name.removeprefix("aten.")))
    return names


def _macs(low: Lowering, node: fx.Node) -> int:
    """Multiply-accumulates of a layer that runs on the CPU, padding included; 0 for everything else."""
    name, given = name_of(node), low.graph.arguments(node)
    if name in ("aten.conv1d", "aten.conv2d", "aten.conv3d", "aten.convolution") or name.startswith(
        "aten.conv_transpose"
    ):
        weight = low.graph.shape(given["weight"])
        transposed = given.get("transposed") or "transpose" in name
        swept = low.graph.shape(given["input"]) if transposed else low.graph.shape(node)
        pixels = prod(swept) // (swept[-len(weight) + 1] if len(weight) > 1 else 1)
        return pixels * prod(weight)
    if name == "aten.convolution_backward":
        weight = low.graph.shape(given["weight"])
        swept = low.graph.shape(given["input" if given["transposed"] else "grad_output"])
        return sum(given["output_mask"][:2]) * prod(swept) // swept[1] * prod(weight)
    if name in ("aten.linear", "aten.matmul", "aten.mm", "aten.bmm", "aten.addmm"):
        first = given.get("input", given.get("mat1", given.get("self")))
        return prod(low.graph.shape(node)) * low.graph.shape(first)[-1]
    return 0
