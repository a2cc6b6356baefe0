"""Time and energy of one training step, phase by phase, and beside the same step in float32 on a microcontroller."""

from collections.abc import Callable, Mapping
from typing import Any

from cosim.against import beside as compared
from cosim.bind import Bound
from cosim.options import Options
from cosim.pipeline import Outcome
from cosim.run import run
from reports import training
from reports.derived import peak_macs_per_cycle

BESIDE = "cortex-m7"
PRODUCTS = ("forward", "backward-input", "backward-weight")
OUTSIDE = "outside operators"


def measure(bound: Bound, masters: str, report: Callable[[str], None], *, beside: bool) -> dict[str, Any]:
    """JSON data of a step. ``beside``: also of ``<workload>-fp32`` on BESIDE. Energies in uJ, times in ms."""
    program = bound.program
    batch = program.bindings[program.inputs[0]].tensor.shape[0]
    report("timing")
    metrics = {"batch": batch, "epoch_samples": _epoch_samples(bound)}
    outcome = Outcome(run(program, metrics=metrics), program, {})
    if beside:
        outcome = compared(outcome, f"{program.name}-fp32@{BESIDE}", program.name, Options(), report)
    return _row(outcome.run.to_json(), masters, list(program.metadata.get("recomputed", ())))


def _epoch_samples(bound: Bound) -> int:
    step = getattr(bound.found, "step", None)
    assert step is not None and step.training is not None, "a training of the registry"
    return int(step.training.training_samples(None))


def _row(run_json: Mapping[str, Any], masters: str, recomputed: list[str]) -> dict[str, Any]:
    beyond, epoch = training.beyond_forward(run_json), training.epoch(run_json)
    assert beyond is not None and epoch is not None
    order = {name: place for place, name in enumerate(training.PHASES)}
    phases = sorted(run_json["phases"], key=lambda item: order[item["name"]])
    named = run_json["named_rows"]
    return {
        "workload": run_json["workload"],
        "system": run_json["system"],
        "masters": masters,
        "batch": run_json["metrics"]["batch"],
        "recomputed": recomputed,
        "weights": run_json["weights"],
        "cycles": run_json["cycles"],
        "latency_ms": run_json["latency_ms"],
        "energy_uj": run_json["energy_uj"],
        "macs": run_json["macs"],
        "accelerator_macs": run_json["accelerator_macs"],
        "macs_per_cycle": peak_macs_per_cycle(run_json),
        "phases": [_phase(item, run_json["operators"]) for item in phases],
        OUTSIDE: {key: sum(item[key] for item in named) for key in ("cycles", "energy_uj")},
        "beyond_forward": {"time": beyond[0], "energy": beyond[1]},
        "epoch": dict(zip(("steps", "ms", "uj"), epoch, strict=True))
        | {"samples": run_json["metrics"]["epoch_samples"]},
        "beside": _beside(run_json),
    }


def _phase(item: Mapping[str, Any], operators: list[Mapping[str, Any]]) -> dict[str, Any]:
    """``cpu_cycles``: of what the CPU does; ``cpu_products_cycles``: of that what multiplies, as weight gradients."""
    cpu = [row for row in operators if row["phase"] == item["name"] and row["placement"] == "cpu"]
    return {
        **{key: item[key] for key in ("name", "macs", "cycles", "energy_uj")},
        "cpu_cycles": sum(row["cycles"] for row in cpu),
        "cpu_products_cycles": sum(row["cycles"] for row in cpu if row["macs"]),
    }


def _beside(run_json: Mapping[str, Any]) -> dict[str, Any] | None:
    """The other run with how many times our time and energy it takes; its constants are what that rests on."""
    other = run_json.get("against")
    if not other:
        return None
    ratios = [{"name": item.name, "time": item.time, "energy": item.energy} for item in training.ratios(run_json)]
    kept = ("workload", "system", "samples", "latency_ms", "energy_uj", "constants")
    return {key: other[key] for key in kept} | {"ratios": ratios}


def phase(row: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    return next(item for item in row["phases"] if item["name"] == name)


def utilization(row: Mapping[str, Any]) -> float:
    """MACs of the three phases of products over those that the array could do in their cycles; 0..1."""
    found = [phase(row, name) for name in PRODUCTS]
    return float(sum(item["macs"] for item in found) / sum(item["cycles"] for item in found) / row["macs_per_cycle"])


def share(row: Mapping[str, Any], name: str) -> float:
    """Of the step's cycles; 0..1."""
    return float(phase(row, name)["cycles"] / row["cycles"])
