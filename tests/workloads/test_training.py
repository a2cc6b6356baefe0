"""Training repeats byte for byte, and a stopped run ends where an uninterrupted one does."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import workloads
from workloads.arrays import load_arrays, save_arrays
from workloads.command import main
from workloads.kws.task import TASK as KWS
from workloads.resnet8.task import TASK as RESNET8
from workloads.training import Job, train
from workloads.weights import load_weights, save_weights

ROOT = Path(workloads.__file__).parent.parent


def small_job(seed: int = 5) -> Job:
    recipe = replace(KWS.embedded_recipe, epochs=2, batch_size=8)
    return Job(KWS, "vowels", KWS.embedded().read("train", 32), recipe, seed)


def quiet(line: str) -> None:
    del line


def state_of(job: Job, checkpoint: Path, resume: bool = False) -> dict[str, torch.Tensor]:
    module = train(job, checkpoint, resume, quiet)
    assert module is not None
    return module.state_dict()


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_the_seed_decides_the_weights(tmp_path: Path) -> None:
    first = state_of(small_job(), tmp_path / "a.npz")
    assert same(first, state_of(small_job(), tmp_path / "b.npz"))
    assert not same(first, state_of(small_job(seed=6), tmp_path / "c.npz"))


@pytest.mark.parametrize("stop_after", [1, 4, 7])
def test_a_stopped_run_is_continued_exactly(stop_after: int, tmp_path: Path) -> None:
    whole = state_of(small_job(), tmp_path / "whole.npz")
    asked = 0

    def stopped() -> bool:
        nonlocal asked
        asked += 1
        return asked >= stop_after  # asked once a step

    checkpoint = tmp_path / "parts.npz"
    lines: list[str] = []
    assert train(small_job(), checkpoint, False, lines.append, stopped) is None
    done = int(load_arrays(checkpoint)["step"])
    assert done == stop_after
    assert lines[-1].startswith(f"stopped after step {done} of 8")
    module = train(small_job(), checkpoint, True, lines.append)
    assert f"resumed after step {done} of 8" in lines
    assert module is not None and same(whole, module.state_dict())


def test_a_foreign_checkpoint_is_refused(tmp_path: Path) -> None:
    state_of(small_job(), tmp_path / "a.npz")
    with pytest.raises(ValueError, match=r"belongs to another run .*seed=5.* this one is .*seed=6"):
        state_of(small_job(seed=6), tmp_path / "a.npz", resume=True)
    save_arrays(tmp_path / "b.npz", load_arrays(RESNET8.weights_for(None)))
    with pytest.raises(ValueError, match="not a training checkpoint"):
        state_of(small_job(), tmp_path / "b.npz", resume=True)


def test_the_command_stops_on_a_signal_and_resumes(tmp_path: Path) -> None:
    arguments = ["--samples", "64", "--epochs", "6", "--seed", "3"]
    assert main(KWS, [*arguments, "--out", str(tmp_path / "whole.npz")]) == 0
    out = tmp_path / "parts.npz"
    command = [sys.executable, "-u", "-m", "workloads.kws.train", *arguments, "--out", str(out)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("epoch 1/"):
            process.send_signal(signal.SIGINT)
            break
    rest, errors = process.communicate(timeout=120)
    assert process.returncode == 130, rest + errors
    assert "continue with --resume" in rest and "Traceback" not in errors
    assert not out.exists()
    assert main(KWS, [*arguments, "--out", str(out), "--resume"]) == 0
    assert out.read_bytes() == (tmp_path / "whole.npz").read_bytes()
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["parts.npz", "whole.npz"], "nothing is left behind"
    before, began = out.stat().st_mtime_ns, time.monotonic()
    assert main(KWS, [*arguments, "--out", str(out), "--resume"]) == 0
    assert out.stat().st_mtime_ns == before and time.monotonic() - began < 5, "a finished run is not repeated"


@pytest.mark.parametrize("name", ["resnet8", "vww", "kws", "ad"])
def test_help_works(name: str) -> None:
    command = [sys.executable, "-m", f"workloads.{name}.train", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    for option in ("--data", "--dataset", "--epochs", "--seed", "--out", "--resume"):
        assert option in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "EMPTY"], "no data set found in"),
        (["--data", "EMPTY/none"], "is not a folder"),
        (["--dataset", "imagenet"], "data set 'imagenet' does not come with the package"),
        (["--samples", "3"], "less than one batch of"),
        (["--samples", "9999"], "count is 9999, want 1..1200"),
    ],
)
def test_bad_arguments_give_one_line(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "never.npz"
    (tmp_path / "empty").mkdir()
    filled = [argument.replace("EMPTY", str(tmp_path / "empty")) for argument in arguments]
    assert main(RESNET8, [*filled, "--out", str(out)]) == 1
    errors = capsys.readouterr().err
    assert errors.startswith("error: ") and message in errors and errors.count("\n") == 1
    assert not out.exists()


@pytest.mark.parametrize("option", ["--epochs", "--seed", "--samples"])
def test_numbers_out_of_range_are_refused(option: str) -> None:
    with pytest.raises(SystemExit) as caught:
        main(RESNET8, [option, "-1"])
    assert caught.value.code == 2


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    workload = workloads.get("resnet8")
    with pytest.raises(ValueError, match="does not fit ResNet8: .* is only in one of the two"):
        workload.build(workloads.get("kws").weights_for(None))
    arrays = load_arrays(workload.weights_for(None))
    save_arrays(tmp_path / "bad.npz", arrays | {"fc.weight": arrays["fc.weight"][:, :5]})
    with pytest.raises(ValueError, match=r"fc.weight is float16 \(10, 5\), want floats \(10, 64\)"):
        workload.build(tmp_path / "bad.npz")
    with pytest.raises(ValueError, match="no such file"):
        workload.build(tmp_path / "none.npz")


def test_weights_survive_a_round_trip(tmp_path: Path) -> None:
    module = workloads.get("kws").build()
    save_weights(tmp_path / "kws.npz", module)
    again = KWS.network()
    load_weights(tmp_path / "kws.npz", again)
    names = [name for name in module.state_dict() if not name.endswith("num_batches_tracked")]
    assert all(torch.equal(module.state_dict()[name], again.state_dict()[name]) for name in names)


def test_missing_weights_name_the_command_that_makes_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(KWS), "weights_path", lambda self, data_set: tmp_path / f"{data_set}.npz")
    with pytest.raises(
        ValueError, match=r"train them: python -m workloads.kws.train --dataset vowels --out .*vowels.npz"
    ):
        KWS.weights_for(None)
