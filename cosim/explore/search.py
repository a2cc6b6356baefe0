"""Search through spaces too large to enumerate: Optuna's NSGA-II over the axes, seeded, in batches of fixed size.

The first batches are points of a screened sample's front (warm.py), then points drawn at random, so that what the
sample missed has a chance; they are the first generations. Then each batch is asked for as a whole, evaluated, and told
in order. A point that comes up again costs nothing and does not count. Constraint violations steer the search as such;
points that a system cannot run are told as failures.
"""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from cosim.explore.evaluate import EVENT
from cosim.explore.extra import needed
from cosim.explore.study import KILLED, OK, Result, Study
from cosim.explore.warm import warm_points

BATCH = 32
_GIVEN = 4  # one part in so many of the budget is given to the search: the screened and the random points
_STALE = 20  # batches without a new point, after which the rest is drawn at random


def search(study: Study, *, budget: int, seed: int) -> list[Result]:
    """``budget`` different points (fewer than the space has), in the order of their evaluation."""
    found = _Search(study, budget, seed)
    given = max(1, budget // _GIVEN)
    warm = warm_points(study, budget=budget, count=given // 2, seed=seed) if given > 1 else []
    study.watch.stage(f"searching {study.space.lattice.size:,} points", budget)
    found.start(warm)
    found.draw(given)
    found.evolve()
    found.draw(budget)
    return list(found.results.values())


class _Search:
    def __init__(self, study: Study, budget: int, seed: int) -> None:
        self.study, self.budget = study, budget
        self.random = np.random.default_rng(seed)
        self.results: dict[int, Result] = {}
        optuna = self.optuna = needed("optuna")
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        lengths = study.space.lattice.lengths
        self.ranges = {
            str(axis): optuna.distributions.IntDistribution(0, length - 1) for axis, length in enumerate(lengths)
        }
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # constraints_func: experimental in Optuna 4, old in 5, and in both
            self.sampler = optuna.samplers.NSGAIISampler(
                seed=seed, population_size=BATCH, constraints_func=lambda trial: (trial.user_attrs["violations"],)
            )
        self.trials = optuna.create_study(sampler=self.sampler, directions=["minimize"] * len(study.space.goals))

    def start(self, points: Sequence[int]) -> None:
        """Evaluate these points; each becomes a trial to learn from."""
        for first in range(0, len(points), BATCH):
            self._give(points[first : first + BATCH])

    def draw(self, count: int) -> None:
        """Random new points until there are ``count`` of them; each becomes a trial to learn from."""
        lattice = self.study.space.lattice
        while len(self.results) < count:
            batch: dict[int, None] = {}
            while len(batch) < min(BATCH, count - len(self.results)):
                index = lattice.index([int(self.random.integers(length)) for length in lattice.lengths])
                if index not in self.results:
                    batch[index] = None
            self._give(list(batch))

    def evolve(self) -> None:
        """Batches of NSGA-II until the budget is spent or nothing new comes up."""
        stale = 0
        while len(self.results) < self.budget and stale < _STALE:
            trials = [self.trials.ask(self.ranges) for _ in range(BATCH)]
            asked = [self._index(trial.params) for trial in trials]
            fresh = [index for index in dict.fromkeys(asked) if index not in self.results]
            stale = 0 if fresh else stale + 1
            self._evaluate(fresh[: self.budget - len(self.results)])
            for trial, index in zip(trials, asked, strict=True):
                self._tell(trial, self.results.get(index))

    def _give(self, indices: Sequence[int]) -> None:
        """Evaluate points that the sampler did not choose, and make them its trials. Each has to be given a generation:
        NSGA-II takes a trial without one, which is what enqueueing or adding it alone would make, for no parent."""
        for result in self._evaluate(indices):
            digits = self.study.space.lattice.digits(result.index)
            self.trials.enqueue_trial(dict(zip(self.ranges, digits, strict=True)))
            trial = self.trials.ask(self.ranges)
            self.sampler.get_trial_generation(self.trials, self.trials.get_trials(deepcopy=False)[trial.number])
            self._tell(trial, result)

    def _evaluate(self, indices: Sequence[int]) -> list[Result]:
        found = self.study.evaluate(indices, EVENT)
        self.results |= {result.index: result for result in found}
        return found

    def _index(self, params: dict[str, Any]) -> int:
        return self.study.space.lattice.index([params[name] for name in self.ranges])

    def _tell(self, trial: Any, result: Result | None) -> None:
        values = None if result is None else self._values(result)
        if result is None or values is None:
            self.trials.tell(trial, state=self.optuna.trial.TrialState.FAIL)
            return
        trial.set_user_attr("violations", _violations(result))
        self.trials.tell(trial, values)

    def _values(self, result: Result) -> list[float] | None:
        """Objectives of a point that was simulated, whether or not it violates constraints."""
        if not result.simulated or result.status not in (OK, KILLED):
            return None
        values = [expression.value(result.metrics) for expression, _ in self.study.space.goals]
        goals = self.study.space.goals
        signed = [float(-value if most else value) for value, (_, most) in zip(values, goals, strict=True)]
        return signed if np.isfinite(signed).all() else None


def _violations(result: Result) -> int:
    """How many constraints a point violates; Optuna takes what is above 0 as violated."""
    return sum(holds is False for holds in result.holds)
