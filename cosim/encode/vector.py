"""Expansion of pooling and per-element operators."""

from typing import Any

from accel_models import commands as isa
from accel_models.network import Elementwise
from cosim.encode.expand import Builder
from cosim.encode.steps import Pending, Runs
from cosim.place import Block
from cosim.tile import plan_pool, pool_geometry

CHUNK_BYTES = 8192
_LEAST_CHUNK = 512
_OVERLAPPED_CHUNKS = 8
_FUNCTIONS = {
    "add": isa.Function.ADD,
    "multiply": isa.Function.MULTIPLY,
    "rescale": isa.Function.RESCALE,
}


def expand_pool(builder: Builder, row: int) -> None:
    """Write the steps of a pooling operator: bands of output rows."""
    operator = builder.operators[row]
    geometry = pool_geometry(builder.network, operator)
    plan = plan_pool(geometry, max_height=builder.limits.heights.get(row))
    row_bytes, line = geometry.width * geometry.channels, geometry.output_width * geometry.channels
    attributes, output = geometry.attributes, operator.outputs[0]
    table: Block | None = None
    for tile in plan.tiles():
        step = builder.step(row)
        if attributes.table and table is None:
            table = builder.table(row, operator.inputs[-1])
        image = tile.image * geometry.height * row_bytes
        first, stop = geometry.rows_read(tile.y, tile.height)
        source = builder.feed(operator.inputs[0], image + first * row_bytes, image + stop * row_bytes)
        start = tile.image * geometry.output_height * line + tile.y * line
        target = builder.target(output)
        block = target.block if target else builder.block(output, tile.height * line)
        pad = target.delta + start if target else 0
        for window, draft in geometry.drafts(tile.y, tile.height):
            offset = (window.y - tile.y) * line + window.x * geometry.channels
            fields = draft.fields | {
                "input_row_stride": row_bytes,
                "input_pixel_stride": geometry.channels,
                "input_height": stop - first,
                "input_width": geometry.width,
                "origin_y": window.y * attributes.stride[0] - attributes.padding[0] - first,
                "origin_x": window.x * attributes.stride[1] - attributes.padding[2],
                "output_row_stride": line,
                "output_pixel_stride": geometry.channels,
            }
            pads = {
                "input_address": (source.block, source.delta + image + first * row_bytes),
                "output_address": (block, pad + offset),
            }
            if table is not None:
                builder.touch(table)
                pads["table_address"] = (table, 0)
            step.compute.append(Pending(isa.Pool, fields, pads, row))
        if builder.on_bus(output):
            builder.store(output, block, pad, start, Runs(tile.height * line))
    kept = builder.roots[operator.inputs[0]] in builder.kept
    builder.mapping[row] = f"{plan.describe()}; input {'kept in' if kept else 'streamed through'} the scratchpad"


def _chunk(builder: Builder, names: tuple[str, ...], total: int) -> int:
    """Bytes a command goes over: several commands where loads or stores can overlap with them, else few."""
    local = all(builder.produced(name) for name in names[:-1]) and not builder.uses[builder.roots[names[-1]]].on_bus
    return CHUNK_BYTES if local else min(CHUNK_BYTES, max(_LEAST_CHUNK, -(-total // _OVERLAPPED_CHUNKS)))


def elementwise_fields(attributes: Elementwise) -> dict[str, Any]:
    """Fields of an Elementwise command that its operator says: the function and its arithmetic."""
    return {
        "function": int(_FUNCTIONS[attributes.function]),
        "zero_a": attributes.zero_a,
        "zero_b": attributes.zero_b,
        "multiplier_a": attributes.multiplier_a,
        "multiplier_b": attributes.multiplier_b,
        "shift": attributes.shift,
        "zero_point": attributes.output.zero_point,
        "low": attributes.output.low,
        "high": attributes.output.high,
        "rounding": int(attributes.output.double),
        "table": int(attributes.table),
    }


def expand_elementwise(builder: Builder, row: int) -> None:
    """Write the steps of an add, multiply or rescale: runs of bytes, in place where the first operand dies here."""
    operator = builder.operators[row]
    attributes = operator.attributes
    assert isinstance(attributes, Elementwise)
    names = operator.inputs[:1] if attributes.function == "rescale" else operator.inputs[:2]
    output = operator.outputs[0]
    total = builder.network.tensors[output].elements
    chunk = builder.limits.heights.get(row, _chunk(builder, (*names, output), total))
    table: Block | None = None
    in_place = False
    for start in range(0, total, chunk):
        size = min(chunk, total - start)
        step = builder.step(row)
        if attributes.table and table is None:
            table = builder.table(row, operator.inputs[-1])
        regions = [builder.feed(name, start, start + size) for name in names]
        in_place = builder.share_if_dying(output, names[0], row)
        target = builder.target(output)
        block = target.block if target else builder.block(output, size)
        pad = target.delta + start if target else 0
        fields = elementwise_fields(attributes) | {"columns": size}
        pads = {"a_address": (regions[0].block, regions[0].delta + start), "output_address": (block, pad)}
        if len(regions) > 1:
            pads["b_address"] = (regions[1].block, regions[1].delta + start)
        if table is not None:
            builder.touch(table)
            pads["table_address"] = (table, 0)
        step.compute.append(Pending(isa.Elementwise, fields, pads, row))
        if builder.on_bus(output):
            builder.store(output, block, pad, start, Runs(size))
    builder.mapping[row] = f"{-(-total // chunk)} runs of up to {chunk} elements{'; in place' if in_place else ''}"
