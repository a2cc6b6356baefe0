"""Scratchpad at an odd size (short vectors, memory that ends inside a word), with two banks, and as edge16 has it."""

import pytest

from hdl import run


@pytest.mark.parametrize(
    "params",
    [
        {"Rows": 3, "Columns": 5, "PadBytes": 1100, "Banks": 4, "BusBytes": 8},
        {"Rows": 4, "Columns": 4, "PadBytes": 1024, "Banks": 2, "BusBytes": 4},
        {"Rows": 16, "Columns": 16, "PadBytes": 4096, "Banks": 8, "BusBytes": 8},
    ],
    ids=["3x5", "2banks", "16x16"],
)
def test_scratchpad(params: dict[str, int]) -> None:
    run("scratchpad", "tb_scratchpad", params=params)
