"""``cosim explore`` as a user types it: results, kills in mid-run, Ctrl-C, mistakes."""

import contextlib
import csv
import io
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
import yaml

from cosim.explore import funnel
from tests.cosim.explore.small import network_file, plain
from tests.fixtures.command import Command, Refusal, refusal, runner

ROOT = Path(__file__).parents[3]
FILES = ("explore.json", "points.csv", "points.parquet")
LARGER = {"accelerator.clock_mhz": {"from": 50, "to": 200, "step": 10}, "accelerator.array.rows": [8, 16]}


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.chdir(tmp_path)
    return runner(capsys)


@pytest.fixture
def refused(command: Command, tmp_path: Path) -> Refusal:
    return refusal(command, tmp_path)


@pytest.fixture
def space_file(tmp_path: Path) -> Callable[..., str]:
    def write(**changes: Any) -> str:
        path = tmp_path / "space.yaml"
        path.write_text(yaml.safe_dump(plain(network_file(tmp_path), **changes), sort_keys=False))
        return str(path)

    return write


def export(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in FILES}


def test_a_space_to_its_front(command: Command, space_file: Callable[..., str], tmp_path: Path) -> None:
    constraints = ["accelerator.array.columns < 8 or accelerator.array.rows < 16"]
    result = command("explore", space_file(constraints=constraints), "--out", "out", "--json", "-")
    assert result.status == 0, result.err
    found = json.loads(result.out)
    assert found == json.loads((tmp_path / "out/explore.json").read_text())
    assert (found["size"], found["counts"]["ok"], found["counts"]["constraint"]) == (12, 10, 2)
    assert [item["path"] for item in found["axes"]] == list(plain("")["axes"])
    assert f"constraint '{constraints[0]}' kills 2 of 12 points" in result.err
    assert "first result: point 0 (rows 4, columns 4, weights_in sram): latency_ms " in result.err
    rows = list(csv.DictReader(io.StringIO((tmp_path / "out/points.csv").read_text())))
    assert [int(row["point"]) for row in rows] == list(range(12))
    front = {int(row["point"]) for row in rows if row["front"] == "True"}
    assert front == {item["index"] for item in found["front"]}
    table = pyarrow.parquet.read_table(tmp_path / "out/points.parquet").to_pylist()
    assert [row["accelerator.array.rows"] for row in table] == [4] * 4 + [8] * 4 + [16] * 4
    for row, text in zip(table, rows, strict=True):
        assert (row["latency_ms"] is None) == (text["latency_ms"] == "") == (row["status"] == "constraint")
        assert row["latency_ms"] is None or row["latency_ms"] == float(text["latency_ms"])
    page = (tmp_path / "out/report.html").read_text()
    assert "http://" not in page.split("<script>")[0] and all(
        f'id="{name}"' in page for name in ("parallel", "effects")
    )
    for item in found["front"]:
        assert f'data-v="{item["index"]}"' in page


def test_any_number_of_workers_and_a_cluster_write_the_same_bytes(
    command: Command, space_file: Callable[..., str], tmp_path: Path
) -> None:
    distributed = pytest.importorskip("distributed")
    space = space_file(axes={"accelerator.array.rows": [4, 8, 16], "options.weights_in": ["sram", "flash"]})
    assert command("explore", space, "--out", "one").status == 0
    assert command("explore", space, "--out", "two", "--jobs", 2).status == 0
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None
    ) as cluster:
        with distributed.Client(cluster):
            result = command("explore", space, "--out", "dask", "--dask", cluster.scheduler_address)
            assert result.status == 0, result.err
    assert export(tmp_path / "one") == export(tmp_path / "two") == export(tmp_path / "dask")


def test_a_search_is_the_same_again_and_takes_up_its_store(
    command: Command, space_file: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(funnel, "MOST_PROGRAMS", 0)  # as in a space too large to screen
    space = space_file(axes=LARGER)
    arguments = ("explore", space, "--budget", 20, "--seed", 5)
    assert command(*arguments, "--store", "x.sqlite", "--out", "a").status == 0
    again = command(*arguments, "--store", "x.sqlite", "--out", "b", "--resume")
    assert again.status == 0 and "simulated 0 pairs of network and system" in again.out, again.err
    with contextlib.closing(sqlite3.connect(tmp_path / "x.sqlite")) as store, store:  # as a kill in mid-run leaves it
        lost = store.execute("DELETE FROM evaluations WHERE rowid % 3 = 0").rowcount
    half = command(*arguments, "--store", "x.sqlite", "--out", "c", "--resume", "--jobs", 2)
    assert lost > 5 and f"simulated {lost} pairs of network and system" in half.out, half.err
    assert export(tmp_path / "a") == export(tmp_path / "b") == export(tmp_path / "c")
    assert json.loads((tmp_path / "a/explore.json").read_text())["evaluated"] == 20


# ---- processes that are killed ----


class Started:
    """``cosim explore`` in a session of its own."""

    def __init__(self, *arguments: object) -> None:
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "cosim", "explore", *map(str, arguments)],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            # A shell starts what it puts in the background with interrupts ignored.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    def orphans(self) -> bool:
        """Whether a process of the session is left."""
        return bool(self._session())

    def _session(self) -> list[int]:
        """Processes of the session that have not ended; workers are groups of their own in it."""
        found = []
        for place in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                state, _, _, session = place.read_text().rpartition(")")[2].split()[:4]
                found += [int(place.parent.name)] * (int(session) == self.process.pid and state != "Z")
        return found

    def kill(self) -> None:
        """End what is left of it."""
        for pid in self._session():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)


