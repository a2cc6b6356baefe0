"""Where results go: files, all or none, and progress on standard error so that standard output stays clean."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Mapping
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


def json_text(data: dict[str, Any] | list[Any]) -> str:
    """JSON as this tool writes it: sorted keys, byte-identical for equal data."""
    return json.dumps(data, indent=1, sort_keys=True) + "\n"


def write_json(data: dict[str, Any] | list[Any] | str, where: str) -> None:
    """Write JSON data (or its text) to a file, whole or not at all, or to standard output for ``-``."""
    text = data if isinstance(data, str) else json_text(data)
    if where == "-":
        sys.stdout.write(text)
        sys.stdout.flush()
    else:
        write_atomic(Path(where), text.encode())


def write_all(files: Mapping[Path, bytes]) -> None:
    """Write every file or none: each beside its target, then all renamed; folders that are not there are made.

    Raises ValueError naming the first file that cannot be written.
    """
    drafts: list[tuple[str, Path]] = []
    made: list[Path] = []
    try:
        for path, data in files.items():
            missing = [folder for folder in (path.parent, *path.parent.parents) if not folder.exists()]
            path.parent.mkdir(parents=True, exist_ok=True)
            made += missing
            handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
            drafts.append((draft, path))
            with os.fdopen(handle, "wb") as stream:
                stream.write(data)
            os.chmod(draft, 0o644)
        for draft, path in drafts:
            os.replace(draft, path)
    except BaseException as error:
        for draft, _ in drafts:
            Path(draft).unlink(missing_ok=True)
        for folder in sorted(made, key=lambda item: -len(item.parts)):
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()
        if isinstance(error, OSError):
            raise ValueError(f"cannot write {path}: {error.strerror or error}") from error
        raise


def need_place(path: str | None, option: str, *, folder: bool = False) -> Path | None:
    """The file (or folder) to write, or a clear error before the work starts when nothing can be written there."""
    if path == "-" and option != "--json":
        raise ValueError(f"{option}: want a {'folder' if folder else 'file'}, got '-'; standard output is for --json")
    if path is None or path == "-":
        return None
    place = Path(path)
    if folder and place.exists() and not place.is_dir():
        raise ValueError(f"{option}: {path} is a file; want a folder")
    if not folder and place.is_dir():
        raise ValueError(f"{option}: {path} is a folder; want a file")
    above = place if folder else place.parent
    while not above.exists() and above != above.parent:
        above = above.parent
    if not above.is_dir():
        raise ValueError(f"{option}: cannot write {path}: {above} is not a folder")
    if not os.access(above, os.W_OK | os.X_OK):
        raise ValueError(f"{option}: cannot write {path}: no permission in {above}")
    return place


def check_places(arguments: argparse.Namespace) -> None:
    """Refuse ``--json`` and ``--out`` that cannot be written before the work starts."""
    need_place(arguments.json, "--json")
    need_place(arguments.out, "--out", folder=True)


def write_result(result: dict[str, Any] | list[Any], arguments: argparse.Namespace) -> None:
    """A command's JSON where ``--json`` says and, with ``--out``, in that folder under the command's name."""
    json_file, folder = need_place(arguments.json, "--json"), need_place(arguments.out, "--out", folder=True)
    places = [json_file] if json_file else []
    places += [folder / f"{arguments.command}.json"] if folder else []
    write_all(dict.fromkeys(places, json_text(result).encode()))
    if arguments.json == "-":
        write_json(result, "-")


def read_json(path: Path, name: str, keys: frozenset[str], what: str, writer: str) -> dict[str, Any]:
    """The data that ``writer`` left in a file, or in ``name`` of a folder. Raises ValueError for anything else.

    ``what`` the data are, in words; ``keys`` that they have at least.
    """
    source = path / name if path.is_dir() else path
    try:
        data = json.loads(source.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError(f"no such file: {source}; want a folder that {writer} wrote, or its {name}") from None
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"{source} is not {what} (truncated or foreign): {error}") from None
    missing = sorted(keys - data.keys()) if isinstance(data, dict) else sorted(keys)
    if missing:
        raise ValueError(f"{source} is not {what}: it lacks {', '.join(missing)}; another release may have written it")
    return dict(data)


def need_folder(path: str | None, what: str) -> Path | None:
    """The folder a user named, or a clear error."""
    if path is None:
        return None
    folder = Path(path)
    if not folder.is_dir():
        raise ValueError(f"{path} is not a folder; want the folder of {what}")
    return folder


def need_data(path: str | None) -> Path | None:
    """A file or folder of data that a user named, or a clear error."""
    if path is not None and not Path(path).exists():
        raise ValueError(f"no such file or folder: {path} (data)")
    return None if path is None else Path(path)


def need_file(path: str | None, what: str) -> Path | None:
    if path is None:
        return None
    file = Path(path)
    if not file.is_file():
        raise ValueError(f"no such file: {path} ({what})")
    return file
