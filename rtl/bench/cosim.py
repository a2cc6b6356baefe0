"""Co-simulation: a Program on the RTL accelerator, every byte compared with golden, every counter with timing."""

import json
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from accel_models import batch, counts
from accel_models.commands import COMMANDS, Engine, Load, Store
from accel_models.cost import Hardware
from accel_models.golden import GoldenError, Machine
from accel_models.program import Program
from accel_models.registers import Counter, ErrorCause, busy, stalled
from accel_models.timing import Timing, TimingError, simulate
from rtl.bench.build import RTL_DIR, BlockBuild, build_block, sources_of
from rtl.bench.job import (
    EVENTS,
    JOB_VARIABLE,
    MEMORIES,
    NOMINAL,
    PROGRESS,
    RESULT,
    Job,
    MemorySettings,
    machine_of,
    memory_bytes,
)
from rtl.bench.run import simulate as run_bench

BENCH = ("axi_memory", "axi_monitor", "bench_top")
_SPARE_CYCLES = 100_000  # allowed beyond any estimate
_SLOWEST = 40  # times slower than the event machine says, with stalls

Progress = Callable[[str], None]


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
    ``start``, ``end``: of every command, in cycles of its segment, end exclusive, -1 where it did not; End has none.
    ``bytes_different``: by memory; scalar registers count as four bytes each. ``error``: the cause that stopped the
    RTL, "timeout", or "". ``golden_error``: why golden refuses the program, or ""; then no bytes are compared.
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
    error: str
    golden_error: str
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


def build_accelerator(program: Program) -> BlockBuild:
    """The bench for the program's system, built where it is not there yet."""
    system, hw = program.system, program.system.accelerator
    if hw is None:
        raise ValueError(f"system {system.name} has no accelerator: there is nothing to co-simulate")
    room = {space: max(1 << 12, 1 << (size - 1).bit_length()) for space, size in memory_bytes(system).items()}
    return build_block(
        "bench_top",
        parameters={
            "Rows": hw.array.rows,
            "Columns": hw.array.columns,
            "PadBytes": hw.scratchpad.size_bytes,
            "Banks": hw.scratchpad.banks,
            "Entries": hw.accumulators.entries,
            "BusBytes": system.bus.bytes_per_cycle,
            "QueueDepth": hw.queue_depth,
            "TokenDepth": hw.token_depth,
            "MultW": hw.multiplier_bits,
            "DmaSetup": hw.dma.setup_cycles,
            "MaxBurst": hw.dma.max_burst_beats,
            "FlashBytes": room["flash"],
            "SramBytes": room["sram"],
            "ExternalBytes": room.get("external", 1 << 12),
        },
        sources=[*sources_of("accelerator"), *(RTL_DIR / "bench" / f"{name}.sv" for name in BENCH)],
        ports=("s_axil_*",),
    )


def cosimulate(
    program: Program,
    inputs: Mapping[str, np.ndarray],
    *,
    memory: MemorySettings = NOMINAL,
    progress: Progress | None = None,
) -> CosimResult:
    """Run one invocation, ``inputs`` [1, ...] by name, on the RTL; compare it with golden and the event machine.

    ``progress`` gets a line of text now and then.
    Raises MissingToolError, BuildError, SimulationError (the simulator or an assertion of the design stopped) and
    ValueError for a system without an accelerator.
    """
    say = progress or (lambda text: None)
    say("building the accelerator")
    begun = time.monotonic()
    build = build_accelerator(program)
    built = time.monotonic()
    timing, golden_error = _timing(program), ""
    golden: Machine | None = None
    try:
        golden = machine_of(program)
        golden.run(inputs)
    except GoldenError as error:
        golden_error = str(error)
    estimate = timing.total_cycles if timing else 0
    factor = 2 if memory.is_systems else _SLOWEST
    job = Job(program=program, inputs=inputs, settings=memory, limit_cycles=factor * estimate + _SPARE_CYCLES)
    with tempfile.TemporaryDirectory(prefix="cosim-") as name:
        folder = Path(name)
        job.save(folder)
        _run(build, folder, say)
        found = json.loads((folder / RESULT).read_text())
        with np.load(folder / MEMORIES) as archive:
            memories = {space: archive[space] for space in archive.files}
        events = np.loadtxt(folder / EVENTS, np.int64, ndmin=2)
    segments = found["segments"]
    different, mismatches = _compare(program, golden, memories) if golden and not golden_error else ({}, ())
    start, end = _timeline(program, events)
    return CosimResult(
        program=program.name,
        system=program.system.name,
        settings=memory,
        cycles=tuple(item["cycles"] for item in segments),
        expected_cycles=_segment_cycles(program, timing) if timing and memory.is_systems else (),
        counters=found["counters"],
        expected=_expected(program, timing, memory) if timing else {},
        bytes_different=different,
        mismatches=mismatches,
        start=start,
        end=end,
        error=_error(segments),
        golden_error=golden_error,
        build_s=built - begun,
        run_s=time.monotonic() - built,
    )


def _timing(program: Program) -> Timing | None:
    try:
        return simulate(program)
    except (TimingError, ValueError):  # an illegal program: the RTL has to refuse it too
        return None


def _run(build: BlockBuild, folder: Path, say: Progress) -> None:
    """The simulator, with a line of progress whenever the testbench wrote one."""
    ended = threading.Event()

    def watch() -> None:
        seen = 0
        while not ended.wait(0.5):
            lines = (folder / PROGRESS).read_text().splitlines() if (folder / PROGRESS).exists() else []
            for line in lines[seen:]:
                cycles, commands, of = line.split()
                say(f"cycle {int(cycles):,}: {commands} of {of} commands")
            seen = len(lines)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        run_bench(build, "rtl.bench.cosim_job", test_dir=RTL_DIR.parent, env={JOB_VARIABLE: str(folder)})
    finally:
        ended.set()
        watcher.join()


def _timeline(program: Program, events: np.ndarray) -> tuple[tuple[int, ...], tuple[int, ...]]:
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


def _error(segments: list[dict[str, int]]) -> str:
    for item in segments:
        if item["cycles"] < 0:
            return "timeout"
        if item["cause"]:
            return ErrorCause(item["cause"]).name.lower()
    return ""


def _segment_cycles(program: Program, timing: Timing) -> tuple[int, ...]:
    spans = zip(program.segments, timing.segments, strict=True)
    return tuple(stop - start for segment, (start, stop) in spans if segment.count)


def _expected(program: Program, timing: Timing, memory: MemorySettings) -> dict[str, int]:
    """What the models say about the counters; cycles and stalls where the memories are the system's."""
    accelerator = program.system.accelerator
    assert accelerator is not None
    found = batch.batches(program)
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
        values[Counter.CYCLES] = sum(_segment_cycles(program, timing))
    for engine in Engine:
        if memory.is_systems or engine in (Engine.MATRIX, Engine.VECTOR):
            values[busy(engine)] = timing.busy[engine]
        if memory.is_systems:
            values[stalled(engine)] = timing.stalled[engine]
    return {counter.name.lower(): int(values[counter]) for counter in Counter if counter in values}


def _compare(
    program: Program, golden: Machine, memories: Mapping[str, np.ndarray]
) -> tuple[dict[str, int], tuple[Mismatch, ...]]:
    state = golden.state
    want = {space: data[0] for space, data in state.bus.items() if space in memories}
    want["scratchpad"] = state.scratchpad[0]
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
