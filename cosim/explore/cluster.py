"""The executor on a Dask cluster: networks are sent to every worker once, tasks in chunks where there are many."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cosim.explore.evaluate import RTL, Answer, Task, evaluate, sources_of
from cosim.explore.extra import needed

CHUNK = 8  # tasks in one message: some 0.2 s of work, where the scheduler takes about 1 ms for one
_PATIENCE_S = 10


class Cluster:
    """``address``: of a Dask scheduler, such as tcp://host:8786. Dask itself retries what a lost worker had."""

    def __init__(self, address: str) -> None:
        distributed = needed("distributed")
        logging.getLogger("distributed").setLevel(logging.CRITICAL)  # its complaints come as exceptions, too
        self._as_completed, self._address = distributed.as_completed, address
        try:
            self._client = distributed.Client(address, timeout=_PATIENCE_S, set_as_default=False)
        except (OSError, ValueError, ImportError) as error:
            reason = str(error).partition("\n")[0] or type(error).__name__
            raise ValueError(
                f"--dask: cannot reach a scheduler at {address}: {reason};"
                " start one with 'dask scheduler' and workers with 'dask worker ADDRESS', or use --jobs"
            ) from None
        self._sent: dict[str, Any] = {}

    def run(self, tasks: Sequence[Task], networks: Mapping[str, bytes]) -> Iterator[Answer]:
        if not tasks:
            return
        self._need_workers()
        size = self._chunk(tasks)
        chunks = [list(tasks[start : start + size]) for start in range(0, len(tasks), size)]
        futures = {}
        for chunk in chunks:
            data = {name: self._send(name, networks[name]) for name in {task.network for task in chunk}}
            futures[self._client.submit(evaluate_chunk, chunk, data, pure=False)] = chunk
        for future in self._as_completed(list(futures)):
            try:
                answers = future.result()
            except Exception as error:  # also what Dask makes of workers that die again and again
                reason = f"lost on the cluster: {type(error).__name__}: {error}".partition("\n")[0]
                answers = [Answer(task.key, None, reason, True, sources_of(task.level)) for task in futures[future]]
            own = {task.key: sources_of(task.level) for task in futures[future]}
            for answer in answers:
                if answer.sources != own[answer.key]:
                    raise ValueError(
                        f"--dask: a worker of {self._address} runs other sources ({answer.sources}, these are "
                        f"{own[answer.key]}); install the same release there"
                    )
                yield answer

    def close(self) -> None:
        self._client.close(timeout=_PATIENCE_S)

    def _chunk(self, tasks: Sequence[Task]) -> int:
        """Tasks in one message: CHUNK where that leaves no worker idle; of the RTL, one task is work enough."""
        if any(task.level == RTL for task in tasks):
            return 1
        return max(1, min(CHUNK, len(tasks) // sum(self._client.nthreads().values())))

    def _need_workers(self) -> None:
        try:
            self._client.wait_for_workers(1, timeout=_PATIENCE_S)
        except Exception:
            raise ValueError(
                f"--dask: {self._address} has no workers; start one with 'dask worker {self._address}'"
            ) from None

    def _send(self, name: str, data: bytes) -> Any:
        if name not in self._sent:
            self._sent[name] = self._client.scatter(data, broadcast=True, hash=False)
        return self._sent[name]


def evaluate_chunk(tasks: Sequence[Task], networks: Mapping[str, bytes]) -> list[Answer]:
    """Runs on a worker."""
    return [evaluate(task, networks) for task in tasks]
