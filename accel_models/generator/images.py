"""Images in a room: places and strides of operands and outputs, tables, bounds of results."""

from collections.abc import Sequence
from typing import Any

from accel_models.commands import TABLE_BYTES
from accel_models.generator.room import Room, Span

Fields = dict[str, Any]
Sizes = tuple[int, int, int]  # height, width, columns


def sizes(room: Room) -> Sizes:
    return room.extent(2 + room.reach), room.extent(5 * room.reach), room.extent((1 + room.reach) * room.columns + 2)


def names(prefix: str) -> tuple[str, str, str]:
    return f"{prefix}_address", f"{prefix}_row_stride", f"{prefix}_pixel_stride"


def span(place: Fields, size: Sizes) -> Span:
    address, row, pixel = place.values()
    height, width, columns = size
    return address, address + max(height - 1, 0) * row + max(width - 1, 0) * pixel + max(columns, 1)


def image(room: Room, prefix: str, size: Sizes, *, dense: bool = False) -> Fields:
    """Address and strides of an operand; now and then, unless ``dense``, one that repeats pixels or rows."""
    _, width, columns = size
    pixel = 0 if not dense and room.happens(0.05) else columns + room.upto(3, 0)
    row = 0 if not dense and room.happens(0.05) else width * pixel + room.upto(5, 0)
    first, stop = span({"address": 0, "row": row, "pixel": pixel}, size)
    return dict(zip(names(prefix), (room.place(stop - first), row, pixel), strict=True))


def output(room: Room, images: Sequence[Fields], size: Sizes, taken: Sequence[Span]) -> Fields:
    """A dense image exactly on an operand that no other one touches, or off all of them."""
    width, columns = size[1:]
    spans = [span(each, size) for each in images]
    for each, (first, stop) in zip(images, spans, strict=True):
        place = tuple(each.values())
        others = [span for other, span in zip(images, spans, strict=True) if tuple(other.values()) != place]
        free = all(stop <= low or high <= first for low, high in [*others, *taken])
        if free and place[2] >= columns and place[1] >= width * place[2] and room.happens(0.4):
            room.remember(first)
            return dict(zip(names("output"), place, strict=True))
    return apart(room, size, [*spans, *taken])


def apart(room: Room, size: Sizes, taken: Sequence[Span]) -> Fields:
    """A dense image off everything in ``taken``."""
    pixel = size[2] + room.upto(3, 0)
    row = size[1] * pixel + room.upto(5, 0)
    first, stop = span({"address": 0, "row": row, "pixel": pixel}, size)
    address = room.place(stop - first, taken)
    room.remember(address)
    return dict(zip(names("output"), (address, row, pixel), strict=True))


def bounds(room: Room, prefix: str = "") -> Fields:
    low, high = sorted((room.upto(127, -128), room.upto(127, -128))) if room.happens(0.4) else (-128, 127)
    return {f"{prefix}low": low, f"{prefix}high": high}


def table(room: Room, taken: list[Span]) -> Fields:
    """A table or none; its bytes are added to ``taken``."""
    if not room.happens(0.25):
        return {"table": 0, "table_address": 0}
    address = room.place(TABLE_BYTES)
    taken.append((address, address + TABLE_BYTES))
    return {"table": 1, "table_address": address}
