"""How a target becomes a network: what the command line lets a user choose. Free of PyTorch."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """``inputs``, ``weights``, ``calibrate``: .npz files; ``data``: a folder of data sets. None: the target's own.

    ``multiplier_bits`` 31 or 16 and ``rounding`` (half_up or double) define the requantizer's arithmetic: they change
    values, so they belong to the network and not to a system. ``keep_float``: quantize nothing, run it on the CPU.
    ``batch`` (samples of a step, or "largest": as many as fit the system) and ``masters`` (fp32, int16, int12, int10 or
    int8: what a step keeps of its int8 weights) are for trainings of the registry.
    ``seed``: of PyTorch's and Python's generators while the target is loaded and traced, and of operators that draw
    random numbers at run time. ``stream``: of targets that are streams. Raises ValueError for a seed or a batch out of
    range.
    """

    inputs: Path | None = None
    weights: Path | None = None
    data: Path | None = None
    calibrate: Path | None = None
    multiplier_bits: int = 31
    rounding: str = "half_up"
    keep_float: bool = False
    batch: int | Literal["largest"] | None = None
    masters: str | None = None
    seed: int = 0
    stream: "StreamOptions | None" = None

    def __post_init__(self) -> None:
        if not 0 <= self.seed < 1 << 63:
            raise ValueError(f"seed: want 0 to 2**63 - 1, got {self.seed}")
        if isinstance(self.batch, int) and self.batch < 1:
            raise ValueError(f"batch: want 1 or more samples, or 'largest', got {self.batch}")


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamOptions:
    """Of a stream. ``clip``: part of a clip's name; ``frames``: how many of it, ``fps``: a second, for deadlines; None:
    the target's own. ``settings``: how it skips, by name, as text."""

    clip: str | None = None
    frames: int | None = None
    fps: float | None = None
    settings: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.frames is not None and self.frames < 1:
            raise ValueError(f"--frames: want 1 or more, got {self.frames}")
        if self.fps is not None and not 0 < self.fps < math.inf:
            raise ValueError(f"--fps: want a rate above 0, got {self.fps}")


@dataclass(frozen=True, slots=True, kw_only=True)
class CosimOptions:
    """Of a co-simulation. ``memory``: how the memories behave, see rtl.bench.job.MemorySettings.parse.

    ``waves``: a VCD file to write, of the cycles ``window`` (START:STOP; see rtl.bench.recording.Recording).
    """

    memory: str = "nominal"
    waves: Path | None = None
    window: str | None = None
