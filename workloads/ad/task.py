"""The data of anomaly detection: the generated hum of a machine. There is no reader of files."""

import torch

from workloads import losses
from workloads.ad.model import Autoencoder
from workloads.data.hum import hum
from workloads.metrics import auc
from workloads.task import Recipe, Task

TASK = Task(
    name="ad",
    network=Autoencoder,
    to_inputs=torch.tensor,
    loss=losses.reconstruction,
    score=auc,
    embedded=hum,
    embedded_recipe=Recipe(epochs=60, learning_rate=2e-3),
)
