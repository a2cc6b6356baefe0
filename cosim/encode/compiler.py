"""The compiler's main line: decide what stays in the scratchpad, expand, schedule, place; assemble.py does the rest.

Scratchpad pressure is relieved one decision at a time, and the expansion starts over: a kept tensor goes to SRAM, or
the tiles of an operator become smaller.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, Self

from accel_models import cost
from accel_models.checker import check_program
from accel_models.forecast import forecast
from accel_models.network import Network
from accel_models.program import Program
from accel_models.system import Accelerator, System
from accel_models.timing import simulate
from cosim.encode.assemble import CompileError, Memories, assemble, place_homes
from cosim.encode.constants import ConstantImage
from cosim.encode.expand import Builder, Limits
from cosim.encode.expansions import Expansion, Expansions
from cosim.encode.movement import STAGE_BYTES
from cosim.encode.recompute import relieved
from cosim.encode.schedule import ScratchpadFullError, limit_lookahead, place_blocks, plan_slots
from cosim.encode.steps import Storage
from cosim.encode.tensors import Layout, layout_of, matrix_like
from cosim.encode.vector import CHUNK_BYTES
from cosim.place import Block, PlacementError
from cosim.tile import matrix_geometry

Weights = Literal["auto", "sram", "flash"]
_ATTEMPTS = 400
_FEWEST_ENTRIES = 16
_WORTH_A_LOOK = 1.03  # forecasts fall short of the event machine, by at most some percent, and seldom exceed it
_HOPELESS = 1.10

__all__ = ["CompileError", "compile_network"]


@dataclass(frozen=True, slots=True)
class Caps:
    """How much of the accelerator the compiler uses: what is legal on a smaller chip is legal on this one."""

    entries: int
    columns: int
    pad_bytes: int
    ramped: bool = True  # the first and last tiles of an operator may be lower than the others
    inputs_kept: bool = True  # the network's inputs stay in the scratchpad where they fit, else they pass through

    @classmethod
    def of(cls, accelerator: Accelerator) -> Self:
        return cls(accelerator.accumulators.entries, accelerator.array.columns, accelerator.scratchpad.size_bytes)

    def trials(self) -> list[list[dict[str, int | bool]]]:
        """Changes to try one after the other, each on the best caps so far. Of a list each goes further than the last:
        where one is hopeless, so are those after it."""
        chains: list[list[dict[str, int | bool]]] = [[{"inputs_kept": False}]]
        for name in ("pad_bytes", "entries", "columns"):
            sizes = [max(1, getattr(self, name) // part) for part in (2, 4)]
            chains.append([{name: size} for size in sizes if name != "entries" or size >= _FEWEST_ENTRIES])
        return [*chains, [{"ramped": False}]]


def compile_network(
    network: Network,
    system: System,
    weights: Weights = "auto",
    *,
    search: bool = True,
    checked: bool = True,
    expansions: Expansions | None = None,
) -> Program:
    """Compile for a system. ``weights``: where constants lie at run time: "sram" (warm), "flash" (cold), or "auto",
    which takes SRAM when everything fits and flash otherwise.

    With ``search`` several mappings are timed and the fastest is taken: also those that use only a part of the
    accumulators, columns or scratchpad, because larger tiles and more prefetch do not always pay. ``checked``: held to
    contract 4, as everything that runs should be; what is only timed, among thousands, may do without. ``expansions``
    of this network: what is found there is not made again, by whoever compiles it for many systems.

    Raises CompileError (also for a model that does not fit: it names the tensors alive at the peak), and CheckError on
    a bug of the compiler.
    """
    if weights not in ("auto", "sram", "flash"):
        raise ValueError(f"weights: want auto, sram or flash, got {weights!r}")
    _check_multipliers(network, system)
    program = _fitted(Expansions(network) if expansions is None else expansions, system, weights, search)
    if checked:
        check_program(program)
    return program


def _fitted(expansions: Expansions, system: System, weights: Weights, search: bool) -> Program:
    """A training step that does not fit computes activations again, as few as it has to."""
    while True:
        try:
            return _placed(expansions, system, weights, search)
        except CompileError:
            if not expansions.network.metadata.get("step"):
                raise
            smaller = relieved(expansions.network, system.accelerator)
            if smaller is None:
                raise
            expansions = Expansions(smaller)


def _placed(expansions: Expansions, system: System, weights: Weights, search: bool) -> Program:
    layout = layout_of(expansions.network, system.accelerator)
    if weights == "auto" and system.accelerator is not None:
        try:
            return _best(expansions, system, layout, Memories("sram", "sram"), search)
        except CompileError:
            pass
    if weights == "sram":
        return _best(expansions, system, layout, Memories("sram", "sram"), search)
    try:
        return _best(expansions, system, layout, Memories("flash", "sram"), search)
    except CompileError:
        return _best(expansions, system, layout, Memories("flash", "flash"), search)


def _best(expansions: Expansions, system: System, layout: Layout, memories: Memories, search: bool) -> Program:
    """The fastest program found by varying one cap after the other, from all of the accelerator downwards."""
    if system.accelerator is None:
        return _compile(expansions, system, layout, memories, None)
    caps = Caps.of(system.accelerator)
    best = _compile(expansions, system, layout, memories, caps)
    if not search or not len(best.commands):
        return best
    cycles = simulate(best).total_cycles
    for chain in caps.trials():
        for trial in chain:
            changed = replace(caps, **trial)  # type: ignore[arg-type]
            try:
                program = _compile(expansions, system, layout, memories, changed)
            except CompileError:
                break
            expected = forecast(program, [system])[0][0]
            if expected <= _WORTH_A_LOOK * cycles and (found := simulate(program).total_cycles) < cycles:
                best, cycles, caps = program, found, changed
            if expected > _HOPELESS * cycles:
                break
    return best


def _check_multipliers(network: Network, system: System) -> None:
    needed = int(network.metadata.get("multiplier_bits", 31))
    if system.accelerator is not None and needed > system.accelerator.multiplier_bits:
        raise CompileError(
            f"network {network.name} uses {needed}-bit multipliers, system {system.name} has "
            f"accelerator.multiplier_bits = {system.accelerator.multiplier_bits}: quantize it with "
            f"--multiplier-bits {system.accelerator.multiplier_bits}"
        )


def _compile(expansions: Expansions, system: System, layout: Layout, memories: Memories, caps: Caps | None) -> Program:
    """One attempt per relief of scratchpad pressure."""
    network, accelerator = expansions.network, system.accelerator
    if accelerator is None or caps is None:
        homes = layout.homes(frozenset())
        _place_homes(network, system, homes, ConstantImage(), None, memories)
        return assemble(network, system, layout, memories, None, homes, ConstantImage())
    hw = cost.Hardware.of(accelerator, system.bus)
    kept = {
        name
        for name, use in layout.uses.items()
        if use.fed
        and use.tensor.dtype == "int8"
        and use.tensor.role != "persistent"
        and use.tensor.bytes <= caps.pad_bytes // 2
        and (caps.inputs_kept or use.tensor.role != "input")
    }
    widest = caps.columns if caps.columns < accelerator.array.columns else None
    limits = Limits(caps.entries, min(STAGE_BYTES, caps.pad_bytes // 8), widest, caps.ramped)
    for _ in range(_ATTEMPTS):
        expansion = expansions.of(layout, hw, memories.weights, frozenset(kept), limits)
        builder = expansion.builder
        _place_homes(network, system, builder.homes, builder.constants, builder, memories)
        problem = _place_scratchpad(expansion, system, accelerator.token_depth, caps.pad_bytes)
        if problem is None:
            found = expansion.commands(memories.weights, accelerator.token_depth)
            return assemble(network, system, layout, memories, builder, builder.homes, builder.constants, found)
        if not _relieve(builder, problem.block, kept, limits):
            raise CompileError(f"{network.name} on {system.name}: {problem}")
    raise CompileError(f"{network.name} on {system.name}: no tiling fits the scratchpad of {caps.pad_bytes} B")


def _place_homes(
    network: Network,
    system: System,
    homes: Mapping[str, Storage],
    constants: ConstantImage,
    builder: Builder | None,
    memories: Memories,
) -> None:
    try:
        place_homes(system, homes, constants, builder.command_count if builder else 0, memories)
    except PlacementError as error:
        raise CompileError(f"{network.name} on {system.name}: {error}") from None


def _place_scratchpad(expansion: Expansion, system: System, token_depth: int, size: int) -> ScratchpadFullError | None:
    builder = expansion.builder
    plan_slots(builder, expansion.starts, system)
    try:
        place_blocks(builder, size)
    except ScratchpadFullError as error:
        return error
    limit_lookahead(builder, token_depth)
    return None


def _relieve(builder: Builder, block: Block, kept: set[str], limits: Limits) -> bool:
    """Make room around a block: the largest kept tensor alive goes to SRAM, else the operator's tiles shrink."""
    alive = [
        other
        for other in builder.blocks
        if other.role == "activation" and other.name in kept and other.first <= block.last and block.first <= other.last
    ]
    if alive:
        kept.discard(max(alive, key=lambda item: (item.bytes, item.name)).name)
        return True
    row = block.row
    operator = builder.operators[row]
    if matrix_like(operator):
        if row not in limits.weights_outer:
            limits.weights_outer.add(row)
            return True
        geometry = matrix_geometry(builder.network, operator, builder.hw.rows)
        if _halve(limits.columns, row, geometry.columns, 1):
            return True
        return _halve(limits.heights, row, geometry.output_height, 1)
    if operator.kind == "pool":
        return _halve(limits.heights, row, builder.network.tensors[operator.outputs[0]].shape[1], 1)
    return operator.kind == "elementwise" and _halve(limits.heights, row, CHUNK_BYTES, 64)


def _halve(limits: dict[int, int], row: int, largest: int, least: int) -> bool:
    """Halve an operator's limit; False when it is at its least."""
    now = min(limits.get(row, largest), largest)
    if now <= least:
        return False
    limits[row] = max(least, now // 2)
    return True
