"""A user's training step as a Network: float32 on the CPU, integers where it carries Q/DQ, its state persistent.

The walk is that of inference (``lowering``). State tensors come in as they are kept; the steps that compute their new
values write to them, after everything that wants the old value.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import torch
from torch import fx

from accel_models.network import CpuCall, Network
from cosim.trace.functionalize import WEIGHT
from cosim.trace.graph import Traced

from . import boundary, conv, copies, cpu, matmul, pooling, shapes  # noqa: F401  they register their operators
from .assemble import assemble
from .codes import is_dequantize, is_quantize
from .errors import LoweringError
from .fuse import fuse
from .graph import Graph
from .loops import fuse_loops
from .lowering import Lowering
from .order import ordered
from .transposes import fold_transposes


def lower_training_step(
    traced: Traced, *, name: str, multiplier_bits: int = 31, rounding: str = "half_up", seed: int = 0
) -> Network:
    """The network of a traced step of ordinary PyTorch operators.

    Its outputs are what the step returns; its persistent tensors start from ``traced.initial_state``. The metadata say
    ``step``, and under ``trained`` which persistent tensors are parameters. Raises LoweringError naming operator and
    line of what cannot be lowered.
    """
    return _TrainingStep(traced, name, multiplier_bits, rounding == "double", seed).network(rounding)


def products_in_float(network: Network) -> list[str]:
    """Operators that multiply by codes which the step itself made (of weights under training), in float on the CPU."""
    made = {operator.outputs[0]: operator for operator in network.operators if len(operator.outputs) == 1}
    found = []
    for operator in network.operators:
        second = made.get(operator.inputs[1]) if operator.macs and len(operator.inputs) > 1 else None
        if second is None or not isinstance(operator.attributes, CpuCall):
            continue
        if isinstance(second.attributes, CpuCall) and second.attributes.function == "dequantize":
            found.append(operator.name)
    return found


class _TrainingStep:
    def __init__(self, traced: Traced, name: str, bits: int, double: bool, seed: int) -> None:
        self.traced, self.name = traced, name
        self.graph = Graph(traced.graph_module, traced.origins)
        self.low = Lowering(self.graph, bits, double, seed)
        placeholders, outputs = self.graph.inputs(), self.graph.outputs()
        self.inputs = placeholders[: len(traced.inputs)]
        self.states = {node: str(node.target) for node in placeholders[len(traced.inputs) :]}
        named = {str(node.target): node for node in placeholders}
        self.finals = {named[state]: outputs[index] for state, index in traced.mutations.items()}
        self.results = outputs[: len(outputs) - len(traced.mutations)]

    def network(self, rounding: str) -> Network:
        self._refuse()
        self._fix_constants()
        draft = self.low.draft
        for node in self.inputs:
            boundary.add_input(self.low, node)
        for node, state in self.states.items():
            self._declare(node, state)
        self._lower()
        written = {self._own(final, node): self.low.reals[node][0] for node, final in self.finals.items()}
        draft.outputs += written  # nobody else reads them: passes must not take them for dead
        fold_transposes(draft)
        fuse(draft)
        fuse_loops(draft, self.graph, {new: draft.states[state] for new, state in written.items()})
        draft.steps = ordered(draft, self.graph, written)
        draft.outputs = [item for item in draft.outputs if item not in written]
        trained = [state for node, state in self.states.items() if self._is_trained(node)]
        parameters = sum(draft.initial[self.low.reals[node][0]].size for node in self.states if self._is_trained(node))
        metadata = {"multiplier_bits": self.low.bits, "rounding": rounding, "step": True, "trained": trained}
        return assemble(draft, self.graph, self.name, parameters, metadata)[0]

    def _refuse(self) -> None:
        """An input that the step changes would have to be the caller's memory."""
        changed = [str(node.target) for node in self.inputs if node in self.finals]
        if changed:
            raise LoweringError(
                f"{self.name}: changes its input {changed[0]}; want a step that leaves its inputs alone"
            )

    def _fix_constants(self) -> None:
        """A state that a step leaves as it was is a constant; so may be what is computed from it."""
        changed = True
        while changed:
            changed = False
            for node, final in list(self.finals.items()):
                first, value = self.traced.initial_state[self.states[node]], self.graph.constant(final)
                if final is node or (value is not None and torch.equal(value, first)):
                    self.graph.fix(node, first)
                    del self.finals[node], self.states[node]
                    changed = True

    def _declare(self, node: fx.Node, state: str) -> None:
        draft, value = self.low.draft, self.traced.initial_state[state].detach()
        tensor = draft.tensor(tuple(value.shape), self.graph.dtype_name(node), role="persistent")
        draft.states[tensor], draft.initial[tensor] = state, value.contiguous().numpy()
        self.low.reals[node] = [tensor]

    def _lower(self) -> None:
        """Every live Q node, then the results and the new states."""
        for node in self._live([*self.results, *self.finals.values()]):
            if is_quantize(node) and self.graph.constant(node) is None:
                self.low.integers(node)
            self.low.quantized_nodes += is_quantize(node) or is_dequantize(node)
        for node in self.results:
            self.low.draft.outputs.append(boundary.output(self.low, node))
        for node in self.finals.values():
            self.low.real(node)

    def _live(self, wanted: Iterable[fx.Node]) -> list[fx.Node]:
        live: set[fx.Node] = set()
        stack = list(wanted)
        while stack:
            node = stack.pop()
            if node not in live:
                live.add(node)
                stack.extend(node.all_input_nodes)
        return sorted(live, key=self.graph.index.__getitem__)

    def _own(self, final: fx.Node, state: fx.Node) -> str:
        """The tensor of a state's new value, computed by a CPU call for nobody but the state (and who reads it on)."""
        draft = self.low.draft
        name = self.low.real(final)
        maker = next((step for step in draft.steps if name in step.outputs), None)
        if maker is None or draft.tensors[name].role != "activation" or not isinstance(maker.attributes, CpuCall):
            where = final if final.op == "call_function" else None
            attributes = CpuCall(function="identity")
            copied = draft.tensors[name]
            name = draft.emit(attributes, [name], copied.shape, None, where, label="copy", dtype=copied.dtype)
        draft.tensors[name] = replace(draft.tensors[name], role="output")
        return name

    def _is_trained(self, node: fx.Node) -> bool:
        """Whether a state is a parameter under training: of a module or with a gradient, and changed by an update."""
        final = self.finals.get(node)
        floating = self.graph.dtype(node).is_floating_point
        return (
            bool(node.meta.get(WEIGHT)) and floating and final is not None and self.graph.origin(final)[2] == "update"
        )
