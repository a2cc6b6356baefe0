"""Which patches changed, and lists of those that a mask chose. Semantics: commands.Compare and commands.List.

All operands are read before the first byte is written.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accel_models.commands import LIST_ENTRY_BYTES, REGISTERS, Compare, List
from accel_models.golden.access import Bytes, GoldenError, Sums, immediate, window
from accel_models.registers import ErrorCause

Int64 = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Listed:
    """Of one invocation. ``places`` int64 [cells]: bytes behind ``output_address`` where each cell's offset was
    written; ``offsets`` int64 [cells]; ``total``: cells chosen."""

    places: Int64
    offsets: Int64
    total: int


def is_empty(command: Compare) -> bool:
    """Whether a Compare looks at nothing."""
    return 0 in (immediate(command.planes), command.pixels, command.columns)


def marks(command: Compare, scratchpad: Bytes) -> Int64:
    """Bytes behind ``output_address`` where a Compare, not an empty one, writes: int64 [batch, planes]."""
    shape, strides = (immediate(command.planes), LIST_ENTRY_BYTES), (LIST_ENTRY_BYTES, 1)
    codes = np.ascontiguousarray(window(scratchpad, "list_address", command.list_address, shape, strides))
    return codes.view("<u4")[..., 0].astype(np.int64)


def compare(command: Compare, scratchpad: Bytes, accumulators: Sums) -> None:
    """Marks in ``scratchpad``, uint8 [batch, bytes]; ``accumulators`` only say how wide the array is."""
    c = command
    if is_empty(c):
        return
    _check_width(accumulators)
    shape = immediate(c.planes), c.pixels, c.columns
    a = window(scratchpad, "a_address", c.a_address, shape, (c.a_plane_stride, c.a_pixel_stride, 1))
    b = window(scratchpad, "b_address", c.b_address, shape, (c.b_plane_stride, c.b_pixel_stride, 1))
    changed = np.abs(a.astype(np.int64) - b).max(axis=(2, 3)) > immediate(c.threshold)
    place = c.output_address + marks(c, scratchpad)
    size = scratchpad.shape[1]
    if (place >= size).any():
        raise GoldenError(
            f"output_address: a mark at byte {place.max()} is outside a memory of {size} bytes",
            ErrorCause.SCRATCHPAD_RANGE,
        )
    for image, (where, values) in enumerate(zip(place, changed, strict=True)):
        for byte, value in zip(where.tolist(), values.tolist(), strict=True):  # a place may come twice: the last stays
            scratchpad[image, byte] = value


def listed(command: List, scratchpad: Bytes) -> list[Listed]:
    """What a List finds in each invocation. Raises GoldenError where the mask is outside the scratchpad."""
    c = command
    if c.rows * c.columns == 0:
        return [Listed(np.zeros(0, np.int64), np.zeros(0, np.int64), 0)] * len(scratchpad)
    mask = window(scratchpad, "mask_address", c.mask_address, (c.rows, c.columns), (c.mask_row_stride, 1))
    row, column = np.ogrid[: c.rows, : c.columns]
    offsets = ((row * c.row_offset + column * c.column_offset) % (1 << 32)).ravel()
    chosen = (mask > c.threshold).reshape(len(mask), -1).astype(np.int64)
    before = np.cumsum(chosen, axis=1) - chosen
    return [
        Listed(LIST_ENTRY_BYTES * position, offsets, int(found.sum()))
        for position, found in zip(before, chosen, strict=True)
    ]


def list_(command: List, scratchpad: Bytes, accumulators: Sums, registers: Int64) -> None:
    """The list in ``scratchpad`` (uint8 [batch, bytes]), counts by chunk in ``registers`` (int64 [batch, 32])."""
    c = command
    if c.destination + c.chunks > REGISTERS:
        raise GoldenError(f"chunks: want at most {REGISTERS - c.destination} registers, got {c.chunks}")
    _check_width(accumulators)
    results = listed(c, scratchpad)
    if c.rows * c.columns:  # as far as entries are written, which the mask decides
        entries = max(int(found.places[-1]) for found in results) // LIST_ENTRY_BYTES + 1
        shape = entries, LIST_ENTRY_BYTES
        window(scratchpad, "output_address", c.output_address, shape, (LIST_ENTRY_BYTES, 1))
    first = np.arange(c.chunks) * c.chunk
    for image, found in enumerate(results):
        place = found.places[:, None] + c.output_address + np.arange(LIST_ENTRY_BYTES)
        # Several cells write at one place until one is chosen: the last of them stays.
        last = np.append(np.diff(found.places) > 0, True)[: len(found.places)]
        scratchpad[image, place[last]] = found.offsets[last].astype("<u4")[:, None].view(np.uint8)
        registers[image, c.destination : c.destination + c.chunks] = np.clip(found.total - first, 0, c.chunk)


def _check_width(accumulators: Sums) -> None:
    if accumulators.shape[2] < LIST_ENTRY_BYTES:
        raise GoldenError(f"lists want arrays of {LIST_ENTRY_BYTES} columns or more, got {accumulators.shape[2]}")
