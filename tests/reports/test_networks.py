"""The committed tables of networks and losses: the README shows the first, and fresh runs give the same numbers."""

import json
from pathlib import Path

import pytest

from accel_models.timing import simulate
from cosim.run import run
from reports import losses
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


def committed_losses() -> list[dict]:
    return json.loads((RESULTS / "losses.json").read_text(encoding="utf-8"))


def test_the_table_of_losses_is_that_of_its_data() -> None:
    rows = committed_losses()
    assert [(row["workload"], row["kind"]) for row in rows] == [(n, k) for k in losses.KINDS for n in losses.WORKLOADS]
    assert (RESULTS / "losses.md").read_text(encoding="utf-8") == losses.table(rows)


@pytest.mark.parametrize("name", losses.WORKLOADS)
def test_a_fresh_run_has_the_committed_losses(name: str) -> None:
    """Exactly; those of the RTL, which CI does not run for all of them, within contract 2."""
    for row in committed_losses():
        if row["workload"] == name:
            found = run(prepared.program(name, weights=losses.KINDS[row["kind"]]))
            assert {item.name: item.cycles for item in found.losses} == row["losses"]
            assert found.bound_cycles == row["bound_cycles"]
            assert found.cycles == row["event_cycles"] == row["bound_cycles"] + sum(row["losses"].values())
            assert abs(row["rtl_cycles"] - row["event_cycles"]) <= 0.02 * row["event_cycles"]


@pytest.mark.parametrize(("name", "most"), [("resnet8", 58_000), ("vww", 68_000), ("gemm", 68_000)])
def test_the_rtl_is_as_fast_as_it_has_to_be(name: str, most: int) -> None:
    (row,) = (row for row in committed_losses() if (row["workload"], row["kind"]) == (name, "warm"))
    assert row["rtl_cycles"] <= most


@pytest.mark.slow
@pytest.mark.parametrize("name", losses.WORKLOADS)
@pytest.mark.parametrize("kind", losses.KINDS)
def test_the_rtl_takes_the_committed_cycles(name: str, kind: str) -> None:
    assert losses.measure(name, kind) in committed_losses()
