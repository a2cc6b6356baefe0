"""The arithmetic as PyTorch operators `torch.ops.octo.*`: a traced step is a flat graph of them.

Each is one function of `arithmetic`, `products` or this module, with a kernel for shapes alone. None has a derivative:
the backward pass is written out.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.nn import functional

from workloads.octo import arithmetic, products

INT32, INT8, FLOAT32 = torch.int32, torch.int8, torch.float32


def max_pool(x: torch.Tensor, size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The largest of each size x size window (no overlap, the rest cut off) and its place in it, both int8.

    Places count row by row; of equal ones the first wins.
    """
    values, places = _windows(x, size).max(dim=-1)
    return values, places.to(INT8)


def _windows(x: torch.Tensor, size: int) -> torch.Tensor:
    rows, columns = x.shape[2] // size, x.shape[3] // size
    cut = x[:, :, : rows * size, : columns * size].reshape(*x.shape[:2], rows, size, columns, size)
    return cut.transpose(3, 4).flatten(4)


def max_pool_gradient(g: torch.Tensor, places: torch.Tensor, size: int, extent: Sequence[int]) -> torch.Tensor:
    """Each gradient at the place of its maximum, 0 elsewhere: (n, c, *extent)."""
    spread = torch.zeros(*g.shape, size * size, dtype=g.dtype)
    spread.scatter_(4, places.to(torch.int64)[..., None], g[..., None])
    inner = spread.unflatten(4, (size, size)).transpose(3, 4).flatten(4, 5).flatten(2, 3)
    rows, columns = inner.shape[2:]
    return functional.pad(inner, (0, extent[1] - columns, 0, extent[0] - rows)).clone()


def average_pool(x: torch.Tensor) -> torch.Tensor:
    """The sum of int8 x over its pixels, int32 (n, c, 1, 1): the factor of the mean belongs to what rounds it."""
    return arithmetic.saturate32(x.to(torch.int64).sum(dim=(2, 3), keepdim=True))


def average_pool_gradient(g: torch.Tensor, extent: Sequence[int]) -> torch.Tensor:
    """g at every pixel: int32 (n, c, *extent); the factor of the mean belongs to what rounds it."""
    return g.to(INT32).expand(*g.shape[:2], *extent).clone()


