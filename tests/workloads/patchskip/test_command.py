"""`python -m workloads.patchskip`: what it prints and stores is what the stream did; bad input is named."""

import json
from pathlib import Path

import numpy as np
import pytest

from workloads.patchskip.__main__ import main
from workloads.patchskip.table import _answers


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """A still picture of noise, in which a square moves in the last two of four frames."""
    frames = np.repeat(np.random.default_rng(0).integers(0, 256, (1, 120, 160), np.uint8), 4, axis=0)
    frames[2, 40:48, 40:48] = 0
    frames[3, 40:48, 48:56] = 0
    np.savez(tmp_path / "square.npz", gray=frames)
    return tmp_path / "square.npz"


def test_every_frame_s_share_is_stored(clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "found.json"
    assert main(["--data", str(clip), "--theta", "0", "--backbone", "mobilenet", "--json", str(out)]) == 0
    (found,) = json.loads(out.read_text())
    first, same, moved, *_ = found["skip_ratio_by_frame"]
    assert (first, same) == (0.0, 1.0) and 0.3 < moved < 1.0
    assert (found["clip"], found["frames"], found["error"], found["codes_different"]) == ("square", 4, 0.0, 0)
    assert f"square: 4 frames, x{found['gain']:.2f} fewer" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--theta", "999"], "theta is 999, want 0..255 codes"),
        (["--clip", "nowhere"], "no scene 'nowhere'"),
        (["--memory", "1000", "--frames", "2"], "want compare='input'"),
    ],
)
def test_bad_input_is_named(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 1
    assert message in capsys.readouterr().err


def test_a_gate_is_compared_only_where_thresholds_lie_on_both_sides() -> None:
    common = {"backbone": "resnet8", "gate": "none", "agreement": 0.5}
    fixed = [
        {**common, "theta": 2, "cell": "low", "gain": 2.0, "error": 0.02},
        {**common, "theta": 8, "cell": "high", "gain": 5.0, "error": 0.2},
    ]
    learned = {**common, "gate": "learned", "theta": 0, "cell": "gate", "gain": 3.0, "error": 0.1}
    (said,) = _answers("clip", [*fixed, learned])
    assert "x3.00 against x3.33" in said and "0.90, short of 1.2" in said, "2 + (0.1 - 0.02) / (0.2 - 0.02) * 3"
    worse = {**fixed[0], "gain": 1.0, "error": 0.09}  # not on the front
    (said,) = _answers("clip", [*fixed, worse, {**learned, "gain": 4.2}])
    assert "x4.20 against x3.33" in said and "1.26, reached 1.2" in said
    (said,) = _answers("clip", [*fixed, {**learned, "error": 0.5}])
    assert "nothing to compare with" in said
