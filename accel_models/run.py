"""Run: everything that one simulation of a program found, as plain data for the terminal, JSON, reports and sweeps.

Integers are exact. Energy of rows is in uJ; rows sum to the total to within rounding of one addition each.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from accel_models import area, energy
from accel_models.accounts import NAMED, Accounts
from accel_models.commands import COMMANDS, Engine
from accel_models.constants import Constant
from accel_models.counts import Counts
from accel_models.energy import COMPONENTS, Energy
from accel_models.memory import BUS_SPACES
from accel_models.program import Program
from accel_models.system import System
from accel_models.timing import Timing, tensors_of

FIDELITIES = ("analytic", "event", "rtl")
_KINDS = {command.OPCODE: command.__name__ for command in COMMANDS}


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorResult:
    """One operator. ``bytes``: tensor bytes it moves on the bus. ``busy``: cycles of cost.py by engine."""

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
    """See the module. ``cold``: the same network with weights streamed from flash, when both were simulated."""

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
    outputs: Mapping[str, np.ndarray] = field(default_factory=dict, compare=False)  # of golden; not in the JSON

    def to_json(self) -> dict[str, Any]:
        """JSON data; ``warm`` and ``cold`` hold the pair's headline numbers when both were simulated."""
        found = {
            item.name: _plain(getattr(self, item.name)) for item in fields(self) if item.name not in ("outputs", "cold")
        }
        if self.cold is not None:
            found["warm"], found["cold"] = self.headline(), self.cold.headline()
        return found

    def headline(self) -> dict[str, Any]:
        names = ("weights", "cycles", "latency_ms", "energy_uj", "average_power_mw", "utilization", "sram_peak_bytes")
        more = ("flash_bytes", "traffic_bytes", "traffic_by_memory")
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


