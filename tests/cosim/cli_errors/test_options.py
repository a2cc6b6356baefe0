"""Options out of range, in vain or with places that cannot be written; runs that end half-way."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from accel_models.network import Network
from accel_models.program import Program
from tests.fixtures.command import OUTPUTS, TARGETS, Refusal, runner


def test_outputs_of_a_compiled_file_need_inputs(refused: Refusal, tmp_path: Path, tiny_program: Program) -> None:
    tiny_program.save(tmp_path / "t.program")
    assert "give --inputs FILE" in refused("run", "t.program", "--outputs", "y.npz", "--json", "o.json")
    assert "ending in .npz" in refused("run", "t.program", "--outputs", "y.txt")


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        (["--json", "file/o.json"], "--json: cannot write file/o.json: file is not a folder"),
        (["--json", "."], "--json: . is a folder"),
        (["--out", "file"], "--out: file is a file"),
        (["--out", "-"], "--out: want a folder, got '-'"),
        (["--fidelity", "rtl", "--waves", "-"], "--waves: want a file, got '-'"),
        (["--out", "file/deep/report"], "--out: cannot write"),
        (["--outputs", "file/y.npz", "--inputs", "x.npz"], "--outputs: cannot write"),
        (["--json", "/proc/absent/o.json"], "cannot write /proc/absent/o.json"),
        (["--out", "/proc/absent", "--json", "o.json"], "cannot write /proc/absent/"),
    ],
)
def test_places_that_cannot_be_written(
    refused: Refusal, tmp_path: Path, tiny_program: Program, options: list[str], wanted: str
) -> None:
    tiny_program.save(tmp_path / "t.program")
    (tmp_path / "file").write_text("mine")
    np.savez(tmp_path / "x.npz", x=np.zeros((1, 3, 12, 12), np.float32))
    assert wanted in refused("run", "t.program", *options)


@pytest.mark.parametrize("command", ["list", "doctor", "rtl", "validate", "report"])
def test_every_command_checks_its_places_first(refused: Refusal, tmp_path: Path, command: str) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "run.json").write_text(json.dumps(dict.fromkeys(("workload", "operators", "timeline", "provenance"))))
    source = ["run.json"] if command == "report" else []
    assert "--json: cannot write" in refused(command, *source, "--json", "file/o.json")
    assert "--out: file is a file" in refused(command, *source, "--out", "file")


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["-o", "x.program"], "without --system the file is a .network"),
        (["-o", "x.network", "--system", "edge16"], "with --system the file is a .program"),
        (["-o", "x", "--system", "edge16"], "with --system the file is a .program"),
        (["-o", "file/x.network"], "-o: cannot write file/x.network"),
        (["-o", "x.network", "--out", "-"], "--out: want a folder, got '-'"),
    ],
)
def test_where_a_compiled_file_goes(refused: Refusal, tmp_path: Path, arguments: list[str], wanted: str) -> None:
    (tmp_path / "file").write_text("mine")
    assert wanted in refused("compile", "resnet8", *arguments, "--json", "o.json")


def test_options_that_would_be_ignored_are_refused(
    refused: Refusal, tmp_path: Path, tiny: Network, tiny_program: Program
) -> None:
    tiny_program.save(tmp_path / "t.program")
    tiny.save(tmp_path / "t.network")
    for option in (["--system", "edge8"], ["--weights-in", "flash"], ["--float"], ["--rounding", "double"]):
        assert f"{option[0]} does not apply: t.program" in refused("run", "t.program", *option)
    assert "--multiplier-bits does not apply" in refused("run", "t.network", "--multiplier-bits", "16")
    assert "--rounding does not apply" in refused("run", f"{TARGETS}:tiny", "--float", "--rounding", "double")


def test_numbers_out_of_range(refused: Refusal) -> None:
    assert "--samples: want 0 or more, got -1" in refused("run", "resnet8", "--samples", "-1")
    for seed in (-1, 1 << 63):
        assert f"seed: want 0 to 2**63 - 1, got {seed}" in refused("run", "resnet8", "--seed", seed, *OUTPUTS)
    assert "--jobs: want at least 1, got 0" in refused("rtl", "--jobs", "0")


def test_argparse_errors_have_a_status_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = runner(capsys)
    for arguments in (
        ["run"],
        ["run", "resnet8", "--fidelity", "exact"],
        ["run", "resnet8", "--samples", "many"],
        ["compile", "resnet8"],
        ["fly"],
        [],
    ):
        result = run(*arguments)
        assert result.status == 2 and "Traceback" not in result.err, arguments


def test_interrupting_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tiny: Network
) -> None:
    tiny.save(tmp_path / "t.network")
    monkeypatch.chdir(tmp_path)

    def interrupted(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("cosim.pipeline.run", interrupted)
    result = runner(capsys)("run", "t.network", "--json", "o.json", "--out", "report")
    assert result.status == 130 and result.messages == ["cosim: interrupted"]
    assert os.listdir(tmp_path) == ["t.network"]


def test_a_failure_while_drawing_leaves_nothing(
    refused: Refusal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny: Network
) -> None:
    tiny.save(tmp_path / "t.network")

    def fails(data: object) -> str:
        raise OSError(28, "No space left on device", "report.html")

    monkeypatch.setattr("reports.html.page", fails)
    assert "No space left" in refused("run", "t.network", "--json", "o.json", "--out", "report")


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "{}", '{"workload": 1}', "not json"],
    ids=["empty", "cut", "list", "no keys", "keys", "text"],
)
def test_reports_of_something_else(refused: Refusal, tmp_path: Path, text: str) -> None:
    (tmp_path / "run.json").write_text(text)
    for source in ("run.json", "."):
        assert "is not a run's JSON" in refused("report", source, "--json", "o.json")


def test_reports_of_half_a_run(refused: Refusal, tmp_path: Path) -> None:
    keys = dict.fromkeys(("workload", "operators", "timeline", "provenance"), [{}])
    (tmp_path / "run.json").write_text(json.dumps(keys))
    message = refused("report", "run.json", "--out", "r")
    assert message.startswith("run.json: not a run's JSON"), message


def test_reports_of_nothing(refused: Refusal) -> None:
    assert "no such file" in refused("report", "absent", "--out", "r")
