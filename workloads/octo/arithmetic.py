"""The integer arithmetic of training, exactly: rounding, ranges, the loss gradient and the weight update.

Codes are int8, weights and gradients in -127..127, activations in -128..127; a tensor's value is code * 2**exponent.
Accumulators are int32 in +-(2**31 - 1), so that a magnitude always fits. Exponents, shifts and multipliers are int32
tensors without dimensions: data of a step, not constants of its program. Intermediate results are int64.
"""

from collections.abc import Sequence

import torch

NEAREST, PSEUDO, INDEXED = "nearest", "pseudo_stochastic", "stochastic_indexed"
ROUNDINGS = (NEAREST, PSEUDO, INDEXED)
INT32_MAX = 2**31 - 1
CODE_BITS = 8
RANDOM_BITS = 8
MANTISSA_BITS = 15
REACH_BITS = 15
"""Of a sum of two tensors: how far below the larger exponent it can begin."""
IMAGE_ORDER, WEIGHT_ORDER = (0, 2, 3, 1), (2, 3, 1, 0)
"""Axes as memory holds them, slowest first: (n, rows, columns, channels) and (k, l, channels in, channels out)."""
LOSS_EXPONENT = -15
MOST_SHIFT = 62
BETA_BITS, BETA = 8, 243
"""Fixed range clipping keeps 243/256 = 0.949 of the largest magnitude."""
CONFIDENCE = 2.576
"""Statistics clipping keeps |mean| + 2.576 standard deviations."""
TABLE_EXPONENTS = (-24, 3)
_WORD = 0xFFFFFFFF
_STATISTICS_BITS = 15


def saturate32(exact: torch.Tensor) -> torch.Tensor:
    """Integers of any type, float64 included, to int32: beyond +-(2**31 - 1) they stay there, and never wrap."""
    return exact.clamp(-INT32_MAX, INT32_MAX).to(torch.int32)


def mix(word: torch.Tensor) -> torch.Tensor:
    """Bob Jenkins' integer hash (public domain) of the low 32 bits, as int64 in 0..2**32 - 1: adds, xors and shifts."""
    a = word.to(torch.int64) & _WORD
    a = (a + 0x7ED55D16 + (a << 12)) & _WORD
    a = (a ^ 0xC761C23C) ^ (a >> 19)
    a = (a + 0x165667B1 + (a << 5)) & _WORD
    a = ((a + 0xD3A2646C) ^ (a << 9)) & _WORD
    a = (a + 0xFD7046C5 + (a << 3)) & _WORD
    return (a ^ 0xB55A4F09) ^ (a >> 16)


def noise_key(step: torch.Tensor, seed: torch.Tensor, tensor: int) -> torch.Tensor:
    """mix(seed + mix(tensor + mix(step))) as int32: the key of one tensor's noise in one step."""
    key = mix(seed + mix(tensor + mix(step)))
    return torch.where(key > INT32_MAX, key - 2**32, key).to(torch.int32)


def noise(key: torch.Tensor, shape: torch.Size, bits: int, order: Sequence[int] | None = None) -> torch.Tensor:
    """The top `bits` of mix(index + key), per element: a part that begins at index i has the key key + i.

    The index counts elements as memory holds them: axes in `order`, slowest first (None: as they are).
    """
    axes = range(len(shape)) if order is None else order
    index = torch.arange(shape.numel(), dtype=torch.int64).reshape([shape[axis] for axis in axes])
    placed = index.permute([list(axes).index(axis) for axis in range(len(shape))])
    return mix(placed + key) >> (32 - bits)


def rounded_shift(
    product: torch.Tensor,
    shift: torch.Tensor,
    rounding: str,
    key: torch.Tensor,
    random_bits: int = RANDOM_BITS,
    order: Sequence[int] | None = None,
) -> torch.Tensor:
    """int64 `product` / 2**shift, rounded; shift in 0..62, |product| < 2**62.

    nearest: half up. pseudo_stochastic, of the magnitude: up when the upper half of the bits shifted out is larger than
    the lower half (with an odd count the middle bit is in neither); one bit alone: half to even. Of the value itself,
    floor first, -1 would always become a whole unit and 1 never. stochastic_indexed: a random number below one unit of
    the result is added first; r of `random_bits` bits stands for the middle of its interval, (2r + 1) / 2. `order` is
    that of the noise.
    """
    shift = shift.to(torch.int64)
    one = torch.ones_like(shift)
    if rounding == NEAREST:
        return (product + ((one << shift) >> 1)) >> shift
    if rounding == INDEXED:
        random, surplus = noise(key, product.shape, random_bits, order), shift - (random_bits + 1)
        fine = (2 * random + 1) << surplus.clamp(min=0)
        coarse = random >> (random_bits - shift).clamp(min=0)
        return (product + torch.where(surplus >= 0, fine, coarse)) >> shift
    if rounding != PSEUDO:
        raise ValueError(f"rounding is {rounding!r}, want one of {', '.join(ROUNDINGS)}")
    magnitude = product.abs()
    floor = magnitude >> shift
    rest, half = magnitude - (floor << shift), shift >> 1
    up = (rest >> (shift - half)) > (rest & ((one << half) - 1))
    rounded = floor + torch.where(shift == 1, (rest & floor) == 1, up)
    return torch.where(product < 0, -rounded, rounded)


