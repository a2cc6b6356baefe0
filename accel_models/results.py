"""From the results of the machines to a Run: everything is derived here, nothing is simulated."""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np

from accel_models import area, energy
from accel_models.accounts import NAMED, Accounts
from accel_models.commands import COMMANDS, Engine
from accel_models.counts import Counts
from accel_models.energy import COMPONENTS, Energy
from accel_models.losses import NAMES, Losses
from accel_models.memory import BUS_SPACES
from accel_models.program import Program
from accel_models.run import CpuCallResult, Loss, NamedRow, Occupancy, OperatorResult, PhaseResult, Run, Timeline
from accel_models.system import System
from accel_models.timing import Timing, tensors_of

_KINDS = {command.OPCODE: command.__name__ for command in COMMANDS}


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
    losses: Losses | None = None,
    metrics: Mapping[str, Any] | None = None,
    provenance: Mapping[str, Any] | None = None,
    cold: Run | None = None,
    rtl: Mapping[str, Any] | None = None,
    outputs: Mapping[str, np.ndarray] | None = None,
) -> Run:
    """Put the results of one program together. ``counts``: by row; ``losses``: of an event simulation; ``provenance``:
    version, seed and the like.
    """
    system = program.system
    operators, calls = _operators(program, accounts, counts, spent, losses), _cpu_calls(program, timing)
    cycles, uj = timing.total_cycles, spent.total_pj * 1e-6
    latency_ms = cycles / (system.clock_mhz * 1e3)
    peak = system.accelerator.array.macs_per_cycle if system.accelerator else 0
    rows = len(program.rows)
    totals = counts.total()
    by_memory = traffic(totals, program)
    assert sum(by_memory.values()) == sum(operator.bytes for operator in operators)
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
        flash_bytes=program.flash_bytes,
        scratchpad_peak_bytes=program.peak_bytes("scratchpad"),
        traffic_bytes=sum(by_memory.values()),
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
        bound_cycles=losses.bound_cycles if losses else 0,
        losses=tuple(
            Loss(name=name, meaning=NAMES[name], cycles=cycles)
            for name, cycles in (losses.named() if losses else {}).items()
        ),
        outputs=dict(outputs or {}),
    )


def _operators(
    program: Program, accounts: Accounts, counts: Counts, spent: Energy, losses: Losses | None
) -> tuple[OperatorResult, ...]:
    moved = sum(getattr(counts, name) for name in _byte_counts())
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
            bound_cycles=int(losses.bound[i]) if losses else 0,
            losses=losses.of_row(i) if losses else {},
        )
        for i, row in enumerate(program.rows)
    )


def _byte_counts() -> tuple[str, ...]:
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


def traffic(totals: Mapping[str, int], program: Program) -> dict[str, int]:
    """Tensor bytes by memory and direction, those of CPU calls together. ``totals``: of all commands, as in Counts."""
    found = {name.removesuffix("_bytes"): totals[name] for name in _byte_counts()}
    return found | {"cpu": sum(_call_bytes(program).values())}


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
