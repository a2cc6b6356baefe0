"""The largest batch of a step that fits a memory, and what a sample costs then."""

from collections.abc import Callable
from typing import Any

from accel_models.system import load_system
from cosim.bind import largest_batch
from cosim.options import Options
from cosim.run import run


def measure(workload: str, system: str, masters: str, report: Callable[[str], None]) -> dict[str, Any]:
    """JSON data; ``batch`` is 0 where not even one sample fits. Cycles and energy (uJ) are of a whole step."""
    row: dict[str, Any] = {"workload": workload, "system": system, "masters": masters, "batch": 0}
    found = largest_batch(workload, load_system(system), Options(masters=masters), "auto", report)
    if found is None:
        return row
    batch, bound = found
    report(f"timing a batch of {batch}")
    result, step = run(bound.program), getattr(bound.found, "step", None)
    assert step is not None and step.training is not None, "a training of the registry"
    return row | {
        "batch": batch,
        "most": step.training.training_samples(None),
        "commands": bound.program.metadata["commands"],
        "recomputed": list(bound.program.metadata.get("recomputed", ())),
        "sram_peak_bytes": bound.program.peak_bytes("sram"),
        "flash_bytes": result.flash_bytes,
        "cycles": result.cycles,
        "energy_uj": result.energy_uj,
        "cpu_cycles": sum(item.cycles for item in result.operators if item.placement == "cpu"),
    }
