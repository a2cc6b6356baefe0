"""The store: what goes in comes out, whoever else writes, and nothing foreign gets in."""

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from hypothesis import given
from hypothesis import strategies as st

from cosim.explore import store as store_module
from cosim.explore.evaluate import Answer
from cosim.explore.networks import Lowered
from cosim.explore.sources import evaluation_sources
from cosim.explore.store import Store, StoreError
from tests.cosim.explore.small import tasks

TASKS = tasks(3)
metrics = st.dictionaries(st.text(max_size=8), st.floats(allow_nan=False) | st.integers(-(2**53), 2**53), max_size=5)


def answer(key: str, found: dict[str, float] | None, reason: str = "") -> Answer:
    return Answer(key, found, reason, False, evaluation_sources())


@given(st.none() | metrics, st.text(max_size=20))
def test_an_answer_comes_back_exactly(found: dict[str, float] | None, reason: str) -> None:
    store = Store.in_memory()
    want = answer(TASKS[0].key, found, reason)
    store.add(TASKS[0], want)
    assert store.find([TASKS[0].key, "other"]) == {TASKS[0].key: want}
    store.close()


def test_a_network_comes_back_exactly() -> None:
    store = Store.in_memory()
    lowered = Lowered("0123", bytes(range(256)), {"accuracy": 0.1 + 0.2})
    store.keep_network("key", lowered)
    assert store.network("key") == lowered and store.network("other") is None


def test_many_keys_are_found_at_once() -> None:
    store = Store.in_memory()
    for task in TASKS:
        store.add(task, answer(task.key, {"cycles": 1}))
    assert len(store.find([f"none{i}" for i in range(1200)] + [task.key for task in TASKS])) == 3


def test_two_processes_share_a_store(tmp_path: Path) -> None:
    one = Store.in_folder(tmp_path, resume=False)
    other = Store.in_folder(tmp_path, resume=True)
    one.add(TASKS[0], answer(TASKS[0].key, {"cycles": 1}))
    other.add(TASKS[1], answer(TASKS[1].key, {"cycles": 2}))
    other.add(TASKS[0], answer(TASKS[0].key, {"cycles": 3}))  # the first one stays
    found = one.find(task.key for task in TASKS)
    assert {key: item.metrics for key, item in found.items()} == {
        TASKS[0].key: {"cycles": 1},
        TASKS[1].key: {"cycles": 2},
    }
    assert one.count() == other.count() == 2


def test_results_are_only_taken_up_on_request(tmp_path: Path) -> None:
    store = Store.in_folder(tmp_path, resume=False)
    store.close()
    Store.in_folder(tmp_path, resume=False).add(TASKS[0], answer(TASKS[0].key, {}))  # an empty one may be used
    with pytest.raises(StoreError, match="holds 1 results: give --resume"):
        Store.in_folder(tmp_path, resume=False)
    assert Store.in_folder(tmp_path, resume=True).count() == 1


def test_a_store_of_other_sources_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Store.in_folder(tmp_path, resume=False).add(TASKS[0], answer(TASKS[0].key, {}))
    monkeypatch.setattr(store_module, "evaluation_sources", lambda: "0123456789abcdef")
    with pytest.raises(StoreError, match=r"holds 1 results of other sources .*start a new store"):
        Store.in_folder(tmp_path, resume=True)


def test_a_full_disk_is_told_and_loses_nothing(tmp_path: Path) -> None:
    store = Store.in_folder(tmp_path, resume=False)
    store.add(TASKS[0], answer(TASKS[0].key, {"cycles": 1}))

    def no_more(connection: Any, _record: Any, _proxy: Any) -> None:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")

    sqlalchemy.event.listen(store._engine, "checkout", no_more)
    with pytest.raises(StoreError, match="disk is full; make room, then go on with --resume"):
        store.add(TASKS[1], answer(TASKS[1].key, None, "x" * 100_000))
    assert set(Store.in_folder(tmp_path, resume=True).find(task.key for task in TASKS)) == {TASKS[0].key}


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("nonsense", "cannot use nonsense"),
        ("oracle9://x", "cannot use oracle9://x"),
        ("sqlite:////no/such/folder/x.sqlite", "unable to open database file"),
    ],
)
def test_a_url_that_leads_nowhere(url: str, message: str) -> None:
    with pytest.raises(StoreError, match=message):
        Store(url, resume=True)


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    path.write_bytes(b"not a database at all" * 100)
    with pytest.raises(StoreError, match="not a database; give another --out or --store"):
        Store.in_folder(tmp_path, resume=True)
    assert path.read_bytes().startswith(b"not a database at all")
