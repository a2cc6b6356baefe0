"""A layer of a stream: which patches are computed anew, these gathered, computed, compared and scattered in bands."""

from dataclasses import dataclass, field
from math import prod

from accel_models.commands import (
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
from cosim.stream.context import CONSUMED, MOST_CHUNKS, SPARSE, WHOLE, Band, Context, Patches, own
from cosim.stream.maps import StreamError
from cosim.stream.masks import dilate
from cosim.stream.patches import Region
from cosim.stream.plan import Layer, Source, changed, compared, consumed
from cosim.stream.references import take
from cosim.tile import matrix_geometry, pool_geometry
from cosim.tile.geometry import ConvGeometry


@dataclass(slots=True)
class Constants:
    """Weights of a convolution, all columns, and parameters behind them, in the scratchpad."""

    block: Block
    parameters: int


@dataclass(slots=True)
class Batch:
    """The patches of a band on their way: where their inputs and old values lie. ``compared``: those to be compared;
    ``consumed``: those that become the reference at once."""

    band: Band
    compared: Band | None = None
    consumed: Band | None = None
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
        emitter, masks = self.context.emitter, self.context.masks
        emitter.row = row + 1
        self._dilate(layer)
        self._fetch(layer, row)
        pieces = self._pieces(layer)
        pending: Batch | None = None
        for region, chunk in pieces:
            emitter.row = row + 1
            band = Band(self.context, masks[layer.mask], region, chunk, self.context.next_bank())
            batch = Batch(band)
            if layer.theta is not None:
                batch.compared = band.compared(masks[compared(layer.target.name)])
            if layer.theta is not None and layer.target.reference is not None:
                batch.consumed = band.consumed(masks[consumed(layer.target.name)])
            self._list(layer, batch)
            self._load(layer, batch, row)
            if pending is not None:
                self._finish(layer, pending, row)
            else:
                emitter.next_slot()
                if after is not None:
                    self._fetch(after, row + 2)
            pending = batch
        assert pending is not None
        self._finish(layer, pending, row)
        self._refer(layer, row)
        self.context.mapping[row] = self._describe(pieces)

    def _describe(self, pieces: list[tuple[Region, int]]) -> str:
        largest, chunk = max(pieces, key=lambda piece: piece[0].cells)
        down, across = largest.edge
        return (
            f"{sum(piece.cells for piece, _ in pieces)} patches of {down}x{across} at most, moved {largest.cells} and "
            f"computed {min(chunk, largest.cells)} at a time"
        )

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
            self.context.bounded(layer.mask, compared(layer.target.name), 0, SPARSE)
        if layer.theta is not None and layer.target.reference is not None:
            self.context.bounded(layer.mask, consumed(layer.target.name), 0, CONSUMED)

    def _list(self, layer: Layer, batch: Batch) -> None:
        """All lists of a band, before someone takes its counts from registers; and the total to where the CPU will
        read it."""
        band, other = batch.band, batch.compared
        first, *more = (_gathered(layer, source, band.region).strides(band) for source in layer.sources)
        band.count_all(*first)
        for strides in more:
            band.offsets(*strides)
        target = own(layer.target, band.region)
        if isinstance(layer.operator.attributes, Conv2d):
            band.count_chunks(*target.strides(band))
        band.offsets(*target.strides(band))
        if other is not None:
            other.count_all(*target.strides(other))
            other.offsets(*self._marks(layer))
        if batch.consumed is not None:
            batch.consumed.count_all(*target.strides(batch.consumed))
        at = WORD_BYTES * len(self.charges)
        fields = {"register": band.total.index, "count": 1}
        self.context.emitter.emit(StoreRegisters, fields, {"pad_address": (self.counts, at)})
        self.charges.append(layer.charge(band.region))

    # ---- sizes ----

    def _pieces(self, layer: Layer) -> list[tuple[Region, int]]:
        """Regions of the layer's output that are moved at once, each with the patches that are computed at once."""
        found = []
        for region in layer.target.grid.regions():
            chunk = self._chunk(layer, region)
            moved = prod(region.edge) * layer.target.channels * 2
            moved += sum(_gathered(layer, source, region).bytes for source in layer.sources)
            most = max(1, min(self.context.stage_bytes // moved, MOST_CHUNKS * chunk))
            found += [(piece, chunk) for piece in region.ramped(most)]
        return found

    def _chunk(self, layer: Layer, region: Region) -> int:
        """As many patches as half of the accumulators hold."""
        if not isinstance(layer.operator.attributes, Conv2d):
            return region.cells
        entries = prod(region.edge) * -(-layer.target.channels // self.context.hw.columns)
        if entries > self.context.entries // 2:
            raise StreamError(
                f"operator {layer.name}: a patch of {region.edge[0]}x{region.edge[1]} pixels takes {entries} "
                f"accumulator entries, half of them are {self.context.entries // 2}: want a smaller patch"
            )
        return min(self.context.entries // 2 // entries, region.cells)

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

    def _load(self, layer: Layer, batch: Batch, row: int) -> None:
        emitter, region = self.context.emitter, batch.band.region
        emitter.row = row
        for source in layer.sources:
            patches = _gathered(layer, source, region)
            block = emitter.block(f"{source.map.name} patches", patches.bytes * region.cells)
            patches.move(Load, batch.band, block)
            batch.inputs.append(block)
        if batch.compared is not None:
            emitter.row = row + 1
            patches = own(layer.target, region, layer.target.reference)
            batch.old = emitter.block(f"{layer.target.name} reference", patches.bytes * region.cells)
            patches.move(Load, batch.compared, batch.old)

    def _finish(self, layer: Layer, batch: Batch, row: int) -> None:
        """Compute a batch and put it away; the next slot begins."""
        emitter, region = self.context.emitter, batch.band.region
        emitter.row = row
        patches = own(layer.target, region)
        result = emitter.block(layer.target.name, patches.bytes * region.cells)
        if isinstance(layer.operator.attributes, Conv2d):
            for index in range(batch.band.chunks):
                self._convolve(layer, batch, index, result)
        elif isinstance(layer.operator.attributes, Join):
            self._join(layer, batch, result)
        else:
            self._mean(layer, batch, result)
        if batch.old is not None:
            emitter.row = row + 1
            self._compare(layer, batch, result)
            emitter.row = row
        patches.move(Store, batch.band, result)
        if batch.consumed is not None:
            emitter.row = row + 1
            own(layer.target, region, layer.target.reference).move(Store, batch.consumed, result)
        emitter.touch(result, later=1)
        emitter.next_slot()

    def _convolve(self, layer: Layer, batch: Batch, index: int, result: Block) -> None:
        """A chunk of a batch."""
        (source,), (block,), band = layer.sources, batch.inputs, batch.band
        geometry, constants = self._geometry(layer.operator), self._constants[layer.name]
        patches, count, first = _gathered(layer, source, band.region), band.count(index), index * band.chunk
        (down, across), columns, entry = band.region.edge, geometry.columns, self.context.next_half()
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
            pads = {"input_address": (block, first * patches.bytes), "weight_address": (constants.block, offset)}
            self.context.emitter.emit(Matrix, fields, pads)
            offset += geometry.kernel_height * segment.taps * columns
        size = down * across * columns
        fields = geometry.requantize_draft(count, down * across, columns).fields | {
            "accumulator": entry,
            "output_row_stride": size,
            "output_pixel_stride": columns,
        }
        pads = {"parameters": (constants.block, constants.parameters), "output_address": (result, first * size)}
        self.context.emitter.emit(Requantize, fields, pads)

    def _join(self, layer: Layer, batch: Batch, result: Block) -> None:
        attributes = layer.operator.attributes
        assert isinstance(attributes, Join)
        size = prod(batch.band.region.edge) * layer.target.channels
        fields = {
            "function": int(Function.ADD),
            "height": batch.band.total,
            "columns": size,
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
        fields |= {f"{name}_row_stride": size for name in ("a", "b", "output")}
        a, b = batch.inputs
        self.context.emitter.emit(
            Elementwise, fields, {"a_address": (a, 0), "b_address": (b, 0), "output_address": (result, 0)}
        )

    def _mean(self, layer: Layer, batch: Batch, result: Block) -> None:
        (source,), (block,) = layer.sources, batch.inputs
        geometry = pool_geometry(self.network, layer.operator)
        ((_, draft),) = geometry.drafts(0, 1)
        patches = _gathered(layer, source, batch.band.region)
        fields = draft.fields | {
            "height": batch.band.total,
            "input_row_stride": patches.line,
            "input_pixel_stride": source.map.channels,
            "input_height": patches.size[0],
            "input_width": patches.size[1],
        }
        self.context.emitter.emit(Pool, fields, {"input_address": (block, 0), "output_address": (result, 0)})

    # ---- what changed ----

    def _compare(self, layer: Layer, batch: Batch, result: Block) -> None:
        assert batch.old is not None and batch.compared is not None and layer.theta is not None
        band, mask = batch.compared, self.context.masks[changed(layer.target.name)]
        size = prod(band.region.edge) * layer.target.channels
        fields = {
            "planes": band.total,
            "pixels": 1,
            "columns": size,
            "a_plane_stride": size,
            "b_plane_stride": size,
            "threshold": layer.theta,
            "output_address": mask.at(*band.region.first),
        }
        pads = {
            "a_address": (result, 0),
            "b_address": (batch.old, 0),
            "list_address": (band.offsets(*self._marks(layer)), 0),
        }
        self.context.emitter.emit(Compare, fields, pads)

    def _marks(self, layer: Layer) -> tuple[int, int]:
        """Bytes from mark to mark of the mask of what changed."""
        return self.context.masks[changed(layer.target.name)].stride, 1

    def _refer(self, layer: Layer, row: int) -> None:
        """Where a reference is not the map itself, it takes the patches that changed."""
        if layer.theta is not None and layer.target.reference is not None:
            self.context.emitter.row = row + 1
            take(self.context, layer.target, changed(layer.target.name))


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
