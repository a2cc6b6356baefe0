"""Integer operators of a Network, straight from their definitions in network.py.

Sums of int8 products are formed in float64: a sum of K products is at most K * 2**14 in magnitude, and every partial
sum is an integer below 2**53 (K < 2**39), so the result is the int64 one whatever the order of summation.
"""

import numpy as np

from accel_models import arithmetic
from accel_models.network import Conv2d, Elementwise, MatMul, Output8, Pool


def conv2d(
    a: Conv2d,
    x: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray,
    multiplier: np.ndarray,
    shift: np.ndarray,
    *rest: np.ndarray,
) -> np.ndarray:
    """int8 [N, OH, OW, Cout] of x int8 [N, H, W, Cin]; ``rest``: residual operand, table, as the attributes say."""
    expected = int(a.residual is not None) + int(a.table)
    if len(rest) != expected:
        raise ValueError(f"conv2d: want {5 + expected} inputs, got {5 + len(rest)}")
    sums = arithmetic.wrap32(_convolution_sums(a, x, weight) + bias.astype(np.int64))
    y = _output(sums, multiplier, shift, a.output)
    if a.residual is not None:
        r = a.residual
        y = arithmetic.rescaled_add(
            y, a.output.zero_point, r.multiplier_a, rest[0], r.zero_b, r.multiplier_b, r.shift,
            r.zero_point, r.low, r.high,
        )  # fmt: skip
    return _look_up(rest[-1], y) if a.table else y


def _convolution_sums(a: Conv2d, x: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """int64 [N, OH, OW, Cout]: products summed over (kernel row, kernel column, channel of the group)."""
    kernel_height, kernel_width, group_channels, outputs = weight.shape
    top, bottom, left, right = a.padding
    padded = np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)), constant_values=a.input_zero_point)
    if x.shape[3] != group_channels * a.groups or outputs % a.groups:
        raise ValueError(f"conv2d: {x.shape[3]} channels, weight {weight.shape} and groups {a.groups} do not agree")
    extent = ((kernel_height - 1) * a.dilation[0] + 1, (kernel_width - 1) * a.dilation[1] + 1)
    windows = np.lib.stride_tricks.sliding_window_view(padded, extent, axis=(1, 2))  # [N, y, x, channel, ky, kx]
    windows = windows[:, :: a.stride[0], :: a.stride[1], :, :: a.dilation[0], :: a.dilation[1]]
    windows = windows.transpose(0, 1, 2, 4, 5, 3)
    per_group = outputs // a.groups
    parts = []
    for group in range(a.groups):
        taken = windows[..., group * group_channels : (group + 1) * group_channels].astype(np.float64)
        kernel = weight[..., group * per_group : (group + 1) * per_group].astype(np.float64)
        parts.append(np.tensordot(taken, kernel, axes=3))
    return np.concatenate(parts, axis=-1).astype(np.int64)


def matmul(a: MatMul, left: np.ndarray, right: np.ndarray, *rest: np.ndarray) -> np.ndarray:
    """int8 [B, M, N] of left [B, M, K] and right [B, K, N] (``transposed``: [B, N, K]); ``rest``: the table."""
    right = right.swapaxes(1, 2) if a.transposed else right
    sums = np.matmul(left.astype(np.float64), right.astype(np.float64)).astype(np.int64)
    y = _output(arithmetic.wrap32(sums), a.multiplier, a.shift, a.output)
    return _look_up(rest[0], y) if a.table else y


def elementwise(a: Elementwise, *operands: np.ndarray) -> np.ndarray:
    """int8 result of one (rescale) or two int8 operands of one shape, then the table."""
    count = 1 if a.function == "rescale" else 2
    if len(operands) != count + int(a.table):
        raise ValueError(f"elementwise {a.function}: want {count + int(a.table)} inputs, got {len(operands)}")
    o, left = a.output, operands[0]
    if a.function == "add":
        y = arithmetic.rescaled_add(
            left, a.zero_a, a.multiplier_a, operands[1], a.zero_b, a.multiplier_b, a.shift, o.zero_point, o.low, o.high
        )
    elif a.function == "multiply":
        products = (left.astype(np.int64) - a.zero_a) * (operands[1].astype(np.int64) - a.zero_b)
        y = _output(products, a.multiplier_a, a.shift, o)
    elif a.function == "rescale":
        y = _output(left.astype(np.int64) - a.zero_a, a.multiplier_a, a.shift, o)
    else:
        raise ValueError(f"elementwise: want function add, multiply or rescale, got {a.function!r}")
    return _look_up(operands[-1], y) if a.table else y


def pool(a: Pool, shape: tuple[int, ...], x: np.ndarray, *rest: np.ndarray) -> np.ndarray:
    """int8 [N, OH, OW, C] of the given ``shape`` from x int8 [N, H, W, C]; ``rest``: the table."""
    if a.function not in ("maximum", "average"):
        raise ValueError(f"pool: want function maximum or average, got {a.function!r}")
    _, height, width, _ = shape
    rows = _taps(height, a.kernel[0], a.stride[0], a.padding[0], x.shape[1])
    columns = _taps(width, a.kernel[1], a.stride[1], a.padding[2], x.shape[2])
    factors = {(inside_y, inside_x): (multiplier, shift) for inside_y, inside_x, multiplier, shift in a.factors}
    y = np.empty(shape, np.int8)
    for oy, window_y in enumerate(rows):
        for ox, window_x in enumerate(columns):
            window = x[:, window_y][:, :, window_x].astype(np.int64)
            if a.function == "maximum":
                largest = window.max(axis=(1, 2)) if window.shape[1] * window.shape[2] else np.int64(-128)
                y[:, oy, ox] = np.clip(largest, a.output.low, a.output.high)
                continue
            inside = (window.shape[1], window.shape[2])
            if inside not in factors:
                raise ValueError(f"pool: no factor for a window with {inside[0]}x{inside[1]} taps inside the image")
            sums = window.sum(axis=(1, 2)) - inside[0] * inside[1] * a.input_zero_point
            y[:, oy, ox] = _output(sums, *factors[inside], a.output)
    return _look_up(rest[0], y) if a.table else y


def _taps(outputs: int, kernel: int, stride: int, before: int, size: int) -> list[slice]:
    """For every output the input positions of its window that are inside [0, size)."""
    starts = [output * stride - before for output in range(outputs)]
    return [slice(min(max(start, 0), size), max(min(start + kernel, size), 0)) for start in starts]


def _output(sums: np.ndarray, multiplier: np.ndarray | int, shift: np.ndarray | int, o: Output8) -> np.ndarray:
    return arithmetic.requantize(sums, multiplier, shift, o.zero_point, o.low, o.high, o.double)


def _look_up(table: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """``table[code + 128]``."""
    return table[codes.astype(np.int64) + 128]
