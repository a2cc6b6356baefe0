"""PASS's own gate (AAAI 2023), for comparison: a ConvMixer on the current and the previous map; one logit per patch.

As its authors publish it: patch embedding to 256 channels, 4 blocks, mean, 256-4096-patches; logits are normalised to
0..1 over the whole tensor, and below 0.5 a patch is recomputed. So some patch always is, however still the scene.
"""

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from workloads.patchskip.grid import Grid

WIDTH, DEPTH, KERNEL, HIDDEN = 256, 4, 9, 4096
MARGIN = 200.0
TEMPERATURE = 2.0 / 3.0


class _Mixer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.deep = nn.Sequential(
            nn.Conv2d(WIDTH, WIDTH, KERNEL, padding=KERNEL // 2, groups=WIDTH), nn.GELU(), nn.BatchNorm2d(WIDTH)
        )
        self.point = nn.Sequential(nn.Conv2d(WIDTH, WIDTH, 1), nn.GELU(), nn.BatchNorm2d(WIDTH))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        mixed: torch.Tensor = self.point(x + self.deep(x))
        return mixed


class PassGate(nn.Module):
    """Two maps (n, c, rows, columns) -> logits (n, down, across): high means skip."""

    def __init__(self, channels: int, grid: Grid) -> None:
        super().__init__()
        self.grid = grid
        down, across = grid.shape
        self.embed = nn.Sequential(
            nn.Conv2d(2 * channels, WIDTH, grid.edge, grid.edge), nn.GELU(), nn.BatchNorm2d(WIDTH)
        )
        self.mix = nn.Sequential(*(_Mixer() for _ in range(DEPTH)))
        self.head = nn.Sequential(nn.Linear(WIDTH, HIDDEN), nn.Linear(HIDDEN, down * across))

    def forward(self, now: torch.Tensor, before: torch.Tensor) -> torch.Tensor:
        (down, across), (high, wide) = self.grid.shape, self.grid.edge
        x = torch.cat([now, before], dim=1)
        x = functional.pad(x, (0, across * wide - self.grid.columns, 0, down * high - self.grid.rows))
        logits: torch.Tensor = self.head(self.mix(self.embed(x)).mean((2, 3))).unflatten(1, (down, across))
        return logits


def normalised(logits: torch.Tensor) -> torch.Tensor:
    """0..1 over the whole tensor; all 0 where every logit is the same."""
    low, high = logits.min(), logits.max()
    return (logits - low) / (high - low).clamp(min=1e-12)


def sampled_skips(logits: torch.Tensor) -> torch.Tensor:
    """A Bernoulli sample after one Gumbel, 0 or 1, with the gradient of its probability."""
    gumbel = -torch.log(-torch.log(torch.rand_like(logits).clamp(1e-9, 1 - 1e-7)))
    chance = normalised((logits + gumbel) / TEMPERATURE)
    return torch.bernoulli(chance.detach()) + chance - chance.detach()


def triplet(anchor: torch.Tensor, positive: torch.Tensor, negative: torch.Tensor) -> torch.Tensor:
    """max(0, |a - p|^2 - |a - n|^2 + 200), mean over samples."""
    near, far = ((anchor - other).flatten(1).square().sum(1) for other in (positive, negative))
    return (near - far + MARGIN).clamp(min=0).mean()


def pass_macs(channels: int, grid: Grid) -> int:
    """Multiply-accumulates of one decision on a whole map."""
    down, across = grid.shape
    patches = down * across
    embedding = 2 * channels * grid.edge[0] * grid.edge[1] * WIDTH
    return patches * (embedding + DEPTH * (WIDTH * KERNEL**2 + WIDTH * WIDTH)) + HIDDEN * (WIDTH + patches)


@dataclass(frozen=True, slots=True)
class FloatPassGate:
    """The gate in a stream, in float32 (it is here to be measured, not to be built)."""

    module: PassGate

    def decide(self, image: torch.Tensor, reference: torch.Tensor, grid: Grid, zero: int) -> torch.Tensor:
        """bool (down, across)."""
        del grid
        now, before = ((codes.to(torch.float32)[None] - zero) / 128.0 for codes in (image, reference))
        with torch.inference_mode():
            return normalised(self.module.eval()(now, before))[0] < 0.5

    def macs(self, patches: int, grid: Grid, channels: int) -> int:
        """It looks at the whole map, whatever the number of patches in question."""
        return pass_macs(channels, grid) if patches else 0
