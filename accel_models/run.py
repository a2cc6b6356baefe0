"""Run: everything that one simulation of a program found, as plain data for the terminal, JSON, reports and sweeps.

Integers are exact. Energy of rows is in uJ; rows sum to the total to within rounding of one addition each.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from accel_models.constants import Constant

FIDELITIES = ("analytic", "event", "rtl")


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorResult:
    """One operator. ``bytes``: tensor bytes it moves on the bus. ``busy``: cycles of cost.py by engine.

    ``bound_cycles``, ``losses``: its part of the run's, where the losses were accounted; those of 0 cycles left out.
    """

    name: str
    kind: str
    phase: str
    placement: str
    macs: int
    cycles: int
    energy_uj: float
    bytes: int
    mapping: str
    origin: str
    busy: Mapping[str, int]
    energy_by_component_uj: Mapping[str, float]
    bound_cycles: int = 0
    losses: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseResult:
    """Operators of one phase together; named rows belong to no phase."""

    name: str
    macs: int
    cycles: int
    energy_uj: float
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedRow:
    """Cycles and energy that no operator caused: start-up, DMA prologue, idle."""

    name: str
    cycles: int
    energy_uj: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """Cycles in which the array is not filled, by reason (accel_models.losses)."""

    name: str
    meaning: str
    cycles: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuCallResult:
    """A CPU call. ``cycles`` of the system clock, ``cycles_cpu`` of the CPU's."""

    name: str
    function: str
    start: int
    cycles: int
    cycles_cpu: int
    energy_uj: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """Parallel lists, one entry per command that ran (End left out): [start, end), engine, row, command class."""

    start: tuple[int, ...] = ()
    end: tuple[int, ...] = ()
    engine: tuple[str, ...] = ()
    row: tuple[int, ...] = ()
    command: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Occupancy:
    """One memory over operator rows. ``tensors``: dicts of tensor, role, offset, bytes, first, last.

    ``used_bytes``: bytes of tensors alive in each row; ``peak_bytes``: highest address used, at most ``size_bytes``.
    """

    space: str
    size_bytes: int
    peak_bytes: int
    used_bytes: tuple[int, ...]
    tensors: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """See the module. ``cold``: the same network with weights streamed from flash, when both were simulated.

    ``cycles = bound_cycles +`` those of ``losses``, which only the event machine accounts (empty otherwise).
    """

    workload: str
    system: str
    hardware: Mapping[str, Any]  # the system's fields, as in its YAML file
    fidelity: str
    weights: str
    clock_mhz: float
    cycles: int
    latency_ms: float
    energy_uj: float
    average_power_mw: float
    macs: int
    accelerator_macs: int
    parameters: int
    utilization: float
    sram_peak_bytes: int
    flash_bytes: int
    scratchpad_peak_bytes: int
    traffic_bytes: int
    traffic_by_memory: Mapping[str, int]
    command_bytes: int
    commands: int
    metrics: Mapping[str, Any]
    phases: tuple[PhaseResult, ...]
    operators: tuple[OperatorResult, ...]
    named_rows: tuple[NamedRow, ...]
    energy_by_component_uj: Mapping[str, float]
    static_power_mw: float
    area_mm2: Mapping[str, float]
    engines: Mapping[str, Mapping[str, int]]
    counts: Mapping[str, int]
    memory: tuple[Occupancy, ...]
    timeline: Timeline
    cpu_calls: tuple[CpuCallResult, ...]
    constants: tuple[Constant, ...]
    provenance: Mapping[str, Any]
    rtl: Mapping[str, Any] | None = None
    cold: "Run | None" = None
    bound_cycles: int = 0
    losses: tuple[Loss, ...] = ()
    against: Mapping[str, Any] | None = (
        None  # another run beside this one (cosim.against), in the JSON where there is one
    )
    outputs: Mapping[str, np.ndarray] = field(default_factory=dict, compare=False)  # of golden; not in the JSON

    def to_json(self) -> dict[str, Any]:
        """JSON data; ``warm`` and ``cold`` hold the pair's headline numbers when both were simulated."""
        found = {
            item.name: _plain(getattr(self, item.name)) for item in fields(self) if item.name not in ("outputs", "cold")
        }
        if self.against is None:
            del found["against"]
        if self.cold is not None:
            found["warm"], found["cold"] = self.headline(), self.cold.headline()
        return found

    def headline(self) -> dict[str, Any]:
        names = ("weights", "cycles", "latency_ms", "energy_uj", "average_power_mw", "utilization", "sram_peak_bytes")
        more = ("flash_bytes", "traffic_bytes", "traffic_by_memory", "bound_cycles", "losses")
        return {name: _plain(getattr(self, name)) for name in names + more}

    def to_text(self) -> str:
        """The JSON file's text: sorted keys, byte-identical for equal runs."""
        return json.dumps(self.to_json(), sort_keys=True, indent=1) + "\n"


def _plain(value: Any) -> Any:
    if hasattr(value, "__dataclass_fields__"):
        return {item.name: _plain(getattr(value, item.name)) for item in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return value.item() if isinstance(value, np.generic) else value
