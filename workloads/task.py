"""What a workload does, whatever its network: build it, read its data, find its weights."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import nn

from workloads.data.folders import Source, find_data_set
from workloads.data.samples import DataSet
from workloads.weights import load_weights

CALIBRATION_SAMPLES = 64


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to train on one data set."""

    epochs: int
    batch_size: int = 64
    learning_rate: float = 4e-3
    weight_decay: float = 1e-2


@dataclass(frozen=True, slots=True)
class Task:
    """A network, the data that it can use and the functions between them.

    `to_inputs` turns storage form (see the data set) into the network's float32 input, batch first.
    `augment` varies one training batch in storage form. `loss` takes outputs, inputs and labels.
    """

    name: str
    network: Callable[[], nn.Module]
    to_inputs: Callable[[np.ndarray], torch.Tensor]
    loss: Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]
    score: Callable[[np.ndarray, np.ndarray, np.ndarray], float]
    embedded: Callable[[], DataSet]
    embedded_recipe: Recipe
    sources: tuple[Source, ...] = ()
    recipes: Mapping[str, Recipe] = field(default_factory=dict)
    """By name of the data set, one for each of `sources`."""
    augment: Callable[[np.ndarray, str, np.random.Generator], np.ndarray] | None = None

    def data_set(self, folder: Path | None, wanted: str | None = None) -> DataSet:
        """The package's own data set, or the one found in `folder`; `wanted` picks one of several by name."""
        embedded = self.embedded()
        if folder is not None:
            return find_data_set(folder, self.sources, wanted)
        if wanted not in (None, embedded.name):
            files = next((source.files for source in self.sources if source.name == wanted), None)
            hint = f"it needs --data DIR with its files ({files})" if files else f"want {embedded.name}"
            raise ValueError(f"data set {wanted!r} does not come with the package: {hint}")
        return embedded

    def recipe(self, data_set: str) -> Recipe:
        """The training recipe of a data set, by name."""
        return self.recipes.get(data_set, self.embedded_recipe)

    def weights_path(self, data_set: str) -> Path:
        """Where the committed weights of a data set are, or would be."""
        return Path(__file__).parent / self.name / f"{self.name}_{data_set}.npz"

    def weights_for(self, folder: Path | None) -> Path:
        """The committed weights that match the data in `folder`; ValueError names the command that trains them."""
        data_set = self.data_set(folder).name
        path = self.weights_path(data_set)
        if not path.is_file():
            place = "" if folder is None else f" --data {folder}"
            raise ValueError(
                f"no weights of {self.name} for {data_set}; train them: "
                f"python -m workloads.{self.name}.train{place} --dataset {data_set} --out {path}"
            )
        return path

    def build(self, weights: Path | None = None) -> nn.Module:
        """The network in eval mode with `weights` (None: those of the package's own data set)."""
        module = self.network()
        load_weights(self.weights_for(None) if weights is None else weights, module)
        return module.eval()

    def example_inputs(self, n: int) -> tuple[torch.Tensor, ...]:
        """The first `n` test inputs of the package's own data set."""
        return (self.to_inputs(self.embedded().read("test", n).inputs),)

    def calibration(self, folder: Path | None) -> torch.Tensor:
        """The first 64 training inputs."""
        return self.to_inputs(self.data_set(folder).read("train", CALIBRATION_SAMPLES).inputs)

    def evaluation(self, folder: Path | None) -> tuple[torch.Tensor, torch.Tensor]:
        """Every test input and its label."""
        samples = self.data_set(folder).read("test", None)
        return self.to_inputs(samples.inputs), torch.from_numpy(samples.labels.astype(np.int64))
