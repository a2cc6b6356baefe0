"""What a data set is: named, split into training and test samples, read on demand."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

Split = Literal["train", "test"]


@dataclass(frozen=True, slots=True)
class Samples:
    """Inputs in storage form (first axis: samples) and as many labels, int64."""

    inputs: np.ndarray
    labels: np.ndarray

    def __post_init__(self) -> None:
        if len(self.inputs) != len(self.labels):
            raise ValueError(f"{len(self.inputs)} inputs but {len(self.labels)} labels")


@dataclass(frozen=True, slots=True)
class DataSet:
    """A data set's name (part of the names of its weights) and its reader.

    `read(split, count)` returns the first `count` samples of a split (all with None), the same ones on every call.
    """

    name: str
    read: Callable[[Split, int | None], Samples]


def take(samples: Samples, count: int | None) -> Samples:
    """The first `count` samples; all with None. ValueError when there are fewer."""
    if count is None:
        return samples
    if not 1 <= count <= len(samples.labels):
        raise ValueError(f"count is {count}, want 1..{len(samples.labels)}, the samples there are")
    return Samples(samples.inputs[:count], samples.labels[:count])
