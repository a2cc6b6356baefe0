"""Fully connected autoencoder of MLPerf Tiny (anomaly detection).

Source: github.com/mlcommons/tiny, benchmark/training/anomaly_detection/keras_model.py. Its batch norms, which fold into
the layers before them, are left out.
"""

import torch
from torch import nn

WIDTHS = (640, 128, 128, 128, 128, 8, 128, 128, 128, 128, 640)


class Autoencoder(nn.Module):
    """(n, 640) float32 -> (n, 640), a reconstruction of the input."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for width_in, width_out in zip(WIDTHS[:-1], WIDTHS[1:], strict=True):
            layers += [nn.Linear(width_in, width_out), nn.ReLU()]
        self.layers = nn.Sequential(*layers[:-1])  # the output is not clipped

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        reconstruction: torch.Tensor = self.layers(x)
        return reconstruction
