"""Layers with constant weights: convolutions and everything that is a matrix product with a constant."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import fx

from accel_models.network import Conv2d

from .codes import Codes, Scales
from .elementwise import multiplier, output_of
from .errors import LoweringError
from .graph import name_of, sizes
from .matmul import product
from .registry import compute
from .values import Value, channels_last
from .weights import count
from .weights import weight as weight_of

if TYPE_CHECKING:
    from .lowering import Lowering

_LIMIT = 2**31


@dataclass(frozen=True, slots=True)
class _Layer:
    """Weights as the accelerator stores them: codes [kh, kw, Cin/groups, Cout], float64 scale and bias [Cout]."""

    codes: np.ndarray
    scale: np.ndarray
    bias: np.ndarray


def image(low: Lowering, value: Value, spatial: int, node: fx.Node) -> tuple[str, bool]:
    """Stored tensor [N, H, W, C] of a signal (spatial 1: H is 1) or an image, and whether it has a batch axis."""
    rank = len(value.shape)
    batched = rank == spatial + 2
    held = low.draft.arrange(value, channels_last(rank, batched), node)
    shape = held.stored if batched else (1, *held.stored)
    if spatial == 1:
        shape = (shape[0], 1, *shape[1:])
    return low.draft.reshape(held.tensor, shape, node), batched


def from_image(low: Lowering, name: str, shape: tuple[int, ...], batched: bool, node: fx.Node) -> Value:
    """The logical value of a stored [N, H, W, C] tensor."""
    value = Value(name, shape, channels_last(len(shape), batched))
    return replace(value, tensor=low.draft.reshape(name, value.stored, node))


@compute("aten.conv1d", "aten.conv2d", "aten.convolution")
def convolution(low: Lowering, node: fx.Node, want: Codes) -> Value | None:
    """conv1d and conv2d with constant weights and bias."""
    given = low.graph.arguments(node)
    found, weight = low.codes(given["input"]), weight_of(low, given["weight"])
    bias = _bias(low, given.get("bias"))
    spatial = len(low.graph.shape(given["weight"])) - 2
    if found is None or weight is None or bias is False or given.get("transposed") or spatial not in (1, 2):
        return None
    value, have = found
    groups = int(given["groups"])
    stride, dilation = (sizes(given[key], spatial) for key in ("stride", "dilation"))
    kernel = low.graph.shape(given["weight"])[2:]
    edges = _padding(given["padding"], kernel, dilation, spatial)
    if spatial == 1:
        stride, dilation = (1, *stride), (1, *dilation)
    codes = (
        weight[0].numpy().reshape(weight[0].shape[0], weight[0].shape[1], *((1, *kernel) if spatial == 1 else kernel))
    )
    layer = _layer(low, node, np.transpose(codes, (2, 3, 1, 0)), weight[1], 0, bias, have)
    x, batched = image(low, value, spatial, node)
    shape = low.graph.shape(node)
    stored = (shape[0] if batched else 1, *((1, shape[-1]) if spatial == 1 else shape[-2:]), layer.codes.shape[3])
    attributes = Conv2d(
        stride=(stride[0], stride[1]),
        padding=edges,
        dilation=(dilation[0], dilation[1]),
        groups=groups,
        input_zero_point=have.zero_point,
        output=output_of(low, want),
    )
    name = _emit(low, node, attributes, x, layer, have, want, stored)
    return from_image(low, name, shape, batched, node)


@compute("aten.linear", "aten.addmm", "aten.mm", "aten.matmul")
def linear(low: Lowering, node: fx.Node, want: Codes) -> Value | None:
    """A product with a constant matrix: a 1x1 convolution of [1, 1, M, K], every leading axis in M."""
    given = low.graph.arguments(node)
    kind = name_of(node)
    x, w, b = {
        "aten.linear": ("input", "weight", "bias"),
        "aten.addmm": ("mat1", "mat2", "self"),
        "aten.mm": ("self", "mat2", ""),
        "aten.matmul": ("self", "other", ""),
    }[kind]
    found, bias = low.codes(given[x]), _bias(low, given.get(b))
    weight = weight_of(low, given[w]) if low.graph.constant(given[w]) is not None else None
    scaled = given.get("alpha", 1) != 1 or given.get("beta", 1) != 1
    if found is None or weight is None or bias is False or scaled or weight[0].ndim != 2:
        return product(low, node, want) if kind in ("aten.mm", "aten.matmul") else None
    value, have = found
    if isinstance(bias, torch.Tensor) and prod(bias.shape[:-1]) != 1:
        return None
    codes, axis = weight[0].numpy(), 1
    if kind == "aten.linear":
        codes, axis = codes.T, 0
    layer = _layer(low, node, codes[None, None], weight[1], axis, bias, have)
    last = len(value.shape) - 1
    rows = tuple(axis for axis in value.axes if axis != last)
    held = low.draft.arrange(value, (*rows, last), node)
    m = prod(held.stored[:-1])
    flat = low.draft.reshape(held.tensor, (1, 1, m, held.stored[-1]), node)
    attributes = Conv2d(input_zero_point=have.zero_point, output=output_of(low, want))
    name = _emit(low, node, attributes, flat, layer, have, want, (1, 1, m, layer.codes.shape[3]))
    result = Value(name, low.graph.shape(node), held.axes)
    return replace(result, tensor=low.draft.reshape(name, result.stored, node))


def _bias(low: Lowering, node: Any) -> torch.Tensor | None | bool:
    """Constant bias as real numbers, None without one, False when it is no constant."""
    if not isinstance(node, fx.Node):
        return None
    held = low.graph.constant(node)
    if held is None:
        return False
    count(low, node, held)
    return held


def _padding(given: Any, kernel: tuple[int, ...], dilation: tuple[int, ...], spatial: int) -> tuple[int, int, int, int]:
    """Top, bottom, left, right; PyTorch's "same" puts the odd one at the end."""
    if isinstance(given, str):
        total = [step * (size - 1) if given == "same" else 0 for size, step in zip(kernel, dilation, strict=True)]
        pairs = [(amount // 2, amount - amount // 2) for amount in total]
    else:
        pairs = [(amount, amount) for amount in sizes(given, spatial)]
    if spatial == 1:
        pairs.insert(0, (0, 0))
    return (*pairs[0], *pairs[1])


def _layer(
    low: Lowering, node: fx.Node, codes: np.ndarray, scales: Scales, axis: int, bias: Any, have: Codes
) -> _Layer:
    """Check the weights of a layer against what the accelerator computes exactly."""
    label, columns = low.label(node), codes.shape[-1]
    zero = scales.zero_point[scales.zero_point != 0]
    if zero.size:
        raise LoweringError(f"{label}: weight zero point {int(zero[0])}; want 0 (symmetric weights)")
    if scales.axis not in (None, axis) and scales.scale.size > 1:
        raise LoweringError(
            f"{label}: weights are scaled along axis {scales.axis}; want the output channel, axis {axis}"
        )
    scale = np.array(np.broadcast_to(scales.scale, (columns,)), np.float64)
    real = np.zeros(columns) if bias is None else bias.detach().to(torch.float64).numpy().reshape(-1)
    real = np.array(np.broadcast_to(real, (columns,)), np.float64)
    if not np.isfinite(real).all():
        raise LoweringError(f"{label}: bias holds {real[~np.isfinite(real)][0]}; want finite numbers")
    # A channel without weights has any scale: take one that holds the bias in 30 bits.
    empty = ~codes.any(axis=(0, 1, 2))
    scale = np.where(empty, np.maximum(scale, np.abs(real) / have.scale / 2**30), scale)
    sums = np.abs(codes.astype(np.int64)).sum(axis=(0, 1, 2))
    worst = sums * 255 + np.abs(real / (have.scale * scale))
    if (worst >= _LIMIT - 1).any():
        channel = int(worst.argmax())
        raise LoweringError(
            f"{label}: accumulator of channel {channel} can reach {worst[channel]:.4g}, beyond int32 (2**31): "
            f"sum|w| is {sums[channel]}, bias {real[channel]:.6g} at scale {have.scale * scale[channel]:.4g}"
        )
    return _Layer(np.ascontiguousarray(codes, np.int8), scale, real)


def _emit(
    low: Lowering,
    node: fx.Node,
    attributes: Conv2d,
    x: str,
    layer: _Layer,
    have: Codes,
    want: Codes,
    stored: tuple[int, ...],
) -> str:
    """Append the operator: the input's zero point goes into the bias, the scales into one factor per channel."""
    bias = np.floor(layer.bias / (have.scale * layer.scale) + 0.5).astype(np.int64)
    bias -= have.zero_point * layer.codes.astype(np.int64).sum(axis=(0, 1, 2))
    factors = [multiplier(low, have.scale * scale / want.scale, node) for scale in layer.scale.tolist()]
    constants = {
        "weight": layer.codes,
        "bias": bias.astype(np.int32),
        "multiplier": np.array([factor for factor, _ in factors], np.int32),
        "shift": np.array([shift for _, shift in factors], np.int8),
    }
    names = [low.draft.constant(data, label) for label, data in constants.items()]
    macs = prod(stored) * prod(layer.codes.shape[:3])
    return low.draft.emit(attributes, [x, *names], stored, want, node, label=node_label(node), macs=macs)


def node_label(node: fx.Node) -> str:
    return {"convolution": "conv", "addmm": "linear", "mm": "linear", "matmul": "linear"}.get(
        name_of(node).removeprefix("aten."), name_of(node).removeprefix("aten.")
    )
