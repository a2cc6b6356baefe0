"""A patch-skip network of ``workloads.patchskip`` as a Network: every layer computed whole, in the same integers.

Nothing is traced or quantized here: the operators carry the codes and factors that ``integer`` computes with. A stream
keeps every map, so that a residual sum is an operator of its own, and a tensor has the name of the layer that makes it;
``metadata["stream"]`` says how the stream may skip (``cosim.stream.rules.Rules``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from accel_models.network import Attributes, Network, Operator, Tensor
from cosim.stream.rules import Rules
from workloads.patchskip import integer
from workloads.patchskip.comparator import Gate
from workloads.patchskip.plan import check_memory, compared_maps
from workloads.patchskip.settings import Settings

from . import patchskip_layers as layers
from .fuse import fuse_residuals
from .values import Draft, Step

IMAGE = (0, 2, 3, 1)  # stored axes of (n, channels, rows, columns)


def lower_stream(
    network: integer.Network, settings: Settings, name: str = "patchskip", gates: Mapping[str, Gate] | None = None
) -> Network:
    """The Network of a frame, int8 [1, rows, columns, channels]; its tensors have the names of the graph's layers.

    Its maps equal ``integer.dense`` in every bit. Frames given as real numbers are rounded half to even, by ``integer``
    half up: frames whose values are codes, as pixels are, agree. Raises ValueError for a policy other than hybrid, for
    gates and for a stream that keeps more than its settings allow; LoweringError, one too, naming the layer whose
    arithmetic the accelerator lacks.
    """
    stream = rules_of(network, settings, gates)
    check_memory(network, settings)
    found = _lowered(network, name)
    return replace(found, metadata={**found.metadata, "stream": stream.to_json()})


def lower_dense(network: integer.Network, name: str = "patchskip-dense") -> Network:
    """The same for a machine that forgets a frame when the next one comes: whatever maps are left have these values.

    Residual sums are part of a convolution, as in every other network, so that nothing is slower than it need be: it is
    what a stream has to beat.
    """
    return _with_fused_sums(_lowered(network, name))


def _with_fused_sums(network: Network) -> Network:
    draft = Draft(
        steps=[
            Step(item.attributes, list(item.inputs), list(item.outputs), label=item.name) for item in network.operators
        ],
        tensors=dict(network.tensors),
        outputs=list(network.outputs),
    )
    fuse_residuals(draft)
    known = {item.name: item for item in network.operators}
    operators = tuple(
        replace(known[step.label], inputs=tuple(step.inputs), outputs=(step.output,), attributes=step.attributes)
        for step in draft.steps
    )
    used = {*network.inputs, *(name for item in operators for name in (*item.inputs, *item.outputs))}
    tensors = {name: tensor for name, tensor in draft.tensors.items() if name in used}
    return replace(network, operators=operators, tensors=tensors)


def _lowered(network: integer.Network, name: str) -> Network:
    made = _Lowered()
    source = network.input
    made.tensors[source.layer.name] = _tensor(source, "input")
    for operator in network.operators[1:]:
        made.add(operator, "output" if operator is network.operators[-1] else "activation")
    return Network(
        name=name,
        operators=tuple(made.operators),
        tensors=made.tensors,
        constants=made.constants,
        inputs=(source.layer.name,),
        outputs=(network.operators[-1].layer.name,),
        parameters=made.parameters,
        metadata={"multiplier_bits": integer.MULTIPLIER_BITS, "rounding": "half_up"},
    )


def rules_of(network: integer.Network, settings: Settings, gates: Mapping[str, Gate] | None = None) -> Rules:
    """How a stream of the network skips on the accelerator. Raises ValueError where it cannot do so."""
    if settings.policy != "hybrid":
        raise ValueError(f"policy is {settings.policy!r}; the accelerator skips by policy 'hybrid' only")
    if gates:
        raise ValueError(f"{', '.join(gates)}: a learned gate; the accelerator skips by thresholds only")
    compared = compared_maps(network.graph.layers, settings)
    return Rules(
        patch=settings.patch,
        theta={name: settings.theta_of(name) for name in compared},
        refresh=settings.refresh,
        dense_above=settings.dense_above,
    )


class _Lowered:
    """What is made so far."""

    def __init__(self) -> None:
        self.tensors: dict[str, Tensor] = {}
        self.constants: dict[str, np.ndarray] = {}
        self.operators: list[Operator] = []
        self.parameters = 0

    def add(self, operator: integer.Operator, role: str) -> None:
        layer = operator.layer
        attributes: Attributes
        constants: dict[str, np.ndarray] = {}
        if layer.kind == "conv":
            attributes, constants = layers.convolution(operator)
            assert layer.weight is not None and layer.bias is not None  # of a convolution
            self.parameters += layer.weight.numel() + layer.bias.numel()
        else:
            attributes = layers.MAKERS[layer.kind](operator)
        for label, data in constants.items():
            name = f"{layer.name}.{label}"
            self.constants[name] = data
            self.tensors[name] = Tensor(name=name, shape=data.shape, dtype=str(data.dtype), role="constant")
        self.tensors[layer.name] = _tensor(operator, role)
        self.operators.append(
            Operator(
                name=layer.name,
                inputs=(*layer.inputs, *(f"{layer.name}.{label}" for label in constants)),
                outputs=(layer.name,),
                attributes=attributes,
                macs=layer.macs_per_pixel * layer.shape[1] * layer.shape[2],
            )
        )


def _tensor(operator: integer.Operator, role: str) -> Tensor:
    channels, rows, columns = operator.layer.shape
    codes = operator.codes
    return Tensor(
        name=operator.layer.name,
        shape=(1, rows, columns, channels),
        dtype="int8",
        role=role,
        scale=codes.step,
        zero_point=codes.zero,
        permutation=None if role == "activation" else IMAGE,
    )
