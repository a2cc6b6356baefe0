"""Roundings of training by name: ``nearest`` (half up), ``pseudo_stochastic`` and ``stochastic_indexed``.

The noise of an indexed rounding is a hash of a key and the element's place in memory: it depends on no machine.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from accel_models.arithmetic import half_up_shift, pseudo_shift

Int64 = NDArray[np.int64]
_WORD = np.int64(0xFFFFFFFF)


def mix(word: ArrayLike) -> Int64:
    """Bob Jenkins' integer hash (public domain) of the low 32 bits, in 0..2**32 - 1."""
    a = np.asarray(word, np.int64) & _WORD
    a = (a + 0x7ED55D16 + (a << 12)) & _WORD
    a = (a ^ 0xC761C23C) ^ (a >> 19)
    a = (a + 0x165667B1 + (a << 5)) & _WORD
    a = ((a + 0xD3A2646C) ^ (a << 9)) & _WORD
    a = (a + 0xFD7046C5 + (a << 3)) & _WORD
    return (a ^ 0xB55A4F09) ^ (a >> 16)


def noise_key(step: ArrayLike, seed: ArrayLike, *, tensor: int) -> NDArray[np.int32]:
    """mix(seed + mix(tensor + mix(step))) as int32."""
    return mix(np.asarray(seed, np.int64) + mix(tensor + mix(step))).astype(np.uint32).view(np.int32)


def indexed_shift(value: ArrayLike, shift: int, key: ArrayLike, random_bits: int) -> Int64:
    """value / 2**shift, up with the probability of what is shifted out, to the precision of the random bits.

    (2 r + 1) / 2 of 2**random_bits is added first; r: the top bits of mix(place in memory + key).
    """
    value = np.asarray(value, np.int64)
    index = np.arange(value.size, dtype=np.int64).reshape(value.shape)
    random, surplus = mix(index + np.asarray(key, np.int64)) >> (32 - random_bits), shift - (random_bits + 1)
    added = (2 * random + 1) << surplus if surplus >= 0 else random >> max(0, random_bits - shift)
    return (value + added) >> shift


def rounded_shift(
    value: ArrayLike, shift: int, rounding: str, key: ArrayLike | None = None, random_bits: int = 8
) -> Int64:
    """int64 value / 2**shift in the named rounding; shift in 0..62. Raises ValueError for an unknown name."""
    if rounding == "nearest":
        return half_up_shift(value, shift)
    if rounding == "pseudo_stochastic":
        return pseudo_shift(value, shift)
    if rounding == "stochastic_indexed" and key is not None:
        return indexed_shift(value, shift, key, random_bits)
    raise ValueError(f"rounding: want nearest, pseudo_stochastic or stochastic_indexed with a key, got {rounding!r}")
