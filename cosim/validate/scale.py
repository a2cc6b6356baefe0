"""What limits an exploration on many workers: ``python -m cosim.validate.scale [TARGET]`` prints a table in Markdown.

Evaluations and messages are those of one workload; everything that the parent does for a point is timed with workers
that cost nothing. Seconds are wall time on this machine: read them as ratios. ``--postgres URL``: of an empty database.
"""

import argparse
import pickle
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cosim.explore.cluster import CHUNK
from cosim.explore.evaluate import EVENT, SEARCHED, Answer, Task, evaluate, task
from cosim.explore.extra import needed
from cosim.explore.files import parse_space
from cosim.explore.networks import Networks
from cosim.explore.search import BATCH
from cosim.explore.space import Space
from cosim.explore.store import Store
from cosim.explore.study import Result, Study

_POINTS = 1024  # through the parent
_COMMITS = 1000
_EVALUATIONS = 4
_CHUNKS = 200  # messages through Dask
_AXES = {  # ``_POINTS`` of them are used
    "accelerator.array.rows": [8, 16],
    "accelerator.clock_mhz": {"from": 50, "to": 300, "step": 1},
    "sram.latency_cycles": [2, 3, 4],
}


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement."""

    what: str
    value: float
    unit: str

    def __str__(self) -> str:
        return f"| {self.what} | {self.value:,.0f} {self.unit} |"


class Free:
    """An executor whose workers cost nothing: the same metrics for every task."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def run(self, tasks: Sequence[Task], networks: Mapping[str, bytes]) -> Iterator[Answer]:
        del networks
        for asked in tasks:
            yield replace(self._answer, key=asked.key)

    def close(self) -> None:
        return None


class _Silent:
    """A Watch that says nothing."""

    def stage(self, text: str, points: int) -> None: ...

    def answer(self, done: int, of: int, points: int) -> None: ...

    def batch(self, results: Sequence[Result]) -> None: ...

    def screened(self, points: int) -> None: ...


def seconds(work: Callable[[], object]) -> float:
    """Wall time of one call."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def measure(target: str, postgres: str | None) -> Iterator[Row]:
    """All rows. Raises ValueError where the target cannot be lowered or the database not be used."""
    space = parse_space({"name": "scale", "system": "edge16", "axes": _AXES, "workloads": [{"target": target}]})
    shelf = Store.in_memory()
    networks = Networks(shelf, seed=0, samples=0, report=lambda text: None)
    lowered = networks.of(space.workloads[0], space.options_at({}, space.workloads[0]))
    data = {lowered.hash: lowered.data}
    places = range(0, space.lattice.size, space.lattice.size // _EVALUATIONS)[:_EVALUATIONS]
    systems = [space.system_at(space.point(place)) for place in places]
    evaluate(task(lowered.hash, space.base, "auto", EVENT), data)  # reads the network
    for level in (EVENT, SEARCHED):
        tasks = [task(lowered.hash, system, "auto", level) for system in systems]
        spent = seconds(lambda: [evaluate(item, data) for item in tasks])  # noqa: B023
        yield Row(f"an evaluation of {space.workloads[0].label}, {level} level", 1e3 * spent / len(tasks), "ms")
    asked = tasks[0]
    answer = evaluate(asked, data)
    yield Row("a task, as sent to a worker", len(pickle.dumps(asked)), "bytes")
    yield Row("an answer, as sent back", len(pickle.dumps(answer)), "bytes")
    yield Row("a network, once a worker", len(lowered.data), "bytes")
    yield from _parent(space, networks, answer, postgres)
    yield from _dask(asked, answer)


def _parent(space: Space, networks: Networks, answer: Answer, postgres: str | None) -> Iterator[Row]:
    """What one process does for a point beside the evaluation: with no store to speak of, then with each."""
    with tempfile.TemporaryDirectory() as folder:
        stores = {"memory": Store.in_memory, "SQLite": lambda: Store.in_folder(Path(folder), resume=False)}
        if postgres:
            stores["PostgreSQL"] = lambda: Store(postgres, resume=False)
        for name, make in stores.items():
            store = make()
            study = Study(space, networks, store, Free(answer), _Silent())
            groups = [range(start, start + BATCH) for start in range(0, _POINTS, BATCH)]
            spent = seconds(lambda: [study.evaluate(group, EVENT) for group in groups])  # noqa: B023
            yield Row(f"points through the parent, free workers, store in {name}", _POINTS / spent, "/s")
            spare = task("0" * 16, space.base, "auto", EVENT)
            rows = [replace(spare, key=f"{place:032}") for place in range(_COMMITS)]
            spent = seconds(lambda: _keep(store, rows, answer))  # noqa: B023
            yield Row(f"results committed, one transaction each, {name}", _COMMITS / spent, "/s")
            store.close()


def _keep(store: Store, rows: Sequence[Task], answer: Answer) -> None:
    for row in rows:
        store.add(row, answer)


def answers_to(tasks: Sequence[Task], answer: Answer) -> list[Answer]:
    """Runs on a worker: messages of the usual size, no work."""
    return [replace(answer, key=item.key) for item in tasks]


def _dask(asked: Task, answer: Answer) -> Iterator[Row]:
    """The scheduler's share of a task, through a worker process of this machine."""
    distributed = needed("distributed")
    chunk = [replace(asked, key=f"{place:032}") for place in range(CHUNK)]
    with (
        distributed.LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        client.submit(answers_to, chunk, answer, pure=False).result()  # starts the worker, imports this module

        def work() -> None:
            futures = [client.submit(answers_to, chunk, answer, pure=False) for _ in range(_CHUNKS)]
            for future in distributed.as_completed(futures):
                future.result()

        yield Row(f"tasks through Dask, {CHUNK} a message, one worker", _CHUNKS * CHUNK / seconds(work), "/s")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m cosim.validate.scale", description=__doc__)
    parser.add_argument("target", nargs="?", default="resnet8", help="workload or .network file (default: resnet8)")
    parser.add_argument("--postgres", metavar="URL", help="an empty database to measure as well")
    given = parser.parse_args(arguments)
    print("| measured | value |\n| --- | --- |")
    try:
        for row in measure(given.target, given.postgres):
            print(row, flush=True)
    except ValueError as error:
        print(f"scale: error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
