"""Rules beside Octo's, and what the host does for them between steps.

- `grid` trains integer weights with the gradient of their codes, which is off by the square of the scale; `qas`
  (quantisation-aware scaling, MCUNetV3) divides by that square again. Here the exponents of a gradient are part of its
  value, so that qas is the arithmetic of octo, bit for bit, and grid what it corrects.
- `direction` (Unified INT8) clips each gradient where the clipped one points most nearly in its direction, looked at
  every 100 steps, and slows a layer down by max(exp(-20 d), 0.1), d being the cosine distance that is left.
- `niti` has no learning rate: an update has 5, 4, then 3 bits, the sign included, of its own range; int8 weights with
  frozen exponents and no biases. Its loss gradient is Octo's (the published one takes powers of two).
- A sparse update table (MCUNetV3) says for each layer whether its bias and which share of its weights are trained;
  the backward pass ends in front of the first one.
"""

import math

import torch

from workloads.octo.arithmetic import BETA_BITS, NEAREST, requantize, shift_of
from workloads.octo.layers import Backward, forward
from workloads.octo.networks import Network
from workloads.octo.scales import LOSS, Quantiser, State, scalar
from workloads.octo.settings import NITI_BITS, Settings, Sparse
from workloads.octo.step import Rate, niti_rate, rate_of, weight_codes

DIRECTION_EVERY_STEPS = 100
BETAS = (256, 208, 176, 144, 112, 80, 56, 40)
"""Bounds that are tried, in 1/256 of the largest magnitude."""
_LEAST_RATE, _STEEPNESS = 0.1, 20.0


def step_rate(settings: Settings, learning_rate: float, batch: int, step: int, steps: int) -> Rate:
    """The learning rate of one step of a run."""
    if settings.rule == "niti":
        return niti_rate(NITI_BITS[min(2, 3 * step // max(1, steps))])
    return rate_of(learning_rate, batch)


def cosine_distance(acc: torch.Tensor, beta: int, bits: int) -> float:
    """1 - cos between int32 sums and their codes, clipped at beta/256 of the largest and rounded to nearest."""
    bound = (acc.abs().max().to(torch.int64) * beta) >> BETA_BITS
    bound = bound.to(torch.int32)
    most = (1 << (bits - 1)) - 1
    codes = requantize(acc, scalar(1), shift_of(bound, bits), bound, -most, most, NEAREST, scalar(0))
    a, b = acc.to(torch.float64).flatten(), codes.to(torch.float64).flatten()
    length = float(a.norm() * b.norm())
    return 1.0 - float(a @ b) / length if length else 0.0


class _Direction(Quantiser):
    """Chooses each gradient's bound on the way."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]
        self.distances: dict[str, float] = {}
        self.chosen: State = {}

    def gradient(
        self, name: str, acc: torch.Tensor, exponent: torch.Tensor, factor: tuple[int, int] = (1, 0)
    ) -> tuple[torch.Tensor, torch.Tensor]:
        bits = self.settings.gradient_bits
        tried = {beta: cosine_distance(acc, beta, bits) for beta in BETAS}
        best = min(tried, key=lambda beta: tried[beta])
        self.distances[name] = tried[best]
        self.state[f"{name}/beta"] = self.chosen[f"{name}/beta"] = scalar(best)
        return super().gradient(name, acc, exponent, factor)


def look_at_directions(
    network: Network, settings: Settings, state: State, x: torch.Tensor, labels: torch.Tensor, step: int
) -> State:
    """The state with new clipping bounds and rates of layers, from a forward and backward pass without an update."""
    quantiser = _Direction(network, settings, dict(state), scalar(step), True)
    saved = forward(network, state, weight_codes(network, settings, state), x, quantiser)
    Backward(network, saved, quantiser).run(labels)
    new = state | quantiser.chosen
    readers = {node.source: node.name for node in network.nodes}
    for conv in network.convs:
        distance = quantiser.distances.get(_gradient_name(conv.name, readers, quantiser), 0.0)
        factor = max(math.exp(-_STEEPNESS * distance), _LEAST_RATE)
        new[f"{conv.name}/rate"] = scalar(int(factor * (1 << 15) + 0.5))
    return new


def _gradient_name(layer: str, readers: dict[str, str], quantiser: _Direction) -> str:
    """The quantised tensor that is the gradient of a layer's output: of the next node that rounds one."""
    while layer in readers:
        if f"{layer}.sum" in quantiser.distances:
            return f"{layer}.sum"
        layer = readers[layer]
        if f"{layer}.input_gradient" in quantiser.distances:
            return f"{layer}.input_gradient"
    return LOSS


def parse_sparse(text: str) -> tuple[Sparse, ...]:
    """A table from text: `layer:ratio` or `layer:ratio:nobias`, separated by commas, e.g. `conv3:0.5,fc:1`."""
    rows = []
    for item in filter(None, text.split(",")):
        layer, _, rest = item.partition(":")
        ratio, _, bias = rest.partition(":")
        try:
            share = float(ratio)
        except ValueError as error:
            raise ValueError(f"sparse row {item!r}: want layer:ratio or layer:ratio:nobias") from error
        if bias not in ("", "nobias"):
            raise ValueError(f"sparse row {item!r}: want nobias or nothing after the ratio")
        rows.append(Sparse(layer, not bias, share))
    return tuple(rows)
