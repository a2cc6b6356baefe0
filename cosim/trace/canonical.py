"""One spelling for operators that PyTorch spells in several ways, such as `convolution` and `addmm` of core ATen.

Graphs come as `torch.export` leaves them (conv2d, linear) or decomposed (`run_decompositions`); quantization and
lowering know the first spelling.
"""

from __future__ import annotations

import operator
from typing import Any

import torch
from torch import fx

from .graph import op_name, shape_of

aten = torch.ops.aten

_CONVOLUTIONS = {3: aten.conv1d.default, 4: aten.conv2d.default}
_SAME_NAME = {
    aten._adaptive_avg_pool2d.default: aten.adaptive_avg_pool2d.default,
    aten._unsafe_view.default: aten.view.default,
}


def canonicalize(graph: fx.Graph) -> None:
    """Rewrite a functional inference graph in place; nodes need `meta["val"]`, and new nodes get it."""
    for node in list(graph.nodes):
        if node.op != "call_function":
            continue
        if node.target in _SAME_NAME:
            node.target = _SAME_NAME[node.target]
        elif node.target is aten.convolution.default:
            _convolution(node)
        elif node.target in (aten.conv1d.padding, aten.conv2d.padding):
            _named_padding(graph, node)
        elif node.target is aten.addmm.default and not node.kwargs:
            bias, source, weight = node.args
            _linear(node, source, weight, bias)
        elif node.target is aten.mm.default:
            _linear(node, node.args[0], node.args[1], None)
        elif node.target is aten.max_pool2d_with_indices.default:
            _max_pool(graph, node)
        elif op_name(node) == "aten._softmax":
            node.target, node.args = aten.softmax.int, node.args[:2]


def _convolution(node: fx.Node) -> None:
    source, weight, bias, stride, padding, dilation, transposed, _, groups = node.args
    target = _CONVOLUTIONS.get(len(shape_of(source)))
    if target is not None and not transposed:
        node.target = target
        node.args = (source, weight, bias, list(stride), list(padding), list(dilation), groups)


def _named_padding(graph: fx.Graph, node: fx.Node) -> None:
    """Write padding "valid" and "same" in numbers; an odd total pads one more at the end, as PyTorch does."""
    source, weight = node.args[:2]
    rank = len(shape_of(source)) - 2
    defaults: list[Any] = [None, [1] * rank, "valid", [1] * rank, 1]
    bias, stride, padding, dilation, groups = list(node.args[2:]) + defaults[len(node.args) - 2 :]
    dilation = list(dilation) * rank if len(dilation) == 1 else list(dilation)
    stride = list(stride) * rank if len(stride) == 1 else list(stride)
    totals = [d * (k - 1) for d, k in zip(dilation, shape_of(weight)[2:], strict=True)]
    if padding != "same":
        totals = [0] * rank
    if any(total % 2 for total in totals):
        sides = [side for total in reversed(totals) for side in (0, total % 2)]
        with graph.inserting_before(node):
            source = graph.call_function(aten.constant_pad_nd.default, (source, sides, 0.0))
        source.meta.update(node.args[0].meta, origin=node.meta.get("origin"))
        with torch.no_grad(), node.args[0].meta["val"].fake_mode:
            source.meta["val"] = aten.constant_pad_nd.default(node.args[0].meta["val"], sides, 0.0)
    node.target = _CONVOLUTIONS[rank + 2]
    node.args = (source, weight, bias, stride, [total // 2 for total in totals], dilation, groups)


def _linear(node: fx.Node, source: fx.Node, weight: fx.Node, bias: fx.Node | None) -> None:
    """`addmm(bias, x, w.t())` and `mm(x, w.t())` are linear layers if the bias has one number for each output."""
    turned = op_name(weight) in ("aten.t", "aten.permute", "aten.transpose") and len(shape_of(weight)) == 2
    is_turned = turned and shape_of(weight) == shape_of(weight.args[0])[::-1] and not _keeps_order(weight)
    if is_turned and (bias is None or shape_of(bias) == shape_of(node)[-1:]):
        node.target = aten.linear.default
        node.args = (source, weight.args[0]) if bias is None else (source, weight.args[0], bias)


def _keeps_order(node: fx.Node) -> bool:
    return op_name(node) == "aten.permute" and [int(d) % 2 for d in node.args[1]] == [0, 1]


def _max_pool(graph: fx.Graph, node: fx.Node) -> None:
    """Drop the indices if nobody reads them."""
    if any(user.target is not operator.getitem or user.args[1] != 0 for user in node.users):
        return
    with graph.inserting_before(node):
        pool = graph.call_function(aten.max_pool2d.default, node.args, node.kwargs)
    pool.meta.update(node.meta, val=node.meta["val"][0])
    for user in list(node.users):
        user.replace_all_uses_with(pool)
        graph.erase_node(user)
    graph.erase_node(node)
