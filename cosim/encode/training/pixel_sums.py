"""Sums over pixels: products with padding that reads as 1. Per channel of a batch in digits, per image as codes."""

from typing import Any

from accel_models import network as net
from accel_models.commands import Matrix, MatrixMode, Requantize, Scaling
from accel_models.kernels.training import DIGIT_BITS
from cosim.encode.expand import Builder
from cosim.encode.steps import Pending, Runs
from cosim.encode.training.epilogue import Epilogue
from cosim.encode.training.images import Images, feed_image, image_target
from cosim.place import Block


def expand_channel_sum(builder: Builder, row: int) -> None:
    """Write the steps of a ChannelSum, where no weight gradient has taken it along."""
    if builder.together[row].start < row:
        return
    images = Images.of(builder, builder.operators[row].inputs[0])
    entry = builder.accumulator_half()
    for index in range(images.count):
        step = builder.step(row)
        held = feed_image(builder, images, index)
        step.compute.append(add_pixels(row, images, held, entry, index > 0))
    store_digits(builder, row, images.channels, entry)
    builder.mapping[row] = "products with ones"


def expand_pixel_sum(builder: Builder, row: int) -> None:
    """Write the steps of a PixelSum: an image's sums, then their codes."""
    operator = builder.operators[row]
    images, output = Images.of(builder, operator.inputs[0]), Images.of(builder, operator.outputs[0])
    epilogue = Epilogue(builder, row, 1)
    for index in range(images.count):
        step = builder.step(row)
        common = epilogue.fields(step)
        held = feed_image(builder, images, index)
        entry = builder.accumulator_half()
        step.compute.append(add_pixels(row, images, held, entry, False))
        target = image_target(builder, output, index)
        fields = common | {
            "accumulator": entry,
            "width": 1,
            "columns": images.channels,
            "scaling": int(Scaling.UNIFORM),
            **epilogue.indices(target.start),
        }
        step.compute.append(Pending(Requantize, fields, {"output_address": target.place}, row))
        target.finish()
    epilogue.finish()
    builder.mapping[row] = "products with ones"


def add_pixels(row: int, images: Images, held: tuple[Block, int], entry: int, accumulate: bool) -> Pending:
    """The sum over the pixels of an image at ``held``, per channel, in one entry a column group from ``entry`` on."""
    fields = _times_padding(images.channels, entry, 1, accumulate) | {
        "output_height": images.rows,
        "output_width": images.width,
        "weight_row_stride": images.channels,
    }
    return Pending(Matrix, fields, {"input_address": held, "weight_address": held}, row)


def store_digits(builder: Builder, row: int, channels: int, entry: int) -> None:
    """Sums to digits: the highest is rounded off, taken away from the sums by products with -128, and so on."""
    operator = builder.operators[row]
    a = operator.attributes
    assert isinstance(a, net.ChannelSum)
    step = builder.step(row)
    block = builder.block(operator.outputs[0], a.digits * channels)
    for place in range(a.digits - 1, -1, -1):
        fields: dict[str, Any] = {
            "accumulator": entry,
            "width": 1,
            "columns": channels,
            "scaling": int(Scaling.UNIFORM),
            "multiplier": 1,
            "shift": DIGIT_BITS * place,
        }
        digit = (block, place * channels)
        step.compute.append(Pending(Requantize, fields, {"output_address": digit}, row))
        if place:
            fields = _times_padding(channels, entry, -128, True) | {
                "output_width": 1 << (DIGIT_BITS * (place - 1)),
                "weight_row_stride": 0,
            }
            step.compute.append(Pending(Matrix, fields, {"input_address": digit, "weight_address": digit}, row))
    builder.store(operator.outputs[0], block, 0, 0, Runs(a.digits * channels))


def _times_padding(channels: int, entry: int, value: int, accumulate: bool) -> dict[str, int]:
    """Fields of outer products whose one input lies outside of the image, where it reads as ``value``."""
    return {
        "mode": int(MatrixMode.OUTER),
        "accumulate": int(accumulate),
        "input_pixel_stride": 1,
        "input_width": 1,
        "origin_y": -1,
        "stride_y": 0,
        "stride_x": 0,
        "run_bytes": 1,
        "columns": channels,
        "accumulator": entry,
        "zero_point": value,
    }
