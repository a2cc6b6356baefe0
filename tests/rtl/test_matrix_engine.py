"""Matrix engine with its address generators and a scratchpad, at the sizes that systems have and an odd one."""

from pathlib import Path

import pytest

from hdl import run
from rtl.bench.build import sources_of

FIXTURES = Path(__file__).parent / "fixtures"
EDGE16 = {"Rows": 16, "Columns": 16, "Entries": 512, "PadBytes": 131072, "Banks": 8}  # the preset


def run_engine(module: str, params: dict[str, int], env: dict[str, str] | None = None) -> None:
    modules = dict.fromkeys([*sources_of("matrix_engine"), *sources_of("scratchpad")])
    sources = [*map(str, modules), "bench/matrix_engine_bench.sv"]
    run("matrix_engine_bench", module, params=params, sources=sources, env=env)


@pytest.mark.parametrize(
    "params",
    [
        {"Rows": 3, "Columns": 5, "Entries": 130, "PadBytes": 4096 + 1800, "Banks": 4},
        pytest.param({"Rows": 8, "Columns": 8, "Entries": 256, "PadBytes": 32768, "Banks": 8}, marks=pytest.mark.slow),
        pytest.param(EDGE16, marks=pytest.mark.slow),  # the compiled network runs on it
    ],
    ids=["3x5", "8x8", "16x16"],
)
def test_matrix_engine(params: dict[str, int]) -> None:
    run_engine("tb_matrix_engine", params)


@pytest.mark.parametrize("network", ["resnet8", pytest.param("kws", marks=pytest.mark.slow)])
def test_engine_program(network: str) -> None:
    settings = {"NETWORK": str(FIXTURES / f"{network}.network"), "SYSTEM": "edge16"}
    run_engine("tb_engine_program", EDGE16, settings)
