"""The cycles of every command of a program before anything runs: cost.py, memories, and what sharing them adds.

Sharing is estimated here at the grain of a command; the event machine has the read channel itself (channel.py). What
other requesters put into a channel or a memory while a transfer may be under way lengthens that transfer, at most to
twice its own part, as round-robin arbitration does. It is counted in program order: for a Load, the fetches of the
commands up to the next Load, and the beats of the Stores among them that meet it in the SRAM (all of them on one bank;
otherwise one conflict in ``banks`` bursts, because streams that have collided once stay a bank apart).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accel_models import cost
from accel_models.batch import Batch
from accel_models.commands import (
    COMMAND_BYTES,
    COMMANDS,
    Command,
    Compare,
    Elementwise,
    End,
    Fill,
    List,
    Load,
    LoadRegisters,
    Matrix,
    Pool,
    Range,
    Requantize,
    SetRegister,
    Store,
    StoreRegisters,
    Sum,
    Update,
    layout,
)
from accel_models.counts import SPACES, space_of
from accel_models.program import Program
from accel_models.system import System

Int64 = NDArray[np.int64]
BEAT_STEPS = 1 << 16  # of a cycle: the resolution of ``beat_i`` in rtl/bench/axi_memory.sv
_PerBeat = tuple[float, ...]  # cycles, of each memory
_SRAM = SPACES.index("sram")
_COST: dict[type[Command], Any] = {
    Fill: cost.fill,
    Matrix: cost.matrix,
    Requantize: cost.requantize,
    Elementwise: cost.elementwise,
    Pool: cost.pool,
    Range: cost.range_,
    SetRegister: cost.set_register,
    LoadRegisters: cost.move_registers,
    StoreRegisters: cost.move_registers,
    Update: cost.update,
    Sum: cost.sum_,
    Compare: cost.compare,
    List: cost.list_,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Per command, int64 [n]: ``cycles`` of cost.py, ``engine`` (-1: End), masks.

    ``cycles`` of a Load or Store are those of a memory without latency that keeps pace with the bus: what the engine
    itself takes. ``shared``: cycles lost to the real memory (latency, slower beats), to sharing it, and to reading
    registers and row lists; of a Load an estimate, the event machine takes it from the read channel. ``space``,
    ``beats``, ``bursts``: of Loads, beats 0 for everything else; ``operands``: fields that name a register. ``speed``:
    latency in cycles and cycles per beat by memory. ``batches``: the commands that all this is about.
    """

    batches: tuple[Batch, ...]
    cycles: Int64
    shared: Int64
    engine: Int64
    wait: Int64
    signal: Int64
    fetch_cycles: int  # one command on the read channel
    first_fetch_cycles: int  # from the start of a segment to the first beat of its first command
    space: Int64
    beats: Int64
    bursts: Int64
    operands: Int64
    setup_cycles: int
    fetch_space: int  # the memory that holds the commands
    fetch_beats: int  # of one command
    speed: Mapping[int, tuple[int, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fixed:
    """What memories do not change, int64 [commands]; ``space`` is -1 and ``beats`` 0 but for transfers."""

    cycles: Int64
    space: Int64
    beats: Int64
    bursts: Int64
    entries: Int64  # of row lists: each takes the engine's port for a cycle
    operands: Int64
    engine: Int64


def memory_speed(system: System) -> dict[str, tuple[int, float]]:
    """(latency in cycles, cycles per bus beat) of each memory in the accelerator's clock.

    Beats are in steps of 1/BEAT_STEPS cycle, rounded up, as the memory of the co-simulation counts them.
    """
    clock, width = system.clock_mhz, system.bus.bytes_per_cycle

    def slow(latency_ns: float, bandwidth_mb_per_s: float) -> tuple[int, float]:
        steps = math.ceil(width * clock / bandwidth_mb_per_s * BEAT_STEPS - 1e-6)
        return max(1, math.ceil(latency_ns * clock / 1e3 - 1e-9)), max(1.0, steps / BEAT_STEPS)

    found = {"sram": (system.sram.latency_cycles, 1.0)}
    found["flash"] = slow(system.flash.latency_ns, system.flash.bandwidth_mb_per_s)
    if system.external_ram is not None:
        found["external"] = slow(system.external_ram.latency_ns, system.external_ram.bandwidth_mb_per_s)
    return found


def work_of(program: Program, found: tuple[Batch, ...]) -> Work:
    """Cost of every command, vectorised by class. Raises ValueError where the system lacks what a command needs."""
    return works_of(program, found, [program.system])[0]


def works_of(program: Program, found: tuple[Batch, ...], systems: Sequence[System]) -> list[Work]:
    """The same on systems that differ from the program's in clocks and in the speed of memories only."""
    system = program.system
    if system.accelerator is None:
        raise ValueError(f"program {program.name} has commands, but system {system.name} has no accelerator")
    fixed = _fixed(program, found, cost.Hardware.of(system.accelerator, system.bus))
    paces: dict[_PerBeat, tuple[Int64, Int64]] = {}
    return [_work(program, found, fixed, memory_speed(other), paces) for other in systems]


def _fixed(program: Program, found: tuple[Batch, ...], hw: cost.Hardware) -> _Fixed:
    zeros = np.zeros(len(program.command_rows), np.int64)
    cycles, space, beats, bursts, entries = zeros.copy(), zeros - 1, zeros.copy(), zeros.copy(), zeros.copy()
    for item in found:
        place, fields = item.index, item.fields
        if item.command in (Load, Store):
            space[place], bursts[place] = space_of(fields), cost.bursts(fields, hw)
            if (space[place] < 0).any():
                raise ValueError(f"program {program.name}: a transfer uses an address below the map")
            beats[place] = moved = cost.beats(fields, hw)
            cycles[place] = hw.dma_setup_cycles + cost.data_cycles(moved, 0)
            entries[place] = np.where(moved > 0, fields.listed * fields.planes, 0)
        elif item.command is not End:
            cycles[place] = _COST[item.command](fields, hw)
    engine_of = np.full(256, -1, np.int64)
    for command in COMMANDS:
        engine_of[command.OPCODE] = -1 if command.ENGINE is None else int(command.ENGINE)
    return _Fixed(
        cycles=cycles,
        space=space,
        beats=beats,
        bursts=bursts,
        entries=entries,
        operands=_operands(program, found),
        engine=engine_of[program.commands[:, 0]],
    )


def _work(
    program: Program,
    found: tuple[Batch, ...],
    fixed: _Fixed,
    speed: Mapping[str, tuple[int, float]],
    paces: dict[_PerBeat, tuple[Int64, Int64]],
) -> Work:
    """``paces``: transfers after set-up and latency, and what sharing adds, which do not depend on latency."""
    system, opcode = program.system, program.commands[:, 0]
    assert system.accelerator is not None
    latency, per_beat = _speeds(fixed.space, speed, system.name)
    where = command_memory(program)
    latency_cycles, per_beat_cycles = speed[where]
    fetch_beats = int(cost.ceil_div(COMMAND_BYTES, system.bus.bytes_per_cycle))
    pace = tuple(cycles for _, cycles in speed.values())
    if pace not in paces:
        data = cost.data_cycles(fixed.beats, 0, per_beat)
        paces[pace] = data, _shared(program, fixed, data, fetch_beats, SPACES.index(where), per_beat_cycles)
    data, sharing = paces[pace]
    memory = np.where(fixed.beats > 0, latency + data - fixed.beats, 0)
    return Work(
        batches=found,
        cycles=fixed.cycles,
        shared=memory + sharing + fixed.entries + cost.REGISTER_READ * fixed.operands,
        engine=fixed.engine,
        wait=(program.commands[:, 1] & 15).astype(np.int64),
        signal=(program.commands[:, 1] >> 4).astype(np.int64),
        fetch_cycles=math.ceil(fetch_beats * per_beat_cycles - 1e-9),
        first_fetch_cycles=cost.COMMAND_FETCH_START + latency_cycles,
        space=fixed.space,
        beats=np.where(opcode == Load.OPCODE, fixed.beats, 0),
        bursts=fixed.bursts,
        operands=fixed.operands,
        setup_cycles=system.accelerator.dma.setup_cycles,
        fetch_space=SPACES.index(where),
        fetch_beats=fetch_beats,
        speed={SPACES.index(name): value for name, value in speed.items()},
    )


def _operands(program: Program, found: tuple[Batch, ...]) -> Int64:
    """Fields of each command that name a register."""
    result = np.zeros(len(program.command_rows), np.int64)
    for item in found:
        flags = [spec.flag for spec in layout(item.command) if spec.flag is not None]
        if flags:
            bits = np.unpackbits(program.commands[item.index], axis=1, bitorder="little")
            result[item.index] = bits[:, flags].sum(axis=1)
    return result


def command_memory(program: Program) -> str:
    """The memory that holds the commands: metadata ``commands``, else where the weights are, else sram."""
    where = program.metadata.get("commands", program.metadata.get("weights", "sram"))
    if where not in SPACES or (where == "external" and program.system.external_ram is None):
        raise ValueError(f"program {program.name}: metadata 'commands' is {where!r}, want sram, flash or external")
    return str(where)


def _speeds(space: Int64, speed: Mapping[str, tuple[int, float]], system: str) -> tuple[Int64, NDArray[np.float64]]:
    """Latency and cycles per beat of each transfer's memory; of what is no transfer, nothing and one."""
    for index in np.unique(space[space >= 0]):
        if SPACES[index] not in speed:
            raise ValueError(f"a transfer uses {SPACES[index]} memory, which system {system} does not have")
    table = [*(speed.get(name, (0, 1.0)) for name in SPACES), (0, 1.0)]  # -1 takes the last row
    return np.array([row[0] for row in table], np.int64)[space], np.array([row[1] for row in table])[space]


def _shared(
    program: Program, moves: _Fixed, data_cycles: Int64, fetch_beats: int, commands_in: int, per_beat: float
) -> Int64:
    """Cycles by which other requesters lengthen each Load; see the module's text."""
    opcode, banks = program.commands[:, 0], program.system.sram.banks
    hits = moves.beats if banks == 1 else cost.ceil_div(moves.bursts, banks)
    stores = np.where((opcode == Store.OPCODE) & (moves.space == _SRAM), hits, 0)
    before = np.concatenate([[0], np.cumsum(stores)])
    result = np.zeros(len(opcode), np.int64)
    for segment in program.segments:
        loads = segment.first + np.flatnonzero(opcode[segment.first : segment.first + segment.count] == Load.OPCODE)
        if not len(loads):
            continue
        following = np.append(loads[1:], segment.first + segment.count - 1)
        space, data, beats = moves.space[loads], data_cycles[loads], moves.beats[loads]
        fetched = fetch_beats * (following - loads)
        # The channel: a slow memory leaves it free between its own beats.
        channel = np.maximum(beats + np.minimum(fetched, beats), data)
        # The memory: fetches from the same one, and Stores into the SRAM.
        met = np.where(space == commands_in, np.ceil(fetched * per_beat).astype(np.int64), 0)
        met += np.where(space == _SRAM, before[following] - before[loads], 0)
        result[loads] = np.maximum(channel, data + np.minimum(met, data)) - data
    return result
