"""A layer of a stream: which patches are computed anew, these gathered, computed, compared and scattered in chunks."""

from dataclasses import dataclass, field
from math import prod

from accel_models.commands import (
    LIST_ENTRY_BYTES,
    WORD_BYTES,
    Compare,
    Elementwise,
    Function,
    Load,
    Matrix,
    Pool,
    Requantize,
    Store,
    StoreRegisters,
)
from accel_models.network import Conv2d, Network, Operator
from accel_models.network import Elementwise as Join
from cosim.encode.constants import parameters_of, weights_of
from cosim.encode.steps import Runs
from cosim.place import Block
from cosim.stream.context import WHOLE, Band, Context, Patches, bands, own
from cosim.stream.maps import StreamError
from cosim.stream.masks import dilate
from cosim.stream.patches import Region
from cosim.stream.plan import Layer, Source, changed, compared
from cosim.stream.references import take
from cosim.tile import matrix_geometry, pool_geometry
from cosim.tile.geometry import ConvGeometry


@dataclass(slots=True)
class Constants:
    """Weights of a convolution, all columns, and parameters behind them, in the scratchpad."""

    block: Block
    parameters: int


@dataclass(slots=True)
class Chunk:
    """Up to ``band.chunk`` patches on their way: where their inputs, old values and results lie."""

    band: Band
    compared: Band | None
    index: int
    inputs: list[Block] = field(default_factory=list)
    old: Block | None = None


