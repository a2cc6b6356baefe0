"""``cosim list``: workloads and systems that come with the package; ``--schema``: what a system file may hold."""

from __future__ import annotations

import argparse
from typing import Any

from accel_models.system import System, load_system, presets
from cosim.cli.output import write_result


def execute(arguments: argparse.Namespace) -> int:
    if arguments.schema:
        arguments.json = arguments.json or "-"
        write_result(System.model_json_schema(), arguments)
        return 0
    from workloads.registry import WORKLOADS

    systems = [load_system(name) for name in presets()]
    found: dict[str, Any] = {
        "workloads": [
            {"name": item.name, "summary": item.summary, "macs": item.macs, "parameters": item.parameters}
            for item in WORKLOADS.values()
        ],
        "systems": [{"name": item.name, "description": item.description} for item in systems],
    }
    write_result(found, arguments)
    if arguments.json != "-":
        print("workloads")
        for item in found["workloads"]:
            print(f"  {item['name']:10} {item['summary']} ({item['macs']:,} MACs, {item['parameters']:,} parameters)")
        print("systems")
        for item in found["systems"]:
            print(f"  {item['name']:12} {item['description']}")
    return 0
