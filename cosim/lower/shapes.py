"""Operators that move codes: reshape, permute, slice, join, pad. Most cost nothing but a new description."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING, Any

from torch import fx

from accel_models.network import Concat, Pad, Slice

from .codes import Codes
from .graph import Graph, name_of
from .registry import move
from .values import Draft, Value

if TYPE_CHECKING:
    from .lowering import Lowering

RESHAPES = tuple(
    f"aten.{name}"
    for name in ("reshape", "view", "_unsafe_view", "_reshape_copy", "flatten", "unflatten", "squeeze", "unsqueeze")
)
IDENTITIES = ("aten.clone", "aten.contiguous", "aten.detach", "aten.alias", "aten.lift_fresh_copy", "aten.lift_fresh")
_CASTS = ("aten._to_copy", "aten.to")
_DROPOUTS = ("aten.dropout", "aten.feature_dropout", "aten.alpha_dropout", "aten.native_dropout")


@move(*IDENTITIES, *_CASTS, *_DROPOUTS)
def identity(low: Lowering, node: fx.Node, inputs: list[Value], codes: Codes) -> Value | None:
    """No-ops: copies, casts to the same dtype, dropout outside training."""
    if is_identity(low, node):
        return inputs[0]
    return None


def is_identity(low: Lowering, node: fx.Node) -> bool:
    """Whether a node returns its first argument unchanged."""
    if name_of(node) in _DROPOUTS:
        return not low.graph.arguments(node)["train"]
    return name_of(node) in IDENTITIES or (
        name_of(node) in _CASTS and low.graph.dtype(node) == low.graph.dtype(low.source(node))
    )


@move(*RESHAPES)
def reshape(low: Lowering, node: fx.Node, inputs: list[Value], codes: Codes) -> Value | None:
    """Any change of shape that keeps PyTorch's order of elements."""
    return reshaped(low.draft, inputs[0], low.graph.shape(node), node)


def reshaped(draft: Draft, value: Value, shape: Sequence[int], node: fx.Node | None) -> Value:
    """``value`` with another logical shape: free where merged axes lie next to each other, else after a Permute."""
    shape = tuple(shape)
    groups = _groups(value.shape, shape)
    place = {axis: position for position, axis in enumerate(value.axes)}
    groups.sort(key=lambda group: min(place[axis] for axis in group[0]))
    stored = [axis for axis in value.axes if value.shape[axis] > 1]
    wanted = [axis for old, _ in groups for axis in old]
    if stored != wanted:
        ones = [axis for axis in range(len(value.shape)) if value.shape[axis] == 1]
        value = draft.arrange(value, (*ones, *wanted), node)
    axes = _with_ones([axis for _, new in groups for axis in new], shape)
    result = Value(value.tensor, shape, axes)
    return replace(result, tensor=draft.reshape(value.tensor, result.stored, node))


def _groups(old: Sequence[int], new: Sequence[int]) -> list[tuple[list[int], list[int]]]:
    """Smallest sets of old and new axes (without those of size 1) that hold the same elements."""
    olds = [axis for axis, size in enumerate(old) if size > 1]
    news = [axis for axis, size in enumerate(new) if size > 1]
    groups = []
    while olds:
        left, right = [olds.pop(0)], [news.pop(0)]
        while (a := prod(old[axis] for axis in left)) != (b := prod(new[axis] for axis in right)):
            if a < b:
                left.append(olds.pop(0))
            else:
                right.append(news.pop(0))
        groups.append((left, right))
    return groups


def _with_ones(order: list[int], shape: Sequence[int]) -> tuple[int, ...]:
    """An axis order with the axes of size 1 put back, each behind its logical neighbour."""
    if order == sorted(order):
        return tuple(range(len(shape)))
    result = list(order)
    for axis, size in enumerate(shape):
        if size == 1:
            result.insert(result.index(axis - 1) + 1 if axis else 0, axis)
    return tuple(result)


PERMUTES = ("aten.permute", "aten.transpose", "aten.t", "aten.numpy_T", "aten.movedim", "aten.swapaxes")


