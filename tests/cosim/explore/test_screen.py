"""Screening beside the event machine, point by point, and the funnel that it feeds."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cosim.explore import driver, funnel
from cosim.explore.evaluate import EVENT
from cosim.explore.metrics import METRICS
from cosim.explore.schedule import InProcess
from cosim.explore.screen import Screen, axes_of, structures
from cosim.explore.study import INFEASIBLE
from tests.cosim.explore.small import network_file, small_space, study_of

AXES: dict[str, Any] = {
    "accelerator.array.rows": [8, 32],
    "accelerator.scratchpad.size_bytes": [1024, 65536],
    "options.weights_in": ["sram", "flash"],
    "sram.latency_cycles": [2, 8],
    "accelerator.clock_mhz": [100, 200],
    "flash.bandwidth_mb_per_s": [50, 200],
    "technology.vdd": [0.8, 0.7, 1.2],  # the last one is out of range at 22 nm
}
KWS = Path(__file__).parents[2] / "rtl/fixtures/kws.network"
EXACT = ("area_mm2", "sram_peak_bytes", "flash_bytes", "traffic_bytes")


@pytest.fixture
def space(tmp_path: Path) -> Any:
    return small_space(network_file(tmp_path), axes=AXES, constraints=["latency_ms < 0.1"])


def test_axes_have_roles(space: Any) -> None:
    workload = space.workloads[0]
    assert axes_of(space, workload, "structure") == list(AXES)[:3]
    assert axes_of(space, workload, "speed") == list(AXES)[3:6]
    assert axes_of(space, None, "structure", "price") == [*list(AXES)[:2], "technology.vdd"]
    assert structures(space) == 8


def test_kinds_of_array_are_an_axis(tmp_path: Path) -> None:
    """String values, alone and as whole parts; a combination that no array has is infeasible, with its reason."""
    axes = {"accelerator.array.kind": ["broadcast", "systolic"], "accelerator.array.dataflow": ["weight", "output"]}
    space = small_space(network_file(tmp_path), axes=axes)
    study = study_of(space, InProcess())
    found = Screen(space, study.networks).screen(np.arange(4))
    assert found.feasible.tolist() == [True, False, True, True]
    assert "goes with kind 'systolic'" in next(iter(found.reasons))
    results = study.evaluate(range(4), EVENT)
    assert [item.status == INFEASIBLE for item in results] == [False, True, False, False]
    cycles = [item.metrics["cycles"] for item in results if item.status != INFEASIBLE]
    assert len(set(cycles)) == 3 and cycles[0] == min(cycles)
    parts = [{"rows": 8, "columns": 8, **kind} for kind in ({}, {"kind": "systolic"})]
    whole = small_space(network_file(tmp_path), axes={"accelerator.array": parts})
    assert study_of(whole, InProcess()).evaluate(range(2), EVENT)[0].metrics["cycles"] > 0


def test_screening_is_near_the_event_machine() -> None:
    """Keyword spotting; which points are infeasible, and memory and area, are exact."""
    space = small_space(str(KWS), axes=AXES | {"accelerator.scratchpad.size_bytes": [1024, 65536]})
    rows = np.arange(space.lattice.size)
    study = study_of(space, InProcess())
    screen = Screen(space, study.networks)
    found = screen.screen(rows)
    chosen = np.random.default_rng(0).choice(rows, 45, replace=False)
    results = study.evaluate(chosen.tolist(), EVENT)
    assert [bool(found.feasible[result.index]) for result in results] == [item.status != INFEASIBLE for item in results]
    assert sum(found.reasons.values()) == (~found.feasible).sum() > 0
    assert screen.programs < len(rows) / 8
    usable = [result for result in results if result.status != INFEASIBLE]
    off: dict[str, list[float]] = {name: [] for name in METRICS}
    for result in usable:
        for name in METRICS:
            screened = float(found.metrics[name][result.index])
            off[name].append(abs(screened / result.metrics[name] - 1))
            assert (
                float(found.metrics["accelerator.clock_mhz"][result.index]) == result.metrics["accelerator.clock_mhz"]
            )
    assert len(usable) >= 8
    for name in EXACT:
        assert max(off[name]) < 1e-12, name
    for name in ("latency_ms", "energy_uj"):
        assert np.median(off[name]) < 0.03 and np.quantile(off[name], 0.95) < 0.10, (name, sorted(off[name])[-5:])


def test_parts_of_a_space_are_the_whole(space: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = funnel.screen_all(study_of(space, InProcess()))
    monkeypatch.setattr(funnel, "PART", 17)
    parts = funnel.screen_all(study_of(space, InProcess()))
    np.testing.assert_allclose(parts.values, whole.values, rtol=0.02)
    assert (parts.feasible, parts.killed, parts.reasons) == (whole.feasible, whole.killed, whole.reasons)


def test_a_space_beyond_its_budget_is_screened_and_its_front_simulated(space: Any) -> None:
    study = study_of(space, InProcess())
    found = driver.explore(study, budget=6, seed=0)
    assert found.screening is not None and len(found.results) <= 6 and found.front
    data = driver.summary(found)
    assert data["screening"]["points"] == space.lattice.size
    assert data["screening"]["ok"] + found.screening.killed[0] == data["screening"]["feasible"]
    assert 0 < data["screening"]["errors"]["latency_ms"]["p95"] < 0.10
    assert data["constraints"][0]["of"] == found.screening.feasible
    fastest = int(np.nanargmin(found.screening.values[:, 0]))
    assert fastest in [result.index for result in found.results]
