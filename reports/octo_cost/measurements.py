"""All measurements of the table, as JSON data: steps, their memory, and the largest batches."""

from collections.abc import Callable
from typing import Any

from accel_models.system import System, load_system
from cosim.bind import bind
from cosim.options import Options
from reports.octo_cost import batches, memory, steps

Report = Callable[[str], None]
WORKLOADS = ("octo", "octo-resnet8")
SYSTEM, BATCH, MASTERS, FLOAT = "edge16-train", 8, "int16", "fp32"
BATCH_SYSTEMS, BATCH_MASTERS = ("edge16", SYSTEM), (MASTERS, "int8", FLOAT)


def measure(report: Report) -> dict[str, Any]:
    """JSON data: ``systems``, ``steps``, ``memory``, ``batches``. Deterministic; minutes."""
    fitting = [
        batches.measure(workload, name, masters, _named(f"{workload}, {masters} masters on {name}", report))
        for workload in WORKLOADS
        for name in BATCH_SYSTEMS
        for masters in BATCH_MASTERS
    ]
    found, memories = [], []
    for workload in WORKLOADS:
        own, other = step(workload, report)
        found.append(own)
        memories.append(other)
        largest = next(
            row["batch"]
            for row in fitting
            if (row["workload"], row["system"], row["masters"]) == (workload, SYSTEM, FLOAT)
        )
        if largest:
            found.append(float_step(workload, min(BATCH, largest), report))
    return {
        "systems": {name: _system(load_system(name)) for name in BATCH_SYSTEMS},
        "steps": found,
        "memory": memories,
        "batches": fitting,
    }


def step(workload: str, report: Report) -> tuple[dict[str, Any], dict[str, Any]]:
    """The step with integer masters beside float32 on a microcontroller, and its memory."""
    told = _named(workload, report)
    bound = bind(workload, load_system(SYSTEM), Options(batch=BATCH, masters=MASTERS), "sram", told)
    return steps.measure(bound, MASTERS, told, beside=True), memory.measure(bound, MASTERS, told)


def float_step(workload: str, batch: int, report: Report) -> dict[str, Any]:
    """The step with masters in float32, which the accelerator has no update for."""
    told = _named(f"{workload}, {FLOAT} masters", report)
    bound = bind(workload, load_system(SYSTEM), Options(batch=batch, masters=FLOAT), "auto", told)
    return steps.measure(bound, FLOAT, told, beside=False)


def _system(system: System) -> dict[str, Any]:
    sizes = {"sram_bytes": system.sram.size_bytes, "flash_bytes": system.flash.size_bytes}
    return {"description": system.description, **sizes}


def _named(what: str, report: Report) -> Report:
    return lambda stage: report(f"{what}: {stage}")
