"""Random commands of patch skip: patches compared, cells listed."""

from accel_models.commands import LIST_ENTRY_BYTES, REGISTERS, Compare, List
from accel_models.generator.room import FARTHEST, NoRoomError, Room, Span

_MOST_STEPS = 600  # of one command, times the reach


def compare(room: Room) -> Compare:
    """Raises NoRoomError."""
    if room.columns < LIST_ENTRY_BYTES:
        raise NoRoomError
    planes, pixels, columns = room.extent(6), room.extent(4 * room.reach), room.extent(3 * room.columns + 2)
    if planes * pixels * -(-columns // room.columns) > _MOST_STEPS * room.reach:
        raise NoRoomError
    fields, taken = dict[str, int](), list[Span]()
    for name in "ab":
        pixel = columns + room.upto(3, 0)
        plane = pixels * pixel + room.upto(5, 0)
        size = max(1, planes * plane)
        address = room.place(size)
        fields |= {f"{name}_address": address, f"{name}_plane_stride": plane, f"{name}_pixel_stride": pixel}
        taken.append((address, address + size))
    output = room.place(FARTHEST + 1, taken)
    room.remember(output)
    return Compare(
        planes=planes,
        pixels=pixels,
        columns=columns,
        threshold=room.pick((-1, 0, 255, -256, room.upto(255, 100), room.upto(255, 100))),
        list_address=room.row_list(planes),
        output_address=output,
        **fields,
    )


def list_(room: Room) -> List:
    """Raises NoRoomError."""
    if room.columns < LIST_ENTRY_BYTES:
        raise NoRoomError
    rows, columns = room.extent(2 + 2 * room.reach), room.extent(3 * room.columns + 2)
    stride = columns + room.upto(4, 0)
    mask = room.place(max(1, rows * stride))
    output = room.place(max(1, LIST_ENTRY_BYTES * rows * columns), [(mask, mask + max(1, rows * stride))])
    room.remember(output)
    chunks = room.upto(4, 0)
    return List(
        mask_address=mask,
        mask_row_stride=stride,
        rows=rows,
        columns=columns,
        threshold=room.code(),
        output_address=output,
        row_offset=room.upto((1 << 32) - 1, 0) if room.happens(0.5) else 32 * room.upto(64),
        column_offset=room.upto((1 << 32) - 1, 0) if room.happens(0.5) else 32,
        destination=room.upto(REGISTERS - chunks, 0) if chunks else 0,
        chunks=chunks,
        chunk=room.upto(8, 0),
    )
