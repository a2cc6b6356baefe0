"""The committed table of networks: the README shows it, and a fresh run gives the same numbers."""

import json
from pathlib import Path

import pytest

from accel_models.timing import simulate
from reports.networks import NETWORKS, RESULTS, table
from tests.fixtures import prepared

ROOT = Path(__file__).resolve().parents[2]


def committed() -> list[dict]:
    return json.loads((RESULTS / "networks.json").read_text(encoding="utf-8"))


def test_the_readme_shows_the_committed_table() -> None:
    text = table(committed())
    assert (RESULTS / "networks.md").read_text(encoding="utf-8") == text
    assert text in (ROOT / "README.md").read_text(encoding="utf-8"), (
        "run 'make bench' and copy networks.md to README.md"
    )


@pytest.mark.parametrize("name", NETWORKS)
def test_a_fresh_run_takes_the_committed_cycles(name: str) -> None:
    row = next(row for row in committed() if row["network"] == name)
    for weights, kind in (("sram", "warm"), ("flash", "cold")):
        assert simulate(prepared.program(name, weights=weights)).total_cycles == row[kind]["cycles"]
