"""What decides which patches are recomputed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

Policy = Literal["always", "cond", "hybrid", "delta"]
POLICIES: tuple[Policy, ...] = get_args(Policy)
Compare = Literal["every", "input"]


@dataclass(frozen=True, slots=True)
class Settings:
    """How a stream skips. With theta 0 and no gate every policy gives the bits of the dense network.

    `always` compares with the frame before and drifts. `cond` compares with the value last consumed, per patch, and
    computes with that value. `hybrid` compares with the value last consumed and computes with the current one. `delta`
    is DeltaCNN's truncation: as `cond`, but single pixels are consumed, so that what is cut off comes later.
    """

    patch: int = 8
    """Edge of a patch of the frame, pixels; it shrinks with every stride, down to 1."""
    theta: int | Mapping[str, int] = 2
    """A patch has changed when any of its codes differs by more (0 to 255); by name of the compared map, or for all."""
    policy: Policy = "hybrid"
    compare: Compare = "every"
    """Compare what every convolution reads, or the frame alone; the latter needs no other reference."""
    refresh: int = 0
    """Every so many frames all is recomputed; 0: never."""
    dense_above: float = 0.9
    """Share of the dense work above which a frame is computed whole, and the next ones without looking."""
    memory_bytes: int | None = None
    """Most bytes that may live from frame to frame; None: any."""

    def __post_init__(self) -> None:
        if self.patch < 1:
            raise ValueError(f"patch is {self.patch}, want 1 pixel or more")
        thetas = self.theta.values() if isinstance(self.theta, Mapping) else (self.theta,)
        if not all(0 <= theta <= 255 for theta in thetas):
            raise ValueError(f"theta is {self.theta}, want 0..255 codes")
        if self.policy not in POLICIES:
            raise ValueError(f"policy is {self.policy!r}, want one of {', '.join(POLICIES)}")
        if self.compare not in get_args(Compare):
            raise ValueError(f"compare is {self.compare!r}, want one of {', '.join(get_args(Compare))}")
        if self.refresh < 0:
            raise ValueError(f"refresh is {self.refresh}, want 0 (never) or a number of frames")
        if not 0.0 <= self.dense_above:
            raise ValueError(f"dense_above is {self.dense_above}, want 0 or more")

    def theta_of(self, name: str) -> int:
        """The threshold of one map, in its codes; 0 for a map that the mapping leaves out."""
        return self.theta.get(name, 0) if isinstance(self.theta, Mapping) else self.theta
