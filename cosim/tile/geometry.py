"""What a convolution, matrix product or pooling looks like to the engines: loop bounds and command fields of one tile.

A tile's commands are written once, here, as drafts without addresses; the plan counts them, the expansion adds
addresses.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from accel_models import commands as isa
from accel_models.commands import MatrixMode
from accel_models.network import Conv2d, MatMul, Network, Operator, Output8, Pool


@dataclass(slots=True)
class Draft:
    """A command whose addresses are not known yet. ``fields`` may hold arrays while tilings are compared."""

    command: type[isa.Command]
    fields: dict[str, Any]

    def __getattr__(self, name: str) -> Any:
        """Field access as on a command, with the class's defaults; addresses read as 0."""
        fields = object.__getattribute__(self, "fields")
        if name in fields:
            return fields[name]
        return _defaults(object.__getattribute__(self, "command"))[name]


_DEFAULTS: dict[type[isa.Command], dict[str, int]] = {}


def _defaults(command: type[isa.Command]) -> dict[str, int]:
    if command not in _DEFAULTS:
        found = {}
        for spec in isa.layout(command):
            default = command.__dataclass_fields__[spec.name].default
            found[spec.name] = default if isinstance(default, int) else 0
        _DEFAULTS[command] = found
    return _DEFAULTS[command]


_MOST_ROWS = 65535  # Matrix.input_height has 16 bits


@dataclass(frozen=True, slots=True)
class Segment:
    """A pass over some taps of the kernel columns; several passes accumulate. ``first_tap`` in stored taps."""

    first_tap: int
    taps: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvGeometry:
    """A convolution as the matrix engine runs it. A pointwise convolution, a linear layer or a matrix product is 1x1
    on an image of one column, so that its tiles may hold any number of pixels.

    ``spans`` are independent channel groups: (input channel offset, first output column, columns). ``contraction`` is
    the number of weight rows of one span.
    """

    images: int
    height: int
    width: int
    channels: int
    output_height: int
    output_width: int
    columns: int
    kernel_height: int
    mode: MatrixMode
    segments: tuple[Segment, ...]
    tap_stride: int
    run_bytes: int
    contraction: int
    spans: tuple[tuple[int, int, int], ...]
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)
    dilation_y: int = 1
    zero_point: int = 0
    transposed: bool = False
    output: Output8 = field(default_factory=Output8)
    residual: bool = False
    table: bool = False

    def rows_read(self, y: int, height: int) -> tuple[int, int]:
        """Input rows [first, stop) that output rows [y, y + height) touch, clipped to the image; at least one row."""
        first = y * self.stride[0] - self.padding[0]
        stop = (y + height - 1) * self.stride[0] - self.padding[0] + (self.kernel_height - 1) * self.dilation_y + 1
        first = min(max(first, 0), self.height - 1)
        return first, min(max(stop, first + 1), self.height)

    def matrix_drafts(self, height: Any, width: Any, columns: Any, part: tuple[int, int] | None = None) -> list[Draft]:
        """Matrix commands of a tile, one per segment; cost-relevant fields only (sizes may be arrays).

        ``part``: the input channels (first, count) to sum; what comes before them is already in the accumulators.
        """
        first, run_bytes = part or (0, self.run_bytes)
        return [
            Draft(
                isa.Matrix,
                {
                    "mode": int(self.mode),
                    "accumulate": int(index > 0 or first > 0),
                    "transposed": int(self.transposed),
                    "stride_y": self.stride[0],
                    "stride_x": self.stride[1],
                    "dilation_y": self.dilation_y,
                    "planes": 1,
                    "output_height": height,
                    "output_width": width,
                    "kernel_height": self.kernel_height,
                    "taps": segment.taps,
                    "tap_stride": self.tap_stride,
                    "run_bytes": run_bytes,
                    "columns": columns,
                    "zero_point": self.zero_point,
                },
            )
            for index, segment in enumerate(self.segments)
        ]

    def requantize_drafts(self, height: Any, width: Any, columns: Any, part: tuple[int, int] | None) -> list[Draft]:
        """The vector command that ends a tile: none after a part that others follow."""
        last = part is None or sum(part) == self.contraction
        return [self.requantize_draft(height, width, columns)] if last else []

    def requantize_draft(self, height: Any, width: Any, columns: Any) -> Draft:
        return Draft(
            isa.Requantize,
            {
                "height": height,
                "width": width,
                "columns": columns,
                "zero_point": self.output.zero_point,
                "low": self.output.low,
                "high": self.output.high,
                "rounding": int(self.output.double),
                "residual": int(self.residual),
                "table": int(self.table),
            },
        )


