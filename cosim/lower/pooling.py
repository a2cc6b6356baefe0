"""Pooling windows, global pools and reductions: maximum and average."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING, Any

from torch import fx

from accel_models.network import Output8, Pool

from .codes import Codes
from .conv import from_image, image
from .elementwise import multiplier, output_of
from .graph import name_of, sizes
from .registry import compute, move
from .values import Value

if TYPE_CHECKING:
    from .lowering import Lowering

MAX_KERNEL = 255  # 8-bit kernel fields of the pool command; longer windows are folded into two axes


@dataclass(frozen=True, slots=True)
class _Axis:
    """One axis of the windows: ``padding`` before; ``end`` is the padded size that PyTorch divides by."""

    size: int
    kernel: int
    stride: int
    padding: int
    outputs: int
    count_padding: bool = True

    @property
    def after(self) -> int:
        """Padding behind the image that the last window reaches."""
        return max((self.outputs - 1) * self.stride + self.kernel - self.padding - self.size, 0)

    def counts(self) -> dict[int, set[int]]:
        """Taps inside the image -> what PyTorch counts for the windows that have so many."""
        found: dict[int, set[int]] = {}
        for index in range(self.outputs):
            start = index * self.stride - self.padding
            end = min(start + self.kernel, self.size + self.padding)
            inside = min(end, self.size) - max(start, 0)
            found.setdefault(inside, set()).add(end - start if self.count_padding else inside)
        return found


def _factors(
    low: Lowering, axes: Sequence[_Axis], ratio: float, override: int | None, node: fx.Node
) -> tuple[tuple[int, int, int, int], ...] | None:
    """One factor per window shape; None when two windows of one shape have different divisors."""
    rows, columns = (axis.counts() for axis in axes)
    if override is None and any(len(divisors) > 1 for divisors in (*rows.values(), *columns.values())):
        return None
    found = []
    for r in sorted(rows):
        for c in sorted(columns):
            divisor = override if override is not None else next(iter(rows[r])) * next(iter(columns[c]))
            found.append((r, c, *multiplier(low, ratio / divisor, node)))
    return tuple(found)


def _emit(
    low: Lowering, node: fx.Node, value: Value, spatial: int, axes: list[_Axis], attributes: Pool, codes: Codes
) -> Value:
    x, batched = image(low, value, spatial, node)
    shape = low.draft.tensors[x].shape
    edges = (axes[0].padding, axes[0].after, axes[1].padding, axes[1].after)
    attributes = replace(
        attributes,
        kernel=(axes[0].kernel, axes[1].kernel),
        stride=(axes[0].stride, axes[1].stride),
        padding=edges,
    )
    stored = (shape[0], axes[0].outputs, axes[1].outputs, shape[3])
    name = low.draft.emit(attributes, [x], stored, codes, node, label=attributes.function)
    return from_image(low, name, (*value.shape[:-spatial], *(a.outputs for a in axes[2 - spatial :])), batched, node)


def _windows(given: dict[str, Any], value: Value, spatial: int, out: tuple[int, ...]) -> list[_Axis]:
    """Axes of a pool with kernel, stride and padding; a height of 1 is put before a signal's length."""
    kernel = sizes(given["kernel_size"], spatial)
    stride = sizes(given["stride"], spatial) if given.get("stride") else kernel
    padding = sizes(given.get("padding", 0), spatial)
    counted = bool(given.get("count_include_pad", True))
    image_shape = value.shape[-spatial:]
    axes = [
        _Axis(size, k, s, p, o, counted)
        for size, k, s, p, o in zip(image_shape, kernel, stride, padding, out[-spatial:], strict=True)
    ]
    return axes if spatial == 2 else [_Axis(1, 1, 1, 0, 1), *axes]


