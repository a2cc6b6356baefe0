"""Where results go: JSON files, and progress on standard error so that standard output stays clean."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from accel_models.container import write_atomic


class Progress:
    """Says on standard error what is being done; on a terminal each stage replaces the one before."""

    def __init__(self) -> None:
        self._start = time.monotonic()
        self._live = sys.stderr.isatty()

    def __call__(self, stage: str) -> None:
        text = f"[{time.monotonic() - self._start:5.1f} s] {stage}"
        print(f"\r\033[K{text}" if self._live else text, end="" if self._live else "\n", file=sys.stderr, flush=True)

    def done(self) -> None:
        if self._live:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


def write_json(data: dict[str, Any] | list[Any] | str, where: str) -> None:
    """Write JSON data (or its text) to a file, whole or not at all, or to standard output for ``-``."""
    text = data if isinstance(data, str) else json.dumps(data, indent=1, sort_keys=True) + "\n"
    if where == "-":
        sys.stdout.write(text)
        sys.stdout.flush()
    else:
        write_atomic(Path(where), text.encode())


def need_folder(path: str | None, what: str) -> Path | None:
    """The folder a user named, or a clear error."""
    if path is None:
        return None
    folder = Path(path)
    if not folder.is_dir():
        raise ValueError(f"{path} is not a folder; want the folder of {what}")
    return folder


def need_file(path: str | None, what: str) -> Path | None:
    if path is None:
        return None
    file = Path(path)
    if not file.is_file():
        raise ValueError(f"no such file: {path} ({what})")
    return file
