"""Expansion of convolutions, linear layers and matrix products: matrix and requantize commands, tile by tile."""

from dataclasses import dataclass

from accel_models.commands import Matrix, Requantize
from accel_models.network import Conv2d, MatMul
from cosim.encode.constants import parameters_of, weights_of
from cosim.encode.expand import Builder, Region
from cosim.encode.steps import Pending, Runs, Step, Storage
from cosim.place import Block
from cosim.tile import ConvGeometry, Tile, TilePlan, matrix_geometry, plan_matrix


@dataclass(frozen=True, slots=True)
class _Rows:
    """``count`` input rows from ``first`` on, at ``offset`` in a block; ``pixel_bytes`` from one pixel to the next."""

    block: Block
    offset: int
    first: int
    count: int
    pixel_bytes: int


@dataclass(slots=True)
class _Slice:
    """Weights, and parameters behind them from ``parameters`` on; all before byte ``loaded`` is asked for."""

    block: Block
    storage: Storage
    parameters: int
    loaded: int = 0


class _Operands:
    """What the tiles of an operator read: loaded when the first tile, or part of one, needs it."""

    def __init__(self, builder: Builder, row: int, geometry: ConvGeometry) -> None:
        self.builder, self.row, self.geometry = builder, row, geometry
        self.operator = builder.operators[row]
        self._slices: dict[tuple[int, int], _Slice] = {}
        self._parts: dict[int, Block] = {}
        self._entries: dict[tuple[int, int, int], int] = {}

    def entry(self, tile: Tile) -> int:
        """First accumulator entry of the tile, the same for all of its parts."""
        key = (tile.y, tile.x, tile.column)
        if tile.part is None or key not in self._entries:
            self._entries[key] = self.builder.accumulator_half()
        return self._entries[key]

    def rows(self, tile: Tile) -> _Rows:
        """The input rows of a tile; of a part, its channels of the band's rows, side by side in their own block."""
        builder, geometry, name = self.builder, self.geometry, self.operator.inputs[0]
        row_bytes = geometry.width * geometry.channels
        if tile.part is not None:
            (channel, count), (first, height) = tile.part, tile.band
            if channel not in self._parts:
                pixels = height * geometry.width
                block = self._parts[channel] = builder.block(f"{name}[{channel}:{channel + count}]", pixels * count)
                builder.gather(
                    block, name, first * row_bytes + channel, Runs(count, (pixels, geometry.channels, count))
                )
            builder.touch(self._parts[channel])
            offset = (tile.y - first) * geometry.width * count
            return _Rows(self._parts[channel], offset, tile.y, tile.height, count)
        image = tile.image * geometry.height * row_bytes
        first, stop = geometry.rows_read(tile.y, tile.height)
        start, end = image + first * row_bytes, image + stop * row_bytes
        band = geometry.rows_read(*tile.band)
        source = builder.feed(name, start, end, (image + band[0] * row_bytes, image + band[1] * row_bytes))
        return _Rows(source.block, source.delta + start, first, stop - first, geometry.channels)

    def slice(self, tile: Tile) -> _Slice:
        """The tile's slice of the weights."""
        key = (tile.span, tile.column)
        if key not in self._slices:
            builder, lanes = self.builder, self.builder.hw.columns
            first = self.geometry.spans[tile.span][1] + tile.column
            weights = b""
            if isinstance(self.operator.attributes, Conv2d):
                weights = weights_of(
                    builder.network, self.operator, self.geometry, tile.span, tile.column, tile.columns
                )
            data = weights + parameters_of(builder.network, self.operator, lanes, first, tile.columns)
            name = f"{self.operator.name}.weights[{first}:{first + tile.columns}]"
            storage = builder.constants.add(name, data, self.row)
            self._slices[key] = _Slice(builder.block(name, storage.block.bytes, "weights"), storage, len(weights))
        found = self._slices[key]
        last = tile.part is None or sum(tile.part) == self.geometry.contraction
        stop = found.storage.block.bytes if last or tile.part is None else sum(tile.part) * tile.columns
        if stop > found.loaded:
            self.builder.fill(found.block, found.storage, found.loaded, stop)
            found.loaded = stop
        self.builder.touch(found.block)
        return found


def expand_matrix(builder: Builder, row: int) -> None:
    """Write the steps of a conv2d or matmul operator."""
    network, operator = builder.network, builder.operators[row]
    geometry = matrix_geometry(network, operator, builder.hw.rows)
    input_kept = builder.roots[operator.inputs[0]] in builder.kept
    streamed = not builder.produced(operator.inputs[0])
    plan = plan_matrix(
        geometry,
        builder.hw,
        builder.limits.entries // 2,
        columns_outer=_columns_outer(builder, row, input_kept, streamed),
        streamed=streamed,
        stored=builder.on_bus(operator.outputs[0]),
        parted=_parted(builder, row),
        ramped=builder.limits.ramped,
        max_height=builder.limits.heights.get(row),
        max_columns=builder.limits.columns.get(row, builder.limits.widest),
    )
    operands = _Operands(builder, row, geometry)
    table: Block | None = None
    for tile in plan.tiles():
        step = builder.step(row)
        if geometry.table and table is None:
            table = builder.table(row, operator.inputs[-1])
        _tile(builder, step, row, geometry, operands, tile, table)
    builder.mapping[row] = _describe(plan, input_kept)


def _columns_outer(builder: Builder, row: int, input_kept: bool, streamed: bool) -> bool | None:
    """An input that passes through is read once: all weights stay. One that is kept leaves the choice to the plan."""
    if row in builder.limits.weights_outer:
        return True
    return (None if streamed else True) if input_kept else False


