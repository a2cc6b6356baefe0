"""Networks of built-in workloads on the user's disk: only the first exploration with given sources starts PyTorch.

A file a network in COSIM_CACHE (default: ``cosim`` in XDG_CACHE_HOME or ~/.cache; empty: keep none), under the key that
says everything that decides it. The folder may be deleted at any time.
"""

import os
from contextlib import suppress
from pathlib import Path

from accel_models.container import write_atomic
from cosim.explore.lowered import Lowered, packed, read
from cosim.explore.networks import Shelf

FOLDER_VARIABLE = "COSIM_CACHE"
KEPT = 64  # networks; the ones longest unused go first


def folder() -> Path | None:
    """Where networks are kept between runs; None: nowhere."""
    named = os.environ.get(FOLDER_VARIABLE)
    if named is not None:
        return Path(named) if named else None
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "cosim"


class DiskShelf:
    """``front``: the shelf that is asked first, and gets what the disk has; ``place``: of the files."""

    def __init__(self, front: Shelf, place: Path | None) -> None:
        self._front, self._place = front, place

    def network(self, key: str) -> Lowered | None:
        found = self._front.network(key)
        if found is None and self._place is not None:
            found = read(self._place / f"{key}.lowered")
            if found is not None:
                self._front.keep_network(key, found)
                with suppress(OSError):
                    (self._place / f"{key}.lowered").touch()
        return found

    def keep_network(self, key: str, lowered: Lowered) -> None:
        """Files are a convenience: a disk that is full or read-only is no error."""
        self._front.keep_network(key, lowered)
        if self._place is not None:
            with suppress(OSError):
                write_atomic(self._place / f"{key}.lowered", packed(lowered))
                _tidy(self._place)


def _tidy(place: Path) -> None:
    files = sorted(place.glob("*.lowered"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in files[KEPT:]:
        path.unlink(missing_ok=True)
