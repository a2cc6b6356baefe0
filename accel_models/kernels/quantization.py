"""CPU functions between float32 and int8 codes, and softmax on codes."""

from collections.abc import Callable

import numpy as np


def quantize(x: np.ndarray, *, scale: float, zero_point: int, low: int = -128, high: int = 127) -> np.ndarray:
    """int8 codes ``clamp(half_even(x * (1/scale)) + zero_point, low, high)`` of float32 x.

    The reciprocal is formed in float64 and used in float32: bit for bit what PyTorch's quantize_per_tensor
    (torch.ao.quantization.fx._decomposed) returns. Not-a-number is refused.
    """
    x = np.asarray(x, np.float32)
    if np.isnan(x).any():
        raise ValueError("quantize: want numbers, got not-a-number")
    with np.errstate(over="ignore"):
        scaled = np.rint(x * np.float32(1.0 / scale)) + np.float32(zero_point)
    return np.clip(scaled, low, high).astype(np.int8)


def dequantize(x: np.ndarray, *, scale: float, zero_point: int) -> np.ndarray:
    """float32 ``(x - zero_point) * scale`` of int8 codes x."""
    return (x.astype(np.float32) - np.float32(zero_point)) * np.float32(scale)


def softmax_int8(x: np.ndarray, *, scale: float, dim: int = -1) -> np.ndarray:
    """Softmax of int8 codes x along ``dim``; result int8 with scale 1/256 and zero point -128.

    ``d = max - x`` in [0, 255]; ``e = half_up(65535 * exp(-d * scale))`` from a table of 256; ``S = sum e``;
    ``y = min(255, floor((256 e + floor(S / 2)) / S)) - 128``. Integers apart from the table; absolute error at most
    0.004. The input's zero point cancels.
    """
    table = np.floor(65535 * np.exp(-np.arange(256) * float(scale)) + 0.5).astype(np.int64)
    codes = x.astype(np.int64)
    exponentials = table[codes.max(axis=dim, keepdims=True) - codes]
    total = exponentials.sum(axis=dim, keepdims=True)
    return (np.minimum(255, (256 * exponentials + total // 2) // total) - 128).astype(np.int8)


FUNCTIONS: dict[str, Callable[..., np.ndarray]] = {
    "quantize": quantize,
    "dequantize": dequantize,
    "softmax_int8": softmax_int8,
}
