"""Search: exact budgets, the same points for the same seed, better ones than chance finds, from a start that screening
found."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cosim.explore import driver, funnel, warm
from cosim.explore import search as search_module
from cosim.explore.evaluate import EVENT, Answer, Task, evaluate
from cosim.explore.pareto import hypervolume
from cosim.explore.schedule import InProcess
from cosim.explore.screen import axes_of
from cosim.explore.search import search
from cosim.explore.space import Space
from cosim.explore.study import OK, objectives_of
from cosim.explore.warm import warm_points
from tests.cosim.explore.small import Formula, network_file, small_space, study_of
from tests.cosim.networks import NetworkBuilder

AXES = {
    "accelerator.array.rows": {"from": 2, "to": 64, "step": 1},
    "accelerator.array.columns": {"from": 2, "to": 64, "step": 1},
    "accelerator.clock_mhz": {"from": 10, "to": 500, "step": 10},
}


@pytest.fixture
def few_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The closed form costs nothing, and screening knows nothing of it."""
    monkeypatch.setattr(warm, "MOST_PROGRAMS", 4)
    monkeypatch.setattr(warm, "_AT_ONCE", 4)


@pytest.fixture
def space(tmp_path: Any, few_programs: None) -> Any:
    return small_space(
        network_file(tmp_path),
        axes=AXES,
        constraints=["accelerator.array.rows <= 32"],
        objectives=["latency_ms", "energy_uj"],
    )


@pytest.mark.parametrize("budget", [1, 40, 150])
def test_the_budget_is_kept_exactly(space: Any, budget: int) -> None:
    found = search(study_of(space, Formula()), budget=budget, seed=3)
    assert len(found) == len({result.index for result in found}) == budget


def test_a_seed_decides_every_point(space: Any) -> None:
    runs = [
        [result.index for result in search(study_of(space, Formula()), budget=120, seed=seed)] for seed in (1, 1, 2)
    ]
    assert runs[0] == runs[1] != runs[2]


def test_searching_beats_drawing(space: Any) -> None:
    """By the product of latency and energy of the best design; the optimum is the largest array at the lowest clock."""

    def best(results: Any) -> float:
        values = objectives_of(space, results)
        return float(np.nanmin(values[:, 0] * values[:, 1]))

    study = study_of(space, Formula())
    drawn = np.random.default_rng(0).integers(space.lattice.size, size=400)
    chance = best(study.evaluate([int(index) for index in drawn], EVENT))
    assert best(search(study, budget=400, seed=0)) < chance


def test_a_small_space_is_searched_to_its_end(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch, few_programs: None
) -> None:
    monkeypatch.setattr(funnel, "MOST_PROGRAMS", 0)  # as in a space too large to screen
    small = small_space(network_file(tmp_path))
    found = search(study_of(small, Formula()), budget=11, seed=0)
    assert len(found) == 11
    whole = driver.explore(study_of(small, Formula()), budget=11, seed=0)
    assert len(whole.results) == 11 and whole.count(OK) == 11


def test_points_that_are_given_are_parents(space: Any) -> None:
    """After one generation of the best designs, children resemble them; those of no parents are drawn anywhere."""
    study = study_of(space, Formula())
    found = search_module._Search(study, 64, seed=0)
    lattice = space.lattice
    found.start([lattice.index([30, column, clock]) for column in range(55, 63) for clock in range(4)])
    found.evolve()
    children = [trial.params["0"] for trial in found.trials.trials[32:64]]
    assert len(children) == 32 and np.mean([row == 30 for row in children]) > 0.4  # by chance, one in 63


# ---- the warm start ----

