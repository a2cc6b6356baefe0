"""Multiply-accumulates of a traced graph, by node and by phase.

A convolution counts out_h * out_w * out_c * kh * kw * in_c / groups * batch, padding included, as the reference models
of MLPerf Tiny are counted; its two gradients have the same products in other orders, hence the same count.
"""

from __future__ import annotations

import math

from torch import fx

from .graph import PHASES, Phase, Traced, op_name, shape_of, tensor_nodes


def macs_by_node(traced: Traced) -> dict[str, int]:
    """Return the MACs of every node that has any, by node name."""
    counts = {node.name: node_macs(node) for node in traced.graph_module.graph.nodes}
    return {name: count for name, count in counts.items() if count}


def count_macs(traced: Traced) -> dict[Phase, int]:
    """Return the MACs of each phase, all phases of `PHASES` present."""
    totals: dict[Phase, int] = dict.fromkeys(PHASES, 0)
    for name, count in macs_by_node(traced).items():
        totals[traced.origins[name].phase] += count
    return totals


def node_macs(node: fx.Node) -> int:
    """Return the MACs of one node; 0 for everything that is not a product."""
    if node.op != "call_function":
        return 0
    name = op_name(node)
    if name in ("aten.conv1d", "aten.conv2d", "aten.conv3d", "aten.convolution"):
        transposed = name == "aten.convolution" and bool(node.args[6])
        return _convolution(node.args[1], node.args[0] if transposed else node)
    if name == "aten.convolution_backward":
        gradient, inputs, weight = node.args[:3]
        single = _convolution(weight, inputs if node.args[7] else gradient)
        return single * sum(bool(wanted) for wanted in node.args[-1][:2])
    if name == "aten.linear":
        return math.prod(shape_of(node)) * shape_of(node.args[1])[-1]
    if name in ("aten.matmul", "aten.mm", "aten.bmm", "aten.mv", "aten.dot"):
        return math.prod(shape_of(node)) * shape_of(node.args[0])[-1]
    if name in ("aten.addmm", "aten.baddbmm", "aten.addmv"):
        return math.prod(shape_of(node)) * shape_of(node.args[1])[-1]
    if name.startswith("aten._scaled_dot_product") and "backward" not in name:
        query, key = (shape_of(argument) for argument in list(tensor_nodes(node.args))[:2])
        return 2 * math.prod(query) * key[-2]
    return 0


def _convolution(weight: fx.Node, positions: fx.Node) -> int:
    """MACs of a convolution: weights per filter tap and channel, times batch and places of `positions`.

    `positions` is the side with one place per filter application: the output, or the input of a transposed one.
    """
    batch, _, *places = shape_of(positions)
    return batch * math.prod(places) * math.prod(shape_of(weight))
