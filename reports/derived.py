"""What several views derive from a run's JSON, defined once. A run is the plain data of ``Run.to_json``."""

from collections.abc import Mapping
from typing import Any

RunJson = Mapping[str, Any]
ENGINES = ("load", "matrix", "vector", "store")
LANES = (*ENGINES, "cpu")
_NEEDED = (
    *(
        "workload",
        "system",
        "hardware",
        "fidelity",
        "weights",
        "clock_mhz",
        "cycles",
        "latency_ms",
        "energy_uj",
        "macs",
    ),
    *("accelerator_macs", "utilization", "traffic_bytes", "traffic_by_memory", "metrics", "phases", "operators"),
    *("named_rows", "energy_by_component_uj", "area_mm2", "engines", "memory", "timeline", "cpu_calls", "constants"),
    *("provenance", "bound_cycles", "losses"),
)


def check(run: RunJson) -> None:
    """Raise ValueError naming the first field that a report needs and ``run`` lacks."""
    for name in _NEEDED:
        if name not in run:
            raise ValueError(f"not a run's JSON, or one of another version: {name!r} is missing; simulate it again")


def peak_macs_per_cycle(run: RunJson) -> int:
    """MACs that the array issues in a cycle; 0 without an accelerator."""
    accelerator = run["hardware"]["accelerator"]
    return accelerator["array"]["rows"] * accelerator["array"]["columns"] if accelerator else 0


def bus_bytes_per_cycle(run: RunJson) -> int:
    """Bytes of one channel of the bus in a cycle."""
    return int(run["hardware"]["bus"]["bytes_per_cycle"])


def flash_bytes_per_cycle(run: RunJson) -> float:
    """Bytes that the flash delivers in a cycle of the system clock."""
    return min(bus_bytes_per_cycle(run), run["hardware"]["flash"]["bandwidth_mb_per_s"] / run["clock_mhz"])


def nanoseconds_per_cycle(run: RunJson) -> float:
    return 1e3 / run["clock_mhz"]


def milliseconds(run: RunJson, cycles: float) -> float:
    return cycles / (run["clock_mhz"] * 1e3)


def utilization(run: RunJson, operator: RunJson) -> float | None:
    """Share of the array's peak that an operator reaches in its own cycles; None where that has no meaning."""
    peak = peak_macs_per_cycle(run)
    if not (peak and operator["macs"] and operator["cycles"] and operator["placement"] == "accelerator"):
        return None
    return float(operator["macs"] / (operator["cycles"] * peak))


def limit(operator: RunJson) -> str:
    """The engine that works longest for an operator: what a faster run of it would have to speed up."""
    if operator["placement"] == "cpu":
        return "cpu"
    busy: Mapping[str, int] = operator["busy"]
    return max(ENGINES, key=lambda engine: (busy.get(engine, 0), -ENGINES.index(engine)))
