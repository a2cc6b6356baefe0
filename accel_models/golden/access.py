"""Checked views of memory: the only place where golden turns an address into bytes.

A memory is uint8 ``[batch, bytes]``: one row for each independent invocation that runs at the same time. A memory that
nothing writes (flash) may have a single row, which then stands for all of them.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from accel_models.commands import Operand, Register
from accel_models.registers import ErrorCause

Bytes = NDArray[np.uint8]
Codes = NDArray[np.int8]
Sums = NDArray[np.int32]


class GoldenError(ValueError):
    """A command that no machine can execute; the message names the command, the field, the value and what is wanted.

    ``cause``: what the accelerator reports when it refuses the same command.
    """

    def __init__(self, message: str, cause: ErrorCause = ErrorCause.FIELD_RANGE) -> None:
        super().__init__(message)
        self.cause = cause


def immediate(operand: Operand) -> int:
    """The value of an operand whose register has been read."""
    if isinstance(operand, Register):
        raise GoldenError(f"register {operand.index} has no value here; resolve register operands first")
    return operand


def window(
    memory: Bytes,
    field: str,
    address: int,
    shape: Sequence[int],
    strides: Sequence[int],
    cause: ErrorCause = ErrorCause.SCRATCHPAD_RANGE,
) -> Codes:
    """View ``[batch, *shape]`` of int8 codes; element (i, j ..) lies at ``address + i*strides[0] + j*strides[1] ..``.

    ``shape``: positive sizes; ``strides``: non-negative bytes. Raises GoldenError of ``cause`` where a byte is outside
    the memory.
    """
    size = memory.shape[1]
    end = address + 1 + sum((count - 1) * stride for count, stride in zip(shape, strides, strict=True))
    if address < 0 or end > size:
        raise GoldenError(f"{field}: bytes {address}..{end - 1} are outside a memory of {size} bytes", cause)
    return np.ndarray((len(memory), *shape), np.int8, memory, address, (memory.strides[0], *strides))


def entries(accumulators: Sums, field: str, first: int, count: int) -> Sums:
    """View ``[batch, count, columns]`` of accumulator entries. Raises GoldenError where one does not exist."""
    size = accumulators.shape[1]
    if first + count > size:
        raise GoldenError(
            f"{field}: entries {first}..{first + count - 1} are outside {size} accumulator entries",
            ErrorCause.ACCUMULATOR_RANGE,
        )
    return accumulators[:, first : first + count]


def same_in_batch(view: NDArray[np.generic]) -> bool:
    """Whether every invocation of the batch holds the same values."""
    return len(view) == 1 or bool((view[1:] == view[:1]).all())
