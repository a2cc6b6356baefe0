"""Bit-exact integer arithmetic of the accelerator: the only definition of every rounding.

Numbers are fixed point: a real factor ``M`` is a pair ``(multiplier, shift)`` with ``M ~ multiplier * 2**-shift``,
``multiplier`` in [0, 2**31) and ``shift`` in [1, 62], from 0 on in training. Roundings: ``half_up`` (single rounding,
default), ``double`` (TFLite and gemmlowp: half up at bit 31, then half away from zero), ``pseudo_stochastic`` (of the
magnitude: what is shifted out decides, upper half against lower half), ``indexed`` (stochastic, by a hash of the
element's index).

Source of the formulas: TFLite 8-bit quantization specification and gemmlowp's fixed-point header.
"""

from enum import IntEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

MULTIPLIER_BITS = 31
MIN_SHIFT, MAX_SHIFT = 1, 62
MAX_RANDOM_BITS = 16
IDENTITY = (1 << 30, 30)  # q * 2**30 >> 30 == q in both roundings

INT32_MAX = 2**31 - 1

Int64 = NDArray[np.int64]


class Rounding(IntEnum):
    HALF_UP = 0
    DOUBLE = 1
    PSEUDO_STOCHASTIC = 2
    INDEXED = 3


def ceil_div(a: ArrayLike, b: ArrayLike) -> Int64:
    """a / b rounded up, int64; b is positive."""
    return -(-np.asarray(a, np.int64) // np.asarray(b, np.int64))


def quantize_multiplier(real: float, bits: int = MULTIPLIER_BITS) -> tuple[int, int]:
    """Nearest ``(multiplier, shift)`` to a non-negative real factor.

    ``multiplier`` keeps ``bits`` (31 or 16) significant bits and is always returned in 31-bit form, so that a 16-bit
    design point only has zeros in the low half. Zero gives ``(0, 31)``; a factor below 2**-31 rounds to it.
    """
    if not (0 <= real < 2.0**30) or bits not in (16, 31):
        raise ValueError(f"want a factor in [0, 2**30) and bits 16 or 31, got {real=} {bits=}")
    if real == 0:
        return 0, 31
    fraction, exponent = np.frexp(real)
    fraction_bits = 31 if bits == 31 else 15
    multiplier = int(np.floor(float(fraction) * (1 << fraction_bits) + 0.5)) << (31 - fraction_bits)
    exponent = int(exponent)
    if multiplier == 1 << 31:
        multiplier, exponent = multiplier >> 1, exponent + 1
    shift = 31 - exponent
    if shift > MAX_SHIFT:
        return 0, 31
    return multiplier, shift


def half_up_shift(value: ArrayLike, shift: ArrayLike) -> Int64:
    """``(value + 2**(shift-1)) >> shift``: round half up; arithmetic shift on int64; shift 0 changes nothing."""
    shift = np.asarray(shift, np.int64)
    return (np.asarray(value, np.int64) + ((np.int64(1) << shift) >> 1)) >> shift


def pseudo_shift(value: ArrayLike, shift: ArrayLike) -> Int64:
    """value / 2**shift in pseudo-stochastic rounding, |value| < 2**62, shift in 0..62.

    Of the magnitude: up where the upper half of the bits shifted out is larger than the lower half (of an odd count the
    middle bit is in neither); one bit alone: half to even.
    """
    value, shift = np.asarray(value, np.int64), np.asarray(shift, np.int64)
    magnitude, one, half = np.abs(value), np.int64(1), shift >> 1
    floor = magnitude >> shift
    rest = magnitude - (floor << shift)
    up = (rest >> (shift - half)) > (rest & ((one << half) - 1))
    rounded = floor + np.where(shift == 1, (rest & floor) == 1, up)
    return np.where(value < 0, -rounded, rounded)


def mix(word: ArrayLike) -> Int64:
    """Bob Jenkins' integer hash (public domain) of the low 32 bits, in 0..2**32 - 1."""
    mask = np.int64(0xFFFFFFFF)
    a = np.asarray(word, np.int64) & mask
    a = (a + 0x7ED55D16 + (a << 12)) & mask
    a = (a ^ 0xC761C23C) ^ (a >> 19)
    a = (a + 0x165667B1 + (a << 5)) & mask
    a = ((a + 0xD3A2646C) ^ (a << 9)) & mask
    a = (a + 0xFD7046C5 + (a << 3)) & mask
    return (a ^ 0xB55A4F09) ^ (a >> 16)


def noise(index: ArrayLike, key: ArrayLike, random_bits: int) -> Int64:
    """The top ``random_bits`` of ``mix(key + index)``."""
    return mix(np.asarray(index, np.int64) + np.asarray(key, np.int64)) >> (32 - random_bits)


def indexed_shift(value: ArrayLike, shift: ArrayLike, random: ArrayLike, random_bits: int) -> Int64:
    """value / 2**shift, |value| < 2**62: floor after ``(2*random + 1) / 2**(random_bits + 1)`` units were added.

    What of that is less than one unit of ``value`` is cut off.
    """
    shift, twice = np.asarray(shift, np.int64), 2 * np.asarray(random, np.int64) + 1
    surplus = shift - (random_bits + 1)
    added = (twice << np.maximum(surplus, 0)) >> np.maximum(-surplus, 0)
    return (np.asarray(value, np.int64) + added) >> shift


def rounded_shift(value: ArrayLike, shift: ArrayLike, rounding: int) -> Int64:
    """value / 2**shift in a rounding that is neither double nor indexed."""
    assert rounding in (Rounding.HALF_UP, Rounding.PSEUDO_STOCHASTIC), rounding
    return (pseudo_shift if rounding == Rounding.PSEUDO_STOCHASTIC else half_up_shift)(value, shift)


def scale_single(acc: ArrayLike, multiplier: ArrayLike, shift: ArrayLike) -> Int64:
    """``(acc * multiplier + 2**(shift-1)) >> shift`` for acc in int32: one rounding, half up."""
    return half_up_shift(np.asarray(acc, np.int64) * np.asarray(multiplier, np.int64), shift)


def scale_double(acc: ArrayLike, multiplier: ArrayLike, shift: ArrayLike) -> Int64:
    """TFLite's MultiplyByQuantizedMultiplier: half up at bit 31, then half away from zero for what is left.

    With ``e = 31 - shift``: a left shift by ``max(e, 0)`` wraps at 32 bits, as in the reference kernels.
    """
    acc, multiplier, exponent = np.broadcast_arrays(
        np.asarray(acc, np.int64), np.asarray(multiplier, np.int64), 31 - np.asarray(shift, np.int64)
    )
    shifted = wrap32(acc << np.maximum(exponent, 0))
    high = (shifted * multiplier + (np.int64(1) << np.int64(30))) >> np.int64(31)
    right = np.maximum(-exponent, 0)
    mask = (np.int64(1) << right) - 1
    threshold = (mask >> 1) + (high < 0)
    return (high >> right) + ((high & mask) > threshold)


def scale(acc: ArrayLike, multiplier: ArrayLike, shift: ArrayLike, rounding: int) -> Int64:
    """Scale int32 ``acc`` by ``multiplier * 2**-shift`` in the named rounding."""
    if rounding == Rounding.DOUBLE:
        return scale_double(acc, multiplier, shift)
    return rounded_shift(np.asarray(acc, np.int64) * np.asarray(multiplier, np.int64), shift, rounding)


def requantize(
    acc: ArrayLike,
    multiplier: ArrayLike,
    shift: ArrayLike,
    zero_point: int,
    low: int,
    high: int,
    rounding: int = Rounding.HALF_UP,
) -> NDArray[np.int8]:
    """int8 code ``clamp(zero_point + scale(acc), low, high)``; ``acc`` int32, last axis broadcasts with the factors."""
    return np.clip(scale(acc, multiplier, shift, rounding) + zero_point, low, high).astype(np.int8)


def rescaled_add(
    a: ArrayLike,
    zero_a: int,
    multiplier_a: int,
    b: ArrayLike,
    zero_b: int,
    multiplier_b: int,
    shift: int,
    zero_point: int,
    low: int,
    high: int,
) -> NDArray[np.int8]:
    """``clamp(zero_point + ((a-zero_a)*multiplier_a + (b-zero_b)*multiplier_b + 2**(shift-1)) >> shift, low, high)``.

    One rounding (half up) of the exact sum, where TFLite's ADD rounds three times; the factors share one shift.
    """
    total = (np.asarray(a, np.int64) - zero_a) * multiplier_a + (np.asarray(b, np.int64) - zero_b) * multiplier_b
    return np.clip(half_up_shift(total, shift) + zero_point, low, high).astype(np.int8)


def add_multipliers(real_a: float, real_b: float, bits: int = MULTIPLIER_BITS) -> tuple[int, int, int]:
    """Factors of two addends on one shared shift, the larger one normalised: (multiplier_a, multiplier_b, shift)."""
    larger = max(real_a, real_b)
    top, shift = quantize_multiplier(larger, bits)
    if top == 0:
        raise ValueError(f"want at least one addend factor of 2**-31 or more, got {real_a=} {real_b=}")
    grain = 0 if bits == 31 else 16

    def fixed(real: float) -> int:
        return min(int(np.floor(real * 2.0 ** (shift - grain) + 0.5)) << grain, (1 << 31) - (1 << grain))

    return fixed(real_a), fixed(real_b), shift


def wrap32(value: ArrayLike) -> Int64:
    """Two's-complement wrap to 32 bits, kept in int64: what an accumulator register holds."""
    return np.asarray(value, np.int64).astype(np.int32).astype(np.int64)


def moved(code: ArrayLike, up: ArrayLike) -> Int64:
    """``code * 2**up``, half up where ``up`` is negative; up in -16..15."""
    up = np.asarray(up, np.int64)
    return half_up_shift(np.asarray(code, np.int64) << np.maximum(up, 0), np.maximum(-up, 0))


def updated(master: ArrayLike, change: ArrayLike, most: int) -> Int64:
    """``clamp(master - change, +-most)``: a master weight after a step."""
    return np.clip(np.asarray(master, np.int64) - np.asarray(change, np.int64), -most, most)


def master_view(master: ArrayLike, fraction_bits: int) -> NDArray[np.int8]:
    """The int8 weight of an integer master: half up by its fraction bits, then +-127."""
    return np.clip(half_up_shift(master, fraction_bits), -127, 127).astype(np.int8)
