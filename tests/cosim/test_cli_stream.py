"""``cosim run patchskip``: frames of a clip, beside the dense network and PyTorch; what cannot be run is refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cosim.cli.main import main
from reports import html, streams, terminal
from tests.fixtures.command import TARGETS, Command, Refusal, refusal, runner
from tests.reports.streams import stream_run
from tests.reports.test_html import Page

FRAMES = 4


@pytest.fixture
def cosim(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    monkeypatch.chdir(tmp_path)
    return runner(capsys)


@pytest.fixture
def refused(tmp_path: Path, cosim: Command) -> Refusal:
    return refusal(cosim, tmp_path)


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The JSON of a run of one scene."""
    file = tmp_path_factory.mktemp("stream") / "run.json"
    arguments = ["run", "patchskip", "--clip", "still", "--frames", str(FRAMES), "--fps", "300", "--json", str(file)]
    assert main(arguments) == 0
    return dict(json.loads(file.read_text()))


def test_frames_equal_pytorch_and_are_counted(played: dict[str, Any]) -> None:
    metrics, stream = played["metrics"], played["metrics"]["stream"]
    series = stream["series"]
    assert metrics["codes_different"] == 0 and metrics["frames"] == FRAMES
    assert series["whole"] == [True] + [False] * (FRAMES - 1) and series["looked"] == [False] + [True] * (FRAMES - 1)
    assert series["skip_ratio"][0] == 0 and all(0.3 < ratio < 0.9 for ratio in series["skip_ratio"][1:])
    assert metrics["skip_ratio"] == pytest.approx(np.mean(series["skip_ratio"]))
    assert metrics["macs_computed"] == pytest.approx((1 - metrics["skip_ratio"]) * metrics["macs_dense"])
    late = [value for value in series["latency_ms"] if value > 1e3 / 300]
    assert metrics["deadline_misses"] == len(late) and 0 < len(late) < FRAMES


def test_what_is_skipped_saves_time_and_energy(played: dict[str, Any]) -> None:
    """Contract of the workload: of the multiply-accumulates saved, three quarters are saved in cycles too."""
    metrics, series = played["metrics"], played["metrics"]["stream"]["series"]
    for cycles, energy, skipped in list(zip(series["cycles"], series["energy_uj"], series["skip_ratio"], strict=True))[
        1:
    ]:
        assert 1 - cycles / metrics["cycles_dense"] > 0.75 * skipped
        assert energy < metrics["energy_dense_uj"]
    assert series["cycles"][0] < 1.1 * metrics["cycles_dense"], "a whole first frame, and what a stream starts with"


