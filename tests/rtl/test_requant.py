"""Requantizer against golden: full and short multiplier, and with the parameters of a compiled network."""

from pathlib import Path

import pytest

from hdl import run

FIXTURES = Path(__file__).parent / "fixtures"


@pytest.mark.parametrize(("lanes", "mult_w"), [(16, 31), (5, 16)])
def test_requant(lanes: int, mult_w: int) -> None:
    run("requant", "tb_requant", params={"Lanes": lanes, "MultW": mult_w})


def test_requant_program() -> None:
    settings = {"NETWORK": str(FIXTURES / "resnet8.network"), "SYSTEM": "edge16"}
    run("requant", "tb_requant_program", params={"Lanes": 16, "MultW": 31}, testcase="compiled_layers", env=settings)
