"""The matrix engine: tiles of products, summed in int32 that wraps. The RTL array must match this on every input.

Semantics: commands.Matrix. What it leaves open: lanes beyond ``columns`` in the last column group behave as if their
weights were zero (``accumulate`` keeps them, otherwise they become zero); a tile without pixels, outputs or products
changes nothing.

Exactness of the float32 product: operands are int8, so a product is at most 2**14 in magnitude and any partial sum of
at most 1024 products is an integer of at most 2**24, which float32 holds exactly, in any order and with fused
multiply-adds. Longer contractions are cut into pieces of 1024; the pieces are added in int32.
"""

import numpy as np
from numpy.typing import NDArray

from accel_models.commands import Matrix, MatrixMode
from accel_models.golden.access import Bytes, Codes, GoldenError, Sums, entries, immediate, same_in_batch, window

EXACT_LENGTH = 1024

Floats = NDArray[np.float32]


def contraction_length(command: Matrix) -> int:
    """K: products that one sum of a DOT or OUTER tile is long, or taps of a DEPTHWISE tile."""
    run = 1 if command.mode == MatrixMode.DEPTHWISE else command.run_bytes
    return command.kernel_height * command.taps * run


def pixels_of(command: Matrix) -> int:
    """P: output pixels of a tile, of all its planes."""
    return immediate(command.planes) * immediate(command.output_height) * command.output_width


