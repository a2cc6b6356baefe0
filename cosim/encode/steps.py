"""Commands before they have addresses: what the expansion of a network produces and the scheduler arranges.

A step is one tile's worth of compute commands with the stores that follow them. Loads are requests: needed at a step,
legal from a step on, free to be issued earlier than needed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from accel_models.commands import Command
from accel_models.memory import bus_address
from cosim.place import Block


@dataclass(slots=True)
class Storage:
    """A tensor's or blob's home on the bus; ``block.offset`` is its place in ``space``."""

    block: Block
    space: str

    def address(self, delta: int) -> int:
        return bus_address(self.space, self.block.offset + delta)


@dataclass(slots=True)
class Pending:
    """A command whose scratchpad fields are (block, delta) and whose bus address is (storage, delta)."""

    command: type[Command]
    fields: Mapping[str, Any]
    pads: Mapping[str, tuple[Block, int]]
    row: int
    bus: tuple[Storage, int] | None = None

    def resolve(self) -> Command:
        """The command, once every block has its offset."""
        values = dict(self.fields)
        for name, (block, delta) in self.pads.items():
            assert block.placed, f"{block.name} has no address"
            values[name] = block.offset + delta
        if self.bus is not None:
            storage, delta = self.bus
            values["bus_address"] = storage.address(delta)
        return self.command(**values)


@dataclass(slots=True)
class LoadRequest:
    """A load that step ``need`` reads and that may be issued from slot ``earliest`` on; ``slot`` is the decision.

    Slot s lies just before the compute commands of step s.
    """

    pending: Pending
    block: Block
    need: int
    earliest: int
    slot: int = -1


@dataclass(slots=True)
class Step:
    """Compute commands of one tile, then its stores. ``segment`` counts accelerator segments."""

    row: int
    segment: int
    compute: list[Pending] = field(default_factory=list)
    stores: list[Pending] = field(default_factory=list)
