"""A traced training step as a Network: state in persistent tensors, written in place, and every node somewhere."""

from __future__ import annotations

from accel_models.network import Network
from cosim.trace import macs_by_node
from cosim.trace.graph import Traced

from ..graph import name_of
from .calls import cpu_unit
from .copies import with_copies
from .layout import Layout
from .operators import Operators
from .order import ordered, readers_of
from .patterns import Patterns
from .state import StepGraph
from .tensors import Tensors
from .units import Unit


def lower_step(traced: Traced, name: str, seed: int = 0) -> Network:
    """The network of a step. Its outputs are what the step returns, its persistent tensors start as they were traced.

    ``seed``: of operators that draw random numbers when they run. Raises LoweringError for what cannot be written down.
    """
    step = StepGraph(traced, name)
    layout = Layout(step.graph, step.live)
    units = with_copies(step, layout, _units(step, traced))
    readers, tensors = readers_of(units), Tensors(step, layout)
    operators = Operators(step, tensors, readers, seed)
    for item in ordered(name, units, readers, step.finals):
        operators.add(item)
    outputs = tuple(tensors.result(node) for node in step.results)
    return Network(
        name=name,
        operators=tuple(operators.found),
        tensors=tensors.declared,
        constants=tensors.constants,
        inputs=tuple(tensors.read(node) for node in step.inputs),
        outputs=outputs,
        parameters=tensors.parameters,
        metadata={"multiplier_bits": 16, "step": True},
    )


def _units(step: StepGraph, traced: Traced) -> list[Unit]:
    """Operators of training, and the CPU for every node that is in none of them."""
    units, macs = Patterns(step.graph, step.live, step.states).units(), macs_by_node(traced)
    taken = {node for unit in units for node in unit.stands_for()}
    for node in step.graph.nodes:
        if node in step.live and node not in taken and node.op == "call_function" and name_of(node) != "getitem":
            units.append(cpu_unit(step, node, macs.get(node.name, 0)))
    return units
