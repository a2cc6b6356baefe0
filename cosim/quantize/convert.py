"""Calibrate and convert a float graph; check and describe graphs that come quantized."""

from __future__ import annotations

import copy
import operator
import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import fx

from cosim.trace.graph import Origin, Traced, attribute, collect_origins, op_name
from cosim.trace.normalize import set_values

from . import operators as ops
from .annotate import AcceleratorQuantizer, RangeObserver, plan, separate_constants
from .pt2e import convert_pt2e, prepare_pt2e

MAX_BIAS_CODE = 1 << 30
"""Largest magnitude of an int32 bias code: half the range is left for the sum of products."""


class QuantizeError(ValueError):
    """A graph that cannot be quantized, or whose quantization the accelerator does not have."""


def quantize(
    traced: Traced,
    calibration: Sequence[torch.Tensor] | torch.Tensor | None = None,
    observer: RangeObserver = RangeObserver.MINMAX,
) -> Traced:
    """Return the int8 version of a float inference graph, with `quantized_decomposed` Q/DQ around its operators.

    `calibration`: real inputs, batch first; a tensor for a graph with one input, or one tensor per input. None falls
    back to the example inputs and adds a warning to `notes`. Graphs that carry Q/DQ already keep their parameters.
    Raises QuantizeError (ValueError) for a graph without anything to quantize and for unsuitable calibration data.
    """
    if traced.kind != "inference":
        raise QuantizeError(f"{traced.name}: a training step is not quantized after training; want an inference graph")
    if carries_qdq(traced):
        return describe(replace(traced, graph_module=signed_codes(traced)))
    found = plan(traced.graph_module.graph)
    if not found.quantized:
        names = sorted({op_name(node) for node in traced.graph_module.graph.nodes if node.op == "call_function"})
        raise QuantizeError(f"{traced.name}: zero quantized operators; the graph has only {', '.join(names) or 'none'}")
    notes = traced.notes
    if calibration is None:
        notes += (f"{traced.name}: calibrated on the example inputs; give real data for meaningful ranges",)
        calibration = traced.example_inputs
    samples = _samples(traced, calibration)
    _refuse_infinity(traced, found.quantized)
    constants = {node.name: str(node.args[1].target) for node in found.quantized if op_name(node) in ops.WEIGHTED}
    module = copy.deepcopy(traced.graph_module)
    separate_constants(module)
    set_values(module, traced.example_inputs)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        prepared = prepare_pt2e(module, AcceleratorQuantizer(observer))
        try:
            for inputs in samples:
                prepared(*inputs)
            _limit_bias_codes(prepared)
            converted = convert_pt2e(prepared)
        except AssertionError as error:  # an observer's range is none
            raise QuantizeError(f"{traced.name}: a tensor's range on the calibration data: {error}") from error
    _name_constants(converted, constants)
    set_values(converted, traced.example_inputs)
    return describe(replace(traced, graph_module=converted, notes=notes))


def carries_qdq(traced: Traced) -> bool:
    """Tell whether a graph has quantize or dequantize operators."""
    return any(_is_q(node) or _is_dq(node) for node in traced.graph_module.graph.nodes)


def signed_codes(traced: Traced) -> fx.GraphModule:
    """Return the graph with uint8 codes written as int8: code and zero point less 128, hence the same real values."""
    module = copy.deepcopy(traced.graph_module)
    for node in module.graph.nodes:
        if not (_is_q(node) or _is_dq(node)) or node.args[-1] is not torch.uint8 or "per_tensor" not in op_name(node):
            continue
        source, scale, zero_point, least, most, _ = node.args
        node.args = (source, scale, zero_point - 128, least - 128, most - 128, torch.int8)
        if _is_dq(node) and source.op == "get_attr":
            codes = attribute(module, str(source.target))
            if isinstance(codes, torch.Tensor) and codes.dtype == torch.uint8:
                module.register_buffer(str(source.target), (codes.to(torch.int16) - 128).to(torch.int8))
    module.recompile()
    set_values(module, traced.example_inputs)
    return module


def describe(traced: Traced) -> Traced:
    """Fill in `quantized`, `left_in_float` and `origins` of a graph with Q/DQ, and refuse weight zero points."""
    graph = traced.graph_module.graph
    _refuse_zero_points(traced)
    quantized, floats = [], []
    for node in graph.nodes:
        if node.op != "call_function" or _is_q(node) or _is_dq(node):
            continue
        if _is_quantized(node):
            quantized.append(node)
        elif node.target is not operator.getitem:
            floats.append(f"{node.name} ({op_name(node)})")
    if not quantized:
        raise QuantizeError(f"{traced.name}: zero quantized operators; left in float: {', '.join(floats) or 'none'}")
    origins = collect_origins(graph)
    known = {name: traced.origins.get(name, Origin()) for name in origins}
    origins = {name: origin if origin != Origin() else known[name] for name, origin in origins.items()}
    return replace(
        traced, origins=origins, quantized=tuple(node.name for node in quantized), left_in_float=tuple(floats)
    )