def requantize(
    acc: torch.Tensor,
    multiplier: torch.Tensor,
    shift: torch.Tensor,
    bound: torch.Tensor,
    low: int,
    high: int,
    rounding: str,
    key: torch.Tensor,
    random_bits: int = RANDOM_BITS,
) -> torch.Tensor:
    """int32 -> int8: clamp(round(clip(acc, +-bound) * multiplier / 2**shift), low, high)."""
    clipped = torch.clamp(acc.to(torch.int64), -bound.to(torch.int64), bound.to(torch.int64))
    order = IMAGE_ORDER if acc.dim() == 4 else None
    return rounded_shift(clipped * multiplier, shift, rounding, key, random_bits, order).clamp(low, high).to(torch.int8)


def largest(acc: torch.Tensor, positive: bool) -> torch.Tensor:
    """The largest magnitude, int32; with `positive` that of what a ReLU leaves. 0 for a tensor of zeros."""
    top = acc.max().clamp(min=0)
    return top.clone() if positive else torch.maximum(top, -acc.min())


def bit_length(value: torch.Tensor) -> torch.Tensor:
    """Bits of a value in 0..2**31 - 1, int32; 0 has none."""
    return ((value.to(torch.int64) >> torch.arange(31)) > 0).sum().to(torch.int32)


def shift_of(bound: torch.Tensor, bits: int = CODE_BITS) -> torch.Tensor:
    """The shift that brings magnitudes up to `bound` into signed codes of `bits`: max(0, bit_length - (bits - 1))."""
    return (bit_length(bound) - (bits - 1)).clamp(min=0)


def clipped_range(largest_magnitude: torch.Tensor, beta: torch.Tensor) -> torch.Tensor:
    """(largest * beta) >> 8: the bound of parametrised range clipping; beta in 1..256, int32."""
    return ((largest_magnitude.to(torch.int64) * beta) >> BETA_BITS).to(torch.int32)


def statistics_range(acc: torch.Tensor, positive: bool) -> torch.Tensor:
    """min(largest, floor(|mean| + 2.576 * standard deviation)), int32.

    The sums are exact over magnitudes shifted down to 15 bits; the last steps are float64 on two numbers.
    """
    top = largest(acc, positive)
    surplus = (bit_length(top) - _STATISTICS_BITS).clamp(min=0)
    small = (acc.clamp(min=0) if positive else acc).to(torch.int64) >> surplus
    mean = small.sum().to(torch.float64) / acc.numel()
    variance = (small * small).sum().to(torch.float64) / acc.numel() - mean * mean
    wide = torch.floor((mean.abs() + CONFIDENCE * variance.clamp(min=0).sqrt()) * (1 << surplus))
    return torch.minimum(top, saturate32(wide))


def sides(acc: torch.Tensor, bound: torch.Tensor) -> torch.Tensor:
    """Where clipping acts: 1 above the bound, -1 below minus the bound, else 0; int8."""
    return (acc > bound).to(torch.int8) - (acc < -bound).to(torch.int8)


def sum_exponent(a_exponent: torch.Tensor, b_exponent: torch.Tensor) -> torch.Tensor:
    """The exponent of a sum of two tensors: the smaller one, but at most 15 below the larger."""
    return torch.maximum(torch.minimum(a_exponent, b_exponent), torch.maximum(a_exponent, b_exponent) - REACH_BITS)


def aligned_sum(a: torch.Tensor, a_up: torch.Tensor, b: torch.Tensor, b_up: torch.Tensor) -> torch.Tensor:
    """(a << a_up) + (b << b_up) of two int8 tensors as int32; shifts of 0..15.

    Each shift is the tensor's exponent less that of the sum, and 0 where that is negative: a tensor that lies more than
    15 powers of two below the other one counts as if it lay 15 below, at most 2**-8 of a unit of the other.
    """
    wide = (a.to(torch.int64) << a_up.to(torch.int64)) + (b.to(torch.int64) << b_up.to(torch.int64))
    return wide.to(torch.int32)


