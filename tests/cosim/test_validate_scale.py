"""What limits an exploration on many workers: every part is measured, on messages of the real size."""

import pickle
from pathlib import Path
from typing import Any

import pytest

from cosim.explore.cluster import CHUNK, Cluster
from cosim.explore.evaluate import RTL
from cosim.validate import scale
from tests.cosim.explore.small import network, network_file, tasks


def test_every_part_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in {"_POINTS": 64, "_COMMITS": 20, "_CHUNKS": 2, "_EVALUATIONS": 1}.items():
        monkeypatch.setattr(scale, name, value)
    assert scale.main([network_file(tmp_path)]) == 0
    cells = [line.strip("|").split("|") for line in capsys.readouterr().out.splitlines()[2:]]
    found = {name.strip(): float(value.split()[0].replace(",", "")) for name, value in cells}
    assert len(found) == 10 and all(value > 0 for value in found.values()), found
    assert found["an evaluation of small, searched level"] > found["an evaluation of small, event level"]
    assert found["a network, once a worker"] == len(network().to_bytes())
    assert abs(found["a task, as sent to a worker"] - len(pickle.dumps(tasks(1)[0]))) < 100


def test_a_target_that_is_not_there_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert scale.main(["missing.network"]) == 1
    assert "scale: error: no such file: missing.network" in capsys.readouterr().err


@pytest.mark.parametrize(("threads", "size"), [(1, CHUNK), (2, CHUNK), (16, 2), (1000, 1)])
def test_messages_leave_no_worker_idle(threads: int, size: int) -> None:
    cluster = Cluster.__new__(Cluster)
    client: Any = type("Client", (), {"nthreads": lambda self: dict.fromkeys(range(threads), 1)})()
    cluster._client = client
    batch = tasks(1) * 32
    assert cluster._chunk(batch) == size
    on_rtl: Any = [type("Task", (), {"level": RTL})()]
    assert cluster._chunk([*batch, *on_rtl]) == 1
