"""What a user can name: workloads, file.py:name, .pt2; every mistake is one clear line."""

from pathlib import Path

import numpy as np
import pytest
import torch

from cosim.trace import TargetError, count_macs, load_target, trace

FIXTURES = Path(__file__).parent / "fixtures"
USER = FIXTURES / "user_targets.py"


def _npz(path: Path, **arrays: np.ndarray) -> Path:
    np.savez(path, **arrays)
    return path


@pytest.fixture
def x_file(tmp_path: Path) -> Path:
    return _npz(tmp_path / "x.npz", x=np.ones((2, 3, 9, 9), np.float32))


@pytest.mark.parametrize(
    ("name", "macs"), [("resnet8", 12_501_632), ("vww", 7_489_664), ("kws", 2_656_768), ("ad", 264_192)]
)
def test_workloads(name: str, macs: int) -> None:
    target = load_target(name)
    assert target.kind == "module" and target.workload is not None
    assert target.inputs[0].shape[0] == 1
    assert target.calibration is not None and target.calibration[0].shape[0] >= 32
    assert count_macs(trace(target))["forward"] == macs


def test_function_with_example_inputs() -> None:
    target = load_target(f"{USER}:train_step")
    assert target.kind == "function" and len(target.inputs) == 2
    traced = trace(target)
    assert traced.kind == "step" and traced.name == "user_targets.py:train_step"
    assert {"conv1_weight", "conv1_weight_momentum_buffer"} <= set(traced.mutations)


def test_inputs_by_name_and_by_order(tmp_path: Path) -> None:
    a, b = np.full(3, 1, np.float32), np.full(3, 10, np.float32)
    by_name = load_target(f"{USER}:adds", inputs=_npz(tmp_path / "n.npz", b=b, a=a))
    assert [tensor[0].item() for tensor in by_name.inputs] == [1, 10]
    by_order = load_target(f"{USER}:adds", inputs=_npz(tmp_path / "o.npz", u=b, v=a))
    assert [tensor[0].item() for tensor in by_order.inputs] == [10, 1]
    assert trace(by_name).run(*by_name.inputs)[0][0].tolist() == [22, 22, 22]


@pytest.mark.parametrize("name", ["net", "SmallNet", "model"])
def test_models_instances_classes_and_factories(name: str, x_file: Path) -> None:
    target = load_target(f"{USER}:{name}", inputs=x_file)
    assert target.kind == "module"
    assert target.module is not None
    out = trace(target).run(*target.inputs)[0][0]
    torch.testing.assert_close(out, target.module(*target.inputs).detach(), rtol=1e-5, atol=1e-6)


def test_function_without_arguments_is_a_computation() -> None:
    target = load_target(f"{USER}:whole")
    assert target.kind == "function" and target.inputs == ()
    assert count_macs(trace(target))["backward-weight"] > 0


def test_weights_and_calibration_files(tmp_path: Path, x_file: Path) -> None:
    source = load_target(f"{USER}:model", inputs=x_file).module
    assert source is not None
    arrays = {name: tensor.numpy() * 0 for name, tensor in source.state_dict().items()}
    weights = _npz(tmp_path / "w.npz", **arrays)
    target = load_target(f"{USER}:model", inputs=x_file, weights=weights, calibrate=x_file)
    assert trace(target).run(*target.inputs)[0][0].abs().max() == 0
    assert target.calibration is not None and target.calibration[0].shape == (2, 3, 9, 9)
    del arrays["conv1.bias"]
    with pytest.raises(TargetError, match="does not fit SmallNet: .*conv1.bias"):
        load_target(f"{USER}:model", inputs=x_file, weights=_npz(tmp_path / "v.npz", **arrays))


def test_exported_program_round_trip(tmp_path: Path) -> None:
    module = load_target(f"{USER}:net", inputs=_npz(tmp_path / "i.npz", x=np.ones((1, 3, 9, 9), np.float32))).module
    assert module is not None
    x = torch.randn(1, 3, 9, 9)
    torch.export.save(torch.export.export(module, (x,)), tmp_path / "net.pt2")
    target = load_target(str(tmp_path / "net.pt2"))
    assert target.kind == "exported" and torch.equal(target.inputs[0], x)
    torch.testing.assert_close(trace(target).run(x)[0][0], module(x).detach())
    wrong = load_target(str(tmp_path / "net.pt2"), inputs=_npz(tmp_path / "j.npz", x=np.ones((1, 3, 8, 9), np.float32)))
    with pytest.raises(
        TargetError, match=r"input x is torch.float32 \[1, 3, 8, 9\], want torch.float32 \[1, 3, 9, 9\]"
    ):
        trace(wrong)


