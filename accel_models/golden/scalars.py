"""Scalar registers from and to the scratchpad. Semantics: commands.LoadRegisters and StoreRegisters."""

import numpy as np
from numpy.typing import NDArray

from accel_models.commands import REGISTERS, WORD_BYTES, LoadRegisters, StoreRegisters
from accel_models.golden.access import Bytes, Codes, GoldenError, Sums, window

Int64 = NDArray[np.int64]


def load_registers(command: LoadRegisters, scratchpad: Bytes, accumulators: Sums, registers: Int64) -> None:
    """``registers`` int64 [batch, 32] from words of ``scratchpad`` (uint8 [batch, bytes])."""
    if command.count:
        words = np.ascontiguousarray(_words(command, scratchpad, accumulators)).view("<i4")[..., 0]
        registers[:, command.register : command.register + command.count] = words


def store_registers(command: StoreRegisters, scratchpad: Bytes, accumulators: Sums, registers: Int64) -> None:
    """``registers`` int64 [batch, 32] to words of ``scratchpad`` (uint8 [batch, bytes])."""
    if command.count:
        words = registers[:, command.register : command.register + command.count].astype("<i4")
        _words(command, scratchpad, accumulators)[...] = words[..., None].view(np.int8)


def _words(command: LoadRegisters | StoreRegisters, scratchpad: Bytes, accumulators: Sums) -> Codes:
    if command.register + command.count > REGISTERS:
        raise GoldenError(f"count: want at most {REGISTERS - command.register} registers, got {command.count}")
    if accumulators.shape[2] < WORD_BYTES:
        raise GoldenError(f"registers move on arrays of {WORD_BYTES} columns or more, got {accumulators.shape[2]}")
    return window(scratchpad, "pad_address", command.pad_address, (command.count, WORD_BYTES), (WORD_BYTES, 1))
