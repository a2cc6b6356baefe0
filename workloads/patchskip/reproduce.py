"""Measure policies, patches, thresholds and gates on clips: `python -m workloads.patchskip.reproduce --help`.

Runs are spread over worker processes of one thread each, so what they find does not depend on their number. Writes
`patchskip.json` after every run, so that a stopped measurement is resumed, and `patchskip.md`.
"""

import argparse
import multiprocessing
import os
import sys
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workloads.arrays import save_text
from workloads.command import positive, stop_on_signals
from workloads.patchskip import identity, worker
from workloads.patchskip.cells import CELLS, Cell
from workloads.patchskip.results import Measurements, gate_name
from workloads.patchskip.table import page

RESULTS = Path(__file__).parents[2] / "reports" / "results"


@dataclass(frozen=True, slots=True)
class Work:
    """A run of a cell on a clip or, with no clip, the training of the cell's gate."""

    cell: Cell
    data: Path | None
    frames: int | None
    clip: str = ""


def plan(options: argparse.Namespace, done: Measurements, say: Callable[[str], None]) -> list[Work]:
    """What is missing, in the order of the cells, each training before its first run."""
    missing: list[Work] = []
    trained: set[str] = set()
    places = {False: None, True: options.data}
    for cell in CELLS:
        if options.only not in cell.name or (cell.real and options.data is None):
            continue
        for name, (clip, counts) in worker.clips_of(places[cell.real], options.frames).items():
            stored = done.find(cell, name)
            if stored and done.is_current(stored, cell, identity.of_clip(clip, counts)):
                continue
            if stored:
                say(f"{cell.name} on {name}: stored with other sources, settings or frames; measured again")
            if not done.has_gate(cell) and gate_name(cell) not in trained:
                trained.add(gate_name(cell))
                missing.append(Work(cell, None, None))
            missing.append(Work(cell, places[cell.real], options.frames, name))
    return missing


def _submit(pool: Executor, work: Work, done: Measurements) -> "Future[dict[str, Any]]":
    if not work.clip:
        return pool.submit(worker.train, work.cell, done.pass_path(work.cell))
    gate = done.gates[gate_name(work.cell)]["sites"] if work.cell.gate == "learned" else done.pass_path(work.cell)
    return pool.submit(worker.run, work.cell, work.data, work.frames, work.clip, gate)


def _keep(work: Work, found: dict[str, Any], done: Measurements, say: Callable[[str], None]) -> None:
    if work.clip:
        done.add(found)
        say(f"{work.cell.name} on {work.clip}: x{found['gain']:.2f} at error {found['error']:.4f}")
    elif work.cell.gate == "learned":
        done.add_gate(work.cell, found)


def carry_out(
    missing: list[Work], done: Measurements, jobs: int, stopped: Callable[[], bool], say: Callable[[str], None]
) -> bool:
    """Work through the list in `jobs` processes; whether it came to the end. What was begun is finished and kept."""
    waiting, running = list(missing), dict["Future[dict[str, Any]]", Work]()
    context = multiprocessing.get_context("spawn")  # a fork of PyTorch's threads may hang
    with ProcessPoolExecutor(jobs, context, initializer=worker.start) as pool:
        while waiting or running:
            while len(running) < jobs and not stopped():
                ready = next((w for w in waiting if not w.clip or done.has_gate(w.cell)), None)
                if ready is None:
                    break
                waiting.remove(ready)
                running[_submit(pool, ready, done)] = ready
            if not running:
                break
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                _keep(running.pop(future), future.result(), done, say)
    return not waiting


def _say(line: str) -> None:
    print(line, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m workloads.patchskip.reproduce", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--data", type=Path, metavar="DIR", help="folder of clips; without it, generated scenes alone")
    parser.add_argument("--frames", type=positive, metavar="N", help="of each clip; default: all, 48 of a scene")
    parser.add_argument("--only", default="", metavar="TEXT", help="cells whose name holds this text")
    parser.add_argument("--jobs", type=positive, default=os.cpu_count() or 1, metavar="N", help="default: every core")
    parser.add_argument("--out", type=Path, default=RESULTS, metavar="DIR", help="default: reports/results here")
    parser.add_argument("--resume", action="store_true", help="keep the runs of the same sources and settings")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Measure what is missing and write both files; returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        options.out.mkdir(parents=True, exist_ok=True)
        done = Measurements(options.out / "patchskip.json", options.resume)
        with stop_on_signals() as stopped:
            complete = carry_out(plan(options, done, _say), done, options.jobs, stopped, _say)
        save_text(options.out / "patchskip.md", page(done.runs, done.outdated()))
    except BrokenProcessPool:
        print("error: a worker process was killed; what was measured is kept, --resume goes on", file=sys.stderr)
        return 1
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0 if complete else 130


if __name__ == "__main__":
    sys.exit(main())
