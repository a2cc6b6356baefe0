"""Which cycles of a co-simulation go into a VCD file, and where that is put."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from rtl.bench.tools import RtlError

DEFAULT_WINDOW = "0:2000"


@dataclass(frozen=True, slots=True)
class Recording:
    """``file``: the VCD; cycles ``start`` to ``stop`` - 1 of the accelerator's work, from its first start on.

    Cycles in which it waits for the CPU do not count. Raises ValueError for an empty window.
    """

    file: Path
    start: int
    stop: int

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.stop:
            raise ValueError(f"waves window: want START:STOP with 0 <= START < STOP, got {self.start}:{self.stop}")

    @classmethod
    def parse(cls, file: Path, window: str) -> Self:
        """From the text ``START:STOP``. Raises ValueError."""
        start, colon, stop = window.partition(":")
        if not (colon and start.isdecimal() and stop.isdecimal()):
            raise ValueError(f"waves window: want START:STOP in cycles, such as {DEFAULT_WINDOW}, got {window!r}")
        return cls(file, int(start), int(stop))

    def plusargs(self, draft: Path) -> tuple[str, ...]:
        """Arguments of rtl/bench/waves.sv that make it write ``draft``."""
        return (f"+waves_file={draft}", f"+waves_start={self.start}", f"+waves_stop={self.stop}")

    def keep(self, draft: Path) -> None:
        """Put what was recorded in its place, whole or not at all. Raises RtlError where nothing was recorded."""
        if not draft.is_file() or not draft.stat().st_size:
            raise RtlError(
                f"no waves were recorded: the accelerator worked for {self.start} cycles or less; give an earlier "
                "window"
            )
        self.file.parent.mkdir(parents=True, exist_ok=True)
        beside = self.file.with_name(f".{self.file.name}.part")
        try:
            shutil.move(draft, beside)
            os.replace(beside, self.file)
        finally:
            beside.unlink(missing_ok=True)
