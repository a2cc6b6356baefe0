"""What the simulator runs: a backbone, how its stream skips, the frames of one clip, and what PyTorch makes of them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from workloads.patchskip import integer, problem
from workloads.patchskip.backbones import BACKBONES, MOST_OBJECTS
from workloads.patchskip.clips import Clip, to_inputs
from workloads.patchskip.integer import Network
from workloads.patchskip.measure import relative_error, scores
from workloads.patchskip.settings import Settings
from workloads.patchskip.stream import Stream

THETA, DENSE_ABOVE, FRAMES = 8, 0.75, 24
"""Defaults on hardware: a threshold that saves on still cameras, and a fall-back where whole frames take less time."""
_NUMBERS: Mapping[str, type] = {"patch": int, "theta": int, "refresh": int, "dense_above": float, "memory_bytes": int}
CHOICES = ("backbone", "compare", *_NUMBERS)


@dataclass(frozen=True, slots=True)
class Expected:
    """A frame in PyTorch: maps int8 [rows, columns, channels] by name, the relative error of the last map against the
    dense network's, and the number of objects that the stream and the dense network see."""

    maps: Mapping[str, np.ndarray]
    error: float
    answer: int
    dense_answer: int


@dataclass(frozen=True, slots=True)
class Example:
    """``counts``: annotated objects of every frame, or None; ``others``: clips that were not taken."""

    backbone: str
    network: Network
    settings: Settings
    clip: Clip
    counts: np.ndarray | None
    others: tuple[str, ...]

    @property
    def codes(self) -> np.ndarray:
        """int8 [n, rows, columns, 3]: the frames as the network reads them."""
        encoded = [self.network.input.codes.encode(frame).numpy() for frame in to_inputs(self.clip.frames)]
        return np.stack(encoded).transpose(0, 2, 3, 1)

    @property
    def pictures(self) -> np.ndarray:
        """uint8 [n, rows, columns]: the frames in grey."""
        return self.clip.frames.mean(axis=1).astype(np.uint8)

    def expected(self) -> Iterator[Expected]:
        """What a stream in PyTorch makes of frame after frame."""
        stream, last = Stream(self.network, self.settings), self.network.graph.layers[-1].name
        features = self.network.graph.features
        for frame, index in zip(to_inputs(self.clip.frames), self.clip.index, strict=True):
            done = stream(frame, int(index))
            dense = integer.dense(self.network, self.network.input.codes.encode(frame))
            yield Expected(
                {name: value.numpy().transpose(1, 2, 0) for name, value in stream.values.items()},
                relative_error(self.network, done.features, dense[features]),
                int(done.output.argmax()),
                int(dense[last].flatten().argmax()),
            )

    def task(self, answers: list[int]) -> dict[str, float]:
        """Shares of frames in which presence and the number of objects are as annotated; empty without annotation."""
        labels = None if self.counts is None else np.minimum(self.counts, MOST_OBJECTS)
        return {name: float(value) for name, value in scores(np.array(answers), labels).items()}


def example(data: Path | None, clip: str | None, frames: int | None, chosen: Mapping[str, str]) -> Example:
    """The first clip of ``data`` (a file or a folder; None: generated scenes) whose name holds ``clip``.

    ``chosen``: settings by name (CHOICES), as text. Raises ValueError for what it does not know.
    """
    values = _values(chosen)
    backbone = str(values.pop("backbone", "resnet8"))
    if backbone not in BACKBONES:
        raise ValueError(f"unknown backbone {backbone!r}; want one of {', '.join(BACKBONES)}")
    settings = Settings(**({"theta": THETA, "dense_above": DENSE_ABOVE} | values))
    (first, counts), *others = problem.sources(data, clip, frames or FRAMES)
    counts = None if counts is None else counts[: len(first.frames)]
    names = tuple(other.name for other, _ in others)
    return Example(backbone, problem.network(backbone), settings, first, counts, names)


def _values(chosen: Mapping[str, str]) -> dict[str, Any]:
    assert {*_NUMBERS, "compare"} <= {item.name for item in fields(Settings)}
    found: dict[str, Any] = {}
    for name, text in chosen.items():
        if name not in CHOICES:
            raise ValueError(f"unknown setting {name!r}; want one of {', '.join(CHOICES)}")
        try:
            found[name] = _NUMBERS.get(name, str)(text)
        except ValueError:
            raise ValueError(f"{name}: want a number, got {text!r}") from None
    return found
