"""Constant weights: int8 codes behind a DQ, through transpositions, and the count of trained parameters."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import fx

from .codes import Scales, is_dequantize, scales_of
from .errors import LoweringError
from .graph import name_of
from .shapes import PERMUTES, permutation

if TYPE_CHECKING:
    from .lowering import Lowering


def weight(low: Lowering, node: Any) -> tuple[torch.Tensor, Scales] | None:
    """int8 codes and scales of a constant weight, through transpositions; None when it is not one."""
    if not isinstance(node, fx.Node) or low.graph.constant(node) is None:
        return None
    if is_dequantize(node):
        source, scales = low.source(node), scales_of(low.graph, node)
        held = low.graph.constant(source)
        assert held is not None  # its DQ is constant
        if held.dtype != torch.int8:
            raise LoweringError(f"weight {low.label(source)}: unsupported dtype {str(held.dtype)[6:]}; want int8")
        count(low, source, held)
        return held, scales
    inner = weight(low, low.source(node)) if name_of(node) in PERMUTES else None
    if inner is None:
        return None
    order = permutation(low.graph, node)
    held, scales = inner
    axis = None if scales.axis is None else order.index(scales.axis)
    return held.permute(order), replace(scales, axis=axis)


def count(low: Lowering, node: fx.Node, held: torch.Tensor) -> None:
    """Count a trained parameter once, however many operators read it."""
    while node.op == "call_function" and node.all_input_nodes:
        node = node.all_input_nodes[0]
    low.trained[node.target] = held.numel()
