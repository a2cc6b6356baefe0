"""One training step as a function from tensors to tensors: no Python number depends on one, so that it can be traced.

    state, report = train_step(network, settings, state, x, labels, step, rate)

`x` is int8 (n, channels, rows, columns), `labels` int64 (n,), `step` int32. What is integer and what is not: forward,
backward and the update of integer masters are integer; biases, compensation and learned bounds (a few numbers per
channel) are float32 and are updated after that, in one place, which also turns them into the integers that the next
step adds and clips with.
"""

import math
from dataclasses import dataclass

import torch

from workloads.octo.arithmetic import MOST_SHIFT, rate
from workloads.octo.layers import Backward, LayerGradient, forward
from workloads.octo.networks import Conv, Network
from workloads.octo.ops import octo
from workloads.octo.scales import Codes, Plan, Quantiser, State, activations, scalar, weights_of
from workloads.octo.settings import Settings

CLIP_RATE = 1.0
"""Learning rate of a learned bound, relative to that of the weights."""


@dataclass(frozen=True, slots=True)
class Rate:
    """The learning rate over the batch of one step, as tensors: mantissa * 2**-shift for integers, `real` for floats.

    Under NITI's rule, which has no learning rate, the mantissa is the number of bits of an update.
    """

    mantissa: torch.Tensor
    shift: torch.Tensor
    real: torch.Tensor


def rate_of(learning_rate: float, batch: int) -> Rate:
    """A learning rate for the mean over `batch` samples."""
    if batch < 1:
        raise ValueError(f"batch is {batch}, want 1 or more")
    mantissa, shift = rate(learning_rate / batch)
    return Rate(scalar(mantissa), scalar(shift), torch.tensor(learning_rate / batch, dtype=torch.float32))


def niti_rate(bits: int) -> Rate:
    """Updates of `bits`, sign included; biases stay as they are."""
    return Rate(torch.tensor(bits, dtype=torch.int32), scalar(0), torch.zeros(()))


def weight_codes(network: Network, settings: Settings, state: State) -> dict[str, Codes]:
    """The int8 weights of every layer, with their exponents."""
    part = "master" if settings.weights == "int8" else "weights"
    return {conv.name: (state[f"{conv.name}/{part}"], state[f"{conv.name}/exponent"]) for conv in network.convs}


def _updated_master(
    conv: Conv, settings: Settings, state: State, gradient: LayerGradient, rate: Rate, key: torch.Tensor
) -> tuple[State, torch.Tensor]:
    """The new master (velocity, int8 weights), and int32 [zero updates, nonzero gradients]."""
    name = f"{conv.name}/master"
    master, acc = state[name], gradient.weights
    if acc is None:
        return {}, torch.zeros(2, dtype=torch.int32)
    w_exponent, exponent = state[f"{conv.name}/exponent"], gradient.weights_exponent
    if settings.rule == "grid":
        exponent = exponent + 2 * w_exponent
    axis = 0 if conv.groups > 1 else 1
    count, whole = acc.shape[axis], acc.shape == master.shape
    part = master if whole else master.narrow(axis, 0, count)
    untrained = master.shape[axis] - count
    new: State = {}
    counts: torch.Tensor | None = None
    factor = state.get(f"{conv.name}/rate")
    if settings.weights == "fp32":
        change = octo.real(acc, exponent)
        if settings.momentum:
            old = state[f"{conv.name}/velocity"]
            change = settings.momentum * (old if whole else old.narrow(axis, 0, count)) + change
            new[f"{conv.name}/velocity"] = (
                change if whole else torch.cat([change, old.narrow(axis, count, untrained)], axis)
            )
        part = part - (rate.real if factor is None else rate.real * factor.to(torch.float32) / 2**15) * change
    else:
        mantissa, shift = rate.mantissa, rate.shift - exponent + w_exponent - settings.master_fraction_bits
        if factor is not None:
            mantissa = ((mantissa.to(torch.int64) * factor) >> 15).to(torch.int32)
        if settings.rule == "niti":
            bits = octo.shift_of(octo.largest(acc, False), 1)
            mantissa, shift = scalar(1), bits - (rate.mantissa - 1)
        part, counts = octo.update(
            part,
            acc,
            mantissa,
            shift.clamp(0, MOST_SHIFT),
            settings.master_most,
            settings.rounding_of_updates,
            key,
            settings.random_bits,
        )
    new[name] = part if whole else torch.cat([part, master.narrow(axis, count, untrained)], axis)
    if settings.weights != "int8":
        new[f"{conv.name}/weights"] = weights_of(settings, new[name], w_exponent)
    return new, torch.zeros(2, dtype=torch.int32) if counts is None else counts


