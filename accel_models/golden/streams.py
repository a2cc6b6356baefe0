"""Operand vectors of a Matrix command in the order in which the array receives them: the RTL array's oracle.

Tiles go by column group, then kernel row, then tap, then chunk of ``rows`` bytes of the run (DEPTHWISE: by column
group, then kernel row). Lanes that a tile does not use are zero.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accel_models.commands import Matrix, MatrixMode
from accel_models.golden.access import Bytes, Codes
from accel_models.golden.matrix import column_groups, contraction_length, patches, pixels_of, weights


@dataclass(frozen=True, slots=True, kw_only=True)
class TileVectors:
    """What one weight tile takes from the scratchpad and gives to the accumulators.

    ``weights`` int8 [loads, lanes]: vectors of the weight load, one a cycle. DOT: one per used row of the array, lanes
    are columns; ``transposed``: one per used column, lanes are rows. DEPTHWISE: one per tap, lanes are columns.
    OUTER: empty; nothing is loaded beforehand.

    ``activations`` int8 [steps, lanes]: one vector a cycle. DOT and OUTER: one per pixel, lanes are the array's rows.
    DEPTHWISE: per output row the ``(width-1)*stride_x + taps`` input pixels from left to right, lanes are columns.

    ``gradients`` int8 [steps, columns]: OUTER only, beside each activation vector; empty otherwise.

    ``entries`` int64 [writes]: accumulator entries, in order of writing. DOT: one per pixel, after its activation
    vector. DEPTHWISE: one per pixel, after the vector of its last tap. OUTER: one per used row, when the tile drains.

    ``accumulate``: whether the tile adds to what its entries hold.
    """

    weights: Codes
    activations: Codes
    gradients: Codes
    entries: NDArray[np.int64]
    accumulate: bool


def operand_vectors(command: Matrix, scratchpad: Bytes, rows: int, columns: int) -> Iterator[TileVectors]:
    """Tiles of a command on an array of ``rows x columns``; scratchpad uint8 [bytes], register operands resolved."""
    if pixels_of(command) == 0 or contraction_length(command) == 0:
        return
    memory = np.ascontiguousarray(scratchpad)[None]
    x, w = patches(command, memory)[0], weights(command, memory)[0]
    if command.mode == MatrixMode.DEPTHWISE:
        yield from _depthwise(command, x, w, columns)
    else:
        yield from _products(command, x, w, rows, columns)


def _products(command: Matrix, x: Codes, w: Codes, rows: int, columns: int) -> Iterator[TileVectors]:
    height, width, kernel_height, taps, run = x.shape
    pixels, length = height * width, contraction_length(command)
    x = x.reshape(pixels, length)
    outer = command.mode == MatrixMode.OUTER
    none = np.zeros((0, columns), np.int8)
    for group in range(column_groups(command, columns)):
        lanes = slice(group * columns, min((group + 1) * columns, command.columns))
        for repeat in range(kernel_height * taps):
            for chunk in range(0, run, rows):
                k = slice(repeat * run + chunk, repeat * run + min(chunk + rows, run))
                activations = _lanes(x[:, k], rows)
                if outer:
                    yield TileVectors(
                        weights=none,
                        activations=activations,
                        gradients=_lanes(w[:, lanes], columns),
                        entries=command.accumulator + group * length + np.arange(k.start, k.stop),
                        accumulate=bool(command.accumulate),
                    )
                    continue
                tile = w[k, lanes]
                yield TileVectors(
                    weights=_lanes(tile.T, rows) if command.transposed else _lanes(tile, columns),
                    activations=activations,
                    gradients=none,
                    entries=command.accumulator + group * pixels + np.arange(pixels),
                    accumulate=bool(command.accumulate) or k.start > 0,
                )


def _depthwise(command: Matrix, x: Codes, w: Codes, columns: int) -> Iterator[TileVectors]:
    height, width, kernel_height, taps, channels = x.shape
    step, line = command.stride_x, (width - 1) * command.stride_x + taps
    pixels = height * width
    for group in range(column_groups(command, columns)):
        lanes = slice(group * columns, min((group + 1) * columns, channels))
        for ky in range(kernel_height):
            # A pixel that no output uses (stride beyond the taps) is read and dropped; here it is zero.
            row = np.zeros((height, line, lanes.stop - lanes.start), np.int8)
            for ox in range(width):
                row[:, ox * step : ox * step + taps] = x[:, ox, ky, :, lanes]
            yield TileVectors(
                weights=_lanes(w[ky * taps : (ky + 1) * taps, lanes], columns),
                activations=_lanes(row.reshape(height * line, -1), columns),
                gradients=np.zeros((0, columns), np.int8),
                entries=command.accumulator + group * pixels + np.arange(pixels),
                accumulate=bool(command.accumulate) or ky > 0,
            )


def _lanes(vectors: Codes, count: int) -> Codes:
    """Vectors with their lanes filled up to ``count`` with zeros."""
    filled = np.zeros((len(vectors), count), np.int8)
    filled[:, : vectors.shape[1]] = vectors
    return filled
