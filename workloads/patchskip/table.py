"""The Markdown page of the measurements."""

from collections.abc import Mapping, Sequence
from typing import Any

from workloads.patchskip.cells import CELLS, REAL_CLIPS, Cell
from workloads.patchskip.scenes import CAMERAS

Run = Mapping[str, Any]
LEARNED_MARGIN = 1.2
AGREEMENT = 0.99
"""Share of frames with the dense network's answer above which a run may be called its equal."""


def pareto(runs: Sequence[Run]) -> list[Run]:
    """Runs that no other one beats in gain and feature error, by rising error."""
    best: list[Run] = []
    for run in sorted(runs, key=lambda r: (r["error"], -r["gain"])):
        if not best or run["gain"] > best[-1]["gain"]:
            best.append(run)
    return best


def gain_at(runs: Sequence[Run], error: float) -> float | None:
    """The gain that the runs make at a feature error: on the upper hull of (error, gain).

    Two runs on the hull, taken in turn or with a threshold between theirs, make about what lies on the line between
    them; to take the best run below the error instead would let a gap between thresholds look like a gain of what lies
    in it. None where all runs are on one side.
    """
    hull: list[tuple[float, float]] = []
    for point in sorted((float(run["error"]), float(run["gain"])) for run in runs):
        while hull and (point[1] >= hull[-1][1] if point[0] == hull[-1][0] else _below(hull, point)):
            hull.pop()
        hull.append(point)
    for low, high in zip(hull, hull[1:], strict=False):
        if low[0] <= error <= high[0]:
            return low[1] + (error - low[0]) / (high[0] - low[0]) * (high[1] - low[1])
    return None


def _below(hull: Sequence[tuple[float, float]], point: tuple[float, float]) -> bool:
    """Whether the last point of a hull lies on or below the line from the one before to ``point``."""
    if len(hull) < 2:
        return False
    (x0, y0), (x1, y1), (x2, y2) = hull[-2], hull[-1], point
    return (y1 - y0) * (x2 - x0) <= (y2 - y0) * (x1 - x0)


def _percent(value: float | None, digits: int = 1) -> str:
    return "" if value is None else f"{100 * value:.{digits}f} %"


def _row(run: Run) -> str:
    task = " / ".join(_percent(run.get(name)) for name in ("presence", "count")) if "count" in run else ""
    parts = (
        f"x{run['gain']:.2f}",
        _percent(run["skip_ratio"]),
        _percent(run["overhead"], 2),
        _percent(run["error"], 2),
    )
    error_and_task = (
        *parts,
        _percent(run["last_error"], 2),
        task,
        _percent(run["agreement"]),
        str(run["whole_frames"]),
    )
    return f"| {run['cell']} | " + " | ".join(error_and_task) + " |"


def _clip(name: str, runs: Sequence[Run]) -> list[str]:
    order = {cell.name: k for k, cell in enumerate(CELLS)}
    dense = ", ".join(
        f"{r['backbone']} {_percent(r['dense_presence'])} / {_percent(r['dense_count'])}"
        for r in {r["backbone"]: r for r in runs if "dense_count" in r}.values()
    )
    front = {
        id(run)
        for backbone in {r["backbone"] for r in runs}
        for run in pareto([r for r in runs if r["backbone"] == backbone])
    }
    lines = [
        f"## {name}",
        "",
        f"{runs[0]['frames']} frames." + (f" Dense, presence / count: {dense}." if dense else ""),
    ]
    lines += ["", "| cell | gain | skipped | overhead | error | at the end | presence / count | agreement | whole |"]
    lines += ["|---|---:|---:|---:|---:|---:|---:|---:|---:|"]
    for run in sorted(runs, key=lambda r: order.get(r["cell"], len(order))):
        row = _row(run)
        lines.append(row.replace("| ", "| **", 1).replace(" | ", "** | ", 1) if id(run) in front else row)
    return [*lines, ""]


def _said(run: Run) -> str:
    return (
        f"x{run['gain']:.2f} ({run['cell']}; {_percent(run['agreement'])} of answers as dense, "
        f"error {_percent(run['error'])}, {_percent(run['last_error'])} at the end)"
    )


def _task_answers(clip: str, runs: Sequence[Run]) -> list[str]:
    """The best gain by the task's labels, and by agreement with dense: labels alone can flatter."""
    found = []
    near = [r for r in runs if "count" in r]
    near = [r for r in near if min(r["presence"] - r["dense_presence"], r["count"] - r["dense_count"]) >= -0.01]
    if near:
        best = max(near, key=lambda r: r["gain"])
        weak = (
            "; the dense network itself is right so seldom that this says little" if best["dense_count"] < 0.5 else ""
        )
        found.append(
            f"- {clip}, both task metrics within 1 point of dense or above: best {_said(best)}; "
            f"dense counts right in {_percent(best['dense_count'])}{weak}."
        )
    same = [r for r in runs if r["agreement"] >= AGREEMENT]
    if same:
        best = max(same, key=lambda r: r["gain"])
        found.append(f"- {clip}, at least {_percent(AGREEMENT, 0)} of answers as dense: best {_said(best)}.")
    return found


