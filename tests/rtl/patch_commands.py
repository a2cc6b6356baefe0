"""Compare and List to try: random ones over every field, corners, and refused ones."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from accel_models.commands import LIST_ENTRY_BYTES, REGISTERS, Command, Compare, List
from vector_commands import FARTHEST, LIST_AT, LIST_ENTRIES, SCRATCHPAD_BYTES, Room, Shape, code

_FULL = (1 << 32) - 1


def random_compare(rng: np.random.Generator, shape: Shape, slot: int) -> Compare:
    """Few bytes a patch, or a high threshold: so that some differ and some do not."""
    planes, pixels = int(rng.integers(1, 7)), int(rng.integers(1, 5))
    columns = int(rng.choice([1, 2, rng.integers(1, 2 * shape.columns + 3)]))
    room, fields = Room(rng), {}
    for name in "ab":
        address, plane, pixel = room.image(name, planes, pixels, columns).values()
        fields |= {f"{name}_address": address, f"{name}_plane_stride": plane, f"{name}_pixel_stride": pixel}
    if rng.random() < 0.3:  # neighbours
        fields |= {f"b_{name}": fields[f"a_{name}"] for name in ("plane_stride", "pixel_stride")}
        fields["b_address"] = fields["a_address"] - int(rng.integers(2))
    high = pixels * columns > 3
    return Compare(
        planes=planes,
        pixels=pixels,
        columns=columns,
        threshold=int(rng.choice([-256, -1, 0, 254, 255, rng.integers(200 * high, 256), rng.integers(256)])),
        list_address=LIST_AT + LIST_ENTRY_BYTES * int(rng.integers(LIST_ENTRIES - planes + 1)),
        output_address=room.place(FARTHEST + 1, free=True),
        **fields,
    )


def random_list(rng: np.random.Generator, shape: Shape, slot: int) -> List:
    rows, columns = int(rng.integers(1, 6)), int(rng.integers(1, 2 * shape.columns + 3))
    room = Room(rng)
    address, stride, _ = room.image("mask", rows, 1, columns).values()
    chunks = int(rng.choice([0, 1, rng.integers(5), rng.integers(REGISTERS + 1)]))
    dense = rng.random() < 0.5
    return List(
        mask_address=address,
        mask_row_stride=stride,
        rows=rows,
        columns=columns,
        threshold=code(rng),
        output_address=room.place(LIST_ENTRY_BYTES * rows * columns, free=True),
        row_offset=32 * columns if dense else int(rng.integers(_FULL + 1)),
        column_offset=32 if dense else int(rng.integers(_FULL + 1)),
        destination=int(rng.integers(min(REGISTERS - chunks, 31) + 1)),
        chunks=chunks,
        chunk=int(rng.choice([0, 1, 0xFFFF, rng.integers(rows * columns + 2)])),
    )


def corners(shape: Shape) -> Iterator[Command]:
    """Nothing, one, tails of one; differences at the threshold and beside it; all registers, none, and only they."""
    c = shape.columns
    sizes = ((0, 3, c), (3, 0, c), (2, 2, 0), (1, 1, 1), (1, 1, c), (5, 1, 1), (3, 2, c + 1), (1, 3, 2 * c))
    for planes, pixels, columns in sizes:
        for threshold in (-256, -255, -1, 0, 254, 255):
            yield Compare(
                planes=planes, pixels=pixels, columns=columns, threshold=threshold, a_address=4001, a_plane_stride=75,
                a_pixel_stride=2 * c, b_address=4502, b_plane_stride=76, b_pixel_stride=2 * c + 1,
                list_address=LIST_AT, output_address=6000,
            )  # fmt: skip
    yield from changing()
    listing = {"mask_address": 4000, "mask_row_stride": 2 * c + 1, "output_address": 6000}
    offsets = {"row_offset": 0x8000_0001, "column_offset": 0x7FFF_FFFE}
    for rows, columns in ((0, c), (3, 0), (1, 1), (4, 1), (1, c), (2, c + 1), (3, 2 * c)):
        for threshold in (-128, -127, 0, 126, 127):
            yield List(rows=rows, columns=columns, threshold=threshold, **listing, **offsets)
        for destination, chunks in ((0, REGISTERS), (31, 1), (4, 3)):
            for chunk in (0, 1, 2, 0x100, 0x8000):
                yield List(
                    rows=rows, columns=columns, destination=destination, chunks=chunks, chunk=chunk, **listing,
                    **offsets,
                )  # fmt: skip
    yield List(columns=5 * c, rows=4, chunks=4, chunk=20, **listing, threshold=-127)


def changing() -> Iterator[Compare]:
    """Where bytes 4000..4499 are not those behind them: patches that differ before those that do not, then only first
    pixels that differ."""
    fields = {"columns": 1, "a_address": 4600, "list_address": LIST_AT, "output_address": 6000}
    yield Compare(planes=4, pixels=1, b_address=4490, b_plane_stride=8, **fields)
    yield Compare(planes=LIST_ENTRIES, pixels=2, b_address=4496, b_pixel_stride=8, **fields)


def refused(shape: Shape) -> Iterator[Command]:
    """What golden refuses for a field."""
    cells = List(mask_address=4000, columns=2, output_address=7000, destination=REGISTERS - 1, chunks=2)
    yield cells
    yield replace(cells, destination=1, chunks=REGISTERS, rows=0)
    yield replace(cells, destination=0, chunks=REGISTERS + 1, columns=0)
    yield replace(cells, chunks=63)


def beyond() -> Iterator[tuple[Compare, int]]:
    """A mark where no scratchpad is, with the entry of its list: in bit 20 of the address, above it, beyond 32 bits."""
    command = Compare(
        pixels=1, columns=1, a_address=4000, b_address=4001, list_address=LIST_AT, output_address=SCRATCHPAD_BYTES - 1
    )
    for entry in ((1 << 20) - SCRATCHPAD_BYTES + 1, 1 << 20, 1 << 21, 1 << 31, _FULL):
        yield command, entry
