"""``cosim list``: workloads, systems and design spaces that come with the package.

``--schema``: what a system file may hold.
"""

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
    from cosim.explore import load_space, spaces
    from workloads.registry import STREAMS, TRAININGS, WORKLOADS, Streaming, Training, Workload

    listed: list[Workload | Training | Streaming] = [*WORKLOADS.values(), *TRAININGS.values(), *STREAMS.values()]
    systems, studies = [load_system(name) for name in presets()], [load_space(name) for name in spaces()]
    found: dict[str, Any] = {
        "workloads": [
            {"name": item.name, "summary": item.summary, "macs": item.macs, "parameters": item.parameters}
            for item in listed
        ],
        "systems": [{"name": item.name, "description": item.description} for item in systems],
        "spaces": [
            {"name": item.name, "description": item.description, "points": item.lattice.size} for item in studies
        ],
    }
    write_result(found, arguments)
    if arguments.json != "-":
        print("workloads")
        for item in found["workloads"]:
            print(f"  {item['name']:12} {item['summary']} ({item['macs']:,} MACs, {item['parameters']:,} parameters)")
        print("systems")
        for item in found["systems"]:
            print(f"  {item['name']:12} {item['description']}")
        print("design spaces")
        for item in found["spaces"]:
            print(f"  {item['name']:14} {item['description']} ({item['points']:,} points)")
    return 0
