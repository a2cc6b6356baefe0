"""Single layers of a network as networks of their own, with the data that they really see or with random data."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from accel_models.golden import boundary
from accel_models.golden.machine import run_program
from accel_models.network import Network, Operator
from accel_models.system import System

_TARGET_CODES = 40  # standard deviation of a random layer's results: few of them are clamped
_CODE_DEVIATION = math.sqrt((256**2 - 1) / 12)  # of uniform int8


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """A network of one operator and its inputs, codes [1, ...] by name."""

    network: Network
    inputs: Mapping[str, np.ndarray]


def convolutions(network: Network) -> list[Operator]:
    """The convolutions and linear layers, in order."""
    return [operator for operator in network.operators if operator.kind == "conv2d"]


def real_layers(network: Network, system: System, inputs: Mapping[str, np.ndarray]) -> dict[str, Layer]:
    """Every convolution with its trained constants and the codes that golden computes from ``inputs`` [1, ...]."""
    from cosim.encode import compile_network

    wanted = convolutions(network)
    seen = {name for operator in wanted for name in _activations(network, operator)} - set(network.inputs)
    tensors = {name: replace(item, role="output") if name in seen else item for name, item in network.tensors.items()}
    open_network = replace(network, tensors=tensors, outputs=tuple(sorted(seen)))
    program = compile_network(open_network, system, "sram")
    codes = {name: np.asarray(array) for name, array in inputs.items()} | dict(run_program(program, inputs).codes)
    return {item.name: _layer(network, item, {}, codes) for item in wanted}


def random_layer(layer: Layer, rng: np.random.Generator) -> Layer:
    """The same layer with uniform int8 inputs and weights, no bias, and factors that keep most results unclamped."""
    network = layer.network
    (operator,) = network.operators
    weight, bias, multiplier, shift = operator.inputs[1:5]
    depth = math.prod(network.tensors[weight].shape[:3])
    deviation = math.sqrt(depth) * _CODE_DEVIATION**2
    channels = network.tensors[bias].shape
    right = round(math.log2(1.5 * 2**30 * deviation / _TARGET_CODES))
    constants = {
        weight: rng.integers(-128, 128, network.tensors[weight].shape, np.int8),
        bias: np.zeros(channels, np.int32),
        multiplier: rng.integers(1 << 30, 1 << 31, channels).astype(np.int32),
        shift: np.full(channels, right, np.int8),
    }
    shapes = {name: (1, *boundary.caller_shape(network.tensors[name])) for name in network.inputs}
    inputs = {name: rng.integers(-128, 128, shape, np.int8) for name, shape in shapes.items()}
    return _layer(network, operator, constants, inputs)


def _activations(network: Network, operator: Operator) -> list[str]:
    return [name for name in operator.inputs if network.tensors[name].role != "constant"]


def _layer(
    network: Network, operator: Operator, changed: Mapping[str, np.ndarray], codes: Mapping[str, np.ndarray]
) -> Layer:
    """The operator alone; ``changed`` constants instead of the network's, ``codes`` of all activations."""
    given = _activations(network, operator)
    names = (*operator.inputs, *operator.outputs)
    roles = dict.fromkeys(given, "input") | dict.fromkeys(operator.outputs, "output")
    tensors = {name: replace(network.tensors[name], role=roles.get(name, network.tensors[name].role)) for name in names}
    constants = {name: changed.get(name, network.constants[name]) for name in names if name in network.constants}
    alone = replace(
        network, name=operator.name, operators=(operator,), tensors=tensors, constants=constants, inputs=tuple(given),
        outputs=operator.outputs,
    )  # fmt: skip
    return Layer(network=alone, inputs={name: codes[name] for name in given})
