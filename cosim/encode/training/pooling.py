"""Maxima of windows with the places where they were found, and gradients that go back there."""

from accel_models import network as net
from accel_models.commands import Elementwise, Function, Pool, Pooling
from cosim.encode.expand import Builder
from cosim.encode.steps import Pending
from cosim.encode.training.images import Images, Target, feed_image, feed_rows, image_target


def expand_max_places(builder: Builder, row: int) -> None:
    """Write the steps of a MaxPlaces: two commands on the same windows, a band of rows at a time."""
    operator = builder.operators[row]
    a = operator.attributes
    assert isinstance(a, net.MaxPlaces)
    images, output = Images.of(builder, operator.inputs[0]), Images.of(builder, operator.outputs[0])
    height = builder.limits.heights.get(row, output.rows)
    for index in range(images.count):
        for y in range(0, output.rows, height):
            step = builder.step(row)
            count = min(height, output.rows - y)
            held = feed_rows(builder, images, index, y * a.kernel, (y + count) * a.kernel)
            for name, function in zip(operator.outputs, (Pooling.MAXIMUM, Pooling.PLACE), strict=True):
                target = Target.of(builder, name, index * output.bytes + y * output.line, count * output.line)
                fields = {
                    "function": int(function),
                    "height": count,
                    "width": output.width,
                    "columns": images.channels,
                    "input_row_stride": images.line,
                    "input_pixel_stride": images.channels,
                    "input_height": count * a.kernel,
                    "input_width": images.width,
                    "kernel_height": a.kernel,
                    "kernel_width": a.kernel,
                    "stride_y": a.kernel,
                    "stride_x": a.kernel,
                    "output_row_stride": output.line,
                    "output_pixel_stride": output.channels,
                }
                pads = {"input_address": held, "output_address": target.place}
                step.compute.append(Pending(Pool, fields, pads, row))
                target.finish()
    builder.mapping[row] = f"bands of {height} rows"


def expand_max_pool_gradient(builder: Builder, row: int) -> None:
    """Write the steps of a MaxPoolGradient: a command a place of the window, for the pixels whose maximum was there."""
    operator = builder.operators[row]
    a = operator.attributes
    assert isinstance(a, net.MaxPoolGradient)
    g, places, output = (Images.of(builder, name) for name in (*operator.inputs, operator.outputs[0]))
    uneven = output.rows != g.rows * a.kernel or output.width != g.width * a.kernel
    for index in range(g.count):
        step = builder.step(row)
        held = [feed_image(builder, item, index) for item in (g, places)]
        target = image_target(builder, output, index)
        if uneven:  # pixels at the edge are in no window
            target.clear(step, row)
        for tap in range(a.kernel * a.kernel):
            fields = {
                "function": int(Function.SELECT),
                "code": tap,
                "height": g.rows,
                "width": g.width,
                "columns": g.channels,
                "a_row_stride": g.line,
                "a_pixel_stride": g.channels,
                "b_row_stride": g.line,
                "b_pixel_stride": g.channels,
                "output_row_stride": a.kernel * output.line,
                "output_pixel_stride": a.kernel * output.channels,
            }
            offset = tap // a.kernel * output.line + tap % a.kernel * output.channels
            pads = {"a_address": held[0], "b_address": held[1], "output_address": (target.block, target.pad + offset)}
            step.compute.append(Pending(Elementwise, fields, pads, row))
        target.finish()
    builder.mapping[row] = "image by image"
