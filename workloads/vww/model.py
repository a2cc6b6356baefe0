"""MobileNetV1 of MLPerf Tiny (visual wake words): width 0.25, 96x96 pixels.

Source: github.com/mlcommons/tiny, benchmark/training/visual_wake_words/vww_model.py, up to the logits. Its stride-2
convolutions pad one row below and right; here the padding is symmetric, with the same shapes.
"""

import torch
from torch import nn

from workloads.blocks import conv_bn_relu, separable

_CHANNELS_AND_STRIDES = (
    *((16, 1), (32, 2), (32, 1), (64, 2), (64, 1), (128, 2)),
    *((128, 1), (128, 1), (128, 1), (128, 1), (128, 1), (256, 2), (256, 1)),
)


class MobileNetV1(nn.Module):
    """(n, 3, 96, 96) float32 -> (n, 2) logits."""

    def __init__(self) -> None:
        super().__init__()
        layers, channels = [conv_bn_relu(3, 8, 3, stride=2, padding=1)], 8
        for channels_out, stride in _CHANNELS_AND_STRIDES:
            layers.append(separable(channels, channels_out, stride))
            channels = channels_out
        self.features = nn.Sequential(*layers)
        self.pool = nn.AvgPool2d(3)
        self.fc = nn.Linear(channels, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.fc(torch.flatten(self.pool(self.features(x)), 1))
        return logits
