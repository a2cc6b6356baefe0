"""The vector engine's commands of training: scaled sums with their range, masked sums of two images, weight updates.

Semantics: commands.Requantize (form for training), Sum and Update. A range saturates at 2**31 - 1 and is, of
nothing, the value to start from; counts wrap.
"""

import numpy as np
from numpy.typing import NDArray

from accel_models import arithmetic
from accel_models.arithmetic import INT32_MAX, MAX_RANDOM_BITS, MAX_SHIFT, Rounding
from accel_models.commands import BIAS_BYTES, REGISTERS, Ranging, Requantize, Residual, Scaling, Sum, Update
from accel_models.golden.access import Bytes, Codes, GoldenError, Sums, entries, immediate, same_in_batch, window

Int64 = NDArray[np.int64]
_ROUNDINGS = (Rounding.HALF_UP, Rounding.PSEUDO_STOCHASTIC, Rounding.INDEXED)


def check_form(command: Requantize) -> None:
    """What goes together in a Requantize. Raises GoldenError."""
    c, training = command, command.scaling != Scaling.BLOCK
    if c.scaling not in tuple(Scaling):
        raise GoldenError(f"scaling: want 0..2, got {c.scaling}")
    if c.rounding not in (_ROUNDINGS if training else (Rounding.HALF_UP, Rounding.DOUBLE)):
        raise GoldenError(f"rounding: got {c.rounding} with scaling {c.scaling}")
    if c.residual not in (Residual.NONE, Residual.MASK if training else Residual.ADD):
        raise GoldenError(f"residual: got {c.residual} with scaling {c.scaling}")
    if training:
        _check_factor(c)
    elif c.range:
        raise GoldenError(f"range: got {c.range} with scaling {c.scaling}")


def _check_factor(c: Requantize | Update | Sum) -> None:
    if immediate(c.shift) > MAX_SHIFT:
        raise GoldenError(f"shift: want 0..{MAX_SHIFT}, got {c.shift}")
    if c.rounding not in _ROUNDINGS:
        raise GoldenError(f"rounding: want one of {[int(item) for item in _ROUNDINGS]}, got {c.rounding}")
    if c.rounding == Rounding.INDEXED and not 1 <= c.random_bits <= MAX_RANDOM_BITS:
        raise GoldenError(f"random_bits: want 1..{MAX_RANDOM_BITS}, got {c.random_bits}")
    if not isinstance(c, Update) and c.range not in tuple(Ranging):
        raise GoldenError(f"range: want 0..2, got {c.range}")


