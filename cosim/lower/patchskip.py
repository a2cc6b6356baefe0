"""A patch-skip network of ``workloads.patchskip`` as a Network: every layer computed whole, in the same integers.

Nothing is traced or quantized here: the operators carry the codes, sums and factors that ``integer`` computes with, and
``metadata["stream"]`` says how a stream of frames may skip (``cosim.stream.rules.Rules``). A tensor has the name of the
layer that makes it, so that a residual sum stays an operator of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch

from accel_models.arithmetic import MAX_SHIFT, MIN_SHIFT
from accel_models.network import Attributes, Conv2d, Elementwise, Network, Operator, Output8, Pool, Tensor
from cosim.stream.rules import Rules
from workloads.patchskip import integer
from workloads.patchskip.comparator import Gate
from workloads.patchskip.graph import Window
from workloads.patchskip.plan import check_memory, compared_maps
from workloads.patchskip.settings import Settings

from .errors import LoweringError
from .pooling import MAX_KERNEL

IMAGE = (0, 2, 3, 1)  # stored axes of (n, channels, rows, columns)
WEIGHT = (2, 3, 1, 0)
_INT32_MAX = 2**31 - 1
_LARGEST_CODE = 128


def lower_stream(
    network: integer.Network, settings: Settings, name: str = "patchskip", gates: Mapping[str, Gate] | None = None
) -> Network:
    """The Network of a frame, int8 [1, rows, columns, channels]; its tensors have the names of the graph's layers.

    Its maps equal ``integer.dense`` in every bit. Frames given as real numbers are rounded half to even, by ``integer``
    half up: frames whose values are codes, as pixels are, agree. Raises ValueError for a policy other than hybrid, for
    gates and for a stream that keeps more than its settings allow; LoweringError, one too, naming the layer whose
    arithmetic the accelerator lacks.
    """
    stream = rules_of(network, settings, gates)
    check_memory(network, settings)
    made = _Lowered()
    source = network.input
    made.tensors[source.layer.name] = _tensor(source, "input")
    for operator in network.operators[1:]:
        made.add(operator, "output" if operator is network.operators[-1] else "activation")
    return Network(
        name=name,
        operators=tuple(made.operators),
        tensors=made.tensors,
        constants=made.constants,
        inputs=(source.layer.name,),
        outputs=(network.operators[-1].layer.name,),
        parameters=made.parameters,
        metadata={"multiplier_bits": integer.MULTIPLIER_BITS, "rounding": "half_up", "stream": stream.to_json()},
    )


def rules_of(network: integer.Network, settings: Settings, gates: Mapping[str, Gate] | None = None) -> Rules:
    """How a stream of the network skips on the accelerator. Raises ValueError where it cannot do so."""
    if settings.policy != "hybrid":
        raise ValueError(f"policy is {settings.policy!r}; the accelerator skips by policy 'hybrid' only")
    if gates:
        raise ValueError(f"{', '.join(gates)}: a learned gate; the accelerator skips by thresholds only")
    compared = compared_maps(network.graph.layers, settings)
    return Rules(
        patch=settings.patch,
        theta={name: settings.theta_of(name) for name in compared},
        refresh=settings.refresh,
        dense_above=settings.dense_above,
    )


class _Lowered:
    """What is made so far."""

    def __init__(self) -> None:
        self.tensors: dict[str, Tensor] = {}
        self.constants: dict[str, np.ndarray] = {}
        self.operators: list[Operator] = []
        self.parameters = 0

    def add(self, operator: integer.Operator, role: str) -> None:
        layer = operator.layer
        attributes: Attributes
        constants: dict[str, np.ndarray] = {}
        if layer.kind == "conv":
            attributes, constants = _convolution(operator)
            assert layer.weight is not None and layer.bias is not None  # of a convolution
            self.parameters += layer.weight.numel() + layer.bias.numel()
        else:
            attributes = _MAKERS[layer.kind](operator)
        for label, data in constants.items():
            name = f"{layer.name}.{label}"
            self.constants[name] = data
            self.tensors[name] = Tensor(name=name, shape=data.shape, dtype=str(data.dtype), role="constant")
        self.tensors[layer.name] = _tensor(operator, role)
        self.operators.append(
            Operator(
                name=layer.name,
                inputs=(*layer.inputs, *(f"{layer.name}.{label}" for label in constants)),
                outputs=(layer.name,),
                attributes=attributes,
                macs=layer.macs_per_pixel * layer.shape[1] * layer.shape[2],
            )
        )


def _tensor(operator: integer.Operator, role: str) -> Tensor:
    channels, rows, columns = operator.layer.shape
    codes = operator.codes
    return Tensor(
        name=operator.layer.name,
        shape=(1, rows, columns, channels),
        dtype="int8",
        role=role,
        scale=codes.step,
        zero_point=codes.zero,
        permutation=None if role == "activation" else IMAGE,
    )


def _output(operator: integer.Operator) -> Output8:
    return Output8(zero_point=operator.codes.zero, low=operator.low, high=operator.high)


def _convolution(operator: integer.Operator) -> tuple[Conv2d, dict[str, np.ndarray]]:
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


_MAKERS: dict[str, Callable[[integer.Operator], Attributes]] = {
    "add": _add,
    "mean": _mean,
    "mean_pool": _mean_pool,
    "max_pool": _max_pool,
}
