"""What a worker process does: measure a cell on a clip, or train a cell's gate, on one thread."""

import json
import signal
import time
from collections.abc import Mapping
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from workloads.arrays import load_arrays, save_arrays
from workloads.patchskip import identity, problem
from workloads.patchskip.cells import GATE_PATCH, GATE_STEPS, PASS_BATCH, PASS_STEPS, PASS_TARGET, Cell
from workloads.patchskip.comparator import Gate
from workloads.patchskip.gate_training import train_gates, train_pass
from workloads.patchskip.gates import IntegerGate
from workloads.patchskip.integer import Network
from workloads.patchskip.measure import Reference, measure, reference
from workloads.patchskip.pass_gate import FloatPassGate, PassGate
from workloads.patchskip.plan import plans_of
from workloads.patchskip.stream import Stream

_network = lru_cache(problem.network)


def start() -> None:
    """In a new worker: one thread; Ctrl-C is the parent's to answer, which lets a worker finish what it does."""
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@lru_cache
def clips_of(data: Path | None, frames: int | None) -> dict[str, problem.Labelled]:
    """Clips by name, read once in a process."""
    return {labelled[0].name: labelled for labelled in problem.sources(data, None, frames)}


@lru_cache(maxsize=8)
def _dense(backbone: str, data: Path | None, frames: int | None, clip: str) -> Reference:
    return reference(_network(backbone), *clips_of(data, frames)[clip])


def run(cell: Cell, data: Path | None, frames: int | None, name: str, stored: Any) -> dict[str, Any]:
    """The values of a cell on one clip; `stored` is its gate: None, integers by map, or PASS's file."""
    began = time.process_time()
    clip, counts = clips_of(data, frames)[name]
    network = _network(cell.backbone)
    values = measure(
        Stream(network, cell.settings(), _gates(cell, network, stored)), clip, _dense(cell.backbone, data, frames, name)
    )
    made = {"identity": identity.of_run(cell), "frames_identity": identity.of_clip(clip, counts)}
    seconds = round(time.process_time() - began, 1)
    return {"cell": cell.name, **asdict(cell), "clip": name, "seconds": seconds, **made, **values}


def train(cell: Cell, path: Path) -> dict[str, Any]:
    """A cell's gate: integers by compared map; PASS's is written to `path`."""
    network = _network(cell.backbone)
    if cell.gate == "learned":
        _, trained = train_gates(problem.gate_job(network, GATE_PATCH, cell.target, GATE_STEPS), _say)
        return {site: asdict(gate) for site, gate in trained.items()}
    module = train_pass(problem.gate_job(network, GATE_PATCH, PASS_TARGET, PASS_STEPS, PASS_BATCH), _say)
    arrays = {name: value.numpy() for name, value in module.state_dict().items()}
    save_arrays(path, {**arrays, "identity": np.array(identity.of_gate(cell))})
    return {}


def _say(line: str) -> None:
    print(line, flush=True)


def _gates(cell: Cell, network: Network, stored: Any) -> Mapping[str, Gate]:
    if cell.gate == "none":
        return {}
    if cell.gate == "pass":
        return {network.input.layer.name: _pass_gate(network, Path(stored))}
    return {site: _gate(fields) for site, fields in stored.items()}


def _gate(fields: Mapping[str, object]) -> IntegerGate:
    """From JSON: lists become tuples."""
    frozen = json.loads(json.dumps(fields))
    hidden = tuple(tuple(row) for row in frozen["hidden"])
    return IntegerGate(hidden, tuple(frozen["bias"]), frozen["shift"], tuple(frozen["last"]), frozen["last_bias"])


def _pass_gate(network: Network, path: Path) -> FloatPassGate:
    source = network.input.layer
    module = PassGate(source.shape[0], plans_of(network.graph.layers, GATE_PATCH)[source.name].grid)
    arrays = load_arrays(path)
    arrays.pop("identity")
    module.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})
    return FloatPassGate(module.eval())
