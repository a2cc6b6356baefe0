"""A small network and spaces over it; executors and systems that misbehave on purpose."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from accel_models.network import Network
from accel_models.system import System, load_system
from cosim.explore.evaluate import EVENT, Answer, Task, task
from cosim.explore.files import parse_space
from cosim.explore.networks import Networks
from cosim.explore.sources import evaluation_sources
from cosim.explore.space import Space
from cosim.explore.store import Store
from cosim.explore.study import Result, Study
from tests.cosim.networks import residual_network

AXES = {
    "accelerator.array.rows": [4, 8, 16],
    "accelerator.array.columns": [4, 8],
    "options.weights_in": ["sram", "flash"],
}


@cache
def network() -> Network:
    net = residual_network()
    return net.build(net.operators[-1].outputs[0], name="small")


def network_file(folder: Path, name: str = "small") -> str:
    path = folder / f"{name}.network"
    network().save(path)
    return str(path)


def plain(target: str, **changes: Any) -> dict[str, Any]:
    """A space's data; keywords replace fields."""
    found: dict[str, Any] = {
        "name": "test",
        "system": "edge16",
        "axes": AXES,
        "workloads": [{"target": target}],
        "objectives": ["latency_ms", "area_mm2"],
    }
    return found | changes


def small_space(target: str, **changes: Any) -> Space:
    return parse_space(plain(target, **changes))


def tasks(count: int) -> list[Task]:
    """Evaluations of the small network on systems that differ in their clock."""
    base = load_system("edge16").model_dump()
    systems = [
        System.model_validate({**base, "accelerator": {**base["accelerator"], "clock_mhz": 100 + i}})
        for i in range(count)
    ]
    return [task(network().hash, system, "sram", EVENT) for system in systems]


def data() -> dict[str, bytes]:
    return {network().hash: network().to_bytes()}


class Quiet:
    """A Watch that says nothing and counts."""

    def __init__(self) -> None:
        self.answers = 0

    def stage(self, text: str, points: int) -> None:
        del text, points

    def answer(self, done: int, of: int, points: int) -> None:
        del done, of, points
        self.answers += 1

    def batch(self, results: Sequence[Result]) -> None:
        del results

    def screened(self, points: int) -> None:
        del points


class Formula:
    """An executor without simulation: metrics in closed form of the system, so that large spaces cost nothing."""

    def run(self, tasks: Sequence[Task], networks: Mapping[str, bytes]) -> Iterator[Answer]:
        del networks
        for asked in reversed(tasks):  # executors answer in any order
            accelerator = asked.system.accelerator
            assert accelerator is not None
            latency = 1e3 / accelerator.array.macs_per_cycle + 1 / accelerator.clock_mhz
            metrics = dict.fromkeys(
                ("sram_peak_bytes", "scratchpad_peak_bytes", "flash_bytes", "traffic_bytes", "cycles", "utilization"),
                1.0,
            )
            metrics |= {"latency_ms": latency, "energy_uj": accelerator.clock_mhz + 10.0}
            metrics |= {"average_power_mw": 1.0, "energy_delay_uj_ms": latency * metrics["energy_uj"]}
            yield Answer(asked.key, metrics, "", False, evaluation_sources())

    def close(self) -> None:
        return None


def study_of(space: Space, executor: Any, store: Store | None = None) -> Study:
    store = store or Store.in_memory()
    return Study(space, Networks(store, seed=0, samples=0, report=lambda text: None), store, executor, Quiet())


class Trouble:
    """Stands for a task's system and makes the process that receives it run ``function(*arguments)``."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


def end_once(marker: str, system: System) -> System:
    """End the process on the first call for a marker file; later the system."""
    try:
        os.close(os.open(marker, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return system
    os._exit(9)


def hang(folder: str) -> None:
    """Say which process this is and which one it started, then do nothing for long."""
    for pid in (os.getpid(), subprocess.Popen(["sleep", "300"]).pid):
        (Path(folder) / str(pid)).touch()
    time.sleep(300)
