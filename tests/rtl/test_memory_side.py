"""The memory side: DMA engines, command fetch, read multiplexer and the bench's memory, at several sizes and bursts."""

import pytest

from hdl import run
from rtl.bench import lint, sources_of

BLOCKS = ("dma_load", "dma_store", "axi_read_mux", "command_fetch")
BENCH = ("axi_memory", "axi_monitor", "pad_memory", "dma_bench", "memory_side")
SOURCES = [
    *dict.fromkeys(str(file) for block in BLOCKS for file in sources_of(block)),
    *(f"bench/{name}.sv" for name in BENCH),
]
USUAL = {"Rows": 16, "Columns": 16, "PadBytes": 1 << 14, "BusBytes": 8, "DmaSetup": 3, "MaxBurst": 64}
SIZES = {
    "bus8": USUAL,
    "bus4-3x5-burst1": {"Rows": 3, "Columns": 5, "PadBytes": 10000, "BusBytes": 4, "DmaSetup": 5, "MaxBurst": 1},
}


@pytest.mark.parametrize("size", SIZES)
def test_memory_side(size: str) -> None:
    run("memory_side", "tb_memory_side", params=SIZES[size], sources=SOURCES)


@pytest.mark.parametrize(
    ("bus_bytes", "burst"),
    [(4, 1), (32, 128), *(pytest.param(*size, marks=pytest.mark.slow) for size in ((8, 256), (16, 16)))],
)
def test_lint(bus_bytes: int, burst: int) -> None:
    lint("memory_side", parameters={**USUAL, "BusBytes": bus_bytes, "MaxBurst": burst}, sources=SOURCES)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_axi_protocol() -> None:
    """The AXI4 master against another model of a memory, with every channel paused now and then."""
    pytest.importorskip("cocotbext.axi", reason="cocotbext-axi is not installed")
    run("dma_bench", "tb_dma_axi", params=USUAL, sources=SOURCES[:-1], ports=("m_axi_*",))
