"""Roundings of training by name: ``nearest`` (half up), ``pseudo_stochastic`` and ``stochastic_indexed``.

The noise of an indexed rounding is a hash of a key and the element's place in memory: it depends on no machine.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from accel_models.arithmetic import half_up_shift, indexed_shift, mix, noise, pseudo_shift

Int64 = NDArray[np.int64]


def noise_key(step: ArrayLike, seed: ArrayLike, *, tensor: int) -> NDArray[np.int32]:
    """mix(seed + mix(tensor + mix(step))) as int32."""
    return mix(np.asarray(seed, np.int64) + mix(tensor + mix(step))).astype(np.uint32).view(np.int32)


def rounded_shift(
    value: ArrayLike, shift: int, rounding: str, key: ArrayLike | None = None, random_bits: int = 8
) -> Int64:
    """int64 value / 2**shift in the named rounding; shift in 0..62. Raises ValueError for an unknown name."""
    if rounding == "nearest":
        return half_up_shift(value, shift)
    if rounding == "pseudo_stochastic":
        return pseudo_shift(value, shift)
    if rounding == "stochastic_indexed" and key is not None:
        index = np.arange(np.size(value), dtype=np.int64).reshape(np.shape(value))
        return indexed_shift(value, shift, noise(index, key, random_bits), random_bits)
    raise ValueError(f"rounding: want nearest, pseudo_stochastic or stochastic_indexed with a key, got {rounding!r}")
