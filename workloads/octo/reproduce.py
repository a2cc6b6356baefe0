"""Measure the accuracy table: `python -m workloads.octo.reproduce --help`.

Writes `octo_accuracy.json` after every run, so that a stopped measurement is resumed, and `octo_accuracy.md`.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

from workloads.arrays import load_arrays, save_text
from workloads.command import positive, stop_on_signals
from workloads.octo import networks, problem
from workloads.octo.cells import BATCH, CELLS, FAMILIES, TRIED_EPOCHS, TRIED_RATES, TRIED_SEED, Cell
from workloads.octo.training import Job, train

RESULTS = Path(__file__).parents[2] / "reports" / "results"
Run = dict[str, object]


class Measurements:
    """The runs done so far, on disk."""

    def __init__(self, path: Path, resume: bool) -> None:
        self.path = path
        self.runs: list[Run] = []
        if resume and path.exists():
            stored = json.loads(path.read_text())
            if not isinstance(stored, list):
                raise ValueError(f"{path} does not hold the runs of a table")
            self.runs = stored

    def find(self, name: str, seed: int, job: str) -> Run | None:
        """The run of this name and seed, if it was of the same job."""
        return next((r for r in self.runs if (r["name"], r["seed"], r["job"]) == (name, seed, job)), None)

    def add(self, run: Run) -> None:
        """Store a run, in place of an older one of its name and seed."""
        self.runs = [r for r in self.runs if (r["name"], r["seed"]) != (run["name"], run["seed"])] + [run]
        save_text(self.path, json.dumps(self.runs, indent=1) + "\n")

    def accuracies(self, name: str) -> list[float]:
        """Of all seeds; 0 for a run that ended with an error."""
        return [float(str(r["accuracy"])) for r in self.runs if r["name"] == name]


def measure(name: str, job: Job, done: Measurements, stopped: Callable[[], bool]) -> Run | None:
    """The stored run of a job, or a new one; None when it was stopped."""
    identity = job.identity()
    found = done.find(name, job.seed, identity)
    if found is not None:
        return found
    checkpoint = done.path.with_suffix(".checkpoint.npz")
    began, error, accuracy, lines = time.process_time(), "", 0.0, list[str]()
    resumed = checkpoint.exists() and str(load_arrays(checkpoint)["identity"]) == identity
    try:
        result = train(job, checkpoint, resumed, lines.append, stopped)
        if result is None:
            return None
        accuracy = float(str(result[1][-1]["accuracy"]))
    except ValueError as caught:  # a rate that is too high, or updates that all vanish: a result, not a failure
        error = str(caught)
    warnings = sum(line.startswith("warning") for line in lines)
    run: Run = {"name": name, "seed": job.seed, "accuracy": accuracy, "error": error, "warnings": warnings}
    seconds = None if resumed else round(time.process_time() - began, 2)  # a part says nothing about the whole
    run |= {"learning_rate": job.learning_rate, "seconds": seconds, "job": identity}
    checkpoint.unlink(missing_ok=True)
    done.add(run)
    print(f"{name}, seed {job.seed}: {accuracy:.4f} {error}", flush=True)
    return run


def _job(cell: Cell, learning_rate: float, seed: int, folder: Path | None) -> Job:
    network = networks.get(cell.network)
    data = problem.read(network, folder if cell.folder else None, None, cell.samples)
    return Job(network, data, cell.arithmetic, cell.epochs, BATCH, learning_rate, seed)


def chosen_rate(name: str, done: Measurements, stopped: Callable[[], bool]) -> float | None:
    """The best of the tried learning rates of a family, the lower of equal ones; None when it was stopped."""
    family = next(family for family in FAMILIES if family.name == name)
    scores = {}
    for rate in TRIED_RATES:
        tried = Cell(f"rate {rate} of {name}", family.network, family.arithmetic, name, epochs=TRIED_EPOCHS)
        run = measure(tried.name, _job(tried, rate, TRIED_SEED, None), done, stopped)
        if run is None:
            return None
        scores[rate] = float(str(run["accuracy"]))
    return max(TRIED_RATES, key=lambda rate: (scores[rate], -rate))


def _row(cell: Cell, done: Measurements) -> str:
    runs = [run for run in done.runs if run["name"] == cell.name]
    if not runs:
        return f"| {cell.name} | | | | {cell.earlier} | not run |"
    found = done.accuracies(cell.name)
    spread = statistics.stdev(found) if len(found) > 1 else 0.0
    score = f"{statistics.fmean(found):.3f} ± {spread:.3f}"
    rate, seconds = runs[0]["learning_rate"], _seconds(runs)
    time_text = f"{statistics.fmean(seconds):.1f}" if seconds else ""
    return f"| {cell.name} | {rate} | {score} | {len(found)} | {cell.earlier} | {time_text} |"


def _seconds(runs: list[Run]) -> list[float]:
    """Of the runs that were not interrupted."""
    return [float(str(run["seconds"])) for run in runs if run["seconds"] is not None]


def inequalities(done: Measurements) -> list[tuple[str, bool | None]]:
    """What the table was expected to show, and whether it does; None where a cell is missing."""

    def mean(name: str) -> float | None:
        found = done.accuracies(name)
        return statistics.fmean(found) if found else None

    def holds(test: Callable[..., bool], *names: str) -> bool | None:
        values = [mean(name) for name in names]
        return None if None in values else test(*values)

    three = [f"3-bit gradients, {kind}" for kind in ("stochastic", "PRC", "nearest")]
    low = [f"int8 store, {kind}, rate 0.01" for kind in ("nearest", "stochastic")]
    ten = [f"10 layers: int8 store, {kind}" for kind in ("nearest", "stochastic")]
    bits = [f"6 layers: int8 store, stochastic, {n} random bits" for n in (1, 4, 16)]
    close = [
        f"6 layers: {kind}" for kind in ("int8 store, pseudo-stochastic", "int8 store, stochastic, 16 random bits")
    ]
    lac = ["+ LAC per channel", "int8 forward + backward, nearest"]
    return [
        (
            "int8 forward + backward is within 1.5 points of FP32",
            holds(lambda a, b: abs(a - b) < 0.015, "int8 forward + backward, nearest", "FP32"),
        ),
        ("3-bit gradients: stochastic > PRC > nearest", holds(lambda a, b, c: a > b > c, *three)),
        (
            "at rate 0.01, the int8 store with nearest is 10 points below stochastic",
            holds(lambda a, b: a + 0.1 < b, *low),
        ),
        (
            "at rate 0.01, the int8 store with stochastic is within 1.5 points of FP32, or above",
            holds(lambda a, b: a > b - 0.015, low[1], "FP32, rate 0.01"),
        ),
        ("10 layers: the int8 store with nearest is 10 points below stochastic", holds(lambda a, b: a + 0.1 < b, *ten)),
        ("6 layers: 1 random bit is 10 points below 16", holds(lambda a, b, c: a + 0.1 < c, *bits)),
        ("6 layers: 4 random bits are within 1.5 points of 16", holds(lambda a, b, c: b > c - 0.015, *bits)),
        (
            "6 layers: pseudo-stochastic is within 1.5 points of 16 random bits",
            holds(lambda a, b: a > b - 0.015, *close),
        ),
        ("LAC per channel gains", holds(lambda a, b: a > b, *lac)),
        ("LAC gains at W3A3", holds(lambda a, b: a > b, "W3A3 forward + LAC", "W3A3 forward")),
    ]


def table(done: Measurements) -> str:
    """The Markdown page."""
    answers = {True: "yes", False: "**no**", None: "not measured"}
    seconds = _seconds(done.runs)
    lines = [
        "Accuracy of integer training on the test set: mean ± deviation over seeds, and processor seconds of a run.",
        "",
        "Unless a row says otherwise: `digits-cnn` on scikit-learn's digits (8x8 pixels, 1200 for training, 597 for",
        "the test), 12 epochs of SGD at a constant rate, batch 50; the last epoch counts. Earlier figures: networks",
        "of the same kind, another program.",
        "",
        "| setting | rate | accuracy | seeds | earlier | seconds |",
        "|---|---:|---:|---:|---:|---:|",
        *(_row(cell, done) for cell in CELLS),
        "",
        "Expected, and found:",
        "",
        *(f"- {text}: {answers[answer]}" for text, answer in inequalities(done)),
        "",
        f"Learning rates: the best after {TRIED_EPOCHS} epochs with seed {TRIED_SEED}.",
        "",
        "| family | " + " | ".join(map(str, TRIED_RATES)) + " |",
        "|---|" + "---:|" * len(TRIED_RATES),
    ]
    for family in FAMILIES:
        scores = [done.accuracies(f"rate {rate} of {family.name}") for rate in TRIED_RATES]
        lines.append(f"| {family.name} | " + " | ".join(f"{s[0]:.3f}" if s else "" for s in scores) + " |")
    failed = sorted({f"{run['name']}: {run['error']}" for run in done.runs if run["error"]})
    lines += [
        "",
        *(f"- {text}" for text in failed),
        "",
        f"The {len(seconds)} runs that were not interrupted took {sum(seconds):.0f} s of one core.",
    ]
    return "\n".join(lines) + "\n"


def _measure_all(options: argparse.Namespace, done: Measurements, stopped: Callable[[], bool]) -> bool:
    """Every run that is missing, seed by seed; whether it came to the end."""
    for seed in range(options.seeds):
        for cell in CELLS:
            if options.only not in cell.name or (cell.folder and options.data is None):
                continue
            if cell.seeds is not None and seed >= cell.seeds:
                continue
            rate = cell.learning_rate
            if rate is None:
                rate = chosen_rate(cell.family, done, stopped)
            if rate is None:
                return False
            if measure(cell.name, _job(cell, rate, seed, options.data), done, stopped) is None:
                return False
    return True


def main(arguments: list[str] | None = None) -> int:
    """Measure what is missing and write both files; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m workloads.octo.reproduce", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--seeds", type=positive, default=3, metavar="N", help="default: 3")
    parser.add_argument("--data", type=Path, metavar="DIR", help="also train octo-cnn on the data set in this folder")
    parser.add_argument("--only", default="", metavar="TEXT", help="cells whose name holds this text")
    parser.add_argument("--out", type=Path, default=RESULTS, metavar="DIR", help="default: reports/results here")
    parser.add_argument("--resume", action="store_true", help="keep the runs that are there")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    try:
        options.out.mkdir(parents=True, exist_ok=True)
        done = Measurements(options.out / "octo_accuracy.json", options.resume)
        with stop_on_signals() as stopped:
            complete = _measure_all(options, done, stopped)
        save_text(options.out / "octo_accuracy.md", table(done))
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0 if complete else 130


if __name__ == "__main__":
    sys.exit(main())
