"""Products of two tensors of codes, as attention has them."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING

from torch import fx

from accel_models.network import MatMul

from .codes import Codes
from .elementwise import multiplier, output_of
from .errors import LoweringError
from .registry import compute
from .values import Value

if TYPE_CHECKING:
    from .lowering import Lowering


@compute("aten.bmm")
def product(low: Lowering, node: fx.Node, want: Codes) -> Value | None:
    """[..., M, K] x [..., K, N] of two tensors with zero point 0 and the same leading axes; None for all else.

    A zero point on either side would need sums over the other operand's codes, which the array does not form.
    """
    given = low.graph.arguments(node)
    left, right = low.codes(given["self"]), low.codes(given.get("other", given.get("mat2")))
    if left is None or right is None or left[1].zero_point != 0 or right[1].zero_point != 0:
        return None
    (a, codes_a), (b, codes_b) = left, right
    rank = len(a.shape)
    if rank < 2 or len(b.shape) != rank or a.shape[:-2] != b.shape[:-2]:
        return None
    m, k, n, batch = a.shape[-2], a.shape[-1], b.shape[-1], prod(a.shape[:-2])
    if k * 128 * 128 >= 2**31:
        raise LoweringError(f"{low.label(node)}: sums of {k} products can leave int32; want less than {2**17}")
    a = low.draft.plain(a, node)
    turned = (*range(rank - 2), rank - 1, rank - 2)
    transposed = _order(b) == _order(replace(b, axes=turned)) and n > 1 and k > 1
    b = low.draft.arrange(b, turned if transposed else range(rank), node)
    factor, shift = multiplier(low, codes_a.scale * codes_b.scale / want.scale, node)
    attributes = MatMul(transposed=transposed, multiplier=factor, shift=shift, output=output_of(low, want))
    names = [
        low.draft.reshape(a.tensor, (batch, m, k), node),
        low.draft.reshape(b.tensor, (batch, n, k) if transposed else (batch, k, n), node),
    ]
    name = low.draft.emit(attributes, names, (batch, m, n), want, node, label="matmul", macs=batch * m * k * n)
    result = Value(name, low.graph.shape(node), tuple(range(rank)))
    return replace(result, tensor=low.draft.reshape(name, result.stored, node))


def _order(value: Value) -> list[int]:
    return [axis for axis in value.axes if value.shape[axis] > 1]
