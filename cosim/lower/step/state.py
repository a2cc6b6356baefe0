"""The graph of a traced step with its ends: inputs of a call, state that lives on, and what the step returns."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import fx

from cosim.trace.graph import Traced

from ..graph import Graph, name_of
from .units import Key


class StepGraph:
    """``inputs``: placeholders of a call's inputs; ``states``: names of the state by placeholder; ``initial``: what it
    holds before the first call, by name.

    ``results``: what the step returns; ``finals``: new values of states, by placeholder. ``live``: nodes that either
    depends on, without constants.
    """

    def __init__(self, traced: Traced, name: str) -> None:
        self.name, self.initial = name, traced.initial_state
        self.graph = Graph(traced.graph_module, traced.origins)
        placeholders, outputs = self.graph.inputs(), self.graph.outputs()
        self.inputs = placeholders[: len(traced.inputs)]
        self.states = dict(zip(placeholders[len(traced.inputs) :], (item.name for item in traced.state), strict=True))
        self.finals: dict[fx.Node, Key] = {
            node: outputs[traced.mutations[state]] for node, state in self.states.items() if state in traced.mutations
        }
        self._fix_constants()
        self.results: list[Key] = outputs[: len(outputs) - len(traced.mutations)]
        self.live = self._live([*self.results, *self.finals.values()])
        self.is_octo = any(name_of(node).startswith("octo.") for node in self.graph.nodes)

    def _fix_constants(self) -> None:
        """A state that a step leaves as it was is a constant; so may be what is computed from it."""
        found = True
        while found:
            found = False
            for node, final in list(self.finals.items()):
                value, first = self.graph.constant(final), self.initial[self.states[node]]
                if final is node or (value is not None and torch.equal(value, first)):
                    self.graph.fix(node, first)
                    del self.finals[node], self.states[node]
                    found = True

    def _live(self, wanted: Iterable[Key]) -> set[fx.Node]:
        live: set[fx.Node] = set()
        stack = [node for node in wanted if isinstance(node, fx.Node)]
        while stack:
            node = stack.pop()
            if node not in live and self.graph.constant(node) is None:
                live.add(node)
                stack.extend(node.all_input_nodes)
        return live
