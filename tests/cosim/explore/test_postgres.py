"""A store that several machines share: the same results through PostgreSQL, whoever writes beside and is killed."""

import importlib.util
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
import yaml

from cosim.explore.evaluate import Answer
from cosim.explore.networks import Lowered
from cosim.explore.sources import evaluation_sources
from cosim.explore.store import Store, StoreError
from tests.cosim.explore.small import network_file, plain, tasks
from tests.fixtures import postgres
from tests.fixtures.command import runner

ROOT = Path(__file__).parents[3]
FILES = ("explore.json", "points.csv", "points.parquet")
AXES = {"accelerator.clock_mhz": {"from": 50, "to": 160, "step": 10}}
TASKS = tasks(3)
PLAIN = ("--choose", "none")  # no reports on a design
needs_server = pytest.mark.skipif(bool(postgres.missing()), reason=postgres.missing() or "none")


def answer(key: str, cycles: float | None, reason: str = "") -> Answer:
    return Answer(key, None if cycles is None else {"cycles": cycles}, reason, False, evaluation_sources())


@pytest.fixture(scope="module")
def server() -> Iterator[postgres.Server]:
    with postgres.server() as found:
        yield found


@pytest.fixture
def url(server: postgres.Server, request: pytest.FixtureRequest) -> str:
    """Of an empty database."""
    name = f"d{abs(hash(request.node.name))}"
    _ask(server.url(), f"CREATE DATABASE {name}")
    return server.url(name)


def _ask(url: str, query: str) -> Any:
    engine = sqlalchemy.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sqlalchemy.pool.NullPool)
    with engine.connect() as connection:
        found = connection.execute(sqlalchemy.text(query))
        return found.scalar() if found.returns_rows else None


@needs_server
def test_what_goes_in_comes_out_and_the_first_one_stays(url: str, server: postgres.Server) -> None:
    one, other = Store(url, resume=False), Store(url, resume=True)
    lowered = Lowered("0123", bytes(range(256)), {"accuracy": 0.1 + 0.2})
    one.keep_network("key", lowered)
    assert other.network("key") == lowered and other.network("none") is None
    want = [answer(TASKS[0].key, 0.1 + 0.2), answer(TASKS[1].key, None, "kein Platz für 'µ' \\ %s")]
    for task, item in zip(TASKS, want, strict=False):
        one.add(task, item)
    other.add(TASKS[0], answer(TASKS[0].key, 3))
    assert other.find([*(task.key for task in TASKS), *(f"none{i}" for i in range(1200))]) == {x.key: x for x in want}
    assert one.count() == other.count() == 2
    with pytest.raises(StoreError, match="holds 2 results: give --resume"):
        Store(url, resume=False)
    assert Store(url.replace("+psycopg", ""), resume=True).count() == 2  # the driver goes without saying
    for store in (one, other):
        store.close()


@needs_server
def test_many_processes_may_open_a_new_store_at_once(url: str) -> None:
    with ThreadPoolExecutor(8) as pool:  # as good as processes here: each has connections of its own
        stores = list(pool.map(lambda _: Store(url, resume=True), range(8)))
    assert [store.count() for store in stores] == [0] * 8
    for store in stores:
        store.close()


@needs_server
def test_a_dropped_connection_is_made_anew_and_a_lost_server_told(url: str, server: postgres.Server) -> None:
    store = Store(url, resume=False)
    store.add(TASKS[0], answer(TASKS[0].key, 1))
    assert _ask(server.url(), "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname LIKE 'd%'")
    store.add(TASKS[1], answer(TASKS[1].key, 2))
    server.stop()
    try:
        with pytest.raises(StoreError, match=r"^store postgresql.*connection.*go on with --resume"):
            store.add(TASKS[2], answer(TASKS[2].key, 3))
        with pytest.raises(StoreError, match="is the server there"):
            Store(url, resume=True)
    finally:
        server.start()
    store.add(TASKS[2], answer(TASKS[2].key, 3))
    assert len(store.find(task.key for task in TASKS)) == 3
    store.close()


@needs_server
def test_a_killed_exploration_goes_on_in_two_processes_at_once(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And writes what one process with SQLite writes."""
    monkeypatch.chdir(tmp_path)
    Path("space.yaml").write_text(yaml.safe_dump(plain(network_file(tmp_path), axes=AXES, objectives=["latency_ms"])))

    def start(out: str, *more: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "cosim", "explore", "space.yaml", "--store", url, "--out", out, *PLAIN, *more]
        paths = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        return subprocess.Popen(
            command,
            env={**os.environ, "PYTHONPATH": paths},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    killed = start("killed")
    _until(lambda: _stored(url) > 2)
    killed.kill()
    killed.communicate()
    kept = _stored(url)
    assert killed.returncode == -9 and 2 < kept < 13
    both = [start(out, "--resume") for out in ("a", "b")]
    texts = [run.communicate()[0] for run in both]
    assert [run.returncode for run in both] == [0, 0], texts
    assert runner(capsys)("explore", "space.yaml", "--out", "sqlite", *PLAIN).status == 0
    for name in FILES:
        assert Path("a", name).read_bytes() == Path("b", name).read_bytes() == Path("sqlite", name).read_bytes()
    assert _stored(url) == Store.in_folder(tmp_path / "sqlite", resume=True).count()
    assert all("pairs of network and system" in text for text in texts)


def _stored(url: str) -> int:
    try:
        return int(_ask(url, "SELECT count(*) FROM evaluations"))
    except sqlalchemy.exc.ProgrammingError:  # no such table yet
        return 0


def _until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)


@pytest.mark.parametrize(
    "url", ["postgresql://u:secret@nowhere.invalid/x", "postgresql+psycopg://u:secret@nowhere.invalid/x"]
)
def test_a_missing_driver_is_named_with_its_extra(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(ValueError, match=r"package psycopg, which is not installed.*pip install 'cosim\[postgres\]'"):
        Store(url, resume=True)


@pytest.mark.skipif(importlib.util.find_spec("psycopg") is None, reason="no psycopg: install the extra 'postgres'")
def test_a_server_that_is_not_there_is_told_without_the_password() -> None:
    message = r"store postgresql\+psycopg://u:\*\*\*@127.0.0.1:1/x: .*is the server there"
    with pytest.raises(StoreError, match=message) as found:
        Store("postgresql+psycopg://u:secret@127.0.0.1:1/x", resume=True)
    assert "secret" not in str(found.value)
