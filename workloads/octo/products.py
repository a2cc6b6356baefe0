"""The three products of a convolution in integers, exactly: forward, input gradient and weight gradient.

A convolution is dense or depthwise; a linear layer is one whose kernel covers its input. Products of codes are summed
in floating point, which is exact below 2**24 (float32) or 2**53 (float64), whatever the order (PyTorch's convolutions
on a CPU are direct ones, without a transform that rounds); the sum is then saturated to int32.
"""

from collections.abc import Sequence

import torch
from torch.nn import functional
from torch.nn.grad import conv2d_input

from workloads.octo.arithmetic import saturate32

MOST_PRODUCTS = 66_311
"""127 * 255 each: what always fits an int32."""
_PRODUCTS_FLOAT32 = (1 << 24) // (128 * 128)


def _exact(products: int) -> torch.dtype:
    return torch.float32 if products <= _PRODUCTS_FLOAT32 else torch.float64


def _check(x: torch.Tensor, w: torch.Tensor, groups: int) -> None:
    """ValueError for what is neither a dense nor a depthwise convolution."""
    if x.dim() != 4 or w.dim() != 4:
        raise ValueError(f"want (n, channels, rows, columns) and weights of 4 dimensions, got {x.shape} and {w.shape}")
    dense = groups == 1 and x.shape[1] == w.shape[1]
    depthwise = groups == x.shape[1] == w.shape[0] and w.shape[1] == 1
    if not dense and not depthwise:
        raise ValueError(
            f"want a dense or depthwise convolution, got {groups=}, inputs {tuple(x.shape)}, weights {tuple(w.shape)}"
        )


def out_size(size: int, kernel: int, stride: int, padding: int) -> int:
    """Rows or columns that a convolution leaves."""
    return (size + 2 * padding - kernel) // stride + 1


def forward(
    x: torch.Tensor, w: torch.Tensor, bias: torch.Tensor, stride: Sequence[int], padding: Sequence[int], groups: int
) -> torch.Tensor:
    """x * w + bias: int8 (n, c, h, w) and (o, c/groups, k, l), int32 bias (o, 1, 1) or (o, h', w') -> int32."""
    _check(x, w, groups)
    products = w[0].numel()
    if products > MOST_PRODUCTS:
        raise ValueError(f"{products} products may leave an int32, want at most {MOST_PRODUCTS}")
    dtype = _exact(products)
    acc = functional.conv2d(x.to(dtype), w.to(dtype), None, tuple(stride), tuple(padding), 1, groups)
    return saturate32(acc.to(torch.int64) + bias)


def input_gradient(
    g: torch.Tensor, w: torch.Tensor, size: Sequence[int], stride: Sequence[int], padding: Sequence[int], groups: int
) -> torch.Tensor:
    """The transposed convolution of int8 g (n, o, h', w') with w: int32 (n, c, *size)."""
    products = w.shape[0] // groups * w.shape[2] * w.shape[3]
    if products > MOST_PRODUCTS:
        raise ValueError(f"{products} products may leave an int32, want at most {MOST_PRODUCTS}")
    dtype, shape = _exact(products), (len(g), w.shape[1] * groups, *size)
    acc = conv2d_input(shape, w.to(dtype), g.to(dtype), tuple(stride), tuple(padding), 1, groups)
    return saturate32(acc)


def weight_gradient(
    x: torch.Tensor,
    g: torch.Tensor,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    groups: int,
) -> torch.Tensor:
    """The sum over samples and pixels of int8 g and x: int32 (o, c/groups, *kernel).

    Each sample is a product of its own, the samples are summed in int64, and the sum saturates: a machine whose
    accumulators hold the partial sums of 66,311 products gets the same bits.
    """
    pixels = g.shape[2] * g.shape[3]
    dtype = _exact(pixels)
    columns = functional.unfold(x.to(dtype), tuple(kernel), padding=tuple(padding), stride=tuple(stride))
    flat = g.to(dtype).flatten(2)
    if groups == 1:
        parts = flat @ columns.transpose(1, 2)
    else:
        parts = (columns.reshape(len(x), groups, -1, pixels) @ flat[..., None]).squeeze(3)
    total = parts.to(torch.int64).sum(dim=0)
    return saturate32(total).reshape(g.shape[1], x.shape[1] // groups, *kernel)


def bias_gradient(g: torch.Tensor) -> torch.Tensor:
    """The sum of int8 g over samples and pixels: int32 (o, 1, 1)."""
    return saturate32(g.to(torch.int64).sum(dim=(0, 2, 3)))[:, None, None]


def map_gradient(g: torch.Tensor) -> torch.Tensor:
    """The sum of int8 g over the samples: int32 (o, h', w'), for a compensation per element."""
    return saturate32(g.to(torch.int64).sum(dim=0))