def reciprocal(count: int) -> tuple[int, int, int]:
    """(m, extra, down) with 1/count = m * 2**-(extra + down): (1, 0, log2) for a power of two, else m of 15 bits, half
    up, and extra = 15, so that m * 2**-extra is in 0.5..1."""
    if not 0 < count < 1 << 24:
        raise ValueError(f"count is {count}, want 1..2**24 - 1")
    bits = (count - 1).bit_length()
    if count == 1 << bits:
        return 1, 0, bits
    t = MANTISSA_BITS - 1 + bits
    return (2 * (1 << t) + count) // (2 * count), MANTISSA_BITS, t - MANTISSA_BITS


def softmax_table(exponent: torch.Tensor) -> torch.Tensor:
    """The row round(65535 * exp(-d * 2**exponent)), d = 0..255, int32, of a constant stack: exponents -24..3."""
    low, high = TABLE_EXPONENTS
    rows = torch.arange(low, high + 1, dtype=torch.float64)[:, None]
    stack = torch.floor(65535 * torch.exp(-torch.arange(256, dtype=torch.float64) * torch.exp2(rows)) + 0.5)
    return stack.to(torch.int32)[(exponent.clamp(low, high) - low).to(torch.int64)]


def softmax_gradient(logits: torch.Tensor, labels: torch.Tensor, table: torch.Tensor) -> torch.Tensor:
    """(softmax - onehot) * 2**15 as int32 (n, classes, 1, 1): e = table[max - q], p = (e * 2**15 + S/2) // S."""
    codes = logits.flatten(1).to(torch.int64)
    weights = table.to(torch.int64)[codes.max(dim=1, keepdim=True).values - codes]
    total = weights.sum(dim=1, keepdim=True)
    p = ((weights << -LOSS_EXPONENT) + (total >> 1)) // total
    onehot = torch.arange(codes.shape[1]) == labels[:, None]
    return (p - (onehot.to(torch.int64) << -LOSS_EXPONENT)).to(torch.int32).reshape(logits.shape)


def rate(learning_rate: float) -> tuple[int, int]:
    """(m, k) with learning_rate = m * 2**-k, m of 15 bits, half up; (0, 0) for 0."""
    if not 0 <= learning_rate < 2.0**15:
        raise ValueError(f"learning rate is {learning_rate}, want 0 or more, and below 32768")
    if learning_rate == 0:
        return 0, 0
    k = 0
    while learning_rate * 2.0**k < 1 << (MANTISSA_BITS - 1):
        k += 1
    mantissa = int(learning_rate * 2.0**k + 0.5)
    return (mantissa, k) if mantissa < 1 << MANTISSA_BITS else (mantissa >> 1, k - 1)


def update(
    acc: torch.Tensor,
    multiplier: torch.Tensor,
    shift: torch.Tensor,
    rounding: str,
    key: torch.Tensor,
    random_bits: int = RANDOM_BITS,
) -> torch.Tensor:
    """round(acc * multiplier / 2**shift) as int32, saturated: what is taken from the master weights."""
    order = WEIGHT_ORDER if acc.dim() == 4 else None
    return saturate32(rounded_shift(acc.to(torch.int64) * multiplier, shift, rounding, key, random_bits, order))


def applied(master: torch.Tensor, change: torch.Tensor, most: int) -> torch.Tensor:
    """clamp(master - change, +-most), in the master's type."""
    return (master.to(torch.int64) - change).clamp(-most, most).to(master.dtype)


def master_view(master: torch.Tensor, fraction_bits: int) -> torch.Tensor:
    """The int8 weights of an integer master: half up by its fraction bits, then +-127."""
    down = torch.tensor(fraction_bits)
    return rounded_shift(master.to(torch.int64), down, NEAREST, down).clamp(-127, 127).to(torch.int8)


def scaled_codes(values: torch.Tensor, exponent: torch.Tensor, most: int) -> torch.Tensor:
    """clamp(floor(values / 2**exponent + 1/2), +-most) of floats, in float64, as int32."""
    codes = torch.floor(values.to(torch.float64) * torch.exp2(-exponent.to(torch.float64)) + 0.5)
    return codes.clamp(-most, most).to(torch.int32)


def real(codes: torch.Tensor, exponent: torch.Tensor) -> torch.Tensor:
    """codes * 2**exponent, float32."""
    return (codes.to(torch.float64) * torch.exp2(exponent.to(torch.float64))).to(torch.float32)
