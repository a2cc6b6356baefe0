"""Forward products: codes by weights, a band of rows at a time, as for inference but with numbers of the step."""

from typing import Any

from accel_models import network as net
from accel_models.commands import BIAS_BYTES, Matrix, MatrixMode, Requantize, Scaling
from cosim.encode.expand import Builder
from cosim.encode.steps import Pending, Runs, Step
from cosim.encode.training.bands import band_target, bands_of, end_band
from cosim.encode.training.epilogue import Epilogue
from cosim.encode.training.images import Images, Target, feed_rows
from cosim.place import Block
from cosim.tile.training import Band


def expand_forward(builder: Builder, row: int) -> None:
    """Write the steps of an IntegerConv2d: sums of a band, then their codes."""
    operator = builder.operators[row]
    output = Images.of(builder, operator.outputs[0])
    plan = bands_of(builder, row, (1, 1))
    epilogue = Epilogue(builder, row, 3)
    biases: Block | None = None
    target: Target | None = None
    for band in plan.bands():
        step = builder.step(row)
        common = epilogue.fields(step)
        if biases is None:
            biases = _biases(builder, operator.inputs[2], output.channels)
        builder.touch(biases)
        entry = _products(builder, step, row, band, output)
        if band.first == 0:
            target = band_target(builder, output, band)
        assert target is not None
        fields = common | {
            "accumulator": entry,
            "height": band.height,
            "width": output.width,
            "columns": band.columns,
            "scaling": int(Scaling.BIAS),
            "output_row_stride": output.line,
            "output_pixel_stride": output.channels,
            **epilogue.indices(target.start + band.first, output.line, output.channels),
        }
        pads = {
            "parameters": (biases, band.first * BIAS_BYTES),
            "output_address": (target.block, target.pad + band.first),
        }
        step.compute.append(Pending(Requantize, fields, pads, row))
        end_band(builder, target, output, band)
    epilogue.finish()
    builder.mapping[row] = plan.describe()


def _biases(builder: Builder, name: str, channels: int) -> Block:
    """All biases, with room for the lanes of the last group that have none."""
    lanes = builder.hw.columns
    block = builder.block(name, -(-channels // lanes) * lanes * BIAS_BYTES)
    builder.gather(block, name, 0, Runs(channels * BIAS_BYTES))
    return block


def _products(builder: Builder, step: Step, row: int, band: Band, output: Images) -> int:
    """Sums of a band in one half of the accumulators; its first entry."""
    operator = builder.operators[row]
    a = operator.attributes
    assert isinstance(a, net.IntegerConv2d)
    source, weights = Images.of(builder, operator.inputs[0]), builder.network.tensors[operator.inputs[1]]
    kernel = weights.shape[:2]
    first, stop = _rows_read(a, band, kernel[0], source.rows)
    block, place = feed_rows(builder, source, band.image, first, stop)
    held = builder.feed(operator.inputs[1], 0, weights.bytes)
    entry = builder.accumulator_half()
    fields: dict[str, Any] = {
        "mode": int(MatrixMode.DOT),
        "input_row_stride": source.line,
        "input_pixel_stride": source.channels,
        "input_height": stop - first,
        "input_width": source.width,
        "origin_y": band.y * a.stride[0] - a.padding[0] - first,
        "origin_x": -a.padding[1],
        "stride_y": a.stride[0],
        "stride_x": a.stride[1],
        "output_height": band.height,
        "output_width": output.width,
        "kernel_height": kernel[0],
        "run_bytes": kernel[1] * source.channels,
        "columns": band.columns,
        "weight_row_stride": output.channels,
        "accumulator": entry,
    }
    pads = {"input_address": (block, place), "weight_address": (held.block, held.delta + band.first)}
    step.compute.append(Pending(Matrix, fields, pads, row))
    return entry


def _rows_read(a: net.IntegerConv2d, band: Band, kernel: int, rows: int) -> tuple[int, int]:
    """Input rows [first, stop) that the rows of a band touch; at least one."""
    top = band.y * a.stride[0] - a.padding[0]
    first = min(max(top, 0), rows - 1)
    return first, min(max(top + (band.height - 1) * a.stride[0] + kernel, first + 1), rows)
