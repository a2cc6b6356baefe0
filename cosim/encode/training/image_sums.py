"""Sums of images by the vector engine: two on one scale, and a pixel that all pixels of an image are."""

from accel_models.commands import Fill, Register, Sum
from cosim.encode.expand import Builder
from cosim.encode.steps import Pending
from cosim.encode.training.epilogue import Epilogue
from cosim.encode.training.images import Images, Target, feed_image, image_target
from cosim.encode.training.registers import UP_A, UP_B, number
from cosim.place import Block

_CHUNK_BYTES = 4096


def expand_aligned_sum(builder: Builder, row: int) -> None:
    """Write the steps of an AlignedSum, in runs of elements; each operand is shifted up by a number of the step."""
    a, a_up, b, b_up = builder.operators[row].inputs[:4]
    epilogue = Epilogue(builder, row, 4)
    total = builder.network.tensors[epilogue.output].bytes
    size = min(builder.limits.heights.get(row, _CHUNK_BYTES), total)
    ups: list[int | Register] = []
    for start in range(0, total, size):
        step = builder.step(row)
        common = epilogue.fields(step)
        if not ups:
            ups = [number(builder, step, row, name, place) for name, place in ((a_up, UP_A), (b_up, UP_B))]
        count = min(size, total - start)
        regions = [builder.feed(name, start, start + count) for name in (a, b)]
        fields = common | {"columns": count, "up_a": ups[0], "up_b": ups[1], **epilogue.index_start(start)}
        pads = {f"{key}_address": (item.block, item.delta + start) for key, item in zip("ab", regions, strict=True)}
        if epilogue.mask is not None:
            masked = builder.feed(epilogue.mask, start, start + count)
            fields["masked"], pads["c_address"] = 1, (masked.block, masked.delta + start)
        builder.share_if_dying(epilogue.output, a, row)  # every vector is read before its sum is written
        target = Target.of(builder, epilogue.output, start, count)
        pads["output_address"] = target.place
        step.compute.append(Pending(Sum, fields, pads, row))
        target.finish()
    epilogue.finish()
    builder.mapping[row] = f"runs of up to {size} elements"


def expand_spread(builder: Builder, row: int) -> None:
    """Write the steps of a Spread: sums of a pixel, read again and again, and zeros."""
    operator = builder.operators[row]
    g, output = Images.of(builder, operator.inputs[0]), Images.of(builder, operator.outputs[0])
    epilogue = Epilogue(builder, row, 1)
    zeros: Block | None = None
    for index in range(g.count):
        step = builder.step(row)
        common = epilogue.fields(step)
        if zeros is None:
            zeros = builder.block(f"{operator.name}.zeros", g.channels)
            fields = {"row_bytes": g.channels, "value": 0}
            step.compute.append(Pending(Fill, fields, {"pad_address": (zeros, 0)}, row))
        builder.touch(zeros)
        held = feed_image(builder, g, index)
        target = image_target(builder, output, index)
        fields = common | {
            "height": output.rows,
            "width": output.width,
            "columns": output.channels,
            "output_row_stride": output.line,
            "output_pixel_stride": output.channels,
            **epilogue.index_start(target.start),
        }
        pads = {"a_address": held, "b_address": (zeros, 0), "output_address": target.place}
        if epilogue.mask is not None:
            pads["c_address"] = feed_image(builder, output.alike(epilogue.mask), index)
            fields |= {"masked": 1, "c_row_stride": output.line, "c_pixel_stride": output.channels}
        step.compute.append(Pending(Sum, fields, pads, row))
        target.finish()
    epilogue.finish()
    builder.mapping[row] = "image by image"
