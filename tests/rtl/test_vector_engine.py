"""Vector engine at the sizes that systems have, one of them odd, one with the short multiplier."""

import pytest

from hdl import run


@pytest.mark.parametrize(
    "params",
    [
        {"Columns": 4, "Entries": 128, "MultW": 16},
        {"Columns": 5, "Entries": 100, "MultW": 31},
        pytest.param({"Columns": 16, "Entries": 512, "MultW": 31}, marks=pytest.mark.slow),
    ],
    ids=["4-short", "5", "16"],
)
def test_vector_engine(params: dict[str, int]) -> None:
    run("vector_engine", "tb_vector_engine", params=params)
