"""What an INT8 training step was meant to reach, each beside what was measured."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reports.octo_cost.memory import saved
from reports.octo_cost.steps import share, utilization


@dataclass(frozen=True, slots=True)
class Aim:
    """Values are shares (0..1); ``bound`` is "at least" or "at most", and ``limit`` what then counts as reached."""

    text: str
    workload: str
    bound: str
    limit: float
    value: float

    @property
    def reached(self) -> bool:
        return self.value >= self.limit if self.bound == "at least" else self.value <= self.limit


_SAVED = {
    "sram": {
        "SRAM of activations saved by computing them again": "moving_bytes",
        "SRAM of the whole step saved by computing activations again": "peak_bytes",
    },
    "flash": {"SRAM of the whole step saved by that and by leaving its commands in flash": "peak_bytes"},
}
"""By memory of the commands: what is saved, and of which size."""
FILLED, UPDATE, ABOVE_BOUND, SAVED, DOMINANT = 0.6, 0.1, 0.1, 0.3, 0.5


def aims(data: Mapping[str, Any]) -> list[Aim]:
    """Of all networks, in the order of the page."""
    found: list[Aim] = []
    for row in data["steps"]:
        found += _of_float(row) if row["masters"] == "fp32" else _of_step(row)
    for row in data["memory"]:
        found += _of_memory(row)
    return found


def _of_step(row: Mapping[str, Any]) -> list[Aim]:
    name = row["workload"]
    return [
        Aim("the array's use over the three phases of products", name, "at least", FILLED, utilization(row)),
        Aim("the update's share of the step's cycles", name, "at most", UPDATE, share(row, "update")),
    ]


def _of_float(row: Mapping[str, Any]) -> list[Aim]:
    text = "with float32 masters, the update's share of the step's cycles: it dominates"
    return [Aim(text, row["workload"], "at least", DOMINANT, share(row, "update"))]


def _of_memory(row: Mapping[str, Any]) -> list[Aim]:
    name, above = row["workload"], row["peak_bytes"] / row["bound_bytes"] - 1
    found = [Aim("SRAM at the peak, above the largest set of live bytes", name, "at most", ABOVE_BOUND, above)]
    for small in row["smallest"]:
        if small["recomputed"]:
            for text, key in _SAVED[small["commands"]].items():
                found.append(Aim(text, name, "at least", SAVED, saved(row, small, key)))
    return found
