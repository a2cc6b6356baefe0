"""Weight gradients: sums over the batch in the accumulators, which the update of the weights takes from there.

A sum of g per channel, right behind, goes along: its rows of g are in the scratchpad anyway.
"""

from accel_models import network as net
from accel_models.commands import Matrix, MatrixMode
from cosim.encode.expand import Builder
from cosim.encode.steps import Pending
from cosim.encode.training.images import Images, feed_image
from cosim.encode.training.pixel_sums import add_pixels, store_digits
from cosim.encode.training.update import WeightUpdate
from cosim.place import Block
from cosim.tile.training import Pass, plan_passes


def expand_weight_gradient(builder: Builder, row: int) -> None:
    """Write the steps of a WeightGradient and of its Update, where no input gradient has taken them along."""
    if builder.together[row].start == row:
        sum_weights(builder, row, None)


def expand_update(builder: Builder, row: int) -> None:
    """Nothing: the weight gradient in front of an Update has written its commands."""


def sum_weights(builder: Builder, row: int, kept: str | None) -> None:
    """Passes over all images; behind each the update of the weights that it summed. A sum per channel goes along.

    ``kept``: weights that someone wants afterwards as they were before.
    """
    operator, update = builder.operators[row], builder.operators[row + 1]
    a = operator.attributes
    assert isinstance(a, net.WeightGradient) and isinstance(update.attributes, net.Update)
    x, g = (Images.of(builder, name) for name in operator.inputs)
    images = x.count
    lanes, half = builder.hw.columns, builder.limits.entries // 2
    sums = row + 2 if row + 2 in builder.together[row] else None
    groups = -(-g.channels // lanes) if sums is not None else 0
    passes = plan_passes(a.kernel, x.channels, g.channels, lanes, half - groups)
    updates = WeightUpdate(builder, row + 1)
    for index, part in enumerate(passes):
        entry = builder.accumulator_half()
        along = sums if index == 0 else None  # one pass is enough
        for image in range(images):
            step = builder.step(row)
            if kept is not None:
                builder.feed(kept, 0, builder.network.tensors[kept].bytes)
            held_x, held_g = (feed_image(builder, item, image) for item in (x, g))
            step.compute.append(_outer(row, a, (x, held_x), (g, held_g), part, entry, image > 0))
            if along is not None:
                step.compute.append(add_pixels(along, g, held_g, entry + half - groups, image > 0))
        updates.expand(part, x.channels, g.channels, entry)
        if along is not None:
            store_digits(builder, along, g.channels, entry + half - groups)
    updates.finish()
    builder.mapping[row] = f"{len(passes)} passes over the images"
    builder.mapping[row + 1] = "in place, from the accumulators"


def _outer(
    row: int,
    a: net.WeightGradient,
    x: tuple[Images, tuple[Block, int]],
    g: tuple[Images, tuple[Block, int]],
    part: Pass,
    entry: int,
    accumulate: bool,
) -> Pending:
    """The products of one image for a pass; ``x`` and ``g``: with the place of the image in the scratchpad."""
    (source, held_x), (gradient, held_g) = x, g
    fields = {
        "mode": int(MatrixMode.OUTER),
        "accumulate": int(accumulate),
        "input_row_stride": source.line,
        "input_pixel_stride": source.channels,
        "input_height": source.rows,
        "input_width": source.width,
        "origin_y": part.row - a.padding[0],
        "origin_x": part.column - a.padding[1],
        "stride_y": a.stride[0],
        "stride_x": a.stride[1],
        "output_height": gradient.rows,
        "output_width": gradient.width,
        "kernel_height": part.rows,
        "run_bytes": part.places * source.channels,
        "columns": part.columns,
        "weight_row_stride": gradient.channels,
        "accumulator": entry,
    }
    pads = {"input_address": held_x, "weight_address": (held_g[0], held_g[1] + part.first)}
    return Pending(Matrix, fields, pads, row)