def _stored(path: Path) -> int:
    try:
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
            return int(connection.execute("SELECT count(*) FROM evaluations").fetchone()[0])
    except sqlite3.OperationalError:
        return 0


@pytest.fixture
def started() -> Iterator[Callable[..., Started]]:
    made: list[Started] = []

    def start(*arguments: object) -> Started:
        made.append(Started(*arguments))
        return made[-1]

    yield start
    for item in made:
        item.kill()
        item.process.communicate()


def test_three_kills_and_an_interrupt_lose_and_repeat_nothing(
    command: Command, space_file: Callable[..., str], tmp_path: Path, started: Callable[..., Started]
) -> None:
    space, store = space_file(axes=LARGER), tmp_path / "killed/store.sqlite"
    kept = 0
    for how in (signal.SIGKILL, signal.SIGKILL, signal.SIGINT, signal.SIGKILL):
        run = started(space, "--out", store.parent, "--jobs", 2, *["--resume"] * (kept > 0))
        before = kept
        _until(lambda: _stored(store) > before + 2 or run.process.poll() is not None)  # noqa: B023
        if how == signal.SIGINT:
            os.killpg(run.process.pid, how)  # as a terminal does: to the workers as well
            out, err = run.process.communicate()
            assert run.process.returncode == 130, err
            assert "results are kept in" in err and "Traceback" not in err and "cosim: interrupted" in err
        else:
            run.process.send_signal(how)
            run.process.wait()
            assert run.process.returncode == -how
        _until(lambda: not run.orphans())  # noqa: B023
        assert _stored(store) >= kept > -1
        kept = _stored(store)
    result = command("explore", space, "--out", "killed", "--resume")
    assert result.status == 0, result.err
    whole = command("explore", space, "--out", "whole")
    assert whole.status == 0
    assert export(tmp_path / "killed") == export(tmp_path / "whole")
    assert f"{kept:,} were in the store" in result.out
    assert _stored(store) == _stored(tmp_path / "whole/store.sqlite")


# ---- mistakes ----


def test_arguments_that_make_no_sense(refused: Refusal, space_file: Callable[..., str]) -> None:
    space = space_file()
    assert "want a space: a name from 'cosim list'" in refused("explore")
    assert "unknown space 'nothing'" in refused("explore", "nothing")
    assert "--jobs: want at least 1, got 0" in refused("explore", space, "--jobs", 0)
    assert "--budget: want at least 1, got 0" in refused("explore", space, "--budget", 0)
    assert "--seed: want at least 0, got -1" in refused("explore", space, "--seed", -1)
    assert "--samples: want at least 0" in refused("explore", space, "--samples", -1)
    assert "--resume needs the store" in refused("explore", space, "--resume")
    assert "--jobs does not apply" in refused("explore", space, "--dask", "tcp://x:1", "--jobs", 2)
    assert "--out: " in refused("explore", space, "--out", space)
    assert "cannot use mysterious" in refused("explore", space, "--store", "mysterious://x")


def test_a_cluster_that_is_not_there(refused: Refusal, space_file: Callable[..., str]) -> None:
    assert "--dask: cannot reach a scheduler at nowhere://" in refused("explore", space_file(), "--dask", "nowhere://")


def test_networks_that_cannot_be_used(refused: Refusal, space_file: Callable[..., str], tmp_path: Path) -> None:
    missing = space_file(workloads=["missing.network"], constraints=[])
    assert "no such file: missing.network" in refused("explore", missing)
    space = space_file(axes={"options.multiplier_bits": [16]})
    assert "workload small: option multiplier_bits does not apply" in refused("explore", space)


def test_a_space_without_a_point_that_holds(command: Command, space_file: Callable[..., str], tmp_path: Path) -> None:
    result = command("explore", space_file(constraints=["latency_ms < 0"]), "--out", "out")
    assert result.status == 1
    assert "constraint 'latency_ms < 0' kills 12 of 12 points: no point satisfies it (latency_ms from " in result.out
    assert "cosim: error: no point of the space" in result.err
    assert "Pareto front" in (tmp_path / "out/report.html").read_text()


def test_a_missing_package_is_named_with_its_extra(
    refused: Refusal, space_file: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)
    message = refused("explore", space_file())
    assert "needs the package sqlalchemy, which is not installed; install the extra 'explore'" in message


def test_the_schema_and_the_list_know_spaces(command: Command) -> None:
    schema = json.loads(command("explore", "--schema").out)
    assert "constraints" in schema["properties"] and "axes" in schema["properties"]
    listed = json.loads(command("list", "--json", "-").out)
    assert {item["name"]: item["points"] for item in listed["spaces"]} == {
        "explore-arrays": 6,
        "explore-large": 165888,
        "explore-small": 24,
    }
