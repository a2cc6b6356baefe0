"""What training starts from: weights of He or of a trained module with its batch norm folded, and input codes."""

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import nn

from workloads.octo.arithmetic import scaled_codes
from workloads.octo.networks import Conv, Network
from workloads.octo.scales import State, gradients, scalar, weights_of
from workloads.octo.settings import Settings

_WEIGHTS, _COMPENSATION = 0, 1  # sub-streams of the seed
COMPENSATION_SCALE = 1e-3


def he(network: Network, seed: int) -> State:
    """`<layer>/weight` and `<layer>/bias`, float32: normal with variance 2 / inputs of an output; biases are 0."""
    rng = np.random.default_rng([seed, _WEIGHTS])
    found: State = {}
    for conv in network.convs:
        shape = (conv.channels_out, conv.channels_in // conv.groups, *conv.kernel)
        scale = math.sqrt((2.0 if conv.relu else 1.0) / math.prod(shape[1:]))
        found[f"{conv.name}/weight"] = torch.from_numpy(rng.normal(0.0, scale, shape).astype(np.float32))
        found[f"{conv.name}/bias"] = torch.zeros(conv.channels_out)
    return found


def exponent_of(most: float, codes: int = 127) -> int:
    """The smallest exponent at which `most` is at most `codes`."""
    if not math.isfinite(most) or most < 0:
        raise ValueError(f"largest magnitude is {most}, want a finite number")
    if most == 0:
        return 0
    exponent = math.ceil(math.log2(most / codes)) - 1
    while most > codes * 2.0**exponent:
        exponent += 1
    return exponent


def initial_state(
    network: Network, settings: Settings, parameters: Mapping[str, torch.Tensor], input_exponent: int, seed: int
) -> State:
    """Everything of a state but its scales (see `step.first_ranges`)."""
    unknown = {row.layer for row in settings.sparse} - {conv.name for conv in network.convs}
    if unknown:
        raise ValueError(f"the sparse table names {', '.join(sorted(unknown))}, which {network.name} does not have")
    state: State = {"input/exponent": scalar(input_exponent), "seed": scalar(seed)}
    rng = np.random.default_rng([seed, _COMPENSATION])
    shapes = network.shapes()
    for conv in network.convs:
        layer, weight = conv.name, parameters[f"{conv.name}/weight"]
        if not torch.isfinite(weight).all():
            raise ValueError(f"{layer}: the initial weights are not all finite")
        exponent = scalar(exponent_of(float(weight.abs().max())) + settings.headroom)
        state[f"{layer}/exponent"] = exponent
        state[f"{layer}/master"] = _master(settings, weight, exponent)
        if settings.weights != "int8":
            state[f"{layer}/weights"] = weights_of(settings, state[f"{layer}/master"], exponent)
        state[f"{layer}/bias"] = parameters[f"{layer}/bias"].clone()
        if settings.momentum:
            state[f"{layer}/velocity"] = torch.zeros_like(weight)
            state[f"{layer}/bias_velocity"] = torch.zeros(conv.channels_out)
        if settings.lac != "none":
            shape = shapes[layer] if settings.lac == "element" else (conv.channels_out, 1, 1)
            state[f"{layer}/alpha"] = torch.ones(shape)
            for part in ("mu", "offset"):
                values = COMPENSATION_SCALE * rng.standard_normal(shape)
                state[f"{layer}/{part}"] = torch.from_numpy(values.astype(np.float32))
        if settings.rule == "direction":
            state[f"{layer}/rate"] = scalar(1 << 15)
    if settings.rule == "direction":
        state |= {f"{name}/beta": scalar(256) for name in gradients(network)}
    return state


def _master(settings: Settings, weight: torch.Tensor, exponent: torch.Tensor) -> torch.Tensor:
    if settings.weights == "fp32":
        return weight.clone()
    codes = scaled_codes(weight, exponent - settings.master_fraction_bits, settings.master_most)
    return codes.to(torch.int16 if settings.master_fraction_bits else torch.int8)


def input_codes(inputs: torch.Tensor, exponent: int) -> torch.Tensor:
    """float32 inputs to int8, half up; ValueError for a NaN or an infinity, or an empty batch."""
    if not len(inputs):
        raise ValueError("a batch of 0 samples, want 1 or more")
    if not torch.isfinite(inputs).all():
        raise ValueError("inputs hold a NaN or an infinity")
    codes = torch.floor(inputs.to(torch.float64) * 2.0**-exponent + 0.5)
    return codes.clamp(-128, 127).to(torch.int8)


def folded(network: Network, module: nn.Module) -> State:
    """Weights and biases of a trained module whose layers are named and ordered like the network's convolutions."""
    layers = [m for m in module.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    norms = [m for m in module.modules() if isinstance(m, nn.BatchNorm2d)]
    if len(layers) != len(network.convs):
        raise ValueError(f"{type(module).__name__} has {len(layers)} layers, {network.name} has {len(network.convs)}")
    found: State = {}
    remaining = iter(norms)
    for conv, layer in zip(network.convs, layers, strict=True):
        found |= _folded_layer(conv, layer, next(remaining) if layer.bias is None else None)
    return found


def _folded_layer(conv: Conv, layer: nn.Module, norm: nn.BatchNorm2d | None) -> State:
    weight = layer.weight.detach()
    weight = weight.reshape(len(weight), -1, *conv.kernel)
    if weight.shape != (conv.channels_out, conv.channels_in // conv.groups, *conv.kernel):
        raise ValueError(f"{conv.name}: the module's weights are {tuple(weight.shape)}")
    if norm is None:
        return {f"{conv.name}/weight": weight.clone(), f"{conv.name}/bias": layer.bias.detach().clone()}
    scale = norm.weight.detach() / torch.sqrt(norm.running_var + norm.eps)
    bias = norm.bias.detach() - norm.running_mean * scale
    return {f"{conv.name}/weight": weight * scale[:, None, None, None], f"{conv.name}/bias": bias}


def trained(network: Network, weights: Path | None = None) -> State:
    """The committed weights of `workloads.resnet8` or `workloads.kws`, batch norm folded."""
    import workloads

    same = {"resnet8": "resnet8", "ds-cnn": "kws"}
    if network.name not in same:
        raise ValueError(f"no trained weights of {network.name}; want one of {', '.join(same)}")
    return folded(network, workloads.get(same[network.name]).build(weights))
