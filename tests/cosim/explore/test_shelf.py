"""Networks kept on disk between explorations: found again, never half, never another one's, never in the way."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from cosim.explore.networks import Lowered
from cosim.explore.shelf import FOLDER_VARIABLE, KEPT, DiskShelf, folder
from cosim.explore.store import Store

NETWORK = Lowered("0123", b"PK\n\x00" + bytes(range(256)), {"accuracy": 0.1 + 0.2})


def test_what_one_exploration_lowered_the_next_one_finds(tmp_path: Path) -> None:
    DiskShelf(Store.in_memory(), tmp_path).keep_network("a", NETWORK)
    store = Store.in_memory()
    later = DiskShelf(store, tmp_path)
    assert later.network("b") is None and store.network("a") is None
    assert later.network("a") == NETWORK == store.network("a")


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-1], lambda data: data[1:], lambda data: b"", lambda data: b"{}"]
)
def test_a_damaged_file_is_made_again(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    DiskShelf(Store.in_memory(), tmp_path).keep_network("a", NETWORK)
    (path,) = tmp_path.iterdir()
    path.write_bytes(damage(path.read_bytes()))
    shelf = DiskShelf(Store.in_memory(), tmp_path)
    assert shelf.network("a") is None
    shelf.keep_network("a", NETWORK)
    assert DiskShelf(Store.in_memory(), tmp_path).network("a") == NETWORK


def test_a_disk_that_takes_nothing_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    shelf = DiskShelf(Store.in_memory(), tmp_path / "file")
    shelf.keep_network("a", NETWORK)
    assert shelf.network("a") == NETWORK


def test_the_longest_unused_ones_go(tmp_path: Path) -> None:
    shelf = DiskShelf(Store.in_memory(), tmp_path)
    for index in range(KEPT):
        shelf.keep_network(str(index), NETWORK)
        os.utime(tmp_path / f"{index}.lowered", (index, index))
    assert DiskShelf(Store.in_memory(), tmp_path).network("0") == NETWORK  # used: the newest now
    shelf.keep_network("one more", NETWORK)
    left = {path.stem for path in tmp_path.iterdir()}
    assert len(left) == KEPT and "1" not in left and {"0", "2", "one more"} <= left


def test_where_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert folder() is None, "the tests keep nothing"
    monkeypatch.delenv(FOLDER_VARIABLE)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert folder() == tmp_path / "cosim"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert folder() == Path.home() / ".cache" / "cosim"
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "mine"))
    assert folder() == tmp_path / "mine"