def column_groups(command: Matrix, columns: int) -> int:
    """Passes over the array's columns that ``command.columns`` outputs take."""
    return -(-command.columns // columns)


def patches(command: Matrix, scratchpad: Bytes) -> Codes:
    """Activations in hardware order: int8 ``[batch, oy, ox, kernel row, tap, byte of the run]``, padding filled in.

    Rows oy are those of all planes. In DEPTHWISE mode a tap is one pixel and the run is ``columns`` channels.
    ``scratchpad``: uint8 [batch, bytes].
    """
    planes, stride = immediate(command.planes), command.input_plane_stride
    found = [_plane(command, scratchpad, command.input_address + plane * stride) for plane in range(planes)]
    return found[0] if planes == 1 else np.concatenate(found, axis=1)


def _plane(command: Matrix, scratchpad: Bytes, base: int) -> Codes:
    """The patches of the plane at ``base``."""
    c = command
    depthwise = c.mode == MatrixMode.DEPTHWISE
    tap_stride = c.input_pixel_stride if depthwise else c.tap_stride
    run = c.columns if depthwise else c.run_bytes
    height, width = immediate(c.output_height), c.output_width
    row0, byte0 = c.origin_y, c.origin_x * c.input_pixel_stride
    pixel_step = c.stride_x * c.input_pixel_stride
    rows = row0 + np.add.outer(np.arange(height) * c.stride_y, np.arange(c.kernel_height) * c.dilation_y).ravel()
    starts = byte0 + np.add.outer(np.arange(width) * pixel_step, np.arange(c.taps) * tap_stride).ravel()
    row_count, byte_count = int(rows.max()) + 1 - row0, int(starts.max()) + run - byte0

    rows = rows[(rows >= 0) & (rows < c.input_height)]
    line = c.input_width * c.input_pixel_stride
    starts = starts[(starts + run > 0) & (starts < line)]
    inside = rows.size > 0 and starts.size > 0
    if inside:
        first, last = int(rows.min()), int(rows.max()) + 1
        low, high = max(int(starts.min()), 0), min(int(starts.max()) + run, line)
        image = window(
            scratchpad, "input_address", base + first * c.input_row_stride + low,
            (last - first, high - low), (c.input_row_stride, 1),
        )  # fmt: skip
    if inside and image.shape[1:] == (row_count, byte_count):
        region = image
    else:
        region = np.full((len(scratchpad), row_count, byte_count), immediate(c.zero_point), np.int8)
        if inside:
            region[:, first - row0 : last - row0, low - byte0 : high - byte0] = image
    batch_step, row_step, _ = region.strides
    return np.lib.stride_tricks.as_strided(
        region,
        (len(region), height, width, c.kernel_height, c.taps, run),
        (batch_step, c.stride_y * row_step, pixel_step, c.dilation_y * row_step, tap_stride, 1),
        writeable=False,
    )


def weights(command: Matrix, scratchpad: Bytes) -> Codes:
    """The second operand as int8 view ``[batch, length, columns]``; length K, or pixels in OUTER mode."""
    c, n = command, command.columns
    length = contraction_length(c)
    if c.mode == MatrixMode.OUTER:
        length = pixels_of(c)
    if c.mode == MatrixMode.DOT and c.transposed:
        view = window(scratchpad, "weight_address", c.weight_address, (n, length), (c.weight_row_stride, 1))
        return view.transpose(0, 2, 1)
    return window(scratchpad, "weight_address", c.weight_address, (length, n), (c.weight_row_stride, 1))


def product(x: NDArray[np.int8], w: NDArray[np.int8]) -> Sums:
    """Exact ``x @ w`` in int32 that wraps: x int8 [batch, m, k], w int8 [batch or 1, k, n] -> int32 [batch, m, n]."""
    batch, m, k = x.shape
    shared = same_in_batch(w)
    total: Sums | None = None
    for start in range(0, k, EXACT_LENGTH):
        piece = slice(start, min(start + EXACT_LENGTH, k))
        right = (w[0] if shared else w)[..., piece, :].astype(np.float32)
        left = x[:, :, piece].astype(np.float32)
        part = left.reshape(batch * m, -1) @ right if shared else np.matmul(left, right)
        exact = part.reshape(batch, m, -1).astype(np.int32)
        total = exact if total is None else total + exact
    return total if total is not None else np.zeros((batch, m, w.shape[2]), np.int32)


def _depthwise_sums(command: Matrix, scratchpad: Bytes) -> Sums:
    """Sums of every channel over its taps, int32 [batch, pixels, columns]."""
    x = patches(command, scratchpad)
    batch, height, width, kernel_height, taps, channels = x.shape
    w = weights(command, scratchpad).astype(np.int32)
    sums = np.zeros((batch, height, width, channels), np.int32)
    for tap in range(kernel_height * taps):
        sums += x[:, :, :, tap // taps, tap % taps] * w[:, tap, None, None]
    return sums.reshape(batch, height * width, channels)


def _sums(command: Matrix, scratchpad: Bytes) -> Sums:
    """What the tile adds, int32 [batch, P or K, columns]."""
    if command.mode == MatrixMode.DEPTHWISE:
        return _depthwise_sums(command, scratchpad)
    x = patches(command, scratchpad)
    x = x.reshape(len(x), x.shape[1] * x.shape[2], -1)
    return product(x if command.mode == MatrixMode.DOT else x.transpose(0, 2, 1), weights(command, scratchpad))


def matrix(command: Matrix, scratchpad: Bytes, accumulators: Sums, rows: int) -> None:
    """One tile: scratchpad uint8 [batch, bytes]; accumulators int32 [batch, entries, columns], changed in place.

    ``rows`` of the array never change a value; they bound the taps of a DEPTHWISE tile.
    """
    c = command
    if c.mode not in tuple(MatrixMode):
        raise GoldenError(f"mode: want 0..2, got {c.mode}")
    if c.mode == MatrixMode.DEPTHWISE and c.taps > rows:
        raise GoldenError(f"taps: a depthwise tile has at most {rows} (the array's rows), got {c.taps}")
    pixels = pixels_of(c)
    length, lanes = contraction_length(c), accumulators.shape[2]
    if pixels == 0 or c.columns == 0 or length == 0:
        return
    count = length if c.mode == MatrixMode.OUTER else pixels
    groups = column_groups(c, lanes)
    target = entries(accumulators, "accumulator", c.accumulator, groups * count)
    sums = _sums(c, scratchpad)
    for group in range(groups):
        part = sums[:, :, group * lanes : (group + 1) * lanes]
        place = target[:, group * count : (group + 1) * count]
        used = place[:, :, : part.shape[2]]
        if c.accumulate:
            used += part
        else:
            used[...] = part
            place[:, :, part.shape[2] :] = 0


def matrix_tile(command: Matrix, scratchpad: Bytes, accumulators: Sums, rows: int) -> Sums:
    """The accumulators after a tile, for one invocation: uint8 [bytes], int32 [entries, columns] -> int32 copy."""
    after = accumulators[None].copy()
    matrix(command, np.ascontiguousarray(scratchpad)[None], after, rows)
    return after[0]
