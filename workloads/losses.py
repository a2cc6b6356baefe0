"""Training losses: functions of outputs, inputs and labels."""

import torch
from torch.nn import functional


def classification(outputs: torch.Tensor, inputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Mean cross entropy of (n, classes) logits against (n,) labels."""
    del inputs  # the same signature for every loss
    return functional.cross_entropy(outputs, labels)


def reconstruction(outputs: torch.Tensor, inputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Mean squared error of outputs against inputs."""
    del labels
    return functional.mse_loss(outputs, inputs)