def test_the_run_is_that_of_the_median_frame(played: dict[str, Any]) -> None:
    stream = played["metrics"]["stream"]
    place = stream["series"]["index"].index(stream["shown"])
    assert played["cycles"] == stream["series"]["cycles"][place] == sorted(stream["series"]["cycles"])[FRAMES // 2]
    computed = (1 - stream["series"]["skip_ratio"][place]) * played["metrics"]["macs_dense"] / FRAMES
    assert played["macs"] == pytest.approx(computed)
    assert 0 < played["utilization"] < 1
    assert f"frame {stream['shown']}" in played["metrics"]["notes"][-1]


def test_pictures_show_what_changed(played: dict[str, Any]) -> None:
    pictures = played["metrics"]["stream"]["pictures"]
    rows, columns = pictures["grid"]
    assert [item["index"] for item in pictures["items"]] == list(range(FRAMES))
    for item in pictures["items"]:
        assert len(item["changed"]) == len(item["computed"]) == rows * columns
    first, *others = pictures["items"]
    assert set(first["computed"]) == {"9"} and set(first["changed"]) == {"0"}, "whole, and nobody looked"
    for item in others:
        near = [level for level, mark in zip(item["computed"], item["changed"], strict=True) if mark == "1"]
        assert near and "0" not in near and "0" in item["computed"]


def test_reports_show_the_clip(played: dict[str, Any]) -> None:
    """And what the reports' own tests are made of has the shape of a real run."""
    assert "clip" in Page(html.page(played)).ids
    assert [frame.index for frame in streams.frames(played)] == list(range(FRAMES))
    assert f"{FRAMES} frames: {100 * played['metrics']['skip_ratio']:.1f} % of the MACs skipped" in terminal.text(
        played
    )
    real, made_up = played["metrics"], stream_run()["metrics"]
    for key in (None, "series", "pictures", "memory", "rules"):
        a, b = (item if key is None else item["stream"][key] for item in (real, made_up))
        assert set(a) == set(b), key
    assert set(real["stream"]) == set(made_up["stream"])
    assert set(real["stream"]["pictures"]["items"][0]) == set(made_up["stream"]["pictures"]["items"][0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--set", "patch"), "--set: want NAME=VALUE, got 'patch'"),
        (("--set", "patch=big"), "patch: want a number, got 'big'"),
        (("--set", "what=1"), "unknown setting 'what'; want one of backbone, compare, patch"),
        (("--set", "backbone=vgg"), "unknown backbone 'vgg'"),
        (("--set", "patch=2"), "want a patch of the frame that is a multiple of 4 pixels"),
        (("--set", "patch=5"), "want a patch that all strides divide"),
        (("--set", "patch=64"), "want a smaller patch"),
        (("--clip", "nothing"), "no scene 'nothing'"),
        (("--frames", "0"), "--frames: want 1 or more, got 0"),
        (("--fps", "0"), "--fps: want a rate above 0, got 0"),
        (("--epoch", "100"), "--epoch is for training steps, which patchskip is not"),
        (("--steps", "2"), "--steps is for training steps, which patchskip is not"),
        (("--weights-in", "flash"), "--weights-in flash does not apply: patchskip is a stream"),
        (("--fidelity", "rtl", "--waves", "w.vcd"), "--waves does not apply to the frames of a clip"),
        (("--float",), "--float does not apply: patchskip is a stream"),
        (("--multiplier-bits", "16"), "--multiplier-bits and --rounding do not apply"),
        (("--data", "no-such"), "no such file or folder: no-such"),
        (("--system", "cortex-m7"), "which system cortex-m7 cannot run: no accelerator"),
    ],
)
def test_bad_input_is_named(refused: Refusal, arguments: tuple[str, ...], message: str) -> None:
    assert message in refused("run", "patchskip", *arguments)


def test_a_chip_without_room_says_what_lives(refused: Refusal) -> None:
    message = refused("run", "patchskip", "--system", "edge16")
    assert "SRAM holds 524288 B" in message and "compare=input" in message and "which drops" in message


def test_a_clip_of_another_size_is_refused(refused: Refusal, tmp_path: Path) -> None:
    folder = tmp_path.parent / "clips"
    folder.mkdir(exist_ok=True)
    np.savez(folder / "small.npz", gray=np.zeros((3, 96, 96), np.uint8))
    message = refused("run", "patchskip", "--data", str(folder / "small.npz"))
    assert "96, 96" in message and "120, 160" in message


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the stream as a network and as a program."""
    folder = tmp_path_factory.mktemp("compiled")
    assert main(["compile", "patchskip", "-o", str(folder / "p.network")]) == 0
    assert main(["compile", "patchskip", "--system", "vision16", "-o", str(folder / "p.program")]) == 0
    return folder


def test_a_compiled_stream_runs_its_first_frame(cosim: Command, compiled: Path, played: dict[str, Any]) -> None:
    """Whole, whatever is on it, as the first one of a clip; outputs are in real units."""
    frame = np.random.default_rng(0).integers(-128, 127, (120, 160, 3), np.int8, endpoint=True)
    np.savez("frame.npz", frame)
    found = []
    for file, system in (("p.network", ("--system", "vision16")), ("p.program", ())):
        arguments = ("--inputs", "frame.npz", "--outputs", "y.npz", "--json", "run.json")
        assert cosim("run", compiled / file, *system, *arguments).status == 0
        run, outputs = json.loads(Path("run.json").read_text()), np.load("y.npz")
        assert run["cycles"] == played["metrics"]["stream"]["series"]["cycles"][0]
        assert "first frame, computed whole" in run["metrics"]["notes"][0]
        assert run["provenance"] == played["provenance"]
        found.append(outputs["fc"])
    np.testing.assert_array_equal(*found)
    assert found[0].dtype == np.float32 and found[0].shape == (1, 5, 1, 1)


@pytest.mark.parametrize("file", ["p.network", "p.program"])
def test_a_compiled_stream_wants_a_frame(refused: Refusal, compiled: Path, tmp_path: Path, file: str) -> None:
    system = ("--system", "vision16") if file.endswith(".network") else ()
    assert "give the first one with --inputs FILE (an .npz, int8[120, 160, 3]" in refused(
        "run", compiled / file, *system
    )
    frame = tmp_path.parent / "picture.npz"
    np.savez(frame, np.zeros((1, 3, 120, 160), np.float32))
    message = refused("run", compiled / file, *system, "--inputs", frame)
    assert "frame 0 is float32[1, 3, 120, 160], the stream's frames are int8[120, 160, 3]" in message


def test_clips_are_no_option_of_compile(cosim: Command) -> None:
    """A compiled file holds none."""
    result = cosim("compile", "patchskip", "--frames", "3", "-o", "p.network")
    assert result.status == 2 and "unrecognized arguments: --frames 3" in result.err


def test_options_of_streams_are_refused_elsewhere(refused: Refusal) -> None:
    assert "--frames is for streams (patchskip)" in refused("run", f"{TARGETS}:tiny", "--frames", "3")
