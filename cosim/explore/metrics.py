"""What is known of a design point: metrics of each workload's run, those of the workloads together, and of the system.

Together, workload i with weight w_i: a *mean* is sum(w_i x_i) / sum(w_i), the cost of an average invocation; memory
that invocations use one after the other is the largest; what lies in flash all the time adds up.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np

from accel_models.run import Run
from accel_models.system import System

MINIMISE, MAXIMISE = "minimise", "maximise"


@dataclass(frozen=True, slots=True)
class Metric:
    """``together``: mean, largest, sum or derived; see the module."""

    unit: str
    text: str
    together: str
    goal: str = MINIMISE


METRICS: Mapping[str, Metric] = {
    "latency_ms": Metric("ms", "time of one invocation", "mean"),
    "energy_uj": Metric("µJ", "energy of one invocation", "mean"),
    "area_mm2": Metric("mm²", "silicon area of accelerator, SRAM and CPU", "system"),
    "energy_delay_uj_ms": Metric("µJ·ms", "energy times latency", "derived"),
    "sram_peak_bytes": Metric("B", "highest address used in SRAM", "largest"),
    "scratchpad_peak_bytes": Metric("B", "highest address used in the scratchpad", "largest"),
    "flash_bytes": Metric("B", "weights and commands in flash", "sum"),
    "traffic_bytes": Metric("B", "tensor bytes on the bus", "mean"),
    "cycles": Metric("", "cycles of one invocation", "mean"),
    "average_power_mw": Metric("mW", "energy over latency", "derived"),
    "utilization": Metric("", "MACs of the accelerator over its peak", "derived", MAXIMISE),
}
SYSTEM_METRICS = tuple(name for name, metric in METRICS.items() if metric.together == "system")
OF_RTL = ("rtl_cycles", "rtl_expected_cycles", "rtl_bytes_different", "rtl_counters_different")
"""Of one workload on the RTL: cycles of the accelerator there and on the event machine, bytes that differ from golden,
counters that differ from the models."""
_RUN_METRICS = tuple(name for name in METRICS if name not in (*SYSTEM_METRICS, "energy_delay_uj_ms"))


def unit_of(name: str) -> str:
    """Unit of a metric, of one workload too; "" for expressions and for numbers without one."""
    metric = METRICS.get(name.rpartition(".")[2])
    return metric.unit if metric else ""


def of_run(run: Run) -> dict[str, float]:
    """Metrics of one workload on one system."""
    found: dict[str, float] = {name: getattr(run, name) for name in _RUN_METRICS}
    return found | {"energy_delay_uj_ms": run.energy_uj * run.latency_ms}


def of_system(system: System) -> dict[str, float]:
    """What is known before anything runs: area, and every number of the system under its dotted path."""
    from accel_models.area import total_mm2

    return {"area_mm2": total_mm2(system)} | numbers_of(system.model_dump(mode="json"))


def numbers_of(data: Mapping[str, Any], prefix: str = "") -> dict[str, float]:
    """Every number in nested data under its dotted path; true and false count as 1 and 0."""
    found: dict[str, float] = {}
    for name, value in data.items():
        if isinstance(value, Mapping):
            found |= numbers_of(value, f"{prefix}{name}.")
        elif isinstance(value, int | float):
            found[prefix + name] = value
    return found


def together(parts: Mapping[str, Mapping[str, Any]], weights: Mapping[str, float]) -> dict[str, Any]:
    """Metrics of all workloads as one, those of each as ``workload.metric``: numbers, or arrays over points. Quality
    metrics are means of the workloads that have them."""
    total = sum(weights[name] for name in parts)
    found: dict[str, Any] = {}
    for metric in _RUN_METRICS:
        values = {name: part[metric] for name, part in parts.items()}
        match METRICS[metric].together:
            case "mean":
                found[metric] = _mean(values, weights)
            case "largest":
                found[metric] = _largest(values.values())
            case "sum":
                found[metric] = sum(values.values())
    busy = sum(weights[name] * part["cycles"] * part["utilization"] for name, part in parts.items())
    found["utilization"] = ratio(busy, found["cycles"] * total)
    found["energy_delay_uj_ms"] = found["energy_uj"] * found["latency_ms"]
    found["average_power_mw"] = ratio(found["energy_uj"], found["latency_ms"])
    for metric in _others(parts.values()):
        found[metric] = _mean({name: part[metric] for name, part in parts.items() if metric in part}, weights)
    return found | {f"{name}.{metric}": value for name, part in parts.items() for metric, value in part.items()}


def _others(parts: Iterable[Mapping[str, Any]]) -> list[str]:
    """Names that are not metrics of every run: quality."""
    return sorted({name for part in parts for name in part if name not in METRICS and name not in OF_RTL})


def _mean(values: Mapping[str, Any], weights: Mapping[str, float]) -> Any:
    return sum(weights[name] * value for name, value in values.items()) / sum(weights[name] for name in values)


def _largest(values: Iterable[Any]) -> Any:
    return reduce(lambda a, b: np.maximum(a, b) if isinstance(a, np.ndarray) else max(a, b), values)


def ratio(over: Any, under: Any) -> Any:
    """``over / under``, of numbers or arrays; 0 where ``under`` is."""
    if isinstance(under, np.ndarray):
        return np.divide(over, under, out=np.zeros(under.shape), where=under != 0)
    return over / under if under else 0.0
