"""Operators that copy or interleave codes: expand, repeat, upsample and shuffles, as joins and permutations."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from torch import fx

from .codes import Codes
from .graph import name_of
from .registry import move
from .shapes import joined, permuted, reshaped
from .values import Value

if TYPE_CHECKING:
    from .lowering import Lowering

MAX_COPIES = 16  # at most so many copies along an axis are joined; more is better done by the CPU


@move("aten.expand", "aten.repeat")
def repeat(low: Lowering, node: fx.Node, inputs: list[Value], codes: Codes) -> Value | None:
    """Copies along axes, as joins; None for more than MAX_COPIES."""
    value, shape = inputs[0], low.graph.shape(node)
    value = reshaped(low.draft, value, (1,) * (len(shape) - len(value.shape)) + value.shape, node)
    copies = [new // old for old, new in zip(value.shape, shape, strict=True)]
    if max(copies, default=1) > MAX_COPIES:
        return None
    for axis, count in enumerate(copies):
        value = joined(low.draft, [value] * count, axis, node)
    return value


@move("aten.upsample_nearest1d", "aten.upsample_nearest2d")
def upsample(low: Lowering, node: fx.Node, inputs: list[Value], codes: Codes) -> Value | None:
    """Nearest neighbour by whole factors: every row and column joined with copies of itself."""
    value, shape = inputs[0], low.graph.shape(node)
    for axis in range(2, len(shape)):
        factor, rest = divmod(shape[axis], value.shape[axis])
        if rest or factor > MAX_COPIES:
            return None
        split = (*value.shape[: axis + 1], 1, *value.shape[axis + 1 :])
        order = list(value.axes)
        order = [a + (a > axis) for a in order]
        order.insert(order.index(axis) + 1, axis + 1)
        apart = Value(value.tensor, split, tuple(order))
        apart = replace(apart, tensor=low.draft.reshape(value.tensor, apart.stored, node))
        copied = joined(low.draft, [apart] * factor, axis + 1, node)
        value = reshaped(
            low.draft, copied, (*value.shape[:axis], value.shape[axis] * factor, *value.shape[axis + 1 :]), node
        )
    return value


@move("aten.pixel_shuffle", "aten.pixel_unshuffle", "aten.channel_shuffle")
def shuffle(low: Lowering, node: fx.Node, inputs: list[Value], codes: Codes) -> Value | None:
    """Split axes, permute, merge axes: the definitions in PyTorch's documentation."""
    value, shape, given = inputs[0], low.graph.shape(node), low.graph.arguments(node)
    *front, c, h, w = value.shape
    n = len(front)
    split: tuple[int, ...]
    order: tuple[int, ...]  # of the axes behind ``front``
    if name_of(node) == "aten.channel_shuffle":
        g = int(given["groups"])
        split, order = (g, c // g, h, w), (1, 0, 2, 3)
    elif name_of(node) == "aten.pixel_shuffle":
        r = int(given["upscale_factor"])
        split, order = (c // r**2, r, r, h, w), (0, 3, 1, 4, 2)
    else:
        r = int(given["downscale_factor"])
        split, order = (c, h // r, r, w // r, r), (0, 2, 4, 1, 3)
    apart = reshaped(low.draft, value, (*front, *split), node)
    return reshaped(low.draft, permuted(apart, (*range(n), *(n + axis for axis in order))), shape, node)
