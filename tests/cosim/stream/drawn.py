"""Small video networks, chips and clips: drawn by hypothesis, or said in words by a test."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import torch
from hypothesis import strategies as st
from torch import nn

from accel_models.system import System, parse_system
from tests.cosim.networks import system
from workloads import patchskip
from workloads.patchskip import Settings, integer
from workloads.patchskip.clips import to_inputs
from workloads.patchskip.plan import compared_maps

KINDS = ("conv", "depthwise", "identity", "shortcut", "braid")
LOCAL = ("faint", "point", "box", "none", "edge")
CHANGES = (*LOCAL, "noise", "global")


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """``kind``: a convolution, or a join of two paths: with the block's input, with a 1x1 convolution of it, or twice.

    ``swapped``: the add's operands in the other order.
    """

    kind: str
    channels: int
    kernel: int = 3
    stride: int = 1
    swapped: bool = False


class Drawn(nn.Module):
    """Blocks one behind the other, and a classifier behind the mean of the last map where ``head``."""

    def __init__(self, blocks: Sequence[Block], head: bool) -> None:
        super().__init__()
        self.blocks, channels, made = blocks, 3, []
        for block in blocks:
            made.append(_Block(block, channels))
            channels = block.channels if block.kind in ("conv", "shortcut") else channels
        self.made = nn.Sequential(*made)
        self.last = nn.Linear(channels, 5) if head else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.made(x)
        return x if self.last is None else self.last(x.mean((2, 3)))


class _Block(nn.Module):
    def __init__(self, block: Block, channels: int) -> None:
        super().__init__()
        self.block = block
        kind, kernel, stride = block.kind, block.kernel, block.stride
        wide = block.channels if kind in ("conv", "shortcut") else channels
        groups = channels if kind == "depthwise" else 1
        stride = stride if kind in ("conv", "depthwise", "shortcut") else 1
        self.first = nn.Conv2d(channels, wide, kernel, stride, padding=kernel // 2, groups=groups)
        self.second = nn.Conv2d(wide, wide, 3, padding=1)
        self.side = nn.Conv2d(channels, wide, 1, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        kind = self.block.kind
        y = torch.relu(self.first(x))
        if kind in ("conv", "depthwise"):
            return y
        if kind == "braid":  # the first sum is one of maps that are both read by convolutions
            return torch.relu(self._sum(self.second(y), self._sum(y, x)))
        other = x if kind == "identity" else self.side(x)
        return torch.relu(self._sum(self.second(y), other))

    def _sum(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return b + a if self.block.swapped else a + b


def quantized(blocks: Sequence[Block], rows: int, columns: int, *, head: bool = True, seed: int = 0) -> integer.Network:
    """Random weights; ranges from random frames."""
    torch.manual_seed(seed)
    found = np.random.default_rng(seed).integers(0, 256, (2, 3, rows, columns)).astype(np.uint8)
    return patchskip.quantized(Drawn(blocks, head).eval(), to_inputs(found))


RESIDUAL = 36, 52


@cache
def residual() -> integer.Network:
    """Every kind of layer and join, on RESIDUAL rows and columns that patches of 8 pixels do not divide."""
    made = [
        Block(kind="conv", channels=16, stride=2),
        Block(kind="identity", channels=16),
        Block(kind="braid", channels=16, swapped=True),
        Block(kind="shortcut", channels=32, stride=2, swapped=True),
        Block(kind="depthwise", channels=32),
    ]
    return quantized(made, *RESIDUAL, seed=4)


def clip(changes: Sequence[str], rows: int, columns: int, seed: int = 0) -> np.ndarray:
    """uint8 [1 + changes, 3, rows, columns]: a random frame, and each next one changed in one of the ways CHANGES."""
    rng = np.random.default_rng(seed)
    frames = [rng.integers(0, 256, (3, rows, columns)).astype(np.uint8)]
    for change in changes:
        frames.append(_changed(frames[-1].copy(), change, rng))
    return np.stack(frames)


def inputs(frames: np.ndarray) -> torch.Tensor:
    """uint8 [n, 3, rows, columns] -> float32, as networks take them."""
    return to_inputs(frames)


def _changed(frame: np.ndarray, change: str, rng: np.random.Generator) -> np.ndarray:
    _, rows, columns = frame.shape
    y, x = int(rng.integers(rows)), int(rng.integers(columns))
    if change == "point":  # of one channel of one pixel
        frame[rng.integers(3), y, x] ^= 0x80
    elif change in ("box", "faint"):
        part = frame[:, y : y + int(rng.integers(1, 9)), x : x + int(rng.integers(1, 9))]
        part[...] = rng.integers(0, 256, part.shape) if change == "box" else part ^ rng.integers(0, 32, part.shape)
    elif change == "noise":  # of one code: within most thresholds
        frame[...] = np.clip(frame + rng.integers(-1, 2, frame.shape), 0, 255)
    elif change == "edge":  # the last row and column, in patches that may be smaller than others
        frame[:, -1, -3:] ^= 0xFF
        frame[:, -2:, -1] ^= 0xFF
    elif change == "global":
        frame = rng.integers(0, 256, frame.shape).astype(np.uint8)
    else:
        assert change == "none"
    return frame


def chip(
    rows: int, columns: int, bus_bytes: int = 8, pad_bytes: int = 65536, sram_bytes: int = 1 << 20, entries: int = 512
) -> System:
    """A plain system with little of everything."""
    found = system(rows, columns, pad_bytes, sram_bytes, accumulators={"entries": entries})
    return parse_system(found.model_dump() | {"bus": {"bytes_per_cycle": bus_bytes}})


CHIPS = {
    "4x4": chip(4, 4, 4, entries=4096),
    "4x4, short": chip(4, 4, 8, 32768, entries=2048),
    "16x16": chip(16, 16, 8, 131072, entries=1024),
    "16x16, short": chip(16, 16, 16, 32768, entries=512),
    "3x5": chip(3, 5, 4, 32768, entries=4096),
}


@st.composite
def blocks(draw: st.DrawFn, patch: int, bus_bytes: int) -> tuple[Block, ...]:
    """As many strides as leave the patch whole, and channels that make patches whole beats of the bus."""
    strides = {4: 2, 8: 3, 12: 2, 16: 3}[patch]
    found: list[Block] = []
    edge = patch
    for place in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from(KINDS if place else ("conv",)))
        stride = draw(st.integers(1, 2)) if strides and kind in ("conv", "depthwise", "shortcut") else 1
        strides -= stride - 1
        edge //= stride
        least = max(1, bus_bytes // 4) * 4 if edge == 1 else max(4, bus_bytes // (edge & -edge))
        channels = least * draw(st.integers(1, max(1, 16 // least)))
        if found and kind not in ("conv", "shortcut"):
            channels = found[-1].channels
            if channels * edge % bus_bytes:
                kind, channels = "conv", least
        found.append(
            Block(
                kind=kind,
                channels=channels,
                kernel=draw(st.sampled_from((1, 3, 3, 5))) if kind in ("conv", "depthwise") else 3,
                stride=stride,
                swapped=draw(st.booleans()),
            )
        )
    return tuple(found)


@st.composite
def changes(draw: st.DrawFn) -> list[str]:
    """Of a clip: local ones first, that a frame in the beginning is not already the last to be looked at."""
    first = draw(st.lists(st.sampled_from(LOCAL), min_size=3, max_size=4))
    return first + draw(st.lists(st.sampled_from(CHANGES), min_size=1, max_size=3))


@st.composite
def settings_of(draw: st.DrawFn, network: integer.Network, patch: int) -> Settings:
    """Any that a stream on the accelerator may have."""
    plain = Settings(
        patch=patch,
        theta=draw(st.integers(0, 20)),
        compare=draw(st.sampled_from(("every", "every", "every", "input"))),
        refresh=draw(st.sampled_from((0, 0, 0, 1, 2, 3))),
        dense_above=draw(st.sampled_from((1.5, 1.2, 0.9, 0.9, 0.5, 0.2))),
    )
    if draw(st.integers(0, 2)) == 0:
        return plain
    names = compared_maps(network.graph.layers, plain)
    return replace(plain, theta={name: draw(st.integers(0, 20)) for name in names})
