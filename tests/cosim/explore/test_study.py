"""A study's results against single runs, and what rules a point out."""

from pathlib import Path

import pytest

from accel_models.area import total_mm2
from cosim.encode import compile_network
from cosim.explore import driver, evaluate
from cosim.explore.evaluate import EVENT, SEARCHED, Answer
from cosim.explore.metrics import together
from cosim.explore.schedule import InProcess
from cosim.explore.sources import evaluation_sources
from cosim.explore.store import Store
from cosim.explore.study import FAILED, INFEASIBLE, KILLED, OK
from cosim.run import run
from tests.cosim.explore.small import Formula, Quiet, network, network_file, small_space, study_of


@pytest.fixture
def target(tmp_path: Path) -> str:
    return network_file(tmp_path)


def test_a_point_has_the_numbers_of_a_run(target: str) -> None:
    space = small_space(target)
    study = study_of(space, InProcess())
    for level, search in ((EVENT, False), (SEARCHED, True)):
        (result,) = study.evaluate([5], level)
        system = space.system_at(space.point(5))
        single = run(compile_network(network(), system, "flash", search=search))
        assert result.status == OK and result.level == level
        assert result.metrics["latency_ms"] == single.latency_ms == result.metrics["small.latency_ms"]
        assert result.metrics["energy_uj"] == single.energy_uj
        assert result.metrics["sram_peak_bytes"] == single.sram_peak_bytes
        assert result.metrics["flash_bytes"] == single.flash_bytes
        assert result.metrics["utilization"] == pytest.approx(single.utilization)
        assert result.metrics["area_mm2"] == pytest.approx(sum(single.area_mm2.values())) == total_mm2(system)
        assert result.metrics["accelerator.array.rows"] == 8


def test_workloads_together_are_an_average_invocation() -> None:
    parts = {
        "a": {"latency_ms": 1.0, "energy_uj": 10.0, "cycles": 100, "utilization": 0.5, "sram_peak_bytes": 5},
        "b": {"latency_ms": 4.0, "energy_uj": 20.0, "cycles": 400, "utilization": 0.25, "sram_peak_bytes": 9},
    }
    for part in parts.values():
        part |= {"scratchpad_peak_bytes": 1, "flash_bytes": 7, "traffic_bytes": 2, "average_power_mw": 0.0}
    parts["b"]["accuracy"] = 0.75
    found = together(parts, {"a": 3.0, "b": 1.0})
    assert found["latency_ms"] == pytest.approx((3 * 1 + 4) / 4)
    assert found["energy_uj"] == pytest.approx((30 + 20) / 4)
    assert found["average_power_mw"] == pytest.approx(12.5 / 1.75)
    assert found["energy_delay_uj_ms"] == pytest.approx(12.5 * 1.75)
    assert (found["sram_peak_bytes"], found["flash_bytes"]) == (9, 14)
    # MACs over peak: (3 * 100 * 0.5 + 400 * 0.25) / (3 * 100 + 400)
    assert found["utilization"] == pytest.approx(250 / 700)
    assert found["accuracy"] == found["b.accuracy"] == 0.75 and "a.accuracy" not in found


def test_what_rules_a_point_out_is_recorded(target: str) -> None:
    space = small_space(
        target,
        axes={
            "accelerator.array.columns": [16, 64],
            "accelerator.scratchpad.size_bytes": [1024, 65536],
            "sram.size_bytes": [1024, 131072],
        },
        options={"weights_in": "sram"},
        constraints=["area_mm2 <= 1.5", "latency_ms > 0", "accelerator.array.columns < 64 or sram.size_bytes < 2000"],
    )
    study = study_of(space, InProcess())
    results = study.evaluate(range(8), EVENT)
    assert [result.status for result in results[:4]] == [INFEASIBLE, INFEASIBLE, INFEASIBLE, OK]
    assert "exceed SRAM (1024 B)" in results[2].reason
    assert "scratchpad" in results[1].reason
    assert [result.status for result in results[4:]] == [INFEASIBLE, INFEASIBLE, INFEASIBLE, KILLED]
    assert "less than 64 vectors of 64 bytes" in results[4].reason
    assert results[7].holds == (False, None, False) and not results[7].simulated
    killed = driver.kills(space, results)
    assert [(item.killed, item.of) for item in killed] == [(1, 6), (0, 1), (1, 6)]


