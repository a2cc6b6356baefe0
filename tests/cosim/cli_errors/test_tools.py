"""Tools and packages that are missing, and exit statuses of real processes."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from accel_models.program import Program
from tests.fixtures.command import FIXTURES, Refusal, runner


@pytest.mark.parametrize("absent", ["perl", "make", "c++"])
def test_rtl_without_a_tool(refused: Refusal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, absent: str) -> None:
    """PATH holds every tool but one."""
    from rtl.bench import find_tools

    folder = tmp_path / "bin"
    folder.mkdir()
    for tool in find_tools():
        if tool.name in ("perl", "make", "c++") and tool.name != absent and tool.path:
            (folder / tool.name).symlink_to(tool.path)
    monkeypatch.setenv("PATH", str(folder))
    message = refused("rtl", "--json", "o.json")
    assert f"{absent} is missing" in message and "package manager" in message
    assert "perl is missing" in message or absent != "perl"
    assert message.count("is missing") == 1, message


def test_rtl_without_verilator(refused: Refusal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr("rtl.bench.tools.tool_folders", lambda: ())
    message = refused("rtl", "--json", "o.json")
    assert "verilator is missing" in message and "cosim[rtl]" in message


def test_doctor_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    result = runner(capsys)("doctor")
    assert result.status == 1 and "MISSING perl" in result.out


def test_a_missing_package_is_one_line(monkeypatch: pytest.MonkeyPatch, refused: Refusal) -> None:
    monkeypatch.setitem(sys.modules, "cosim.frontend", None)
    message = refused("run", "resnet8")
    assert "cosim.frontend" in message and "cosim doctor" in message


def _process(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    root = str(FIXTURES.parent.parent)
    return subprocess.run(
        [sys.executable, "-m", "cosim", *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": root, **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_statuses_of_real_processes(tmp_path: Path, tiny_program: Program) -> None:
    (tmp_path / "bin").mkdir()
    done = _process("rtl", cwd=tmp_path, PATH=str(tmp_path / "bin"))
    assert done.returncode == 1 and done.stdout == "" and done.stderr.startswith("cosim: error: ")
    assert "perl is missing" in done.stderr and "c++ is missing" in done.stderr and "Traceback" not in done.stderr
    done = _process("run", "t.program", "--json", "-", cwd=tmp_path)
    assert done.returncode == 1 and done.stdout == "" and done.stderr == "cosim: error: no such file: t.program\n"
    assert _process("--help", cwd=tmp_path).returncode == 0
    assert os.listdir(tmp_path) == ["bin"]


def test_a_program_needs_no_pytorch(tmp_path: Path, tiny_program: Program) -> None:
    """`cosim run FILE.program` in a process in which heavy packages cannot be imported."""
    tiny_program.save(tmp_path / "t.program")
    np.savez(tmp_path / "x.npz", x=np.zeros((1, 3, 12, 12), np.float32))
    heavy = [name for name in ("torch", "torchao", "sklearn", "pandas", "plotly") if importlib.util.find_spec(name)]
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({heavy!r})); from cosim.cli import main; "
        "sys.exit(main(['run', 't.program', '--inputs', 'x.npz', '--outputs', 'y.npz', '--json', 'o.json']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(FIXTURES.parent.parent)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "y.npz").is_file() and (tmp_path / "o.json").is_file()
