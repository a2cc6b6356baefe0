"""How a stream skips, as plain data beside the network that it skips in."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

from accel_models.network import Network
from accel_models.program import Program


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """``patch``: edge of a patch of the frame in pixels; it shrinks with every stride, down to 1.

    ``theta``: by compared tensor, how far a code may be from the one last consumed before its patch has changed (0 to
    255). The frame is always compared. A convolution computes with current values (the policy hybrid).
    ``refresh``: every so many frames all is computed; 0: never. ``dense_above``: share of the frame's pixels that
    changed, or of the dense work that was charged, above which the next frames are computed whole without looking:
    one, then twice as many each time, ``most_blind`` at most.
    """

    patch: int
    theta: Mapping[str, int] = field(default_factory=dict)
    refresh: int = 0
    dense_above: float = 0.9
    most_blind: int = 8

    def __post_init__(self) -> None:
        if self.patch < 1:
            raise ValueError(f"patch is {self.patch}, want 1 pixel or more")
        for name, theta in self.theta.items():
            if not 0 <= theta <= 255:
                raise ValueError(f"theta of {name} is {theta}, want 0..255 codes")
        if self.refresh < 0:
            raise ValueError(f"refresh is {self.refresh}, want 0 (never) or a number of frames")
        if self.dense_above < 0:
            raise ValueError(f"dense_above is {self.dense_above}, want a share of 0 or more")
        if self.most_blind < 1:
            raise ValueError(f"most_blind is {self.most_blind}, want 1 frame or more")

    @classmethod
    def of(cls, network: Network) -> Self:
        """Those in a network's metadata. Raises ValueError where there are none, or one that is out of its range."""
        found = network.metadata.get("stream")
        if not isinstance(found, Mapping):
            raise ValueError(f"network {network.name} is no stream: its metadata have no 'stream'")
        known = [item.name for item in fields(cls)]
        for name in found:
            if name not in known:
                raise ValueError(f"network {network.name}: unknown rule {name!r} of a stream; want {', '.join(known)}")
        return cls(**found)

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"theta": dict(self.theta)}


def is_stream(program: Program) -> bool:
    """Whether maps live on from one invocation of a program to the next, each a frame."""
    return "bands" in program.metadata.get("stream", {})