def relu_gradient(acc: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """acc where the ReLU's output x is above 0, else 0."""
    return torch.where(x > 0, acc, torch.zeros_like(acc))


def clipped_gradient(g: torch.Tensor, sides: torch.Tensor) -> torch.Tensor:
    """The gradient of a clipping bound: the sum of g above less the sum of g below, int32."""
    return arithmetic.saturate32((g.to(torch.int64) * sides).sum())


def update(
    master: torch.Tensor,
    acc: torch.Tensor,
    multiplier: torch.Tensor,
    shift: torch.Tensor,
    most: int,
    rounding: str,
    key: torch.Tensor,
    random_bits: int,
) -> tuple[torch.Tensor, torch.Tensor]:
    """The new master, and int32 [updates that rounded to 0, gradients that were not 0]."""
    change = arithmetic.update(acc, multiplier, shift, rounding, key, random_bits)
    wanted = acc != 0
    counts = torch.stack([(wanted & (change == 0)).sum(), wanted.sum()]).to(INT32)
    return arithmetic.applied(master, change, most), counts


def loss(logits: torch.Tensor, exponent: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Mean cross entropy, for the curve only: in float64, rounded once to float32."""
    z = logits.to(torch.float64).flatten(1) * torch.exp2(exponent.to(torch.float64))
    below = z - z.max(dim=1, keepdim=True).values
    each = below.exp().sum(dim=1).log() - below.gather(1, labels[:, None])[:, 0]
    return each.mean().to(FLOAT32)


def _scalar(*_: Any) -> torch.Tensor:
    return torch.empty((), dtype=INT32)


def _like(dtype: torch.dtype) -> Callable[..., torch.Tensor]:
    return lambda first, *_: torch.empty(first.shape, dtype=dtype)


def _conv_shape(x: Any, w: Any, bias: Any, stride: Any, padding: Any, groups: Any) -> torch.Tensor:
    size = [products.out_size(x.shape[i], w.shape[i], stride[i - 2], padding[i - 2]) for i in (2, 3)]
    return torch.empty((x.shape[0], w.shape[0], *size), dtype=INT32)


def _weight_shape(x: Any, g: Any, kernel: Any, stride: Any, padding: Any, groups: Any) -> torch.Tensor:
    return torch.empty((g.shape[1], x.shape[1] // groups, *kernel), dtype=INT32)


def _input_shape(g: Any, w: Any, size: Any, stride: Any, padding: Any, groups: Any) -> torch.Tensor:
    return torch.empty((g.shape[0], w.shape[1] * groups, *size), dtype=INT32)


def _pool_shape(x: Any, size: Any) -> tuple[torch.Tensor, torch.Tensor]:
    shape = (*x.shape[:2], x.shape[2] // size, x.shape[3] // size)
    return torch.empty(shape, dtype=INT8), torch.empty(shape, dtype=INT8)


def _spread_shape(g: Any, places: Any, size: Any, extent: Any) -> torch.Tensor:
    return torch.empty((*g.shape[:2], *extent), dtype=g.dtype)


def _update_shape(master: Any, *_: Any) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.empty_like(master), torch.empty(2, dtype=INT32)


_SHAPES: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "conv2d": (products.forward, _conv_shape),
    "conv2d_input_gradient": (products.input_gradient, _input_shape),
    "conv2d_weight_gradient": (products.weight_gradient, _weight_shape),
    "bias_gradient": (products.bias_gradient, lambda g: torch.empty((g.shape[1], 1, 1), dtype=INT32)),
    "map_gradient": (products.map_gradient, lambda g: torch.empty(g.shape[1:], dtype=INT32)),
    "requantize": (arithmetic.requantize, _like(INT8)),
    "largest": (arithmetic.largest, _scalar),
    "shift_of": (arithmetic.shift_of, _scalar),
    "clipped_range": (arithmetic.clipped_range, _scalar),
    "statistics_range": (arithmetic.statistics_range, _scalar),
    "noise_key": (arithmetic.noise_key, _scalar),
    "sides": (arithmetic.sides, _like(INT8)),
    "clipped_gradient": (clipped_gradient, _scalar),
    "sum_exponent": (arithmetic.sum_exponent, _scalar),
    "aligned_sum": (arithmetic.aligned_sum, _like(INT32)),
    "max_pool": (max_pool, _pool_shape),
    "max_pool_gradient": (max_pool_gradient, _spread_shape),
    "average_pool": (average_pool, lambda x: torch.empty((*x.shape[:2], 1, 1), dtype=INT32)),
    "average_pool_gradient": (average_pool_gradient, lambda g, e: torch.empty((*g.shape[:2], *e), dtype=INT32)),
    "relu_gradient": (relu_gradient, lambda acc, x: torch.empty_like(acc)),
    "softmax_table": (arithmetic.softmax_table, lambda exponent: torch.empty(256, dtype=INT32)),
    "softmax_gradient": (arithmetic.softmax_gradient, _like(INT32)),
    "loss": (loss, lambda *_: torch.empty((), dtype=FLOAT32)),
    "update": (update, _update_shape),
    "master_view": (arithmetic.master_view, _like(INT8)),
    "scaled_codes": (arithmetic.scaled_codes, _like(INT32)),
    "real": (arithmetic.real, _like(FLOAT32)),
}

_LIBRARY = torch.library.Library("octo", "DEF")
for _name, (_function, _fake) in _SHAPES.items():
    # defined by hand, because torch.library.custom_op imports the compiler (seconds) on the first call
    _LIBRARY.define(_name + torch.library.infer_schema(_function, mutates_args=()))
    _LIBRARY.impl(_name, _function, "CompositeExplicitAutograd")
    torch.library.register_fake(f"octo::{_name}", _fake, lib=_LIBRARY)

octo: Any = torch.ops.octo
"""The operators, e.g. `octo.conv2d(x, w, bias, [1, 1], [1, 1], 1)`."""
NAMES = tuple(_SHAPES)