@dataclass(slots=True)
class Emission:
    """Writes the commands of one layer after the other. A layer has two rows of the program: ``row`` for its values,
    the next one for what finds out which of them to make. ``counts``: registers that counted patches, as they are stored;
    ``charges``: of each what one of its patches is charged."""

    network: Network
    context: Context
    counts: Block
    charges: list[int] = field(default_factory=list)
    _constants: dict[str, Constants] = field(default_factory=dict)

    def layer(self, layer: Layer, row: int, after: Layer | None) -> None:
        """``after``: the layer whose weights may come meanwhile."""
        emitter = self.context.emitter
        emitter.row = row + 1
        self._dilate(layer)
        self._fetch(layer, row)
        pieces = bands(self.context, self.context.masks[layer.mask], self._chunks(layer))
        pending: Chunk | None = None
        for region, size in pieces:
            emitter.row = row + 1
            band = Band(self.context, self.context.masks[layer.mask], region, size, self.context.next_bank())
            other = None if layer.theta is None else band.compared(self.context.masks[compared(layer.target.name)])
            self._list(layer, band, other)
            for index in range(band.chunks):
                chunk = Chunk(band, other, index)
                self._load(layer, chunk, row)
                if pending is not None:
                    self._finish(layer, pending, row)
                else:
                    emitter.next_slot()
                    if after is not None:
                        self._fetch(after, row + 2)
                pending = chunk
        assert pending is not None
        self._finish(layer, pending, row)
        self._refer(layer, row)
        self.context.mapping[row] = self._describe(pieces)

    def _describe(self, pieces: list[tuple[Region, int]]) -> str:
        (region, chunk) = pieces[0]
        cells = sum(piece.cells for piece, _ in pieces)
        down, across = region.edge
        return f"up to {cells} patches of {down}x{across} in chunks of {chunk}; lists over {len(pieces)} bands"

    # ---- masks ----

    def _dilate(self, layer: Layer) -> None:
        masks = self.context.masks
        target = masks[layer.mask]
        if len(layer.sources) == 2:
            a, b = (masks[item.mask] for item in layer.sources)
            fields = {"function": int(Function.ADD), "multiplier_b": 1 << 30, "low": WHOLE, "high": 1}
            fields |= target.by_rows() | a.image("a") | b.image("b") | target.image("output")
            self.context.emitter.emit(Elementwise, fields)
        else:
            (source,) = layer.sources
            fields = dilate(masks[source.mask], target, source.reaches) | {"low": WHOLE}
            self.context.emitter.emit(Pool, fields)
        if layer.theta is not None:
            self.context.without_whole(layer.mask, compared(layer.target.name))

    def _list(self, layer: Layer, band: Band, other: Band | None) -> None:
        """All lists of a band, before someone takes its counts from registers; and the counts to where the CPU will
        read them. ``other``: what of it is compared."""
        for source in layer.sources:
            band.offsets(*_gathered(layer, source, band.region).strides(band))
        band.offsets(*own(layer.target, band.region).strides(band))
        if other is not None:
            other.offsets(*own(layer.target, band.region).strides(other))
            other.offsets(*self._marks(layer))
        fields = {"register": band.bank, "count": band.chunks}
        at = WORD_BYTES * len(self.charges)
        self.context.emitter.emit(StoreRegisters, fields, {"pad_address": (self.counts, at)})
        self.charges += [layer.charge(band.region)] * band.chunks

    # ---- sizes ----

    def _chunks(self, layer: Layer) -> dict[Region, int]:
        return {region: self._chunk(layer, region) for region in layer.target.grid.regions()}

    def _chunk(self, layer: Layer, region: Region) -> int:
        """Patches at a time: as many as half of the accumulators and a share of the scratchpad hold."""
        pixels = prod(region.edge)
        moved = pixels * layer.target.channels * 2 + sum(_gathered(layer, item, region).bytes for item in layer.sources)
        size = max(1, self.context.stage_bytes // moved)
        if isinstance(layer.operator.attributes, Conv2d):
            entries = pixels * -(-layer.target.channels // self.context.hw.columns)
            if entries > self.context.entries // 2:
                raise StreamError(
                    f"operator {layer.name}: a patch of {region.edge[0]}x{region.edge[1]} pixels takes {entries} "
                    f"accumulator entries, half of them are {self.context.entries // 2}: want a smaller patch"
                )
            size = min(size, self.context.entries // 2 // entries)
        return min(size, region.cells)

    # ---- chunks ----

    def _fetch(self, layer: Layer, row: int) -> None:
        """Ask for a layer's weights, once."""
        operator = layer.operator
        if layer.name in self._constants or not isinstance(operator.attributes, Conv2d):
            return
        geometry, lanes = self._geometry(operator), self.context.hw.columns
        weights = weights_of(self.network, operator, geometry, 0, 0, geometry.columns)
        data = weights + parameters_of(self.network, operator, lanes, 0, geometry.columns)
        name = f"{layer.name}.weights"
        storage = self.context.constants.add(name, data, row)
        emitter, now = self.context.emitter, self.context.emitter.row
        emitter.row = row
        block = emitter.block(name, len(data), "weights")
        self.context.transfer(Load, block, storage, 0, Runs(len(data)))
        emitter.row = now
        self._constants[layer.name] = Constants(block, len(weights))

    def _geometry(self, operator: Operator) -> ConvGeometry:
        return matrix_geometry(self.network, operator, self.context.hw.rows)

    def _load(self, layer: Layer, chunk: Chunk, row: int) -> None:
        emitter, band = self.context.emitter, chunk.band
        emitter.row = row
        for source in layer.sources:
            patches = _gathered(layer, source, band.region)
            block = emitter.block(f"{source.map.name} patches", patches.bytes * band.chunk)
            patches.move(Load, band, chunk.index, block)
            chunk.inputs.append(block)
        if chunk.compared is not None:
            emitter.row = row + 1
            patches = own(layer.target, band.region, layer.target.reference)
            chunk.old = emitter.block(f"{layer.target.name} reference", patches.bytes * band.chunk)
            patches.move(Load, chunk.compared, chunk.index, chunk.old)

    def _finish(self, layer: Layer, chunk: Chunk, row: int) -> None:
        """Compute a chunk and put it away; the next slot begins."""
        emitter, band = self.context.emitter, chunk.band
        emitter.row = row
        patches = own(layer.target, band.region)
        result = emitter.block(layer.target.name, patches.bytes * band.chunk)
        if isinstance(layer.operator.attributes, Conv2d):
            self._convolve(layer, chunk, result)
        elif isinstance(layer.operator.attributes, Join):
            self._join(layer, chunk, result)
        else:
            self._mean(layer, chunk, result)
        if chunk.old is not None:
            emitter.row = row + 1
            self._compare(layer, chunk, result)
            emitter.row = row
        patches.move(Store, band, chunk.index, result)
        emitter.touch(result, later=1)
        emitter.next_slot()

    def _convolve(self, layer: Layer, chunk: Chunk, result: Block) -> None:
        (source,), (block,) = layer.sources, chunk.inputs
        geometry, constants = self._geometry(layer.operator), self._constants[layer.name]
        patches, count = _gathered(layer, source, chunk.band.region), chunk.band.count(chunk.index)
        (down, across), columns, entry = chunk.band.region.edge, geometry.columns, self.context.next_half()
        offset = 0
        for draft, segment in zip(geometry.matrix_drafts(down, across, columns), geometry.segments, strict=True):
            fields = draft.fields | {
                "planes": count,
                "input_plane_stride": patches.bytes,
                "input_row_stride": patches.line,
                "input_pixel_stride": source.map.channels,
                "input_height": patches.size[0],
                "input_width": patches.size[1],
                "origin_x": segment.first_tap,
                "weight_row_stride": columns,
                "accumulator": entry,
            }
            pads = {"input_address": (block, 0), "weight_address": (constants.block, offset)}
            self.context.emitter.emit(Matrix, fields, pads)
            offset += geometry.kernel_height * segment.taps * columns
        fields = geometry.requantize_draft(count, down * across, columns).fields | {
            "accumulator": entry,
            "output_row_stride": down * across * columns,
            "output_pixel_stride": columns,
        }
        pads = {"parameters": (constants.block, constants.parameters), "output_address": (result, 0)}
        self.context.emitter.emit(Requantize, fields, pads)

    def _join(self, layer: Layer, chunk: Chunk, result: Block) -> None:
        attributes = layer.operator.attributes
        assert isinstance(attributes, Join)
        pixels, channels = prod(chunk.band.region.edge), layer.target.channels
        fields = {
            "function": int(Function.ADD),
            "height": chunk.band.count(chunk.index),
            "columns": pixels * channels,
            "zero_a": attributes.zero_a,
            "zero_b": attributes.zero_b,
            "multiplier_a": attributes.multiplier_a,
            "multiplier_b": attributes.multiplier_b,
            "shift": attributes.shift,
            "zero_point": attributes.output.zero_point,
            "low": attributes.output.low,
            "high": attributes.output.high,
            "rounding": int(attributes.output.double),
        }
        fields |= {f"{name}_row_stride": pixels * channels for name in ("a", "b", "output")}
        a, b = chunk.inputs
        self.context.emitter.emit(
            Elementwise, fields, {"a_address": (a, 0), "b_address": (b, 0), "output_address": (result, 0)}
        )

    def _mean(self, layer: Layer, chunk: Chunk, result: Block) -> None:
        (source,), (block,) = layer.sources, chunk.inputs
        geometry = pool_geometry(self.network, layer.operator)
        ((_, draft),) = geometry.drafts(0, 1)
        patches = _gathered(layer, source, chunk.band.region)
        fields = draft.fields | {
            "height": chunk.band.count(chunk.index),
            "input_row_stride": patches.line,
            "input_pixel_stride": source.map.channels,
            "input_height": patches.size[0],
            "input_width": patches.size[1],
        }
        self.context.emitter.emit(Pool, fields, {"input_address": (block, 0), "output_address": (result, 0)})

    # ---- what changed ----

    def _compare(self, layer: Layer, chunk: Chunk, result: Block) -> None:
        assert chunk.old is not None and chunk.compared is not None and layer.theta is not None
        band, mask = chunk.compared, self.context.masks[changed(layer.target.name)]
        marks = band.offsets(*self._marks(layer))
        pixels, channels = prod(band.region.edge), layer.target.channels
        fields = {
            "planes": band.count(chunk.index),
            "pixels": 1,
            "columns": pixels * channels,
            "a_plane_stride": pixels * channels,
            "b_plane_stride": pixels * channels,
            "threshold": layer.theta,
            "output_address": mask.at(*band.region.first),
        }
        pads = {
            "a_address": (result, 0),
            "b_address": (chunk.old, 0),
            "list_address": (marks, LIST_ENTRY_BYTES * band.chunk * chunk.index),
        }
        self.context.emitter.emit(Compare, fields, pads)

    def _marks(self, layer: Layer) -> tuple[int, int]:
        """Bytes from mark to mark of the mask of what changed."""
        return self.context.masks[changed(layer.target.name)].stride, 1

    def _refer(self, layer: Layer, row: int) -> None:
        """Where a reference is not the map itself, it takes what was consumed."""
        if layer.theta is not None and layer.target.reference is not None:
            self.context.emitter.row = row + 1
            name = changed(layer.target.name)
            self.context.force(name)
            take(self.context, layer.target, name)


def _gathered(layer: Layer, source: Source, region: Region) -> Patches:
    """What the patches of a region of the layer's output read of a source."""
    edge = layer.target.grid.edge
    at, size, step = (
        tuple(values)
        for values in zip(
            *(
                (
                    first * pixels * axis.stride - axis.padding,
                    axis.span(own_pixels),
                    pixels * axis.stride,
                )
                for axis, first, pixels, own_pixels in zip(source.fields, region.first, edge, region.edge, strict=True)
            ),
            strict=True,
        )
    )
    return Patches(source.map, source.map.storage, at, size, step)