def matrix_geometry(network: Network, operator: Operator, rows: int) -> ConvGeometry:
    """Geometry of a conv2d or matmul operator on an array of ``rows`` rows."""
    attributes = operator.attributes
    if isinstance(attributes, MatMul):
        return _matmul(network, operator, attributes)
    assert isinstance(attributes, Conv2d)
    images, height, width, channels = network.tensors[operator.inputs[0]].shape
    kernel_height, kernel_width, group_channels, outputs = network.tensors[operator.inputs[1]].shape
    _, output_height, output_width, _ = network.tensors[operator.outputs[0]].shape
    dilation_y, dilation_x = attributes.dilation
    groups = attributes.groups
    per_group = outputs // groups
    if groups == channels == outputs and groups > 1:
        span = (kernel_width - 1) * dilation_x + 1
        mode, run_bytes, tap_stride = MatrixMode.DEPTHWISE, 0, 0
        segments = tuple(Segment(first, min(rows, span - first)) for first in range(0, span, rows))
        contraction = kernel_height * span
        spans: tuple[tuple[int, int, int], ...] = ((0, 0, outputs),)
    else:
        mode = MatrixMode.DOT
        packed = groups == 1 and dilation_x == 1
        run_bytes = kernel_width * channels if packed else group_channels
        segments = (Segment(0, 1 if packed else kernel_width),)
        tap_stride = 0 if packed else dilation_x * channels
        contraction = kernel_height * kernel_width * group_channels
        spans = tuple((g * group_channels, g * per_group, per_group) for g in range(groups))
    if _pointwise(attributes, kernel_height, kernel_width) and images * height * width <= _MOST_ROWS:
        images, height, width = 1, images * height * width, 1
        output_height, output_width = height, 1
    return ConvGeometry(
        images=images,
        height=height,
        width=width,
        channels=channels,
        output_height=output_height,
        output_width=output_width,
        columns=outputs,
        kernel_height=kernel_height,
        mode=mode,
        segments=segments,
        tap_stride=tap_stride,
        run_bytes=run_bytes,
        contraction=contraction,
        spans=spans,
        stride=attributes.stride,
        padding=attributes.padding,
        dilation_y=dilation_y,
        zero_point=attributes.input_zero_point,
        output=attributes.output,
        residual=attributes.residual is not None,
        table=attributes.table,
    )


def _pointwise(attributes: Conv2d, kernel_height: int, kernel_width: int) -> bool:
    """Every output pixel reads its own input pixel: the image may be cut anywhere, as a column of pixels."""
    plain = attributes.stride == (1, 1) and attributes.padding == (0, 0, 0, 0) and attributes.groups == 1
    return plain and kernel_height == kernel_width == 1


def _matmul(network: Network, operator: Operator, attributes: MatMul) -> ConvGeometry:
    batch, m, k = network.tensors[operator.inputs[0]].shape
    n = network.tensors[operator.outputs[0]].shape[2]
    return ConvGeometry(
        images=batch,
        height=m,
        width=1,
        channels=k,
        output_height=m,
        output_width=1,
        columns=n,
        kernel_height=1,
        mode=MatrixMode.DOT,
        segments=(Segment(0, 1),),
        tap_stride=0,
        run_bytes=k,
        contraction=k,
        spans=((0, 0, n),),
        transposed=attributes.transposed,
        output=attributes.output,
        table=attributes.table,
    )


