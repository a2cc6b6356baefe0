"""SRAM of a training step: its peak beside what no placement could undercut, and what computing again saves."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from accel_models.program import Program
from accel_models.system import System
from cosim.bind import Bound
from cosim.encode import CompileError, compile_network
from cosim.place import Block, lower_bound
from cosim.run import run

GRAIN_BYTES = 1024
KEPT = {"sram": "in SRAM", "flash": "in flash"}
_LASTING = ("commands", "persistent")


def measure(bound: Bound, masters: str, report: Callable[[str], None]) -> dict[str, Any]:
    """JSON data: the step as it is, and in the smallest SRAM, commands in SRAM and in flash. Bytes, cycles, uJ."""
    program = bound.program
    plain = run(program)
    batch = program.bindings[program.inputs[0]].tensor.shape[0]
    found: list[dict[str, Any]] = []
    for weights in KEPT:
        small = smallest(bound, weights, report)
        report(f"timing in {small.system.sram.size_bytes} B of SRAM")
        own, same = run(small), run(replace(small, system=program.system))
        found.append(
            extent(small)
            | {
                "commands": small.metadata["commands"],
                "sram_bytes": small.system.sram.size_bytes,
                "recomputed": list(small.metadata.get("recomputed", ())),
                "macs": own.macs,
                "cycles": own.cycles,
                "energy_uj": own.energy_uj,
                "energy_in_same_sram_uj": same.energy_uj,
            }
        )
    return {
        "workload": program.name,
        "system": program.system.name,
        "sram_bytes": program.system.sram.size_bytes,
        "masters": masters,
        "batch": batch,
        **extent(program),
        "macs": plain.macs,
        "cycles": plain.cycles,
        "energy_uj": plain.energy_uj,
        "smallest": found,
    }


def extent(program: Program) -> dict[str, int]:
    """``peak_bytes``: the highest address in SRAM; ``bound_bytes``: the largest set of bytes alive at once, and by role
    (each at its own peak): ``state``, ``commands``, and ``moving``: activations, gradients, inputs and outputs."""
    blocks = [
        Block(item.tensor, item.bytes, item.first, item.last, item.role)
        for item in program.placements
        if item.space == "sram"
    ]
    return {
        "peak_bytes": program.peak_bytes("sram"),
        "bound_bytes": lower_bound(blocks)[0],
        "state_bytes": lower_bound([item for item in blocks if item.role == "persistent"])[0],
        "commands_bytes": lower_bound([item for item in blocks if item.role == "commands"])[0],
        "moving_bytes": lower_bound([item for item in blocks if item.role not in _LASTING])[0],
    }


def smallest(bound: Bound, weights: str, report: Callable[[str], None]) -> Program:
    """The step in the smallest SRAM, in whole KiB, in which it compiles; the next smaller one was refused."""

    def attempt(grains: int) -> Program | None:
        report(f"looking for the smallest SRAM, commands {KEPT[weights]}: trying {grains} KiB")
        system = with_sram(bound.program.system, grains * GRAIN_BYTES)
        try:
            return compile_network(bound.network, system, weights, search=False)  # type: ignore[arg-type]
        except CompileError:
            return None

    too_small, fits = 0, -(-bound.program.peak_bytes("sram") // GRAIN_BYTES)
    best = attempt(fits)
    assert best is not None, "it fits where it was placed"
    while fits - too_small > 1:
        middle = (fits + too_small) // 2
        found = attempt(middle)
        if found is None:
            too_small = middle
        else:
            fits, best = middle, found
    return best


def with_sram(system: System, size_bytes: int) -> System:
    """A system with another size of SRAM."""
    sram: Mapping[str, Any] = system.sram.model_dump() | {"size_bytes": size_bytes}
    return System.model_validate(system.model_dump() | {"sram": sram})


def saved(row: Mapping[str, Any], small: Mapping[str, Any], key: str) -> float:
    """Share of a size that the smallest SRAM does without; 0..1."""
    return float(1 - small[key] / row[key])
