"""Search: exact budgets, the same points for the same seed, and better ones than chance finds."""

from typing import Any

import numpy as np
import pytest

from cosim.explore import driver, funnel
from cosim.explore.evaluate import EVENT
from cosim.explore.search import search
from cosim.explore.study import OK, objectives_of
from tests.cosim.explore.small import Formula, network_file, small_space, study_of

AXES = {
    "accelerator.array.rows": {"from": 2, "to": 64, "step": 1},
    "accelerator.array.columns": {"from": 2, "to": 64, "step": 1},
    "accelerator.clock_mhz": {"from": 10, "to": 500, "step": 10},
}


@pytest.fixture
def space(tmp_path: Any) -> Any:
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


def test_a_small_space_is_searched_to_its_end(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(funnel, "MOST_PROGRAMS", 0)  # as in a space too large to screen
    small = small_space(network_file(tmp_path))
    found = search(study_of(small, Formula()), budget=11, seed=0)
    assert len(found) == 11
    whole = driver.explore(study_of(small, Formula()), budget=11, seed=0)
    assert len(whole.results) == 11 and whole.count(OK) == 11
