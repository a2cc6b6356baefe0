"""Bring an inference graph into the form that the quantizer and lowering know: no no-ops, no batch norm, no guards.

Batch norm after a convolution or a linear layer is folded into its weights (Jacob et al., "Quantization and Training of
Neural Networks for Efficient Integer-Arithmetic-Only Inference", arXiv:1712.05877, section 3.2); elsewhere it becomes a
1x1 depthwise convolution. `scaled_dot_product_attention` is written out as matmul, softmax, matmul.
"""

from __future__ import annotations

import math
import operator
from typing import Any

import torch
from torch import fx
from torch._subclasses import FakeTensorMode

from .canonical import canonicalize
from .errors import TargetError
from .graph import attribute, is_float_tensor, op_name, shape_of

aten = torch.ops.aten

_BATCH_NORMS = (aten.batch_norm.default, aten._native_batch_norm_legit_no_training.default)
_CONVOLUTIONS = (aten.conv1d.default, aten.conv2d.default)
# Return their first argument unchanged.
_IDENTITIES = (
    aten.alias.default,
    aten.detach.default,
    aten.detach_.default,
    aten.lift_fresh.default,
    aten.lift_fresh_copy.default,
    aten.clone.default,
    aten.contiguous.default,
)
_DROPOUTS = (
    aten.dropout.default,
    aten.feature_dropout.default,
    aten.alpha_dropout.default,
    aten.feature_alpha_dropout.default,
)
_CASTS = (aten.to.dtype, aten.to.dtype_layout, aten._to_copy.default, aten.to.device, aten.to.other)
_DROPPED = ("_assert_tensor_metadata", "_record_function_enter_new", "_record_function_exit", "_set_grad_enabled")


def normalize(graph_module: fx.GraphModule) -> fx.GraphModule:
    """Rewrite a functional inference graph in place; values stay the same up to the rounding of folded weights."""
    drop_bookkeeping(graph_module)
    drop_identities(graph_module)
    canonicalize(graph_module.graph)
    _expand_attention(graph_module)
    fold_batch_norms(graph_module)
    graph_module.graph.eliminate_dead_code()
    graph_module.delete_all_unused_submodules()
    graph_module.recompile()
    return graph_module


def drop_bookkeeping(graph_module: fx.GraphModule) -> None:
    """Erase nodes that compute nothing: export's guards, profiler ranges, assertions on metadata."""
    graph = graph_module.graph
    for node in reversed(graph.nodes):
        packet = getattr(node.target, "__name__", "").split(".")[0]
        guard = node.op == "call_module" and str(node.target) == "_guards_fn"
        if guard or (node.op == "call_function" and packet in _DROPPED and not node.users):
            graph.erase_node(node)
    for node in graph.nodes:
        if node.op not in ("placeholder", "get_attr", "call_function", "output"):
            raise TargetError(
                f"node {node.name}: {node.op} of {node.target} left in the traced graph, want a flat graph"
            )


def set_values(graph_module: fx.GraphModule, inputs: tuple[torch.Tensor, ...]) -> None:
    """Set every node's `meta["val"]` by running the graph on fake tensors (PT2E looks at nothing else)."""
    mode = FakeTensorMode(allow_non_fake_inputs=True)
    fakes: dict[str, Any] = {}

    class Propagate(fx.Interpreter):
        def run_node(self, n: fx.Node) -> Any:
            if n.op == "get_attr":
                target = str(n.target)
                if target not in fakes:
                    value = attribute(graph_module, target)
                    fakes[target] = mode.from_tensor(value.detach()) if isinstance(value, torch.Tensor) else value
                result = fakes[target]
            else:
                result = super().run_node(n)
            if n.op != "output":
                n.meta["val"] = result
            return result

    with mode, torch.no_grad():
        Propagate(graph_module).run(*(mode.from_tensor(value.detach()) for value in inputs))


def _replace(node: fx.Node, new: fx.Node) -> None:
    node.replace_all_uses_with(new)
    node.graph.erase_node(node)


def drop_identities(graph_module: fx.GraphModule) -> None:
    """Erase what returns its argument unchanged: copies, detached tensors, dropout in eval mode, pairs of transposes.

    The graph must be functional.
    """
    for node in list(graph_module.graph.nodes):
        if node.op != "call_function" or not isinstance(node.args[0] if node.args else None, fx.Node):
            continue
        source = node.args[0]
        same_dtype = getattr(node.meta.get("val"), "dtype", 0) == getattr(source.meta.get("val"), "dtype", 1)
        if (
            node.target in _IDENTITIES
            or (node.target in _DROPOUTS and node.args[2] is False)
            or (node.target in _CASTS and same_dtype)
        ):
            _replace(node, source)
        elif node.target is aten.t.default and source.target is aten.t.default:
            _replace(node, source.args[0])


def fold_batch_norms(graph_module: fx.GraphModule) -> None:
    """Fold each inference-mode batch norm into the layer before it, or make it a depthwise convolution."""
    for node in list(graph_module.graph.nodes):
        if node.op == "call_function" and node.target in _BATCH_NORMS:
            _fold_batch_norm(graph_module, node)


