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


@dataclass(frozen=True, slots=True)
class Runs:
    """What a transfer moves: ``planes x rows`` runs of ``row_bytes``; an axis is (count, bus stride, pad stride)."""

    row_bytes: int
    rows: tuple[int, int, int] = (1, 0, 0)
    planes: tuple[int, int, int] = (1, 0, 0)

    def fields(self) -> dict[str, int]:
        """Fields of a Load or Store, with runs that touch on both sides joined: each run costs beats of its own."""
        run, axes = self.row_bytes, [axis for axis in (self.rows, self.planes) if axis[0] > 1]
        while axes and axes[0][1:] == (run, run) and run * axes[0][0] < 1 << 20:
            run *= axes.pop(0)[0]
        if len(axes) == 2 and all(axes[1][side] == axes[0][0] * axes[0][side] for side in (1, 2)):
            axes = [(axes[0][0] * axes[1][0], axes[0][1], axes[0][2])] if axes[0][0] * axes[1][0] < 1 << 16 else axes
        rows, planes = (*axes, (1, 0, 0), (1, 0, 0))[:2]
        return {
            "row_bytes": run,
            "rows": rows[0],
            "planes": planes[0],
            "bus_row_stride": rows[1],
            "pad_row_stride": rows[2],
            "bus_plane_stride": planes[1],
            "pad_plane_stride": planes[2],
        }


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
