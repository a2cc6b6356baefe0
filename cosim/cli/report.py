"""``cosim report``: the HTML report and the trace again, from a run's JSON."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from cosim.cli.output import json_text, need_place, write_all, write_json


def execute(arguments: argparse.Namespace) -> int:
    from reports import html, perfetto

    source = Path(arguments.run)
    source = source / "run.json" if source.is_dir() else source
    try:
        data = json.loads(source.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError(
            f"no such file: {source}; want a folder that 'cosim run --out' wrote, or its run.json"
        ) from None
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"{source} is not a run's JSON (truncated or foreign): {error}") from None
    if not isinstance(data, dict) or not {"workload", "operators", "timeline", "provenance"} <= data.keys():
        raise ValueError(f"{source} is not a run's JSON: it lacks workload, operators, timeline or provenance")
    json_file = need_place(arguments.json, "--json")
    folder = need_place(arguments.out, "--out", folder=True) or source.parent
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
