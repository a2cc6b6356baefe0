"""Files written atomically: named arrays, `.npz` that never hold a pickle, and text."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np


@contextmanager
def _replacing(path: Path) -> Iterator[BinaryIO]:
    """A file that takes the place of `path` when it is whole: a reader sees the old file or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as file:
            yield file
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def save_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write `arrays` as a compressed `.npz`, atomically."""
    with _replacing(path) as file:
        np.savez_compressed(file, **dict(arrays))  # type: ignore[arg-type]


def save_text(path: Path, text: str) -> None:
    """Write `text` in UTF-8, atomically."""
    with _replacing(path) as file:
        file.write(text.encode())


def load_arrays(path: Path) -> dict[str, np.ndarray]:
    """Read every array of an `.npz`; ValueError when the file is missing, truncated or something else."""
    if not path.is_file():
        raise ValueError(f"no such file: {path}")
    try:
        with np.load(path, allow_pickle=False) as file:
            if not isinstance(file, np.lib.npyio.NpzFile):
                raise ValueError("a single array")
            return {name: file[name] for name in file.files}
    except Exception as error:  # a foreign file can fail anywhere in zip, LZMA, Deflate or header parsing
        raise ValueError(f"{path} is not a readable .npz file of arrays ({error})") from error
