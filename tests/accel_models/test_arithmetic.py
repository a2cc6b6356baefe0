"""Every rounding against exact rationals and against gemmlowp's published formulas."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accel_models import arithmetic
from accel_models.arithmetic import Rounding

INT32 = st.integers(-(2**31), 2**31 - 1)
MULTIPLIER = st.integers(0, 2**31 - 1)
SHIFT = st.integers(arithmetic.MIN_SHIFT, arithmetic.MAX_SHIFT)
CORNERS = [-(2**31), -(2**31) + 1, -(2**30), -3, -2, -1, 0, 1, 2, 3, 2**30, 2**31 - 1]


def half_up(value: Fraction) -> int:
    return math.floor(value + Fraction(1, 2))


@given(INT32, MULTIPLIER, SHIFT)
def test_single_scaling_is_one_half_up_rounding(acc: int, multiplier: int, shift: int) -> None:
    assert arithmetic.scale_single(acc, multiplier, shift) == half_up(Fraction(acc * multiplier, 2**shift))


def test_single_scaling_at_corners_and_ties() -> None:
    for acc in CORNERS:
        for multiplier in (0, 1, 3, 1 << 30, (1 << 30) + 1, (1 << 31) - 1):
            for shift in (1, 2, 30, 31, 32, 61, 62):
                exact = half_up(Fraction(acc * multiplier, 2**shift))
                assert arithmetic.scale_single(acc, multiplier, shift) == exact, (acc, multiplier, shift)
    assert arithmetic.scale_single([-3, -1, 1, 3], 1, 1).tolist() == [-1, 0, 1, 2]  # ties go up, negative ones too


def gemmlowp(acc: int, multiplier: int, exponent: int) -> int:
    """MultiplyByQuantizedMultiplier: SaturatingRoundingDoublingHighMul, then RoundingDivideByPOT (gemmlowp)."""
    left, right = max(exponent, 0), max(-exponent, 0)
    a = (acc << left) & 0xFFFFFFFF
    a -= (a & 0x80000000) << 1
    product = a * multiplier
    nudge = (1 << 30) if product >= 0 else 1 - (1 << 30)
    doubled = product + nudge
    high = abs(doubled) // 2**31 * (1 if doubled >= 0 else -1)  # C division truncates towards zero
    mask = (1 << right) - 1
    return (high >> right) + int((high & mask) > (mask >> 1) + (high < 0))


@given(INT32, MULTIPLIER, SHIFT)
def test_double_scaling_is_gemmlowps(acc: int, multiplier: int, shift: int) -> None:
    assert arithmetic.scale_double(acc, multiplier, shift) == gemmlowp(acc, multiplier, 31 - shift)


def test_double_scaling_at_corners() -> None:
    for acc in CORNERS:
        for multiplier in (0, 1, 1 << 30, (1 << 30) + 1, (1 << 31) - 1):
            for shift in (1, 15, 30, 31, 32, 40, 62):
                assert arithmetic.scale_double(acc, multiplier, shift) == gemmlowp(acc, multiplier, 31 - shift)


def test_the_two_roundings_differ_where_they_should() -> None:
    assert arithmetic.scale_single(-3, 1 << 30, 31) == -1  # -1.5 goes up
    assert arithmetic.scale_double(-3, 1 << 30, 32) == gemmlowp(-3, 1 << 30, -1)
    acc = np.random.default_rng(1).integers(-(2**16), 2**16, 100_000)
    single, double = (arithmetic.scale(acc, 1 << 30, 34, mode) for mode in (False, True))
    assert 0.02 < (single != double).mean() < 0.08  # half of the negative ties at four bits of shift


@given(st.floats(2.0**-30, 2.0**29), st.sampled_from([16, 31]))
def test_multiplier_is_the_nearest_of_its_width(real: float, bits: int) -> None:
    multiplier, shift = arithmetic.quantize_multiplier(real, bits)
    significant = 31 if bits == 31 else 15
    assert 1 << 30 <= multiplier < 1 << 31
    assert multiplier % (1 << (31 - significant)) == 0
    error = abs(Fraction(multiplier, 2**shift) - Fraction(real)) / Fraction(real)
    assert error <= Fraction(1, 2**significant)  # half a unit of the last of `significant` bits, value at least a half


def test_multiplier_corners() -> None:
    assert arithmetic.quantize_multiplier(0.0) == (0, 31)
    assert arithmetic.quantize_multiplier(1.0) == arithmetic.IDENTITY
    assert arithmetic.quantize_multiplier(1 - 2.0**-40) == arithmetic.IDENTITY  # rounds up into the next binade
    assert arithmetic.quantize_multiplier(2.0**-40) == (0, 31)
    for real, bits in ((-0.5, 31), (2.0**30, 31), (math.nan, 31), (math.inf, 31), (0.5, 8)):
        with pytest.raises(ValueError, match="want a factor"):
            arithmetic.quantize_multiplier(real, bits)


@given(st.integers(-(2**31), 2**31 - 1))
def test_identity_changes_nothing_that_fits(acc: int) -> None:
    assert arithmetic.scale_single(acc, *arithmetic.IDENTITY) == acc
    if -(2**30) <= acc < 2**30:  # the double rounding shifts left by one bit first
        assert arithmetic.scale_double(acc, *arithmetic.IDENTITY) == acc


CODE = st.integers(-128, 127)


@given(
    CODE, CODE, CODE, CODE, CODE, st.floats(2.0**-12, 2.0**6), st.floats(2.0**-12, 2.0**6), st.sampled_from([16, 31])
)
def test_rescaled_add_is_one_rounding_of_the_exact_sum(
    a: int, b: int, zero_a: int, zero_b: int, zero_point: int, real_a: float, real_b: float, bits: int
) -> None:
    multiplier_a, multiplier_b, shift = arithmetic.add_multipliers(real_a, real_b, bits)
    exact = Fraction((a - zero_a) * multiplier_a + (b - zero_b) * multiplier_b, 2**shift)
    got = arithmetic.rescaled_add(a, zero_a, multiplier_a, b, zero_b, multiplier_b, shift, zero_point, -100, 100)
    assert got == min(max(half_up(exact) + zero_point, -100), 100)
    wanted = (a - zero_a) * Fraction(real_a) + (b - zero_b) * Fraction(real_b)
    assert abs(exact - wanted) <= 512 * Fraction(max(real_a, real_b)) / 2 ** (31 if bits == 31 else 15)


def test_add_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="addend"):
        arithmetic.add_multipliers(0.0, 0.0)


@given(st.lists(INT32, min_size=1, max_size=8), MULTIPLIER, SHIFT, CODE, st.booleans())
def test_requantize_clamps_after_the_zero_point(
    acc: list[int], multiplier: int, shift: int, zero_point: int, double: bool
) -> None:
    got = arithmetic.requantize(acc, multiplier, shift, zero_point, -100, 90, double)
    scaled = [int(arithmetic.scale(value, multiplier, shift, double)) for value in acc]
    assert got.dtype == np.int8
    assert got.tolist() == [min(max(value + zero_point, -100), 90) for value in scaled]


def test_requantize_broadcasts_factors_over_the_last_axis() -> None:
    acc = np.arange(-6, 6).reshape(2, 2, 3) * 100
    multiplier, shift = np.array([1 << 30, 3 << 29, 1 << 30]), np.array([31, 33, 40])
    got = arithmetic.requantize(acc, multiplier, shift, 3, -128, 127)
    for channel in range(3):
        alone = arithmetic.requantize(acc[..., channel], int(multiplier[channel]), int(shift[channel]), 3, -128, 127)
        np.testing.assert_array_equal(got[..., channel], alone)


@given(st.integers(-(2**40), 2**40))
def test_wrap32_is_twos_complement(value: int) -> None:
    assert arithmetic.wrap32(value) == (value + 2**31) % 2**32 - 2**31


@given(st.integers(-(2**31) + 1, 2**31 - 1), st.integers(0, 2**31 - 1), st.integers(0, 62))
def test_training_rounds_as_the_workload_does(acc: int, multiplier: int, shift: int) -> None:
    torch = pytest.importorskip("torch")
    octo = pytest.importorskip("workloads.octo.arithmetic")
    product, by = torch.tensor(acc * multiplier), torch.tensor(shift)
    for rounding, name in ((Rounding.HALF_UP, octo.NEAREST), (Rounding.PSEUDO_STOCHASTIC, octo.PSEUDO)):
        wanted = octo.rounded_shift(product, by, name, torch.tensor(0))
        assert arithmetic.rounded_shift(acc * multiplier, shift, rounding) == wanted


@given(st.integers(-(2**31) + 1, 2**31 - 1), st.integers(0, 2**31 - 1), st.integers(0, 62), st.integers(1, 16))
def test_indexed_noise_is_the_workloads(acc: int, multiplier: int, shift: int, bits: int) -> None:
    torch = pytest.importorskip("torch")
    octo = pytest.importorskip("workloads.octo.arithmetic")
    key, product = acc ^ 0x1234567, torch.full((7,), acc * multiplier)
    wanted = octo.rounded_shift(product, torch.tensor(shift), octo.INDEXED, torch.tensor(key), bits)
    random = arithmetic.noise(np.arange(7), key, bits)
    assert (arithmetic.indexed_shift(acc * multiplier, shift, random, bits) == wanted.numpy()).all()


@given(st.integers(-128, 127), st.integers(-16, 15))
def test_a_code_is_moved_half_up(code: int, up: int) -> None:
    assert arithmetic.moved(code, up) == half_up(Fraction(code) * Fraction(2) ** up)


@given(st.integers(-(2**15), 2**15 - 1), st.integers(-(2**31), 2**31), st.integers(0, 2**15 - 1), st.integers(0, 15))
def test_masters_are_updated_and_seen_as_the_workload_does(master: int, change: int, most: int, bits: int) -> None:
    torch = pytest.importorskip("torch")
    octo = pytest.importorskip("workloads.octo.arithmetic")
    wanted = octo.applied(torch.tensor(master, dtype=torch.int16), torch.tensor(change), most)
    new = arithmetic.updated(master, change, most)
    assert new == wanted and arithmetic.master_view(new, bits) == octo.master_view(wanted, bits)
