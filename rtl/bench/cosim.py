"""Co-simulation: Programs on the RTL accelerator, every byte compared with golden, every counter with timing."""

import json
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from accel_models.batch import NOTHING_DECIDED, Batch, batches
from accel_models.golden import GoldenError, Machine
from accel_models.program import Program
from accel_models.timing import Timing, TimingError, simulate
from accel_models.work import Work, work_of
from rtl.bench import outcome
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
    job_folder,
    machine_of,
    memory_bytes,
)
from rtl.bench.outcome import CosimResult
from rtl.bench.recording import Recording
from rtl.bench.run import SimulationError
from rtl.bench.run import simulate as run_bench
from rtl.bench.support import need_rtl_of

BENCH = ("axi_memory", "axi_monitor", "waves", "bench_top")
# Bytes that the bench has of each memory at least: systems that differ in small memories only share a build.
_ROOM = {"flash": 1 << 22, "sram": 1 << 17, "external": 1 << 13}
_SPARE_CYCLES = 100_000  # allowed beyond any estimate
_SLOWEST = 40  # times slower than the event machine says, with stalls

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A program to co-simulate. ``inputs``: one invocation, [1, ...] by name."""

    program: Program
    inputs: Mapping[str, np.ndarray] = field(default_factory=dict)
    memory: MemorySettings = NOMINAL


@dataclass(frozen=True, slots=True)
class _Prediction:
    batches: tuple[Batch, ...]
    work: Work
    timing: Timing


@dataclass(frozen=True, slots=True)
class _Models:
    """What golden and the event machine say of a case; None where they refuse it."""

    prediction: _Prediction | None
    golden: Machine | None
    golden_error: str
    expected_error: str


def build_accelerator(program: Program, *, waves: bool = False) -> BlockBuild:
    """The bench for the program's system, built where it is not there yet; ``waves``: one that can record."""
    system, hw = program.system, program.system.accelerator
    need_rtl_of(system)
    assert hw is not None
    sizes = memory_bytes(system)
    room = {space: max(least, 1 << (sizes.get(space, 1) - 1).bit_length()) for space, least in _ROOM.items()}
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
            "ExternalBytes": room["external"],
        },
        sources=[*sources_of("accelerator"), *(RTL_DIR / "bench" / f"{name}.sv" for name in BENCH)],
        ports=("s_axil_*",),
        waves=waves,
    )


def cosimulate(
    program: Program,
    inputs: Mapping[str, np.ndarray],
    *,
    memory: MemorySettings = NOMINAL,
    recording: Recording | None = None,
    progress: Progress | None = None,
) -> CosimResult:
    """Run one invocation, ``inputs`` [1, ...] by name, on the RTL; compare it with golden and the event machine.

    ``recording``: waves to keep. ``progress`` gets a line of text now and then.
    Raises MissingToolError, BuildError, SimulationError (the simulator or an assertion of the design stopped), RtlError
    where nothing was recorded, and ValueError for a system that there is no RTL of.
    """
    say = progress or (lambda text: None)
    say("building the accelerator")
    begun = time.monotonic()
    build = build_accelerator(program, waves=recording is not None)
    built = time.monotonic()
    say("running on the accelerator")
    case = Case(program=program, inputs=inputs, memory=memory)
    (found,) = _start(build, [(case, _models(case))], say, recording)
    if isinstance(found, SimulationError):
        raise found
    return replace(found, build_s=built - begun)


def cosimulate_all(cases: Sequence[Case], *, progress: Progress | None = None) -> list[CosimResult | SimulationError]:
    """Run cases one after the other on one start of the simulator, each from power-on; all on the same accelerator.

    A case that stops the simulator gives its SimulationError, and the rest runs on another start. ``progress`` gets a
    line of text now and then. Raises MissingToolError, BuildError, and ValueError without a case or with several
    accelerators or buses.
    """
    if not cases:
        raise ValueError("cases: want at least one, got none")
    if len({(case.program.system.accelerator, case.program.system.bus) for case in cases}) != 1:
        raise ValueError("cases: want programs for one accelerator and bus, got several")
    build = build_accelerator(cases[0].program)
    models = [(case, _models(case)) for case in cases]
    found: list[CosimResult | SimulationError] = []
    while len(found) < len(cases):
        found += _start(build, models[len(found) :], progress or (lambda text: None))
    return found


