"""Queue of a depth that is no power of two."""

from hdl import run


def test_fifo() -> None:
    run("fifo", "tb_fifo", params={"Width": 10, "Depth": 3})
