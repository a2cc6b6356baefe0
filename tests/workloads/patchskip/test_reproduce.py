"""The measured table: what is missing by cell and clip, worker processes, resuming, and what may be called equal."""

import argparse
import json
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from workloads.patchskip import cells, identity, problem, reproduce, results
from workloads.patchskip.__main__ import main as command
from workloads.patchskip.cells import CELLS, Cell
from workloads.patchskip.reproduce import main, plan
from workloads.patchskip.table import _answers, expected, page

RUN: dict[str, Any] = {
    "backbone": "resnet8", "gate": "none", "theta": 8, "cell": "high", "clip": "fixed_bottle", "real": True,
    "gain": 5.27, "error": 0.2, "last_error": 0.34, "agreement": 0.875, "presence": 1.0, "dense_presence": 1.0,
    "count": 0.32, "dense_count": 0.3, "skip_ratio": 0.8, "overhead": 0.002, "whole_frames": 1, "frames": 200,
    "seconds": 1.0, "codes_different": 9,
}  # fmt: skip


def test_a_name_that_occurs_twice_is_missing_by_clip() -> None:
    name = "resnet8, hybrid, P8, theta 0"
    runs = [{**RUN, "cell": name, "clip": clip} for clip in cells.REAL_CLIPS]
    text = page(runs)
    assert f"3 of {len(expected(runs))} runs" in text
    missing = text.split("## Not run")[1]
    scenes = next(line for line in missing.splitlines() if line.startswith("- on scene_still, "))
    real = next(line for line in missing.splitlines() if line.startswith("- on fixed_bottle, "))
    assert f": {name};" in scenes and f" {name};" not in real


def test_every_cell_and_clip_is_expected_once() -> None:
    pairs = expected([])
    assert len(pairs) == len(set(pairs)) == sum(3 if cell.real else 4 for cell in CELLS)


def test_agreement_with_dense_is_said_beside_the_task() -> None:
    low = {**RUN, "cell": "low", "theta": 2, "gain": 1.96, "error": 0.05, "agreement": 1.0, "count": 0.3}
    said = _answers("fixed_bottle", [RUN, low])
    task, same = (next(line for line in said if text in line) for text in ("within 1 point", "at least 99 %"))
    assert "x5.27" in task and "87.5 % of answers as dense" in task and "34.0 % at the end" in task
    assert "says little" in task
    assert "x1.96 (low" in same
    assert "| agreement |" in page([RUN])


@pytest.fixture
def two_cells(monkeypatch: pytest.MonkeyPatch) -> tuple[Cell, ...]:
    """On every scene, so eight runs, of the smaller backbone."""
    chosen = tuple(cell for cell in CELLS if not cell.real and cell.backbone == "mobilenet")
    monkeypatch.setattr("workloads.patchskip.reproduce.CELLS", chosen)
    return chosen


def _stored(folder: Path) -> list[dict[str, Any]]:
    runs = json.loads((folder / "patchskip.json").read_text())["runs"]
    return [{name: value for name, value in run.items() if name != "seconds"} for run in runs]


def test_the_number_of_jobs_changes_nothing_and_resuming_repeats_nothing(
    two_cells: tuple[Cell, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for jobs in ("1", "2"):
        assert main(["--frames", "3", "--jobs", jobs, "--out", str(tmp_path / jobs)]) == 0
    assert _stored(tmp_path / "1") == _stored(tmp_path / "2")
    assert len(_stored(tmp_path / "1")) == 4 * len(two_cells)
    capsys.readouterr()
    assert main(["--frames", "3", "--resume", "--out", str(tmp_path / "1")]) == 0
    assert "at error" not in capsys.readouterr().out
    path = tmp_path / "1" / "patchskip.json"
    stored = json.loads(path.read_text())
    stored["runs"][0] |= {"identity": "of other sources", "gain": 99.0}
    path.write_text(json.dumps(stored))
    assert main(["--frames", "3", "--resume", "--jobs", "1", "--out", str(tmp_path / "1")]) == 0
    said = capsys.readouterr().out
    assert said.count("measured again") == 1 == said.count("at error")
    assert _stored(tmp_path / "1") == _stored(tmp_path / "2")


def test_a_killed_worker_is_told_and_costs_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def killed(*_: Any) -> bool:
        raise BrokenProcessPool("a process was terminated abruptly")

    monkeypatch.setattr(reproduce, "carry_out", killed)
    assert main(["--frames", "3", "--out", str(tmp_path)]) == 1
    assert "a worker process was killed; what was measured is kept, --resume goes on" in capsys.readouterr().err


def test_a_trained_gate_is_kept_and_its_training_comes_first(tmp_path: Path) -> None:
    clip = tmp_path / "clip.npz"
    np.savez(clip, gray=np.zeros((2, 120, 160), np.uint8))
    options = argparse.Namespace(only="PASS", data=clip, frames=None)
    done = results.Measurements(tmp_path / "patchskip.json", resume=False)
    training, run = plan(options, done, print)
    assert (training.clip, run.clip) == ("", "clip") and training.cell.gate == "pass"
    np.savez(done.pass_path(run.cell), identity=np.array(identity.of_gate(run.cell)))
    assert [work.clip for work in plan(options, done, print)] == ["clip"]
    np.savez(done.pass_path(run.cell), identity=np.array("other"))
    assert len(plan(options, done, print)) == 2
    options.only = "learned 0.3"
    learned = plan(options, done, print)[1].cell
    done.add_gate(learned, {})
    assert [w.clip for w in plan(options, results.Measurements(done.path, resume=True), print)] == ["clip"]


def test_identity_follows_settings_and_frames() -> None:
    first, second = Cell("resnet8", "hybrid", 8, 2), Cell("resnet8", "hybrid", 8, 4)
    assert identity.of_run(first) == identity.of_run(Cell("resnet8", "hybrid", 8, 2)) != identity.of_run(second)
    ((clip, counts),) = problem.sources(None, "still", 2)
    assert identity.of_clip(clip, counts) != identity.of_clip(clip, None)
    assert identity.of_clip(clip, counts) != identity.of_clip(clip.first(1), counts)


def test_committed_runs_are_of_today_s_sources() -> None:
    done = results.Measurements(Path(__file__).parents[3] / "reports" / "results" / "patchskip.json", resume=True)
    assert done.runs and not done.outdated()


def test_backbones_are_trained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "weights.npz"
    arguments = ["train", "mobilenet", "--epochs", "1", "--samples", "16", "--out", str(out)]
    assert command(arguments) == 0
    said = capsys.readouterr().out
    assert out.exists() and "epoch 1/1" in said and "accuracy" in said
    assert command([*arguments, "--resume"]) == 0 and "is finished" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        command(["train", "mobilenet", "--epochs", "0"])
    assert "python -m workloads.patchskip train mobilenet: error" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        command(["train", "no-such"])
    assert "python -m workloads.patchskip train" in capsys.readouterr().err
