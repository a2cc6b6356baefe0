"""Screening held to the event machine, and its speed: ``python -m cosim.validate.screening`` (``make screening``).

Screens all points of ``explore-large`` with one workload at a time, measures the CPU time, and evaluates points drawn
at random on the event machine. Writes reports/results/screening.json and screening.md. Exits with 1 where screening is
further off than it may be.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from accel_models.container import write_atomic
from cosim.explore import funnel
from cosim.explore.evaluate import EVENT, evaluate, task
from cosim.explore.files import load_space
from cosim.explore.networks import Networks
from cosim.explore.screen import Screen
from cosim.explore.space import Space
from cosim.explore.store import Store
from cosim.validate.gemmini import ranks

RESULTS = Path(__file__).parents[2] / "reports" / "results"
SPACE, WORKLOADS, COUNT, SEED = "explore-large", ("resnet8", "kws"), 500, 1
METRICS = ("latency_ms", "energy_uj")
LOOPS = 20  # of the reference, before and after
MEDIAN, P95, RANK = 0.03, 0.10, 0.99  # of the errors, at most; of the rank correlation, at least


def measure(space: Space, count: int, seed: int) -> dict[str, Any]:
    """Speed and errors of screening a space of one workload.

    ``screened_per_s``, ``simulated_per_s``: points of this space per CPU-second of this process, tiling and compiling
    included; the network is prepared before. ``loop_ms``: the shortest CPU time of ``reports.bench.python_loop`` beside
    it. ``errors``: of each metric, |screened / event - 1| over the feasible ones
    of ``count`` points, and Spearman's rank correlation.
    """
    from reports.bench import own_seconds, python_loop

    networks = Networks(Store.in_memory(), seed=0, samples=0, report=lambda text: None)
    (workload,) = space.workloads
    networks.of(workload, space.options_at(space.point(0), workload))
    screen, size = Screen(space, networks), space.lattice.size
    loops = [own_seconds(python_loop) for _ in range(LOOPS)]
    begun = time.process_time()
    parts = [screen.screen(np.arange(start, min(size, start + funnel.PART))) for start in range(0, size, funnel.PART)]
    spent = time.process_time() - begun
    loops += [own_seconds(python_loop) for _ in range(LOOPS)]
    metrics = {name: np.concatenate([part.metrics[name] for part in parts]) for name in METRICS}
    chosen = np.random.default_rng(seed).choice(size, min(count, size), replace=False)
    begun = time.process_time()
    found = np.array([_event(space, networks, int(index)) for index in chosen])
    simulating = time.process_time() - begun
    return {
        "workload": workload.label,
        "points": size,
        "programs": screen.programs,
        "loop_ms": 1e3 * min(loops),
        "screened_per_s": size / spent,
        "simulated_per_s": len(chosen) / simulating,
        "compared": int((~np.isnan(found[:, 0])).sum()),
        "errors": {name: _errors(metrics[name][chosen], found[:, place]) for place, name in enumerate(METRICS)},
    }


def _event(space: Space, networks: Networks, index: int) -> tuple[float, ...]:
    """The metrics of a point at the event level; not-a-number where its system cannot run the workload."""
    (workload,) = space.workloads
    point = space.point(index)
    options = space.options_at(point, workload)
    lowered = networks.of(workload, options)
    answer = evaluate(task(lowered.hash, space.system_at(point), options.weights_in, EVENT), networks.data())
    if answer.broken:
        raise RuntimeError(f"point {index}: {answer.reason}")
    return tuple(answer.metrics[name] if answer.metrics else np.nan for name in METRICS)


def _errors(screened: np.ndarray, simulated: np.ndarray) -> dict[str, float]:
    if (np.isnan(screened) != np.isnan(simulated)).any():
        raise RuntimeError("screening and the event machine disagree on which points are feasible")
    usable = ~np.isnan(simulated)
    screened, simulated = screened[usable], simulated[usable]
    off = np.abs(screened / simulated - 1)
    return {
        "median": float(np.median(off)),
        "p95": float(np.quantile(off, 0.95)),
        "largest": float(off.max()),
        "rank_correlation": float(np.corrcoef(ranks(screened), ranks(simulated))[0, 1]),
    }


def holds(found: Sequence[dict[str, Any]]) -> bool:
    errors = [error for item in found for error in item["errors"].values()]
    return all(e["median"] <= MEDIAN and e["p95"] <= P95 and e["rank_correlation"] >= RANK for e in errors)


def page(found: Sequence[dict[str, Any]]) -> str:
    """The page in Markdown."""
    lines = [
        "# Screening beside the event machine",
        "",
        f"`make screening` (`python -m cosim.validate.screening`): all points of `{SPACE}` with one workload at a "
        f"time, on one core; errors over {COUNT} points drawn with seed {SEED}, without the infeasible ones. Screening "
        f"is held to a median error of {MEDIAN:.0%}, a 95th percentile of {P95:.0%} and a rank correlation of {RANK}.",
        "",
        "| workload | points | programs compiled | points screened per CPU-s | points simulated per CPU-s | ratio "
        "| 300,000 turns of a Python loop beside it |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for item in found:
        screened, simulated = item["screened_per_s"], item["simulated_per_s"]
        lines.append(
            f"| {item['workload']} | {item['points']:,} | {item['programs']} | {screened:,.0f} | {simulated:.1f} "
            f"| {screened / simulated:,.0f} | {item['loop_ms']:.1f} ms |"
        )
    lines += [
        "",
        "| workload, metric | points | median error | 95th percentile | largest | rank correlation |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for item in found:
        for name, error in item["errors"].items():
            lines.append(
                f"| {item['workload']}: {name} | {item['compared']} | {error['median']:.2%} | {error['p95']:.1%} "
                f"| {error['largest']:.1%} | {error['rank_correlation']:.4f} |"
            )
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m cosim.validate.screening", description=(__doc__ or "").split(":")[0]
    )
    parser.add_argument("--points", type=int, default=COUNT, help="to simulate (default %(default)s)")
    options = parser.parse_args(arguments)
    found = []
    for name in WORKLOADS:
        space = load_space(SPACE)
        one = tuple(item for item in space.workloads if item.label == name)
        found.append(measure(space.model_copy(update={"workloads": one}), options.points, SEED))
        print(json.dumps(found[-1]), flush=True)
    if options.points == COUNT:
        write_atomic(RESULTS / "screening.json", json.dumps(found, indent=1).encode() + b"\n")
        write_atomic(RESULTS / "screening.md", page(found).encode())
    return 0 if holds(found) else 1


if __name__ == "__main__":
    sys.exit(main())
