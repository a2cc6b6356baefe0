"""Split `convolution_backward` into one node for each gradient, so that phases and MACs are told apart."""

from __future__ import annotations

import operator

import torch
from torch import fx

_BACKWARD = torch.ops.aten.convolution_backward.default


def split_convolution_backward(graph: fx.Graph) -> None:
    """Replace each `convolution_backward` by up to three, each with one entry of `output_mask` set."""
    for node in list(graph.nodes):
        if node.op != "call_function" or node.target is not _BACKWARD:
            continue
        mask = list(node.args[-1])
        parts: dict[int, fx.Node] = {}
        with graph.inserting_before(node):
            for index in range(3):
                if mask[index] and any(_reads(user, index) for user in node.users):
                    single = [i == index for i in range(3)]
                    parts[index] = graph.call_function(_BACKWARD, (*node.args[:-1], single))
                    parts[index].meta.update(node.meta)
                    value = node.meta.get("val")
                    if isinstance(value, (tuple, list)):
                        parts[index].meta["val"] = tuple(v if i == index else None for i, v in enumerate(value))
        for user in list(node.users):
            if user.target is not operator.getitem:
                raise ValueError(f"node {user.name} reads all gradients of {node.name} at once")
            if user.args[1] in parts:
                user.args = (parts[user.args[1]], user.args[1])
            else:
                graph.erase_node(user)
        graph.erase_node(node)


def _reads(user: fx.Node, index: int) -> bool:
    return user.target is operator.getitem and user.args[1] == index and bool(user.users)
