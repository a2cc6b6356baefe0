"""Our PT2E quantizer: says for every tensor of a float graph how the accelerator stores it.

Every value gets one set of quantization parameters, whoever reads it. Values that must share them (inputs and output of
a concatenation, of a max pool, of a reshape, ...) form a group. Layout as in the TFLite int8 specification
(https://ai.google.dev/edge/litert/conversion/tensorflow/quantization/quantization_spec): activations affine per tensor
in [-128, 127], weights symmetric per output channel in [-127, 127], biases float until lowering makes them int32.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Any

import torch
from torch import fx

from cosim.trace.graph import attribute, is_float_tensor, op_name

from . import operators as ops
from .pt2e import (
    FixedQParamsQuantizationSpec,
    HistogramObserver,
    MinMaxObserver,
    PerChannelMinMaxObserver,
    QuantizationAnnotation,
    QuantizationSpec,
    QuantizationSpecBase,
    Quantizer,
    SharedQuantizationSpec,
)

ANNOTATION = "quantization_annotation"  # torchao.quantization.pt2e.quantizer.quantizer.Q_ANNOTATION_KEY


class RangeObserver(Enum):
    """How calibration turns the values seen into a range."""

    MINMAX = "minmax"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Plan:
    """Which nodes are quantized, and which of those have no int8 output because the next node is fused into them."""

    quantized: tuple[fx.Node, ...]
    fused: frozenset[fx.Node]


def plan(graph: fx.Graph) -> Plan:
    """Find the nodes that the accelerator (or an int8 CPU kernel) can compute."""
    chosen = [node for node in graph.nodes if node.op == "call_function" and _is_quantizable(node)]
    members = set(chosen)
    fused = frozenset(
        node.args[0]
        for node in chosen
        if op_name(node) in ops.CLAMPS and node.args[0] in members and _takes_clamp(node.args[0])
    )
    return Plan(tuple(chosen), fused)


def _is_quantizable(node: fx.Node) -> bool:
    data = ops.data_inputs(node)
    is_output_float = op_name(node) in ops.SPLITS or is_float_tensor(node)
    return bool(data) and is_output_float and all(is_float_tensor(n) or op_name(n) in ops.SPLITS for n in data)


def _takes_clamp(node: fx.Node) -> bool:
    fusing = ops.WEIGHTED | ops.PRODUCTS | ops.BINARY
    return op_name(node) in fusing and len(node.users) == 1


class PerChannelWeightObserver(PerChannelMinMaxObserver):
    """Looks at constant weights once, not once a calibration sample. (torchao wants "PerChannel" in the name.)"""

    def forward(self, x_orig: torch.Tensor) -> torch.Tensor:
        """Return the weights as they are, having seen their range."""
        return super().forward(x_orig) if self.min_val.numel() == 0 else x_orig


class AcceleratorQuantizer(Quantizer):
    """int8 everywhere; see the module's docstring. `observer` is that of the activations."""

    def __init__(self, observer: RangeObserver = RangeObserver.MINMAX) -> None:
        super().__init__()
        self.observer = observer

    def annotate(self, model: fx.GraphModule) -> fx.GraphModule:
        """Annotate every node of a normalized graph (see `cosim.trace.normalize`) that can be quantized."""
        separate_constants(model)
        found = plan(model.graph)
        groups = _Groups(model.graph, found)
        for node in found.quantized:
            weights: dict[fx.Node, QuantizationSpecBase] = {}
            if op_name(node) in ops.WEIGHTED:
                weights[node.args[1]] = _weight_spec()
            node.meta[ANNOTATION] = QuantizationAnnotation(input_qspec_map=weights, _annotated=True)
        for members in groups.members():
            first, *rest = members
            self._annotate_output(first, self._spec(groups, members))
            for node in rest:
                self._annotate_output(node, SharedQuantizationSpec(first))
        return model

    def validate(self, model: fx.GraphModule) -> None:
        """Nothing to check: `annotate` only uses what the accelerator has."""

    def _annotate_output(self, node: fx.Node, spec: QuantizationSpecBase) -> None:
        annotation = node.meta.setdefault(ANNOTATION, QuantizationAnnotation())
        annotation.output_qspec = spec

    def _spec(self, groups: _Groups, members: list[fx.Node]) -> QuantizationSpecBase:
        symmetric = any(node in groups.symmetric for node in members)
        fixed = {ops.FIXED.get(op_name(node)) for node in members if node not in groups.derived}
        if len(fixed) == 1 and (only := next(iter(fixed))) is not None and not (symmetric and only[1] != 0):
            return FixedQParamsQuantizationSpec(
                dtype=torch.int8,
                scale=only[0],
                zero_point=only[1],
                quant_min=-128,
                quant_max=127,
                qscheme=torch.per_tensor_affine,
            )
        observer: Any = HistogramObserver if self.observer is RangeObserver.HISTOGRAM else MinMaxObserver
        return QuantizationSpec(
            dtype=torch.int8,
            observer_or_fake_quant_ctr=observer.with_args(eps=2.0**-20),
            quant_min=-127 if symmetric else -128,
            quant_max=127,
            qscheme=torch.per_tensor_symmetric if symmetric else torch.per_tensor_affine,
        )


