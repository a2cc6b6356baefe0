"""Matrix commands on a systolic array, weight- or output-stationary: the usual alternative to the broadcast array.

The array is that of Gemmini (Genc et al., DAC 2021) with one PE per tile: activations enter at the left edge and move
one column a cycle, partial sums or weights enter at the top and move one row a cycle, and row i and column j run i + j
cycles behind the corner. A PE multiplies and adds in one cycle and has two registers for what stays in it, so that the
next tile's weights shift in, or the last tile's sums shift out, behind the wavefront, while this tile computes (in
Gemmini the registers c1 and c2 that `propagate` swaps). A swap moves with the wavefront, so that skew is paid once a
command, not once a tile as in SCALE-Sim (Samajdar et al., ISPASS 2020), whose tiles take 2 R + C + T - 2 cycles: there
nothing overlaps. tests/accel_models/test_systolic.py moves values through such an array cycle by cycle.

Scratchpad, address generators and accumulators are those of the broadcast array: a vector of activations and one of
weights a cycle, each of bytes that follow each other in NHWC. Where the array wants the bytes of several pixels at once
(output-stationary DOT, weight-stationary OUTER), a double-buffered transposer stands before it, as in Gemmini: a block
of p vectors takes p cycles to come in, while the block before leaves in as many cycles as it has bytes a vector.

There is no depthwise path: a depthwise convolution is a dense one whose weights are zero but on the diagonal, one row
and one column of the array a channel, one PE in ``rows`` at work. (One column for one channel's im2col would fill fewer
PEs, and would need nine unaligned reads a cycle.)

The functions give the cycles between the command's start (decode, first word) and its drain, both added by cost.py.
Fields and ``hw`` as there: ints or arrays.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from accel_models.arithmetic import ceil_div

Int64 = NDArray[np.int64]
ACCUMULATE_LATENCY = 4  # the same accumulator entry may be updated again after this many cycles, on any array
DRAIN = 2  # behind the last PE: accumulator read, accumulator write


def skew(hw: Any) -> Int64:
    """Cycles from a slot's first product, in the corner, to the end of its last one, in the opposite corner."""
    return np.asarray(hw.rows, np.int64) + hw.columns - 1


def weight_depthwise(c: Any, hw: Any) -> Int64:
    """A tile holds the weights of one tap, on the diagonal: as many channels as rows and columns allow."""
    width, groups, tail = _channel_groups(c, hw)
    step = np.maximum(_pixels(c), ACCUMULATE_LATENCY)
    tiles = (groups - 1) * np.maximum(step, width) + np.maximum(step, tail)
    first = np.where(groups > 1, width, tail)
    return first + _repeats(c) * tiles - np.maximum(step, first) + step


def weight_outer(c: Any, hw: Any) -> Int64:
    """Gradients stay, up to ``rows`` pixels of them; activations stream transposed, a byte of the run a slot.

    Blocks of pixels follow each other for every chunk of the run. A block takes the slots of its chunk, or the load of
    the next block if that is longer.
    """
    blocks, tail = _cut(_pixels(c), hw.rows)
    chunks, rest = _cut(c.run_bytes, hw.rows)
    first = np.where(blocks > 1, hw.rows, tail)

    def block(size: Int64, following: ArrayLike) -> Int64:
        return np.maximum(np.maximum(size, following), ACCUMULATE_LATENCY)

    def chunk(size: Int64) -> Int64:
        inside = np.maximum(blocks - 2, 0) * block(size, hw.rows) + np.where(blocks > 1, block(size, tail), 0)
        return inside + block(size, first)

    full = np.asarray(hw.rows, np.int64)
    every = ceil_div(c.columns, hw.columns) * _repeats(c) * ((chunks - 1) * chunk(full) + chunk(rest))
    return first + every - block(rest, first) + block(rest, 0)


def output_dot(c: Any, hw: Any) -> Int64:
    """A tile of up to ``rows`` pixels takes a slot for every product that each of its outputs sums."""
    chunks, rest = _cut(c.run_bytes, hw.rows)
    groups, tail = _cut(c.columns, hw.columns)
    turned = np.asarray(c.transposed) == 1  # weights pass a transposer too, which takes a vector for each column
    columns = np.asarray(hw.columns, np.int64)
    widths = np.where(turned, columns, 0), np.where(turned, tail, 0)
    return _output_tiles(_pixels(c), hw.rows, groups, widths, _repeats(c), chunks, (rest, rest))


