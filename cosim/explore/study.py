"""A study: points of a space to results, each network on each system evaluated once, whatever asks for it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from cosim.explore.evaluate import Answer, Task, task
from cosim.explore.metrics import SYSTEM_METRICS, of_system, together
from cosim.explore.networks import Networks
from cosim.explore.schedule import Executor
from cosim.explore.space import Space
from cosim.explore.store import Store

OK, KILLED, INFEASIBLE, FAILED, DISAGREES = "ok", "constraint", "infeasible", "failed", "disagrees"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One point. ``status``: ok; constraint: it violates one; infeasible: this system cannot be, or cannot run a
    workload (``reason``); failed: this tool could not tell; disagrees: the RTL, with the models. ``holds``: of each
    constraint, None where it was not looked at: points that the system alone rules out are not simulated
    (``simulated``).
    """

    index: int
    point: Mapping[str, Any]
    level: str
    status: str
    reason: str = ""
    metrics: Mapping[str, float]
    holds: tuple[bool | None, ...]
    simulated: bool


@dataclass(frozen=True, slots=True)
class _Plan:
    """What a point needs: metrics known without running, tasks and quality by workload; or why it cannot be."""

    index: int
    point: Mapping[str, Any]
    known: Mapping[str, float]
    tasks: Mapping[str, Task]
    quality: Mapping[str, Mapping[str, float]]
    reason: str = ""


class Watch(Protocol):
    """Is told how far the work is."""

    def stage(self, text: str, points: int) -> None:
        """A stage of so many points begins."""

    def answer(self, done: int, of: int, points: int) -> None:
        """So many of the simulations of a batch of ``points`` are there."""

    def batch(self, results: "Sequence[Result]") -> None:
        """A batch of points is complete."""

    def screened(self, points: int) -> None:
        """So many more points are screened."""


class Study:
    """Evaluates points."""

    def __init__(self, space: Space, networks: Networks, store: Store, executor: Executor, watch: Watch) -> None:
        self.space, self.networks, self.store, self.executor, self.watch = space, networks, store, executor, watch
        self.found_in_store = self.evaluated = 0
        names = space.system_names() | set(SYSTEM_METRICS)
        self._static = [condition.names <= names for condition in space.conditions]
        self._weights = {item.label: item.weight for item in space.workloads}
        self._answers: dict[str, Answer] = {}

    def evaluate(self, indices: Sequence[int], level: str) -> list[Result]:
        """Results of these points, in their order. Raises StoreError and what the executor raises."""
        plans = [self._plan(index, level) for index in indices]
        wanted = {item.key: item for plan in plans for item in plan.tasks.values() if item.key not in self._answers}
        stored = self.store.find(wanted)
        self.found_in_store += len(stored)
        self._answers |= stored
        missing = [item for key, item in wanted.items() if key not in stored]
        for done, answer in enumerate(self._run(missing), 1):
            self._answers[answer.key] = answer
            self.evaluated += 1
            self.watch.answer(done, len(missing), len(plans))
        results = [self._result(plan, level) for plan in plans]
        self.watch.batch(results)
        return results

    def _run(self, tasks: Sequence[Task]) -> Iterator[Answer]:
        """Answers as they come, each in the store before anybody sees it; failures are not kept."""
        by_key = {item.key: item for item in tasks}
        for answer in self.executor.run(tasks, self.networks.data()):
            if not answer.broken:
                self.store.add(by_key[answer.key], answer)
            yield answer

    def may_run(self, index: int) -> bool:
        """Whether a point has to be simulated to be judged: its system can be, and rules out nothing by itself."""
        try:
            known = of_system(self.space.system_at(self.space.point(index)))
        except ValueError:
            return False
        return False not in self._held(known, static_only=True)

    def _plan(self, index: int, level: str) -> _Plan:
        space = self.space
        point = space.point(index)
        try:
            system = space.system_at(point)
            known = of_system(system)
        except ValueError as error:  # fields that do not go together, or sizes that no table covers
            return _Plan(index, point, {}, {}, {}, str(error).partition("\n")[0])
        if False in self._held(known, static_only=True):
            return _Plan(index, point, known, {}, {})
        tasks, quality = {}, {}
        for workload in space.workloads:
            options = space.options_at(point, workload)
            lowered = self.networks.of(workload, options)
            tasks[workload.label] = task(lowered.hash, system, options.weights_in, level)
            quality[workload.label] = lowered.quality
        return _Plan(index, point, known, tasks, quality)

    def _held(self, numbers: Mapping[str, float], *, static_only: bool) -> tuple[bool | None, ...]:
        return tuple(
            bool(condition.holds(numbers)) if static or not static_only else None
            for condition, static in zip(self.space.conditions, self._static, strict=True)
        )

    def _result(self, plan: _Plan, level: str) -> Result:
        shared: dict[str, Any] = {"index": plan.index, "point": plan.point, "level": level, "metrics": plan.known}
        if plan.reason:
            nothing = (None,) * len(self._static)
            return Result(**shared, status=INFEASIBLE, reason=plan.reason, holds=nothing, simulated=False)
        held = self._held(plan.known, static_only=True)
        if not plan.tasks:
            return Result(**shared, status=KILLED, reason=self._violated(held), holds=held, simulated=False)
        answers = {label: self._answers[item.key] for label, item in plan.tasks.items()}
        parts: dict[str, Mapping[str, float]] = {}
        wrong = [f"{label}: {answer.reason}" for label, answer in answers.items() if answer.metrics and answer.reason]
        for label, answer in answers.items():
            if answer.metrics is None:
                status = DISAGREES if wrong else FAILED if answer.broken else INFEASIBLE
                reason = "; ".join([*wrong, f"{label}: {answer.reason}"])
                return Result(**shared, status=status, reason=reason, holds=held, simulated=True)
            parts[label] = {**answer.metrics, **plan.quality[label]}
        shared["metrics"] = {**plan.known, **together(parts, self._weights)}
        held = self._held(shared["metrics"], static_only=False)
        violated = self._violated(held)
        status = DISAGREES if wrong else KILLED if violated else OK
        return Result(**shared, status=status, reason="; ".join(wrong) or violated, holds=held, simulated=True)

    def _violated(self, held: Sequence[bool | None]) -> str:
        return "; ".join(text for text, holds in zip(self.space.constraints, held, strict=True) if holds is False)


def objectives_of(space: Space, results: Sequence[Result]) -> np.ndarray:
    """float64 [points, objectives], all to be minimised: those to be maximised are negated; not-a-number for points
    that are not ok."""
    found = np.full((len(results), len(space.goals)), np.nan)
    for row, result in enumerate(results):
        if result.status == OK:
            values = [expression.value(result.metrics) for expression, _ in space.goals]
            found[row] = [-value if most else value for value, (_, most) in zip(values, space.goals, strict=True)]
    return found
