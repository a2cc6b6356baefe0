"""The vector engine: accumulators and int8 images to int8 images. The RTL must match this on every input.

Semantics: commands.Requantize, Elementwise, Pool and Range; every rounding is in arithmetic.py. What they leave open: a
bias is added in 32 bits that wrap; a window without taps changes nothing; the largest absolute value of Range saturates
at 2**31 - 1; Range numbers the entries of column group n from ``accumulator + n*entries`` on. An output may lie exactly
on an operand, not shifted.
"""

import numpy as np
from numpy.typing import NDArray

from accel_models import arithmetic
from accel_models.arithmetic import INT32_MAX, Rounding
from accel_models.commands import (
    PARAMETER_BYTES,
    TABLE_BYTES,
    Elementwise,
    Function,
    Operand,
    Pool,
    Pooling,
    Range,
    Requantize,
    Residual,
    Scaling,
)
from accel_models.golden import training
from accel_models.golden.access import Bytes, Codes, GoldenError, Sums, entries, immediate, same_in_batch, window

Int64 = NDArray[np.int64]


def requantize(command: Requantize, scratchpad: Bytes, accumulators: Sums) -> Int64:
    """Accumulators int32 [batch, entries, columns] to an int8 image in ``scratchpad`` (uint8 [batch, bytes]).

    Returns the range of the sums, int64 [batch]: it goes into a register where the command has one.
    """
    c, height = command, immediate(command.height)
    if height * c.width * c.columns == 0:
        return np.full(len(scratchpad), immediate(c.range_start), np.int64)
    training.check_form(c)
    if c.scaling != Scaling.BLOCK:
        codes, found = training.scaled(c, scratchpad, accumulators, height)
        _output(c, scratchpad, height, codes)
        return found
    _per_channel(c, scratchpad, accumulators, height)
    return np.zeros(len(scratchpad), np.int64)


