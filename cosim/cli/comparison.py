"""``cosim explore --compare A B``: two explorations side by side; text, JSON and a page."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from cosim.cli.output import json_text, need_place, read_json, write_all, write_json

_OTHERS = ("space", "dask", "store", "resume", "budget", "rtl", "rtl_points", "choose", "schema")


def execute(arguments: argparse.Namespace) -> int:
    given = [name for name in _OTHERS if getattr(arguments, name)]
    if given:
        name = "SPACE" if given[0] == "space" else f"--{given[0].replace('_', '-')}"
        raise ValueError(f"{name} does not apply: --compare reads two explorations that are there and runs nothing")
    json_file, folder = need_place(arguments.json, "--json"), need_place(arguments.out, "--out", folder=True)
    first, second = (_read(path) for path in arguments.compare)
    from cosim.explore.compare import compare
    from reports.exploration import comparison

    found = compare(first, second)
    text = json_text(found)
    files = {json_file: text.encode()} if json_file else {}
    if folder:
        files |= {
            folder / "comparison.json": text.encode(),
            folder / "comparison.html": comparison.page(found).encode(),
        }
    write_all(files)
    if arguments.json == "-":
        write_json(text, "-")
    for line in comparison.lines(found):
        print(line, file=sys.stderr if arguments.json == "-" else sys.stdout)
    return 0


def _read(path: str) -> dict[str, Any]:
    from cosim.explore.compare import KEYS

    return read_json(Path(path), "explore.json", KEYS, "an exploration's JSON", "'cosim explore --out'")
