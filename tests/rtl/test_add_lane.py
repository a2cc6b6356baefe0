"""Adder of the vector engine with the full and the short multipliers."""

import pytest

from hdl import run


@pytest.mark.parametrize("mult_w", [31, 16])
def test_add_lane(mult_w: int) -> None:
    run("add_lane", "tb_add_lane", params={"MultW": mult_w})
