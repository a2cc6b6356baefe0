"""Files of networks, programs and arrays, and folders of data, that hold something else."""

from pathlib import Path

import numpy as np
import pytest

from accel_models.network import Network
from accel_models.program import Program
from tests.fixtures.command import OUTPUTS, TARGETS, WORKLOADS, Refusal


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
