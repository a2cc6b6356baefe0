"""Executors: the same answers from each, also when workers are lost, and no process that outlives its parent."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from cosim.explore.evaluate import evaluate
from cosim.explore.schedule import InProcess, Processes, executor_of
from tests.cosim.explore.small import Trouble, data, end_once, tasks

ROOT = Path(__file__).parents[3]
TASKS = tasks(6)
WANT = {task.key: evaluate(task, data()) for task in TASKS}


def test_processes_answer_like_this_process_and_survive_lost_workers(tmp_path: Path) -> None:
    """One pool, because each costs seconds: plain tasks, a worker that dies once, one that dies always, idle deaths."""
    assert {answer.key: answer for answer in InProcess().run(TASKS, data())} == WANT
    pool = Processes(2)
    try:
        assert {answer.key: answer for answer in pool.run(TASKS, data())} == WANT
        ends = replace(TASKS[0], system=Trouble(end_once, str(tmp_path / "once"), TASKS[0].system))
        found = {answer.key: answer for answer in pool.run([ends, *TASKS[1:]], data())}
        assert (tmp_path / "once").exists() and found == WANT
        fatal = replace(TASKS[0], system=Trouble(os._exit, 7))
        found = {answer.key: answer for answer in pool.run([fatal, *TASKS[1:3]], data())}
        assert found.pop(fatal.key).reason.startswith("its worker process ended 3 times (last exit code 7")
        assert found == {task.key: WANT[task.key] for task in TASKS[1:3]}
        for worker in pool._workers:
            worker.process.kill()
            worker.process.join()
        assert {answer.key: answer for answer in pool.run(TASKS, data())} == WANT
    finally:
        processes = [worker.process for worker in pool._workers]
        pool.close()
    assert processes and not any(process.is_alive() for process in processes)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_workers_end_with_a_killed_parent_in_mid_task(tmp_path: Path) -> None:
    script = f"""
if __name__ == "__main__":
    from dataclasses import replace
    from cosim.explore.schedule import Processes
    from tests.cosim.explore.small import Trouble, data, hang, tasks
    busy = [replace(task, system=Trouble(hang, {str(tmp_path)!r})) for task in tasks(2)]
    list(Processes(2).run(busy, data()))
"""
    path = tmp_path / "parent.py"
    path.write_text(script)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    parent = subprocess.Popen([sys.executable, str(path)], env=environment)

    def pids() -> list[int]:
        return [int(item.name) for item in tmp_path.iterdir() if item.name.isdigit()]

    try:
        _until(lambda: len(pids()) == 4)  # two workers, and what each of them started
        assert all(_alive(pid) for pid in pids())
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    _until(lambda: not any(_alive(pid) for pid in pids()))


def _until(condition: object, seconds: float = 60.0) -> None:
    assert callable(condition)
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.05)


def test_what_cannot_work_is_refused() -> None:
    with pytest.raises(ValueError, match="--jobs: want at least 1, got 0"):
        executor_of(0, None)
    with pytest.raises(ValueError, match=r"--dask: cannot reach a scheduler at nowhere:// *.*dask scheduler"):
        executor_of(1, "nowhere://")
