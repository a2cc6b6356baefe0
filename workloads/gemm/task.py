"""The matrix product as a workload. Nothing is trained: both matrices are generated, and the score is the error of the
product.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import nn

from workloads.data.folders import find_data_set
from workloads.gemm.model import SIZE, Product
from workloads.weights import load_weights

CALIBRATION_SAMPLES, TEST_SAMPLES = 32, 16
_SEED = {"train": 0, "test": 1}


@dataclass(frozen=True, slots=True)
class GemmTask:
    """The callables of `registry.Workload`. Inputs are standard normal; no folder holds data for it (ValueError)."""

    def build(self, weights: Path | None = None) -> nn.Module:
        """The product in eval mode; None: with the generated matrix."""
        module = Product()
        if weights is not None:
            load_weights(weights, module)
        return module.eval()

    def example_inputs(self, n: int) -> tuple[torch.Tensor, ...]:
        return (_matrices("test", n),)

    def calibration(self, folder: Path | None) -> torch.Tensor:
        _refuse(folder)
        return _matrices("train", CALIBRATION_SAMPLES)

    def evaluation(self, folder: Path | None) -> tuple[torch.Tensor, torch.Tensor]:
        """Inputs and, as labels, their products in float64 rounded to float32."""
        _refuse(folder)
        inputs = _matrices("test", TEST_SAMPLES)
        with torch.no_grad():
            return inputs, Product().double()(inputs.double()).float()

    def weights_for(self, folder: Path | None) -> Path:
        """Raises ValueError: there is no such file."""
        _refuse(folder)
        raise ValueError("gemm has no file of weights: its matrix is generated")


def _matrices(split: Literal["train", "test"], n: int) -> torch.Tensor:
    """The first n matrices of a split, one after the other from one generator."""
    if n < 1:
        raise ValueError(f"count is {n}, want at least 1")
    return torch.randn(n, SIZE, SIZE, generator=torch.Generator().manual_seed(_SEED[split]))


def _refuse(folder: Path | None) -> None:
    if folder is not None:
        find_data_set(folder, ())


TASK = GemmTask()
