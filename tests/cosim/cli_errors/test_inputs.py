"""Inputs and calibration data of a wrong type, shape or number, and numbers that are not finite."""

from pathlib import Path

import numpy as np
import pytest

from accel_models.network import Network
from accel_models.program import Program
from tests.fixtures.command import OUTPUTS, TARGETS, Refusal, runner


@pytest.mark.parametrize("dtype", ["float64", "float16", "complex64", "complex128", "uint32"])
@pytest.mark.parametrize("target", ["tiny", "raises"], ids=["model", "function"])
def test_unsupported_dtypes_are_named(refused: Refusal, tmp_path: Path, dtype: str, target: str) -> None:
    np.savez(tmp_path / "x.npz", x=np.zeros((1, 3, 12, 12), dtype))
    message = refused("run", f"{TARGETS}:{target}", "--inputs", "x.npz", *OUTPUTS)
    assert f"unsupported dtype {dtype}" in message and "float32" in message


def test_strings_are_no_inputs(refused: Refusal, tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", x=np.array(["a", "b"]))
    assert "unsupported dtype" in refused("run", f"{TARGETS}:tiny", "--inputs", "x.npz")


@pytest.mark.parametrize(("target", "dtype"), [("in_float64", "double"), ("in_complex", "complex64")])
def test_unsupported_dtypes_inside_a_model(refused: Refusal, target: str, dtype: str) -> None:
    assert dtype in refused("run", f"{TARGETS}:{target}", *OUTPUTS)


def test_int64_images_where_the_layer_wants_floats(refused: Refusal, tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", x=np.zeros((1, 3, 12, 12), np.int64))
    message = refused("run", f"{TARGETS}:tiny", "--inputs", "x.npz")
    assert "targets.py" in message


def test_inputs_of_the_wrong_shape_or_number(refused: Refusal, tmp_path: Path) -> None:
    np.savez(tmp_path / "two.npz", a=np.zeros(3, np.float32), b=np.zeros(3, np.float32))
    assert "got 2 inputs, want 1: x" in refused("run", f"{TARGETS}:tiny", "--inputs", "two.npz")
    np.savez(tmp_path / "flat.npz", x=np.zeros((1, 5), np.float32))
    assert "targets.py:tiny" in refused("run", f"{TARGETS}:tiny", "--inputs", "flat.npz")


def test_calibration_of_the_wrong_shape(refused: Refusal, tmp_path: Path) -> None:
    np.savez(tmp_path / "c.npz", x=np.zeros((8, 3, 12, 11), np.float32))
    message = refused("run", f"{TARGETS}:tiny", "--calibrate", "c.npz", *OUTPUTS)
    assert "[8, 3, 12, 11]" in message and "['N', 3, 12, 12]" in message


def test_calibration_that_is_not_finite(refused: Refusal, tmp_path: Path) -> None:
    np.savez(tmp_path / "c.npz", x=np.full((8, 3, 12, 12), np.nan, np.float32))
    for option in ("--calibrate", "--inputs"):
        assert "c.npz: x holds 3456 values that are not finite" in refused("run", f"{TARGETS}:tiny", option, "c.npz")
    (tmp_path / "bad.py").write_text(
        "import torch\nfrom torch import nn\n"
        "def example_inputs():\n    return torch.full((1, 3, 8, 8), -1.0)\n"
        "class Model(nn.Module):\n"
        "    def __init__(self):\n        super().__init__()\n        self.conv = nn.Conv2d(3, 4, 3)\n"
        "    def forward(self, x):\n        return self.conv(x / 0).exp()\n"
    )
    message = refused("run", "bad.py:Model", *OUTPUTS)
    assert "bad.py:Model" in message and "calibration" in message, message


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_numbers_that_are_not_finite_are_named(refused: Refusal, tmp_path: Path, tiny: Network, value: str) -> None:
    """In inputs of a target and of a compiled file, in example inputs, parameters and buffers."""
    x = np.zeros((1, 3, 12, 12), np.float32)
    x[0, 1, 2, 3] = float(value)
    np.savez(tmp_path / "x.npz", x=x)
    tiny.save(tmp_path / "t.network")
    assert "x.npz: x holds 1 values that are not finite" in refused("run", f"{TARGETS}:tiny", "--inputs", "x.npz")
    assert "x.npz: x holds values that are not finite" in refused("run", "t.network", "--inputs", "x.npz", *OUTPUTS)
    (tmp_path / "bad.py").write_text(
        "import torch\nfrom torch import nn\n"
        "def example_inputs():\n    return torch.full((1, 4), BAD if EXAMPLE else 1.0)\n"
        "class Model(nn.Module):\n"
        "    def __init__(self):\n        super().__init__()\n        self.layer = nn.Linear(4, 4)\n"
        "        self.register_buffer('offset', torch.zeros(4))\n"
        "    def forward(self, x):\n        return self.layer(x) + self.offset\n"
        "def weight():\n    m = Model()\n    m.layer.weight.data[0, 0] = BAD\n    return m\n"
        "def buffer():\n    m = Model()\n    m.offset[0] = BAD\n    return m\n"
        f"BAD = float('{value}')\nEXAMPLE = False\n"
    )
    for name, tensor in (("weight", "layer.weight"), ("buffer", "offset")):
        message = refused("run", f"bad.py:{name}", *OUTPUTS)
        assert f"constant {tensor} " in message and "not finite" in message, message
    assert "layer.weight holds 1 values" in refused("run", "bad.py:weight", "--float", *OUTPUTS)
    text = (tmp_path / "bad.py").read_text()
    (tmp_path / "worse.py").write_text(text.replace("EXAMPLE = False", "EXAMPLE = True"))
    assert "example input 0 holds 4 values that are not finite" in refused("run", "worse.py:Model", *OUTPUTS)


def test_a_mask_of_infinity_stays_possible_in_float(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mask.py").write_text(
        "import torch\nfrom torch import nn\n"
        "def example_inputs():\n    return torch.ones(1, 4, 4)\n"
        "class Model(nn.Module):\n"
        "    def __init__(self):\n        super().__init__()\n"
        "        self.register_buffer('mask', torch.full((4, 4), float('-inf')).triu(1))\n"
        "    def forward(self, x):\n        return torch.softmax(x + self.mask, -1)\n"
    )
    out = tmp_path / "y.npz"
    done = runner(capsys)("run", tmp_path / "mask.py:Model", "--float", "--outputs", out)
    assert done.status == 0, done.err
    (values,) = np.load(out).values()
    np.testing.assert_allclose(values[0], np.tril(np.ones((4, 4))) / np.arange(1, 5)[:, None], rtol=1e-6)


def test_pytorch_does_not_talk_over_the_message(
    refused: Refusal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """torch.export logs an error of its own when a model raises; nothing of it may reach standard error."""
    import logging

    seen: list[str] = []

    def note(logger: logging.Logger, record: logging.LogRecord) -> None:
        if record.levelno >= logging.WARNING:
            seen.append(f"{logger.name}: {record.getMessage()}")

    monkeypatch.setattr(logging.Logger, "callHandlers", note)
    np.savez(tmp_path / "x.npz", x=np.zeros((1, 7, 9), np.float32))
    assert "shapes cannot be multiplied" in refused("run", "ad", "--inputs", "x.npz")
    assert seen == []


def test_inputs_of_a_program(refused: Refusal, tmp_path: Path, tiny_program: Program) -> None:
    tiny_program.save(tmp_path / "t.program")
    np.savez(tmp_path / "x.npz", x=np.zeros((1, 3, 12, 11), np.float32))
    message = refused("run", "t.program", "--inputs", "x.npz", *OUTPUTS)
    assert "input x" in message and "(1, 3, 12, 11)" in message.replace("(1, 1,", "(1,")
    np.savez(tmp_path / "x.npz", a=np.zeros(3, np.float32), b=np.zeros(3, np.float32))
    assert "['a', 'b'], want ['x']" in refused("run", "t.program", "--inputs", "x.npz", *OUTPUTS)
    np.savez(tmp_path / "x.npz", x=np.zeros((1, 3, 12, 12), np.complex64))
    assert "complex64" in refused("run", "t.program", "--inputs", "x.npz", *OUTPUTS)
