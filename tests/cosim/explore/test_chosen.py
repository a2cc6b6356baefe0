"""The chosen design beside the base system: runs as 'cosim run' makes them, what cannot run, the pages."""

import json
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
import pytest

from accel_models.system import System, load_system
from cosim.bind import programs_of
from cosim.explore import chosen
from cosim.explore.driver import Exploration, explore, summary
from cosim.explore.networks import Networks
from cosim.explore.schedule import InProcess
from cosim.explore.space import Space
from cosim.explore.store import Store
from cosim.run import run
from reports import exploration
from reports.figures.figure import Figure
from tests.cosim.explore.small import network, network_file, small_space, study_of
from tests.reports.test_html import Page

AXES = {"accelerator.array.columns": [4, 8], "options.weights_in": ["sram", "flash"]}


@pytest.fixture
def target(tmp_path: Path) -> str:
    return network_file(tmp_path)


def made(space: Space, index: int) -> chosen.Chosen:
    networks = Networks(Store.in_memory(), seed=0, samples=0, report=print)
    return chosen.chosen_of(space, networks, index, chosen.NAMED, seed=3, report=lambda text: None)


def named(system: System, name: str) -> System:
    return system.model_copy(update={"name": name})


def test_both_sides_are_the_runs_that_cosim_run_makes(target: str) -> None:
    space = small_space(target, axes=AXES)
    found = made(space, 1)
    (pair,) = found.sides.values()
    systems = (named(space.system_at(space.point(1)), "edge16-point1"), space.base)
    for side, system, weights in zip(pair, systems, ("flash", "auto"), strict=True):
        program, cold = programs_of(network(), system, weights, lambda text: None)
        assert side.run == run(program, cold=cold, seed=3)
    assert found.problems == [] and found.base == "edge16"
    data = chosen.plain(found)
    assert json.loads(json.dumps(data)) == data
    side = data["workloads"]["small"]["chosen"]
    assert sum(row["cycles"] for row in side["rows"]) == side["cycles"]
    assert sum(side["energy_by_component_uj"].values()) == pytest.approx(side["energy_uj"])


def page_of(space: Space, found: chosen.Chosen) -> tuple[dict[str, Any], Page, list[Figure]]:
    results = Exploration(space, (), ())
    data = summary(results) | {"levels": [], "chosen": chosen.plain(found), "provenance": {}}
    drawn: list[Figure] = []
    exploration.chosen.sections(data, drawn)
    return data, Page(exploration.chosen.page(data)), drawn


def test_the_page_has_every_number_of_both_sides(target: str) -> None:
    space = small_space(target, axes=AXES)
    data, page, drawn = page_of(space, made(space, 0))
    assert page.fetched == ["data:,"]
    assert {figure.id for figure in drawn} == {"energy-small", "area-small", "cycles-small"} <= set(page.ids)
    for figure in drawn:
        go.Figure({"data": list(figure.data), "layout": dict(figure.layout)})  # raises on an unknown property
    pair = data["chosen"]["workloads"]["small"]
    totals = {row[0][0]: [cell[1] for cell in row[1:]] for row in page.tables["totals-small"][1:]}
    latency = [pair[side]["latency_ms"] for side in ("base", "chosen")]
    assert totals["Latency"] == [repr(latency[0]), repr(latency[1]), repr(latency[1] / latency[0])]
    assert {"Cycles", "Energy", "SRAM peak", "Silicon area", "Flash image"} <= totals.keys()
    parts = {row[0][0]: row[1:] for row in page.tables["energy-small-numbers"][1:]}
    assert parts.keys() == {
        name for side in pair.values() for name, value in side["energy_by_component_uj"].items() if value
    }
    cycles = [row[2][1] for row in page.tables["cycles-small-numbers"][1:]]
    assert sum(map(int, filter(None, cycles))) == pair["chosen"]["cycles"]


def test_a_base_that_cannot_run_is_a_finding_and_a_chosen_point_that_cannot_is_a_problem(target: str) -> None:
    base = load_system("edge16").model_dump(mode="json")
    base["flash"] |= {"size_bytes": 1024}
    space = small_space(target, system=base, axes={"flash.size_bytes": [1024, 2097152]})
    found = made(space, 1)
    assert found.problems == [] and found.sides["small"][1].run is None
    reason = found.sides["small"][1].reason
    _, page, _ = page_of(space, found)
    assert reason and "Latency" in {row[0][0] for row in page.tables["totals-small"][1:]}
    (problem,) = made(space, 0).problems
    assert problem.startswith("point 0 cannot run small: ")


def test_fields_that_do_not_go_together_are_a_problem(target: str) -> None:
    space = small_space(target, axes={"accelerator.scratchpad.size_bytes": [1024], "accelerator.array.rows": [64]})
    found = made(space, 0)
    assert found.sides["small"][0].run is None and found.problems


def test_the_default_is_the_lowest_energy_delay_product(target: str) -> None:
    space = small_space(target, axes=AXES)
    found = explore(study_of(space, InProcess()), budget=None, seed=0)
    products = {result.index: result.metrics["energy_delay_uj_ms"] for result in found.results}
    assert chosen.lowest(found) == min(found.front, key=products.__getitem__)
    assert chosen.lowest(Exploration(space, (), ())) is None
