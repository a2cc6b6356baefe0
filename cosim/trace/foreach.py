"""Write `_foreach_*` operators, which work on lists of tensors, as one operator for each tensor."""

from __future__ import annotations

import operator
from typing import Any

import torch
from torch import fx

from .errors import TargetError
from .functionalize import WRITES_LEAF

aten = torch.ops.aten
_PREFIX = "_foreach_"


def expand_foreach(graph: fx.Graph) -> None:
    """Replace every `_foreach_*` node. Raises TargetError for one that has no counterpart for single tensors."""
    for node in list(graph.nodes):
        target = node.target
        if not isinstance(target, torch._ops.OpOverload) or not target.__name__.startswith(_PREFIX):
            continue
        tensors = list(node.args[0])
        with graph.inserting_before(node):
            parts = [_single(graph, node, index, len(tensors)) for index in range(len(tensors))]
        for user in list(node.users):
            if user.target is not operator.getitem:
                raise TargetError(f"node {user.name} reads all results of {node.name} at once")
            user.replace_all_uses_with(parts[user.args[1]])
            graph.erase_node(user)
        graph.erase_node(node)


def _single(graph: fx.Graph, node: fx.Node, index: int, count: int) -> fx.Node:
    """Emit the operator for element `index`, in place where `node` is."""

    def pick(argument: Any) -> Any:
        return argument[index] if isinstance(argument, (list, tuple)) and len(argument) == count else argument

    args = [pick(argument) for argument in node.args]
    kwargs = {name: pick(argument) for name, argument in node.kwargs.items()}
    new = graph.call_function(_overload(node, args), tuple(args), kwargs)
    new.meta.update(node.meta)
    new.meta[WRITES_LEAF] = args[0].meta.get(WRITES_LEAF, False)
    return new


def _overload(node: fx.Node, args: list[Any]) -> Any:
    packet_name = str(node.target.overloadpacket).removeprefix("aten.")
    name = packet_name.removeprefix(_PREFIX)
    if name == "norm":
        return aten.linalg_vector_norm.default
    packet = getattr(aten, name, None)
    second = "Tensor" if len(args) > 1 and isinstance(args[1], fx.Node) else "Scalar"
    for overload in (second, "default", "Tensor"):
        found = getattr(packet, overload, None)
        if found is not None:
            return found
    raise TargetError(f"node {node.name}: {node.target} has no counterpart for one tensor")
