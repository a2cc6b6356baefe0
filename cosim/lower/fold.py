"""Folding moves into neighbours: permutations into the weights of linear layers, padding into windows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod

import numpy as np

from accel_models.network import Attributes, Conv2d, Pad, Permute, Pool, Reshape

from .rewrite import drop_dead, producer, readers
from .values import Draft, Step

_PER_COLUMN = slice(1, 5)  # weight, bias, multiplier, shift among a convolution's inputs


def fold_permutes(draft: Draft) -> None:
    """Reorder a linear layer's rows or columns instead of moving activations before or after it."""
    for step in list(draft.steps):
        if isinstance(step.attributes, Permute) and not _fold_into_rows(draft, step):
            _fold_into_columns(draft, step)
    drop_dead(draft)


def _fold_into_rows(draft: Draft, permute: Step) -> bool:
    """Permute -> Reshape -> linear layers, the permutation within what the reshape makes the contraction."""
    assert isinstance(permute.attributes, Permute)
    axes, before = permute.attributes.axes, draft.tensors[permute.inputs[0]].shape
    reshapes = readers(draft, permute.output)
    layers = [layer for reshape in reshapes for layer in readers(draft, reshape.output)]
    plain = all(isinstance(r.attributes, Reshape) and draft.tensors[r.output].role == "activation" for r in reshapes)
    if not layers or not plain or draft.tensors[permute.output].role == "output":
        return False
    if not all(_is_linear(layer) and layer.inputs[0] in {r.output for r in reshapes} for layer in layers):
        return False
    for layer in layers:
        split = _inner_axes(axes, before, draft.tensors[layer.inputs[1]].shape[2])
        if split is None or layer.inputs.count(layer.inputs[0]) != 1:
            return False
    for layer in layers:
        weight = draft.constants[layer.inputs[1]]
        split = _inner_axes(axes, before, weight.shape[2])
        assert split is not None  # tested above
        order = _order_before(axes[split:], before[split:], split)
        layer.inputs[1] = draft.constant(weight[:, :, order, :], "weight")
    for reshape in reshapes:
        reshape.inputs[0] = permute.inputs[0]
        draft.changed.add(reshape.output)
    return True


def _order_before(axes: Sequence[int], shape: Sequence[int], split: int) -> np.ndarray:
    """For each place of the tensor before a permutation, its place after it."""
    local = [axis - split for axis in axes]
    after = np.arange(prod(shape)).reshape([shape[axis] for axis in local])
    return np.transpose(after, np.argsort(local)).reshape(-1)


def _fold_into_columns(draft: Draft, permute: Step) -> bool:
    """Linear layer -> Reshape -> Permute, the permutation within what the reshape splits the columns into."""
    assert isinstance(permute.attributes, Permute)
    reshape = producer(draft, permute.inputs[0])
    if reshape is None or not isinstance(reshape.attributes, Reshape) or len(readers(draft, reshape.output)) != 1:
        return False
    layer = producer(draft, reshape.inputs[0])
    if layer is None or not _is_linear(layer) or len(readers(draft, layer.output)) != 1:
        return False
    assert isinstance(layer.attributes, Conv2d)
    if "output" in (draft.tensors[name].role for name in (layer.output, reshape.output)) or layer.attributes.residual:
        return False
    axes, before = permute.attributes.axes, draft.tensors[permute.inputs[0]].shape
    split = _inner_axes(axes, before, draft.tensors[layer.output].shape[3])
    if split is None:
        return False
    local = [axis - split for axis in axes[split:]]
    order = np.transpose(np.arange(prod(before[split:])).reshape(before[split:]), local).reshape(-1)
    for place in range(*_PER_COLUMN.indices(len(layer.inputs))):
        name = layer.inputs[place]
        layer.inputs[place] = draft.constant(draft.constants[name][..., order], draft.labels[name])
    draft.changed.update((layer.output, reshape.output))
    reshape.outputs[0] = permute.output
    draft.steps = [step for step in draft.steps if step is not permute]
    return True


def _is_linear(step: Step) -> bool:
    attributes = step.attributes
    return isinstance(attributes, Conv2d) and step.label == "linear" and attributes.residual is None


def _inner_axes(axes: Sequence[int], shape: Sequence[int], size: int) -> int | None:
    """First of the last axes that hold ``size`` elements, when the permutation stays within them."""
    split = len(shape)
    while split and prod(shape[split:]) < size:
        split -= 1
    leading = tuple(axes[:split]) == tuple(range(split))
    return split if prod(shape[split:]) == size and leading else None


