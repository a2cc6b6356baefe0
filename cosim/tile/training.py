"""Tilings of a training step's operators: bands of rows whose sums fit the accumulators; what the accelerator takes.

A product for codes (forward, input gradient) goes image by image; a band holds the sums of its pixels for a part of the
columns. A weight gradient keeps its sums over all images: a pass holds kernel rows (or places) times columns.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from accel_models.network import (
    ChannelSum,
    Epilogue,
    InputGradient,
    IntegerConv2d,
    MaxPlaces,
    MaxPoolGradient,
    Network,
    Operator,
    PixelSum,
    Update,
    WeightGradient,
)
from accel_models.system import Accelerator

ROUNDINGS = ("nearest", "pseudo_stochastic", "stochastic_indexed")
_MOST_DIGITS = 3
_LEAST_COLUMNS = 4  # of an array: a register is stored in one word of its scratchpad


def trains_on(network: Network, operator: Operator, accelerator: Accelerator) -> bool:
    """Whether the accelerator has the commands for an operator of training."""
    attributes = operator.attributes
    lanes, half = accelerator.array.columns, accelerator.accumulators.entries // 2
    if lanes < _LEAST_COLUMNS or getattr(attributes, "groups", 1) != 1:
        return False
    epilogue = getattr(attributes, "epilogue", None)
    if isinstance(epilogue, Epilogue) and epilogue.rounding not in ROUNDINGS:
        return False
    shapes = [network.tensors[name].shape for name in (*operator.inputs, *operator.outputs)]
    match attributes:
        case IntegerConv2d():
            _, _, width, _ = network.tensors[operator.outputs[0]].shape
            bias = network.tensors[operator.inputs[2]].shape
            return bias[1:] == (1, 1) and width <= half and max(attributes.stride) <= 63
        case InputGradient():
            return -(-attributes.size[1] // attributes.stride[1]) <= half
        case WeightGradient():
            return shapes[0][3] <= half
        case Update():
            return attributes.rounding in ROUNDINGS and network.tensors[operator.inputs[1]].dtype in ("int8", "int16")
        case ChannelSum():
            return attributes.digits <= _MOST_DIGITS and -(-shapes[0][3] // lanes) <= half
        case PixelSum():
            return -(-shapes[0][3] // lanes) <= half
        case MaxPlaces() | MaxPoolGradient():
            return network.tensors[operator.inputs[0]].dtype == "int8"
    return True


@dataclass(frozen=True, slots=True)
class Band:
    """Rows [y, y + height) of an image by columns [first, first + columns)."""

    image: int
    y: int
    height: int
    first: int
    columns: int


@dataclass(frozen=True, slots=True)
class BandPlan:
    """Bands of ``height`` rows by ``columns``; weights change fastest, so that rows are loaded once."""

    images: int
    rows: int
    total: int
    height: int
    columns: int

    def bands(self) -> Iterator[Band]:
        for image in range(self.images):
            for y in range(0, self.rows, self.height):
                for first in range(0, self.total, self.columns):
                    height, columns = min(self.height, self.rows - y), min(self.columns, self.total - first)
                    yield Band(image, y, height, first, columns)

    def describe(self) -> str:
        return f"bands of {self.height} rows x {self.columns} columns"


def plan_bands(
    shape: tuple[int, int, int, int], lanes: int, entries: int, stride: tuple[int, int], most_rows: int | None = None
) -> BandPlan:
    """Bands of an image [N, rows, width, columns] whose sums, of every ``stride``-th pixel, fit ``entries``."""
    images, rows, width, columns = shape
    pixels = -(-width // stride[1])
    groups = min(-(-columns // lanes), max(1, entries // pixels))
    height = min(rows, stride[0] * max(1, entries // (pixels * groups)), most_rows or rows)
    height = max(stride[0], height // stride[0] * stride[0]) if height < rows else rows
    count = -(-rows // height)
    lines = -(-rows // count)
    even = -(-lines // stride[0]) * stride[0]  # equal bands, each of whole strides
    return BandPlan(images, rows, columns, min(even, rows), min(columns, groups * lanes))


@dataclass(frozen=True, slots=True)
class Pass:
    """Sums of kernel rows [row, row + rows), places [column, column + places) of them, by columns from ``first`` on.

    With more than one row all places of a row are in it.
    """

    row: int
    rows: int
    column: int
    places: int
    first: int
    columns: int

    def entries(self, channels: int) -> int:
        """Of each column group."""
        return self.rows * self.places * channels


def plan_passes(kernel: tuple[int, int], channels: int, columns: int, lanes: int, entries: int) -> list[Pass]:
    """How a weight gradient's sums are cut where the accumulators do not hold them all."""
    groups = -(-columns // lanes)
    line = kernel[1] * channels
    if line > entries:
        places = max(1, entries // channels)
        cuts = [(y, 1, x, min(places, kernel[1] - x)) for y in range(kernel[0]) for x in range(0, kernel[1], places)]
    else:
        rows = min(kernel[0], entries // line)
        count = -(-kernel[0] // rows)
        rows = -(-kernel[0] // count)
        cuts = [(y, min(rows, kernel[0] - y), 0, kernel[1]) for y in range(0, kernel[0], rows)]
    held = max(rows * places for _, rows, _, places in cuts) * channels
    together = min(groups, max(1, entries // held))
    count = -(-groups // together)
    together = -(-groups // count)
    wide = together * lanes
    return [Pass(*cut, first, min(wide, columns - first)) for first in range(0, columns, wide) for cut in cuts]
