"""A training step as a function that changes a state in place: what the simulator traces."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional

from workloads.octo import initial, networks, problem
from workloads.octo.fp32 import Module, Reference
from workloads.octo.networks import Network
from workloads.octo.scales import State, scalar
from workloads.octo.settings import CHOICES, Settings
from workloads.octo.step import first_ranges, rate_of, train_step
from workloads.octo.training import Job, train


@dataclass
class Trainer:
    """A network with its state; a call is one step and returns the loss and the counts of `train_step`."""

    network: Network
    settings: Settings
    state: State
    learning_rate: float
    batch: int

    @torch.no_grad()
    def __call__(self, x: torch.Tensor, labels: torch.Tensor, step: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        rate = rate_of(self.learning_rate, self.batch)
        new, report = train_step(self.network, self.settings, self.state, x, labels, step, rate)
        for name, value in new.items():
            if value is not self.state[name]:
                self.state[name].copy_(value)
        return report["loss"], report["updates"]


@dataclass(frozen=True, slots=True)
class Example:
    """A trainer before its first step, and a batch of its data as codes."""

    trainer: Trainer
    x: torch.Tensor
    labels: torch.Tensor

    @property
    def inputs(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        return self.x, self.labels, scalar(0)


def example(
    name: str, settings: Settings, batch: int, learning_rate: float, seed: int, folder: Path | None = None
) -> Example:
    """A network from He's initialisation with the scales of its first batch."""
    network = networks.get(name)
    data = problem.read(network, folder, None)
    inputs, labels = _batch(data, batch)
    x = data.codes(inputs)
    with torch.no_grad():
        state = initial.initial_state(network, settings, initial.he(network, seed), data.input_exponent, seed)
        state = first_ranges(network, settings, state, x, labels)
    return Example(Trainer(network, settings, state, learning_rate, batch), x, labels)


def _batch(data: problem.Problem, size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The first training samples with their labels; ValueError for a size that the data lack."""
    if not 1 <= size <= len(data.labels):
        raise ValueError(f"batch is {size}, want 1..{len(data.labels)}, the training samples of {data.data_set}")
    return data.inputs[:size], data.labels[:size]


def _samples(name: str, folder: Path | None) -> int:
    return len(problem.read(networks.get(name), folder, None).labels)


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a training of the registry is: the step that is simulated, and the short training that is scored.

    ``masters`` of its functions, one of ``CHOICES["weights"]``, takes the place of the settings' own.
    """

    network: str
    start: str
    epochs: int
    samples: int | None
    learning_rate: float = 0.1
    training_batch: int = 50
    settings: Settings = Settings(weights="int16")

    def example(self, folder: Path | None, seed: int, batch: int, masters: str | None = None) -> Example:
        return example(self.network, self._with(masters), batch, self.learning_rate, seed, folder)

    def training_samples(self, folder: Path | None) -> int:
        """Of an epoch of the data in the folder; no batch is larger."""
        return _samples(self.network, folder)

    def _with(self, masters: str | None) -> Settings:
        if masters is None:
            return self.settings
        if masters not in CHOICES["weights"]:
            raise ValueError(f"masters: want one of {', '.join(CHOICES['weights'])}, got {masters!r}")
        return replace(self.settings, weights=masters)

    def accuracy(
        self, folder: Path | None, seed: int, report: Callable[[str], None], masters: str | None = None
    ) -> dict[str, Any]:
        """Accuracy on the test set after the same training in float32 and in integers, both from here."""
        network = networks.get(self.network)
        data = problem.read(network, folder, None, self.samples)
        found: dict[str, Any] = {"curves": []}
        for name, arithmetic in (("fp32", Reference()), ("int8", self._with(masters))):
            report(f"training {self.epochs} epochs in {name}")
            numbers = (self.epochs, self.training_batch, self.learning_rate, seed, self.start)
            done = train(Job(network, data, arithmetic, *numbers), None, False, lambda line: None)
            assert done is not None
            found[f"accuracy_{name}"] = done[1][-1]["accuracy"]
            found["curves"].append(
                {
                    "name": name,
                    "of": "run" if name == "int8" else "against",
                    "quantity": "accuracy",
                    "samples": [len(data.labels) * (epoch + 1) for epoch in range(len(done[1]))],
                    "values": [point["accuracy"] for point in done[1]],
                }
            )
        return found | {"epochs": self.epochs, "training_samples": len(data.labels), "data_set": data.data_set}


@dataclass
class FloatTrainer:
    """The same network in float32, trained by autograd and plain SGD; a call is one step and returns the loss."""

    module: Module
    optimizer: torch.optim.Optimizer

    def __call__(self, x: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        self.optimizer.zero_grad()
        loss = functional.cross_entropy(self.module(x), labels)
        loss.backward()
        self.optimizer.step()
        return loss


@dataclass(frozen=True, slots=True)
class FloatExample:
    """A float trainer before its first step, and a batch of its data."""

    trainer: FloatTrainer
    inputs: tuple[torch.Tensor, torch.Tensor]


@dataclass(frozen=True, slots=True)
class FloatRecipe:
    """What a step of ``Recipe`` is compared with: float32 on a microcontroller. It is scored there, not here."""

    network: str
    learning_rate: float = 0.1

    def example(self, folder: Path | None, seed: int, batch: int, masters: str | None = None) -> FloatExample:
        if masters is not None:
            raise ValueError(f"masters: {masters} does not apply: this step trains float32 weights, without masters")
        network = networks.get(self.network)
        data = problem.read(network, folder, None)
        torch.manual_seed(seed)
        module = Module(network)
        optimizer = torch.optim.SGD(module.parameters(), lr=self.learning_rate)
        return FloatExample(FloatTrainer(module, optimizer), _batch(data, batch))

    def training_samples(self, folder: Path | None) -> int:
        """Of an epoch of the data in the folder; no batch is larger."""
        return _samples(self.network, folder)

    def accuracy(
        self, folder: Path | None, seed: int, report: Callable[[str], None], masters: str | None = None
    ) -> dict[str, Any]:
        return {}


DIGITS = Recipe("digits-cnn", "he", 6, None)
RESNET8 = Recipe("resnet8", "trained", 1, 200, learning_rate=0.01)
FLOAT_DIGITS = FloatRecipe("digits-cnn")
FLOAT_RESNET8 = FloatRecipe("resnet8", learning_rate=0.01)