def _answers(clip: str, runs: Sequence[Run]) -> list[str]:
    """What the numbers say of the claims, for one clip."""
    exact = [run for run in runs if run["theta"] == 0 and run["gate"] == "none"]
    found = (
        [
            f"- {clip}, theta 0: {sum(r['codes_different'] for r in exact)} codes differ from dense, "
            f"best x{max(r['gain'] for r in exact):.2f}."
        ]
        if exact
        else []
    )
    found += _task_answers(clip, [r for r in runs if r["gate"] == "none" and r["backbone"] == "resnet8"])
    fixed = [r for r in runs if r["gate"] == "none" and r["backbone"] == "resnet8"]
    for run in (r for r in runs if r["gate"] != "none"):
        rival = gain_at(fixed, run["error"])
        if rival is None:
            found.append(
                f"- {clip}, {run['cell']}: x{run['gain']:.2f} at {_percent(run['error'])} error, beyond the thresholds "
                "that were run: nothing to compare with."
            )
        else:
            ratio = run["gain"] / rival
            found.append(
                f"- {clip}, {run['cell']}: x{run['gain']:.2f} against x{rival:.2f} of thresholds at the same error "
                f"(on the line between two): {ratio:.2f}, {'reached' if ratio >= LEARNED_MARGIN else 'short of'} "
                f"{LEARNED_MARGIN}."
            )
    return found


def expected(runs: Sequence[Run], cells: Sequence[Cell] = CELLS) -> list[tuple[str, str]]:
    """(cell, clip) of every run of a whole table: real clips are those that were run, or the table's own."""
    real = tuple(dict.fromkeys(str(run["clip"]) for run in runs if run["real"])) or REAL_CLIPS
    made = tuple(f"scene_{camera}" for camera in CAMERAS)
    return [(cell.name, clip) for cell in cells for clip in (real if cell.real else made)]


def _not_run(missing: Sequence[tuple[str, str]]) -> list[str]:
    """A line for each set of clips: the cells that lack just these."""
    clips: dict[tuple[str, bool], list[str]] = {}
    for cell, clip in missing:
        clips.setdefault((cell, clip.startswith("scene_")), []).append(clip)
    cells: dict[str, list[str]] = {}
    for (name, _), lacking in clips.items():
        cells.setdefault(", ".join(lacking), []).append(name)
    return [f"- on {lacking}: {'; '.join(names)}" for lacking, names in cells.items()]


def page(runs: Sequence[Run], outdated: Sequence[Run] = ()) -> str:
    """Every run by clip, the Pareto front in bold, what it says of the claims, and what was not run."""
    clips = list(dict.fromkeys(str(run["clip"]) for run in runs))
    wanted = expected(runs)
    done = {(str(run["cell"]), str(run["clip"])) for run in runs}
    missing = [pair for pair in wanted if pair not in done]
    lines = [
        "# Patch skip: work and error by policy, patch, threshold and gate",
        "",
        f"{len(wanted) - len(missing)} of {len(wanted)} runs. Without `--data` only generated scenes are run.",
        "",
        "Gain: dense multiply-accumulates over all that was charged, the halo, comparators, gates, masks and running",
        "sums included. Overhead is the charge without the convolutions, as a share of dense. Error: relative",
        "Euclidean distance of the last map to dense, mean over frames and over the last ten. Labels are derived",
        "(`workloads/README.md`). Agreement: frames with the dense network's answer, right or wrong. Whole: frames",
        "computed without skipping, the first included. Bold: no other row of that backbone has more gain at no more",
        "error. Gates were trained on generated scenes alone.",
        "",
        *(line for clip in clips for line in _clip(clip, [run for run in runs if run["clip"] == clip])),
        "## What the numbers say",
        "",
        *(line for clip in clips for line in _answers(clip, [run for run in runs if run["clip"] == clip])),
        "",
        f"The {len(runs)} runs took {sum(run['seconds'] for run in runs):.0f} s of one core.",
    ]
    if outdated:
        lines += ["", "Made by other sources or settings than today's:", ""]
        lines += [f"- {run['cell']} on {run['clip']}" for run in outdated]
    if missing:
        lines += ["", f"## Not run: {len(missing)} of {len(wanted)}", "", *_not_run(missing)]
    return "\n".join(lines) + "\n"
