"""The table of the networks on edge16: ``python -m reports.networks`` writes networks.json and .md in results.

The README shows the same table; tests hold both to a fresh run.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from accel_models.container import write_atomic
from accel_models.system import load_system

RESULTS = Path(__file__).parent / "results"
NETWORKS, SYSTEM, SAMPLES = ("resnet8", "vww", "kws", "ad"), "edge16", 1000
HEADER = (
    "| network | MACs | warm | array use | cold | int8 / float score on its test data |\n|---|---|---|---|---|---|\n"
)


def measure(name: str) -> dict[str, Any]:
    """Headline numbers of one network, weights in SRAM (warm) and in flash (cold)."""
    from cosim.options import Options
    from cosim.pipeline import run_target

    outcome = run_target(
        name,
        load_system(SYSTEM),
        Options(),
        weights="auto",
        fidelity="event",
        samples=SAMPLES,
        report=lambda stage: None,
    )
    run = outcome.run.to_json()
    return {
        "network": name,
        "macs": run["macs"],
        "warm": {key: run["warm"][key] for key in ("cycles", "latency_ms", "energy_uj", "utilization")},
        "cold": {key: run["cold"][key] for key in ("cycles", "latency_ms", "energy_uj", "utilization")},
        "metrics": run["metrics"],
    }


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """The Markdown table."""
    return HEADER + "".join(_line(row) for row in rows)


def _line(row: Mapping[str, Any]) -> str:
    warm, cold, metrics = row["warm"], row["cold"], row["metrics"]
    metric = "auc" if "auc" in metrics else "accuracy"
    score = f"{metric} {metrics[metric]:.4f} / {metrics[metric + '_float']:.4f} ({metrics['samples']} samples)"
    return (
        f"| `{row['network']}` | {row['macs']:,} | {warm['cycles']:,} cycles, {warm['latency_ms'] * 1e3:.0f} µs, "
        f"{warm['energy_uj']:.1f} µJ | {warm['utilization']:.0%} | {cold['latency_ms']:.2f} ms, "
        f"{cold['energy_uj']:.0f} µJ | {score} |\n"
    )


def main() -> None:
    rows = [measure(name) for name in NETWORKS]
    write_atomic(RESULTS / "networks.json", (json.dumps(rows, indent=1, sort_keys=True) + "\n").encode())
    write_atomic(RESULTS / "networks.md", table(rows).encode())
    print(table(rows), end="")


if __name__ == "__main__":
    main()