def test_an_unsatisfiable_constraint_says_so_with_the_numbers_that_came_up(target: str) -> None:
    space = small_space(target, constraints=["accelerator.array.rows > 16", "latency_ms < 9"])
    found = driver.explore(study_of(space, Formula()), budget=None, seed=0)
    first, second = driver.kills(space, found.results)
    assert str(first) == (
        "constraint 'accelerator.array.rows > 16' kills 12 of 12 points: no point satisfies it "
        "(accelerator.array.rows from 4 to 16)"
    )
    assert str(second) == "constraint 'latency_ms < 9' kills 0 of 0 points"
    assert found.front == () and found.count(KILLED) == 12


def test_the_store_repeats_nothing(target: str) -> None:
    space, store = small_space(target), Store.in_memory()
    first = study_of(space, InProcess(), store)
    want = first.evaluate(range(4), EVENT)
    again = study_of(space, InProcess(), store)
    assert again.evaluate(range(4), EVENT) == want
    assert (first.evaluated, first.found_in_store) == (4, 0) and (again.evaluated, again.found_in_store) == (0, 4)


def test_workload_options_share_what_they_do_not_change(target: str) -> None:
    """Two axes' values that lead to the same network and system are simulated once."""
    axes = {"options.weights_in": ["sram", "flash"]}
    space = small_space(target, axes=axes, workloads=[{"target": target, "name": "a"}, {"target": target, "name": "b"}])
    study = study_of(space, InProcess())
    results = study.evaluate([0, 1], EVENT)
    assert study.evaluated == 2
    assert results[0].metrics["a.cycles"] == results[0].metrics["b.cycles"] < results[1].metrics["cycles"]


def test_a_fault_of_the_tool_is_no_answer(target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: object, **options: object) -> None:
        raise KeyError("oh")

    space, store = small_space(target), Store.in_memory()
    with monkeypatch.context() as patch:
        patch.setattr(evaluate, "compile_network", broken)
        (result,) = study_of(space, InProcess(), store).evaluate([0], EVENT)
    assert result.status == FAILED and result.reason == "small: internal error: KeyError: 'oh'"
    assert store.count() == 0
    assert study_of(space, InProcess(), store).evaluate([0], EVENT)[0].status == OK


def test_an_unknown_core_is_a_reason(target: str) -> None:
    space = small_space(target, axes={"cpu.core": ["cortex-m7", "z80"]})
    found = study_of(space, InProcess()).evaluate([0, 1], EVENT)
    assert [result.status for result in found] == [OK, INFEASIBLE] and "unknown core 'z80'" in found[1].reason


def test_the_front_is_found_with_the_mapping_searched(target: str) -> None:
    space = small_space(target, axes={"accelerator.array.rows": [4, 8, 16], "accelerator.array.columns": [8]})
    found = driver.explore(study_of(space, InProcess()), budget=None, seed=0)
    assert [result.index for result in found.results] == list(range(3))
    assert found.front and all(result.level == SEARCHED for result in found.on_front())
    latencies = [result.metrics["latency_ms"] for result in found.on_front()]
    assert latencies == sorted(latencies)
    fastest = min(found.results, key=lambda result: result.metrics["latency_ms"])
    assert fastest.index in found.front


def test_a_quiet_watch_hears_of_every_answer(target: str) -> None:
    study = study_of(small_space(target), Formula())
    study.evaluate(range(12), EVENT)
    assert isinstance(study.watch, Quiet) and study.watch.answers == study.evaluated == 12
    assert Answer("key", None, "", False, "").sources != evaluation_sources()