def _updated_bias(
    conv: Conv, settings: Settings, state: State, gradient: LayerGradient, rate: Rate, batch: int
) -> State:
    """The new bias and compensation, float32."""
    if gradient.bias is None:
        return {}
    layer, new = conv.name, {}
    per_channel = octo.real(gradient.bias, gradient.bias_exponent).flatten()
    change = per_channel
    if settings.rule == "grid":  # the bias counts in units of weights times inputs
        unit = gradient.weights_exponent - gradient.bias_exponent + state[f"{layer}/exponent"]
        change = change * torch.exp2(2.0 * unit.to(torch.float32))
    if settings.momentum:
        change = settings.momentum * state[f"{layer}/bias_velocity"] + change
        new[f"{layer}/bias_velocity"] = change
    new[f"{layer}/bias"] = state[f"{layer}/bias"] - rate.real * change
    if settings.lac != "none":
        each = gradient.bias if gradient.map is None else gradient.map
        g = octo.real(each, gradient.bias_exponent)
        alpha, mu, offset = (state[f"{layer}/{part}"] for part in ("alpha", "mu", "offset"))
        decay = settings.lac_decay * batch
        new[f"{layer}/alpha"] = alpha - rate.real * (g * mu)
        new[f"{layer}/mu"] = mu - rate.real * (alpha * g + decay * mu)
        new[f"{layer}/offset"] = offset - rate.real * (g + decay * offset)
    return new


def _updated_clips(state: State, backward: Backward, numel: dict[str, int], rate: Rate) -> State:
    """The new learned bounds: by the gradient of what they cut off, over sqrt(127 * elements), and above 0."""
    new: State = {}
    for name, (acc, exponent) in backward.clips.items():
        change = octo.real(acc, exponent) / math.sqrt(127 * numel[name])
        new[f"{name}/clip"] = (state[f"{name}/clip"] - CLIP_RATE * rate.real * change).clamp(min=2.0**-20)
    return new


def train_step(
    network: Network,
    settings: Settings,
    state: State,
    x: torch.Tensor,
    labels: torch.Tensor,
    step: torch.Tensor,
    rate: Rate,
) -> tuple[State, State]:
    """The state after one step, and a report: `loss` (float32) and `updates`, int32 (layers, 2).

    Of each layer the report counts the gradients that were not 0 (second) and those of them whose update was (first).
    """
    quantiser = Quantiser(network, settings, state, step, settings.scales == "current")
    saved = forward(network, state, weight_codes(network, settings, state), x, quantiser)
    backward = Backward(network, saved, quantiser)
    backward.run(labels)
    new, counts = dict(state), []
    for conv in network.convs:
        gradient = backward.found.get(conv.name)
        if gradient is None:
            counts.append(torch.zeros(2, dtype=torch.int32))
            continue
        changed, count = _updated_master(conv, settings, state, gradient, rate, quantiser.key_of_layer(conv.name))
        counts.append(count)
        new |= changed
        new |= _updated_bias(conv, settings, state, gradient, rate, len(x))
    sizes = {name: saved.codes[name.removesuffix(".output")][0].numel() for name in activations(network)}
    new |= _updated_clips(state, backward, sizes, rate)
    if settings.scales == "delayed":
        new |= Plan(network, settings, new, quantiser.seen).run()
    logits, exponent = saved.codes[network.nodes[-1].name]
    return new, {"loss": octo.loss(logits, exponent, labels), "updates": torch.stack(counts)}


def first_ranges(network: Network, settings: Settings, state: State, x: torch.Tensor, labels: torch.Tensor) -> State:
    """The state with the scales that a first batch gives: forward and backward without an update."""
    quantiser = Quantiser(network, settings, state, scalar(0), True)
    saved = forward(network, state, weight_codes(network, settings, state), x, quantiser)
    Backward(network, saved, quantiser).run(labels)
    new = dict(state)
    if settings.prc == "learned":
        for name in activations(network):
            bound, exponent = quantiser.seen[name]
            new[f"{name}/clip"] = octo.real(bound.clamp(min=1), exponent)
    if settings.scales == "delayed":
        new |= Plan(network, settings, new, quantiser.seen).run()
    return new


def infer(network: Network, settings: Settings, state: State, x: torch.Tensor) -> Codes:
    """Logits as int8 codes (n, classes) and their exponent, with the scales of the state."""
    quantiser = Quantiser(network, settings, state, scalar(0), settings.scales == "current")
    saved = forward(network, state, weight_codes(network, settings, state), x, quantiser)
    codes, exponent = saved.codes[network.nodes[-1].name]
    return codes.flatten(1), exponent
