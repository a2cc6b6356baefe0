"""Stored axes of a step's tensors: what operators of training touch lies as the accelerator wants it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import torch
from torch import fx

from ..graph import Graph, data_nodes, name_of
from .units import Key

Axes = tuple[int, ...]
IMAGE, WEIGHT = (0, 2, 3, 1), (2, 3, 1, 0)  # stored axes: channels last; rows and columns of the kernel first
_ELEMENTWISE = {
    *(f"aten.{name}" for name in ("add", "sub", "mul", "div", "neg", "clamp", "_to_copy", "cat", "slice", "exp2")),
    *(
        f"octo.{name}"
        for name in ("real", "scaled_codes", "master_view", "update", "relu_gradient", "requantize", "sides")
    ),
    "getitem",
}
"""Operators whose result lies as their operands do."""
_WEIGHTS = {"octo.conv2d_weight_gradient", "octo.update", "octo.master_view"}  # results are shaped as weights
_EITHER = {"octo.real", "octo.scaled_codes", "octo.master_view", "octo.update"}  # of weights as of images


class Layout:
    """Stored axes by node; ``live``: the nodes that count."""

    def __init__(self, graph: Graph, live: set[fx.Node]) -> None:
        self.graph = graph
        self._live = [node for node in graph.nodes if node in live]
        self._axes = self._spread(self._wanted(), self._links())

    def chosen(self, node: fx.Node) -> bool:
        """Whether operators of training have decided how a tensor lies; others lie as in PyTorch."""
        return node in self._axes

    def order(self, node: fx.Node) -> Axes:
        """Stored axes: the PyTorch axis that each of them is."""
        return self._axes.get(node, tuple(range(max(0, self._rank(node)))))

    def shape(self, node: fx.Node) -> tuple[int, ...]:
        """Stored shape."""
        shape = self.graph.shape(node)
        return tuple(shape[axis] for axis in self.order(node))

    def permutation(self, node: Key) -> Axes | None:
        """Of a tensor at the boundary: its stored axes, None for PyTorch's order."""
        axes = self.order(node) if isinstance(node, fx.Node) else ()
        return None if axes == tuple(range(len(axes))) else axes

    def stored(self, node: fx.Node, value: torch.Tensor) -> torch.Tensor:
        """A value of the node with its axes as they are stored, contiguous."""
        return value.detach().permute(self.order(node)).contiguous()

    # ---- how it is decided ----

    def _rank(self, node: fx.Node) -> int:
        """Number of axes; -1 for what is no tensor."""
        value = self.graph.value(node)
        return value.dim() if isinstance(value, torch.Tensor) else -1

    def _operands(self, node: fx.Node) -> list[fx.Node]:
        return [item for item in data_nodes(node.args) if self._rank(item) == 4]

    def _wanted(self) -> dict[fx.Node, Axes]:
        """What operators of training want of their operands and results of four dimensions."""
        found: dict[fx.Node, Axes] = {}
        for node in self._live:
            name = name_of(node)
            if not name.startswith("octo."):
                continue
            given = self.graph.arguments(node)
            weights = {given.get("w"), given.get("master")} | ({node} if name in _WEIGHTS else set())
            if name == "octo.update":
                weights |= {given["acc"]}
            for item in (*self._operands(node), node):
                if name not in _EITHER or item in weights:
                    found[item] = WEIGHT if item in weights else IMAGE
        return found

    def _links(self) -> dict[fx.Node, list[fx.Node]]:
        """Nodes that lie alike."""
        found: dict[fx.Node, list[fx.Node]] = defaultdict(list)
        for one, other in self._pairs():
            found[one].append(other)
            found[other].append(one)
        return found

    def _pairs(self) -> Iterator[tuple[fx.Node, fx.Node]]:
        for node in self._live:
            name = name_of(node)
            if name in _ELEMENTWISE and self._rank(node) == 4:
                yield from ((node, item) for item in self._operands(node))
            if name == "getitem" and name_of(source := next(data_nodes(node.args))).startswith("octo."):
                yield node, source

    def _spread(self, wanted: dict[fx.Node, Axes], links: dict[fx.Node, list[fx.Node]]) -> dict[fx.Node, Axes]:
        found = dict(wanted)
        for start in wanted:
            stack = [start]
            while stack:
                for other in links[stack.pop()]:
                    if other not in found:
                        found[other] = found[start]
                        stack.append(other)
        return {node: axes for node, axes in found.items() if self._rank(node) == 4}
