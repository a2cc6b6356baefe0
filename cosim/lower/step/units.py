"""Operators to be, between the graph of a step and its Network."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from torch import fx

from accel_models.network import Attributes, CpuCall


@dataclass(frozen=True, slots=True, eq=False)
class Made:
    """A value that no node of the graph has. ``shape``: as it is stored."""

    shape: tuple[int, ...]
    dtype: str


Key: TypeAlias = fx.Node | Made


@dataclass(slots=True, eq=False)
class Unit:
    """An operator to be. ``inputs``: nodes; ``outputs``: the values that it makes, None for one that nobody reads.

    ``index``: the earliest node of it, which decides the order. ``members``: all nodes that it stands for. A CPU call
    without a function is that of its only member.
    """

    attributes: Attributes
    inputs: list[Key]
    outputs: list[Key | None]
    index: int
    members: set[fx.Node] = field(default_factory=set)
    macs: int = 0
    phase: str = "forward"
    label: str = ""
    elements: int = 0
    then: Unit | None = None
    """The unit that comes right after this one, which leaves its result in no memory."""

    @property
    def on_cpu(self) -> bool:
        return isinstance(self.attributes, CpuCall)

    def chain(self) -> Iterator[Unit]:
        """This unit and those right after it."""
        yield self
        if self.then is not None:
            yield from self.then.chain()

    def reads(self) -> list[Key]:
        """What the chain takes from others."""
        made = set(self.makes())
        return [node for unit in self.chain() for node in unit.inputs if node not in made]

    def makes(self) -> list[Key]:
        """What the chain leaves that anyone reads."""
        return [node for unit in self.chain() for node in unit.outputs if node is not None]

    def stands_for(self) -> set[fx.Node]:
        """The nodes of the chain."""
        return {node for unit in self.chain() for node in unit.members}
