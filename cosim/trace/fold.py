"""Fold random numbers and initialization to constants.

Only what makes tensors out of nothing is folded, and what initialization does to them (copies, casts, scaling by a
number): the computation itself stays, even if it depends on constants only.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import fx

from .functionalize import ROOT_NAME
from .graph import attribute, op_name, tensor_nodes

RANDOM_VALUE = "random_value"  # key in a node's meta: what a random operator returned while tracing

_FACTORIES = frozenset(
    f"aten.{name}"
    for name in (
        "empty empty_strided zeros ones full arange linspace logspace eye scalar_tensor tril_indices triu_indices "
        "empty_like zeros_like ones_like full_like new_empty new_empty_strided new_zeros new_ones new_full"
    ).split()
)
"""Depend on shapes and numbers only, also where they take a tensor."""
_EMPTY = frozenset(f"aten.{name}" for name in "empty empty_strided empty_like new_empty new_empty_strided".split())
"""Memory that nobody has written: folded to zeros, so that a trace is the same every time."""
_INITIALIZERS = frozenset(
    f"aten.{name}"
    for name in (
        "add sub mul div neg rsub clamp clamp_min clamp_max erfinv erf sqrt abs copy fill _to_copy clone detach alias "
        "lift_fresh lift_fresh_copy view _unsafe_view reshape t transpose permute expand squeeze unsqueeze slice "
        "select slice_scatter select_scatter flip to tril triu"
    ).split()
)
"""Folded when every tensor they read is folded and there is one of them at most (or they only copy)."""

_VIEWS = frozenset(
    f"aten.{name}" for name in "view _unsafe_view reshape t transpose permute squeeze unsqueeze detach alias".split()
)


def fold_constants(module: fx.GraphModule, *, random: bool) -> None:
    """Replace foldable nodes of a functional graph by constants; `random` says whether to fold random numbers too."""
    values: dict[fx.Node, torch.Tensor] = {}  # in graph order
    for node in module.graph.nodes:
        if node.op != "call_function":
            continue
        value = _value(module, node, values, random)
        if value is not None:
            values[node] = value
    for node in reversed(list(values)):  # a view of a constant stays: it needs no memory of its own
        if op_name(node) in _VIEWS and any(user not in values for user in node.users):
            del values[node]
    for index, (node, value) in enumerate(values.items()):
        readers = [user for user in node.users if user not in values]
        if not readers:
            continue
        name = str(node.meta.get(ROOT_NAME, f"folded_{index}"))
        while hasattr(module, name) and _is_read(module, name, values):
            name += "_"
        if hasattr(module, name):
            delattr(module, name)
        module.register_buffer(name, value)
        with module.graph.inserting_before(node):
            constant = module.graph.get_attr(name)
        constant.meta.update(node.meta)
        for user in readers:
            user.replace_input_with(node, constant)
    for node in reversed(module.graph.nodes):
        if node in values and not node.users:
            module.graph.erase_node(node)
    module.recompile()


def _is_read(module: fx.GraphModule, name: str, folded: Mapping[fx.Node, torch.Tensor]) -> bool:
    """Tell whether something that stays reads the attribute `name`."""
    nodes = [node for node in module.graph.nodes if node.op == "get_attr" and str(node.target) == name]
    return not nodes or any(user not in folded for node in nodes for user in node.users)


def _value(
    module: fx.GraphModule, node: fx.Node, values: dict[fx.Node, torch.Tensor], random: bool
) -> torch.Tensor | None:
    """Return the constant that `node` computes, or None if it is to stay."""
    name = op_name(node)
    if RANDOM_VALUE in node.meta:
        return node.meta[RANDOM_VALUE] if random else None
    arguments = list(tensor_nodes(node.args)) + list(tensor_nodes(node.kwargs))
    if name in _FACTORIES:
        shapes = [torch.empty(a.meta["val"].shape, dtype=a.meta["val"].dtype) for a in arguments]
        known = dict(zip(arguments, shapes, strict=True))
    elif name in ("aten.lift_fresh", "aten.lift_fresh_copy") and arguments[0].op == "get_attr":
        literal = attribute(module, str(arguments[0].target))
        assert isinstance(literal, torch.Tensor)
        known = {arguments[0]: literal.detach()}
    elif name in _INITIALIZERS and arguments and all(a in values for a in arguments) and len(set(arguments)) == 1:
        known = {arguments[0]: values[arguments[0]]}
    else:
        return None
    with torch.no_grad():
        args, kwargs = (fx.map_arg(part, lambda n: known[n]) for part in (node.args, node.kwargs))
        value = node.target(*args, **kwargs).detach().clone()
        return torch.zeros_like(value) if name in _EMPTY else value
