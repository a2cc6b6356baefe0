"""Input gradients: one product a kernel place; with a stride, pixels of each parity by the places that reach them."""

from dataclasses import dataclass
from typing import Any

from accel_models import network as net
from accel_models.commands import Matrix, MatrixMode, Requantize, Residual, Scaling
from cosim.encode.expand import Builder
from cosim.encode.steps import Pending, Step
from cosim.encode.training.bands import band_target, bands_of, end_band
from cosim.encode.training.epilogue import Epilogue
from cosim.encode.training.images import Images, Target, feed_rows
from cosim.encode.training.weight_gradient import sum_weights
from cosim.tile.training import Band


def expand_input_gradient(builder: Builder, row: int) -> None:
    """Write the steps of an InputGradient, by bands of the pixels that it is the gradient of.

    Where the layer's weights change right behind, that comes first: the weights from before are in the scratchpad.
    """
    operator, updated = builder.operators[row], builder.together[row].stop > row + 1
    if updated:
        sum_weights(builder, row + 1, operator.inputs[1])
    product = _Product(builder, row)
    a, output, parts = product.attributes, product.output, product.parities
    plan = bands_of(builder, row, a.stride)
    target: Target | None = None
    for band in plan.bands():
        step = builder.step(row)
        if band.first == 0:
            if updated:
                builder.share_if_dying(output.name, builder.operators[row + 1].inputs[0], row)
            target = band_target(builder, output, band)
            if len(parts) < a.stride[0] * a.stride[1]:  # no place reaches some of the pixels
                target.clear(step, row)
        assert target is not None
        for part in parts:
            height = len(range(part.y, band.height, a.stride[0]))  # bands begin at whole strides
            if height:
                product.expand(step, band, part, height, target)
        end_band(builder, target, output, band)
    product.epilogue.finish()
    builder.mapping[row] = f"{plan.describe()}; {len(parts)} sets of pixels"


@dataclass(frozen=True, slots=True)
class _Parity:
    """Pixels (y + stride * i, x + stride * j), and the kernel places that reach them, each with the row and column of g
    that pixel (0, 0) of the set reads there."""

    y: int
    x: int
    width: int
    places: tuple[tuple[int, int, int], ...]


def _parities(a: net.InputGradient, kernel: tuple[int, ...], output: Images) -> list[_Parity]:
    """Those that any place reaches."""
    found = []
    for y in range(min(a.stride[0], output.rows)):
        for x in range(min(a.stride[1], output.width)):
            places = tuple(
                (ky * kernel[1] + kx, (y + a.padding[0] - ky) // a.stride[0], (x + a.padding[1] - kx) // a.stride[1])
                for ky in range(kernel[0])
                for kx in range(kernel[1])
                if (y + a.padding[0] - ky) % a.stride[0] == 0 and (x + a.padding[1] - kx) % a.stride[1] == 0
            )
            if places:
                found.append(_Parity(y, x, len(range(x, output.width, a.stride[1])), places))
    return found


class _Product:
    """The product of one operator, a parity of a band at a time."""

    def __init__(self, builder: Builder, row: int) -> None:
        self.builder, self.row, operator = builder, row, builder.operators[row]
        assert isinstance(operator.attributes, net.InputGradient)
        self.attributes, self.weights = operator.attributes, operator.inputs[1]
        self.g, self.output = Images.of(builder, operator.inputs[0]), Images.of(builder, operator.outputs[0])
        kernel = builder.network.tensors[self.weights].shape[:2]
        self.parities = _parities(self.attributes, kernel, self.output)
        self.epilogue = Epilogue(builder, row, 2)

    def expand(self, step: Step, band: Band, part: _Parity, height: int, target: Target) -> None:
        """Sums of ``height`` rows of a parity of a band, then their codes."""
        common = self.epilogue.fields(step)
        entry = self._sums(step, band, part, height)
        self._codes(step, band, part, height, target, common | {"accumulator": entry})

    def _sums(self, step: Step, band: Band, part: _Parity, height: int) -> int:
        """Products in one half of the accumulators; its first entry."""
        builder, g = self.builder, self.g
        begin = band.y // self.attributes.stride[0]
        rows = [begin + dy for _, dy, _ in part.places]
        first = min(max(min(rows), 0), g.rows - 1)
        stop = min(max(max(rows) + height, first + 1), g.rows)
        source = feed_rows(builder, g, band.image, first, stop)
        held = builder.feed(self.weights, 0, builder.network.tensors[self.weights].bytes)
        entry = builder.accumulator_half()
        for index, (tap, dy, dx) in enumerate(part.places):
            fields = {
                "mode": int(MatrixMode.DOT),
                "accumulate": int(index > 0),
                "transposed": 1,
                "input_row_stride": g.line,
                "input_pixel_stride": g.channels,
                "input_height": stop - first,
                "input_width": g.width,
                "origin_y": begin + dy - first,
                "origin_x": dx,
                "output_height": height,
                "output_width": part.width,
                "run_bytes": g.channels,
                "columns": band.columns,
                "weight_row_stride": g.channels,
                "accumulator": entry,
            }
            weight = held.delta + (tap * self.output.channels + band.first) * g.channels
            pads = {"input_address": source, "weight_address": (held.block, weight)}
            step.compute.append(Pending(Matrix, fields, pads, self.row))
        return entry

    def _codes(
        self, step: Step, band: Band, part: _Parity, height: int, target: Target, common: dict[str, Any]
    ) -> None:
        """Pixels of the parity are strides apart, in the output as in the mask of its ReLU."""
        stride, output, epilogue = self.attributes.stride, self.output, self.epilogue
        strides = (stride[0] * output.line, stride[1] * output.channels)
        offset = part.y * output.line + part.x * output.channels + band.first
        fields = common | {
            "height": height,
            "width": part.width,
            "columns": band.columns,
            "scaling": int(Scaling.UNIFORM),
            "output_row_stride": strides[0],
            "output_pixel_stride": strides[1],
            **epilogue.indices(target.start + offset, *strides),
        }
        pads = {"output_address": (target.block, target.pad + offset)}
        if epilogue.mask is not None:
            mask = output.alike(epilogue.mask)
            block, place = feed_rows(self.builder, mask, band.image, band.y, band.y + band.height)
            fields |= {
                "residual": int(Residual.MASK),
                "residual_row_stride": strides[0],
                "residual_pixel_stride": strides[1],
            }
            pads["residual_address"] = (block, place + offset)
        step.compute.append(Pending(Requantize, fields, pads, self.row))
