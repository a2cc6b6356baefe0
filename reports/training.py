"""What a training step's run says beyond its phases: beside inference, beside another run, by sample and by epoch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from reports.derived import RunJson, milliseconds
from reports.units import digits

UNLIKE = (
    "energies are of two kinds: a CPU's is the measured supply rail of a whole chip, an accelerator's is modelled part "
    "by part; trust their ratio to a factor of three"
)
PHASES = ("forward", "backward-input", "backward-weight", "update", "communicate")


def is_step(run: RunJson) -> bool:
    """Whether a run trains: it has a phase of a step besides forward."""
    return any(phase["name"] in PHASES[1:] for phase in run["phases"])


def samples(run: RunJson) -> int:
    """Of one invocation."""
    return int(run["metrics"].get("batch", 1))


@dataclass(frozen=True, slots=True)
class Phase:
    """Time and energy of a part of a step."""

    name: str
    macs: int
    milliseconds: float
    microjoules: float


def phases(run: RunJson) -> list[Phase]:
    """In the order of a step; cycles in which no operator worked are the last, ``outside operators``."""
    order = {name: place for place, name in enumerate(PHASES)}
    found = [
        Phase(item["name"], item["macs"], milliseconds(run, item["cycles"]), item["energy_uj"])
        for item in sorted(run["phases"], key=lambda item: order.get(item["name"], len(order)))
    ]
    rest = [row for row in run["named_rows"] if row["cycles"] or row["energy_uj"]]
    if rest:
        spent = sum(milliseconds(run, row["cycles"]) for row in rest), sum(row["energy_uj"] for row in rest)
        found.append(Phase("outside operators", 0, *spent))
    return found


def against_phases(run: RunJson) -> list[Phase]:
    """Of the run beside this one, for as many samples as this one's invocation has."""
    other = run.get("against")
    if not other:
        return []
    share = samples(run) / other["samples"]
    return [
        Phase(item["name"], int(item["macs"] * share), item["latency_ms"] * share, item["energy_uj"] * share)
        for item in other["phases"]
    ]


@dataclass(frozen=True, slots=True)
class Ratio:
    """How many times the time and energy of this run something else takes, for the same samples."""

    name: str
    time: float | None
    energy: float | None

    def text(self) -> str:
        return f"{_times(self.time)} the time, {_times(self.energy)} the energy"


def _times(value: float | None) -> str:
    return "–" if value is None else f"{digits(value, 3)} ×"


def ratios(run: RunJson) -> list[Ratio]:
    """The whole of the other run over the whole of this one, then phase by phase where both have it."""
    other = run.get("against")
    if not other:
        return []
    share = samples(run) / other["samples"]
    whole = Ratio(
        "step" if is_step(run) else "invocation",
        _over(other["latency_ms"] * share, run["latency_ms"]),
        _over(other["energy_uj"] * share, run["energy_uj"]),
    )
    mine = {phase.name: phase for phase in phases(run)}
    return [whole] + [
        Ratio(item.name, _over(item.milliseconds, own.milliseconds), _over(item.microjoules, own.microjoules))
        for item in against_phases(run)
        if (own := mine.get(item.name)) is not None
    ]


def beyond_forward(run: RunJson) -> tuple[float, float] | None:
    """Time and energy of a step over those of its forward phase alone."""
    forward = next((phase for phase in phases(run) if phase.name == "forward"), None)
    if not is_step(run) or forward is None or not forward.milliseconds or not forward.microjoules:
        return None
    return run["latency_ms"] / forward.milliseconds, run["energy_uj"] / forward.microjoules


def epoch(run: RunJson) -> tuple[int, float, float] | None:
    """Steps, milliseconds and microjoules of an epoch; None where nobody said how many samples one has."""
    count = run["metrics"].get("epoch_samples")
    if not count:
        return None
    steps = -(-int(count) // samples(run))
    return steps, steps * run["latency_ms"], steps * run["energy_uj"]


@dataclass(frozen=True, slots=True)
class Curve:
    """A quality after so many seconds and joules of training."""

    name: str
    quantity: str
    values: list[float]
    seconds: list[float]
    joules: list[float]


def curves(run: RunJson) -> list[Curve]:
    """Of ``metrics.curves``: objects ``name``, ``quantity`` (accuracy, loss ...), ``samples`` trained with so far,
    ``values``, and ``of``, "run" or "against": whose time and energy a sample takes; without that run they are left
    out. The losses of several steps are a curve too."""
    given = list(run["metrics"].get("curves", ()))
    losses = run["metrics"].get("losses")
    if losses:
        seen = [samples(run) * (step + 1) for step in range(len(losses))]
        given.append({"name": run["workload"], "quantity": "loss", "samples": seen, "values": losses, "of": "run"})
    found = []
    for item in given:
        source: RunJson | None = run if item.get("of", "run") == "run" else run.get("against")
        if source is None:
            continue
        each = source.get("samples") or samples(run)
        found.append(
            Curve(
                name=item["name"],
                quantity=item["quantity"],
                values=[float(value) for value in item["values"]],
                seconds=[count / each * source["latency_ms"] * 1e-3 for count in item["samples"]],
                joules=[count / each * source["energy_uj"] * 1e-6 for count in item["samples"]],
            )
        )
    return found


def _over(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def rests_on_unlike_energies(run: RunJson) -> bool:
    """Whether one of the two runs works on an accelerator and the other does not."""
    other = run.get("against")
    return other is not None and bool(run["accelerator_macs"]) != bool(other["accelerator_macs"])


def sources(run: RunJson) -> list[dict[str, Any]]:
    """The constants that the other run's ratios rest on."""
    return list((run.get("against") or {}).get("constants", ()))