def fold_pads(draft: Draft) -> None:
    """Padding before a convolution or a pool becomes the window's own, where that gives the same values."""
    for step in draft.steps:
        while isinstance(step.attributes, Conv2d | Pool) and (found := _padded_image(draft, step)) is not None:
            pad, edges = found
            attributes = _with_padding(draft, step, pad, edges)
            if attributes is None:
                break
            step.attributes = attributes
            step.inputs[0] = _unpadded(draft, step, pad, edges)
    # reshapes of unpadded tensors were appended: put everything in order again
    _sort(draft)
    drop_dead(draft)


def _padded_image(draft: Draft, step: Step) -> tuple[Step, tuple[int, int, int, int]] | None:
    """The Pad behind a [N, H, W, C] input, directly or through a reshape of ones, and top, bottom, left, right."""
    image = draft.tensors[step.inputs[0]].shape
    pad = producer(draft, step.inputs[0])
    if pad is not None and isinstance(pad.attributes, Reshape):
        pad = producer(draft, pad.inputs[0])
    if pad is None or not isinstance(pad.attributes, Pad):
        return None
    padded, plain = draft.tensors[pad.output].shape, draft.tensors[pad.inputs[0]].shape
    if [size for size in padded if size > 1] != [size for size in image if size > 1]:
        return None
    places = iter([axis for axis, size in enumerate(image) if size > 1])
    edges = {0: (0, 0), 1: (0, 0), 2: (0, 0), 3: (0, 0)}
    for size, before, inner in zip(padded, pad.attributes.before, plain, strict=True):
        if size > 1:
            edges[next(places)] = (before, size - before - inner)
    if edges[0] != (0, 0) or edges[3] != (0, 0):
        return None
    return pad, (*edges[1], *edges[2])


def _with_padding(draft: Draft, step: Step, pad: Step, edges: tuple[int, int, int, int]) -> Attributes | None:
    assert isinstance(pad.attributes, Pad)
    value, attributes = pad.attributes.value, step.attributes
    if isinstance(attributes, Conv2d):
        top, bottom, left, right = (a + b for a, b in zip(attributes.padding, edges, strict=True))
        return replace(attributes, padding=(top, bottom, left, right)) if value == attributes.input_zero_point else None
    assert isinstance(attributes, Pool)
    if any(attributes.padding):
        return None
    height, width = draft.tensors[step.inputs[0]].shape[1:3]
    rows = _taps(height - edges[0] - edges[1], attributes.kernel[0], attributes.stride[0], edges[0], step, draft, 1)
    columns = _taps(width - edges[2] - edges[3], attributes.kernel[1], attributes.stride[1], edges[2], step, draft, 2)
    if attributes.function == "maximum":
        lowest = value <= draft.code_range(pad.inputs[0])[0]
        return replace(attributes, padding=edges) if lowest and min(*rows, *columns) > 0 else None
    factors = {factor[2:] for factor in attributes.factors}
    if value != attributes.input_zero_point or len(factors) != 1:
        return None
    factor = factors.pop()
    return replace(
        attributes, padding=edges, factors=tuple((r, c, *factor) for r in sorted(rows) for c in sorted(columns))
    )


def _taps(size: int, kernel: int, stride: int, padding: int, step: Step, draft: Draft, axis: int) -> set[int]:
    """Numbers of taps inside the unpadded image, over all windows of an axis."""
    outputs = draft.tensors[step.output].shape[axis]
    starts = [index * stride - padding for index in range(outputs)]
    return {max(min(start + kernel, size) - max(start, 0), 0) for start in starts}


def _unpadded(draft: Draft, step: Step, pad: Step, edges: tuple[int, int, int, int]) -> str:
    n, height, width, channels = draft.tensors[step.inputs[0]].shape
    shape = (n, height - edges[0] - edges[1], width - edges[2] - edges[3], channels)
    return draft.reshape(pad.inputs[0], shape, step.node)


def _sort(draft: Draft) -> None:
    """A legal order again, as close to the present one as it gets."""
    makers = {name: step for step in draft.steps for name in step.outputs}
    done: set[int] = set()
    order: list[Step] = []
    for step in draft.steps:
        stack = [step]
        while stack:
            item = stack[-1]
            missing = [makers[name] for name in item.inputs if name in makers and id(makers[name]) not in done]
            if missing:
                stack.extend(missing)
                continue
            stack.pop()
            if id(item) not in done:
                done.add(id(item))
                order.append(item)
    draft.steps = order