def _even_windows(value: Value, out: tuple[int, ...], spatial: int) -> list[_Axis] | None:
    """Axes of an adaptive pool, whose windows are alike when the output divides the input."""
    axes = []
    for size, outputs in zip(value.shape[-spatial:], out[-spatial:], strict=True):
        if size % outputs:
            return None
        axes.append(_Axis(size, size // outputs, size // outputs, 0, outputs))
    return axes if spatial == 2 else [_Axis(1, 1, 1, 0, 1), *axes]


def _spatial(node: fx.Node) -> int:
    return 1 if "1d" in name_of(node) else 2


@compute("aten.avg_pool1d", "aten.avg_pool2d", "aten.adaptive_avg_pool1d", "aten.adaptive_avg_pool2d")
def average_pool(low: Lowering, node: fx.Node, want: Codes) -> Value | None:
    """Windows of any padding, ceil mode and divisor; None where two alike windows divide by different numbers."""
    given = low.graph.arguments(node)
    found = low.codes(given["self"])
    if found is None:
        return None
    value, have = found
    out, spatial = low.graph.shape(node), _spatial(node)
    if "adaptive" in name_of(node):
        if all(size == 1 for size in out[-spatial:]):
            return _reduce(low, node, value, list(range(len(out) - spatial, len(out))), have, want)
        axes = _even_windows(value, out, spatial)
    else:
        axes = _windows(given, value, spatial, out)
    if axes is None or any(axis.kernel > MAX_KERNEL for axis in axes):
        return None
    factors = _factors(low, axes, have.scale / want.scale, given.get("divisor_override"), node)
    if factors is None:
        return None
    attributes = Pool(
        function="average",
        kernel=(1, 1),
        stride=(1, 1),
        input_zero_point=have.zero_point,
        factors=factors,
        output=output_of(low, want),
    )
    return _emit(low, node, value, spatial, axes, attributes, want)


@move("aten.max_pool1d", "aten.max_pool2d", "aten.adaptive_max_pool1d", "aten.adaptive_max_pool2d",
      "aten.max_pool2d_with_indices")  # fmt: skip
def maximum_pool(low: Lowering, node: fx.Node, inputs: list[Value], codes: Codes) -> Value | None:
    """The largest code of each window; None for dilated and uneven windows."""
    given, value, spatial = low.graph.arguments(node), inputs[0], _spatial(node)
    out = tuple(low.graph.results(node)[0].shape)
    if any(step != 1 for step in sizes(given.get("dilation", 1), spatial)):
        return None
    axes = _even_windows(value, out, spatial) if "adaptive" in name_of(node) else _windows(given, value, spatial, out)
    if axes is None or any(axis.kernel > MAX_KERNEL for axis in axes):
        return None
    attributes = Pool(
        function="maximum",
        kernel=(1, 1),
        stride=(1, 1),
        input_zero_point=codes.zero_point,
        output=Output8(zero_point=codes.zero_point, double=low.double),
    )
    return _emit(low, node, value, spatial, axes, attributes, codes)


@compute("aten.mean")
def mean(low: Lowering, node: fx.Node, want: Codes) -> Value | None:
    """Mean over any axes."""
    given = low.graph.arguments(node)
    found = low.codes(given["self"])
    if found is None or given.get("dtype") is not None:
        return None
    value, have = found
    return _reduce(low, node, value, _dims(given.get("dim"), len(value.shape)), have, want)


@move("aten.amax")
def largest(low: Lowering, node: fx.Node, inputs: list[Value], codes: Codes) -> Value | None:
    """Maximum over any axes."""
    return _reduce(low, node, inputs[0], _dims(low.graph.arguments(node).get("dim"), len(inputs[0].shape)), codes, None)


def _dims(given: Any, rank: int) -> list[int]:
    dims = [given] if isinstance(given, int) else list(given or range(rank))
    return sorted(int(axis) % rank for axis in dims)


def _reduce(
    low: Lowering, node: fx.Node, value: Value, dims: list[int], have: Codes, want: Codes | None
) -> Value | None:
    """Average (or, without ``want``, maximum) over whole axes: one window over [outer, h, w, inner]."""
    kept = [axis for axis in value.axes if axis not in dims]
    count = prod(value.shape[axis] for axis in dims)
    window = _fold(count)
    if window is None:
        return None
    positions = [i for i, axis in enumerate(value.axes) if axis in dims and value.shape[axis] > 1]
    first = positions[0] if positions else 0
    outer = [axis for axis in value.axes[:first] if axis not in dims]
    inner = [axis for axis in kept if axis not in outer]
    if not inner or prod(value.shape[axis] for axis in inner) == 1:
        outer, inner = [], kept  # keep channels in the lanes: better to move the reduced axes to the front
        if positions and prod(value.shape[axis] for axis in kept) == 1:
            outer, inner = kept, []
    held = low.draft.arrange(value, (*outer, *dims, *inner), node)
    shape = (prod(value.shape[axis] for axis in outer), *window, prod(value.shape[axis] for axis in inner))
    x = low.draft.reshape(held.tensor, shape, node)
    result = want or have
    factors: tuple[tuple[int, int, int, int], ...] = ()
    if want is not None:
        factors = ((*window, *multiplier(low, have.scale / (count * want.scale), node)),)
    attributes = Pool(
        function="average" if want is not None else "maximum",
        kernel=window,
        stride=window,
        input_zero_point=have.zero_point,
        factors=factors,
        output=output_of(low, result) if want is not None else Output8(zero_point=have.zero_point, double=low.double),
    )
    name = low.draft.emit(attributes, [x], (shape[0], 1, 1, shape[3]), result, node, label=attributes.function)
    return _kept_value(low, name, value, [*outer, *inner], tuple(low.graph.results(node)[0].shape), node)


def _kept_value(low: Lowering, name: str, value: Value, kept: list[int], out: tuple[int, ...], node: fx.Node) -> Value:
    """The reduced tensor as a logical value: kept axes in stored order, those of size 1 at the end."""
    if len(out) == len(value.shape):
        axes = [*kept, *(axis for axis in range(len(out)) if axis not in kept)]
    else:
        order = sorted(kept)
        axes = [order.index(axis) for axis in kept]
    result = Value(name, out, tuple(axes))
    return replace(result, tensor=low.draft.reshape(name, result.stored, node))


def _fold(count: int) -> tuple[int, int] | None:
    """Two window sizes of at most MAX_KERNEL with the product ``count``, as square as they get."""
    for height in range(int(count**0.5), 0, -1):
        if count % height == 0 and count // height <= MAX_KERNEL:
            return height, count // height
    return None
