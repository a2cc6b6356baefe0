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


def test_other_memories(program: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Values stay equal; the models say nothing about the cycles, which are others."""
    cycles = []
    for kind in ("nominal", "fast", "slow", "stalls", "latency=2,pace=1.5,stalls=0.1,seed=3"):
        assert main(["rtl", str(program), "--memory", kind, "--json", "-"]) == 0
        found = json.loads(capsys.readouterr().out)
        assert found["holds"] and found["bytes_different"] == 0
        assert (found["expected_cycles"] is None) == (kind != "nominal")
        cycles.append(found["cycles"])
    assert len(set(cycles)) == len(cycles)


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


def changes(vcd: Path) -> tuple[set[str], list[int], int]:
    """Names of the signals in a VCD, its times in ps, and how often the clock of the bench's top rises."""
    names: dict[str, str] = {}
    times, rises, clock = [], 0, ""
    for line in vcd.read_text().splitlines():
        words = line.split()
        if words and words[0] == "$var":
            names.setdefault(words[4], words[3])
            clock = names.get("clk_i", clock)
        elif line.startswith("#"):
            times.append(int(line[1:]))
        elif line == f"1{clock}":
            rises += 1
    return set(names), times, rises


@pytest.mark.parametrize("start", [pytest.param(0, marks=pytest.mark.slow), 700])
def test_waves_hold_the_window(start: int, program: Path, tmp_path: Path) -> None:
    file = tmp_path / "w.vcd"
    window = f"{start}:{start + 150}"
    assert main(["rtl", str(program), "--waves", str(file), "--waves-window", window]) == 0
    names, times, rises = changes(file)
    assert {"clk_i", "m_axi_araddr", "m_axi_rdata", "irq_o"} <= names
    period_ps = 2000
    assert 149 <= rises <= 151 and times == sorted(times)
    assert 149 * period_ps <= times[-1] - times[0] <= 151 * period_ps
    assert {item.name for item in tmp_path.iterdir()} == {"net.program", "w.vcd"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--waves", "w.vcd", "--waves-window", "9:9"], "0 <= START < STOP, got 9:9"),
        (["--waves", "w.vcd", "--waves-window", "soon"], "want START:STOP in cycles, such as 0:2000, got 'soon'"),
        (["--waves-window", "1:2"], "--waves-window goes with --waves FILE"),
        (["--waves", "w.vcd", "--waves-window", "9999999:99999999"], "no waves were recorded"),
        (["--waves", "net.program/w.vcd"], "net.program"),
    ],
)
def test_waves_that_cannot_be(
    options: list[str], message: str, program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert main(["rtl", str(program), *options]) == 1
    assert message in capsys.readouterr().err
    assert not list(tmp_path.glob("*.vcd*"))