def output_depthwise(c: Any, hw: Any) -> Int64:
    """As weight_depthwise, by output tiles: every tap takes a slot for every channel of the group."""
    width, groups, tail = _channel_groups(c, hw)
    none = np.zeros((), np.int64)
    return _output_tiles(_pixels(c), hw.rows, groups, (none, none), _repeats(c), none + 1, (width, tail))


def output_outer(c: Any, hw: Any) -> Int64:
    """Both operands come as they lie; a tile takes its pixels, or the drain of the tile before if that is longer."""
    pixels, (chunks, rest) = _pixels(c), _cut(c.run_bytes, hw.rows)
    tiles = (chunks - 1) * np.maximum(pixels, hw.rows) + np.maximum(pixels, rest)
    every = ceil_div(c.columns, hw.columns) * _repeats(c) * tiles
    return every - np.maximum(pixels, rest) + pixels + rest - 1


def _output_tiles(
    pixels: Int64,
    rows: ArrayLike,
    groups: Int64,
    widths: tuple[Int64, Int64],
    repeats: Int64,
    chunks: Int64,
    rests: tuple[Int64, Int64],
) -> Int64:
    """Column groups (``groups - 1`` full ones and the last, to which ``widths`` and ``rests`` belong), in each tiles of
    pixels, in each ``repeats`` times ``chunks`` blocks of ``rows`` slots, the last one of ``rests``.

    A block of p pixels loads in max(p, width) cycles while the block before is in the array. A tile of p pixels drains
    in p cycles while the next one computes; only the drain of the last one is exposed, but for its first row.
    """
    full = np.asarray(rows, np.int64)
    tiles, tail = _cut(pixels, full)
    first = np.where(tiles > 1, full, tail)

    def tile(rest: Int64, own: Int64, following: ArrayLike, drain: ArrayLike) -> Int64:
        blocks = repeats * ((chunks - 1) * np.maximum(full, own) + np.maximum(rest, own))
        return np.maximum(blocks - np.maximum(rest, own) + np.maximum(rest, following), drain)

    before_last = np.where(tiles > 1, full, np.where(groups > 1, tail, 0))  # the drain that the last tile waits for
    total = np.maximum(first, np.where(groups > 1, *widths))
    for count, width, rest in zip((groups - 1, np.ones_like(groups)), widths, rests, strict=True):
        whole, part = np.maximum(full, width), np.maximum(tail, width)
        total = total + count * np.maximum(tiles - 2, 0) * tile(rest, whole, whole, 0)
        total = total + count * np.where(tiles > 1, tile(rest, whole, part, np.where(tiles > 2, full, 0)), 0)
    # The last tile of each group: behind it comes the next group's first one, or nothing.
    (wide, narrow), (usual, last) = widths, rests
    own, at_last = np.maximum(tail, wide), np.maximum(tail, narrow)
    to_full, to_last = tile(usual, own, np.maximum(first, wide), 0), tile(usual, own, np.maximum(first, narrow), 0)
    total = total + np.maximum(groups - 2, 0) * to_full + np.where(groups > 1, to_last, 0)
    return np.asarray(total + tile(last, at_last, 0, before_last) + tail - 1, np.int64)


def _channel_groups(c: Any, hw: Any) -> tuple[Int64, Int64, Int64]:
    """Channels of a depthwise tile, tiles of channels, channels of the last one."""
    width = np.minimum(np.asarray(hw.rows, np.int64), hw.columns)
    return width, *_cut(c.columns, width)


def _cut(total: ArrayLike, size: ArrayLike) -> tuple[Int64, Int64]:
    """Pieces of ``total`` by ``size``, and the length of the last one."""
    pieces = ceil_div(total, size)
    return pieces, np.asarray(total, np.int64) - (pieces - 1) * np.asarray(size, np.int64)


def _pixels(c: Any) -> Int64:
    return np.asarray(c.planes, np.int64) * c.output_height * c.output_width


def _repeats(c: Any) -> Int64:
    return np.asarray(c.kernel_height, np.int64) * c.taps
