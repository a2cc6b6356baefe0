"""Which patches of a map have changed, against a reference that the policy keeps."""

from dataclasses import dataclass
from typing import Protocol

import torch

from workloads.patchskip.grid import Grid
from workloads.patchskip.settings import Policy


class Gate(Protocol):
    """A learned decision in place of a threshold."""

    def decide(self, image: torch.Tensor, reference: torch.Tensor, grid: Grid, zero: int) -> torch.Tensor:
        """bool (down, across): patches to recompute; int8 maps (c, rows, columns) and the code that stands for 0."""
        ...

    def macs(self, patches: int, grid: Grid, channels: int) -> int:
        """Multiply-accumulates of a decision on `patches` of the grid's patches."""
        ...


def difference(image: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
    """|image - reference| of int8 codes, int16: 0 to 255."""
    return (image.to(torch.int16) - reference.to(torch.int16)).abs()


@dataclass(slots=True)
class Comparator:
    """The reference (int8, like the map) of one compared map, and what the policy does with it."""

    grid: Grid
    policy: Policy
    theta: int
    zero: int
    gate: Gate | None = None
    reference: torch.Tensor | None = None

    def take_all(self, image: torch.Tensor) -> None:
        """The whole map was consumed."""
        self.reference = image.clone()

    def look(self, image: torch.Tensor, candidates: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(changed, operand): bool (down, across), some of `candidates`, and the int8 map that convolutions read."""
        reference = self.reference
        assert reference is not None  # a stream's first frame is whole
        distance = difference(image, reference)
        changed = candidates & (self.grid.largest(distance) > self.theta)
        if self.gate is not None:
            changed = changed & self.gate.decide(image, reference, self.grid, self.zero)
        if self.policy == "always":
            self.reference = image.clone()
            return changed, image
        consumed = self.grid.pixels(changed)
        if self.policy == "delta":
            consumed = consumed & (distance.amax(dim=0) > self.theta)
        self.reference = torch.where(consumed, image, reference)
        return changed, image if self.policy == "hybrid" else self.reference
