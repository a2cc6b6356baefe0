"""The reference: the same networks in float32, by autograd and SGD; the forward pass can have fewer bits."""

from dataclasses import dataclass

import torch
from torch.func import functional_call
from torch.nn import functional

from workloads.octo.networks import INPUT, Average, Conv, MaxPool, Network
from workloads.octo.scales import State
from workloads.octo.step import Rate

FULL_BITS = 32


@dataclass(frozen=True, slots=True)
class Reference:
    """How the reference trains."""

    lac: str = "none"
    """none or channel."""
    forward_bits: int = FULL_BITS
    """Of weights and activations in the forward pass (2 to 8), or 32; the gradient passes the rounding unchanged."""
    momentum: float = 0.0
    lac_decay: float = 0.1
    bias_factor: float = 1.0
    """Learning rate of the biases, relative to that of the weights."""

    def __post_init__(self) -> None:
        if self.lac not in ("none", "channel"):
            raise ValueError(f"lac is {self.lac!r}, want none or channel for the float32 reference")
        if self.forward_bits != FULL_BITS and not 2 <= self.forward_bits <= 8:
            raise ValueError(f"forward_bits is {self.forward_bits}, want 2..8 or {FULL_BITS}")


def rounded(x: torch.Tensor, bits: int) -> torch.Tensor:
    """x on a symmetric grid of `bits` up to its largest magnitude, half up, with the gradient of x itself."""
    if bits == FULL_BITS:
        return x
    scale = x.detach().abs().max().clamp(min=2.0**-40) / ((1 << (bits - 1)) - 1)
    return x + (torch.floor(x / scale + 0.5) * scale - x).detach()


class Module(torch.nn.Module):
    """A network in float32; `forward` takes inputs and gives logits (n, classes)."""

    def __init__(self, network: Network, forward_bits: int = FULL_BITS) -> None:
        super().__init__()
        self.network, self.bits = network, forward_bits
        self.layers = torch.nn.ModuleDict(
            {
                conv.name.replace(".", "_"): torch.nn.Conv2d(
                    conv.channels_in, conv.channels_out, conv.kernel, conv.stride, conv.padding, groups=conv.groups
                )
                for conv in network.convs
            }
        )

    def forward(self, x: torch.Tensor, offsets: dict[str, torch.Tensor] | None = None) -> torch.Tensor:
        found = {INPUT: x}
        for node in self.network.nodes:
            value = found[node.source]
            if isinstance(node, Conv):
                layer = self.layers[node.name.replace(".", "_")]
                weight = rounded(layer.weight, self.bits)
                value = layer._conv_forward(rounded(value, self.bits), weight, layer.bias)
                if offsets:
                    value = value + offsets[node.name]
                value = functional.relu(value) if node.relu else value
            elif isinstance(node, MaxPool):
                value = functional.max_pool2d(value, node.size)
            elif isinstance(node, Average):
                value = value.mean(dim=(2, 3), keepdim=True)
            else:
                value = functional.relu(value + found[node.second])
            found[node.name] = value
        return found[self.network.nodes[-1].name].flatten(1)


def initial_state(network: Network, reference: Reference, parameters: State, seed: int) -> State:
    """Weights, biases and compensation, the same tensors as integer training starts from."""
    generator = torch.Generator().manual_seed(seed)
    state = {name: value.clone() for name, value in parameters.items()}
    if reference.lac == "channel":
        for conv in network.convs:
            shape = (conv.channels_out, 1, 1)
            state[f"{conv.name}/alpha"] = torch.ones(shape)
            for part in ("mu", "offset"):
                state[f"{conv.name}/{part}"] = 1e-3 * torch.randn(shape, generator=generator)
    if reference.momentum:
        state |= {f"{name}/velocity": torch.zeros_like(value) for name, value in state.items()}
    return state


def logits_of(network: Network, reference: Reference, state: State, x: torch.Tensor) -> torch.Tensor:
    """The logits of a state, (n, classes)."""
    module = Module(network, reference.forward_bits)
    names = {
        f"layers.{c.name.replace('.', '_')}.{part}": f"{c.name}/{part}"
        for c in network.convs
        for part in ("weight", "bias")
    }
    offsets = None
    if reference.lac == "channel":
        offsets = {
            c.name: state[f"{c.name}/alpha"] * state[f"{c.name}/mu"] + state[f"{c.name}/offset"] for c in network.convs
        }
    found: torch.Tensor = functional_call(module, {k: state[v] for k, v in names.items()}, (x, offsets))
    return found


def train_step(
    network: Network, reference: Reference, state: State, x: torch.Tensor, labels: torch.Tensor, rate: Rate
) -> tuple[State, State]:
    """The state after a step of SGD, and a report with the `loss`."""
    names = [name for name in state if not name.endswith("/velocity")]
    with torch.enable_grad():
        leaves = {name: state[name].detach().requires_grad_() for name in names}
        loss = functional.cross_entropy(logits_of(network, reference, leaves, x), labels)
        gradients = torch.autograd.grad(loss, [leaves[name] for name in names])
    learning_rate, new = rate.real * len(x), dict(state)
    for name, gradient in zip(names, gradients, strict=True):
        if name.endswith(("/mu", "/offset")):
            gradient = gradient + reference.lac_decay * state[name]
        if reference.momentum:
            gradient = reference.momentum * state[f"{name}/velocity"] + gradient
            new[f"{name}/velocity"] = gradient
        factor = reference.bias_factor if name.endswith("/bias") else 1.0
        new[name] = state[name] - factor * learning_rate * gradient
    return new, {"loss": loss.detach()}
