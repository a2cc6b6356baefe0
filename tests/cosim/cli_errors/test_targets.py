"""Targets that are none, code of a user that fails, and networks that cannot be made."""

from pathlib import Path

import numpy as np
import pytest

from tests.fixtures.command import FIXTURES, OUTPUTS, TARGETS, WORKLOADS, Refusal


@pytest.mark.parametrize("command", [("run", *OUTPUTS), ("compile", "-o", "x.network")], ids=["run", "compile"])
def test_unknown_workload_lists_the_known_ones(refused: Refusal, command: tuple[str, ...]) -> None:
    message = refused(*command, "resnet9")
    assert "'resnet9'" in message
    assert all(name in message for name in WORKLOADS)


@pytest.mark.parametrize("target", ["net.pth", "folder/net", "net.onnx", "net.txt:model"])
def test_foreign_targets_say_what_a_target_is(refused: Refusal, target: str) -> None:
    message = refused("run", target)
    assert target in message and "file.py:function" in message and "file.pt2" in message


def test_python_targets_that_are_not_there(refused: Refusal) -> None:
    assert "no such file: none.py" in refused("run", "none.py:model")
    assert "names no function" in refused("run", TARGETS)
    message = refused("run", f"{TARGETS}:absent")
    assert "'absent'" in message and "tiny" in message


def test_a_callable_that_raises_is_named_with_its_line(refused: Refusal) -> None:
    lines = (FIXTURES / "targets.py").read_text().splitlines()
    for name, error in (("raises", "KeyError: 'no such sample'"), ("failing", "IndexError: no fourth channel")):
        text = error.split(": ")[1].strip("'")
        number = next(index for index, line in enumerate(lines, 1) if text in line)
        message = refused("run", f"{TARGETS}:{name}", *OUTPUTS)
        assert error in message and f"(targets.py:{number})" in message, message


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("def model(:\n", ["SyntaxError", "(bad.py:1)"]),
        ("\nraise OSError('no disk')\n", ["OSError: no disk", "(bad.py:2)"]),
        ("import sys\nsys.exit(3)\n", ["SystemExit", "(bad.py:2)"]),
        ("import no_such_package\n", ["no_such_package", "(bad.py:1)"]),
        ("def model(x):\n    return x\n", ["example_inputs()", "--inputs"]),
        ("def example_inputs():\n    return 1 / 0\ndef model(x):\n    return x\n", ["ZeroDivisionError", "(bad.py:2)"]),
        ("def example_inputs():\n    return 'x'\ndef model(x):\n    return x\n", ["example input"]),
        ("model = 3\n", ["'model' is not callable"]),
    ],
)
def test_files_that_cannot_be_used(refused: Refusal, tmp_path: Path, source: str, wanted: list[str]) -> None:
    (tmp_path / "bad.py").write_text(source)
    message = refused("run", "bad.py:model", *OUTPUTS)
    assert all(part in message for part in ["bad.py", *wanted]), message


_LEAVES = """import sys
import torch
from torch import nn

def example_inputs():
    return torch.zeros(1, 3)

class Forward(nn.Module):
    def forward(self, x):
        sys.exit(0)  # Forward

class Constructor(nn.Module):
    def __init__(self):
        sys.exit(0)  # Constructor

def factory():
    sys.exit(0)  # factory

def function(x):
    raise SystemExit  # function

class Loading(nn.Linear):
    def __init__(self):
        super().__init__(3, 3)
    def load_state_dict(self, state):
        sys.exit(0)  # Loading
"""


@pytest.mark.parametrize("name", ["Forward", "Constructor", "factory", "function", "Loading"])
def test_code_that_leaves_python_is_no_success(refused: Refusal, tmp_path: Path, name: str) -> None:
    """`sys.exit(0)` in a user's code must not make the command succeed with nothing done."""
    (tmp_path / "leaves.py").write_text(_LEAVES)
    np.savez(tmp_path / "w.npz", weight=np.zeros((3, 3), np.float32))
    line = next(index for index, text in enumerate(_LEAVES.splitlines(), 1) if f"# {name}" in text)
    weights = ["--weights", "w.npz"] if name == "Loading" else []
    message = refused("run", f"leaves.py:{name}", *weights, *OUTPUTS)
    assert "SystemExit" in message and f"(leaves.py:{line})" in message, message


def test_example_inputs_that_leave(refused: Refusal, tmp_path: Path) -> None:
    (tmp_path / "leaves.py").write_text("def example_inputs():\n    raise SystemExit(0)\ndef model(x):\n    return x\n")
    message = refused("compile", "leaves.py:model", "-o", "x.network")
    assert "example_inputs() raised SystemExit: 0 (leaves.py:2)" in message


def test_leaving_where_nobody_expects_it(refused: Refusal, tmp_path: Path) -> None:
    (tmp_path / "leaves.py").write_text("def __getattr__(name):\n    raise SystemExit(0)\n")
    assert "sys.exit(0)" in refused("run", "leaves.py:model", *OUTPUTS)


def test_zero_quantized_operators(refused: Refusal) -> None:
    assert "zero quantized operators" in refused("run", f"{TARGETS}:nothing_to_quantize", *OUTPUTS)


def test_a_target_without_a_result(refused: Refusal) -> None:
    assert "returns no tensor" in refused("run", f"{TARGETS}:returns_nothing")
