"""A run beside another one: the same step, or another target, on another system. What ratios are made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from accel_models.cpu import sources
from accel_models.run import Run
from accel_models.system import load_system
from cosim.options import Options
from cosim.pipeline import Outcome, run_target

_RESTS_ON = (
    "float_mac",
    "float_gradient",
    "energy",
    "scale",
)  # of the constants of a CPU: what a float step is priced by


def parse(text: str, target: str) -> tuple[str, str]:
    """Target and system of ``SYSTEM`` or ``TARGET@SYSTEM``. Raises ValueError."""
    other, at, system = text.rpartition("@")
    if not system or (at and not other):
        raise ValueError(f"--against: want SYSTEM or TARGET@SYSTEM, got {text!r}")
    return other or target, system


def beside(outcome: Outcome, text: str, target: str, options: Options, report: Callable[[str], None]) -> Outcome:
    """The outcome with the run that ``text`` names attached: its cost, phase by phase, and the constants it rests on.

    It is timed on the event machine, and its step is executed once. Raises ValueError.
    """
    spec, name = parse(text, target)
    system = load_system(name)
    given = options if spec == target else Options(data=options.data, seed=options.seed)

    def prefixed(stage: str) -> None:
        report(f"{spec} on {system.name}: {stage}")

    found = run_target(spec, system, given, weights="auto", fidelity="event", samples=0, report=prefixed).run
    cpu = f"cpu.{system.cpu.core}."
    constants = [
        {"name": item.name, "value": item.value, "unit": item.unit, "source": item.source, "trust": item.trust}
        for item in sources(system.cpu, system.technology.node_nm)
        if item.name.removeprefix(cpu).removeprefix("cpu.") in _RESTS_ON
    ]
    return replace(outcome, run=replace(outcome.run, against=_summary(found, constants)))


def _summary(run: Run, constants: list[dict[str, Any]]) -> Mapping[str, Any]:
    """What a report needs of the other run. ``samples``: of one invocation."""
    return {
        "workload": run.workload,
        "system": run.system,
        "samples": int(run.metrics.get("batch", 1)),
        "macs": run.macs,
        "accelerator_macs": run.accelerator_macs,
        "cycles": run.cycles,
        "latency_ms": run.latency_ms,
        "energy_uj": run.energy_uj,
        "sram_peak_bytes": run.sram_peak_bytes,
        "phases": [
            {
                "name": phase.name,
                "macs": phase.macs,
                "latency_ms": phase.cycles / (run.clock_mhz * 1e3),
                "energy_uj": phase.energy_uj,
            }
            for phase in run.phases
        ],
        "constants": constants,
    }
