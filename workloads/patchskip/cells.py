"""The rows of the measured table: which settings, on which backbone, on which kind of clip."""

from dataclasses import dataclass
from typing import Literal

from workloads.patchskip.settings import Compare, Policy, Settings

GATE_PATCH, GATE_STEPS = 8, 120
PASS_STEPS, PASS_BATCH, PASS_TARGET = 40, 2, 0.5
REAL_CLIPS = ("fixed_bottle", "fixed_person", "moving_road")
"""The clips of the table; a folder of others has its own."""


@dataclass(frozen=True, slots=True)
class Cell:
    """Settings, and for `learned` the share that the gates were trained for."""

    backbone: str
    policy: Policy
    patch: int
    theta: int
    compare: Compare = "every"
    refresh: int = 0
    gate: Literal["none", "learned", "pass"] = "none"
    target: float = 0.0
    real: bool = True
    """For the clips of a folder; the others are for generated scenes."""

    @property
    def name(self) -> str:
        """Unique among the cells of real clips, and among those of generated scenes."""
        parts = [self.backbone, self.policy, f"P{self.patch}", f"theta {self.theta}"]
        parts += ["input only"] if self.compare == "input" else []
        parts += [f"refresh {self.refresh}"] if self.refresh else []
        parts += [f"learned {self.target:g}"] if self.gate == "learned" else []
        parts += ["PASS gate"] if self.gate == "pass" else []
        return ", ".join(parts)

    def settings(self) -> Settings:
        return Settings(self.patch, self.theta, self.policy, self.compare, self.refresh)


# The most telling ones first: a measurement that is stopped has something to say.
CELLS = (
    *(Cell("resnet8", "hybrid", 8, theta) for theta in (0, 2, 4, 8)),
    *(Cell("resnet8", "hybrid", 8, 0, gate="learned", target=target) for target in (0.3, 0.15)),
    *(Cell("resnet8", "hybrid", patch, theta) for patch in (4, 16) for theta in (0, 2, 4, 8)),
    *(Cell("mobilenet", "hybrid", 8, theta) for theta in (0, 2, 4, 8)),
    *(Cell(backbone, "hybrid", 8, theta, real=False) for theta in (0, 4) for backbone in ("resnet8", "mobilenet")),
    *(Cell("resnet8", policy, 8, theta) for policy in ("always", "cond", "delta") for theta in (2, 4, 8)),
    Cell("resnet8", "hybrid", 2, 0),
    *(Cell("resnet8", "hybrid", patch, 0, compare="input") for patch in (4, 8)),
    Cell("resnet8", "hybrid", 8, 4, compare="input"),
    Cell("resnet8", "hybrid", 8, 4, refresh=20),
    Cell("resnet8", "hybrid", 8, 0, gate="pass"),
    *(Cell("resnet8", "hybrid", 8, theta) for theta in (12, 16)),
    *(Cell("resnet8", "hybrid", patch, theta) for patch in (4, 8, 16) for theta in (1, 3, 6)),
    *(Cell("resnet8", "hybrid", 8, 0, gate="learned", target=target) for target in (0.5, 0.05)),
    *(Cell("mobilenet", "hybrid", patch, theta) for patch in (4, 16) for theta in (0, 2, 4, 8)),
)
