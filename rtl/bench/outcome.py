"""What a co-simulation shows: the RTL's bytes beside golden's, its counters and cycles beside the models'."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from accel_models import batch, counts
from accel_models.accounts import account
from accel_models.commands import COMMANDS, REGISTERS, Engine, Load, Store
from accel_models.cost import REGISTER_READ, Hardware
from accel_models.golden import Machine
from accel_models.program import Program
from accel_models.registers import Counter, ErrorCause, busy, stalled
from accel_models.system import System
from accel_models.timing import Timing
from accel_models.work import Work
from rtl.bench.job import MemorySettings, memory_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Mismatch:
    """Bytes of one tensor (or of no tensor: "") that differ from golden; ``offset``, ``got``, ``want`` of the first."""

    space: str
    tensor: str
    bytes: int
    offset: int
    got: int
    want: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CosimResult:
    """What the RTL did, and what the models say.

    ``cycles``, ``expected_cycles``: accelerator segments in order, RTL and event machine (empty where the memories are
    not the system's). ``counters``: Counter names in lower case; ``expected``: those that the models know.
    ``start``, ``end``: of every command's work, in cycles of its segment, end exclusive, -1 where it did not; End has
    none. ``expected_start``, ``expected_end``: those of the event machine (empty where ``expected_cycles`` is).
    ``bytes_different``: by memory; registers and accumulators count as four bytes each. ``error``: the cause that
    stopped the RTL, "timeout", or "". ``golden_error``: why golden refuses the program, or ""; then no bytes are
    compared.
    ``expected_error``: the cause that golden, or else the event machine, gives for refusing the program, or "".
    """

    program: str
    system: str
    settings: MemorySettings
    cycles: tuple[int, ...]
    expected_cycles: tuple[int, ...]
    counters: Mapping[str, int]
    expected: Mapping[str, int]
    bytes_different: Mapping[str, int]
    mismatches: tuple[Mismatch, ...]
    start: tuple[int, ...]
    end: tuple[int, ...]
    expected_start: tuple[int, ...]
    expected_end: tuple[int, ...]
    error: str
    golden_error: str
    expected_error: str
    build_s: float
    run_s: float

    @property
    def values_equal(self) -> bool:
        return not self.error and not self.golden_error and not any(self.bytes_different.values())

    @property
    def cycle_error(self) -> float:
        """(RTL - event machine) / event machine, over all segments."""
        total = sum(self.expected_cycles)
        return (sum(self.cycles) - total) / total if total else 0.0

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"values_equal": self.values_equal, "cycle_error": self.cycle_error}


def timeline(program: Program, events: np.ndarray) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """First cycle and end of every command in its segment, from lines (cycle, engine, 0 first or 1 last)."""
    engines = {command.OPCODE: command.ENGINE for command in COMMANDS}
    engine = np.array([-1 if (of := engines.get(opcode)) is None else of for opcode in program.commands[:, 0].tolist()])
    times = np.full((2, len(engine)), -1, np.int64)
    for what in (0, 1):
        for item in Engine:
            mine = events[(events[:, 1] == item) & (events[:, 2] == what), 0]
            times[what, np.flatnonzero(engine == item)[: len(mine)]] = mine + what
    begun = events[(events[:, 1] == len(Engine)) & (events[:, 2] == 0), 0] + 1
    for zero, segment in zip(begun, (item for item in program.segments if item.count), strict=False):
        part = times[:, segment.first : segment.first + segment.count]
        part[part >= 0] -= zero
    return tuple(times[0].tolist()), tuple(times[1].tolist())


def expected_timeline(program: Program, timing: Timing, work: Work) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The event machine's times as ``timeline`` gives the RTL's: registers have been read when work starts."""
    zero = np.zeros(len(timing.start), np.int64)
    for segment, (begun, _) in zip(program.segments, timing.segments, strict=True):
        zero[segment.first : segment.first + segment.count] = begun
    start = timing.start + REGISTER_READ * work.operands - zero
    end, works = timing.end - zero, timing.engine >= 0
    return tuple(np.where(works, start, -1).tolist()), tuple(np.where(works, end, -1).tolist())


def error(segments: list[dict[str, int]]) -> str:
    for item in segments:
        if item["cycles"] < 0:
            return "timeout"
        if item["cause"]:
            return ErrorCause(item["cause"]).name.lower()
    return ""


def segment_cycles(program: Program, timing: Timing) -> tuple[int, ...]:
    spans = zip(program.segments, timing.segments, strict=True)
    return tuple(stop - start for segment, (start, stop) in spans if segment.count)


def expected(
    program: Program, timing: Timing, memory: MemorySettings, found: tuple[batch.Batch, ...]
) -> dict[str, int]:
    """What the models say about the counters; cycles and stalls where the memories are the system's."""
    accelerator = program.system.accelerator
    assert accelerator is not None
    hw = Hardware.of(accelerator, program.system.bus)
    work = counts.of_batches(found, len(program.commands), hw).total()
    bytes_of = {
        item.command: int((item.fields.row_bytes * item.fields.rows * item.fields.planes).sum())
        for item in found
        if item.command in (Load, Store)
    }
    values = {
        Counter.COMMANDS: len(program.commands),
        Counter.BYTES_READ: bytes_of.get(Load, 0),
        Counter.BYTES_WRITTEN: bytes_of.get(Store, 0),
        Counter.MACS: work["macs"],
    }
    if memory.is_systems:
        values[Counter.CYCLES] = sum(segment_cycles(program, timing))
    for engine in Engine:
        if memory.is_systems or engine in (Engine.MATRIX, Engine.VECTOR):
            values[busy(engine)] = timing.busy[engine]
        if memory.is_systems:
            values[stalled(engine)] = timing.stalled[engine]
    return {counter.name.lower(): int(values[counter]) for counter in Counter if counter in values}


def compare(
    program: Program, golden: Machine, memories: Mapping[str, np.ndarray]
) -> tuple[dict[str, int], tuple[Mismatch, ...]]:
    state = golden.state
    want = {space: data[0] for space, data in state.bus.items() if space in memories}
    want["scratchpad"] = state.scratchpad[0]
    want["accumulators"] = state.accumulators[0].astype("<i4").reshape(-1).view(np.uint8)
    different = {space: int((memories[space] != data).sum()) for space, data in want.items()}
    registers = state.registers[0].astype(np.int32)
    different["registers"] = 4 * int((memories["registers"] != registers).sum())
    mismatches = [item for space, data in want.items() for item in _mismatches(program, space, memories[space], data)]
    return different, tuple(mismatches)


def _mismatches(program: Program, space: str, got: np.ndarray, want: np.ndarray) -> list[Mismatch]:
    """One entry per tensor, the one placed last where several were placed on a byte."""
    wrong = np.flatnonzero(got != want)
    names = np.full(len(wrong), "", object)
    for placement in sorted(program.placements, key=lambda item: item.first):
        if placement.space == space:
            inside = (wrong >= placement.offset) & (wrong < placement.offset + placement.bytes)
            names[inside] = placement.tensor
    found = []
    for name in dict.fromkeys(names):
        mine = wrong[names == name]
        first = int(mine[0])
        found.append(
            Mismatch(
                space=space, tensor=str(name), bytes=len(mine), offset=first, got=int(got[first]), want=int(want[first])
            )
        )
    return found


def near(cycles: int, expected_cycles: int) -> bool:
    """Contract 2: total cycles within 2 % or 32 of the event machine's."""
    return abs(cycles - expected_cycles) <= max(0.02 * expected_cycles, 32)


def counters_different(result: CosimResult) -> list[str]:
    """Counters that have to be equal and are not; cycles and stalls have a tolerance of their own."""
    exact = [name for name in result.expected if "stalled" not in name and name != "cycles"]
    return [name for name in exact if result.counters[name] != result.expected[name]]


def cycles_by_row(program: Program, start: Sequence[int], end: Sequence[int], spent: Sequence[int]) -> list[int]:
    """Accelerator cycles of every row and of the named ones (accounts.NAMED), from times of commands in their segments.

    ``spent``: cycles of each segment; they follow each other.
    """
    engines = {command.OPCODE: -1 if command.ENGINE is None else int(command.ENGINE) for command in COMMANDS}
    engine = np.array([engines[opcode] for opcode in program.commands[:, 0].tolist()], np.int64)
    offset, begun = np.zeros(len(engine), np.int64), 0
    for segment, cycles in zip((item for item in program.segments if item.count), spent, strict=True):
        offset[segment.first : segment.first + segment.count] = begun
        begun += cycles
    timing = Timing(
        total_cycles=begun,
        start=np.array(start, np.int64) + offset,
        end=np.array(end, np.int64) + offset,
        engine=engine,
        row=program.command_rows,
        busy=(),
        stalled=(),
        calls=(),
        segments=(),
    )
    return [int(count) for count in account(program, timing).cycles]


def compared_bytes(system: System) -> dict[str, int]:
    """Bytes of each memory that a co-simulation compares; scalar registers and sums are four bytes each."""
    accelerator = system.accelerator
    assert accelerator is not None
    return memory_bytes(system) | {
        "scratchpad": accelerator.scratchpad.size_bytes,
        "accumulators": 4 * accelerator.accumulators.entries * accelerator.array.columns,
        "registers": 4 * REGISTERS,
    }
