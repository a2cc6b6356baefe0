"""The learned gate that a microcontroller can afford: three features of a patch, 3-8-1, 32 multiply-accumulates.

The features come from the comparator: the largest difference, the mean difference in sixteenths of a code, and the mean
distance from zero, all codes of a patch. Training is in float32, decisions are in integers.
"""

from dataclasses import dataclass

import torch
from torch import nn

from workloads.patchskip.comparator import difference
from workloads.patchskip.grid import Grid

HIDDEN = 8
FRACTION = 16  # parts of a code in the mean difference
SCALE = 8.0  # a feature of 8 codes is 1 in training
SHIFT = 4  # of hidden sums: 127 * 32 becomes 8 bits
_MOST = 255


def features(image: torch.Tensor, reference: torch.Tensor, grid: Grid, zero: int) -> torch.Tensor:
    """int64 (down, across, 3), 0..255 each, of int8 maps (c, rows, columns); quotients are rounded down."""
    distance = difference(image, reference)
    elements = grid.areas() * len(image)
    mean = (FRACTION * grid.sums(distance)) // elements
    level = grid.sums((image.to(torch.int16) - zero).abs()) // elements
    return torch.stack([grid.largest(distance).to(torch.int64), mean, level], dim=-1).clamp(max=_MOST)


class LearnedGate(nn.Module):
    """Features (..., 3) -> logit (...): above 0, recompute."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden, self.last = nn.Linear(3, HIDDEN), nn.Linear(HIDDEN, 1)
        with torch.no_grad():  # at the start a threshold on the largest difference: 4 codes, more or less
            for layer in (self.hidden, self.last):
                layer.weight.mul_(0.2)
            self.hidden.weight[: HIDDEN // 2, 0] += 1.0
            self.hidden.bias.zero_()
            self.last.weight[0, : HIDDEN // 2] += 2.0 / (HIDDEN // 2)
            self.last.bias.fill_(-1.0)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logit: torch.Tensor = self.last(torch.relu(self.hidden(x / SCALE)))[..., 0]
        return logit


@dataclass(frozen=True, slots=True)
class IntegerGate:
    """h = clamp((W x + b) >> shift, 0, 255); recompute when v h + c > 0. W and v are int8, b and c int32."""

    hidden: tuple[tuple[int, ...], ...]
    bias: tuple[int, ...]
    shift: int
    last: tuple[int, ...]
    last_bias: int

    def logits(self, x: torch.Tensor) -> torch.Tensor:
        """int64 (...) of features int64 (..., 3)."""
        total = x @ torch.tensor(self.hidden).T + torch.tensor(self.bias)
        return (total >> self.shift).clamp(0, _MOST) @ torch.tensor(self.last) + self.last_bias

    def decide(self, image: torch.Tensor, reference: torch.Tensor, grid: Grid, zero: int) -> torch.Tensor:
        """bool (down, across)."""
        return self.logits(features(image, reference, grid, zero)) > 0

    def macs(self, patches: int, grid: Grid, channels: int) -> int:
        """32 for each patch."""
        del grid, channels
        return patches * (3 * HIDDEN + HIDDEN)


def to_integers(gate: LearnedGate) -> IntegerGate:
    """The gate with int8 weights. Hidden values saturate where a feature passes some 32 codes: all is decided there."""
    with torch.no_grad():
        weight, bias = gate.hidden.weight / SCALE, gate.hidden.bias
        scale = 127.0 / max(float(weight.abs().max()), 1e-9)
        codes = torch.floor(weight * scale + 0.5).to(torch.int64)
        biases = torch.floor(bias * scale + 0.5).to(torch.int64)
        last = gate.last.weight[0]
        last_scale = 127.0 / max(float(last.abs().max()), 1e-9)
        lasts = torch.floor(last * last_scale + 0.5).to(torch.int64)
        last_bias = int(torch.floor(gate.last.bias[0] * last_scale * scale / 2.0**SHIFT + 0.5))
    return IntegerGate(
        tuple(map(tuple, codes.tolist())), tuple(biases.tolist()), SHIFT, tuple(lasts.tolist()), last_bias
    )
