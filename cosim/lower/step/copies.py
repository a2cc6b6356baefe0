"""Copies that a step wants: a value that two tensors hold, or one that nobody computes."""

from __future__ import annotations

from math import prod

from torch import fx

from accel_models.network import CpuCall

from .layout import Layout
from .state import StepGraph
from .units import Key, Made, Unit


def with_copies(step: StepGraph, layout: Layout, units: list[Unit]) -> list[Unit]:
    """With a copy for each state whose new value is another's, an input or a constant, or is returned, and for each
    result that is an input, a constant or another result. They take their places in the step's results and finals."""
    made = {node for unit in units for node in unit.makes()}
    seen: set[Key] = set()
    copies: list[Unit] = []

    def copied(value: Key, like: Key, phase: str, label: str) -> Made:
        """A copy of a value, stored as node ``like`` is."""
        assert isinstance(like, fx.Node)
        found = Made(layout.shape(like), step.graph.dtype_name(like))
        copy = Unit(CpuCall(function="identity"), [value], [found], len(step.graph.nodes))
        copy.elements, copy.phase, copy.label = prod(found.shape), phase, label
        copies.append(copy)
        return found

    for index, node in enumerate(step.results):
        if node in seen or node not in made:
            step.results[index] = copied(node, node, "forward", "result")
        seen.add(step.results[index])
    for state, final in list(step.finals.items()):
        if final in seen or final not in made:
            step.finals[state] = copied(final, state, "update", step.states[state])
        seen.add(final)
    return [*units, *copies]
