"""Matrix engine at the sizes that systems have, one of them odd; random commands, and those of compiled networks."""

from pathlib import Path

import pytest

from hdl import run

FIXTURES = Path(__file__).parent / "fixtures"
EDGE16 = {"Rows": 16, "Columns": 16, "Entries": 512}  # the arrays of the presets edge16 and edge8
EDGE8 = {"Rows": 8, "Columns": 8, "Entries": 256}


@pytest.mark.parametrize(
    "params",
    [
        pytest.param({"Rows": 4, "Columns": 4, "Entries": 128}, marks=pytest.mark.slow),
        {"Rows": 3, "Columns": 5, "Entries": 100},
        EDGE8,
        pytest.param(EDGE16, marks=pytest.mark.slow),  # the compiled network runs on it
    ],
    ids=["4x4", "3x5", "8x8", "16x16"],
)
def test_matrix_core(params: dict[str, int]) -> None:
    run("matrix_core", "tb_matrix_core", params=params)


@pytest.mark.parametrize(
    ("network", "system", "params", "tiles_per_operator"),
    [
        ("resnet8", "edge16", EDGE16, 0),
        pytest.param("resnet8", "edge8", EDGE8, 1, marks=pytest.mark.slow),
        pytest.param("kws", "edge16", EDGE16, 2, marks=pytest.mark.slow),
    ],
)
def test_matrix_program(network: str, system: str, params: dict[str, int], tiles_per_operator: int) -> None:
    settings = {
        "NETWORK": str(FIXTURES / f"{network}.network"),
        "SYSTEM": system,
        "TILES_PER_OPERATOR": str(tiles_per_operator),
    }
    run("matrix_core", "tb_matrix_program", params=params, env=settings)
