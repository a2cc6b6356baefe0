"""Speed of the tool itself: ``python -m reports.bench`` writes reports/results/speed.json and speed.md.

Seconds say little about another machine, so each benchmark also stands as a ratio to a reference workload that ran
beside it in the same process: a pure Python loop for what the interpreter does, float32 matrix products for what NumPy
does. Every time is CPU time (user and system) of one thread, the best of several.
"""

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"  # read once, when numpy or torch is imported: speed per core

import json  # noqa: E402
import platform  # noqa: E402
import resource  # noqa: E402
import subprocess  # noqa: E402
import sys  # noqa: E402
import tempfile  # noqa: E402
import time  # noqa: E402
from collections.abc import Callable, Mapping  # noqa: E402
from dataclasses import asdict, dataclass  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import TYPE_CHECKING  # noqa: E402

import numpy as np  # noqa: E402

from accel_models.container import write_atomic  # noqa: E402

if TYPE_CHECKING:
    from accel_models.network import Network

RESULTS = Path(__file__).parent / "results"
WORKLOAD, SYSTEM = "resnet8", "edge16"
_LOOP, _PRODUCTS, _SIZE, _IMAGES = 300_000, 20, 256, 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """``seconds``: CPU time, the best of ``repeats``; ``ratio``: to ``reference``; ``wanted``: a bound on ``value``."""

    name: str
    value: float
    unit: str
    wanted: str
    reached: bool
    seconds: float
    ratio: float
    reference: str
    repeats: int


@dataclass(frozen=True, slots=True)
class _Job:
    """``run`` returns the CPU seconds of one repetition; ``per_second`` work items in it make ``value`` a rate."""

    name: str
    run: Callable[[], float]
    reference: str
    limit: float
    repeats: int
    items: int = 0


def python_loop() -> None:
    """What the interpreter does: integer arithmetic in a loop, 300,000 times."""
    total = 0
    for i in range(_LOOP):
        total += i & 7


def matrix_products() -> None:
    """What NumPy does: 20 products of two 256 x 256 float32 matrices."""
    a = np.full((_SIZE, _SIZE), 0.5, np.float32)
    for _ in range(_PRODUCTS):
        a @ a


_REFERENCES: dict[str, Callable[[], None]] = {"python loop": python_loop, "matrix products": matrix_products}


def own_seconds(work: Callable[[], object]) -> float:
    """CPU seconds of this process for one call."""
    began = time.process_time()
    work()
    return time.process_time() - began


def child_seconds(*arguments: str) -> float:
    """CPU seconds of ``python -m cosim`` with these arguments; raises CalledProcessError where it fails."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-m", "cosim", *arguments], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measure(job: _Job) -> Measurement:
    """The job and its reference in turn, each time the best."""
    reference = _REFERENCES[job.reference]
    reference()
    best, beside = float("inf"), float("inf")
    for _ in range(job.repeats):
        beside = min(beside, own_seconds(reference))
        best = min(best, job.run())
        beside = min(beside, own_seconds(reference))
    value = job.items / best if job.items else best
    return Measurement(
        name=job.name,
        value=value,
        unit="images/s per core" if job.items else "s",
        wanted=f"at least {job.limit:g}" if job.items else f"at most {job.limit:g}",
        reached=value >= job.limit if job.items else value <= job.limit,
        seconds=best,
        ratio=best / beside,
        reference=job.reference,
        repeats=job.repeats,
    )


@dataclass(frozen=True, slots=True)
class _Front:
    """``network``, and arrays of ``_IMAGES`` random invocations in the caller's axis order, by input."""

    network: "Network"
    inputs: Mapping[str, np.ndarray]


