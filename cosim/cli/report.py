"""``cosim report``: the HTML report and the trace again, from a run's JSON."""

from __future__ import annotations

import argparse
from pathlib import Path

from cosim.cli.output import json_text, need_place, read_json, write_all, write_json

_KEYS = frozenset({"workload", "operators", "timeline", "provenance"})


def execute(arguments: argparse.Namespace) -> int:
    from reports import html, perfetto

    source = Path(arguments.run)
    data = read_json(source, "run.json", _KEYS, "a run's JSON", "'cosim run --out'")
    json_file = need_place(arguments.json, "--json")
    folder = need_place(arguments.out, "--out", folder=True) or (source if source.is_dir() else source.parent)
    report, trace = folder / "report.html", folder / "trace.json"
    try:
        files = {report: html.page(data).encode(), trace: perfetto.trace_text(data).encode()}
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from None
    written = {"report": str(report), "trace": str(trace)}
    if json_file:
        files[json_file] = json_text(written).encode()
    write_all(files)
    if arguments.json == "-":
        write_json(written, "-")
    else:
        print(report)
    return 0
