"""Random Loads, Stores and Fills: short and long runs, unaligned, touching, overlapping, over a 4 KiB border, empty.

A field that a transfer gains is drawn here, in ``_transfer``, for Loads and Stores alike.
"""

from typing import Any

from accel_models.commands import Fill, Load, Store
from accel_models.generator.room import FARTHEST, NoRoomError, Room, Span
from accel_models.golden.dispatch import READ_ONLY
from accel_models.memory import bus_address

Extents = tuple[int, int, int]


def load(room: Room) -> Load:
    """Data into the scratchpad; now and then a bank of parameters into its place."""
    space = room.pick([*room.bus, "sram"])
    return bank(room, space) if room.happens(0.1) else Load(**_transfer(room, space))


def store(room: Room) -> Store:
    return Store(**_transfer(room, room.pick([space for space in room.bus if space not in READ_ONLY])))


def bank(room: Room, space: str) -> Load:
    """All parameter blocks and row lists, from the front of a memory."""
    return Load(bus_address=bus_address(space, 0), pad_address=room.bank, row_bytes=room.bank_bytes)


def data(room: Room) -> Load:
    """A long run of random bytes. Raises NoRoomError."""
    space = room.pick(list(room.bus))
    first = room.bank_bytes
    size = room.upto(min(2500, room.bus[space][1] - first), 400)
    place = room.upto(room.bus[space][1] - size, first)
    return Load(bus_address=bus_address(space, place), pad_address=room.place(size), row_bytes=size)


def fill(room: Room) -> Fill:
    row_bytes, rows, _ = _extents(room)
    address, stride, _ = _pad_side(room, (row_bytes, rows, 1))
    room.remember(address)
    return Fill(pad_address=address, row_bytes=row_bytes, rows=rows, pad_row_stride=stride, value=room.code())


def _transfer(room: Room, space: str) -> dict[str, Any]:
    extents = _extents(room)
    listed = _row_list(room, extents)
    low, high = room.bank_bytes, room.bus[space][1]
    if listed:
        offset, bus_row, _ = _side(room, (low, high - FARTHEST), (*extents[:2], 1))
        bus_plane = FARTHEST if room.happens(0.8) else room.upto((1 << 32) - 1, FARTHEST)
    else:
        offset, bus_row, bus_plane = _side(room, (low, high), extents)
    pad_address, pad_row, pad_plane = _pad_side(room, extents)
    room.remember(pad_address)
    row_bytes, rows, planes = extents
    return {
        "bus_address": bus_address(space, offset),
        "pad_address": pad_address,
        "row_bytes": row_bytes,
        "rows": rows,
        "planes": planes,
        "bus_row_stride": bus_row,
        "bus_plane_stride": bus_plane,
        "pad_row_stride": pad_row,
        "pad_plane_stride": pad_plane,
        **listed,
    }


def _row_list(room: Room, extents: Extents) -> dict[str, int]:
    """Now and then."""
    return {"listed": 1, "list_address": room.row_list(extents[2])} if room.happens(0.25) else {}


def _extents(room: Room) -> Extents:
    """row_bytes, rows, planes."""
    kind = room.upto(6, 0)
    if kind == 0:
        return room.upto(700 * room.reach, 100), 1, 1
    if kind < 3:
        return room.upto(9), room.upto(24), room.upto(5)
    if kind == 3 and room.happens(0.3):
        empty = room.upto(2, 0)
        sizes = [0 if place == empty else room.upto(8) for place in range(3)]
        return sizes[0], sizes[1], sizes[2]
    return room.upto(80), room.upto(8), room.upto(3)


def _stride(room: Room, size: int, span: int, count: int) -> int:
    """Distance of ``count`` pieces of ``size`` bytes within ``span``: touching, apart, aligned, far, equal."""
    if count < 2:
        return room.upto(1 << 12, 0)
    most = (span - size) // (count - 1)
    wanted = (size, size + room.upto(11, 0), -(-size // 8) * 8, room.upto(most, 0), 0)
    return min(int(wanted[int(room.rng.choice(5, p=[0.3, 0.4, 0.1, 0.15, 0.05]))]), most)


def _side(room: Room, span: Span, extents: Extents) -> tuple[int, int, int]:
    """Address, row stride and plane stride of one side. Raises NoRoomError."""
    run, rows, planes = (max(1, size) for size in extents)
    space = span[1] - span[0]
    if run > space:
        raise NoRoomError
    row_stride = _stride(room, run, space if planes < 2 else max(run, space // room.upto(planes + 1)), rows)
    plane = run + (rows - 1) * row_stride if rows > 1 else run
    plane_stride = _stride(room, plane, space, planes)
    total = plane + (planes - 1) * plane_stride if planes > 1 else plane
    if total > space:
        raise NoRoomError
    address = room.upto(span[1] - total, span[0])
    near = -(-address // 4096) * 4096 - room.upto(min(run, 40))  # just before a 4 KiB border
    if room.happens(0.2) and span[0] <= near <= span[1] - total:
        address = near
    return address, row_stride, plane_stride


def _pad_side(room: Room, extents: Extents) -> tuple[int, int, int]:
    """The same in the scratchpad, with a liking for places written lately."""
    address, row_stride, plane_stride = _side(room, room.pad, extents)
    run, rows, planes = (max(1, size) for size in extents)
    total = run + (rows - 1) * row_stride * (rows > 1) + (planes - 1) * plane_stride * (planes > 1)
    return (room.place(total) if room.happens(0.5) else address), row_stride, plane_stride
