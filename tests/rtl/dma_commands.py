"""Random transfers that stay inside their memories, and the corners that random ones rarely meet."""

import numpy as np

from accel_models.commands import Fill, Load, Store
from accel_models.memory import BUS_SPACES

LISTS, FARTHEST = 40, 2048
Space = tuple[int, int]  # first byte and byte after the last one that a command may touch


def _stride(rng: np.random.Generator, size: int, room: int, count: int) -> int:
    """Distance of `count` pieces of `size` bytes within `room` bytes: touching, overlapping, equal, aligned or far."""
    if count < 2:
        return int(rng.integers(0, 1 << 16))
    most = (room - size) // (count - 1)
    kind = rng.integers(6)
    wanted = [size, size + int(rng.integers(0, 12)), -(-size // 8) * 8, int(rng.integers(0, most + 1)), 0, 4096][kind]
    return min(wanted, most)


def _side(rng: np.random.Generator, space: Space, run: int, rows: int, planes: int) -> tuple[int, int, int]:
    """Address, row stride and plane stride of a side of a transfer."""
    room = space[1] - space[0]
    row_room = room if planes < 2 else max(run, room // int(rng.integers(1, planes + 1)))
    row_stride = _stride(rng, run, row_room, rows)
    plane = run + (rows - 1) * row_stride if rows > 1 else run
    plane_stride = _stride(rng, plane, room, planes)
    span = plane + (planes - 1) * plane_stride if planes > 1 else plane
    address = space[0] + int(rng.integers(0, room - span + 1))
    if rng.random() < 0.3:  # over a 4 KiB border, if there is one within reach
        near = -(-address // 4096) * 4096 - int(rng.integers(1, max(2, min(run, 600))))
        if space[0] <= near <= space[1] - span:
            address = near
    return address, row_stride, plane_stride


def extents(rng: np.random.Generator) -> tuple[int, int, int]:
    """row_bytes, rows, planes: short runs, long runs, single ones, now and then nothing."""
    kind = rng.integers(8)
    if kind == 0:
        return int(rng.integers(500, 3000)), 1, 1
    if kind < 3:
        return int(rng.integers(1, 10)), int(rng.integers(1, 24)), int(rng.integers(1, 6))
    if kind == 3 and rng.random() < 0.4:
        empty = int(rng.integers(3))
        return tuple(0 if place == empty else int(rng.integers(1, 9)) for place in range(3))  # type: ignore[return-value]
    return int(rng.integers(1, 160)), int(rng.integers(1, 9)), int(rng.integers(1, 4))


def random_lists(rng: np.random.Generator, bus_bytes: int) -> np.ndarray:
    """LISTS offsets below FARTHEST, uint8 [4 * LISTS]."""
    return (bus_bytes * rng.integers(0, FARTHEST // bus_bytes, LISTS)).astype("<u4").view(np.uint8)


def random_transfer(
    rng: np.random.Generator, kind: type[Load] | type[Store], bus: Space, pad: Space, lists: int | None = None
) -> Load | Store:
    """A Load or Store whose bytes lie in the two spaces; bus addresses count from the bottom of the bus.

    ``lists``: where in the scratchpad random_lists are, for transfers with a row list now and then.
    """
    row_bytes, rows, planes = extents(rng)
    size = max(1, row_bytes), max(1, rows), max(1, planes)
    pad_address, pad_row, pad_plane = _side(rng, pad, *size)
    listed = {}
    if lists is not None and rng.random() < 0.3:
        bus_address, bus_row, _ = _side(rng, (bus[0], bus[1] - FARTHEST), *size[:2], 1)
        bus_plane = int(rng.choice((FARTHEST, rng.integers(FARTHEST, 1 << 32))))  # no offset is above it
        listed = {"listed": 1, "list_address": lists + 4 * int(rng.integers(0, LISTS - size[2] + 1))}
    else:
        bus_address, bus_row, bus_plane = _side(rng, bus, *size)
    return kind(
        bus_address=bus_address, pad_address=pad_address, row_bytes=row_bytes, rows=rows, planes=planes,
        bus_row_stride=bus_row, bus_plane_stride=bus_plane, pad_row_stride=pad_row, pad_plane_stride=pad_plane,
        **listed,
    )  # fmt: skip


def random_fill(rng: np.random.Generator, pad: Space) -> Fill:
    row_bytes, rows, _ = extents(rng)
    address, stride, _ = _side(rng, pad, max(1, row_bytes), max(1, rows), 1)
    return Fill(
        pad_address=address, row_bytes=row_bytes, rows=rows, pad_row_stride=stride, value=int(rng.integers(-128, 128))
    )


def space(name: str, low: int, high: int) -> Space:
    return BUS_SPACES[name] + low, BUS_SPACES[name] + high


def corners(kind: type[Load] | type[Store], bus: int, bus_bytes: int, burst: int) -> list[Load | Store]:
    """Every start and length around a bus word, a burst and 4 KiB; ``bus``: on a 4 KiB border, 12 KiB are ours."""
    found: list[Load | Store] = []

    def add(address: int, row_bytes: int, **more: int) -> None:
        found.append(kind(bus_address=bus + address, pad_address=64 + len(found) % 9, row_bytes=row_bytes, **more))

    for offset in range(bus_bytes):
        for length in (1, 2, bus_bytes - 1, bus_bytes, bus_bytes + 1, 2 * bus_bytes + 1):
            add(256 + offset, length)
    for length in (burst * bus_bytes - 1, burst * bus_bytes, burst * bus_bytes + 1):
        add(512, length)
        add(513, length)
    for before in (1, bus_bytes - 1, bus_bytes, bus_bytes + 1):
        add(4096 - before, before)
        add(4096 - before, before + 1)
        add(4096 - before, 5 * bus_bytes)
    add(1, 5000)
    add(0, 1, rows=60, bus_row_stride=9, pad_row_stride=1)  # many runs of a beat
    add(3, bus_bytes, rows=40, bus_row_stride=bus_bytes + 1, pad_row_stride=bus_bytes)  # of one beat and of two
    add(0, 2 * bus_bytes, rows=9, planes=5, bus_row_stride=2 * bus_bytes, bus_plane_stride=4096, pad_row_stride=3)
    return [item for item in found if _fits(item, bus)]


def _fits(item: Load | Store, bus: int) -> bool:
    last = item.bus_address + (item.rows - 1) * item.bus_row_stride + (item.planes - 1) * item.bus_plane_stride  # type: ignore[operator]
    return last + int(item.row_bytes) <= bus + 3 * 4096  # type: ignore[arg-type]
