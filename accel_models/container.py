"""The file format of Network and Program: a zip of one JSON header and raw arrays; never pickle.

Layout: ``header.json`` (UTF-8, sorted keys: format, version, body) and ``arrays/<name>.npy``. Entries carry a fixed
date and are stored in sorted order, so equal content is equal bytes. Files are written beside the target and renamed.
"""

import contextlib
import io
import json
import os
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

_DATE = (1980, 1, 1, 0, 0, 0)


class FileFormatError(ValueError):
    """A file that is truncated, foreign, or of another version; the message names the file and what was wanted."""


def write_atomic(path: Path, data: bytes) -> None:
    """Write ``data`` so that ``path`` holds either its old content or all of the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def pack(kind: str, version: int, body: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> bytes:
    """Bytes of a container. ``body`` is JSON data; ``arrays`` any NumPy arrays without objects."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:

        def add(name: str, data: bytes) -> None:
            info = zipfile.ZipInfo(name, _DATE)
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, data)

        header = {"format": f"cosim.{kind}", "version": version, "body": body}
        add("header.json", json.dumps(header, sort_keys=True, separators=(",", ":")).encode())
        for name in sorted(arrays):
            raw = io.BytesIO()
            np.lib.format.write_array(raw, np.asarray(arrays[name], order="C"), allow_pickle=False)
            add(f"arrays/{name}.npy", raw.getvalue())
    return stream.getvalue()


def unpack(
    path: Path, kind: str, version: int, data: bytes | None = None
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Header body and arrays of a container written by ``pack``: of the file, or of ``data`` that ``path`` names.

    Raises FileFormatError.
    """
    with reading(path, kind):
        with zipfile.ZipFile(path if data is None else io.BytesIO(data)) as archive:
            header = json.loads(archive.read("header.json"))
            if header.get("format") != f"cosim.{kind}":
                raise FileFormatError(f"{path} is a '{header.get('format')}' file, want 'cosim.{kind}'")
            if header.get("version") != version:
                raise FileFormatError(
                    f"{path} has {kind} format version {header.get('version')}, this release reads {version}; "
                    "compile it again"
                )
            arrays = {
                name[len("arrays/") : -len(".npy")]: np.lib.format.read_array(
                    io.BytesIO(archive.read(name)), allow_pickle=False
                )
                for name in archive.namelist()
                if name.startswith("arrays/")
            }
            return header["body"], arrays


@contextlib.contextmanager
def reading(path: Path, kind: str) -> Iterator[None]:
    """Turn whatever a damaged or foreign file makes Python raise into a FileFormatError that names the file."""
    try:
        yield
    except FileNotFoundError:
        raise FileFormatError(f"no such file: {path}") from None
    except ValueError as error:
        if str(error).startswith(str(path)):
            raise
        raise FileFormatError(f"{path} is not a readable .{kind} file (truncated or foreign): {error}") from None
    except (
        zipfile.BadZipFile,
        zlib.error,
        struct.error,
        EOFError,
        OSError,
        NotImplementedError,
        RuntimeError,
    ) as error:
        raise FileFormatError(f"{path} is not a readable .{kind} file (truncated or foreign): {error}") from None
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        what = f"{type(error).__name__}: {error}"
        raise FileFormatError(f"{path} is not a readable .{kind} file (truncated or foreign): {what}") from None
