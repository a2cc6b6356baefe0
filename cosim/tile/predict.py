"""Predicted cycles of candidate tilings of one operator, from cost.py: what the choice between them rests on."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accel_models import cost
from accel_models.commands import PARAMETER_BYTES
from cosim.tile.cuts import sizes
from cosim.tile.geometry import ConvGeometry

_TILE_COMMANDS = 4  # Load, Matrix, Requantize, Store
_PARTS = np.array([1, 2, 4, 8, 16])  # into how many tiles the first or last ones may be cut
Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A tile of ``height`` output rows, ``width`` pixels of each, ``columns`` output channels; see TilePlan."""

    height: int
    width: int
    columns: int
    columns_outer: bool


def busy_cycles(geometry: ConvGeometry, hw: cost.Hardware, candidates: Sequence[Candidate]) -> Float64:
    """Cycles of the busiest of matrix engine, vector engine and command fetch; the slower of the two ends last."""
    rows = []
    for index, item in enumerate(candidates):
        for h, h_count in sizes(geometry.output_height, item.height):
            for w, w_count in sizes(geometry.output_width, item.width):
                for c, c_count in sizes(geometry.spans[0][2], item.columns):
                    rows.append((index, h, w, c, h_count * w_count * c_count * geometry.images * len(geometry.spans)))
    index, h, w, c, count = np.array(rows, np.int64).T
    matrix, vector = _matrix(geometry, hw, h, w, c), _vector(geometry, hw, h, w, c)
    fetch = np.asarray(cost.fetch(len(geometry.segments) + 1, hw))
    longest = np.zeros(len(candidates))
    np.maximum.at(longest, index, matrix)
    ends_last = np.bincount(index, vector * count) + longest
    return np.maximum(np.maximum(np.bincount(index, matrix * count), ends_last), np.bincount(index, fetch * count))


def head_heights(
    geometry: ConvGeometry, hw: cost.Hardware, candidates: Sequence[Candidate], streamed: bool, ramped: bool
) -> tuple[Int64, Float64]:
    """Best height of the first tiles of each candidate, and the cycles the matrix engine loses at the start.

    Tile i of the first n waits for the weights and i + 1 parts of the rows. The loads never stop, so that the first
    tile, the last one, or the next weights are waited for longest.
    """
    size = _size(candidates)
    if not streamed:
        return size.height[:, 0], np.zeros(len(candidates))
    first, head = _options(geometry, candidates, size, ramped)
    tiles = first.bands * -(-size.height // head)
    full = _matrix(geometry, hw, size.height, size.width, size.columns) * first.widths
    cut = _matrix(geometry, hw, head, size.width, size.columns) * first.widths
    row = geometry.width * geometry.channels
    more = np.minimum(head * geometry.stride[0], geometry.height) * row
    halo = max(0, (geometry.kernel_height - 1) * geometry.dilation_y + 1 - geometry.stride[0]) * row
    weights = geometry.contraction * size.columns + PARAMETER_BYTES * size.columns
    # Fetches of a tile's commands share the channel with its loads.
    each = hw.dma_setup_cycles + cost.fetch(_TILE_COMMANDS, hw)
    load_weights = each + cost.ceil_div(weights, hw.bus_bytes)
    load = each + cost.ceil_div(more, hw.bus_bytes)
    begin = load_weights + load + cost.ceil_div(halo, hw.bus_bytes)
    loaded = (tiles - 1) * load + np.where(first.slices > 1, np.maximum(cut, load_weights), cut)
    return _best(head, begin + np.maximum(tiles * cut, loaded) - first.bands * full)


def tail_heights(
    geometry: ConvGeometry, hw: cost.Hardware, candidates: Sequence[Candidate], stored: bool, ramped: bool
) -> tuple[Int64, Float64]:
    """Best height of the last tiles of each candidate, and the cycles from the last product to the end.

    Where the output is not stored, the next operator follows tile by tile: there is no end to wait for.
    """
    size = _size(candidates)
    if not stored:
        vector = _vector(geometry, hw, size.height, size.width, size.columns)
        return size.height[:, 0], np.asarray(vector[:, 0], np.float64)
    last, tail = _options(geometry, candidates, size, ramped)
    vector = _vector(geometry, hw, tail, size.width, size.columns)
    full = _matrix(geometry, hw, size.height, size.width, size.columns)
    cut = _matrix(geometry, hw, tail, size.width, size.columns)
    more = last.bands * last.widths * (-(-size.height // tail) * cut - full)
    store = hw.dma_setup_cycles + cost.ceil_div(tail * size.width * size.columns, hw.bus_bytes)
    return _best(tail, more + vector + store)


@dataclass(frozen=True, slots=True)
class _Size:
    """int64 [candidates, 1]."""

    height: Int64
    width: Int64
    columns: Int64


@dataclass(frozen=True, slots=True)
class _Pass:
    """The first or last pass, int64 [candidates, 1]: bands of rows, tiles across each; ``slices`` of all columns."""

    bands: Int64
    widths: Int64
    slices: Int64


def _size(candidates: Sequence[Candidate]) -> _Size:
    sizes = np.array([(item.height, item.width, item.columns) for item in candidates], np.int64)
    return _Size(*np.split(sizes, 3, axis=1))


def _options(geometry: ConvGeometry, candidates: Sequence[Candidate], size: _Size, ramped: bool) -> tuple[_Pass, Int64]:
    """Passes, and heights to try, int64 [candidates, parts]."""
    height, width, columns = size.height, size.width, size.columns
    outer = np.array([[item.columns_outer] for item in candidates])
    bands = np.where(outer, geometry.images * -(-geometry.output_height // height), 1)
    slices = len(geometry.spans) * -(-geometry.spans[0][2] // columns)
    tried = np.maximum(1, -(-height // (_PARTS if ramped else _PARTS[:1])))
    return _Pass(bands, -(-geometry.output_width // width), slices), tried


def _best(heights: Int64, cycles: NDArray[np.generic]) -> tuple[Int64, Float64]:
    chosen = np.argmin(cycles, axis=1)
    every = np.arange(len(chosen))
    return heights[every, chosen], np.asarray(cycles[every, chosen], np.float64)


def _matrix(geometry: ConvGeometry, hw: cost.Hardware, height: Int64, width: Int64, columns: Int64) -> Int64:
    drafts = geometry.matrix_drafts(height, width, columns)
    return np.asarray(sum(cost.matrix(draft, hw) for draft in drafts), np.int64)


def _vector(geometry: ConvGeometry, hw: cost.Hardware, height: Int64, width: Int64, columns: Int64) -> Int64:
    return np.asarray(cost.requantize(geometry.requantize_draft(height, width, columns), hw), np.int64)
