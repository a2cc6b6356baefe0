"""Which data a network is trained on: inputs in float32 and in codes, and labels."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from workloads.data import images
from workloads.data.samples import DataSet
from workloads.octo.initial import exponent_of, input_codes
from workloads.octo.networks import Network


@dataclass(frozen=True, slots=True)
class Problem:
    """A data set, read: training and test inputs (float32, batch first) with labels, and the exponent of the codes."""

    data_set: str
    inputs: torch.Tensor
    labels: torch.Tensor
    test_inputs: torch.Tensor
    test_labels: torch.Tensor
    input_exponent: int

    def codes(self, inputs: torch.Tensor) -> torch.Tensor:
        """Inputs as int8."""
        return input_codes(inputs, self.input_exponent)


def _small_inputs(stored: np.ndarray) -> torch.Tensor:
    """uint8 (n, 1, 8, 8) -> float32 = (pixel - 128) / 128."""
    return (torch.from_numpy(stored).to(torch.float32) - 128.0) / 128.0


def _source(
    network: Network, folder: Path | None, wanted: str | None
) -> tuple[DataSet, Callable[[np.ndarray], torch.Tensor]]:
    if network.shape == (1, 8, 8):
        data_set = images.small_digits()
        if folder is not None or wanted not in (None, data_set.name):
            raise ValueError(f"{network.name} is trained on {data_set.name}, which comes with the package")
        return data_set, _small_inputs
    if network.shape == (1, 49, 10):
        from workloads.kws.task import TASK
    else:
        from workloads.resnet8.task import TASK
    return TASK.data_set(folder, wanted), TASK.to_inputs


def read(network: Network, folder: Path | None, wanted: str | None, samples: int | None = None) -> Problem:
    """The data of a network: the package's own, or what a folder holds; `samples` is for training alone."""
    data_set, to_inputs = _source(network, folder, wanted)
    train, test = data_set.read("train", samples), data_set.read("test", None)
    inputs = to_inputs(train.inputs)
    if tuple(inputs.shape[1:]) != network.shape:
        raise ValueError(f"{network.name} wants inputs {network.shape}, {data_set.name} has {tuple(inputs.shape[1:])}")
    labels, test_labels = (torch.from_numpy(part.labels.astype(np.int64)) for part in (train, test))
    exponent = exponent_of(float(inputs.abs().max()), codes=128)
    return Problem(data_set.name, inputs, labels, to_inputs(test.inputs), test_labels, exponent)
