"""Measure policies, patches, thresholds and gates on clips: `python -m workloads.patchskip.reproduce --help`.

Writes `patchskip.json` after every run, so that a stopped measurement is resumed, and `patchskip.md`.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path

import torch

from workloads.arrays import save_text
from workloads.command import positive, stop_on_signals
from workloads.patchskip import problem
from workloads.patchskip.cells import CELLS, GATE_PATCH, GATE_STEPS, PASS_BATCH, PASS_STEPS, Cell
from workloads.patchskip.comparator import Gate
from workloads.patchskip.gate_training import train_gates, train_pass
from workloads.patchskip.gates import IntegerGate
from workloads.patchskip.integer import Network
from workloads.patchskip.measure import Reference, measure, reference
from workloads.patchskip.pass_gate import FloatPassGate
from workloads.patchskip.stream import Stream
from workloads.patchskip.table import page

RESULTS = Path(__file__).parents[2] / "reports" / "results"
Run = dict[str, object]


class Measurements:
    """Runs by cell and clip, and trained gates, on disk."""

    def __init__(self, path: Path, resume: bool) -> None:
        self.path = path
        self.runs: list[Run] = []
        self.gates: dict[str, dict[str, dict[str, object]]] = {}
        if resume and path.exists():
            stored = json.loads(path.read_text())
            if not isinstance(stored, dict) or stored.keys() != {"runs", "gates"}:
                raise ValueError(f"{path} does not hold the runs of a table")
            self.runs, self.gates = stored["runs"], stored["gates"]

    def find(self, cell: str, clip: str, frames: int) -> Run | None:
        """The run of a cell on a clip of so many frames."""
        key = (cell, clip, frames)
        return next((run for run in self.runs if (run["cell"], run["clip"], run["frames"]) == key), None)

    def save(self) -> None:
        save_text(self.path, json.dumps({"runs": self.runs, "gates": self.gates}, indent=1) + "\n")

    def add(self, run: Run) -> None:
        """Store a run, in place of an older one of its cell and clip."""
        self.runs = [r for r in self.runs if (r["cell"], r["clip"]) != (run["cell"], run["clip"])] + [run]
        self.save()


class Bench:
    """Networks, dense references and gates, made when a cell first needs them."""

    def __init__(self, done: Measurements) -> None:
        self.done = done
        self.network = lru_cache(problem.network)
        self._dense: dict[tuple[str, str], Reference] = {}
        self._pass: FloatPassGate | None = None

    def dense(self, backbone: str, labelled: problem.Labelled) -> Reference:
        key = (backbone, labelled[0].name)
        if key not in self._dense:
            self._dense[key] = reference(self.network(backbone), *labelled)
        return self._dense[key]

    def gates(self, cell: Cell) -> Mapping[str, Gate]:
        """None for a threshold; the learned ones are trained once and stored with the runs."""
        if cell.gate == "none":
            return {}
        net = self.network(cell.backbone)
        if cell.gate == "pass":
            return {net.input.layer.name: self.pass_gate(net)}
        name = f"{cell.backbone} {cell.target:g}"
        if name not in self.done.gates:
            _, trained = train_gates(problem.gate_job(net, GATE_PATCH, cell.target, GATE_STEPS), print)
            self.done.gates[name] = {site: asdict(gate) for site, gate in trained.items()}
            self.done.save()
        return {site: _gate(fields) for site, fields in self.done.gates[name].items()}

    def pass_gate(self, net: Network) -> FloatPassGate:
        if self._pass is None:
            self._pass = FloatPassGate(
                train_pass(problem.gate_job(net, GATE_PATCH, 0.5, PASS_STEPS, PASS_BATCH), print)
            )
        return self._pass


def _gate(fields: Mapping[str, object]) -> IntegerGate:
    """From JSON: lists become tuples."""
    frozen = json.loads(json.dumps(fields))
    hidden = tuple(tuple(row) for row in frozen["hidden"])
    return IntegerGate(hidden, tuple(frozen["bias"]), frozen["shift"], tuple(frozen["last"]), frozen["last_bias"])


def _measure_all(options: argparse.Namespace, done: Measurements, stopped: Callable[[], bool]) -> bool:
    """Every run that is missing; whether it came to the end."""
    bench = Bench(done)
    scenes = problem.sources(None, None, options.frames)
    real = problem.sources(options.data, None, options.frames) if options.data else []
    for cell in CELLS:
        for labelled in real if cell.real else scenes:
            clip = labelled[0]
            if options.only not in cell.name or done.find(cell.name, clip.name, len(clip.frames)):
                continue
            if stopped():
                return False
            began = time.process_time()
            stream = Stream(bench.network(cell.backbone), cell.settings(), bench.gates(cell))
            values = measure(stream, clip, bench.dense(cell.backbone, labelled))
            seconds = round(time.process_time() - began, 1)
            done.add({"cell": cell.name, **asdict(cell), "clip": clip.name, "seconds": seconds, **values})
            print(f"{cell.name} on {clip.name}: x{values['gain']:.2f} at error {values['error']:.4f}", flush=True)
    return True


def main(arguments: list[str] | None = None) -> int:
    """Measure what is missing and write both files; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m workloads.patchskip.reproduce", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--data", type=Path, metavar="DIR", help="folder of clips; without it, generated scenes alone")
    parser.add_argument("--frames", type=positive, metavar="N", help="of each clip; default: all, 48 of a scene")
    parser.add_argument("--only", default="", metavar="TEXT", help="cells whose name holds this text")
    parser.add_argument("--threads", type=positive, default=1, metavar="N", help="default: 1")
    parser.add_argument("--out", type=Path, default=RESULTS, metavar="DIR", help="default: reports/results here")
    parser.add_argument("--resume", action="store_true", help="keep the runs that are there")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    try:
        options.out.mkdir(parents=True, exist_ok=True)
        done = Measurements(options.out / "patchskip.json", options.resume)
        with stop_on_signals() as stopped:
            complete = _measure_all(options, done, stopped)
        save_text(options.out / "patchskip.md", page(done.runs))
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0 if complete else 130


if __name__ == "__main__":
    sys.exit(main())
