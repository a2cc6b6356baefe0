"""The parts of a frame's program around its layers: what starts a stream, and what of the frame changed."""

from collections.abc import Mapping

from accel_models.commands import (
    LIST_ENTRY_BYTES,
    WORD_BYTES,
    Compare,
    Fill,
    List,
    Load,
    Register,
    Store,
    StoreRegisters,
)
from cosim.encode.steps import Runs, Storage
from cosim.place import Block
from cosim.stream.context import FIRST, LOOK, LOOK_ACROSS, Context
from cosim.stream.maps import Map
from cosim.stream.patches import Region
from cosim.stream.plan import changed

_EVERY_CELL = -128  # below every mask byte


def read_flags(context: Context, flags: Storage, wanted: Mapping[Register, tuple[int, int]]) -> None:
    """Flags, a byte each, 0 or 1, to registers: of each its byte, and what to multiply it by.

    A List makes them: what it counts has a known bound, which is what extents need.
    """
    block = context.emitter.block("flags", flags.block.bytes)
    context.transfer(Load, block, flags, 0, Runs(flags.block.bytes))
    out = context.emitter.block("list of a flag", LIST_ENTRY_BYTES * max(times for _, times in wanted.values()))
    for register, (place, times) in wanted.items():
        fields = {"rows": times, "columns": 1, "destination": register.index, "chunks": 1, "chunk": times}
        context.emitter.emit(List, fields, {"mask_address": (block, place), "output_address": (out, 0)})


def clear_masks(context: Context, start: int, stop: int) -> None:
    """Nothing has changed yet. Bytes [start, stop) of the scratchpad."""
    context.emitter.emit(Fill, {"pad_address": start, "row_bytes": stop - start})


def start_map(context: Context, item: Map) -> None:
    """Zero points around a map, before its first frame."""
    sides = (item.before[1] + item.after[1]) * item.channels
    if not (sides or item.before[0] or item.after[0]):
        return
    emitter = context.emitter
    block = emitter.block(f"{item.name} border", item.pitch)
    emitter.emit(Fill, {"row_bytes": item.pitch, "value": item.zero_point}, {"pad_address": (block, 0)})

    def store(row_bytes: int, rows: int, at: int) -> None:
        if row_bytes and rows:
            fields = {"row_bytes": row_bytes, "rows": rows, "planes": FIRST, "bus_row_stride": item.pitch}
            emitter.emit(Store, fields, {"pad_address": (block, 0)}, (item.storage, at))

    store(item.pitch, item.before[0], 0)
    store(item.pitch, item.after[0], item.at(item.size[0], -item.before[1]))
    # The end of a line and the start of the next one lie side by side.
    store(item.before[1] * item.channels, 1, item.at(0, -item.before[1]))
    store(sides, item.size[0] - 1, item.at(0, item.size[1]))
    store(item.after[1] * item.channels, 1, item.at(item.size[0] - 1, item.size[1]))
    emitter.touch(block, later=1)
    emitter.next_slot()


def look(context: Context, frame: Map, theta: int, counts: Storage) -> None:
    """Compare a frame with what was last consumed of it; the number of patches that changed, by region, to ``counts``.

    Where the CPU has told not to look nothing is loaded, and nothing changes.
    """
    mask, emitter = context.masks[changed(frame.name)], context.emitter
    regions = frame.grid.regions()
    marks = emitter.block("marks", LIST_ENTRY_BYTES * max(region.count[1] for region in regions))
    fields = {"columns": marks.bytes // LIST_ENTRY_BYTES, "column_offset": 1, "threshold": _EVERY_CELL}
    emitter.emit(List, fields | {"mask_address": mask.base}, {"output_address": (marks, 0)})
    assert frame.reference is not None
    for region in regions:
        for row in range(region.count[0]):
            _look_at(context, frame, theta, region, row, marks)
    totals = emitter.block("patches changed", WORD_BYTES * len(regions))
    out = emitter.block("list of the frame", LIST_ENTRY_BYTES * max(region.cells for region in regions))
    for place, region in enumerate(regions):
        total = context.next_bank()
        fields = {**mask.read(region), "destination": total, "chunks": 1, "chunk": region.cells}
        emitter.emit(List, fields, {"output_address": (out, 0)})
        stored = {"register": total, "count": 1}
        emitter.emit(StoreRegisters, stored, {"pad_address": (totals, WORD_BYTES * place)})
    context.transfer(Store, totals, counts, 0, Runs(totals.bytes))


def _look_at(context: Context, frame: Map, theta: int, region: Region, row: int, marks: Block) -> None:
    """Compare one row of patches."""
    emitter, mask = context.emitter, context.masks[changed(frame.name)]
    (down, across), columns = region.edge, region.count[1]
    first = region.first[0] + row, region.first[1]
    at = frame.at(first[0] * frame.grid.edge[0], first[1] * frame.grid.edge[1])
    line = columns * across * frame.channels
    operands = []
    assert frame.reference is not None
    for name, storage in ((frame.name, frame.storage), (f"{frame.name} reference", frame.reference)):
        block = emitter.block(name, down * line)
        fields = {"row_bytes": line, "rows": down, "planes": LOOK, "bus_row_stride": frame.pitch}
        emitter.emit(Load, fields | {"pad_row_stride": line}, {"pad_address": (block, 0)}, (storage, at))
        operands.append(block)
    emitter.next_slot()
    fields = {"planes": LOOK_ACROSS if columns > 1 else LOOK, "pixels": down, "columns": across * frame.channels}
    fields |= {f"{name}_plane_stride": across * frame.channels for name in ("a", "b")}
    fields |= {f"{name}_pixel_stride": line for name in ("a", "b")}
    pads = {"a_address": (operands[0], 0), "b_address": (operands[1], 0), "list_address": (marks, 0)}
    emitter.emit(Compare, fields | {"threshold": theta, "output_address": mask.at(*first)}, pads)
