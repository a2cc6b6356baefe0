"""The bus address map, the spaces that commands name, and when a memory has a beat. One home for each."""

from math import ceil
from typing import NamedTuple

FLASH_BASE = 0x0800_0000
SRAM_BASE = 0x2000_0000
EXTERNAL_BASE = 0x6000_0000

EARLY = 1e-6  # cycles by which a sum of a memory's paces, in floating point, may be off

BUS_SPACES = {"flash": FLASH_BASE, "sram": SRAM_BASE, "external": EXTERNAL_BASE}


class Location(NamedTuple):
    """A byte on the bus: its memory and the offset from that memory's base."""

    space: str
    offset: int


def bus_address(space: str, offset: int) -> int:
    """Bus address of byte ``offset`` of a memory."""
    return BUS_SPACES[space] + offset


def locate(address: int) -> Location:
    """The memory that a bus address belongs to. Raises ValueError below the map."""
    for space, base in sorted(BUS_SPACES.items(), key=lambda item: -item[1]):
        if address >= base:
            return Location(space, address - base)
    raise ValueError(f"bus address {address:#010x} belongs to no memory; the map starts at {FLASH_BASE:#010x}")


def beat_cycle(due: float) -> int:
    """The first cycle in which a beat may pass that its memory has at ``due``."""
    return ceil(due - EARLY) - 1