def _per_channel(c: Requantize, scratchpad: Bytes, accumulators: Sums, height: int) -> None:
    batch, lanes, width = len(scratchpad), accumulators.shape[2], c.width
    pixels, groups = height * width, -(-c.columns // lanes)
    sums = entries(accumulators, "accumulator", c.accumulator, groups * pixels)
    codes = np.empty((batch, pixels, c.columns), np.int8)
    for group in range(groups):
        used = slice(group * lanes, min((group + 1) * lanes, c.columns))
        count = used.stop - used.start
        bias, multiplier, shift = parameters(scratchpad, c.parameters + group * PARAMETER_BYTES * lanes, lanes, count)
        acc = sums[:, group * pixels : (group + 1) * pixels, :count] + bias
        codes[:, :, used] = arithmetic.requantize(
            acc, multiplier, shift, immediate(c.zero_point), immediate(c.low), immediate(c.high), c.rounding
        )
    image = codes.reshape(batch, height, width, c.columns)
    shape = (height, width, c.columns)
    if c.residual == Residual.ADD:
        other = window(
            scratchpad, "residual_address", c.residual_address, shape,
            (c.residual_row_stride, c.residual_pixel_stride, 1),
        )  # fmt: skip
        image = arithmetic.rescaled_add(
            image, immediate(c.zero_point), immediate(c.multiplier), other, immediate(c.zero_b),
            immediate(c.multiplier_b), _shift("add_shift", c.add_shift), immediate(c.add_zero), c.add_low, c.add_high,
        )  # fmt: skip
    _output(c, scratchpad, height, image)


def parameters(scratchpad: Bytes, address: int, lanes: int, count: int) -> tuple[Sums, Sums, Codes]:
    """Bias, multiplier (int32) and shift (int8), each [batch or 1, 1, count], of a block for ``lanes`` lanes."""
    block = window(scratchpad, "parameters", address, (PARAMETER_BYTES * lanes,), (1,))
    block = block[:1] if same_in_batch(block) else block
    words = np.ascontiguousarray(block[:, : 8 * lanes]).view("<i4")
    bias, multiplier = words[:, None, :count], words[:, None, lanes : lanes + count]
    shift = block[:, None, 8 * lanes : 8 * lanes + count]
    if multiplier.min() < 0:
        raise GoldenError(f"parameters: want multipliers in 0..{INT32_MAX}, got {multiplier.min()}")
    if shift.min() < arithmetic.MIN_SHIFT or shift.max() > arithmetic.MAX_SHIFT:
        raise GoldenError(f"parameters: want shifts in 1..62, got {shift.min()}..{shift.max()}")
    return bias, multiplier, shift


def elementwise(command: Elementwise, scratchpad: Bytes) -> None:
    """Add, multiply or rescale int8 images in ``scratchpad`` (uint8 [batch, bytes])."""
    c = command
    height, shift, rounding = immediate(c.height), _shift("shift", c.shift), _rounding(c)
    if height * c.width * c.columns == 0:
        return
    shape = (height, c.width, c.columns)
    zero_a, multiplier_a = immediate(c.zero_a), immediate(c.multiplier_a)
    zero_point, low, high = immediate(c.zero_point), immediate(c.low), immediate(c.high)
    a = window(scratchpad, "a_address", c.a_address, shape, (c.a_row_stride, c.a_pixel_stride, 1))
    if c.function == Function.RESCALE:
        every_code = np.arange(-128, 128) - zero_a
        answers = arithmetic.requantize(every_code, multiplier_a, shift, zero_point, low, high, rounding)
        _output(c, scratchpad, height, _look_up(answers[None], a))
        return
    b = window(scratchpad, "b_address", c.b_address, shape, (c.b_row_stride, c.b_pixel_stride, 1))
    zero_b = immediate(c.zero_b)
    if c.function == Function.ADD:
        codes = arithmetic.rescaled_add(
            a, zero_a, multiplier_a, b, zero_b, immediate(c.multiplier_b), shift, zero_point, low, high
        )
    elif c.function == Function.SELECT:
        codes = np.clip(np.where(b == c.code, a, np.int8(0)), low, high).astype(np.int8)
    else:
        products = (a.astype(np.int64) - zero_a) * (b.astype(np.int64) - zero_b)
        codes = arithmetic.requantize(products, multiplier_a, shift, zero_point, low, high, rounding)
    _output(c, scratchpad, height, codes)


def pool(command: Pool, scratchpad: Bytes) -> None:
    """Maximum, its place, or average over windows of an int8 image in ``scratchpad`` (uint8 [batch, bytes])."""
    c, batch = command, len(scratchpad)
    height = immediate(c.height)
    if height * c.width * c.columns * c.kernel_height * c.kernel_width == 0:
        return
    if c.function not in tuple(Pooling):
        raise GoldenError(f"function: want 0..2, got {c.function}")
    maximum = c.function != Pooling.AVERAGE
    result = np.full((batch, height, c.width, c.columns), -128 if maximum else 0, np.int8 if maximum else np.int32)
    first = np.zeros(result.shape if c.function == Pooling.PLACE else (0,), np.int32)  # places of the maxima
    for ky in range(c.kernel_height):
        top, bottom = _inside(height, c.stride_y, c.origin_y + ky, c.input_height)
        for kx in range(c.kernel_width):
            left, right = _inside(c.width, c.stride_x, c.origin_x + kx, c.input_width)
            if top >= bottom or left >= right:
                continue
            row, column = top * c.stride_y + c.origin_y + ky, left * c.stride_x + c.origin_x + kx
            tap = window(
                scratchpad, "input_address",
                c.input_address + row * c.input_row_stride + column * c.input_pixel_stride,
                (bottom - top, right - left, c.columns),
                (c.stride_y * c.input_row_stride, c.stride_x * c.input_pixel_stride, 1),
            )  # fmt: skip
            place = result[:, top:bottom, left:right]
            if c.function == Pooling.PLACE:
                # An earlier tap outside the image, -128 as well, stands before this one: only more than it counts.
                first[:, top:bottom, left:right][tap > place] = ky * c.kernel_width + kx
            (np.maximum if maximum else np.add)(place, tap, out=place)
    low, high = immediate(c.low), immediate(c.high)
    if c.function == Pooling.PLACE:
        codes = np.clip(first, low, high).astype(np.int8)
    elif maximum:
        codes = np.clip(result, low, high)
    else:
        sums = arithmetic.wrap32(result.astype(np.int64) + immediate(c.bias))
        multiplier, shift, rounding = immediate(c.multiplier), _shift("shift", c.shift), _rounding(c)
        codes = arithmetic.requantize(sums, multiplier, shift, immediate(c.zero_point), low, high, rounding)
    _output(c, scratchpad, height, codes)


def range_(command: Range, accumulators: Sums) -> NDArray[np.int64]:
    """Largest absolute value in the named entries, int64 [batch]; 0 where there are none."""
    c, lanes = command, accumulators.shape[2]
    count = immediate(c.entries)
    largest = np.zeros(len(accumulators), np.int64)
    for group in range(-(-c.columns // lanes) if count else 0):
        used = entries(accumulators, "accumulator", c.accumulator + group * count, count)
        used = used[:, :, : c.columns - group * lanes]
        largest = np.maximum(largest, np.abs(used.astype(np.int64)).max(axis=(1, 2)))
    return np.minimum(largest, INT32_MAX)


def _output(command: Requantize | Elementwise | Pool, scratchpad: Bytes, height: int, codes: Codes) -> None:
    """Apply the table, if there is one, and write ``codes`` [batch, height, width, columns]."""
    c = command
    if c.table:
        table = window(scratchpad, "table_address", c.table_address, (TABLE_BYTES,), (1,))
        codes = _look_up(table[:1] if same_in_batch(table) else table, codes)
    shape, strides = (height, c.width, c.columns), (c.output_row_stride, c.output_pixel_stride, 1)
    window(scratchpad, "output_address", c.output_address, shape, strides)[...] = codes


def _look_up(table: Codes, codes: Codes) -> Codes:
    """``table[code + 128]``; table int8 [batch or 1, 256]."""
    index = np.ascontiguousarray(codes).view(np.uint8) ^ np.uint8(128)
    if len(table) == 1:
        return table[0][index]
    return np.take_along_axis(table, index.reshape(len(index), -1), axis=1).reshape(index.shape)


def _inside(count: int, stride: int, origin: int, size: int) -> tuple[int, int]:
    """The range of outputs ``o`` in [0, count) whose tap ``o*stride + origin`` is in [0, size)."""
    if stride == 0:
        return (0, count) if 0 <= origin < size else (0, 0)
    return max(0, -(origin // stride)), min(count, (size - 1 - origin) // stride + 1)


def _shift(field: str, operand: Operand) -> int:
    value = immediate(operand)
    if not arithmetic.MIN_SHIFT <= value <= arithmetic.MAX_SHIFT:
        raise GoldenError(f"{field}: want 1..62, got {value}")
    return value


def _rounding(command: Elementwise | Pool) -> int:
    if command.rounding not in (Rounding.HALF_UP, Rounding.DOUBLE, Rounding.PSEUDO_STOCHASTIC):
        raise GoldenError(f"rounding: want 0..2, got {command.rounding}")
    return command.rounding
