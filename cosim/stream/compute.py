"""Commands that make patches from what was gathered: convolution, join, mean; and what compares the results."""

from dataclasses import dataclass, field
from math import prod

from accel_models.commands import Compare, Elementwise, Load, Matrix, Pool, Register, Requantize
from accel_models.network import Conv2d, Network, Operator
from accel_models.network import Elementwise as Join
from cosim.encode.constants import parameters_of, weights_of
from cosim.encode.steps import Runs
from cosim.encode.vector import elementwise_fields
from cosim.place import Block
from cosim.stream.context import Band, Context, Patches
from cosim.stream.maps import StreamError
from cosim.stream.masks import Mask
from cosim.stream.patches import Region
from cosim.stream.plan import Layer, gathered
from cosim.tile import matrix_geometry, pool_geometry
from cosim.tile.geometry import ConvGeometry


@dataclass(frozen=True, slots=True)
class _Weights:
    """Weights of a convolution, all columns, and parameters behind them, in the scratchpad."""

    block: Block
    parameters: int


@dataclass(slots=True)
class Compute:
    """``inputs`` of a layer are blocks with the patches of its sources, one behind the other, as its results are."""

    network: Network
    context: Context
    _weights: dict[str, _Weights] = field(default_factory=dict)

    def fetch(self, layer: Layer, row: int) -> None:
        """Ask for a layer's weights, once."""
        operator = layer.operator
        if layer.name in self._weights or not isinstance(operator.attributes, Conv2d):
            return
        geometry, lanes = self._geometry(operator), self.context.hw.columns
        weights = weights_of(self.network, operator, geometry, 0, 0, geometry.columns)
        data = weights + parameters_of(self.network, operator, lanes, 0, geometry.columns)
        name = f"{layer.name}.weights"
        storage = self.context.constants.add(name, data, row)
        with self.context.emitter.of(row):
            block = self.context.emitter.block(name, len(data), "weights")
            self.context.transfer(Load, block, storage, 0, Runs(len(data)))
        self._weights[layer.name] = _Weights(block, len(weights))

    def chunk(self, layer: Layer, region: Region) -> int:
        """Patches of a region that are computed at a time: as many as half of the accumulators hold."""
        if not isinstance(layer.operator.attributes, Conv2d):
            return region.cells
        half, entries = self.context.entries // 2, prod(region.edge)
        entries *= -(-layer.target.channels // self.context.hw.columns)
        if entries > half:
            raise StreamError(
                f"operator {layer.name}: a patch of {region.edge[0]}x{region.edge[1]} pixels takes {entries} "
                f"accumulator entries, half of them are {half}: want a smaller patch"
            )
        return min(half // entries, region.cells)

    def make(self, layer: Layer, band: Band, inputs: list[Block], result: Block) -> None:
        """The chosen patches of a band."""
        attributes = layer.operator.attributes
        if isinstance(attributes, Conv2d):
            for index in range(band.chunks):
                self._convolve(layer, band, index, inputs[0], result)
        elif isinstance(attributes, Join):
            self._join(attributes, layer, band, inputs, result)
        else:
            self._mean(layer, band, inputs[0], result)

    def _geometry(self, operator: Operator) -> ConvGeometry:
        return matrix_geometry(self.network, operator, self.context.hw.rows)

    def _convolve(self, layer: Layer, band: Band, index: int, source: Block, result: Block) -> None:
        geometry, weights = self._geometry(layer.operator), self._weights[layer.name]
        patches, count, first = gathered(layer, 0, band.region), band.count(index), index * band.chunk
        (down, across), columns, entry = band.region.edge, geometry.columns, self.context.next_half()
        offset = 0
        for draft, segment in zip(geometry.matrix_drafts(down, across, columns), geometry.segments, strict=True):
            fields = draft.fields | {
                "planes": count,
                "input_plane_stride": patches.bytes,
                **_image(patches),
                "origin_x": segment.first_tap,
                "weight_row_stride": columns,
                "accumulator": entry,
            }
            pads = {"input_address": (source, first * patches.bytes), "weight_address": (weights.block, offset)}
            self.context.emitter.emit(Matrix, fields, pads)
            offset += geometry.kernel_height * segment.taps * columns
        size = down * across * columns
        fields = geometry.requantize_draft(count, down * across, columns).fields | {
            "accumulator": entry,
            "output_row_stride": size,
            "output_pixel_stride": columns,
        }
        pads = {"parameters": (weights.block, weights.parameters), "output_address": (result, first * size)}
        self.context.emitter.emit(Requantize, fields, pads)

    def _join(self, attributes: Join, layer: Layer, band: Band, inputs: list[Block], result: Block) -> None:
        size = layer.patch_bytes(band.region)
        fields = elementwise_fields(attributes) | {"height": band.total, "columns": size}
        fields |= {f"{name}_row_stride": size for name in ("a", "b", "output")}
        pads = {"a_address": (inputs[0], 0), "b_address": (inputs[1], 0), "output_address": (result, 0)}
        self.context.emitter.emit(Elementwise, fields, pads)

    def _mean(self, layer: Layer, band: Band, source: Block, result: Block) -> None:
        """Of a whole map, which is one patch."""
        ((_, draft),) = pool_geometry(self.network, layer.operator).drafts(0, 1)
        fields = draft.fields | {"height": band.total, **_image(gathered(layer, 0, band.region))}
        self.context.emitter.emit(Pool, fields, {"input_address": (source, 0), "output_address": (result, 0)})

    def compare(self, layer: Layer, band: Band, result: Block, old: Block, mask: Mask) -> None:
        """Mark in ``mask`` which of the chosen patches of a band are further than theta from the ``old`` ones."""
        assert layer.theta is not None
        size = layer.patch_bytes(band.region)
        fields: dict[str, int | Register] = {
            "planes": band.total,
            "pixels": 1,
            "columns": size,
            "a_plane_stride": size,
            "b_plane_stride": size,
            "threshold": layer.theta,
            "output_address": mask.at(*band.region.first),
        }
        marks = band.offsets(mask.stride, 1)
        pads = {"a_address": (result, 0), "b_address": (old, 0), "list_address": (marks, 0)}
        self.context.emitter.emit(Compare, fields, pads)


def _image(patches: Patches) -> dict[str, int]:
    """Fields of a command that reads a gathered patch as an image."""
    return {
        "input_row_stride": patches.line,
        "input_pixel_stride": patches.map.channels,
        "input_height": patches.size[0],
        "input_width": patches.size[1],
    }
