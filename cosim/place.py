"""Placement by lifetime: blocks of bytes get offsets so that no two blocks that live at the same time overlap.

Best fit: among the gaps that are free for a block's whole life, the one that leaves least. Deterministic.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

ALIGNMENT = 16


class PlacementError(ValueError):
    """A memory that is too small; the message names the blocks alive at the peak."""


@dataclass(slots=True)
class Block:
    """``bytes`` needed from slot ``first`` to ``last`` (both included); ``offset`` is set by the arena."""

    name: str
    bytes: int
    first: int
    last: int
    role: str = "buffer"
    row: int = 0
    alignment: int = ALIGNMENT
    offset: int = -1

    @property
    def placed(self) -> bool:
        return self.offset >= 0


@dataclass(slots=True)
class Arena:
    """A memory of ``size`` bytes being filled; ``reserved`` bytes at the bottom are taken for ever."""

    name: str
    size: int
    reserved: int = 0
    blocks: list[Block] = field(default_factory=list)

    def find(self, block: Block, first: int | None = None) -> int | None:
        """Best offset for a block (living from ``first`` if given), or None."""
        start = block.first if first is None else first
        taken = sorted(
            (other.offset, other.offset + other.bytes)
            for other in self.blocks
            if other.first <= block.last and start <= other.last
        )
        best: tuple[int, int] | None = None
        cursor = self.reserved
        for low, high in [*taken, (self.size, self.size)]:
            offset = -(-cursor // block.alignment) * block.alignment
            slack = low - offset - block.bytes
            if slack >= 0 and (best is None or slack < best[0]):
                best = (slack, offset)
            cursor = max(cursor, high)
        return best[1] if best else None

    def add(self, block: Block, first: int | None = None) -> bool:
        """Place a block if a gap exists; ``first`` moves the start of its life."""
        offset = self.find(block, first)
        if offset is None:
            return False
        block.offset = offset
        if first is not None:
            block.first = first
        self.blocks.append(block)
        return True

    def add_all(self, blocks: Iterable[Block]) -> None:
        """Place blocks, largest first. Raises PlacementError naming what is alive where it does not fit."""
        for block in sorted(blocks, key=lambda item: (-item.bytes, item.first, item.name)):
            if not self.add(block):
                raise PlacementError(self.explain(block))

    def explain(self, block: Block) -> str:
        """Why a block does not fit: what is alive at the worst moment of its life."""
        return explain(self.name, self.size - self.reserved, [*self.blocks, block], block)

    @property
    def peak(self) -> int:
        return max((block.offset + block.bytes for block in self.blocks), default=self.reserved)


def lower_bound(blocks: Sequence[Block]) -> tuple[int, int]:
    """(bytes, slot) of the largest set of blocks alive at once: no placement can need less."""
    best, slot = 0, 0
    for moment in sorted({block.first for block in blocks}):
        alive = sum(block.bytes for block in blocks if block.first <= moment <= block.last)
        if alive > best:
            best, slot = alive, moment
    return best, slot


def explain(memory: str, size: int, blocks: Sequence[Block], block: Block) -> str:
    """What was asked of which memory, and the tensors alive at the peak of the block's life, largest first."""
    alive = [other for other in blocks if other.first <= block.last and block.first <= other.last]
    peak, slot = lower_bound(alive)
    named = sorted((other for other in alive if other.first <= slot <= other.last), key=lambda item: -item.bytes)
    listed = ", ".join(f"{item.name} ({item.bytes} B)" for item in named[:8])
    more = f" and {len(named) - 8} more" if len(named) > 8 else ""
    pieces = "" if peak > size else " (enough, but not in one piece)"
    return (
        f"{block.name} ({block.bytes} B) does not fit {memory}: {size} B are free for tensors, "
        f"{peak} B are alive at the peak{pieces}: {listed}{more}"
    )
