"""The table of networks on the RTL of every array size: what counts as agreement, and that the committed one agrees."""

import json
from dataclasses import replace

import pytest

from cosim.validate.arrays import NETWORKS, RESULTS, Row, points, system_of, table
from rtl.bench.job import MEMORY_KINDS

ROW = Row(
    network="kws",
    array=4,
    memory="nominal",
    cycles=1020,
    expected_cycles=1000,
    bytes_different=0,
    counters_different=(),
    error="",
)


@pytest.mark.parametrize(
    ("change", "holds"),
    [
        ({}, True),
        ({"cycles": 1032}, True),
        ({"cycles": 1033}, False),
        ({"cycles": 10_201, "expected_cycles": 10_000}, False),
        ({"cycles": 9_000, "expected_cycles": None}, True),
        ({"bytes_different": 1}, False),
        ({"counters_different": ("macs",)}, False),
        ({"error": "timeout"}, False),
    ],
)
def test_a_row_holds_where_both_contracts_do(change: dict[str, object], holds: bool) -> None:
    assert replace(ROW, **change).holds is holds  # type: ignore[arg-type]


def test_every_point_has_its_array() -> None:
    sizes = {size for size, _ in points()}
    assert sizes == {4, 8, 16, 32} and {memory for _, memory in points()} == set(MEMORY_KINDS)
    for size in sizes:
        accelerator = system_of(size).accelerator
        assert accelerator is not None and (accelerator.array.rows, accelerator.array.columns) == (size, size)


def test_the_committed_table_is_complete_and_agrees() -> None:
    data = json.loads((RESULTS / "arrays.json").read_text())
    assert {(item["network"], item["array"], item["memory"]) for item in data} == {
        (network, *point) for network in NETWORKS for point in points()
    }
    assert all(item.pop("holds") for item in data)
    rows = [Row(**item | {"counters_different": tuple(item["counters_different"])}) for item in data]
    assert (RESULTS / "arrays.md").read_text() == table(rows)
