"""The banks of the scratchpad: which of them an access takes, and what each engine wants of them in every cycle.

Word ``a // word_bytes`` lies in the bank that ``bank_of`` in rtl/scratchpad.sv says; an access takes one bank, or the
two of neighbouring words. Banks are bits of a mask. In a cycle an engine gets its access when no port of higher
priority wants one of its banks, granted or not.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from accel_models.system import Accelerator, Bus

Masks = NDArray[np.uint64]
_ADDRESS_BITS = 21  # of the scratchpad's ports: one more than an address has


@dataclass(frozen=True, slots=True)
class BankMap:
    """``bits`` uint64 [words]: the bank of each word, as a mask."""

    word_bytes: int
    bits: Masks

    @classmethod
    def of(cls, accelerator: Accelerator, bus: Bus) -> Self:
        widest = max(accelerator.array.rows, accelerator.array.columns, bus.bytes_per_cycle)
        word_bytes = 1 << (widest - 1).bit_length()
        return cls(word_bytes, _bank_bits(word_bytes, accelerator.scratchpad.banks))

    def masks(self, address: ArrayLike, count: ArrayLike) -> Masks:
        """Banks of ``count`` bytes from ``address`` on, at most ``word_bytes``; none where ``count`` is not above 0.

        Broadcasts; addresses wrap around.
        """
        first, count = np.asarray(address, np.int64), np.asarray(count, np.int64)
        shift = self.word_bytes.bit_length() - 1
        low, high = (self.bits.take(at >> shift, mode="wrap") for at in (first, first + (count - 1)))
        return np.where(count > 0, low | high, np.uint64(0))


@lru_cache(maxsize=8)
def _bank_bits(word_bytes: int, banks: int) -> Masks:
    word = np.arange((1 << _ADDRESS_BITS) // word_bytes, dtype=np.int64)
    width = banks.bit_length() - 1
    bank = word
    if width > 1:
        for shift in (width, width + 1, 2 * width + 1, 2 * width + 2):
            bank = bank ^ (word >> shift)
    return np.left_shift(np.uint64(1), (bank % banks).astype(np.uint64))


class Wanted:
    """Masks of what ports want, by priority and cycle: uint64, zero where nothing is known.

    ``origin``: nothing is asked about cycles before it; ``cycles``: about as many as come after it; those that are not
    reached cost nothing.
    """

    def __init__(self, ports: int, origin: int, cycles: int) -> None:
        self._origin = origin
        self._own = np.zeros((ports, cycles), np.uint64)
        self._above = np.zeros((ports + 1, cycles), np.uint64)  # what the ports above each want, and above a last one

    def above(self, port: int, start: int, length: int) -> Masks:
        """What the ports above ``port`` want in ``length`` cycles from ``start`` on: until the next plan."""
        start -= self._origin
        if start + length > self._above.shape[1]:
            self._reach(start + length)
        return self._above[port, start : start + length]

    def plan(self, port: int, start: int, masks: Any, clear: int = 0) -> None:
        """Replace what was planned for ``port`` from ``start`` on: ``masks``, then nothing up to cycle ``clear``."""
        start -= self._origin
        end = start + len(masks)
        stop = max(end, clear - self._origin)
        self._reach(stop)
        self._own[port, start:end] = masks
        self._own[port, end:stop] = 0
        own, above = self._own[:, start:stop], self._above[:, start:stop]
        for lower in range(port, len(own)):
            np.bitwise_or(above[lower], own[lower], out=above[lower + 1])

    def _reach(self, stop: int) -> None:
        if stop > self._own.shape[1]:
            self._own, self._above = (
                np.concatenate([masks, np.zeros((len(masks), 2 * stop - masks.shape[1]), np.uint64)], axis=1)
                for masks in (self._own, self._above)
            )