def _weight_spec() -> QuantizationSpec:
    return QuantizationSpec(
        dtype=torch.int8,
        observer_or_fake_quant_ctr=PerChannelWeightObserver.with_args(eps=2.0**-24),
        quant_min=-127,
        quant_max=127,
        qscheme=torch.per_channel_symmetric,
        ch_axis=0,
    )


def separate_constants(model: fx.GraphModule) -> None:
    """Give a constant that is read in several ways (as weights, as an activation, in float) a copy for each.

    They are stored differently, and PT2E deletes a constant when it stores its codes.
    """
    for node in list(model.graph.nodes):
        if node.op != "get_attr":
            continue
        roles: dict[str, list[fx.Node]] = {}
        for user in node.users:
            roles.setdefault(_role(node, user), []).append(user)
        for role in list(roles)[1:]:
            name = f"{node.target}_{role}"
            model.register_buffer(name, attribute(model, str(node.target)))
            with model.graph.inserting_after(node):
                copy = model.graph.get_attr(name)
            copy.meta.update(node.meta)
            for user in roles[role]:
                user.replace_input_with(node, copy)


def _role(constant: fx.Node, user: fx.Node) -> str:
    if op_name(user) in ops.WEIGHTED and user.args[1] is constant:
        return "weights"
    return "activation" if _is_quantizable(user) and constant in ops.data_inputs(user) else "float"


class _Groups:
    """Union-find over the values of a graph that are stored as int8."""

    def __init__(self, graph: fx.Graph, found: Plan) -> None:
        self.parent: dict[fx.Node, fx.Node] = {}
        self.order = {node: index for index, node in enumerate(graph.nodes)}
        self.symmetric: set[fx.Node] = set()
        self.derived: set[fx.Node] = set()
        """Values that only repeat codes of other members of their group."""
        for node in found.quantized:
            self._visit(node, node in found.fused)

    def _visit(self, node: fx.Node, is_fused: bool) -> None:
        name, data = op_name(node), ops.data_inputs(node)
        stored = [value for value in data if op_name(value) not in ops.SPLITS]
        for value in stored:
            if op_name(value) in ops.WEIGHTED | ops.PRODUCTS | ops.BINARY and self._is_fused_into(value, node):
                continue
            self._add(value)
        if not is_fused and name not in ops.SPLITS:
            self._add(node)
        if name in ops.PRODUCTS:
            self.symmetric.add(data[-1])
        clamp_alone = name in ops.CLAMPS and not self._is_fused_into(node.args[0], node)
        if name in ops.SAME_CODES | ops.JOINS or clamp_alone:
            self._share(node, data)
        elif name == "getitem":
            self._share(node, data)

    def _is_fused_into(self, producer: fx.Node, clamp: fx.Node) -> bool:
        return op_name(clamp) in ops.CLAMPS and _takes_clamp(producer) and _is_quantizable(producer)

    def _share(self, node: fx.Node, data: list[fx.Node]) -> None:
        self.derived.add(node)
        for value in data:
            self._add(value)
            first, second = sorted((self._root(node), self._root(value)), key=partial(dict.__getitem__, self.order))
            self.parent[second] = first

    def _add(self, node: fx.Node) -> None:
        self.parent.setdefault(node, node)

    def _root(self, node: fx.Node) -> fx.Node:
        while self.parent[node] is not node:
            node = self.parent[node]
        return node

    def members(self) -> list[list[fx.Node]]:
        """Return the groups, each in graph order (PT2E wants the first of a sharing group to come first)."""
        groups: dict[fx.Node, list[fx.Node]] = {}
        for node in sorted(self.parent, key=partial(dict.__getitem__, self.order)):
            groups.setdefault(self._root(node), []).append(node)
        return list(groups.values())