def system_hash(system: System) -> str:
    """First 16 hex digits of the SHA-256 of the system's content."""
    text = json.dumps(system.model_dump(mode="json"), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def build_run(
    program: Program,
    timing: Timing,
    accounts: Accounts,
    counts: Counts,
    spent: Energy,
    *,
    fidelity: str,
    metrics: Mapping[str, Any] | None = None,
    provenance: Mapping[str, Any] | None = None,
    cold: Run | None = None,
    rtl: Mapping[str, Any] | None = None,
    outputs: Mapping[str, np.ndarray] | None = None,
) -> Run:
    """Put the results of one program together. ``counts``: by row. Everything is derived, nothing is simulated here."""
    system = program.system
    operators, calls = _operators(program, accounts, counts, spent), _cpu_calls(program, timing)
    cycles, uj = timing.total_cycles, spent.total_pj * 1e-6
    latency_ms = cycles / (system.clock_mhz * 1e3)
    peak = system.accelerator.array.macs_per_cycle if system.accelerator else 0
    rows = len(program.rows)
    totals = counts.total()
    by_memory = _traffic(totals, operators, program)
    power = energy.static_power(system)
    return Run(
        workload=program.name,
        system=system.name,
        hardware=system.model_dump(mode="json"),
        fidelity=fidelity,
        weights=str(program.metadata.get("weights", "sram")),
        clock_mhz=system.clock_mhz,
        cycles=cycles,
        latency_ms=latency_ms,
        energy_uj=uj,
        average_power_mw=uj / latency_ms if cycles else 0.0,
        macs=program.macs,
        accelerator_macs=program.accelerator_macs,
        parameters=program.parameters,
        utilization=program.accelerator_macs / (cycles * peak) if cycles and peak else 0.0,
        sram_peak_bytes=program.peak_bytes("sram"),
        flash_bytes=max(program.peak_bytes("flash"), len(program.images.get("flash", b""))),
        scratchpad_peak_bytes=program.peak_bytes("scratchpad"),
        traffic_bytes=sum(operator.bytes for operator in operators),
        traffic_by_memory=by_memory,
        command_bytes=totals["command_bytes"],
        commands=len(program.command_rows),
        metrics=dict(metrics or {}),
        phases=_phases(operators),
        operators=operators,
        named_rows=tuple(
            NamedRow(name=name, cycles=int(accounts.cycles[rows + i]), energy_uj=spent.rows_pj[rows + i] * 1e-6)
            for i, name in enumerate(NAMED)
        ),
        energy_by_component_uj={name: value * 1e-6 for name, value in spent.components_pj.items()},
        static_power_mw=power.accelerator + power.external + power.rest,
        area_mm2=area.area_mm2(system),
        engines={
            engine.name.lower(): {"busy": timing.busy[engine], "stalled": timing.stalled[engine]} for engine in Engine
        },
        counts=totals,
        memory=_memory(program),
        timeline=_timeline(program, timing),
        cpu_calls=calls,
        constants=tuple(energy.sources(system)),
        provenance={
            "system_hash": system_hash(system),
            "network_hash": program.network_hash,
            **dict(provenance or {}),
        },
        rtl=rtl,
        cold=cold,
        outputs=dict(outputs or {}),
    )


def _operators(program: Program, accounts: Accounts, counts: Counts, spent: Energy) -> tuple[OperatorResult, ...]:
    moved = sum(getattr(counts, name) for name in counts_of_bytes())
    called = _call_bytes(program)
    rows_pj = spent.rows_pj
    return tuple(
        OperatorResult(
            name=row.name,
            kind=row.kind,
            phase=row.phase,
            placement=row.placement,
            macs=row.macs,
            cycles=int(accounts.cycles[i]),
            energy_uj=rows_pj[i] * 1e-6,
            bytes=int(moved[i]) + called.get(i, 0),
            mapping=row.mapping,
            origin=row.origin,
            busy={engine.name.lower(): int(accounts.busy[i, engine]) for engine in Engine},
            energy_by_component_uj={name: float(spent.pj[i, k]) * 1e-6 for k, name in enumerate(COMPONENTS)},
        )
        for i, row in enumerate(program.rows)
    )


def counts_of_bytes() -> tuple[str, ...]:
    """Fields of Counts that are tensor bytes on the bus."""
    return tuple(item.name for item in fields(Counts) if item.name.endswith(("read_bytes", "write_bytes")))


def _call_bytes(program: Program) -> dict[int, int]:
    """Tensor bytes that CPU calls read and write, by row; each input and output once."""
    tensors, found = tensors_of(program), {}
    for segment in program.segments:
        if not segment.count:
            call = program.cpu_calls[segment.call]
            found[segment.row] = sum(tensors[name].bytes for name in (*call.inputs, *call.outputs) if name in tensors)
    return found


def _traffic(totals: Mapping[str, int], operators: tuple[OperatorResult, ...], program: Program) -> dict[str, int]:
    found = {name.removesuffix("_bytes"): totals[name] for name in counts_of_bytes()}
    found["cpu"] = sum(_call_bytes(program).values())
    assert sum(found.values()) == sum(operator.bytes for operator in operators)
    return found


def _phases(operators: tuple[OperatorResult, ...]) -> tuple[PhaseResult, ...]:
    names = list(dict.fromkeys(operator.phase for operator in operators))
    members = {name: [operator for operator in operators if operator.phase == name] for name in names}
    return tuple(
        PhaseResult(
            name=name,
            macs=sum(item.macs for item in items),
            cycles=sum(item.cycles for item in items),
            energy_uj=math.fsum(item.energy_uj for item in items),
            bytes=sum(item.bytes for item in items),
        )
        for name, items in members.items()
    )


def _cpu_calls(program: Program, timing: Timing) -> tuple[CpuCallResult, ...]:
    return tuple(
        CpuCallResult(
            name=program.cpu_calls[call.call].name,
            function=getattr(program.cpu_calls[call.call].attributes, "function", program.cpu_calls[call.call].kind),
            start=call.start,
            cycles=call.end - call.start,
            cycles_cpu=call.cycles_cpu,
            energy_uj=call.energy_pj * 1e-6,
        )
        for call in timing.calls
    )


def _timeline(program: Program, timing: Timing) -> Timeline:
    mine = np.flatnonzero(timing.engine >= 0)
    names = [engine.name.lower() for engine in Engine]
    return Timeline(
        start=tuple(timing.start[mine].tolist()),
        end=tuple(timing.end[mine].tolist()),
        engine=tuple(names[engine] for engine in timing.engine[mine].tolist()),
        row=tuple(timing.row[mine].tolist()),
        command=tuple(_KINDS[opcode] for opcode in program.commands[mine, 0].tolist()),
    )


def _memory(program: Program) -> tuple[Occupancy, ...]:
    system, rows = program.system, len(program.rows)
    sizes = {"flash": system.flash.size_bytes, "sram": system.sram.size_bytes}
    if system.external_ram is not None:
        sizes["external"] = system.external_ram.size_bytes
    if system.accelerator is not None:
        sizes["scratchpad"] = system.accelerator.scratchpad.size_bytes
    found = []
    for space in (*BUS_SPACES, "scratchpad"):
        items = [item for item in program.placements if item.space == space]
        if not items or space not in sizes:
            continue
        change = np.zeros(rows + 1, np.int64)
        for item in items:
            change[item.first] += item.bytes
            change[min(item.last + 1, rows)] -= item.bytes
        found.append(
            Occupancy(
                space=space,
                size_bytes=sizes[space],
                peak_bytes=program.peak_bytes(space),
                used_bytes=tuple(np.cumsum(change)[:rows].tolist()),
                tensors=tuple(
                    {
                        "tensor": p.tensor,
                        "role": p.role,
                        "offset": p.offset,
                        "bytes": p.bytes,
                        "first": p.first,
                        "last": p.last,
                    }
                    for p in items
                ),
            )
        )
    return tuple(found)
