"""Placement by lifetime: blocks of bytes get offsets so that no two blocks that live at the same time overlap.

Best fit: among the gaps that are free for a block's whole life, the one that leaves least. Deterministic.
"""

from collections import defaultdict
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
    """A memory of ``size`` bytes being filled; ``reserved`` bytes at the bottom are taken for ever. ``lowest``: the
    first gap that fits instead of the best: blocks of many sizes then end lower, where lives are long."""

    name: str
    size: int
    reserved: int = 0
    blocks: list[Block] = field(default_factory=list)
    lowest: bool = False
    _alive: dict[int, list[tuple[int, int]]] = field(init=False, repr=False)  # by slot: where blocks begin and end
    _starting: dict[int, list[tuple[int, int]]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._alive, self._starting = defaultdict(list), defaultdict(list)
        for block in self.blocks:
            self._enter(block)

    def _enter(self, block: Block) -> None:
        span = (block.offset, block.offset + block.bytes)
        self._starting[block.first].append(span)
        for slot in range(block.first, block.last + 1):
            self._alive[slot].append(span)

    def _taken(self, first: int, last: int) -> list[tuple[int, int]]:
        """What blocks hold at some time in these slots: those alive at the first one, and those that start later."""
        found = list(self._alive.get(first, ()))
        for slot in range(first + 1, last + 1):
            found += self._starting.get(slot, ())
        return sorted(found)

    def find(self, block: Block, first: int | None = None) -> int | None:
        """Best offset for a block (living from ``first`` if given), or None."""
        taken = self._taken(block.first if first is None else first, block.last)
        best: tuple[int, int] | None = None
        cursor, needed, alignment = self.reserved, block.bytes, block.alignment
        for low, high in [*taken, (self.size, self.size)]:
            if low - cursor >= needed:
                offset = -(-cursor // alignment) * alignment
                slack = low - offset - needed
                if slack >= 0 and (best is None or slack < best[0]):
                    best = (slack, offset)
                    if self.lowest:
                        break
            if high > cursor:
                cursor = high
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
        self._enter(block)
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
