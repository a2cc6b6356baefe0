"""Bad input: one clear message each, exit status not 0, no traceback, no partial output."""

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml

from accel_models.network import Network
from accel_models.program import Program
from accel_models.system import PRESETS, load_system
from cosim.encode import compile_network
from cosim.frontend import prepare
from cosim.options import Options
from tests.fixtures.command import FIXTURES, TARGETS, Refusal, refusal, runner

WORKLOADS = ("resnet8", "vww", "kws", "ad", "gemm")


@pytest.fixture(scope="session")
def tiny() -> Network:
    return prepare(f"{TARGETS}:tiny", Options(), lambda stage: None).network


@pytest.fixture(scope="session")
def tiny_program(tiny: Network) -> Program:
    return compile_network(tiny, load_system("edge16"))


@pytest.fixture
def refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Refusal:
    """Runs a command that must fail, in a folder that must stay as it is; temporary files would lie there too."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return refusal(runner(capsys), tmp_path)


OUTPUTS = ("--json", "out.json", "--out", "report", "--outputs", "y.npz")
"""Everything that a run writes."""


# ---- targets ----


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


# ---- dtypes and inputs ----


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


# ---- systems ----


def _system(folder: Path, change: Callable[[dict], None]) -> str:
    data = yaml.safe_load((PRESETS / "edge16.yaml").read_text())
    change(data)
    (folder / "chip.yaml").write_text(yaml.safe_dump(data))
    return "chip.yaml"


def _set(path: str, value: object) -> Callable[[dict], None]:
    def change(data: dict) -> None:
        *parents, leaf = path.split(".")
        for part in parents:
            data = data[part]
        data[leaf] = value

    return change


@pytest.mark.parametrize(
    ("path", "value", "wanted"),
    [
        ("acelerator", {}, ["acelerator", "unknown field"]),
        ("accelerator.clock_hz", 200_000_000, ["accelerator.clock_hz", "unknown field"]),
        ("sram.size_kib", 512, ["sram.size_kib", "unknown field"]),
        ("accelerator.clock_mhz", "200 MHz", ["accelerator.clock_mhz", "number", "'200 MHz'"]),
        ("sram.size_bytes", "512 KiB", ["sram.size_bytes", "integer", "'512 KiB'"]),
        ("sram.size_bytes", 1.5, ["sram.size_bytes", "1.5"]),
        ("accelerator.clock_mhz", -200, ["accelerator.clock_mhz", "greater than 0", "-200"]),
        ("accelerator.array.rows", 1000, ["accelerator.array.rows", "64", "1000"]),
        ("accelerator.array", [16, 16], ["accelerator.array", "[16, 16]"]),
        ("accelerator.multiplier_bits", 24, ["accelerator.multiplier_bits", "16", "31", "24"]),
        ("accelerator.scratchpad.size_bytes", 100, ["scratchpad.size_bytes", "1024", "got 100"]),
        ("bus.bytes_per_cycle", 3, ["bus.bytes_per_cycle", "got 3"]),
        ("flash.bandwidth_mb_per_s", 0, ["flash.bandwidth_mb_per_s", "greater than 0"]),
        ("technology.node_nm", 7, ["technology.node_nm", "22", "got 7"]),
        ("cpu.core", "cortex-z9", ["cpu.core", "'cortex-z9'", "cortex-m33"]),
        ("cpu.library", "mkl", ["cpu.library", "'mkl'", "cmsis-nn"]),
    ],
)
def test_system_fields(
    refused: Refusal, tmp_path: Path, tiny: Network, path: str, value: object, wanted: list[str]
) -> None:
    tiny.save(tmp_path / "t.network")
    message = refused("run", "t.network", "--system", _system(tmp_path, _set(path, value)), "--json", "o.json")
    assert all(part in message for part in wanted), message


@pytest.mark.parametrize("command", [("run", "t.network"), ("rtl", "t.program")], ids=["run", "rtl"])
def test_a_systolic_array_has_no_rtl(refused: Refusal, tmp_path: Path, tiny: Network, command: tuple[str, str]) -> None:
    tiny.save(tmp_path / "t.network")
    chip = _system(tmp_path, _set("accelerator.array.kind", "systolic"))
    compile_network(tiny, load_system(tmp_path / chip), search=False).save(tmp_path / "t.program")
    run = command[0] == "run"
    more = ["--system", chip, "--fidelity", "rtl"] if run else []
    message = refused(*command, *more, "--json", "o.json")
    assert all(part in message for part in ("accelerator.array.kind", "'systolic'", "--fidelity event")), message


def test_every_finding_of_a_system_file_has_a_line(refused: Refusal, tmp_path: Path) -> None:
    def change(data: dict) -> None:
        del data["flash"]
        data["accelerator"]["clock_mhz"] = -1

    message = refused("run", "resnet8", "--system", _system(tmp_path, change), lines=2)
    assert "flash: Field required" in message and "accelerator.clock_mhz" in message


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (b"name: [unclosed", "is not YAML"),
        (b"\x00\xff\xfe", "is not YAML"),
        (b"- a\n- list\n", "want a mapping"),
        (b"", "want a mapping"),
        (b"just words", "want a mapping"),
        (b"!!python/object/apply:os.system ['true']", "is not YAML"),
    ],
)
def test_system_files_that_are_none(refused: Refusal, tmp_path: Path, text: bytes, wanted: str) -> None:
    (tmp_path / "chip.yaml").write_bytes(text)
    message = refused("run", "resnet8", "--system", "chip.yaml", *OUTPUTS)
    assert "chip.yaml" in message and wanted in message


def test_unknown_system_lists_the_presets(refused: Refusal) -> None:
    for command in (("run",), ("compile", "-o", "x.program")):
        message = refused(*command, "resnet8", "--system", "edge99")
        assert "'edge99'" in message and "edge16" in message and "cortex-m7" in message
    assert "cannot read system file" in refused("run", "resnet8", "--system", "absent.yaml")


# ---- models that do not fit ----


def _fitting(base: dict[str, dict]) -> Callable[[dict], None]:
    def change(data: dict) -> None:
        for part, fields in base.items():
            for name, value in fields.items():
                _set(f"{part}.{name}", value)(data)

    return change


@pytest.fixture(scope="session")
def convnet() -> Network:
    return prepare(f"{FIXTURES / 'convnet.py'}:network", Options(), lambda stage: None).network


def test_sram_too_small_names_the_tensors_at_the_peak(refused: Refusal, tmp_path: Path, convnet: Network) -> None:
    convnet.save(tmp_path / "c.network")
    sizes = {"sram": {"size_bytes": 8192}, "accelerator.scratchpad": {"size_bytes": 4096}}
    message = refused("run", "c.network", "--system", _system(tmp_path, _fitting(sizes)), *OUTPUTS[:4])
    assert "does not fit SRAM" in message and "alive at the peak" in message
    large = [op.outputs[0] for op in convnet.operators if convnet.tensors[op.outputs[0]].bytes > 4096]
    assert any(name in message for name in large), message


def test_flash_too_small(refused: Refusal, tmp_path: Path, convnet: Network) -> None:
    convnet.save(tmp_path / "c.network")
    chip = _system(tmp_path, _set("flash.size_bytes", 2048))
    message = refused("run", "c.network", "--system", chip, "--json", "o.json")
    assert "flash holds 2048 B" in message and "weights" in message


def test_scratchpad_too_small_names_the_block(refused: Refusal, tmp_path: Path, convnet: Network) -> None:
    convnet.save(tmp_path / "c.network")
    chip = _system(tmp_path, _set("accelerator.scratchpad.size_bytes", 1024))
    message = refused("run", "c.network", "--system", chip, "--json", "o.json")
    assert "does not fit the scratchpad" in message and "alive at the peak" in message


def test_weights_that_must_lie_in_sram_and_do_not_fit(refused: Refusal, tmp_path: Path, convnet: Network) -> None:
    convnet.save(tmp_path / "c.network")
    chip = _system(tmp_path, _fitting({"sram": {"size_bytes": 30000}, "accelerator.scratchpad": {"size_bytes": 8192}}))
    message = refused("run", "c.network", "--system", chip, "--weights-in", "sram")
    assert "SRAM" in message and "30000" in message or "alive at the peak" in message


def test_wider_multipliers_than_the_system_has(refused: Refusal, tmp_path: Path, tiny: Network) -> None:
    tiny.save(tmp_path / "t.network")
    chip = _system(tmp_path, _set("accelerator.multiplier_bits", 16))
    assert "--multiplier-bits 16" in refused("run", "t.network", "--system", chip)


# ---- files ----


@pytest.mark.parametrize("suffix", ["network", "program", "pt2"])
@pytest.mark.parametrize("content", ["empty", "text", "truncated", "zip", "folder", "absent"])
def test_files_that_are_no_targets(
    refused: Refusal, tmp_path: Path, tiny: Network, tiny_program: Program, suffix: str, content: str
) -> None:
    path = tmp_path / f"bad.{suffix}"
    whole = tiny_program.to_bytes() if suffix == "program" else tiny.to_bytes()
    if content == "zip":
        np.savez(tmp_path / "other.npz", x=np.zeros(3))
        (tmp_path / "other.npz").rename(path)
    elif content == "folder":
        path.mkdir()
    elif content != "absent":
        path.write_bytes({"empty": b"", "text": b"hello\n", "truncated": whole[: len(whole) // 2]}[content])
    message = refused("run", path, "--json", "o.json", "--out", "report")
    assert f"bad.{suffix}" in message


def test_a_network_is_no_program(refused: Refusal, tmp_path: Path, tiny: Network, tiny_program: Program) -> None:
    tiny.save(tmp_path / "t.program")
    assert "'cosim.network' file, want 'cosim.program'" in refused("run", "t.program")
    tiny_program.save(tmp_path / "p.network")
    assert "'cosim.program' file, want 'cosim.network'" in refused("run", "p.network")
    (tmp_path / "t.pt2").write_bytes(tiny.to_bytes())
    assert "not a readable .pt2 file" in refused("run", "t.pt2")


@pytest.mark.parametrize("kind", ["network", "program"])
def test_damaged_files_never_raise_anything_but_value_errors(
    tmp_path: Path, tiny: Network, tiny_program: Program, kind: str
) -> None:
    found: Network | Program = tiny if kind == "network" else tiny_program
    data, path, rng = found.to_bytes(), tmp_path / f"x.{kind}", np.random.default_rng(1)
    refusals = 0
    for _ in range(150):
        damaged = bytearray(data)
        damaged[rng.integers(len(data))] ^= 1 << int(rng.integers(8))
        path.write_bytes(bytes(damaged))
        try:
            type(found).load(path)
        except ValueError as error:
            refusals += 1
            assert str(path) in str(error)
    assert refusals > 75


@pytest.mark.parametrize("option", ["--inputs", "--calibrate", "--weights"])
@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04 cut off", None, "pickle", "array"])
def test_arrays_that_cannot_be_read(refused: Refusal, tmp_path: Path, option: str, content: object) -> None:
    if isinstance(content, bytes):
        (tmp_path / "x.npz").write_bytes(content)
    elif content == "pickle":
        np.savez(tmp_path / "x.npz", x=np.array([{"a": 1}], dtype=object))
    elif content == "array":
        with (tmp_path / "x.npz").open("wb") as stream:
            np.save(stream, np.zeros(3))
    message = refused("run", f"{TARGETS}:tiny", option, "x.npz", *OUTPUTS)
    assert "x.npz" in message


def test_arrays_for_a_program_that_cannot_be_read(refused: Refusal, tmp_path: Path, tiny_program: Program) -> None:
    tiny_program.save(tmp_path / "t.program")
    (tmp_path / "x.npz").write_bytes(b"PK\x03\x04 cut off")
    assert "x.npz is not a readable .npz file" in refused("run", "t.program", "--inputs", "x.npz", *OUTPUTS)
    np.savez(tmp_path / "x.npz", x=np.array([{"a": 1}], dtype=object))
    assert "x.npz is not a readable .npz file" in refused("run", "t.program", "--inputs", "x.npz", *OUTPUTS)


def test_weights_of_another_model(refused: Refusal, tmp_path: Path) -> None:
    np.savez(tmp_path / "w.npz", a=np.zeros(3, np.float32))
    assert "w.npz does not fit Tiny" in refused("run", f"{TARGETS}:tiny", "--weights", "w.npz", *OUTPUTS)
    assert "w.npz" in refused("run", "resnet8", "--weights", "w.npz", *OUTPUTS)


# ---- data ----


@pytest.mark.parametrize("name", WORKLOADS)
def test_a_data_folder_without_data(refused: Refusal, tmp_path: Path, name: str) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "notes.txt").write_text("nothing here")
    message = refused("run", name, "--data", "data", *OUTPUTS)
    assert message.startswith(f"{name}: ") and "data" in message


def test_data_that_is_no_folder(refused: Refusal, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for name in ("absent", "file"):
        assert f"{name} is not a folder" in refused("run", "resnet8", "--data", name, *OUTPUTS)


def test_truncated_data(refused: Refusal, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for part in ("train", "t10k"):
        (tmp_path / "data" / f"{part}-images-idx3-ubyte").write_bytes(b"\0\0\x08\x03\0\0\0\x05")
        (tmp_path / "data" / f"{part}-labels-idx1-ubyte").write_bytes(b"\0\0\x08\x01\0\0\0\x05")
    assert "idx" in refused("run", "resnet8", "--data", "data", *OUTPUTS)


def test_data_for_a_file(refused: Refusal, tmp_path: Path) -> None:
    assert "--inputs, --calibrate" in refused("run", f"{TARGETS}:tiny", "--data", tmp_path)


# ---- options ----


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


# ---- reports of runs ----


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


# ---- tools of the RTL ----


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


# ---- as processes ----


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
