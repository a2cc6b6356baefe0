"""What the front end hands to lowering: one flat, functional ATen graph with its inputs, state and origins.

The graph holds only `placeholder`, `get_attr`, `call_function` and `output` nodes. Placeholders are first the run-time
inputs, then the state (tensors that live on between calls, such as weights under training, momentum or a step
counter). No node writes to a tensor: what the user's code changed in place comes back as an extra output (`mutations`).
Every node's `meta["val"]` is a fake tensor (shape and dtype, no data) or a tuple of them.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import fx

Phase = Literal["forward", "backward-input", "backward-weight", "update", "communicate"]
PHASES: tuple[Phase, ...] = ("forward", "backward-input", "backward-weight", "update", "communicate")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a node comes from in the user's code."""

    module: str = ""
    """Path of the module whose forward made it (or its gradient), such as `stack.conv1`; empty outside modules."""
    source: str = ""
    """`file.py:line` of the user's code; for gradients the line of the forward computation."""
    phase: Phase = "forward"


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """Name, shape and dtype (`float32`, `int8`, ...) of a tensor at the graph's boundary."""

    name: str
    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True, slots=True)
class Traced:
    """A traced computation, float or quantized. Tensors in it are the trace's own copies, never the user's."""

    name: str
    kind: Literal["inference", "step"]
    graph_module: fx.GraphModule
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    """Every output in order, the new values of mutated tensors (see `mutations`) last."""
    example_inputs: tuple[torch.Tensor, ...] = ()
    state: tuple[TensorSpec, ...] = ()
    initial_state: Mapping[str, torch.Tensor] = field(default_factory=dict)
    """By name, for each of `state`: its value before the first call."""
    mutations: Mapping[str, int] = field(default_factory=dict)
    """Name of an input or a state tensor -> index in `outputs` of its value after the call."""
    origins: Mapping[str, Origin] = field(default_factory=dict)
    """By node name, for every `call_function` node that stems from user code."""
    quantized: tuple[str, ...] = ()
    """Nodes that compute between DQ and Q (empty for a float graph)."""
    left_in_float: tuple[str, ...] = ()
    """`node (operator)` for every operator that a quantized graph computes in float."""
    notes: tuple[str, ...] = ()
    """Warnings for the user."""

    def constant(self, target: str) -> torch.Tensor:
        """Return the constant that a `get_attr` node reads."""
        value = attribute(self.graph_module, target)
        if not isinstance(value, torch.Tensor):
            raise ValueError(f"graph attribute {target!r} is {type(value).__name__}, want a tensor")
        return value

    def run(
        self, *inputs: torch.Tensor, state: Mapping[str, torch.Tensor] | None = None
    ) -> tuple[tuple[torch.Tensor, ...], dict[str, torch.Tensor]]:
        """Execute the graph in PyTorch; return the outputs without mutations, and the state after the call.

        `state` defaults to `initial_state`. Raises ValueError when the number of inputs is wrong.
        """
        if len(inputs) != len(self.inputs):
            raise ValueError(f"got {len(inputs)} inputs, want {len(self.inputs)}: {[i.name for i in self.inputs]}")
        before = dict(self.initial_state if state is None else state)
        with torch.no_grad():
            results = self.graph_module(*inputs, *(before[spec.name] for spec in self.state))
        results = tuple(results) if isinstance(results, tuple | list) else (results,)
        after = before | {name: results[index] for name, index in self.mutations.items()}
        return results[: len(results) - len(self.mutations)], after


def attribute(root: torch.nn.Module, target: str) -> object:
    """Return what the dotted name `target` means below `root`."""
    value: object = root
    for part in target.split("."):
        value = getattr(value, part)
    return value


def tensor_nodes(arguments: object) -> Iterator[fx.Node]:
    """Yield the nodes in an argument or in a (nested) list of them."""
    if isinstance(arguments, fx.Node):
        yield arguments
    elif isinstance(arguments, Mapping):
        for value in arguments.values():
            yield from tensor_nodes(value)
    elif isinstance(arguments, Sequence) and not isinstance(arguments, str):
        for value in arguments:
            yield from tensor_nodes(value)


def spec_of(name: str, value: torch.Tensor) -> TensorSpec:
    """Describe a tensor or a fake tensor."""
    return TensorSpec(name, tuple(int(size) for size in value.shape), str(value.dtype).removeprefix("torch."))


def shape_of(node: fx.Node) -> tuple[int, ...]:
    """Return the shape of a node's tensor; ValueError when it has no single tensor value."""
    value = node.meta.get("val")
    if not isinstance(value, torch.Tensor):
        raise ValueError(f"node {node.name} has no tensor value")
    return tuple(int(size) for size in value.shape)


def is_float_tensor(node: fx.Node) -> bool:
    """Tell whether a node's value is one floating-point tensor."""
    value = node.meta.get("val")
    return isinstance(value, torch.Tensor) and value.is_floating_point()


def op_name(node: fx.Node) -> str:
    """Return a short operator name: `aten.conv2d` for `torch.ops.aten.conv2d.default`, `getitem`, ..."""
    if node.op != "call_function":
        return node.op
    if node.target is operator.getitem:
        return "getitem"
    packet = getattr(node.target, "overloadpacket", None)
    return str(packet) if packet is not None else getattr(node.target, "__name__", str(node.target))


def collect_origins(graph: fx.Graph) -> dict[str, Origin]:
    """Return the origin of every `call_function` node; those without one of their own inherit their producer's."""
    origins: dict[str, Origin] = {}
    for node in graph.nodes:
        if node.op != "call_function":
            continue
        own = node.meta.get("origin")
        if own is None:
            own = next((origins[arg.name] for arg in node.all_input_nodes if arg.name in origins), Origin())
        origins[node.name] = own
    return origins