def front_end() -> _Front:
    """ResNet-8 from its PyTorch model: loaded, traced, quantized on real data and lowered."""
    from accel_models.network import Network
    from cosim.bind import network_of
    from cosim.options import Options

    found = network_of(WORKLOAD, Options(), lambda stage: None)
    assert not isinstance(found, Network)
    random = np.random.default_rng(0)
    shapes = {name: array.shape for name, array in found.inputs.items()}
    return _Front(
        found.network, {name: random.standard_normal((_IMAGES, *shape), np.float32) for name, shape in shapes.items()}
    )


def jobs(front: _Front, file: Path) -> list[_Job]:
    """All benchmarks; ``file`` gets the compiled program."""
    from accel_models.golden.machine import run_program
    from accel_models.program import Program
    from accel_models.system import load_system
    from cosim.encode import compile_network
    from cosim.run import run

    system = load_system(SYSTEM)
    program = compile_network(front.network, system, "auto")
    program.save(file)

    def front_seconds() -> float:
        return own_seconds(front_end)

    def event_machine() -> float:
        fresh = Program.load(file)  # nothing decoded yet
        return own_seconds(lambda: run(fresh))

    return [
        _Job("cosim --help, whole process", lambda: child_seconds("--help"), "python loop", 0.3, 5),
        _Job("event machine, compiled ResNet-8, in process", event_machine, "python loop", 0.5, 5),
        _Job("cosim run FILE.program, whole process", lambda: child_seconds("run", str(file)), "python loop", 1.0, 3),
        _Job(
            "golden, ResNet-8, in process",
            lambda: own_seconds(lambda: run_program(program, front.inputs)),
            "matrix products",
            100,
            3,
            _IMAGES,
        ),
        _Job(
            "compiling ResNet-8 from network to program, in process",
            lambda: own_seconds(lambda: compile_network(front.network, system, "auto")),
            "python loop",
            10,
            3,
        ),
        _Job("tracing, quantizing and lowering ResNet-8, in process", front_seconds, "python loop", 10, 2),
        _Job(
            "cosim compile resnet8, whole process",
            lambda: child_seconds("compile", WORKLOAD, "--system", SYSTEM, "-o", str(file.with_name("again.program"))),
            "python loop",
            10,
            2,
        ),
    ]


def table(measurements: list[Measurement]) -> str:
    """Markdown."""
    lines = [
        "# Speed of the tool",
        "",
        "Written by `make bench` (`python -m reports.bench`). CPU time of one thread, the best of several; ratios are",
        f"to what ran beside it: {_LOOP:,} turns of a Python loop, or {_PRODUCTS} float32 matrix products of {_SIZE}³.",
        "",
        "| benchmark | measured | wanted | reached | ratio to reference |",
        "|---|---|---|---|---|",
    ]
    for item in measurements:
        lines.append(
            f"| {item.name} | {item.value:.3g} {item.unit} | {item.wanted} | {'yes' if item.reached else 'no'} |"
            f" {item.ratio:.3g} × {item.reference} |"
        )
    return "\n".join(lines) + "\n"


def write(measurements: list[Measurement], folder: Path) -> None:
    """Both files, each whole or not at all."""
    versions = {"python": platform.python_version(), "numpy": np.__version__, "machine": platform.machine()}
    data = {"versions": versions, "measurements": [asdict(item) for item in measurements]}
    write_atomic(folder / "speed.json", (json.dumps(data, indent=1, sort_keys=True) + "\n").encode())
    write_atomic(folder / "speed.md", table(measurements).encode())


def main() -> int:
    """Measure everything; 0 when every bound is reached."""
    front, found = front_end(), []
    with tempfile.TemporaryDirectory() as folder:
        for job in jobs(front, Path(folder) / f"{WORKLOAD}.program"):
            found.append(measure(job))
            print(f"{found[-1].name}: {found[-1].value:.3g} {found[-1].unit}", file=sys.stderr)
    RESULTS.mkdir(exist_ok=True)
    write(found, RESULTS)
    print(table(found), end="")
    return int(not all(item.reached for item in found))


if __name__ == "__main__":
    sys.exit(main())
