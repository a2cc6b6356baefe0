"""Where the cycles go that the array does not fill; ``python -m reports.losses`` writes losses.json and .md in results.

Four networks and the 256-cubed product on edge16, weights in SRAM (warm) and in flash (cold): losses and total of the
event machine beside the total of the RTL. Tests hold the table to fresh runs.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from accel_models.container import write_atomic
from accel_models.system import load_system
from reports.networks import NETWORKS, RESULTS, SYSTEM

WORKLOADS = (*NETWORKS, "gemm")
KINDS = {"warm": "sram", "cold": "flash"}
_TITLES = {"warm": "Warm: weights and input in SRAM", "cold": "Cold: weights and commands in flash, at its bandwidth"}


def measure(name: str, kind: str) -> dict[str, Any]:
    """One workload, warm or cold, on the event machine and on the RTL. Raises ValueError where the two disagree."""
    from cosim.options import Options
    from cosim.pipeline import run_target

    outcome = run_target(
        name,
        load_system(SYSTEM),
        Options(),
        weights=KINDS[kind],
        fidelity="rtl",
        samples=0,
        report=lambda stage: None,
    )
    run = outcome.run.to_json()
    if not run["rtl"]["holds"]:
        raise ValueError(f"{name}, {kind}: the RTL departs from the models: {run['rtl']}")
    return {
        "workload": name,
        "kind": kind,
        "bound_cycles": run["bound_cycles"],
        "losses": {item["name"]: item["cycles"] for item in run["losses"]},
        "event_cycles": run["cycles"],
        "rtl_cycles": run["rtl"]["cycles"],
    }


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """The Markdown tables: warm, then cold; a column a workload. Losses that are nowhere are left out."""
    return "\n".join(
        f"{_TITLES[kind]}, cycles on {SYSTEM}:\n\n" + _columns([row for row in rows if row["kind"] == kind])
        for kind in KINDS
    )


def _columns(rows: Sequence[Mapping[str, Any]]) -> str:
    names = [name for name in rows[0]["losses"] if any(row["losses"][name] for row in rows)]
    lines = [
        ("", [f"`{row['workload']}`" for row in rows]),
        ("array bound", [f"{row['bound_cycles']:,}" for row in rows]),
        *((name, [f"{row['losses'][name]:,}" for row in rows]) for name in names),
        ("**event machine**", [f"**{row['event_cycles']:,}**" for row in rows]),
        ("**RTL**", [f"**{row['rtl_cycles']:,}**" for row in rows]),
    ]
    text = [f"| {head} | {' | '.join(cells)} |\n" for head, cells in lines]
    return text[0] + "|---|" + "---:|" * len(rows) + "\n" + "".join(text[1:])


def main() -> None:
    rows = []
    for kind in KINDS:
        for name in WORKLOADS:
            print(f"{name}, {kind}", file=sys.stderr, flush=True)
            rows.append(measure(name, kind))
    write_atomic(RESULTS / "losses.json", (json.dumps(rows, indent=1) + "\n").encode())
    write_atomic(RESULTS / "losses.md", table(rows).encode())
    print(table(rows), end="")


if __name__ == "__main__":
    main()