@move(*PERMUTES)
def permute(low: Lowering, node: fx.Node, inputs: list[Value], codes: Codes) -> Value | None:
    """A new description of the same bytes."""
    return permuted(inputs[0], permutation(low.graph, node))


def permutation(graph: Graph, node: fx.Node) -> list[int]:
    """The permutation of an operator in PERMUTES: new axis j is old axis ``result[j]``."""
    given, name, rank = graph.arguments(node), name_of(node), len(graph.shape(node))
    dims = list(range(rank))
    if name == "aten.permute":
        return [axis % rank for axis in given["dims"]]
    if name in ("aten.t", "aten.numpy_T"):
        return dims[::-1]
    if name == "aten.movedim":
        sources, targets = (_list(given[key]) for key in ("source", "destination"))
        moved = {target % rank: source % rank for source, target in zip(sources, targets, strict=True)}
        rest = iter([axis for axis in range(rank) if axis not in moved.values()])
        return [moved[axis] if axis in moved else next(rest) for axis in range(rank)]
    first, second = (int(given[key]) % rank for key in (("dim0", "dim1") if "dim0" in given else ("axis0", "axis1")))
    dims[first], dims[second] = dims[second], dims[first]
    return dims


def permuted(value: Value, dims: Sequence[int]) -> Value:
    """``torch.permute``: new axis j is old axis ``dims[j]``."""
    dims = list(dims)
    return Value(value.tensor, tuple(value.shape[axis] for axis in dims), tuple(dims.index(a) for a in value.axes))


@move("aten.slice", "aten.narrow", "aten.select", "getitem")
def select(low: Lowering, node: fx.Node, inputs: list[Value], codes: Codes) -> Value | None:
    """Part of one axis."""
    value = inputs[0]
    if name_of(node) == "getitem":
        return _part(low, node, value, codes)
    given = low.graph.arguments(node)
    axis, shape = int(given["dim"]) % len(value.shape), low.graph.shape(node)
    size = value.shape[axis]
    step = int(given.get("step", 1))
    start = given["index"] if "index" in given else given["start"]
    if isinstance(start, fx.Node):
        return None
    first = min(max(int(start or 0) + (size if int(start or 0) < 0 else 0), 0), size)
    count = 1 if "index" in given else shape[axis]
    result = sliced(low.draft, value, axis, first, count, step, node)
    return reshaped(low.draft, result, shape, node) if "index" in given else result


def sliced(draft: Draft, value: Value, axis: int, first: int, count: int, step: int, node: fx.Node | None) -> Value:
    """``count`` indices of a logical axis from ``first`` on, ``step`` apart."""
    if count == value.shape[axis]:
        return value
    shape = (*value.shape[:axis], count, *value.shape[axis + 1 :])
    result = Value(value.tensor, shape, value.axes)
    place, rank = value.axes.index(axis), len(shape)
    attributes = Slice(
        start=tuple(first if i == place else 0 for i in range(rank)),
        step=tuple(step if i == place else 1 for i in range(rank)),
    )
    name = draft.emit(attributes, [value.tensor], result.stored, _codes(draft, value), node, label="slice")
    return replace(result, tensor=name)


def _part(low: Lowering, node: fx.Node, value: Value, codes: Codes) -> Value | None:
    """One result of chunk, split or unbind; the first of a pool with indices."""
    source, index = node.args[0], int(node.args[1])
    kind = name_of(source)
    if kind in (
        "aten.max_pool2d_with_indices",
        "aten.adaptive_max_pool1d",
        "aten.adaptive_max_pool2d",
        "aten.native_dropout",
    ):
        from .registry import MOVES

        return MOVES[kind](low, source, [value], codes) if index == 0 else None
    if kind not in (
        "aten.chunk",
        "aten.split",
        "aten.split_with_sizes",
        "aten.unbind",
        "aten.unsafe_split",
        "aten.tensor_split",
    ):
        return None
    results = low.graph.results(source)
    axis = int(low.graph.arguments(source)["dim"]) % len(value.shape)
    index %= len(results)
    if kind == "aten.unbind":
        return reshaped(low.draft, sliced(low.draft, value, axis, index, 1, 1, node), results[index].shape, node)
    first = sum(int(result.shape[axis]) for result in results[:index])
    return sliced(low.draft, value, axis, first, int(results[index].shape[axis]), 1, node)


