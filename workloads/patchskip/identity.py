"""What a stored result depends on, as a hash: the sources and files that decide it, its settings and its frames."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path

import numpy as np

from workloads.patchskip.cells import GATE_PATCH, GATE_STEPS, PASS_BATCH, PASS_STEPS, PASS_TARGET, Cell
from workloads.patchskip.clips import Clip

_HERE = Path(__file__).parent
_STREAM = (
    *(
        f"{name}.py"
        for name in ("backbones", "capture", "clips", "comparator", "cost", "graph", "grid", "integer", "measure")
    ),
    *(f"{name}.py" for name in ("patches", "plan", "problem", "scenes", "settings", "stream", "wrap")),
    *("../blocks.py", "../weights.py", "../pixels.py", "../resnet8/model.py", "../vww/model.py"),
    *("../data/presence.py", "../data/resize.py", "../data/photos.npz"),
)
"""What every run goes through; a clip's frames and labels are hashed themselves."""
_LEARNED = ("blend.py", "gate_training.py", "gates.py")
_PASS = ("gate_training.py", "pass_gate.py")
_GATES: dict[str, tuple[str, ...]] = {"none": (), "learned": _LEARNED, "pass": _PASS}


@lru_cache
def _sources(names: tuple[str, ...]) -> str:
    digest = hashlib.sha256()
    for name in names:
        digest.update(f"{name}\0".encode() + hashlib.sha256((_HERE / name).read_bytes()).digest())
    return digest.hexdigest()


def _hash(parts: Iterable[object]) -> str:
    return hashlib.sha256(json.dumps(list(parts), sort_keys=True).encode()).hexdigest()[:16]


def of_gate(cell: Cell) -> str:
    """Of a trained gate: how and on what it was trained."""
    steps = (GATE_PATCH, GATE_STEPS) if cell.gate == "learned" else (GATE_PATCH, PASS_STEPS, PASS_BATCH, PASS_TARGET)
    names = (*_STREAM, *_GATES[cell.gate], f"{cell.backbone}.npz")
    return _hash([cell.gate, cell.backbone, cell.target, steps, _sources(names)])


def of_run(cell: Cell) -> str:
    """Of a run of a cell on any clip."""
    gate = "" if cell.gate == "none" else of_gate(cell)
    return _hash([asdict(cell), gate, _sources((*_STREAM, f"{cell.backbone}.npz"))])


def of_clip(clip: Clip, counts: np.ndarray | None) -> str:
    """Of the frames, their numbers and their labels."""
    digest = hashlib.sha256(str(clip.frames.shape).encode())
    for part in (clip.frames, clip.index.astype(np.int64), *(() if counts is None else (counts.astype(np.int64),))):
        digest.update(np.ascontiguousarray(part).tobytes())
    return digest.hexdigest()[:16]
