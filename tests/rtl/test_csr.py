"""The host's side: registers over AXI4-Lite, and the counters behind them."""

from hdl import run


def test_csr() -> None:
    params = {"Rows": 3, "Columns": 5, "PadBytes": 65536}
    run("csr", "tb_csr", params=params, ports=("s_axil_*",))


def test_counters() -> None:
    run("counters", "tb_counters", params={"BytesMax": 16, "MacsMax": 256})
