"""Who evaluates: this process, worker processes of this machine, or a Dask cluster, behind one interface.

An executor takes tasks and yields answers in whatever order they come. A lost worker costs a retry: its task goes to
another one. Workers end when their parent does, however it ended, with every process that they started (a simulator of
the RTL, say), and leave Ctrl-C to it.
"""

import contextlib
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Protocol

from cosim.explore.evaluate import Answer, Task, evaluate, sources_of

TRIES = 3  # of a task whose worker is lost, before the task counts as failed


class Executor(Protocol):
    """Evaluates tasks; ``networks`` holds the bytes of every network that they name."""

    def run(self, tasks: Sequence[Task], networks: Mapping[str, bytes]) -> Iterator[Answer]: ...

    def close(self) -> None: ...


class InProcess:
    """One after the other, here."""

    def run(self, tasks: Sequence[Task], networks: Mapping[str, bytes]) -> Iterator[Answer]:
        for task in tasks:
            yield evaluate(task, networks)

    def close(self) -> None:
        return None


@dataclass(slots=True)
class _Worker:
    """A process, our end of its pipe, the networks that it has and the task that it works on."""

    process: SpawnProcess
    pipe: Connection
    has: set[str] = field(default_factory=set)
    task: Task | None = None


class Processes:
    """Worker processes, started fresh (spawn) so that they hold nothing of the parent's."""

    def __init__(self, jobs: int) -> None:
        self._context = multiprocessing.get_context("spawn")
        self._workers: list[_Worker] = []
        self._jobs = jobs

    def run(self, tasks: Sequence[Task], networks: Mapping[str, bytes]) -> Iterator[Answer]:
        waiting, tries = deque(tasks), dict.fromkeys((task.key for task in tasks), 0)
        while waiting or any(worker.task for worker in self._workers):
            self._hand_out(waiting, networks)
            busy = {worker.pipe: worker for worker in self._workers if worker.task}
            for pipe in wait(list(busy)):
                worker = busy[pipe]  # type: ignore[index]
                task = worker.task
                assert task is not None
                answer = self._answer(worker)
                worker.task = None
                if answer is None:
                    tries[task.key] += 1
                    code = self._bury(worker)
                    if tries[task.key] < TRIES:
                        waiting.appendleft(task)
                        continue
                    reason = (
                        f"its worker process ended {TRIES} times (last exit code {code}; -9: killed or out of memory)"
                    )
                    answer = Answer(task.key, None, reason, True, sources_of(task.level))
                yield answer

    def close(self) -> None:
        for worker in self._workers:
            worker.pipe.close()
            _kill(worker.process)
        for worker in self._workers:
            worker.process.join()
        self._workers.clear()

    def _hand_out(self, waiting: deque[Task], networks: Mapping[str, bytes]) -> None:
        while len(self._workers) < min(self._jobs, len(waiting)):
            self._workers.append(self._start())
        for worker in list(self._workers):
            if waiting and worker.task is None:
                task = waiting.popleft()
                data = None if task.network in worker.has else networks[task.network]
                try:
                    worker.pipe.send((task, data))
                except OSError:  # it died while it was idle: no try of the task
                    self._bury(worker)
                    self._workers.append(self._start())
                    waiting.appendleft(task)
                    continue
                worker.has.add(task.network)
                worker.task = task

    def _start(self) -> _Worker:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=_serve, args=(theirs,), daemon=True)
        # Blocked signals are inherited: Ctrl-C is the parent's from the worker's first instruction on. The tracker is
        # started before, because starting it unblocks them.
        resource_tracker.ensure_running()
        held = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, held)
        theirs.close()
        return _Worker(process, ours)

    @staticmethod
    def _answer(worker: _Worker) -> Answer | None:
        """What the worker sent, or None where it is gone."""
        try:
            found = worker.pipe.recv()
        except (EOFError, OSError):
            return None
        assert isinstance(found, Answer)
        return found

    def _bury(self, worker: _Worker) -> int | None:
        """Take a lost worker off the list; its exit code."""
        self._workers.remove(worker)
        worker.pipe.close()
        _kill(worker.process)
        worker.process.join()
        return worker.process.exitcode


def _kill(process: SpawnProcess) -> None:
    """End a worker and its group; one that has not come to make a group, or is gone, alone."""
    assert process.pid is not None
    with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS says the latter of a group that has ended
        os.killpg(process.pid, signal.SIGKILL)
    process.kill()


def _serve(pipe: Connection) -> None:
    """A worker's life: tasks in, answers out, until the parent closes the pipe or ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.setpgid(0, 0)
    parent = multiprocessing.parent_process()
    assert parent is not None
    threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()
    networks: dict[str, bytes] = {}
    while True:
        try:
            task, data = pipe.recv()
        except (EOFError, OSError):
            return
        if data is not None:
            networks[task.network] = data
        pipe.send(evaluate(task, networks))


def _end_with(sentinel: int) -> None:
    """End this process and those that it started, whatever they are doing, when the parent has ended."""
    wait([sentinel])
    os.killpg(0, signal.SIGKILL)


def executor_of(jobs: int, dask: str | None) -> Executor:
    """The executor that the user asked for. Raises ValueError."""
    if jobs < 1:
        raise ValueError(f"--jobs: want at least 1, got {jobs}")
    if dask is not None:
        from cosim.explore.cluster import Cluster

        return Cluster(dask)
    return InProcess() if jobs == 1 else Processes(jobs)
