"""``cosim validate``: cycles of the RTL against the models, and with ``--reference`` published measurements."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cosim.cli.output import Progress, check_places, need_folder, write_all, write_result
from cosim.cli.rtl import regression
from cosim.validate import Comparison, cycles, gemmini, peers, published
from cosim.validate.gemmini import FILE as LAYERS


def execute(arguments: argparse.Namespace) -> int:
    """0 when every check holds within its bound."""
    check_places(arguments)
    stream = sys.stderr if arguments.json == "-" else sys.stdout
    reference = need_folder(arguments.reference, "published measurements")
    comparisons = published(reference) if reference else []
    progress = Progress()
    others, well = _others(reference, progress)
    progress.done()
    print("RTL: values against golden, cycles against the cost model", file=stream)
    rtl = regression(jobs=2, keyword="matrix", stream=stream)
    print("cycle errors of the event machine against the RTL", file=stream)
    errors = cycles.measure(progress)
    progress.done()
    for line in (*cycles.tables(errors), "", *_table(comparisons), "", *_gemmini_table(others["gemmini"])):
        print(line, file=stream)
    for line in (*_peers_table(others["peers"]), *(f"{what}: {why}" for what, why in others["skips"].items())):
        print(line, file=stream)
    published_rows = [_plain(item) for item in comparisons]
    result: dict[str, Any] = {"rtl": rtl, "cycle_errors": errors, "published": published_rows, **others}
    write_result(result, arguments)
    if arguments.out:
        from reports import validation

        write_all({Path(arguments.out) / "validate.html": validation.page(result).encode()})
    well = well and cycles.holds(errors) and all(item.holds for item in comparisons)
    return int(rtl["failed"] > 0 or rtl["tests"] == 0 or not well)


def _others(reference: Path | None, report: Callable[[str], None]) -> tuple[dict[str, Any], bool]:
    """Gemmini's RTL and the peers, as plain data with the reasons of what is skipped; whether the former holds."""
    found: dict[str, Any] = {"gemmini": None, "peers": None, "skips": {}}
    if reference is None:
        reason = "not compared; give the folder of published measurements with --reference DIR"
        return found | {"skips": dict.fromkeys(("published", "gemmini", "peers"), reason)}, True
    holds = True
    if reason := absent(reference, LAYERS):
        found["skips"]["gemmini"] = f"not compared; {reason}"
    else:
        report("fitting the systolic model to Gemmini's RTL")
        fitted = gemmini(reference)
        found["gemmini"], holds = fitted.to_json(), fitted.holds
    if reason := absent(reference, peers.WORKLOADS, peers.RESULTS):
        found["skips"]["peers"] = f"not compared; {reason}"
    else:
        found["peers"] = [item.to_json() for item in peers.peers(reference, report)]
    return found, holds


def absent(reference: Path, *names: str) -> str:
    """Which of the files the folder lacks; nothing where they are all there."""
    missing = [name for name in names if not (reference / name).exists()]
    return f"{reference} has no {' and no '.join(missing)}" if missing else ""


def _plain(item: Comparison) -> dict[str, Any]:
    return {
        "what": item.what,
        "unit": item.unit,
        "published": item.published,
        "ours": item.ours,
        "error": item.error,
        "fitted": item.fitted,
        "bound": item.bound,
        "holds": item.holds,
    }


def _table(comparisons: list[Comparison]) -> list[str]:
    if not comparisons:
        return []
    lines = [f"{'published measurement':76} {'published':>13} {'ours':>13} {'error':>7}  use"]
    for item in comparisons:
        use = "fitted" if item.fitted else "held out"
        mark = "" if item.holds else f"  OVER ITS BOUND of {item.bound:.0%}"
        lines.append(f"{item.what:76} {item.published:13,.2f} {item.ours:13,.2f} {item.error:+7.1%}  {use}{mark}")
    held_out = [abs(item.error) for item in comparisons if not item.fitted]
    lines.append(f"held out: mean absolute error {sum(held_out) / len(held_out):.1%}, largest {max(held_out):.1%}")
    return lines


def _gemmini_table(found: Mapping[str, Any] | None) -> list[str]:
    if found is None:
        return []
    lines = [f"{'Gemmini RTL, weight-stationary 16x16, cycles of a layer':62} layers    MAPE  median     p90  rank"]
    parameters = found["number_of_parameters"]
    named = [(f"{item['network']}, fitted to the other networks", item) for item in found["cross_validated"][:-1]]
    named += [
        (f"all, each network left out of its fit ({parameters} parameters)", found["cross_validated"][-1]),
        ("all, in the fit", found["fitted"]),
        ("regression on sizes (6 parameters), each network left out", found["regression"]),
        ("regression on sizes, in the fit", found["regression_fitted"]),
        ("the array alone, nothing fitted", found["array_alone"]),
    ]
    for name, item in named:
        errors = "".join(f"{item[key]:8.1%}" for key in ("mape", "median", "p90"))
        lines.append(f"{name:62} {item['layers']:6}{errors} {item['rank']:.3f}")
    bound, aim = found["bound"], found["aim"]
    mark = "" if found["holds"] else f"  OVER ITS BOUND of {bound['mape']:.0%} or {bound['rank']:.2f}"
    return [*lines, f"aim: MAPE {aim['mape']:.0%}, rank correlation {aim['rank']:.2f}{mark}", ""]


def _peers_table(rows: Sequence[Mapping[str, Any]] | None) -> list[str]:
    """Totals; the layers are in the JSON and on the page."""
    if rows is None:
        return []
    lines = [
        f"{'estimates of peers, cycles of a workload':44} {'lowest':>10} {'highest':>10} {'ours':>10}  layers within"
    ]
    for item in (item for item in rows if item["layer"] == peers.TOTAL):
        layers = [row for row in rows if row["workload"] == item["workload"] and row["layer"] != peers.TOTAL]
        within = sum(row["low"] <= row["ours"] <= row["high"] for row in layers)
        numbers = "".join(f" {item[key]:10,.0f}" for key in ("low", "high", "ours"))
        lines.append(f"{item['workload']:44}{numbers}  {within} of {len(layers)}")
    return lines
