"""Where the cycles of a Matrix command go: the parts of ``cost.matrix``, and the lanes that its slots leave idle.

A slot is a cycle in which the array takes a vector. Lane-cycles are cycles of one PE: a cycle has ``rows x columns``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from accel_models.commands import MatrixMode
from accel_models.cost import (
    ACCUMULATE_LATENCY,
    MATRIX_DRAIN,
    MATRIX_START,
    Cycles,
    ceil_div,
    matrix,
    matrix_drain,
    output_rows,
)
from accel_models.system import ArrayKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Slots:
    """int64 by command. ``overhead + weights + empty + filled`` are the command's cycles.

    ``overhead``: decode, first vector, pipeline, and in outer mode the sums that leave the PEs. ``weights``: loads of
    weights that no sum hides. ``empty``: slots that sum nothing: tiles shorter than the accumulators' latency, and in
    depthwise mode the filling of the chain and pixels that a stride passes over. ``filled``: the other slots; in these,
    lane-cycles of idle rows (of a tile with fewer than the array has), of idle columns in the rows that work, and in
    depthwise mode of the rows beyond the kernel's.

    Of a systolic array ``overhead`` has the skew and the rows that drain last, ``weights`` also the filling of the
    transposer and drains that nothing hides, ``depthwise`` the PEs off the diagonal. Rows hold pixels where outputs
    stay, and in outer mode where weights do.
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
    kind, mode, cycles = np.asarray(hw.kind), np.asarray(c.mode), matrix(c, hw)
    found = {
        (code, mode): part(c, hw)
        for code in np.unique(kind).tolist()
        for mode, part in zip(MatrixMode, _PARTS[code], strict=True)
    }
    places = [(kind == code) & (mode == of_mode) for code, of_mode in found]

    def of(name: str) -> Cycles:
        return np.asarray(np.select(places, [part[name] for part in found.values()]), np.int64)

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
        "overhead": _drain(hw, np.zeros_like(tiles)),
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
    groups, height = ceil_div(c.columns, hw.columns), output_rows(c)
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


def _weight_depthwise(c: Any, hw: Any) -> Mapping[str, Cycles]:
    pixels, tiles = _pixels(c), ceil_div(c.columns, np.minimum(hw.rows, hw.columns)) * c.kernel_height * c.taps
    short = tiles * np.maximum(0, ACCUMULATE_LATENCY - pixels)
    return _diagonal(c, hw, tiles * pixels, empty=short, drain=0)


def _weight_outer(c: Any, hw: Any) -> Mapping[str, Cycles]:
    pixels, chunks, groups, repeats = _extents(c, hw)
    bands, tail = ceil_div(pixels, hw.rows), c.run_bytes - (chunks - 1) * hw.rows
    blocks = groups * repeats * bands
    short = (chunks - 1) * np.maximum(0, ACCUMULATE_LATENCY - hw.rows) + np.maximum(0, ACCUMULATE_LATENCY - tail)
    return {
        "overhead": _drain(hw, np.zeros_like(blocks)),
        "empty": blocks * short,
        "filled": blocks * c.run_bytes,
        "idle_rows": groups * repeats * (bands * hw.rows - pixels) * c.run_bytes * hw.columns,
        "idle_columns": pixels * repeats * c.run_bytes * (groups * hw.columns - c.columns),
        "depthwise": np.zeros_like(blocks),
    }


def _output_dot(c: Any, hw: Any) -> Mapping[str, Cycles]:
    pixels, _, groups, repeats = _extents(c, hw)
    bands = ceil_div(pixels, hw.rows)
    return {
        "overhead": _drain(hw, pixels - (bands - 1) * hw.rows - 1),
        "empty": np.zeros_like(bands),
        "filled": bands * groups * repeats * c.run_bytes,
        "idle_rows": groups * repeats * (bands * hw.rows - pixels) * c.run_bytes * hw.columns,
        "idle_columns": pixels * repeats * c.run_bytes * (groups * hw.columns - c.columns),
        "depthwise": np.zeros_like(bands),
    }


def _output_depthwise(c: Any, hw: Any) -> Mapping[str, Cycles]:
    pixels = _pixels(c)
    bands = ceil_div(pixels, hw.rows)
    filled = bands * c.kernel_height * c.taps * c.columns
    return _diagonal(c, hw, filled, empty=np.zeros_like(filled), drain=pixels - (bands - 1) * hw.rows - 1)


def _output_outer(c: Any, hw: Any) -> Mapping[str, Cycles]:
    pixels, chunks, groups, repeats = _extents(c, hw)
    filled = groups * repeats * chunks * pixels
    return {
        "overhead": _drain(hw, c.run_bytes - (chunks - 1) * hw.rows - 1),
        "empty": np.zeros_like(filled),
        "filled": filled,
        **_tile_lanes(c, hw),
    }


def _diagonal(c: Any, hw: Any, filled: Cycles, empty: Cycles, drain: ArrayLike) -> Mapping[str, Cycles]:
    """Depthwise on a systolic array: whatever is no product is off the diagonal."""
    macs = _pixels(c) * c.kernel_height * c.taps * c.columns
    none = np.zeros_like(filled)
    return {
        "overhead": _drain(hw, drain) + none,
        "empty": empty,
        "filled": filled,
        "idle_rows": none,
        "idle_columns": none,
        "depthwise": filled * hw.rows * hw.columns - macs,
    }


def _drain(hw: Any, rows: ArrayLike) -> Cycles:
    return MATRIX_START + matrix_drain(hw) + np.asarray(rows, np.int64)


_PARTS = {
    ArrayKind.BROADCAST: (_dot, _depthwise, _outer),
    ArrayKind.WEIGHT_STATIONARY: (_dot, _weight_depthwise, _weight_outer),
    ArrayKind.OUTPUT_STATIONARY: (_output_dot, _output_depthwise, _output_outer),
}


def _pixels(c: Any) -> Cycles:
    return output_rows(c) * c.output_width


def _extents(c: Any, hw: Any) -> tuple[Cycles, Cycles, Cycles, Cycles]:
    """Pixels, chunks of the run, column groups, kernel rows times taps."""
    return _pixels(c), ceil_div(c.run_bytes, hw.rows), ceil_div(c.columns, hw.columns), c.kernel_height * c.taps


def _tile_lanes(c: Any, hw: Any) -> Mapping[str, Cycles]:
    pixels, chunks, groups, repeats = _extents(c, hw)
    return {
        "idle_rows": pixels * repeats * groups * (chunks * hw.rows - c.run_bytes) * hw.columns,
        "idle_columns": pixels * repeats * c.run_bytes * (groups * hw.columns - c.columns),
        "depthwise": np.zeros_like(pixels),
    }
