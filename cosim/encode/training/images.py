"""Images in the scratchpad: the rows that a command reads, and the bytes of an output that it writes."""

from __future__ import annotations

from dataclasses import dataclass, replace

from accel_models.commands import Fill
from cosim.encode.expand import Builder
from cosim.encode.steps import Pending, Runs, Step
from cosim.encode.tensors import WHOLE_BYTES
from cosim.place import Block


@dataclass(frozen=True, slots=True)
class Images:
    """A tensor [count, rows, width, channels] of bytes. ``line`` and ``bytes``: the size of a row and of an image."""

    name: str
    count: int
    rows: int
    width: int
    channels: int

    @classmethod
    def of(cls, builder: Builder, name: str) -> Images:
        return cls(name, *builder.network.tensors[name].shape)

    @property
    def line(self) -> int:
        return self.width * self.channels

    @property
    def bytes(self) -> int:
        return self.rows * self.line

    def alike(self, name: str) -> Images:
        """Another tensor of the same shape."""
        return replace(self, name=name)


def feed_rows(builder: Builder, images: Images, index: int, first: int, stop: int) -> tuple[Block, int]:
    """Where row ``first`` of image ``index`` lies in the scratchpad, with rows up to ``stop``.

    Whole images share a block where they are small.
    """
    base = index * images.bytes
    start, end = base + first * images.line, base + stop * images.line
    whole = images.bytes <= WHOLE_BYTES
    region = builder.feed(images.name, base if whole else start, end, (base, base + images.bytes) if whole else None)
    return region.block, region.delta + start


def feed_image(builder: Builder, images: Images, index: int) -> tuple[Block, int]:
    """Where image ``index`` lies in the scratchpad, all of it."""
    return feed_rows(builder, images, index, 0, images.rows)


@dataclass(frozen=True, slots=True)
class Target:
    """Where bytes [start, start + size) of an output are written: ``pad`` in ``block``; they are stored at the end."""

    builder: Builder
    name: str
    block: Block
    pad: int
    start: int
    size: int

    @classmethod
    def of(cls, builder: Builder, name: str, start: int, size: int) -> Target:
        """In the tensor's own block where it is kept in the scratchpad, else in a buffer."""
        kept = builder.target(name)
        if kept is not None:
            return cls(builder, name, kept.block, kept.delta + start, start, size)
        return cls(builder, name, builder.block(name, size), 0, start, size)

    @property
    def place(self) -> tuple[Block, int]:
        return self.block, self.pad

    def clear(self, step: Step, row: int) -> None:
        """Write zeros, where the commands that follow leave bytes out."""
        fields = {"row_bytes": self.size, "value": 0}
        step.compute.append(Pending(Fill, fields, {"pad_address": self.place}, row))

    def finish(self) -> None:
        """Store what has been written, where others than the compute engines read it."""
        if self.builder.on_bus(self.name):
            self.builder.store(self.name, self.block, self.pad, self.start, Runs(self.size))
        self.builder.touch(self.block)


def image_target(builder: Builder, images: Images, index: int) -> Target:
    """Where all of an output's image ``index`` is written."""
    return Target.of(builder, images.name, index * images.bytes, images.bytes)
