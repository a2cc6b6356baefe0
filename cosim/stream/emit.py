"""Commands in program order, in slots: what is loaded for a slot is asked for one slot earlier."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from accel_models.commands import Command
from cosim.encode.steps import Pending, Storage
from cosim.place import Arena, Block

_LONG = 100  # slots: more than a layer has


@dataclass(slots=True)
class Emitter:
    """``segments``: commands of each, in order. Blocks live from the slot that makes them to the last that touches
    them. ``row``: to which the next commands belong; ``rows``: at the end of every slot."""

    segments: list[list[Pending]] = field(default_factory=lambda: [[]])
    blocks: list[Block] = field(default_factory=list)
    slot: int = 0
    row: int = 0
    rows: list[int] = field(default_factory=list)

    def emit(
        self,
        command: type[Command],
        fields: Mapping[str, Any],
        pads: Mapping[str, tuple[Block, int]] | None = None,
        bus: tuple[Storage, int] | None = None,
    ) -> None:
        for block, _ in (pads or {}).values():
            self.touch(block)
        self.segments[-1].append(Pending(command, dict(fields), dict(pads or {}), self.row, bus))

    def block(self, name: str, size: int, role: str = "buffer") -> Block:
        found = Block(name, size, self.slot, self.slot, role, self.row)
        self.blocks.append(found)
        return found

    def touch(self, block: Block, later: int = 0) -> None:
        """``later``: slots for which nothing else may come there, so that nobody waits for the block's last reader."""
        block.last = max(block.last, self.slot + later)

    @contextmanager
    def of(self, row: int) -> Iterator[None]:
        """What is emitted meanwhile belongs to a row."""
        before, self.row = self.row, row
        yield
        self.row = before

    def next_slot(self) -> None:
        self.rows.append(self.row)
        self.slot += 1

    def end_segment(self) -> None:
        self.segments.append([])
        self.next_slot()

    def row_of(self, slot: int) -> int:
        """Slots behind the last command belong to the last row."""
        return self.rows[slot] if slot < len(self.rows) else self.row

    def place(self, size: int) -> Arena:
        """Offsets for all blocks below byte ``size``, those of the longest lives first: they would lie in the way.

        Raises PlacementError.
        """
        arena = Arena("the scratchpad", size)
        long = [block for block in self.blocks if block.last - block.first > _LONG]
        arena.add_all(long)
        arena.add_all(block for block in self.blocks if block.last - block.first <= _LONG)
        return arena
