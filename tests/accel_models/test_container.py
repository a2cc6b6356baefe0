"""The file format: equal content is equal bytes; foreign, truncated and other versions are told apart."""

from pathlib import Path

import numpy as np
import pytest

from accel_models.container import FileFormatError, pack, unpack, write_atomic

BODY = {"name": "x", "numbers": [1, 2]}
ARRAYS = {"a": np.arange(6, dtype=np.int32).reshape(2, 3), "b": np.array([[-1]], np.int8)}


def test_round_trip_and_determinism(tmp_path: Path) -> None:
    data = pack("network", 3, BODY, ARRAYS)
    assert data == pack("network", 3, dict(reversed(BODY.items())), dict(reversed(ARRAYS.items())))
    path = tmp_path / "x.network"
    path.write_bytes(data)
    body, arrays = unpack(path, "network", 3)
    assert body == BODY
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(arrays[name], array)
        assert arrays[name].dtype == array.dtype


@pytest.mark.parametrize("keep", [0, 10, 0.5, 0.99])
def test_truncated_files_are_named(tmp_path: Path, keep: float) -> None:
    data = pack("program", 1, BODY, ARRAYS)
    path = tmp_path / "cut.program"
    path.write_bytes(data[: int(keep * len(data)) if isinstance(keep, float) else keep])
    with pytest.raises(FileFormatError, match=r"cut\.program is not a readable"):
        unpack(path, "program", 1)


def test_foreign_kinds_and_versions_are_named(tmp_path: Path) -> None:
    path = tmp_path / "x.network"
    path.write_bytes(pack("network", 1, BODY, ARRAYS))
    with pytest.raises(FileFormatError, match=r"'cosim\.network' file, want 'cosim\.program'"):
        unpack(path, "program", 1)
    with pytest.raises(FileFormatError, match="format version 1, this release reads 2; compile it again"):
        unpack(path, "network", 2)
    with pytest.raises(FileFormatError, match="no such file"):
        unpack(tmp_path / "none.network", "network", 1)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "out.bin"
    write_atomic(path, b"old")
    with pytest.raises(TypeError):
        write_atomic(path, "not bytes")  # type: ignore[arg-type]
    assert path.read_bytes() == b"old"
    assert [item.name for item in tmp_path.iterdir()] == ["out.bin"]
