"""Numbers as text: significant digits, steps of units, edges between them."""

import pytest

from reports import units


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.26012, "0.2601"), (12.5, "12.5"), (52025, "52,025"), (999.96, "1,000"), (-0.00012344, "-0.0001234")],
)
def test_digits_keeps_four_and_never_uses_powers_of_ten(value: float, text: str) -> None:
    assert units.digits(value) == text


@pytest.mark.parametrize(
    ("function", "value", "text"),
    [
        (units.size, 1023, "1,023 B"),
        (units.size, 1024, "1 KiB"),
        (units.size, 3 << 20, "3 MiB"),
        (units.duration, 1707.135, "1.707 s"),
        (units.duration, 0.260125, "260.1 µs"),
        (units.duration, 5e-6, "5 ns"),
        (units.energy, 7.798, "7.798 µJ"),
        (units.energy, 5113.0, "5.113 mJ"),
        (units.energy, 0.0002697, "269.7 pJ"),
    ],
)
def test_units_change_at_their_steps(function: object, value: float, text: str) -> None:
    assert callable(function)
    assert function(value) == text


def test_counts_and_shares() -> None:
    assert units.count(12_501_632, "MACs") == "12.5 M MACs"
    assert units.count(9_999, "MACs") == "9,999 MACs"
    assert units.share(1, 3) == "33.3 %"
    assert units.share(0, 0) == "–"


def test_a_shortened_name_keeps_its_end() -> None:
    short = units.shorten("features.block7.depthwise.conv", 16)
    assert len(short) == 16 and short.endswith("thwise.conv"[-10:]) and short.startswith("featu")
    assert units.shorten("conv", 16) == "conv"
