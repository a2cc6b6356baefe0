"""``cosim validate``: cycles of the RTL against the models, and with ``--reference`` published measurements."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from cosim.cli.output import Progress, check_places, need_folder, write_result
from cosim.cli.rtl import regression
from cosim.validate import Comparison, cycles, published


def execute(arguments: argparse.Namespace) -> int:
    """0 when every check holds within its bound."""
    check_places(arguments)
    stream = sys.stderr if arguments.json == "-" else sys.stdout
    reference = need_folder(arguments.reference, "published measurements")
    comparisons = published(reference) if reference else []
    print("RTL: values against golden, cycles against the cost model", file=stream)
    rtl = regression(jobs=2, keyword="matrix", stream=stream)
    print("cycle errors of the event machine against the RTL", file=stream)
    progress = Progress()
    errors = cycles.measure(progress)
    progress.done()
    for line in (*cycles.tables(errors), "", *_table(comparisons)):
        print(line, file=stream)
    if reference is None:
        print("published measurements: not compared; give their folder with --reference DIR", file=stream)
    published_rows = [_plain(item) for item in comparisons]
    result: dict[str, Any] = {"rtl": rtl, "cycle_errors": errors, "published": published_rows}
    write_result(result, arguments)
    well = cycles.holds(errors) and all(item.holds for item in comparisons)
    return int(rtl["failed"] > 0 or rtl["tests"] == 0 or not well)


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
