"""Every integer function equals its definition in Python's own integers."""

import math
from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from workloads.octo import arithmetic as a
from workloads.octo.scales import sum_of

INT32 = st.integers(-(2**31) + 1, 2**31 - 1)
SHIFTS = st.integers(0, 62)
PRODUCTS = st.integers(-(2**62) + 1, 2**62 - 1)
few = settings(max_examples=150, deadline=None)


def i32(value: int) -> torch.Tensor:
    return torch.tensor(value, dtype=torch.int32)


def i64(*values: int) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.int64)


def mix(word: int) -> int:
    most = 2**32 - 1
    x = word & most
    x = (x + 0x7ED55D16 + (x << 12)) & most
    x = (x ^ 0xC761C23C) ^ (x >> 19)
    x = (x + 0x165667B1 + (x << 5)) & most
    x = ((x + 0xD3A2646C) ^ (x << 9)) & most
    x = (x + 0xFD7046C5 + (x << 3)) & most
    return (x ^ 0xB55A4F09) ^ (x >> 16)


def shifted(p: int, s: int, rounding: str, key: int = 0, index: int = 0, bits: int = 8) -> int:
    if rounding == a.NEAREST:
        return (p + (1 << (s - 1))) >> s if s else p
    if rounding == a.INDEXED:
        r = mix(index + key) >> (32 - bits)
        return (p + (((2 * r + 1) << (s - bits - 1)) if s > bits else r >> (bits - s))) >> s
    sign, q, h = -1 if p < 0 else 1, abs(p) >> s, s >> 1
    d = abs(p) - (q << s)
    up = d and q & 1 if s == 1 else (d >> (s - h)) > (d & ((1 << h) - 1))
    return sign * (q + int(up))


@few
@given(st.lists(PRODUCTS, min_size=1, max_size=5), SHIFTS, st.sampled_from(a.ROUNDINGS), INT32, st.integers(1, 16))
def test_rounding(products: list[int], shift: int, rounding: str, key: int, bits: int) -> None:
    found = a.rounded_shift(i64(*products), i32(shift), rounding, i32(key), bits)
    assert found.tolist() == [shifted(p, shift, rounding, key, i, bits) for i, p in enumerate(products)]


@few
@given(INT32, st.integers(0, 2**31 - 1), SHIFTS, st.integers(0, 2**31 - 1), st.booleans())
def test_requantize_clips_scales_and_clamps(acc: int, multiplier: int, shift: int, bound: int, relu: bool) -> None:
    low = 0 if relu else -128
    found = a.requantize(i32(acc)[None], i32(multiplier), i32(shift), i32(bound), low, 127, a.NEAREST, i32(0))
    exact = shifted(max(-bound, min(bound, acc)) * multiplier, shift, a.NEAREST)
    assert found.dtype == torch.int8 and found.tolist() == [max(low, min(127, exact))]


@few
@given(st.lists(INT32, min_size=1, max_size=20), st.integers(3, 8), st.integers(1, 256))
def test_ranges(values: list[int], bits: int, beta: int) -> None:
    acc = torch.tensor(values, dtype=torch.int32)
    most = max(map(abs, values))
    assert a.largest(acc, False).item() == most
    assert a.largest(acc, True).item() == max(0, *values, 0)
    bound = a.clipped_range(i32(most), i32(beta)).item()
    assert bound == (most * beta) >> 8
    assert a.shift_of(i32(bound), bits).item() == max(0, bound.bit_length() - bits + 1)


@few
@given(st.integers(-128, 127), st.integers(-40, 40), st.integers(-128, 127), st.integers(-40, 40))
def test_an_aligned_sum_is_exact_within_reach(x: int, x_exponent: int, y: int, y_exponent: int) -> None:
    pairs = ((x, x_exponent), (y, y_exponent))
    (found,), exponent = sum_of(*((torch.tensor([c], dtype=torch.int8), i32(e)) for c, e in pairs))
    unit, most = Fraction(2) ** exponent.item(), Fraction(2) ** max(x_exponent, y_exponent)
    exact = x * Fraction(2) ** x_exponent + y * Fraction(2) ** y_exponent
    assert abs(found.item()) <= 2**23
    if abs(x_exponent - y_exponent) <= 15:
        assert found.item() * unit == exact
    assert abs(found.item() * unit - exact) <= most / 2**8


