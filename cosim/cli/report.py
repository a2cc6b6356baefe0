"""``cosim report``: the HTML report and the trace again, from a run's JSON."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from accel_models.container import write_atomic
from cosim.cli.output import write_json


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
    folder = Path(arguments.out) if arguments.out else source.parent
    write_atomic(folder / "report.html", html.page(data).encode())
    write_atomic(folder / "trace.json", perfetto.trace_text(data).encode())
    written = {"report": str(folder / "report.html"), "trace": str(folder / "trace.json")}
    if arguments.json:
        write_json(written, arguments.json)
    if arguments.json != "-":
        print(written["report"])
    return 0