def _samples(traced: Traced, calibration: Sequence[torch.Tensor] | torch.Tensor) -> list[tuple[torch.Tensor, ...]]:
    """Cut calibration data into inputs of the traced shape."""
    tensors = (calibration,) if isinstance(calibration, torch.Tensor) else tuple(calibration)
    if len(tensors) != len(traced.inputs):
        raise QuantizeError(f"{traced.name}: calibration has {len(tensors)} arrays, want {len(traced.inputs)}")
    for tensor, spec in zip(tensors, traced.inputs, strict=True):
        if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
            raise QuantizeError(f"{traced.name}: calibration for {spec.name} holds values that are not finite")
    if all(tuple(t.shape) == spec.shape for t, spec in zip(tensors, traced.inputs, strict=True)):
        return [tensors]
    for tensor, spec in zip(tensors, traced.inputs, strict=True):
        dtype = str(tensor.dtype).removeprefix("torch.")
        if tensor.ndim != len(spec.shape) or tuple(tensor.shape[1:]) != spec.shape[1:] or dtype != spec.dtype:
            raise QuantizeError(
                f"{traced.name}: calibration for {spec.name} is {dtype} {list(tensor.shape)}, "
                f"want {spec.dtype} {['N', *spec.shape[1:]]}"
            )
    batch = traced.inputs[0].shape[0]
    count = min(int(tensor.shape[0]) // spec.shape[0] for tensor, spec in zip(tensors, traced.inputs, strict=True))
    if count == 0:
        raise QuantizeError(f"{traced.name}: calibration has fewer than one batch of {batch} samples")
    return [
        tuple(t[i * s.shape[0] : (i + 1) * s.shape[0]] for t, s in zip(tensors, traced.inputs, strict=True))
        for i in range(count)
    ]


def _refuse_infinity(traced: Traced, nodes: Sequence[fx.Node]) -> None:
    """Raise QuantizeError for a constant that has no int8 codes, naming it and the operator that reads it."""
    for node in nodes:
        for source in node.all_input_nodes:
            if source.op != "get_attr":
                continue
            value = attribute(traced.graph_module, str(source.target))
            if isinstance(value, torch.Tensor) and value.is_floating_point() and not bool(value.isfinite().all()):
                raise QuantizeError(
                    f"{traced.name}: constant {source.target} of {node.name} holds values that are not finite (NaN or "
                    "infinity), so it has no int8 codes"
                )


def _limit_bias_codes(prepared: fx.GraphModule) -> None:
    """Widen weight ranges of channels whose int32 bias code b / (s_x s_w) would overflow (weights near zero).

    TensorFlow's quantizer does the same (`AdjustWeightsForBiasScale` in tensorflow/lite/tools/optimize).
    """
    modules = dict(prepared.named_modules(remove_duplicate=False))  # sharing groups have one observer
    for node in prepared.graph.nodes:
        if node.op != "call_function" or op_name(node) not in ops.WEIGHTED or len(node.args) < 3:
            continue
        source, weight, bias = node.args[:3]
        if bias is None or any(n.op != "call_module" for n in (source, weight)):
            continue
        scale_x, _ = modules[str(source.target)].calculate_qparams()
        watcher = modules[str(weight.target)]
        value = attribute(prepared, str(bias.target))
        assert isinstance(value, torch.Tensor)
        least = 127.0 * value.abs() / (float(scale_x) * MAX_BIAS_CODE)
        watcher.max_val.copy_(torch.maximum(watcher.max_val, least))


def _name_constants(module: fx.GraphModule, weights: dict[str, str]) -> None:
    """Give the folded int8 weights (`_frozen_param0`, ...) the name of the float weights they replace."""
    for node in module.graph.nodes:
        if node.name not in weights or not _is_dq(node.args[1]):
            continue
        stored = node.args[1].args[0]
        if stored.op != "get_attr" or str(stored.target) == weights[node.name]:
            continue
        value = attribute(module, str(stored.target))
        wanted = weights[node.name]
        if any(n.op == "get_attr" and str(n.target) == wanted for n in module.graph.nodes):
            wanted += "_int8"  # someone reads the float values too
        if hasattr(module, wanted):
            delattr(module, wanted)
        module.register_buffer(wanted, value)
        delattr(module, str(stored.target))
        stored.target = wanted
    module.recompile()


def _packet(node: Any) -> str:
    return op_name(node) if isinstance(node, fx.Node) and node.op == "call_function" else ""


def _is_q(node: Any) -> bool:
    return _packet(node).startswith("quantized_decomposed.quantize_per")


def _is_dq(node: Any) -> bool:
    return _packet(node).startswith("quantized_decomposed.dequantize_per")


def _is_quantized(node: fx.Node) -> bool:
    """Tell whether `node` reads only dequantized values and all that it makes is quantized (or clamped first).

    Products count also without a Q behind them: their int32 sums are exact, whoever scales them.
    """
    data = ops.data_inputs(node)
    reads = bool(data) and all(_is_dq(n) or op_name(n) in ops.SPLITS or _is_fused_clamp(node, n) for n in data)
    return reads and (op_name(node) in ops.WEIGHTED | ops.PRODUCTS or _ends_in_q(node))


def _is_fused_clamp(clamp: fx.Node, producer: fx.Node) -> bool:
    data = ops.data_inputs(producer)
    return op_name(clamp) in ops.CLAMPS and len(producer.users) == 1 and bool(data) and all(map(_is_dq, data))


def _ends_in_q(node: fx.Node) -> bool:
    if op_name(node) in ops.SPLITS:
        return all(_ends_in_q(user) for user in node.users)
    return bool(node.users) and all(
        _is_q(user) or (op_name(user) in ops.CLAMPS and all(map(_is_q, user.users))) for user in node.users
    )


def _refuse_zero_points(traced: Traced) -> None:
    """Raise QuantizeError for weights with a zero point: they would need a row sum of x at every position."""
    for node in traced.graph_module.graph.nodes:
        if _packet(node) in ops.WEIGHTED and _is_dq(node.args[1]):
            zero_point = node.args[1].args[2]
            value = zero_point
            if isinstance(zero_point, fx.Node) and zero_point.op == "get_attr":
                value = attribute(traced.graph_module, str(zero_point.target))
            if isinstance(value, (torch.Tensor, int)) and bool(torch.as_tensor(value).any()):
                raise QuantizeError(f"{traced.name}: weights of {node.name} have a zero point, want symmetric weights")
