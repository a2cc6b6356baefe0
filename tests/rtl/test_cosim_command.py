"""``cosim rtl FILE.program`` and ``--fidelity rtl``: the third machine from the command line."""

import json
from pathlib import Path

import pytest

from cosim.cli import main
from cosim.encode import compile_network
from tests.cosim.networks import residual_network
from tests.rtl.test_accelerator import SYSTEMS


@pytest.fixture
def program(tmp_path: Path) -> Path:
    net = residual_network()
    path = tmp_path / "net.program"
    compile_network(net.build(net.operators[-1].outputs[0]), SYSTEMS["4x4"], search=False).save(path)
    return path


def test_one_program(program: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = tmp_path / "rtl.json"
    assert main(["rtl", str(program), "--seed", "3", "--json", str(found)]) == 0
    result = json.loads(found.read_text())
    assert result["holds"] and result["bytes_different"] == 0 and result["counters_different"] == []
    assert result["counters"]["macs"] == result["expected"]["macs"] > 0
    assert "bytes that differ  0" in capsys.readouterr().out


def test_a_run_with_rtl_beside_it(program: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", str(program), "--fidelity", "rtl", "--json", "-"]) == 0
    run = json.loads(capsys.readouterr().out)
    assert run["rtl"]["bytes_different"] == 0
    assert abs(run["rtl"]["cycles"] - run["cycles"]) <= max(0.02 * run["cycles"], 32)


@pytest.mark.parametrize("memory", ["fast", "slow", "stalls", "latency=2,pace=1.5,stalls=0.1,seed=3"])
def test_other_memories(memory: str, program: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Values stay equal; the models say nothing about the cycles, which are others."""
    cycles = []
    for kind in ("nominal", memory):
        assert main(["rtl", str(program), "--memory", kind, "--json", "-"]) == 0
        found = json.loads(capsys.readouterr().out)
        assert found["holds"] and found["bytes_different"] == 0
        assert (found["expected_cycles"] is None) == (kind != "nominal")
        cycles.append(found["cycles"])
    assert cycles[0] != cycles[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["rtl", "net.network"], "want a .program file"),
        (["rtl", "--inputs", "x.npz"], "goes with a program"),
        (["rtl", "--memory", "slow"], "goes with a program"),
        (["run", "kws", "--memory", "slow"], "goes with --fidelity rtl"),
    ],
)
def test_errors(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 1
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("memory", "message"),
    [
        ("quick", "want nominal, fast, slow, stalls, or pairs of latency, pace, stalls, seed=NUMBER, got 'quick'"),
        ("latency=soon", "want a number for latency, got 'soon'"),
        ("pace=-1", "pace: want a factor of at least 0"),
        ("stalls=1", "stalls: want a chance in [0, 1)"),
    ],
)
def test_memories_that_mean_nothing(
    memory: str, message: str, program: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["rtl", str(program), "--memory", memory]) == 1
    assert message in capsys.readouterr().err
