"""What a stream's run says of all its frames: work and cost beside the dense network, and where skipping breaks even.

A stream's run is that of one frame; ``metrics`` are of all frames and ``metrics["stream"]`` holds their series.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import linear_regression

from reports.derived import RunJson

FEWEST_FRAMES, LEAST_SPREAD = 5, 0.1
"""Frames with skipped patches, and the spread of their shares of work, below which no line is fitted through them."""


def is_stream(run: RunJson) -> bool:
    """Whether a run is that of a frame of a stream, with the series of all frames."""
    return bool(run["metrics"].get("stream"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """A frame of the clip.

    ``computed``: its multiply-accumulates as a share of a dense frame's. ``whole``: no patch was skipped. ``looked``:
    it was compared with what had been consumed. ``error``: of the last map, relative to the dense network's.
    """

    index: int
    cycles: int
    latency_ms: float
    energy_uj: float
    computed: float
    whole: bool
    looked: bool
    error: float

    @property
    def kind(self) -> str:
        """What was computed, in words."""
        if not self.whole:
            return "where it changed"
        return "whole, though compared" if self.looked else "whole, not compared"


def frames(run: RunJson) -> list[Frame]:
    """All frames, in order."""
    series = run["metrics"]["stream"]["series"]
    return [
        Frame(
            index=series["index"][i],
            cycles=series["cycles"][i],
            latency_ms=series["latency_ms"][i],
            energy_uj=series["energy_uj"][i],
            computed=1 - series["skip_ratio"][i],
            whole=bool(series["whole"][i]),
            looked=bool(series["looked"][i]),
            error=series["error"][i],
        )
        for i in range(len(series["index"]))
    ]


def deadline_ms(run: RunJson) -> float:
    """The time from one frame of the clip to the next."""
    return float(1e3 / run["metrics"]["fps"])


@dataclass(frozen=True, slots=True)
class Saving:
    """A cost of a frame: of the dense network's, and of the stream's on average."""

    name: str
    dense: float
    mean: float

    @property
    def saved(self) -> float:
        """As a share of dense; below 0 where the stream costs more."""
        return 1 - self.mean / self.dense

    @property
    def gain(self) -> float:
        """How many times the stream's cost the dense network's is."""
        return self.dense / self.mean


def savings(run: RunJson) -> list[Saving]:
    """Multiply-accumulates, cycles and energy (µJ) of a frame."""
    metrics = run["metrics"]
    count = metrics["frames"]
    return [
        Saving("MACs", metrics["macs_dense"] / count, metrics["macs_computed"] / count),
        Saving("Cycles", metrics["cycles_dense"], metrics["cycles_mean"]),
        Saving("Energy", metrics["energy_dense_uj"], metrics["energy_mean_uj"]),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakEven:
    """The least-squares line ``fixed_cycles + cycles * share`` through the frames with skipped patches.

    ``share``: of the dense work computed, at which the line meets the dense network's cycles.
    """

    fixed_cycles: float
    cycles: float
    share: float
    frames: int
    least: float
    most: float

    @property
    def extrapolated(self) -> bool:
        """Whether no frame computed as much as where skipping breaks even."""
        return not self.least <= self.share <= self.most


def skipping(run: RunJson) -> list[Frame]:
    """The frames in which patches were skipped."""
    return [frame for frame in frames(run) if not frame.whole]


def break_even(run: RunJson) -> BreakEven | None:
    """None where the frames with skipped patches are too few or too much alike, or more work takes no more cycles."""
    found = skipping(run)
    shares = [frame.computed for frame in found]
    if len(found) < FEWEST_FRAMES or max(shares) - min(shares) <= LEAST_SPREAD:
        return None
    line = linear_regression(shares, [frame.cycles for frame in found])
    if line.slope <= 0:
        return None
    return BreakEven(
        fixed_cycles=line.intercept,
        cycles=line.slope,
        share=(run["metrics"]["cycles_dense"] - line.intercept) / line.slope,
        frames=len(found),
        least=min(shares),
        most=max(shares),
    )


@dataclass(frozen=True, slots=True)
class Part:
    """What a phase takes of the shown frame: cycles, and energy in µJ."""

    name: str
    cycles: int
    energy_uj: float


def parts(run: RunJson) -> list[Part]:
    """Phases of the shown frame in the order of a frame; cycles in which no operator worked are the last."""
    found = [Part(item["name"], item["cycles"], item["energy_uj"]) for item in run["phases"]]
    order: Sequence[str] = ("look", "gate", "layers")
    found.sort(key=lambda part: order.index(part.name) if part.name in order else len(order))
    rest = [row for row in run["named_rows"] if row["cycles"] or row["energy_uj"]]
    if rest:
        found.append(
            Part("outside operators", sum(row["cycles"] for row in rest), sum(row["energy_uj"] for row in rest))
        )
    return found
