"""Where the maps of a stream lie from frame to frame: lines with a pitch, zero points around them where someone looks.

A gather then takes a patch with its halo from any place of a map, without padding of its own.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from accel_models.network import Conv2d, Elementwise, Network, Operator, Pool, Tensor
from cosim.encode.steps import Storage
from cosim.place import Block
from cosim.stream.patches import Field, Grid, Pair

_WIDEST_BUS = 32
PIXEL_BYTES = 4  # of a frame: as wide as camera interfaces write one


class StreamError(ValueError):
    """A network that cannot live as a stream on a system; the message names what and what would help."""


@dataclass(frozen=True, slots=True)
class Map:
    """A map ``size`` pixels of ``channels`` bytes, in lines of ``pitch`` bytes; ``before`` rows and columns of zero
    points in front of it, ``after`` behind it. ``storage`` holds it, ``reference`` what was last consumed of it."""

    name: str
    size: Pair
    channels: int
    zero_point: int
    before: Pair
    after: Pair
    grid: Grid
    storage: Storage
    reference: Storage | None = None

    @property
    def lines(self) -> int:
        return self.before[0] + self.size[0] + self.after[0]

    @property
    def pixels(self) -> int:
        """Of a line."""
        return self.before[1] + self.size[1] + self.after[1]

    @property
    def pitch(self) -> int:
        return self.pixels * self.channels

    @property
    def bytes(self) -> int:
        return self.lines * self.pitch

    def at(self, row: int, column: int) -> int:
        """Bytes from the start to a pixel; rows and columns in front of the map are negative."""
        return (row + self.before[0]) * self.pitch + (column + self.before[1]) * self.channels

    def tensor(self, role: str) -> Tensor:
        """All that lies there."""
        shape = (1, self.lines, self.pixels, self.channels)
        return Tensor(name=self.name, shape=shape, dtype="int8", role=role, zero_point=self.zero_point)


def fields_of(network: Network, operator: Operator) -> tuple[Field, Field]:
    """How an operator's outputs read its first input, by rows and columns."""
    attributes = operator.attributes
    if isinstance(attributes, Conv2d):
        kernel = network.tensors[operator.inputs[1]].shape[:2]
        before = attributes.padding[0], attributes.padding[2]
        down, across = (
            Field(kernel[axis], attributes.stride[axis], before[axis], attributes.dilation[axis]) for axis in range(2)
        )
        return down, across
    if isinstance(attributes, Pool):
        return tuple(  # type: ignore[return-value]
            Field(attributes.kernel[axis], attributes.stride[axis], attributes.padding[2 * axis]) for axis in range(2)
        )
    return Field(1), Field(1)


def plan_maps(network: Network, patch: int, separate: Iterable[str]) -> dict[str, Map]:
    """A map for the network's input and for every operator's output, by name of the tensor.

    ``separate``: maps that are compared with something else than what they hold from the frame before.
    """
    grids = _grids(network, patch)
    borders = dict.fromkeys(grids, ((0, 0), (0, 0)))
    for operator in network.operators:
        target = grids[operator.outputs[0]]
        for name in read_by(operator):
            borders[name] = _widened(borders[name], grids[name], target, fields_of(network, operator))
    found = {}
    for name, grid in grids.items():
        tensor = network.tensors[name]
        before, after = borders[name]
        channels = PIXEL_BYTES if name in network.inputs else tensor.shape[3]
        storage = Storage(Block(name, 0, 0, 0, "persistent"), "sram")
        reference = Storage(Block(f"{name}.reference", 0, 0, 0, "persistent"), "sram") if name in separate else None
        after = after[0], after[1] + _spare(before[1] + grid.size[1] + after[1], channels)
        item = Map(name, grid.size, channels, tensor.zero_point, before, after, grid, storage, reference)
        for home in (storage, reference):
            if home is not None:
                home.block.bytes = item.bytes
        found[name] = item
    return found


def _spare(pixels: int, channels: int) -> int:
    """Pixels that make a line end on a beat of any bus, where few are enough."""
    return next((more for more in range(_WIDEST_BUS) if (pixels + more) * channels % _WIDEST_BUS == 0), 0)


def _grids(network: Network, patch: int) -> dict[str, Grid]:
    (source,) = network.inputs
    shape = network.tensors[source].shape
    grids = {source: Grid((shape[1], shape[2]), (patch, patch))}
    for operator in network.operators:
        name = operator.outputs[0]
        _, rows, columns, _ = network.tensors[name].shape
        before = grids[operator.inputs[0]]
        stride = tuple(field.stride for field in fields_of(network, operator))
        if isinstance(operator.attributes, Pool):
            stride = operator.attributes.kernel
        grids[name] = before.through((rows, columns), (stride[0], stride[1]))
    return grids


def read_by(operator: Operator) -> tuple[str, ...]:
    """The maps that an operator reads."""
    return operator.inputs[: 2 if isinstance(operator.attributes, Elementwise) else 1]


def _widened(border: tuple[Pair, Pair], source: Grid, target: Grid, fields: tuple[Field, Field]) -> tuple[Pair, Pair]:
    """A border that holds all that the target's patches read outside the source."""
    ends = []
    for axis, field in enumerate(fields):
        last = (target.size[axis] - 1) * field.stride - field.padding + (field.kernel - 1) * field.dilation
        ends.append((field.padding, max(0, last - source.size[axis] + 1)))
    before, after = (tuple(max(old[axis], ends[axis][side]) for axis in range(2)) for side, old in enumerate(border))
    return before, after  # type: ignore[return-value]


def persistent_bytes(maps: Sequence[Map]) -> dict[str, int]:
    """What lives from frame to frame: maps, and references of their own."""
    return {
        "maps": sum(item.bytes for item in maps),
        "references": sum(item.bytes for item in maps if item.reference is not None),
    }


def with_wide_pixels(network: Network) -> Network:
    """The same network on frames of PIXEL_BYTES a pixel, whose last bytes nobody looks at: zero weights."""
    (source,) = network.inputs
    tensor = network.tensors[source]
    missing = PIXEL_BYTES - tensor.shape[3]
    if missing < 0:
        raise StreamError(f"a frame has {tensor.shape[3]} channels, a stream takes {PIXEL_BYTES} at most")
    tensors, constants = dict(network.tensors), dict(network.constants)
    tensors[source] = replace(tensor, shape=(*tensor.shape[:3], PIXEL_BYTES), permutation=None)
    for operator in network.operators:
        if operator.inputs[0] != source:
            continue
        attributes, name = operator.attributes, operator.inputs[1]
        if not isinstance(attributes, Conv2d) or attributes.groups != 1:
            raise StreamError(f"operator {operator.name} reads the frame: want a convolution of one group")
        weight = np.pad(network.constants[name], ((0, 0), (0, 0), (0, missing), (0, 0)))
        constants[name], tensors[name] = weight, replace(tensors[name], shape=weight.shape)
    return replace(network, tensors=tensors, constants=constants)
