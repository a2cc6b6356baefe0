"""Two-entry skid register."""

from hdl import run


def test_skid() -> None:
    run("skid", "tb_skid", params={"Width": 24})