@given(st.integers(1, 2**24 - 1))
def test_a_reciprocal_has_15_bits(count: int) -> None:
    m, extra, down = a.reciprocal(count)
    found = Fraction(m, 1 << (extra + down))
    assert abs(found * count - 1) <= Fraction(1, 2**14) and extra + 1 >= m.bit_length() > extra - 1
    if count & (count - 1) == 0:
        assert found * count == 1 and m == 1


@few
@given(st.lists(st.integers(-128, 127), min_size=2, max_size=12), st.integers(-12, 1), st.data())
def test_the_loss_gradient(logits: list[int], exponent: int, data: st.DataObject) -> None:
    label = data.draw(st.integers(0, len(logits) - 1))
    table = a.softmax_table(i32(exponent))
    want = [math.floor(65535 * math.exp(-d * 2.0**exponent) + 0.5) for d in range(256)]
    assert table.tolist() == want
    codes = torch.tensor([logits], dtype=torch.int8)[..., None, None]
    found = a.softmax_gradient(codes, torch.tensor([label]), table).flatten().tolist()
    e = [want[max(logits) - q] for q in logits]
    exact = [((v << 15) + sum(e) // 2) // sum(e) - (i == label) * 2**15 for i, v in enumerate(e)]
    assert found == exact and abs(sum(exact)) <= len(exact)


@few
@given(st.integers(-(2**31) + 1, 2**31 - 1), st.floats(2.0**-30, 2.0**14), st.integers(-30, 10))
def test_an_update_is_learning_rate_times_gradient(acc: int, learning_rate: float, exponent: int) -> None:
    mantissa, k = a.rate(learning_rate)
    assert 2**14 <= mantissa < 2**15 and abs(mantissa / 2.0**k - learning_rate) <= learning_rate * 2**-15
    shift = max(0, min(62, k - exponent))
    found = a.update(i32(acc)[None], i32(mantissa), i32(shift), a.NEAREST, i32(0))
    exact = shifted(acc * mantissa, shift, a.NEAREST)
    assert found.item() == max(-(2**31) + 1, min(2**31 - 1, exact))


@few
@given(st.integers(-32767, 32767), st.sampled_from([0, 2, 4, 8]), INT32)
def test_masters(master: int, bits: int, change: int) -> None:
    most = (1 << (7 + bits)) - 1
    held = torch.tensor([max(-most, min(most, master))], dtype=torch.int16)
    assert a.applied(held, i32(change), most).item() == max(-most, min(most, held.item() - change))
    assert a.master_view(held, bits).item() == max(-127, min(127, shifted(held.item(), bits, a.NEAREST)))


@pytest.mark.parametrize("rounding", a.ROUNDINGS)
@pytest.mark.parametrize("shift", [6, 9, 12])
def test_rounding_is_unbiased(rounding: str, shift: int) -> None:
    """Over all that can be shifted out; pseudo-stochastic falls short by at most one lower half in two."""
    for first in (-(8 << shift), 0):  # both signs, and one of them alone
        products = torch.arange(first, 8 << shift, dtype=torch.int64)
        error = a.rounded_shift(products, i32(shift), rounding, i32(99)).to(torch.float64) - products / 2.0**shift
        bound = {a.NEAREST: 2.0**-shift, a.PSEUDO: 2.0 ** -(shift // 2), a.INDEXED: 4 / math.sqrt(len(products))}
        assert abs(float(error.mean())) <= bound[rounding] and float(error.abs().max()) <= 1


@given(PRODUCTS, SHIFTS)
def test_pseudo_stochastic_treats_both_signs_alike(product: int, shift: int) -> None:
    up, down = a.rounded_shift(i64(product, -product), i32(shift), a.PSEUDO, i32(0)).tolist()
    assert up == -down


def test_pseudo_stochastic_depends_on_the_value_alone() -> None:
    values = torch.randint(-(2**30), 2**30, (500,), generator=torch.Generator().manual_seed(1))
    order = torch.randperm(500, generator=torch.Generator().manual_seed(2))
    once = a.rounded_shift(values, i32(11), a.PSEUDO, i32(1))
    again = a.rounded_shift(values[order], i32(11), a.PSEUDO, i32(7))
    assert torch.equal(once[order], again)


@pytest.mark.parametrize("order", [a.IMAGE_ORDER, a.WEIGHT_ORDER])
def test_noise_counts_elements_as_memory_holds_them(order: tuple[int, ...]) -> None:
    shape = torch.Size([3, 5, 2, 4])
    found = a.noise(i32(9), shape, 16, order)
    assert torch.equal(found.permute(order).flatten(), a.noise(i32(9), torch.Size([120]), 16))
    acc = torch.randint(-(2**20), 2**20, shape, dtype=torch.int32, generator=torch.Generator().manual_seed(5))
    stored, numbers = acc.permute(order), (i32(1), i32(13))
    if order == a.IMAGE_ORDER:
        whole = a.requantize(acc, *numbers, i32(2**31 - 1), -127, 127, a.INDEXED, i32(9))
        flat = a.requantize(stored.flatten(), *numbers, i32(2**31 - 1), -127, 127, a.INDEXED, i32(9))
    else:
        whole = a.update(acc, *numbers, a.INDEXED, i32(9))
        flat = a.update(stored.flatten(), *numbers, a.INDEXED, i32(9))
    assert torch.equal(whole.permute(order).flatten(), flat)


@pytest.mark.parametrize("parts", [1, 3, 7, 64])
def test_noise_does_not_depend_on_how_a_tensor_is_split(parts: int) -> None:
    values = torch.randint(-(2**30), 2**30, (1000,), generator=torch.Generator().manual_seed(3))
    key = a.noise_key(i32(12), i32(3), 5)
    whole = a.rounded_shift(values, i32(13), a.INDEXED, key)
    begin, found = 0, []
    for part in values.tensor_split(parts):
        found.append(a.rounded_shift(part, i32(13), a.INDEXED, key + begin))
        begin += len(part)
    assert torch.equal(whole, torch.cat(found))
    assert not torch.equal(whole, a.rounded_shift(values, i32(13), a.INDEXED, a.noise_key(i32(13), i32(3), 5)))


def test_noise_is_uniform_and_keys_follow_their_definition() -> None:
    counts = torch.bincount(a.noise(i32(77), torch.Size([65536]), 4), minlength=16)
    assert counts.min() > 3800 and counts.max() < 4400
    key = mix(3 + mix(5 + mix(12)))
    assert a.noise_key(i32(12), i32(3), 5).item() == (key - 2**32 if key >= 2**31 else key)


def test_the_statistics_range() -> None:
    acc = torch.randint(-(2**27), 2**27, (4000,), dtype=torch.int32, generator=torch.Generator().manual_seed(4))
    acc[0] = 2**30
    want = abs(acc.double().mean()) + 2.576 * acc.double().std()
    assert a.statistics_range(acc, False).item() == pytest.approx(float(want), rel=2e-3)
    assert a.statistics_range(torch.zeros(9, dtype=torch.int32), False).item() == 0


def test_sums_saturate_and_never_wrap() -> None:
    assert a.saturate32(i64(2**40, -(2**40), 5)).tolist() == [2**31 - 1, -(2**31) + 1, 5]


@pytest.mark.parametrize(
    ("call", "message"), [(lambda: a.rate(-1.0), "learning rate"), (lambda: a.reciprocal(0), "count")]
)
def test_numbers_out_of_range_are_refused(call: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()  # type: ignore[operator]
    with pytest.raises(ValueError, match="rounding is 'up'"):
        a.rounded_shift(i64(1), i32(1), "up", i32(0))