def _parted(builder: Builder, row: int) -> bool:
    """Parts of the contraction pay where input and weights arrive at the bus's pace and are not kept."""
    operator = builder.operators[row]
    return builder.parted and isinstance(operator.attributes, Conv2d) and builder.passes_through(operator.inputs[0])


def _describe(plan: TilePlan, input_kept: bool) -> str:
    order = "weights change slowest" if plan.columns_outer else "pixels change slowest"
    return f"{plan.describe()}; {order}; input {'kept in' if input_kept else 'streamed through'} the scratchpad"


def _tile(
    builder: Builder, step: Step, row: int, geometry: ConvGeometry, operands: _Operands, tile: Tile, table: Block | None
) -> None:
    operator = builder.operators[row]
    source, part = operands.rows(tile), operands.slice(tile)
    weights, weight_stride = Region(part.block, 0), tile.columns
    if isinstance(operator.attributes, MatMul):
        depth, total = geometry.contraction, geometry.columns
        base = tile.image * depth * total
        region = builder.feed(operator.inputs[1], base, base + depth * total)
        column = tile.column * (depth if geometry.transposed else 1)
        weights, weight_stride = (
            Region(region.block, region.delta + base + column),
            depth if geometry.transposed else total,
        )
    entry = operands.entry(tile)
    channel = tile.column if geometry.run_bytes == 0 else geometry.spans[tile.span][0]
    weight_offset = tile.part[0] * tile.columns if tile.part else 0
    for draft, segment in zip(
        geometry.matrix_drafts(tile.height, tile.width, tile.columns, tile.part), geometry.segments, strict=True
    ):
        fields = draft.fields | {
            "input_row_stride": geometry.width * source.pixel_bytes,
            "input_pixel_stride": source.pixel_bytes,
            "input_height": source.count,
            "input_width": geometry.width,
            "origin_y": tile.y * geometry.stride[0] - geometry.padding[0] - source.first,
            "origin_x": tile.x * geometry.stride[1] - geometry.padding[2] + segment.first_tap,
            "weight_row_stride": weight_stride,
            "accumulator": entry,
        }
        pads = {
            "input_address": (source.block, source.offset + channel),
            "weight_address": (weights.block, weights.delta + weight_offset),
        }
        step.compute.append(Pending(Matrix, fields, pads, row))
        weight_offset += geometry.kernel_height * segment.taps * tile.columns
    if tile.part is None or sum(tile.part) == geometry.contraction:
        _requantize(builder, step, row, geometry, tile, entry, (part.block, part.parameters), table)


def _requantize(
    builder: Builder,
    step: Step,
    row: int,
    geometry: ConvGeometry,
    tile: Tile,
    entry: int,
    parameters: tuple[Block, int],
    table: Block | None,
) -> None:
    operator = builder.operators[row]
    first_column = geometry.spans[tile.span][1] + tile.column
    pixel, line = geometry.columns, geometry.output_width * geometry.columns
    start = tile.image * geometry.output_height * line + tile.y * line + tile.x * pixel + first_column
    draft = geometry.requantize_draft(tile.height, tile.width, tile.columns)
    fields = draft.fields | {"accumulator": entry}
    pads: dict[str, tuple[Block, int]] = {"parameters": parameters}
    if isinstance(operator.attributes, Conv2d) and (residual := operator.attributes.residual):
        rows_start = tile.image * geometry.output_height * line + tile.y * line
        other = builder.feed(operator.inputs[5], rows_start, rows_start + tile.height * line)
        # Every vector of the operand is read just before its sum is written: the sum may take its place.
        if operator.inputs[0] != operator.inputs[5]:
            builder.share_if_dying(operator.outputs[0], operator.inputs[5], row)
        pads["residual_address"] = (other.block, other.delta + start)
        fields |= {
            "residual_row_stride": line,
            "residual_pixel_stride": pixel,
            "zero_b": residual.zero_b,
            "multiplier": residual.multiplier_a,
            "multiplier_b": residual.multiplier_b,
            "add_shift": residual.shift,
            "add_zero": residual.zero_point,
            "add_low": residual.low,
            "add_high": residual.high,
        }
    if table is not None:
        builder.touch(table)
        pads["table_address"] = (table, 0)
    output = operator.outputs[0]
    target = builder.target(output)
    if target is not None:
        fields |= {"output_row_stride": line, "output_pixel_stride": pixel}
        pads["output_address"] = (target.block, target.delta + start)
        pad_pixel, pad_line, pad = pixel, line, target.delta + start
        block = target.block
    else:
        pad_pixel, pad_line, pad = tile.columns, tile.width * tile.columns, 0
        block = builder.block(output, tile.height * pad_line)
        fields |= {"output_row_stride": pad_line, "output_pixel_stride": pad_pixel}
        pads["output_address"] = (block, 0)
    step.compute.append(Pending(Requantize, fields, pads, row))
    if builder.on_bus(output):
        _store_tile(builder, output, block, pad, start, tile, (pixel, line), (pad_pixel, pad_line))


def _store_tile(
    builder: Builder,
    output: str,
    block: Block,
    pad: int,
    start: int,
    tile: Tile,
    bus: tuple[int, int],
    pads: tuple[int, int],
) -> None:
    """Store a tile: ``bus`` and ``pads`` are (bytes a pixel, bytes a row) in the tensor and in the scratchpad."""
    pixels = (tile.width, bus[0], pads[0])
    builder.store(output, block, pad, start, Runs(tile.columns, pixels, (tile.height, bus[1], pads[1])))
