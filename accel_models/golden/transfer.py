"""Load, store and fill: bytes between a memory on the bus and the scratchpad. Semantics: commands._Transfer, Fill."""

from accel_models.commands import Fill, Load, Store
from accel_models.golden.access import Bytes, immediate, window
from accel_models.registers import ErrorCause

# A memory, the field that holds the address, the address, and what is wrong outside the memory.
Side = tuple[Bytes, str, int, ErrorCause]


def load(command: Load, source: Bytes, offset: int, scratchpad: Bytes) -> None:
    """Copy from byte ``offset`` of ``source`` (uint8 [batch or 1, bytes]) to the scratchpad (uint8 [batch, bytes])."""
    bus = source, "bus_address", offset, ErrorCause.BUS_READ
    _copy(command, bus, (scratchpad, "pad_address", command.pad_address, ErrorCause.SCRATCHPAD_RANGE))


def store(command: Store, scratchpad: Bytes, target: Bytes, offset: int) -> None:
    """Copy from the scratchpad to byte ``offset`` of ``target`` (uint8 [batch, bytes])."""
    pad = scratchpad, "pad_address", command.pad_address, ErrorCause.SCRATCHPAD_RANGE
    _copy(command, pad, (target, "bus_address", offset, ErrorCause.BUS_WRITE))


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


def _copy(command: Load | Store, source: Side, target: Side) -> None:
    c = command
    shape = (immediate(c.planes), immediate(c.rows), immediate(c.row_bytes))
    if is_empty(c):
        return
    bus, pad = (c.bus_plane_stride, c.bus_row_stride, 1), (c.pad_plane_stride, c.pad_row_stride, 1)
    origin, destination = (bus, pad) if isinstance(c, Load) else (pad, bus)
    read = window(*source[:3], shape, origin, source[3])
    write = window(*target[:3], shape, destination, target[3])
    if _apart(shape, destination):
        write[...] = read
        return
    # Runs that overlap are written in the order of the transfer: the last one stays.
    for plane in range(shape[0]):
        for row in range(shape[1]):
            write[:, plane, row] = read[:, plane, row]


def _apart(shape: tuple[int, int, int], strides: tuple[int, int, int]) -> bool:
    """Whether no byte is written twice, told from the strides alone: true only when it is so."""
    end = 1
    for stride, count in sorted((stride, count) for stride, count in zip(strides, shape, strict=True) if count > 1):
        if stride < end:
            return False
        end += (count - 1) * stride
    return True
