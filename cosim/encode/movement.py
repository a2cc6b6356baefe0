"""Expansion of operators that only move bytes (concat, slice, pad, permute): strided DMA from SRAM to SRAM.

Every operator is a list of strided copies; a copy goes through a small scratchpad buffer, gathered by the load engine
and scattered by the store engine, so that neither tensor has to fit the scratchpad.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from accel_models.commands import Fill
from accel_models.network import DTYPES, Concat, Network, Operator, Pad, Permute, Slice
from cosim.encode.expand import Builder
from cosim.encode.steps import Pending, Runs

STAGE_BYTES = 4096
_LEAST_STAGE = 256
_OVERLAPPED_COPIES = 8
FILL_BYTES = 1024


@dataclass(frozen=True, slots=True)
class Copy:
    """Elements ``shape`` of a source, from byte offsets and with byte strides on both sides."""

    source: str
    shape: tuple[int, ...]
    source_start: int
    source_strides: tuple[int, ...]
    target_start: int
    target_strides: tuple[int, ...]
    item_bytes: int


def _strides(shape: tuple[int, ...], item: int) -> tuple[int, ...]:
    strides = [item]
    for size in reversed(shape[1:]):
        strides.append(strides[-1] * size)
    return tuple(reversed(strides)) if shape else ()


def copies(network: Network, operator: Operator) -> list[Copy]:
    """What a movement operator copies into its output."""
    attributes = operator.attributes
    target = network.tensors[operator.outputs[0]]
    item = DTYPES[target.dtype]
    out = _strides(target.shape, item)
    found: list[Copy] = []
    if isinstance(attributes, Concat):
        position = 0
        for name in operator.inputs:
            shape = network.tensors[name].shape
            found.append(Copy(name, shape, 0, _strides(shape, item), position * out[attributes.axis], out, item))
            position += shape[attributes.axis]
        return found
    name = operator.inputs[0]
    source = network.tensors[name]
    strides = _strides(source.shape, item)
    match attributes:
        case Slice():
            start = sum(first * stride for first, stride in zip(attributes.start, strides, strict=True))
            stepped = tuple(step * stride for step, stride in zip(attributes.step, strides, strict=True))
            return [Copy(name, target.shape, start, stepped, 0, out, item)]
        case Pad():
            start = sum(before * stride for before, stride in zip(attributes.before, out, strict=True))
            return [Copy(name, source.shape, 0, strides, start, out, item)]
        case Permute():
            return [Copy(name, target.shape, 0, tuple(strides[axis] for axis in attributes.axes), 0, out, item)]
    raise ValueError(f"operator {operator.name}: kind {operator.kind} moves no bytes")


def merged(copy: Copy) -> tuple[list[tuple[int, int, int]], int]:
    """Axes (count, source stride, target stride), outermost first, and the contiguous run below them, in bytes."""
    axes = [axis for axis in zip(copy.shape, copy.source_strides, copy.target_strides, strict=True) if axis[0] > 1]
    run = copy.item_bytes
    while axes and axes[-1][1] == run and axes[-1][2] == run:
        run *= axes.pop()[0]
    joined: list[tuple[int, int, int]] = []
    for count, source, target in axes:
        if joined and joined[-1][1] == source * count and joined[-1][2] == target * count:
            joined[-1] = (joined[-1][0] * count, source, target)
        else:
            joined.append((count, source, target))
    return joined, run


@dataclass(frozen=True, slots=True)
class Chunk:
    """``planes x rows`` runs of ``run`` bytes: offsets from the copy's starts, and strides on both sides."""

    source: int
    target: int
    run: int
    rows: tuple[int, int, int]
    planes: tuple[int, int, int]


def chunks(axes: list[tuple[int, int, int]], run: int, limit: int) -> Iterator[Chunk]:
    """Cut a copy into pieces of at most ``limit`` bytes (a run may be cut too)."""
    if run > limit:
        for start in range(0, run, limit):
            size = min(limit, run - start)
            for chunk in chunks(axes, size, size):
                yield Chunk(chunk.source + start, chunk.target + start, size, chunk.rows, chunk.planes)
        return
    rows = axes[-1] if axes else (1, 0, 0)
    planes = axes[-2] if len(axes) > 1 else (1, 0, 0)
    outer = axes[:-2]
    row_step = max(1, min(rows[0], limit // run))
    plane_step = max(1, min(planes[0], limit // (run * row_step))) if row_step == rows[0] else 1
    for index in product(*(range(axis[0]) for axis in outer)):
        base_source = sum(i * axis[1] for i, axis in zip(index, outer, strict=True))
        base_target = sum(i * axis[2] for i, axis in zip(index, outer, strict=True))
        for p in range(0, planes[0], plane_step):
            for r in range(0, rows[0], row_step):
                yield Chunk(
                    base_source + p * planes[1] + r * rows[1],
                    base_target + p * planes[2] + r * rows[2],
                    run,
                    (min(row_step, rows[0] - r), rows[1], rows[2]),
                    (min(plane_step, planes[0] - p), planes[1], planes[2]),
                )


def expand_movement(builder: Builder, row: int) -> None:
    """Write the steps of a concat, slice, pad or permute."""
    operator = builder.operators[row]
    output = operator.outputs[0]
    # Several copies at a time, so that gathering one overlaps with scattering the one before.
    total = builder.network.tensors[output].bytes
    limit = min(builder.limits.stage_bytes, max(_LEAST_STAGE, -(-total // _OVERLAPPED_COPIES)))
    if isinstance(operator.attributes, Pad):
        _fill(builder, row, output, operator.attributes.value)
    count = 0
    for copy in copies(builder.network, operator):
        axes, run = merged(copy)
        for chunk in chunks(axes, run, limit):
            builder.step(row)
            count += 1
            size = chunk.run * chunk.rows[0] * chunk.planes[0]
            block = builder.block(f"{operator.name}.stage", size)
            compact = chunk.run * chunk.rows[0]
            gathered = (chunk.rows[0], chunk.rows[1], chunk.run), (chunk.planes[0], chunk.planes[1], compact)
            scattered = (chunk.rows[0], chunk.rows[2], chunk.run), (chunk.planes[0], chunk.planes[2], compact)
            builder.gather(block, copy.source, copy.source_start + chunk.source, Runs(chunk.run, *gathered))
            builder.store(output, block, 0, copy.target_start + chunk.target, Runs(chunk.run, *scattered))
    builder.mapping[row] = f"{count} strided copies of up to {limit} bytes through the scratchpad"


def _fill(builder: Builder, row: int, output: str, value: int) -> None:
    """Write the padding code over the whole output before the image is copied into it."""
    total = builder.network.tensors[output].bytes
    step = builder.step(row)
    size = min(FILL_BYTES, total)
    block = builder.block(f"{output}.padding", size)
    step.compute.append(Pending(Fill, {"row_bytes": size, "value": value}, {"pad_address": (block, 0)}, row))
    for start in range(0, total, size):
        builder.store(output, block, 0, start, Runs(min(size, total - start)))
