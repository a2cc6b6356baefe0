"""From a user's network to a stream, in one call."""

from collections.abc import Mapping

import torch
from torch import nn

from workloads.patchskip.capture import capture
from workloads.patchskip.comparator import Gate
from workloads.patchskip.integer import Network, quantize
from workloads.patchskip.settings import Settings
from workloads.patchskip.stream import Stream

PIXEL_STEP = 1.0 / 128.0
"""The step of inputs (pixel - 128) / 128, whose codes are exact."""


def quantized(model: nn.Module, calibration: torch.Tensor, input_step: float = PIXEL_STEP) -> Network:
    """The integer network of `model` (in eval mode), with ranges from frames float32 (n, channels, rows, columns)."""
    if calibration.dim() != 4 or not len(calibration):
        raise ValueError(f"want calibration frames (n, channels, rows, columns), got {tuple(calibration.shape)}")
    return quantize(capture(model, calibration[:1]), calibration, input_step)


def wrap(
    model: nn.Module,
    calibration: torch.Tensor,
    settings: Settings | None = None,
    gates: Mapping[str, Gate] | None = None,
    input_step: float = PIXEL_STEP,
) -> Stream:
    """A stream of `model`, whose code and weights are not touched.

    `calibration` are typical frames, float32 (n, channels, rows, columns), which set the ranges of the int8 codes;
    `input_step` is the value of one code of the input, 128 codes to either side of 0. `gates` replace thresholds, by
    name of the compared map.
    """
    return Stream(quantized(model, calibration, input_step), settings or Settings(), gates)
