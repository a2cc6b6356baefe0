"""ResNet-8's data: scikit-learn's digits, or CIFAR-10, MNIST and Fashion-MNIST from a folder."""

import numpy as np

from workloads import losses, pixels
from workloads.data import images
from workloads.metrics import accuracy
from workloads.resnet8.model import ResNet8
from workloads.task import Recipe, Task

MOST_SHIFT_PIXELS = {"digits": 2, "mnist": 2, "fashion-mnist": 2, "cifar10": 4}
MIRRORED = ("fashion-mnist", "cifar10")  # a mirrored digit is no digit


def _augment(stored: np.ndarray, data_set: str, rng: np.random.Generator) -> np.ndarray:
    varied = pixels.shifted(stored, MOST_SHIFT_PIXELS[data_set], rng)
    return pixels.mirrored(varied, rng) if data_set in MIRRORED else varied


TASK = Task(
    name="resnet8",
    network=ResNet8,
    to_inputs=pixels.to_inputs,
    loss=losses.classification,
    score=accuracy,
    embedded=images.digits,
    embedded_recipe=Recipe(epochs=12, batch_size=32),
    sources=images.SOURCES,
    recipes={
        "cifar10": Recipe(epochs=26, batch_size=32),
        "fashion-mnist": Recipe(epochs=2),
        "mnist": Recipe(epochs=2),
    },
    augment=_augment,
)
