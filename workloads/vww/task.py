"""The data of visual wake words: a generated presence task. There is no reader of files."""

import numpy as np

from workloads import losses, pixels
from workloads.data.presence import presence
from workloads.metrics import accuracy
from workloads.task import Recipe, Task
from workloads.vww.model import MobileNetV1

MOST_SHIFT_PIXELS = 4


def _augment(stored: np.ndarray, data_set: str, rng: np.random.Generator) -> np.ndarray:
    del data_set
    return pixels.mirrored(pixels.shifted(stored, MOST_SHIFT_PIXELS, rng), rng)


TASK = Task(
    name="vww",
    network=MobileNetV1,
    to_inputs=pixels.to_inputs,
    loss=losses.classification,
    score=accuracy,
    embedded=presence,
    embedded_recipe=Recipe(epochs=12, batch_size=32),
    augment=_augment,
)
