"""Nodes that the CPU computes: a unit each, and the function, operands and parameters of its call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

import torch
from torch import fx

from accel_models.kernels import FUNCTIONS
from accel_models.network import CpuCall

from .. import aten
from ..errors import LoweringError
from ..graph import Graph, data_nodes, name_of
from ..kernels import Call, kernel_call
from .layout import Layout
from .state import StepGraph
from .units import Key, Unit

_RESHAPES = {"aten.view", "aten._unsafe_view", "aten.reshape", "aten.unsqueeze", "aten.squeeze", "aten.flatten"}
_SHIFTS = {"aten.__lshift_": "shift_left", "aten.__rshift_": "shift_right"}  # as ``name_of`` names them
_CONVOLUTIONS = {"octo.conv2d", "octo.conv2d_input_gradient", "octo.conv2d_weight_gradient"}


def cpu_unit(step: StepGraph, node: fx.Node, macs: int) -> Unit:
    """A node on the CPU, its inputs in kernel order; parameters are found when tensors have names.

    ``macs``: of a node that is none of Octo's products.
    """
    graph, results = step.graph, tensor_results(step.graph, node)
    reads = list(dict.fromkeys(data_nodes((node.args, node.kwargs))))
    unit = Unit(CpuCall(function="", parameters=()), [*reads], _outputs(step, node), graph.index[node], {node})
    sizes = [item.shape for item in results.values()] + [graph.shape(item) for item in reads]
    unit.elements, unit.label = max(prod(size) for size in sizes), name_of(node).partition(".")[2]
    unit.phase = "update" if step.is_octo else graph.origin(node)[2]
    unit.macs = _macs(graph, node) if name_of(node) in _CONVOLUTIONS else macs
    return unit


def tensor_results(graph: Graph, node: fx.Node) -> dict[int, torch.Tensor]:
    """Fake values of a node's results by place; those that it leaves out are None in its tuple."""
    value = graph.value(node)
    items = value if isinstance(value, tuple | list) else (value,)
    return {place: item for place, item in enumerate(items) if isinstance(item, torch.Tensor)}


def _outputs(step: StepGraph, node: fx.Node) -> list[Key | None]:
    """The node, or, of one with several results, those who pick each."""
    picks = {user.args[1]: user for user in reversed(node.users) if user in step.live and name_of(user) == "getitem"}
    results = tensor_results(step.graph, node)
    return [picks.get(place) for place in results] if len(results) > 1 or picks else [node]


def _macs(graph: Graph, node: fx.Node) -> int:
    """Of one of Octo's products: pixels of the output, or of its gradient, times the kernel."""
    given = graph.arguments(node)
    samples, _, rows, columns = graph.shape(given.get("g", node))
    return samples * rows * columns * prod(graph.shape(given.get("w", node)))


@dataclass(frozen=True, slots=True)
class Calls:
    """Finds the calls. ``reals``: names of each node's results; ``seed``: of operators that draw random numbers."""

    graph: Graph
    layout: Layout
    reals: Mapping[Key, list[str]]
    seed: int

    def source(self, node: fx.Node) -> fx.Node:
        return next(data_nodes(node.args))

    def call(self, node: fx.Node) -> Call:
        """The call of a node whose operands have names. Raises LoweringError for what cannot be written down."""
        name = name_of(node)
        if name.startswith("octo."):
            return self._octo(name, node)
        if name in _RESHAPES and not self.layout.chosen(self.source(node)):
            return Call("reshape", [self._first(node)], {"shape": self.layout.shape(node)})
        if name in _SHIFTS:
            return self._shift(name, node)
        if name == "aten.exp2":
            return Call("exp2", [self._first(node)], {})
        sliced = self._slice(node) if name == "aten.slice" else None
        return sliced or self._other(name, node)

    def _first(self, node: fx.Node) -> str:
        return self.reals[self.source(node)][0]

    def _octo(self, name: str, node: fx.Node) -> Call:
        if name not in FUNCTIONS:
            raise LoweringError(f"node {node.name}: {name} has no kernel")
        given = self.graph.arguments(node)
        tensors = [self.reals[value][0] for value in given.values() if isinstance(value, fx.Node)]
        parameters = {
            key: tuple(value) if isinstance(value, list | tuple) else value
            for key, value in given.items()
            if not isinstance(value, fx.Node)
        }
        return Call(name, tensors, parameters)

    def _shift(self, name: str, node: fx.Node) -> Call:
        first, second = node.args
        tensors = [self.reals[item][0] for item in (first, second) if isinstance(item, fx.Node)]
        return Call(_SHIFTS[name], tensors, {} if isinstance(second, fx.Node) else {"other": second})

    def _slice(self, node: fx.Node) -> Call | None:
        """None for steps and negative bounds."""
        given = self.graph.arguments(node)
        dim, size = given["dim"], self.graph.shape(self.source(node))[given["dim"]]
        start, end = given["start"] or 0, min(size, size if given["end"] is None else given["end"])
        if given["step"] != 1 or start < 0 or end < 0:
            return None
        axis = self.layout.order(node).index(dim)
        return Call("slice", [self._first(node)], {"dim": axis, "start": start, "end": end})

    def _other(self, name: str, node: fx.Node) -> Call:
        """A NumPy kernel, or PyTorch's own operator where the tensors lie as PyTorch has them."""
        found = kernel_call(self, node)
        if found is None:
            if any(self.layout.chosen(item) for item in (node, *data_nodes(node.args))):
                raise LoweringError(f"node {node.name}: {name} has no kernel for tensors of a training step")
            found = aten.call(self, node)
            value, results = self.graph.value(node), tensor_results(self.graph, node)
            if isinstance(value, tuple | list) and len(results) < len(value):
                found.parameters["keep"] = tuple(results)
        parameters = dict(found.parameters)
        if isinstance(parameters.get("dim"), int) and self.layout.chosen(node):
            parameters["dim"] = self.layout.order(node).index(parameters["dim"])
        return Call(found.function, found.tensors, parameters)