@move("aten.cat", "aten.concat", "aten.stack")
def join(low: Lowering, node: fx.Node, inputs: list[Value], codes: Codes) -> Value | None:
    """Tensors one after the other along an axis, all in the order of the first that is not stored plainly."""
    given = low.graph.arguments(node)
    shape = low.graph.shape(node)
    axis = int(given["dim"]) % len(shape)
    if name_of(node) == "aten.stack":
        inputs = [reshaped(low.draft, v, (*v.shape[:axis], 1, *v.shape[axis:]), node) for v in inputs]
    inputs = [value for value in inputs if value.shape != (0,)]
    if len({len(value.shape) for value in inputs}) != 1:
        return None
    return joined(low.draft, inputs, axis, node)


def joined(draft: Draft, values: list[Value], axis: int, node: fx.Node | None) -> Value:
    """Concatenate along a logical axis."""
    if len(values) == 1:
        return values[0]
    plain = tuple(range(len(values[0].shape)))
    axes = next((value.axes for value in values if value.axes != plain), plain)
    held = [draft.arrange(value, axes, node) for value in values]
    size = sum(value.shape[axis] for value in values)
    result = Value("", (*held[0].shape[:axis], size, *held[0].shape[axis + 1 :]), axes)
    codes = _codes(draft, held[0])
    if codes is not None:
        ranges = [draft.code_range(value.tensor) for value in held]
        codes = replace(codes, low=min(low for low, _ in ranges), high=max(high for _, high in ranges))
    names = [value.tensor for value in held]
    return replace(result, tensor=draft.emit(Concat(axis=axes.index(axis)), names, result.stored, codes, node))


@move("aten.pad", "aten.constant_pad_nd")
def pad(low: Lowering, node: fx.Node, inputs: list[Value], codes: Codes) -> Value | None:
    """Constant padding with a number that is a code, and cropping (negative padding)."""
    given, value = low.graph.arguments(node), inputs[0]
    if given.get("mode", "constant") != "constant":
        return None
    number = float(given.get("value") or 0.0)
    code = codes.code(number)
    exact = float(codes.dequantize(_int8(code))) == number
    if not exact and low.codes(low.source(node)) is not None and not _then_quantized(low, node, codes):
        return None
    rank = len(value.shape)
    before, after = [0] * rank, [0] * rank
    amounts = [int(amount) for amount in given["pad"]]
    for position in range(len(amounts) // 2):
        axis = rank - 1 - position
        before[axis], after[axis] = amounts[2 * position], amounts[2 * position + 1]
    for axis in range(rank):
        first, last = max(-before[axis], 0), value.shape[axis] - max(-after[axis], 0)
        value = sliced(low.draft, value, axis, first, last - first, 1, node)
    before, after = [max(b, 0) for b in before], [max(a, 0) for a in after]
    if not any(before) and not any(after):
        return value
    shape = tuple(b + size + a for b, size, a in zip(before, value.shape, after, strict=True))
    result = Value(value.tensor, shape, value.axes)
    low_code, high_code = low.draft.code_range(value.tensor)
    held = replace(codes, low=min(low_code, code), high=max(high_code, code))
    attributes = Pad(before=tuple(before[axis] for axis in value.axes), value=code)
    return replace(result, tensor=low.draft.emit(attributes, [value.tensor], result.stored, held, node, label="pad"))


def _then_quantized(low: Lowering, node: fx.Node, codes: Codes) -> bool:
    """Whether every reader quantizes to these codes, so that rounding the padding now is what PyTorch does later."""
    from .codes import codes_of, is_quantize

    return all(is_quantize(user) and codes_of(low.graph, user).same_scale(codes) for user in node.users)


def _codes(draft: Draft, value: Value) -> Codes | None:
    tensor = draft.tensors[value.tensor]
    return None if tensor.scale is None else Codes(tensor.scale, tensor.zero_point, *draft.code_range(value.tensor))


def _int8(code: int) -> Any:
    import torch

    return torch.tensor(code, dtype=torch.int8)


def _list(value: Any) -> list[int]:
    return [value] if isinstance(value, int) else list(value)
