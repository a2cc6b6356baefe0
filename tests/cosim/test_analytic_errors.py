"""The closed form against the event machine on the packaged networks: the table of accel_models/README.md.

``python -m tests.cosim.test_analytic_errors`` prints that table.
"""

import re
from pathlib import Path

import pytest

import accel_models
from cosim.run import run
from tests.fixtures.prepared import program

README = Path(accel_models.__file__).with_name("README.md")
NETWORKS, SYSTEMS, WEIGHTS = ("resnet8", "vww", "kws"), ("edge16", "edge8"), ("sram", "flash")
TOO_LARGE = {("vww", "edge8", "sram")}
"""Weights and commands that do not fit into the SRAM."""


def error_percent(network: str, system: str, weights: str) -> float:
    item = program(network, system, weights)
    return 100 * (run(item, fidelity="analytic").cycles / run(item).cycles - 1)


def table() -> str:
    lines = ["| analytic over event | " + " | ".join(f"{s}, {w}" for s in SYSTEMS for w in WEIGHTS) + " |"]
    lines.append("| --- " * (1 + len(SYSTEMS) * len(WEIGHTS)) + "|")
    for network in NETWORKS:
        cells = [
            "does not fit" if (network, s, w) in TOO_LARGE else f"{error_percent(network, s, w):+.1f} %"
            for s in SYSTEMS
            for w in WEIGHTS
        ]
        lines.append(f"| {network} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def printed() -> dict[tuple[str, str, str], str]:
    found = re.search(r"^\| analytic over event .*\n.*\n((?:\|.*\n)+)", README.read_text(encoding="utf-8"), re.M)
    assert found, "README.md has no table of analytic errors"
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in found[1].splitlines()]
    places = [(system, weights) for system in SYSTEMS for weights in WEIGHTS]
    return {(row[0], *place): cell for row in rows for place, cell in zip(places, row[1:], strict=True)}


@pytest.mark.parametrize("network", NETWORKS)
def test_the_readme_says_the_errors(network: str) -> None:
    """Within a point: mappings may move a little. A larger change wants the table printed anew."""
    said = printed()
    for system in SYSTEMS:
        for weights in WEIGHTS:
            cell = said[network, system, weights]
            if (network, system, weights) in TOO_LARGE:
                assert cell == "does not fit"
            else:
                assert float(cell.split()[0]) == pytest.approx(error_percent(network, system, weights), abs=1.0)


if __name__ == "__main__":
    print(table())