def _start(
    build: BlockBuild, cases: Sequence[tuple[Case, _Models]], say: Progress, recording: Recording | None = None
) -> list[CosimResult | SimulationError]:
    """One start of the simulator: results of all cases, or of those up to the one that stopped it."""
    begun = time.monotonic()
    found: list[CosimResult | SimulationError] = []
    with tempfile.TemporaryDirectory(prefix="cosim-") as name:
        top = Path(name)
        for index, (case, model) in enumerate(cases):
            job_folder(top, index).mkdir()
            _job(case, model).save(job_folder(top, index))
        stopped: SimulationError | None = None
        draft = top / "waves.vcd"
        try:
            _run(build, top, say, recording.plusargs(draft) if recording else ())
        except SimulationError as error:
            stopped = error
        run_s = (time.monotonic() - begun) / len(cases)
        if recording is not None:
            recording.keep(draft)
        for index, (case, model) in enumerate(cases):
            folder = job_folder(top, index)
            if stopped is not None and not (folder / RESULT).exists():
                return [*found, stopped]
            found.append(_result(case, model, folder, run_s))
        if stopped is not None:  # after the last case
            raise stopped
    return found


def _models(case: Case) -> _Models:
    prediction: _Prediction | None = None
    golden: Machine | None = None
    golden_error = expected_error = ""
    decided = NOTHING_DECIDED
    try:
        golden = machine_of(case.program)
        decided = golden.decided
        golden.run(case.inputs)
    except GoldenError as error:
        golden, golden_error, expected_error = None, str(error), error.cause.name.lower()
    try:
        found = batches(case.program, decided)
        work = work_of(case.program, found)
        prediction = _Prediction(found, work, simulate(case.program, work=work))
    except TimingError as error:
        expected_error = expected_error or error.cause.name.lower()
    except ValueError:  # an illegal program: golden says why, and the RTL has to refuse it too
        pass
    return _Models(prediction, golden, golden_error, expected_error)


def _job(case: Case, models: _Models) -> Job:
    estimate = models.prediction.timing.total_cycles if models.prediction else 0
    factor = 2 if case.memory.is_systems else _SLOWEST
    limit = factor * estimate + _SPARE_CYCLES
    return Job(program=case.program, inputs=case.inputs, settings=case.memory, limit_cycles=limit)


def _result(case: Case, models: _Models, folder: Path, run_s: float) -> CosimResult:
    """What the testbench left in a job's folder, beside the models."""
    found = json.loads((folder / RESULT).read_text())
    with np.load(folder / MEMORIES) as archive:
        memories = {space: archive[space] for space in archive.files}
    events = np.loadtxt((folder / EVENTS).read_text().splitlines(), np.int64, ndmin=2).reshape(-1, 3)
    program, golden, said = case.program, models.golden, models.prediction
    cycles_said = said if case.memory.is_systems else None
    different, mismatches = outcome.compare(program, golden, memories) if golden else ({}, ())
    start, end = outcome.timeline(program, events)
    times = outcome.expected_timeline(program, cycles_said.timing, cycles_said.work) if cycles_said else ((), ())
    return CosimResult(
        program=program.name,
        system=program.system.name,
        settings=case.memory,
        cycles=tuple(item["cycles"] for item in found["segments"]),
        expected_cycles=outcome.segment_cycles(program, cycles_said.timing) if cycles_said else (),
        counters=found["counters"],
        expected=outcome.expected(program, said.timing, case.memory, said.batches) if said else {},
        bytes_different=different,
        mismatches=mismatches,
        start=start,
        end=end,
        expected_start=times[0],
        expected_end=times[1],
        error=outcome.error(found["segments"]),
        golden_error=models.golden_error,
        expected_error=models.expected_error,
        build_s=0.0,
        run_s=run_s,
    )


def _run(build: BlockBuild, folder: Path, say: Progress, arguments: Sequence[str] = ()) -> None:
    """The simulator; every line that the testbench writes to the progress file goes to ``say``."""
    ended = threading.Event()

    def watch() -> None:
        seen = 0
        while not ended.wait(0.5):
            lines = (folder / PROGRESS).read_text().splitlines() if (folder / PROGRESS).exists() else []
            for line in lines[seen:]:
                say(line)
            seen = len(lines)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        env = {JOB_VARIABLE: str(folder)}
        run_bench(build, "rtl.bench.cosim_job", test_dir=RTL_DIR.parent, env=env, arguments=arguments)
    finally:
        ended.set()
        watcher.join()