@dataclass(frozen=True, slots=True)
class Window:
    """A rectangle of pooling outputs whose windows hold the same number of rows and columns inside the image."""

    y: int
    height: int
    x: int
    width: int
    rows_inside: int
    columns_inside: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolGeometry:
    """A pooling operator: sizes, and for averages the factors of each kind of window."""

    images: int
    height: int
    width: int
    channels: int
    output_height: int
    output_width: int
    attributes: Pool
    factors: Mapping[tuple[int, int], tuple[int, int]]

    def rows_read(self, y: int, height: int) -> tuple[int, int]:
        """Input rows [first, stop) that output rows touch, clipped; at least one row."""
        kernel, stride, top = self.attributes.kernel[0], self.attributes.stride[0], self.attributes.padding[0]
        first = min(max(y * stride - top, 0), self.height - 1)
        return first, min(max((y + height - 1) * stride - top + kernel, first + 1), self.height)

    def windows(self, y: int, height: int) -> list[Window]:
        """Cut output rows [y, y + height) into rectangles; one for maxima."""
        if self.attributes.function == "maximum":
            return [Window(y, height, 0, self.output_width, 0, 0)]
        kernel, stride, padding = self.attributes.kernel, self.attributes.stride, self.attributes.padding
        bands = _bands(y, height, kernel[0], stride[0], padding[0], self.height)
        columns = _bands(0, self.output_width, kernel[1], stride[1], padding[2], self.width)
        return [Window(y0, h, x0, w, inside_y, inside_x) for y0, h, inside_y in bands for x0, w, inside_x in columns]

    def drafts(self, y: int, height: int) -> list[tuple[Window, Draft]]:
        """Pool commands of output rows [y, y + height) without addresses, origins and image sizes."""
        attributes = self.attributes
        found = []
        for window in self.windows(y, height):
            fields = {
                "function": int(isa.Pooling.MAXIMUM if attributes.function == "maximum" else isa.Pooling.AVERAGE),
                "height": window.height,
                "width": window.width,
                "columns": self.channels,
                "kernel_height": attributes.kernel[0],
                "kernel_width": attributes.kernel[1],
                "stride_y": attributes.stride[0],
                "stride_x": attributes.stride[1],
                "zero_point": attributes.output.zero_point,
                "low": attributes.output.low,
                "high": attributes.output.high,
                "rounding": int(attributes.output.double),
                "table": int(attributes.table),
            }
            if attributes.function == "average":
                multiplier, shift = self.factors[window.rows_inside, window.columns_inside]
                count = window.rows_inside * window.columns_inside
                fields |= {"bias": -count * attributes.input_zero_point, "multiplier": multiplier, "shift": shift}
            found.append((window, Draft(isa.Pool, fields)))
        return found


def _bands(first: int, count: int, kernel: int, stride: int, before: int, size: int) -> list[tuple[int, int, int]]:
    """Runs of positions with equal taps inside: (first position, positions, taps inside)."""
    runs: list[tuple[int, int, int]] = []
    for position in range(first, first + count):
        start = position * stride - before
        inside = max(0, min(start + kernel, size) - max(start, 0))
        if runs and runs[-1][2] == inside:
            runs[-1] = (runs[-1][0], runs[-1][1] + 1, inside)
        else:
            runs.append((position, 1, inside))
    return runs


def pool_geometry(network: Network, operator: Operator) -> PoolGeometry:
    attributes = operator.attributes
    assert isinstance(attributes, Pool)
    images, height, width, channels = network.tensors[operator.inputs[0]].shape
    _, output_height, output_width, _ = network.tensors[operator.outputs[0]].shape
    factors = {(rows, columns): (multiplier, shift) for rows, columns, multiplier, shift in attributes.factors}
    return PoolGeometry(
        images=images,
        height=height,
        width=width,
        channels=channels,
        output_height=output_height,
        output_width=output_width,
        attributes=attributes,
        factors=factors,
    )
