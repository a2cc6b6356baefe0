"""The data of keyword spotting: synthesised vowel pairs, or spoken digits from a folder."""

import numpy as np
import torch

from workloads import losses
from workloads.data import speech
from workloads.kws.model import DsCnn
from workloads.metrics import accuracy
from workloads.task import Recipe, Task

MOST_SHIFT_FRAMES = 4
NOISE = 0.15  # standard deviations of a coefficient


def _augment(stored: np.ndarray, data_set: str, rng: np.random.Generator) -> np.ndarray:
    """Earlier or later by up to 80 ms, a little louder or softer, a little noise."""
    del data_set
    padded = np.pad(stored, ((0, 0), (0, 0), (MOST_SHIFT_FRAMES, MOST_SHIFT_FRAMES), (0, 0)), mode="edge")
    starts = rng.integers(0, 2 * MOST_SHIFT_FRAMES + 1, len(stored))
    shifted = np.stack([x[:, begin : begin + speech.FRAMES] for x, begin in zip(padded, starts, strict=True)])
    shifted[..., 0] += rng.normal(0.0, NOISE, (len(stored), 1, 1))
    return np.asarray(shifted + rng.normal(0.0, NOISE, shifted.shape), np.float32)


TASK = Task(
    name="kws",
    network=DsCnn,
    to_inputs=torch.tensor,
    loss=losses.classification,
    score=accuracy,
    embedded=speech.vowels,
    embedded_recipe=Recipe(epochs=12, batch_size=32),
    sources=speech.SOURCES,
    recipes={"fsdd": Recipe(epochs=25, batch_size=32)},
    augment=_augment,
)
