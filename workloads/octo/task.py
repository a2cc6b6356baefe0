"""A training step as a function that changes a state in place: what the simulator traces."""

from dataclasses import dataclass

import torch

from workloads.octo import initial, networks, problem
from workloads.octo.networks import Network
from workloads.octo.scales import State, scalar
from workloads.octo.settings import Settings
from workloads.octo.step import first_ranges, rate_of, train_step


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


def example(name: str, settings: Settings, batch: int, learning_rate: float, seed: int) -> Example:
    """A network from He's initialisation with the scales of its first batch."""
    network = networks.get(name)
    data = problem.read(network, None, None)
    if not 1 <= batch <= len(data.labels):
        raise ValueError(f"batch is {batch}, want 1..{len(data.labels)}, the training samples")
    x, labels = data.codes(data.inputs[:batch]), data.labels[:batch]
    with torch.no_grad():
        state = initial.initial_state(network, settings, initial.he(network, seed), data.input_exponent, seed)
        state = first_ranges(network, settings, state, x, labels)
    return Example(Trainer(network, settings, state, learning_rate, batch), x, labels)