def _fold_batch_norm(graph_module: fx.GraphModule, node: fx.Node) -> None:
    if node.target is aten.batch_norm.default and node.args[5] is not False:
        return  # training mode: statistics of the batch; it stays as it is and runs on the CPU
    parameters = [_constant(graph_module, argument) for argument in node.args[1:5]]
    if parameters[2] is None or parameters[3] is None:
        return
    eps = float(node.args[7 if node.target is aten.batch_norm.default else 6])
    mean, variance = parameters[2].double(), parameters[3].double()
    scale = torch.rsqrt(variance + eps) * (1.0 if parameters[0] is None else parameters[0].double())
    shift = (0.0 if parameters[1] is None else parameters[1].double()) - mean * scale
    source = node.args[0]
    layer = source if _is_foldable(graph_module, source) else None
    if layer is not None:
        _fold_into(graph_module, layer, scale, shift)
        _replace_batch_norm(node, layer)
        return
    rank = len(shape_of(source))
    if rank not in (3, 4):
        return
    channels, ones = shape_of(source)[1], [1] * (rank - 2)
    with graph_module.graph.inserting_before(node):
        weight = _new_constant(graph_module, f"{node.name}_weight", scale.reshape([channels, 1, *ones]).float())
        bias = _new_constant(graph_module, f"{node.name}_bias", shift.float())
        args = (source, weight, bias, ones, [0] * (rank - 2), ones, channels)
        new = graph_module.graph.call_function(_CONVOLUTIONS[rank - 3], args)
    new.meta.update(source.meta, origin=node.meta.get("origin"))
    _replace_batch_norm(node, new)


def _fold_into(graph_module: fx.GraphModule, layer: fx.Node, scale: torch.Tensor, shift: torch.Tensor) -> None:
    """Multiply the layer's output channels by `scale` and add `shift`, by changing its weights and bias."""
    weight, bias = _constant(graph_module, layer.args[1]), None
    if len(layer.args) > 2:
        bias = _constant(graph_module, layer.args[2])
    assert weight is not None  # _is_foldable looked
    weight = weight.double() * scale.reshape([-1] + [1] * (weight.ndim - 1))
    shift = shift + (0.0 if bias is None else bias.double() * scale)
    prefix = str(layer.args[1].target).removesuffix("weight").rstrip("_")
    with graph_module.graph.inserting_before(layer):
        new_weight = _new_constant(graph_module, f"{prefix}_folded_weight", weight.float())
        new_bias = _new_constant(graph_module, f"{prefix}_folded_bias", shift.float())
    layer.args = (layer.args[0], new_weight, new_bias, *layer.args[3:])


def _replace_batch_norm(node: fx.Node, new: fx.Node) -> None:
    for user in list(node.users):
        if user.target is operator.getitem:  # of an operator that returns statistics too
            _replace(user, new)
    _replace(node, new)


def _is_foldable(graph_module: fx.GraphModule, layer: fx.Node) -> bool:
    """Tell whether batch norm after `layer` can be folded: constant weights, one user, channels in the same place."""
    if layer.op != "call_function" or len(layer.users) != 1:
        return False
    linear = layer.target is aten.linear.default and len(shape_of(layer)) == 2
    return (linear or layer.target in _CONVOLUTIONS) and _constant(graph_module, layer.args[1]) is not None


def _constant(graph_module: fx.GraphModule, node: Any) -> torch.Tensor | None:
    if not isinstance(node, fx.Node) or node.op != "get_attr":
        return None
    value = attribute(graph_module, str(node.target))
    return value.detach() if isinstance(value, torch.Tensor) else None


def _new_constant(graph_module: fx.GraphModule, name: str, value: torch.Tensor) -> fx.Node:
    """Add a constant and a node that reads it, at the graph's insertion point."""
    while hasattr(graph_module, name):
        name += "_"
    graph_module.register_buffer(name, value)
    node = graph_module.graph.get_attr(name)
    with FakeTensorMode() as mode:
        node.meta["val"] = mode.from_tensor(value)
    return node


def _expand_attention(graph_module: fx.GraphModule) -> None:
    """softmax(q k^T * scale + mask) v, as the documentation of scaled_dot_product_attention defines it."""
    graph = graph_module.graph
    for node in list(graph.nodes):
        if node.op != "call_function" or op_name(node) != "aten.scaled_dot_product_attention":
            continue
        query, key, value = node.args[:3]
        mask = node.args[3] if len(node.args) > 3 else None
        causal = node.args[5] if len(node.args) > 5 else node.kwargs.get("is_causal", False)
        float_mask = mask is None or is_float_tensor(mask)
        if causal or node.kwargs.get("enable_gqa") or not float_mask or (len(node.args) > 4 and node.args[4]):
            continue
        scale = node.kwargs.get("scale") or 1.0 / math.sqrt(shape_of(query)[-1])
        steps: list[tuple[Any, tuple[Any, ...]]] = [
            (aten.transpose.int, (key, -2, -1)),
            (aten.matmul.default, (query, None)),
            (aten.mul.Tensor, (None, scale)),
        ]
        if mask is not None:
            steps.append((aten.add.Tensor, (None, mask)))
        steps += [(aten.softmax.int, (None, -1)), (aten.matmul.default, (None, value))]
        with graph.inserting_before(node):
            last: Any = None
            for target, args in steps:
                last = graph.call_function(target, tuple(last if arg is None else arg for arg in args))
                last.meta["origin"] = node.meta.get("origin")
                with torch.no_grad(), node.meta["val"].fake_mode:
                    values = [arg.meta["val"] if isinstance(arg, fx.Node) else arg for arg in last.args]
                    last.meta["val"] = target(*values)
        _replace(node, last)