def scaled(c: Requantize, scratchpad: Bytes, accumulators: Sums, height: int) -> tuple[Codes, Int64]:
    """Codes int8 [batch, height, width, columns] and the range [batch] of sums; nothing of it is empty."""
    batch, lanes = len(scratchpad), accumulators.shape[2]
    groups = -(-c.columns // lanes)
    sums = entries(accumulators, "accumulator", c.accumulator, groups * height * c.width)
    value = _unfolded(sums, height * c.width, c.columns).astype(np.int64)
    if c.scaling == Scaling.BIAS:
        block = window(scratchpad, "parameters", c.parameters, (groups * BIAS_BYTES * lanes,), (1,))
        block = block[:1] if same_in_batch(block) else block
        value += np.ascontiguousarray(block).view("<i4")[:, None, : c.columns]
    value = value.reshape(batch, height, c.width, c.columns)
    if c.residual == Residual.MASK:
        strides = (c.residual_row_stride, c.residual_pixel_stride, 1)
        mask = window(scratchpad, "residual_address", c.residual_address, value.shape[1:], strides)
        value = np.where(mask > 0, value, 0)
    y, x, j = np.ogrid[:height, : c.width, : c.columns]
    index = immediate(c.multiplier_b) + y * c.index_row_stride + x * c.index_pixel_stride + j
    return _coded(c, value, index, immediate(c.zero_point)), range_of(value, c.range, immediate(c.range_start))


def _unfolded(sums: Sums, rows: int, columns: int) -> Sums:
    """[batch, groups * rows, lanes] as [batch, rows, columns]."""
    batch, total, lanes = sums.shape
    return sums.reshape(batch, total // rows, rows, lanes).transpose(0, 2, 1, 3).reshape(batch, rows, -1)[..., :columns]


def _coded(c: Requantize | Sum, value: Int64, index: Int64, zero_point: int = 0) -> Codes:
    bound = immediate(c.bound)
    rounded = _scaled(c, np.clip(value, -bound, bound), index)
    return np.clip(rounded + zero_point, immediate(c.low), immediate(c.high)).astype(np.int8)


def _scaled(c: Requantize | Update | Sum, value: Int64, index: Int64) -> Int64:
    """value * multiplier / 2**shift, rounded; ``index``: of noise."""
    product, shift = value * immediate(c.multiplier), immediate(c.shift)
    if c.rounding != Rounding.INDEXED:
        return arithmetic.rounded_shift(product, shift, c.rounding)
    random = arithmetic.noise(index, immediate(c.key), c.random_bits)
    return arithmetic.indexed_shift(product, shift, random, c.random_bits)


def range_of(value: Int64, kind: int, start: int) -> Int64:
    """max(start, largest magnitude or positive value of each invocation), int64 [batch]."""
    found = value if kind == Ranging.POSITIVE else np.abs(value)
    return np.maximum(start, np.minimum(found.reshape(len(value), -1).max(axis=1), INT32_MAX))


def sum_(command: Sum, scratchpad: Bytes) -> Int64:
    """Two images of ``scratchpad`` (uint8 [batch, bytes]) to one; returns the range, int64 [batch]."""
    c, height = command, immediate(command.height)
    if height * c.width * c.columns == 0:
        return np.full(len(scratchpad), immediate(c.range_start), np.int64)
    _check_factor(c)
    shape = (height, c.width, c.columns)
    a = window(scratchpad, "a_address", c.a_address, shape, (c.a_row_stride, c.a_pixel_stride, 1))
    b = window(scratchpad, "b_address", c.b_address, shape, (c.b_row_stride, c.b_pixel_stride, 1))
    value = arithmetic.moved(a, immediate(c.up_a)) + arithmetic.moved(b, immediate(c.up_b))
    if c.masked:
        mask = window(scratchpad, "c_address", c.c_address, shape, (c.c_row_stride, c.c_pixel_stride, 1))
        value = np.where(mask > 0, value, 0)
    output = window(
        scratchpad, "output_address", c.output_address, shape, (c.output_row_stride, c.output_pixel_stride, 1)
    )
    output[...] = _coded(c, value, c.index_start + np.arange(value[0].size).reshape(shape))
    return range_of(value, c.range, immediate(c.range_start))


def update(command: Update, scratchpad: Bytes, accumulators: Sums) -> Int64 | None:
    """Master weights of ``scratchpad`` (uint8 [batch, bytes]) after a step.

    Returns the counts, int64 [batch, 2]; None where there are no weights, and registers stay as they are.
    """
    c, rows = command, immediate(command.entries)
    if rows * c.columns == 0:
        return None
    _check_factor(c)
    if c.destination == REGISTERS - 1:
        raise GoldenError(f"destination: want 0..{REGISTERS - 2}, two registers are written; got {c.destination}")
    if not c.wide and c.most > 127:
        raise GoldenError(f"most: want 0..127 for int8 masters, got {c.most}")
    groups = -(-c.columns // accumulators.shape[2])
    acc = _unfolded(entries(accumulators, "accumulator", c.accumulator, groups * rows), rows, c.columns)
    size = 1 + c.wide
    shape, strides = (rows, c.columns, size), (c.master_row_stride, size, 1)
    master = window(scratchpad, "master_address", c.master_address, shape, strides)
    have = np.ascontiguousarray(master).view("<i2" if c.wide else np.int8)[..., 0]
    row, column = np.ogrid[:rows, : c.columns]
    change = _scaled(c, acc.astype(np.int64), c.index_start + row * c.index_row_stride + column)
    new = arithmetic.updated(have, change, c.most)
    view = None
    if c.wide:
        view = window(scratchpad, "output_address", c.output_address, (rows, c.columns), (c.output_row_stride, 1))
    master[...] = new.astype("<i2" if c.wide else np.int8)[..., None].view(np.int8)
    if view is not None:
        view[...] = arithmetic.master_view(new, c.fraction_bits)
    wanted = acc != 0
    counts = np.stack([(wanted & (change == 0)).sum(axis=(1, 2)), wanted.sum(axis=(1, 2))], axis=1)
    return arithmetic.wrap32(counts + [immediate(c.zeros_start), immediate(c.sums_start)])
