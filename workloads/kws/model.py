"""DS-CNN of MLPerf Tiny (keyword spotting).

Source: github.com/mlcommons/tiny, benchmark/training/keyword_spotting/keras_model.py (ds_cnn), up to the logits and
without its dropout. Its first convolution pads 4 rows above and 5 below; here 5 and 5, with the same shapes.
"""

import torch
from torch import nn

from workloads.blocks import conv_bn_relu, separable


class DsCnn(nn.Module):
    """(n, 1, 49, 10) float32 -> (n, 12) logits."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = conv_bn_relu(1, 64, (10, 4), stride=2, padding=(5, 1))
        self.blocks = nn.Sequential(*(separable(64, 64) for _ in range(4)))
        self.pool = nn.AvgPool2d((25, 5))
        self.fc = nn.Linear(64, 12)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.fc(torch.flatten(self.pool(self.blocks(self.stem(x))), 1))
        return logits
