"""The benchmark's bookkeeping: ratios, bounds, files. Speed itself is recorded, not tested."""

import json
from pathlib import Path

import pytest

from reports import bench


def job(seconds: list[float], limit: float, items: int = 0) -> bench._Job:
    times = iter(seconds)
    return bench._Job("job", lambda: next(times), "python loop", limit, len(seconds), items)


def test_the_best_repetition_counts_and_stands_beside_its_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "own_seconds", lambda work: 0.02)
    found = bench.measure(job([0.5, 0.25, 0.75], 0.3))
    assert (found.value, found.seconds, found.unit, found.reached) == (0.25, 0.25, "s", True)
    assert found.ratio == pytest.approx(12.5) and found.repeats == 3
    assert not bench.measure(job([0.5], 0.3)).reached


def test_a_rate_is_items_over_seconds_and_its_bound_is_a_floor() -> None:
    found = bench.measure(job([2.0, 0.5], 100, items=64))
    assert found.value == 128 and found.reached and found.wanted == "at least 100"
    assert not bench.measure(job([2.0], 100, items=64)).reached


def test_both_files_hold_every_measurement(tmp_path: Path) -> None:
    found = [bench.measure(job([0.25], 0.3)), bench.measure(job([1.0], 100, items=64))]
    bench.write(found, tmp_path)
    data = json.loads((tmp_path / "speed.json").read_text())
    assert [item["value"] for item in data["measurements"]] == [0.25, 64.0]
    rows = [line for line in (tmp_path / "speed.md").read_text().splitlines() if line.startswith("| job")]
    assert "| 0.25 s | at most 0.3 | yes |" in rows[0] and "| 64 images/s per core | at least 100 | no |" in rows[1]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["speed.json", "speed.md"]


def test_references_take_time_and_a_child_that_fails_is_an_error() -> None:
    assert bench.own_seconds(bench.python_loop) > 1e-4
    assert bench.own_seconds(bench.matrix_products) > 1e-4
    with pytest.raises(Exception, match="returned non-zero"):
        bench.child_seconds("no-such-command")
