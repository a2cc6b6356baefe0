"""Training in integers: operators of a Network and CPU functions, straight from their definitions.

Images are [N, H, W, C], weights [kh, kw, Cin / groups, Cout], as they are stored; both are int8, sums int32, saturated
at +-(2**31 - 1). Sums of products are formed in float64, exactly (see ``integer``). Functions whose name begins with
``octo.`` are operators of PyTorch's namespace of that name; those of exponents take numbers without dimensions.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from accel_models.kernels.noise import noise_key, rounded_shift
from accel_models.network import (
    AlignedSum,
    ChannelSum,
    Epilogue,
    InputGradient,
    IntegerConv2d,
    MaxPlaces,
    MaxPoolGradient,
    PixelSum,
    Spread,
    Update,
    WeightGradient,
)

INT32_MAX = 2**31 - 1
DIGIT_BITS = 7
TABLE_EXPONENTS = (-24, 3)
_STATISTICS_BITS, _CONFIDENCE, _BETA_BITS, _REACH_BITS = 15, 2.576, 8, 15
Array = np.ndarray
Pair = Sequence[int]


def saturate32(exact: ArrayLike) -> Array:
    """Integers to int32; beyond +-(2**31 - 1) they stay there."""
    return np.clip(np.asarray(exact), -INT32_MAX, INT32_MAX).astype(np.int32)


# ---- products ----


def _padded(x: Array, padding: Pair) -> Array:
    (rows, columns) = padding
    return np.pad(x, ((0, 0), (rows, rows), (columns, columns), (0, 0)))


def _taps(kernel: Pair, stride: Pair, size: Pair) -> list[tuple[int, int, tuple[slice, slice]]]:
    """Kernel places, each with the rows and columns of the padded image that it reads for outputs of ``size``."""
    found = []
    for ky in range(kernel[0]):
        for kx in range(kernel[1]):
            rows = slice(ky, ky + stride[0] * (size[0] - 1) + 1, stride[0])
            found.append((ky, kx, (rows, slice(kx, kx + stride[1] * (size[1] - 1) + 1, stride[1]))))
    return found


def conv2d(x: Array, w: Array, bias: Array, *, stride: Pair, padding: Pair, groups: int) -> Array:
    """x * w + bias: int32 [N, OH, OW, Cout]; ``bias`` int32 [Cout, 1, 1] or a map [Cout, OH, OW]."""
    padded = _padded(x, padding).astype(np.float64)
    size = [(padded.shape[axis + 1] - w.shape[axis]) // stride[axis] + 1 for axis in (0, 1)]
    total = np.zeros((len(x), *size, w.shape[3]))
    for ky, kx, (rows, columns) in _taps(w.shape[:2], stride, size):
        part, kernel = padded[:, rows, columns], w[ky, kx].astype(np.float64)
        total += part @ kernel if groups == 1 else part * kernel[0]
    return saturate32(total.astype(np.int64) + np.transpose(bias, (1, 2, 0)))


def input_gradient(g: Array, w: Array, *, size: Pair, stride: Pair, padding: Pair, groups: int) -> Array:
    """The transposed convolution of g [N, OH, OW, Cout] with w: int32 [N, *size, Cin]."""
    channels = w.shape[2] * groups
    total = np.zeros((len(g), size[0] + 2 * padding[0], size[1] + 2 * padding[1], channels))
    wide = g.astype(np.float64)
    for ky, kx, (rows, columns) in _taps(w.shape[:2], stride, g.shape[1:3]):
        kernel = w[ky, kx].astype(np.float64)
        total[:, rows, columns] += wide @ kernel.T if groups == 1 else wide * kernel[0]
    inside = total[:, padding[0] : padding[0] + size[0], padding[1] : padding[1] + size[1]]
    return saturate32(inside)


def weight_gradient(x: Array, g: Array, *, kernel: Pair, stride: Pair, padding: Pair, groups: int) -> Array:
    """The sum over samples and pixels of x and g: int32 [kh, kw, Cin / groups, Cout]."""
    padded, wide = _padded(x, padding).astype(np.float64), g.astype(np.float64)
    total = np.zeros((*kernel, x.shape[3] // groups, g.shape[3]))
    flat = wide.reshape(-1, g.shape[3])
    for ky, kx, (rows, columns) in _taps(kernel, stride, g.shape[1:3]):
        part = padded[:, rows, columns]
        total[ky, kx] = part.reshape(len(flat), -1).T @ flat if groups == 1 else (part * wide).sum(axis=(0, 1, 2))
    return saturate32(total)


def bias_gradient(g: Array) -> Array:
    """The sum over samples and pixels: int32 [Cout, 1, 1]."""
    return saturate32(g.astype(np.int64).sum(axis=(0, 1, 2)))[:, None, None]


def map_gradient(g: Array) -> Array:
    """The sum over samples: int32 [Cout, OH, OW]."""
    return np.transpose(saturate32(g.astype(np.int64).sum(axis=0)), (2, 0, 1))


# ---- ranges, scales and updates ----


def requantize(
    acc: Array,
    multiplier: Array,
    shift: Array,
    bound: Array,
    key: Array | None = None,
    *,
    low: int,
    high: int,
    rounding: str,
    random_bits: int = 8,
) -> Array:
    """int8: clamp(round(clip(acc, +-bound) * multiplier / 2**shift), low, high)."""
    wide = np.clip(acc.astype(np.int64), -np.int64(bound), np.int64(bound)) * np.int64(multiplier)
    return np.clip(rounded_shift(wide, int(shift), rounding, key, random_bits), low, high).astype(np.int8)


def largest(acc: Array, *, positive: bool) -> Array:
    """The largest magnitude, or positive value, int32."""
    wide = acc.astype(np.int64)
    return saturate32(max(0, int(wide.max()) if positive else int(np.abs(wide).max())))


def bit_length(value: ArrayLike) -> int:
    return int(np.asarray(value)).bit_length()


def shift_of(bound: Array, *, bits: int = 8) -> Array:
    """max(0, bit_length - (bits - 1))."""
    return np.asarray(max(0, bit_length(bound) - (bits - 1)), np.int32)


def clipped_range(magnitude: Array, beta: Array) -> Array:
    """(magnitude * beta) >> 8."""
    return np.asarray((int(magnitude) * int(beta)) >> _BETA_BITS, np.int32)


def statistics_range(acc: Array, *, positive: bool) -> Array:
    """min(largest, floor(|mean| + 2.576 * standard deviation)), of magnitudes shifted down to 15 bits."""
    top = int(largest(acc, positive=positive))
    surplus = max(0, top.bit_length() - _STATISTICS_BITS)
    small = (np.maximum(acc, 0) if positive else acc).astype(np.int64) >> surplus
    mean = float(small.sum()) / acc.size
    variance = float((small * small).sum()) / acc.size - mean * mean
    wide = np.floor((abs(mean) + _CONFIDENCE * np.sqrt(max(variance, 0.0))) * (1 << surplus))
    return np.asarray(min(top, int(saturate32(wide))), np.int32)


def sides(acc: Array, bound: Array) -> Array:
    """1 above the bound, -1 below minus the bound, else 0."""
    return (acc > bound).astype(np.int8) - (acc < -bound).astype(np.int8)


def clipped_gradient(g: Array, side: Array) -> Array:
    """The sum of g times its side, int32."""
    return saturate32((g.astype(np.int64) * side).sum())


def sum_exponent(a: Array, b: Array) -> Array:
    """The smaller of two exponents, at most 15 below the larger."""
    return np.asarray(max(min(int(a), int(b)), max(int(a), int(b)) - _REACH_BITS), np.int32)


def aligned_sum(a: Array, a_up: Array, b: Array, b_up: Array) -> Array:
    """(a << a_up) + (b << b_up), int32."""
    return ((a.astype(np.int64) << int(a_up)) + (b.astype(np.int64) << int(b_up))).astype(np.int32)


def update(
    master: Array,
    acc: Array,
    multiplier: Array,
    shift: Array,
    key: Array | None = None,
    *,
    most: int,
    rounding: str,
    random_bits: int = 8,
) -> tuple[Array, Array]:
    """clamp(master - round(acc * multiplier / 2**shift), +-most); int32 [changes that became 0, sums that were not]."""
    change = rounded_shift(acc.astype(np.int64) * np.int64(multiplier), int(shift), rounding, key, random_bits)
    change, wanted = np.clip(change, -INT32_MAX, INT32_MAX), acc != 0
    counts = np.array([(wanted & (change == 0)).sum(), wanted.sum()], np.int32)
    return np.clip(master.astype(np.int64) - change, -most, most).astype(master.dtype), counts


def master_view(master: Array, *, fraction_bits: int) -> Array:
    """Half up by the fraction bits, then +-127: int8."""
    return np.clip(rounded_shift(master.astype(np.int64), fraction_bits, "nearest"), -127, 127).astype(np.int8)


def scaled_codes(values: Array, exponent: Array, *, most: int) -> Array:
    """clamp(floor(values / 2**exponent + 1/2), +-most), in float64, as int32."""
    codes = np.floor(values.astype(np.float64) * np.exp2(-np.float64(exponent)) + 0.5)
    return np.clip(codes, -most, most).astype(np.int32)


def real(codes: Array, exponent: Array) -> Array:
    """codes * 2**exponent, float32."""
    return (codes.astype(np.float64) * np.exp2(np.float64(exponent))).astype(np.float32)


# ---- pooling ----


def _windows(x: Array, size: int) -> Array:
    rows, columns = x.shape[1] // size, x.shape[2] // size
    cut = x[:, : rows * size, : columns * size].reshape(len(x), rows, size, columns, size, x.shape[3])
    return cut.transpose(0, 1, 3, 5, 2, 4).reshape(len(x), rows, columns, x.shape[3], size * size)


def max_pool(x: Array, *, size: int) -> tuple[Array, Array]:
    """The largest of each window and its place, row by row, the first of equals; both int8."""
    windows = _windows(x, size)
    return windows.max(axis=-1), windows.argmax(axis=-1).astype(np.int8)


def max_pool_gradient(g: Array, places: Array, *, size: int, extent: Pair) -> Array:
    """Each gradient at the place of its maximum, 0 elsewhere."""
    out = np.zeros((len(g), *extent, g.shape[3]), g.dtype)
    rows, columns = g.shape[1] * size, g.shape[2] * size
    for tap in range(size * size):
        out[:, tap // size : rows : size, tap % size : columns : size] = np.where(places == tap, g, 0)
    return out


def average_pool(x: Array) -> Array:
    """The sum over the pixels: int32 [N, 1, 1, C]."""
    return saturate32(x.astype(np.int64).sum(axis=(1, 2), keepdims=True))


def average_pool_gradient(g: Array, *, extent: Pair) -> Array:
    """g at every pixel, int32."""
    return np.broadcast_to(g.astype(np.int32), (len(g), *extent, g.shape[3])).copy()


def relu_gradient(acc: Array, x: Array) -> Array:
    return np.where(x > 0, acc, 0).astype(acc.dtype)


# ---- the loss ----


def softmax_table(exponent: Array) -> Array:
    """round(65535 * exp(-d * 2**exponent)), d = 0..255, int32; exponents -24..3."""
    scale = 2.0 ** int(np.clip(exponent, *TABLE_EXPONENTS))
    return np.floor(65535 * np.exp(-np.arange(256, dtype=np.float64) * scale) + 0.5).astype(np.int32)


def softmax_gradient(logits: Array, labels: Array, table: Array) -> Array:
    """(softmax - onehot) * 2**15 as int32, of logits [N, 1, 1, classes]."""
    codes = logits.reshape(len(logits), -1).astype(np.int64)
    weights = table.astype(np.int64)[codes.max(axis=1, keepdims=True) - codes]
    total = weights.sum(axis=1, keepdims=True)
    p = ((weights << 15) + (total >> 1)) // total
    onehot = np.arange(codes.shape[1]) == labels[:, None]
    return (p - (onehot.astype(np.int64) << 15)).astype(np.int32).reshape(logits.shape)


def loss(logits: Array, exponent: Array, labels: Array) -> Array:
    """Mean cross entropy: float64, rounded once to float32."""
    z = logits.reshape(len(logits), -1).astype(np.float64) * np.exp2(np.float64(exponent))
    below = z - z.max(axis=1, keepdims=True)
    each = np.log(np.exp(below).sum(axis=1)) - np.take_along_axis(below, labels[:, None], 1)[:, 0]
    return np.asarray(each.mean(), np.float32)


# ---- sums in digits ----


def digits_of(total: Array, count: int) -> Array:
    """int8 [count, C]: ``total`` = sum of digit i times 128**i; the highest saturates beyond 127 * 128**i."""
    rest, found = total.astype(np.int64), []
    for place in range(count - 1, -1, -1):
        digit = np.clip(rounded_shift(rest, DIGIT_BITS * place, "nearest"), -128, 127)
        rest = rest - (digit << (DIGIT_BITS * place))
        found.append(digit.astype(np.int8))
    return np.stack(found[::-1])


def join_digits(digits: Array) -> Array:
    """int32 [C, 1, 1] from digits int8 [count, C]."""
    weights = np.int64(1) << (DIGIT_BITS * np.arange(len(digits), dtype=np.int64))
    return saturate32(weights @ digits.astype(np.int64))[:, None, None]


# ---- operators ----


def _finish(e: Epilogue, acc: Array, rest: Sequence[Array]) -> tuple[Array, ...]:
    """Codes, and the range where there is one, of sums. ``rest``: shift, bound, the key and the mask as they apply."""
    shift, bound, *more = rest
    key = more.pop(0) if e.rounding == "stochastic_indexed" else None
    if e.masked:
        acc = relu_gradient(acc, more.pop(0))
    codes = requantize(
        acc, np.asarray(e.multiplier), shift, bound, key,
        low=e.low, high=e.high, rounding=e.rounding, random_bits=e.random_bits,
    )  # fmt: skip
    return (codes, largest(acc, positive=e.range == "positive")) if e.range else (codes,)


def integer_conv2d(a: IntegerConv2d, x: Array, w: Array, bias: Array, *rest: Array) -> tuple[Array, ...]:
    acc = conv2d(x, w, bias, stride=a.stride, padding=a.padding, groups=a.groups)
    return _finish(a.epilogue, acc, rest)


def gradient_of_input(a: InputGradient, g: Array, w: Array, *rest: Array) -> tuple[Array, ...]:
    acc = input_gradient(g, w, size=a.size, stride=a.stride, padding=a.padding, groups=a.groups)
    return _finish(a.epilogue, acc, rest)


def updated(a: Update, acc: Array, master: Array, shift: Array, key: Array | None = None) -> tuple[Array, ...]:
    new, counts = update(
        master, acc, np.asarray(a.multiplier), shift, key,
        most=a.most, rounding=a.rounding, random_bits=a.random_bits,
    )  # fmt: skip
    return (new, master_view(new, fraction_bits=a.fraction_bits), counts) if a.fraction_bits else (new, counts)


def operator(attributes: Any, *operands: Array) -> tuple[Array, ...]:
    """Results of an operator of training. Raises ValueError for another."""
    match attributes:
        case IntegerConv2d():
            return integer_conv2d(attributes, *operands)
        case InputGradient():
            return gradient_of_input(attributes, *operands)
        case WeightGradient() as w:
            return (weight_gradient(*operands, kernel=w.kernel, stride=w.stride, padding=w.padding, groups=w.groups),)
        case Update():
            return updated(attributes, *operands)
        case ChannelSum():
            return (digits_of(operands[0].astype(np.int64).sum(axis=(0, 1, 2)), attributes.digits),)
        case AlignedSum():
            a, a_up, b, b_up, *rest = operands
            return _finish(attributes.epilogue, aligned_sum(a, a_up, b, b_up), rest)
        case PixelSum():
            return _finish(attributes.epilogue, average_pool(operands[0]), operands[1:])
        case Spread():
            acc = average_pool_gradient(operands[0], extent=attributes.size)
            return _finish(attributes.epilogue, acc, operands[1:])
        case MaxPlaces():
            return max_pool(operands[0], size=attributes.kernel)
        case MaxPoolGradient():
            return (max_pool_gradient(*operands, size=attributes.kernel, extent=attributes.size),)
    raise ValueError(f"no kernel for {type(attributes).__name__}")


_OCTO: dict[str, Callable[..., Any]] = {
    "conv2d": conv2d,
    "conv2d_input_gradient": input_gradient,
    "conv2d_weight_gradient": weight_gradient,
    "bias_gradient": bias_gradient,
    "map_gradient": map_gradient,
    "requantize": requantize,
    "largest": largest,
    "shift_of": shift_of,
    "clipped_range": clipped_range,
    "statistics_range": statistics_range,
    "noise_key": noise_key,
    "sides": sides,
    "clipped_gradient": clipped_gradient,
    "sum_exponent": sum_exponent,
    "aligned_sum": aligned_sum,
    "max_pool": max_pool,
    "max_pool_gradient": max_pool_gradient,
    "average_pool": average_pool,
    "average_pool_gradient": average_pool_gradient,
    "relu_gradient": relu_gradient,
    "softmax_table": softmax_table,
    "softmax_gradient": softmax_gradient,
    "loss": loss,
    "update": update,
    "master_view": master_view,
    "scaled_codes": scaled_codes,
    "real": real,
}
FUNCTIONS: dict[str, Callable[..., Any]] = {
    **{f"octo.{name}": function for name, function in _OCTO.items()},
    "join_digits": join_digits,
}
