"""Load, store and fill: bytes between a memory on the bus and the scratchpad. Semantics: commands._Transfer, Fill."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from accel_models.commands import LIST_ENTRY_BYTES, Fill, Load, Store
from accel_models.golden.access import Bytes, Codes, GoldenError, immediate, window
from accel_models.registers import ErrorCause

# A memory, the field that holds the address, the address, and what is wrong outside the memory.
Side = tuple[Bytes, str, int, ErrorCause]


def load(command: Load, source: Bytes, offset: int, scratchpad: Bytes, bus_bytes: int) -> None:
    """Copy from byte ``offset`` of ``source`` (uint8 [batch or 1, bytes]) to the scratchpad (uint8 [batch, bytes])."""
    bus = source, "bus_address", offset, ErrorCause.BUS_READ
    _copy(command, bus, (scratchpad, "pad_address", command.pad_address, ErrorCause.SCRATCHPAD_RANGE), bus_bytes)


def store(command: Store, scratchpad: Bytes, target: Bytes, offset: int, bus_bytes: int) -> None:
    """Copy from the scratchpad to byte ``offset`` of ``target`` (uint8 [batch, bytes])."""
    pad = scratchpad, "pad_address", command.pad_address, ErrorCause.SCRATCHPAD_RANGE
    _copy(command, pad, (target, "bus_address", offset, ErrorCause.BUS_WRITE), bus_bytes)


def row_list(command: Load | Store, scratchpad: Bytes) -> NDArray[np.int64]:
    """Offsets of a listed transfer, int64 [batch, planes]. Raises GoldenError where they are outside the scratchpad."""
    shape, strides = (immediate(command.planes), LIST_ENTRY_BYTES), (LIST_ENTRY_BYTES, 1)
    codes = np.ascontiguousarray(window(scratchpad, "list_address", command.list_address, shape, strides))
    return codes.view("<u4")[..., 0].astype(np.int64)


def fill(command: Fill, scratchpad: Bytes) -> None:
    """Write a constant code into runs of the scratchpad."""
    c = command
    row_bytes, rows = immediate(c.row_bytes), immediate(c.rows)
    if row_bytes * rows == 0:
        return
    window(scratchpad, "pad_address", c.pad_address, (rows, row_bytes), (c.pad_row_stride, 1))[...] = immediate(c.value)


def is_empty(command: Load | Store) -> bool:
    """Whether a transfer moves no byte."""
    return 0 in (immediate(command.planes), immediate(command.rows), immediate(command.row_bytes))


def _copy(command: Load | Store, source: Side, target: Side, bus_bytes: int) -> None:
    """All bytes are found before the first is moved: what is refused changes nothing."""
    c = command
    if is_empty(c):
        return
    shape = (immediate(c.planes), immediate(c.rows), immediate(c.row_bytes))
    bus, pad = (c.bus_plane_stride, c.bus_row_stride, 1), (c.pad_plane_stride, c.pad_row_stride, 1)
    origin, destination = (bus, pad) if isinstance(c, Load) else (pad, bus)
    if not c.listed:
        _move(*_views(source, target, shape, origin, destination), destination)
        return
    scratchpad = target[0] if isinstance(c, Load) else source[0]
    offsets = _offsets(c, scratchpad, bus_bytes)
    steps = [(offset, plane * c.pad_plane_stride) for plane, offset in enumerate(offsets)]
    single = (1, *shape[1:])
    views = []
    for on_bus, in_pad in steps:
        there, here = (on_bus, in_pad) if isinstance(c, Load) else (in_pad, on_bus)
        views.append(_views(_behind(source, there), _behind(target, here), single, origin, destination))
    for read, write in views:
        _move(read, write, destination)


def _offsets(command: Load | Store, scratchpad: Bytes, bus_bytes: int) -> list[int]:
    """The list of a transfer, the same in every invocation. Raises GoldenError.

    That a Load writes its own list is found here alone: the accelerator would read what it has written.
    """
    found = [int(offset) for offset in row_list(command, scratchpad)[0]]
    stop = command.list_address + LIST_ENTRY_BYTES * len(found)
    if isinstance(command, Load):
        plane, row = np.ogrid[: immediate(command.planes), : immediate(command.rows)]
        start = np.asarray(command.pad_address + plane * command.pad_plane_stride + row * command.pad_row_stride)
        if ((start < stop) & (start + immediate(command.row_bytes) > command.list_address)).any():
            raise GoldenError(f"list_address: the Load writes its own list, bytes {command.list_address}..{stop - 1}")
    for index, offset in enumerate(found):
        if offset % bus_bytes:
            raise GoldenError(f"list_address: offset {index} is {offset}, want a multiple of {bus_bytes} bytes")
        if offset > command.bus_plane_stride:
            raise GoldenError(
                f"list_address: offset {index} is {offset}, want {command.bus_plane_stride} (bus_plane_stride) at most"
            )
    return found


def _behind(side: Side, distance: int) -> Side:
    memory, field, address, cause = side
    return memory, field, address + distance, cause


def _views(
    source: Side, target: Side, shape: tuple[int, int, int], origin: Sequence[int], destination: Sequence[int]
) -> tuple[Codes, Codes]:
    return window(*source[:3], shape, origin, source[3]), window(*target[:3], shape, destination, target[3])


def _move(read: Codes, write: Codes, destination: tuple[int, int, int]) -> None:
    _, planes, rows, row_bytes = write.shape
    if _apart((planes, rows, row_bytes), destination):
        write[...] = read
        return
    # Runs that overlap are written in the order of the transfer: the last one stays.
    for plane in range(planes):
        for row in range(rows):
            write[:, plane, row] = read[:, plane, row]


def _apart(shape: tuple[int, int, int], strides: tuple[int, int, int]) -> bool:
    """Whether no byte is written twice, told from the strides alone: true only when it is so."""
    end = 1
    for stride, count in sorted((stride, count) for stride, count in zip(strides, shape, strict=True) if count > 1):
        if stride < end:
            return False
        end += (count - 1) * stride
    return True
