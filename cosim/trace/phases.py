"""Decide the phase and the origin of every node of a flat train step, from its stamp and its place in the graph."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import Any

import torch
from torch import fx

from .functionalize import WEIGHT
from .graph import Origin, Phase, op_name, tensor_nodes
from .origins import STAMP, Stamp

CONTRACTIONS = frozenset(
    {"aten.mm", "aten.addmm", "aten.bmm", "aten.baddbmm", "aten.convolution", "aten.mv", "aten.dot"}
)
_VIEWS = frozenset(
    f"aten.{name}"
    for name in (
        "t transpose permute view _unsafe_view reshape expand squeeze unsqueeze detach alias clone slice select "
        "_to_copy"
    ).split()
)
_COLLECTIVES = ("_c10d_functional", "c10d", "_c10d_functional_autograd")


def assign_origins(graph: fx.Graph, modules: Mapping[torch.nn.Module, str]) -> None:
    """Set `meta["origin"]` of every `call_function` node; `modules` gives the path of each module."""
    _Assigner(graph, modules).run()


class _Assigner:
    def __init__(self, graph: fx.Graph, modules: Mapping[torch.nn.Module, str]) -> None:
        self.nodes = [node for node in graph.nodes if node.op == "call_function"]
        self.modules = modules
        self.phase: dict[fx.Node, Phase] = {}
        self.reads_data: dict[fx.Node, bool] = {}
        """Depends on something that is neither a parameter nor a buffer."""
        self.is_gradient: dict[fx.Node, bool] = {}
        self.forward: dict[int, fx.Node] = {}
        """By autograd's sequence number: the forward node that a gradient belongs to."""
        for node in graph.nodes:
            if node.op in ("placeholder", "get_attr"):
                self.reads_data[node] = not node.meta.get(WEIGHT, False)

    def run(self) -> None:
        for node in self.nodes:
            self._visit(node)
        for node in reversed(self.nodes):
            if self.phase[node] == "backward-input" and self._may_be_for_weights(node):
                self.phase[node] = "backward-weight"
        for node in self.nodes:
            node.meta["origin"] = self._origin(node)

    def _visit(self, node: fx.Node) -> None:
        stamp: Stamp | None = node.meta.get(STAMP)
        arguments = list(tensor_nodes(node.args)) + list(tensor_nodes(node.kwargs))
        self.reads_data[node] = not node.meta.get(WEIGHT) and any(self.reads_data.get(a, True) for a in arguments)
        from_gradient = any(self.is_gradient.get(a, False) for a in arguments)
        in_backward = stamp is not None and stamp.is_gradient
        self.is_gradient[node] = from_gradient or (in_backward and op_name(node) not in _VIEWS)
        if getattr(node.target, "namespace", "") in _COLLECTIVES:
            self.phase[node] = "communicate"
        elif stamp is None:
            producers = [self.phase[a] for a in arguments if a in self.phase]
            self.phase[node] = producers[-1] if producers else "forward"
        elif stamp.in_optimizer:
            self.phase[node] = "update"
        elif stamp.is_gradient:
            self.phase[node] = self._backward_phase(node, stamp)
        else:
            is_forward = stamp.module is not None or stamp.is_differentiable or not from_gradient
            self.phase[node] = "forward" if is_forward else "update"
            if is_forward and stamp.is_differentiable:
                self.forward.setdefault(stamp.sequence, node)

    def _backward_phase(self, node: fx.Node, stamp: Stamp) -> Phase:
        if stamp.accumulates:
            return "backward-weight"
        if op_name(node) == "aten.convolution_backward":
            return "backward-input" if node.args[-1][0] else "backward-weight"
        if node.target is operator.getitem:
            return self.phase[node.args[0]]
        forward = self.forward.get(stamp.sequence)
        if op_name(node) in CONTRACTIONS and forward is not None and self._has_weights(forward):
            operands = [a for a in tensor_nodes(node.args[-2:]) if not self.is_gradient.get(a, False)]
            return "backward-weight" if all(self.reads_data.get(a, True) for a in operands) else "backward-input"
        return "backward-input"

    def _has_weights(self, forward: fx.Node) -> bool:
        return any(not self.reads_data.get(a, True) for a in tensor_nodes(forward.args))

    def _may_be_for_weights(self, node: fx.Node) -> bool:
        """Tell whether a gradient node (not a product) only serves weights: everyone who reads it does."""
        stamp: Stamp | None = node.meta.get(STAMP)
        forward = None if stamp is None else self.forward.get(stamp.sequence)
        if op_name(node) in CONTRACTIONS | {"aten.convolution_backward"} or forward is None:
            return False
        readers = [self.phase[user] for user in node.users if user in self.phase]
        return self._has_weights(forward) and all(phase in ("backward-weight", "update") for phase in readers)

    def _origin(self, node: fx.Node) -> Origin:
        stamp: Stamp | None = node.meta.get(STAMP)
        phase = self.phase[node]
        if stamp is None:
            return Origin(phase=phase)
        made_by: Any = stamp
        if stamp.is_gradient and stamp.sequence in self.forward:
            made_by = self.forward[stamp.sequence].meta[STAMP]
        module = self.modules.get(made_by.module, "") if made_by.module is not None else ""
        return Origin(module=module, source=made_by.source, phase=phase)


def credit_updates(finals: Mapping[str, fx.Node], paths: Mapping[str, str]) -> None:
    """Give update nodes the module whose state they compute: `finals` by state, `paths` the module path by state."""
    for name, final in finals.items():
        pending = [final]
        while pending:
            node = pending.pop()
            origin = node.meta.get("origin")
            if origin is None or origin.phase != "update" or origin.module or not paths.get(name):
                continue
            node.meta["origin"] = Origin(paths[name], origin.source, origin.phase)
            pending.extend(node.all_input_nodes)