def _one_line(error: pytest.ExceptionInfo[TargetError]) -> None:
    assert "\n" not in str(error.value) and len(str(error.value)) < 500


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("resnet9", "unknown workload 'resnet9'; want one of resnet8, .*file.py:function or a file.pt2"),
        ("some/where.onnx", "cannot tell what 'some/where.onnx' is; want a workload"),
        ("nowhere.py:f", "no such file: nowhere.py"),
        ("nowhere.pt2", "no such file: nowhere.pt2"),
        (f"{USER}:absent", "has no function 'absent'; it has .*train_step"),
        (f"{USER}:not_callable", "'not_callable' is not callable"),
        (f"{USER}", "names no function; want"),
        (f"{FIXTURES / 'raises_on_import.py'}:f", r"ValueError: this file does not load .*\(raises_on_import.py:1\)"),
        (
            f"{FIXTURES / 'no_examples.py'}:f",
            r"no_examples.py has no example_inputs\(\), and the target takes arguments",
        ),
    ],
)
def test_targets_that_cannot_be_loaded(spec: str, message: str) -> None:
    with pytest.raises(TargetError, match=message) as error:
        load_target(spec)
    _one_line(error)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("raises", r"^user_targets.py:raises raised KeyError: 'no such sample' \(user_targets.py:61\)$"),
        ("raises_after_update", r"raised RuntimeError: late 0 \(user_targets.py:\d+\)"),
    ],
)
def test_targets_that_raise(name: str, message: str) -> None:
    target = load_target(f"{USER}:{name}")
    with pytest.raises(TargetError, match=message) as error:
        trace(target)
    _one_line(error)


@pytest.mark.parametrize("size", [0, 10, 500])
def test_truncated_exported_program(tmp_path: Path, size: int) -> None:
    module = torch.nn.Linear(2, 2)
    torch.export.save(torch.export.export(module, (torch.zeros(1, 2),)), tmp_path / "whole.pt2")
    (tmp_path / "cut.pt2").write_bytes((tmp_path / "whole.pt2").read_bytes()[:size])
    with pytest.raises(TargetError, match="cut.pt2 is not a readable .pt2 file") as error:
        load_target(str(tmp_path / "cut.pt2"))
    _one_line(error)


def test_python_file_that_is_no_python(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("x = 1\ndef broken(:\n")
    with pytest.raises(TargetError, match=r"broken.py raised SyntaxError: .* \(broken.py:2\)$") as error:
        load_target(f"{tmp_path / 'broken.py'}:f")
    _one_line(error)


def test_foreign_files(tmp_path: Path) -> None:
    np.savez(tmp_path / "foreign.pt2.npz", a=np.zeros(3))
    (tmp_path / "foreign.npz").write_bytes(b"PK not really")
    (tmp_path / "foreign.npz").rename(tmp_path / "foreign2.npz")
    (tmp_path / "foreign.pt2.npz").rename(tmp_path / "foreign.pt2")
    with pytest.raises(TargetError, match="foreign.pt2 is not a readable .pt2 file") as error:
        load_target(str(tmp_path / "foreign.pt2"))
    _one_line(error)
    with pytest.raises(TargetError, match="foreign2.npz is not a readable .npz file"):
        load_target(f"{USER}:infer", inputs=tmp_path / "foreign2.npz")


@pytest.mark.parametrize("dtype", [np.float64, np.complex64, np.float16])
def test_unsupported_input_dtype(tmp_path: Path, dtype: type) -> None:
    path = _npz(tmp_path / "d.npz", x=np.ones((1, 3, 9, 9), dtype))
    with pytest.raises(
        TargetError, match=f"x has unsupported dtype {np.dtype(dtype).name}; want one of float32"
    ) as error:
        load_target(f"{USER}:infer", inputs=path)
    _one_line(error)


def test_unsupported_dtype_inside() -> None:
    target = load_target(f"{USER}:complex_inside")
    with pytest.raises(TargetError, match="unsupported dtype complex64") as error:
        trace(target)
    _one_line(error)


def test_inputs_that_do_not_match(tmp_path: Path, x_file: Path) -> None:
    three = _npz(tmp_path / "t.npz", **{name: np.ones(3, np.float32) for name in "pqrs"})
    with pytest.raises(TargetError, match="got 4 inputs, want 2 to 3: a, b, scale"):
        load_target(f"{USER}:adds", inputs=three)
    wrong = _npz(tmp_path / "w.npz", x=np.ones((1, 5, 9, 9), np.float32))
    with pytest.raises(TargetError, match="5 channels") as error:
        trace(load_target(f"{USER}:net", inputs=wrong))
    _one_line(error)


def test_options_that_do_not_apply(tmp_path: Path, x_file: Path) -> None:
    with pytest.raises(TargetError, match="data folder is for built-in workloads"):
        load_target(f"{USER}:net", data=tmp_path)
    with pytest.raises(TargetError, match="weights are for models"):
        load_target(f"{USER}:infer", inputs=x_file, weights=x_file)
    with pytest.raises(TargetError, match="^resnet8: .*"):
        load_target("resnet8", data=tmp_path)


def test_model_that_export_refuses_is_traced_by_running_it() -> None:
    target = load_target(f"{FIXTURES / 'branching_model.py'}:model")
    traced = trace(target)
    assert traced.kind == "inference"
    assert any("traced by running it" in note for note in traced.notes)
    assert any("as numbers" in note for note in traced.notes)
    x = torch.rand(1, 1, 5, 5)
    assert target.module is not None and target.module.training
    torch.testing.assert_close(traced.run(x)[0][0], target.module.eval()(x).detach(), rtol=1e-5, atol=1e-6)
