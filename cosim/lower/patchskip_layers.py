"""Layers of ``workloads.patchskip.integer`` as operators: attributes and constants, integer by integer.

A ``LoweringError`` names the layer whose arithmetic the accelerator lacks.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from accel_models.arithmetic import MAX_SHIFT, MIN_SHIFT
from accel_models.network import Attributes, Conv2d, Elementwise, Output8, Pool
from workloads.patchskip import integer
from workloads.patchskip.graph import Window

from .errors import LoweringError
from .pooling import MAX_KERNEL

WEIGHT = (2, 3, 1, 0)  # stored axes of (outputs, inputs, rows, columns)
_INT32_MAX = 2**31 - 1
_LARGEST_CODE = 128


def _output(operator: integer.Operator) -> Output8:
    return Output8(zero_point=operator.codes.zero, low=operator.low, high=operator.high)


def convolution(operator: integer.Operator) -> tuple[Conv2d, dict[str, np.ndarray]]:
    """Attributes, and the constants that follow the image, by what they are, in the order of the operator's inputs."""
    assert operator.weight is not None and operator.bias is not None
    assert operator.multiplier is not None and operator.shift is not None
    layer, window = operator.layer, operator.layer.window
    multiplier = operator.multiplier.flatten()
    # A factor of 0 hides the bias, which is beyond any int32 where a channel has no weights.
    bias = torch.where(multiplier == 0, 0, operator.bias.flatten())
    _check_sums(layer.name, operator.weight, bias)
    _check_shift(layer.name, operator.shift)
    attributes = Conv2d(
        stride=window.stride,
        padding=_edges(window),
        dilation=window.dilation,
        groups=layer.groups,
        input_zero_point=operator.pad_code,
        output=_output(operator),
    )
    return attributes, {
        "weight": np.ascontiguousarray(operator.weight.permute(WEIGHT).numpy()),
        "bias": bias.numpy().astype(np.int32),
        "multiplier": multiplier.numpy().astype(np.int32),
        "shift": operator.shift.flatten().numpy().astype(np.int8),
    }


def _check_sums(name: str, weight: torch.Tensor, bias: torch.Tensor) -> None:
    """Sums wrap at 32 bits in the accelerator, in PyTorch at 64."""
    largest = _LARGEST_CODE * weight.flatten(1).abs().sum(1, dtype=torch.int64) + bias.abs()
    if int(largest.max()) > _INT32_MAX:
        channel = int(largest.argmax())
        raise LoweringError(
            f"{name}: the sum of channel {channel} can reach {int(largest[channel])}, beyond an int32; its bias is "
            f"{int(bias[channel])}: want larger weights or a smaller bias"
        )


def _check_shift(name: str, shift: torch.Tensor) -> None:
    least, most = int(shift.min()), int(shift.max())
    if least < MIN_SHIFT or most > MAX_SHIFT:
        wrong = least if least < MIN_SHIFT else most
        raise LoweringError(f"{name}: a factor shifts by {wrong} bits, want {MIN_SHIFT} to {MAX_SHIFT}")


def _add(operator: integer.Operator) -> Elementwise:
    assert operator.multiplier is not None and operator.shift is not None
    _check_shift(operator.layer.name, operator.shift)
    (a, b), (zero_a, zero_b) = operator.multiplier.tolist(), (codes.zero for codes in operator.inputs)
    return Elementwise(
        function="add",
        zero_a=zero_a,
        zero_b=zero_b,
        multiplier_a=a,
        multiplier_b=b,
        shift=int(operator.shift),
        output=_output(operator),
    )


def _mean(operator: integer.Operator) -> Pool:
    assert operator.multiplier is not None and operator.shift is not None
    _check_shift(operator.layer.name, operator.shift)
    factor = int(operator.multiplier), int(operator.shift)
    return _average(operator, operator.layer.window.kernel, operator.inputs[0].zero, factor, _output(operator))


def _mean_pool(operator: integer.Operator) -> Pool:
    """Of codes as they are, so that ties go away from code 0."""
    factor = away_from_zero(integer.layer_pixels(operator.layer))  # of MAX_KERNEL^2 at most
    output = Output8(low=operator.low, high=operator.high)
    return _average(operator, operator.layer.window.stride, 0, factor, output)


def away_from_zero(pixels: int) -> tuple[int, int]:
    """(multiplier, shift) with which half up of a sum of int8 codes is its mean over ``pixels``, half away from 0.

    The factor lies a little above 1 / pixels, so that a tie moves away from 0 on either side. No other mean gets to a
    tie: each is 1 / (2 * pixels) or more away, and off by 128 * pixels / 2^shift at most, less for pixels below 2^22.
    """
    shift = 30 + (pixels - 1).bit_length()
    return (1 << shift) // pixels + 1, shift


def _average(
    operator: integer.Operator, stride: tuple[int, int], zero: int, factor: tuple[int, int], output: Output8
) -> Pool:
    kernel = operator.layer.window.kernel
    _check_kernel(operator.layer.name, kernel)
    return Pool(
        function="average",
        kernel=kernel,
        stride=stride,
        input_zero_point=zero,
        factors=((*kernel, *factor),),
        output=output,
    )


def _max_pool(operator: integer.Operator) -> Pool:
    layer, window = operator.layer, operator.layer.window
    if window.dilation != (1, 1):
        raise LoweringError(f"{layer.name}: a maximum with dilation {window.dilation}, want (1, 1)")
    _check_kernel(layer.name, window.kernel)
    return Pool(
        function="maximum",
        kernel=window.kernel,
        stride=window.stride,
        padding=_edges(window),
        input_zero_point=operator.inputs[0].zero,
        output=_output(operator),
    )


def _check_kernel(name: str, kernel: tuple[int, int]) -> None:
    if max(kernel) > MAX_KERNEL:
        raise LoweringError(f"{name}: pools {kernel[0]}x{kernel[1]} pixels, want {MAX_KERNEL} a side at most")


def _edges(window: Window) -> tuple[int, int, int, int]:
    down, across = window.padding
    return down, down, across, across


MAKERS: dict[str, Callable[[integer.Operator], Attributes]] = {
    "add": _add,
    "mean": _mean,
    "mean_pool": _mean_pool,
    "max_pool": _max_pool,
}
"""Of every other kind of layer."""
