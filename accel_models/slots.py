"""Where the cycles of a Matrix command go: the parts of ``cost.matrix``, and the lanes that its slots leave idle.

A slot is a cycle in which the array takes a vector. Lane-cycles are cycles of one PE: a cycle has ``rows x columns``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from accel_models.commands import MatrixMode
from accel_models.cost import ACCUMULATE_LATENCY, MATRIX_DRAIN, MATRIX_START, Cycles, ceil_div, matrix


@dataclass(frozen=True, slots=True, kw_only=True)
class Slots:
    """int64 by command. ``overhead + weights + empty + filled`` are the command's cycles.

    ``overhead``: decode, first vector, pipeline, and in outer mode the sums that leave the PEs. ``weights``: loads of
    weights that no sum hides. ``empty``: slots that sum nothing: tiles shorter than the accumulators' latency, and in
    depthwise mode the filling of the chain and pixels that a stride passes over. ``filled``: the other slots; in these,
    lane-cycles of idle rows (of a tile with fewer than the array has), of idle columns in the rows that work, and in
    depthwise mode of the rows beyond the kernel's.
    """

    overhead: Cycles
    weights: Cycles
    empty: Cycles
    filled: Cycles
    idle_rows: Cycles
    idle_columns: Cycles
    depthwise: Cycles


def slots(c: Any, hw: Any) -> Slots:
    """Of the Matrix commands with fields ``c``; ``hw`` as in cost.py."""
    mode, cycles = np.asarray(c.mode), matrix(c, hw)
    kinds = {MatrixMode.DOT: _dot(c, hw), MatrixMode.DEPTHWISE: _depthwise(c, hw), MatrixMode.OUTER: _outer(c, hw)}

    def of(name: str) -> Cycles:
        return np.asarray(
            np.select([mode == kind for kind in kinds], [part[name] for part in kinds.values()]), np.int64
        )

    # A command without pixels starts, and that is all.
    some = of("filled") > 0
    parts = {name: np.where(some, of(name), 0) for name in ("empty", "filled", *_LANES)}
    overhead = np.where(some, of("overhead"), cycles)
    return Slots(overhead=overhead, weights=cycles - overhead - parts["empty"] - parts["filled"], **parts)


_LANES = ("idle_rows", "idle_columns", "depthwise")


def _dot(c: Any, hw: Any) -> Mapping[str, Cycles]:
    pixels, chunks, groups, repeats = _extents(c, hw)
    tiles = groups * repeats * chunks
    return {
        "overhead": np.full_like(tiles, MATRIX_START + MATRIX_DRAIN),
        "empty": tiles * np.maximum(0, ACCUMULATE_LATENCY - pixels),
        "filled": tiles * pixels,
        **_tile_lanes(c, hw),
    }


def _outer(c: Any, hw: Any) -> Mapping[str, Cycles]:
    pixels, chunks, groups, repeats = _extents(c, hw)
    filled = groups * repeats * chunks * pixels
    return {
        "overhead": MATRIX_START + MATRIX_DRAIN + groups * repeats * c.run_bytes,
        "empty": np.zeros_like(filled),
        "filled": filled,
        **_tile_lanes(c, hw),
    }


def _depthwise(c: Any, hw: Any) -> Mapping[str, Cycles]:
    groups, height = ceil_div(c.columns, hw.columns), np.asarray(c.output_height, np.int64)
    rows = groups * c.kernel_height * height
    filled = rows * c.output_width
    walked = (np.asarray(c.output_width, np.int64) - 1) * c.stride_x + c.taps
    tile = np.maximum(np.maximum(height * walked, c.taps), ACCUMULATE_LATENCY)
    return {
        "overhead": np.full_like(filled, MATRIX_START + MATRIX_DRAIN),
        "empty": groups * c.kernel_height * tile - filled,
        "filled": filled,
        "idle_rows": np.zeros_like(filled),
        "idle_columns": c.kernel_height * height * c.output_width * c.taps * (groups * hw.columns - c.columns),
        "depthwise": filled * (hw.rows - c.taps) * hw.columns,
    }


def _extents(c: Any, hw: Any) -> tuple[Cycles, Cycles, Cycles, Cycles]:
    """Pixels, chunks of the run, column groups, kernel rows times taps."""
    pixels = np.asarray(c.output_height, np.int64) * c.output_width
    return pixels, ceil_div(c.run_bytes, hw.rows), ceil_div(c.columns, hw.columns), c.kernel_height * c.taps


def _tile_lanes(c: Any, hw: Any) -> Mapping[str, Cycles]:
    pixels, chunks, groups, repeats = _extents(c, hw)
    return {
        "idle_rows": pixels * repeats * groups * (chunks * hw.rows - c.run_bytes) * hw.columns,
        "idle_columns": pixels * repeats * c.run_bytes * (groups * hw.columns - c.columns),
        "depthwise": np.zeros_like(pixels),
    }
