"""Validation: the comparison's own logic, its errors, and the bounds that this release accepts on published rows."""

from pathlib import Path

import pytest

from accel_models.cpu import tables
from cosim.validate import Comparison, published
from cosim.validate.published import network_cycles

LAYER = {"benchmark": "toy", "op": "CONV_2D", "k_h": "3", "k_w": "3", "macs": "147456"}
LAYER |= dict.fromkeys(("in_h", "in_w", "out_h", "out_w"), "8") | dict.fromkeys(("in_c", "out_c"), "16")


def test_a_comparison_holds_within_its_bound() -> None:
    item = Comparison("x", "cycles", 100, 107, False, 0.08)
    assert item.error == pytest.approx(0.07) and item.holds
    assert not Comparison("x", "cycles", 100, 109, False, 0.08).holds
    assert not Comparison("x", "cycles", 100, 91, False, 0.08).holds


def test_network_cycles_sum_the_layers_of_one_benchmark() -> None:
    other = {**LAYER, "benchmark": "other"}
    softmax = {**LAYER, "op": "SOFTMAX"}
    one = network_cycles([LAYER], "toy", "cortex-m4", "cmsis-nn")
    assert one > 147456
    assert network_cycles([LAYER, other, LAYER, softmax], "toy", "cortex-m4", "cmsis-nn") == 2 * one


def test_a_folder_without_the_tables_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"has no mlperf_tiny_models\.csv"):
        published(tmp_path)


def test_published_rows_within_their_bounds(reference_dir: Path) -> None:
    comparisons = published(reference_dir)
    assert len(comparisons) >= 20
    assert [item.what for item in comparisons if not item.holds] == []
    fitted = set(tables().libraries["cmsis-nn"].fitted) | set(tables().libraries["x-cube-ai"].fitted)
    for item in comparisons:
        if "cortex-m4" in item.what:
            assert item.fitted == any(row in item.what for row in fitted), item.what