MANY = {
    "accelerator.array.rows": {"from": 2, "to": 64, "factor": 2},
    "accelerator.array.columns": {"from": 2, "to": 64, "factor": 2},
    "accelerator.scratchpad.size_bytes": {"from": 8192, "to": 262144, "factor": 2},
    "accelerator.accumulators.entries": {"from": 64, "to": 1024, "factor": 2},
    "accelerator.clock_mhz": {"from": 20, "to": 400, "step": 20},
    "sram.latency_cycles": [2, 3, 4, 6, 8],
    "technology.vdd": [0.6, 0.65, 0.7, 0.8, 0.9],
}
TIGHT = ["latency_ms <= 0.015", "energy_uj <= 0.35", "area_mm2 <= 1.6"]  # some 2 in 100 random points satisfy these


class Kept:
    """The event machine; each point once, however many searches ask for it."""

    def __init__(self) -> None:
        self._answers: dict[str, Answer] = {}

    def run(self, tasks: Sequence[Task], networks: Mapping[str, bytes]) -> Iterator[Answer]:
        for task in tasks:
            if task.key not in self._answers:
                self._answers[task.key] = evaluate(task, networks)
            yield self._answers[task.key]

    def close(self) -> None:
        return None


def one_layer(folder: Path, **changes: Any) -> Space:
    """540,000 designs for one convolution."""
    net = NetworkBuilder(0)
    path = folder / "one.network"
    net.build(net.conv(net.input("x", (1, 8, 8, 16)), 32), name="one").save(path)
    return small_space(str(path), axes=MANY, objectives=["latency_ms", "energy_uj", "area_mm2"], **changes)


def test_a_warm_start_finds_more_than_a_random_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By hypervolume at an equal budget, in a tight space, where few random points are any good."""
    space, executor = one_layer(tmp_path, constraints=TIGHT), Kept()

    def values(seed: int) -> np.ndarray:
        found = objectives_of(space, search(study_of(space, executor), budget=48, seed=seed))
        return np.log(found[~np.isnan(found).any(axis=1)])

    seeds, limits = range(3), np.log([0.015, 0.35, 1.6])
    from_screening = [hypervolume(values(seed), limits) for seed in seeds]
    monkeypatch.setattr(search_module, "warm_points", lambda *_, **__: [])
    from_chance = [hypervolume(values(seed), limits) for seed in seeds]
    assert all(a >= b for a, b in zip(from_screening, from_chance, strict=True)), (from_screening, from_chance)
    assert np.mean(from_screening) > 1.5 * np.mean(from_chance), (from_screening, from_chance)


def test_a_warm_start_is_decided_by_its_seed_and_bounded_in_programs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []

    class Screen(warm.Screen):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            made.append(self)

    monkeypatch.setattr(warm, "Screen", Screen)
    space = one_layer(tmp_path, constraints=["accelerator.array.rows * accelerator.array.columns <= 256"])
    study = study_of(space, InProcess())
    runs = [warm_points(study, budget=24, count=6, seed=seed) for seed in (1, 1, 2)]
    assert runs[0] == runs[1] != runs[2]
    assert all(len(set(points)) == len(points) == 6 for points in runs)
    assert all(0 < screen.programs < 24 + 4 * 6 for screen in made)  # a part of 4, for each octave of flash speed
    assert all(study.may_run(index) for points in runs for index in points)


def test_a_space_of_one_structure_is_sampled_in_its_other_axes(tmp_path: Path) -> None:
    axes = {"accelerator.clock_mhz": {"from": 1, "to": 400, "step": 1}, "technology.vdd": [0.6, 0.8]}
    space = small_space(network_file(tmp_path), axes=axes)
    assert axes_of(space, space.workloads[0], "structure") == []
    points = warm_points(study_of(space, InProcess()), budget=32, count=16, seed=0)
    assert 0 < len(set(points)) == len(points) <= 16


def test_a_space_that_nothing_fits_has_no_warm_start(tmp_path: Path) -> None:
    space = small_space(network_file(tmp_path), constraints=["area_mm2 < 0"])
    assert warm_points(study_of(space, InProcess()), budget=8, count=4, seed=0) == []
