"""Quantization parameters: what Q and DQ nodes say, and real numbers as codes in PyTorch's own arithmetic."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import torch
from torch import fx

from .errors import LoweringError
from .graph import Graph, known_dtype, name_of

QUANTIZE = ("quantized_decomposed.quantize_per_tensor", "torchao.quantize_affine")
DEQUANTIZE = ("quantized_decomposed.dequantize_per_tensor", "torchao.dequantize_affine")
PER_CHANNEL = ("quantized_decomposed.quantize_per_channel", "quantized_decomposed.dequantize_per_channel")


@dataclass(frozen=True, slots=True)
class Codes:
    """int8 codes with ``real = scale * (code - zero_point)``, clamped to [low, high]."""

    scale: float
    zero_point: int
    low: int = -128
    high: int = 127

    def code(self, real: float) -> int:
        """Code of a real number: float32, half_even, clamped; what PyTorch's quantize_per_tensor computes."""
        return int(self.quantize(torch.tensor(real, dtype=torch.float32)))

    def quantize(self, real: torch.Tensor) -> torch.Tensor:
        """int8 codes of a float tensor, exactly as PyTorch's quantize_per_tensor; NaN becomes the code 0."""
        codes = torch.round(real.to(torch.float32) * (1.0 / self.scale)) + self.zero_point
        return torch.clamp(torch.nan_to_num(codes, nan=0.0), self.low, self.high).to(torch.int8)

    def dequantize(self, codes: torch.Tensor) -> torch.Tensor:
        """float32 numbers of codes, exactly as PyTorch's dequantize_per_tensor."""
        return (codes.to(torch.float32) - self.zero_point) * self.scale

    def clamped(self, low: float, high: float) -> Self:
        """The same codes with real bounds in addition: quantization is monotonic, so clamping commutes with it."""
        bottom = self.code(low) if low > -np.inf else self.low
        top = self.code(high) if high < np.inf else self.high
        return replace(self, low=min(max(self.low, bottom), self.high), high=max(min(self.high, top), self.low))

    def same_scale(self, other: Codes) -> bool:
        return self.scale == other.scale and self.zero_point == other.zero_point


@dataclass(frozen=True, slots=True)
class Scales:
    """Parameters of a Q or DQ node: float64 scales and zero points, one or one per index of ``axis``."""

    scale: np.ndarray
    zero_point: np.ndarray
    axis: int | None
    low: int
    high: int
    dtype: torch.dtype


def is_quantize(node: fx.Node) -> bool:
    return node.op == "call_function" and name_of(node) in (*QUANTIZE, PER_CHANNEL[0])


def is_dequantize(node: Any) -> bool:
    return isinstance(node, fx.Node) and node.op == "call_function" and name_of(node) in (*DEQUANTIZE, PER_CHANNEL[1])


def scales_of(graph: Graph, node: fx.Node) -> Scales:
    """Read a Q or DQ node of either namespace. Raises LoweringError for scales that are computed at run time."""
    given = graph.arguments(node)
    if name_of(node).startswith("torchao."):
        return _affine(graph, node, given)
    channels = name_of(node) in PER_CHANNEL
    scale = _numbers(graph, node, given["scales" if channels else "scale"])
    zeros = given["zero_points" if channels else "zero_point"]
    zero_point = np.zeros(scale.shape) if zeros is None else _numbers(graph, node, zeros)
    low, high = (int(_numbers(graph, node, given[key])[0]) for key in ("quant_min", "quant_max"))
    axis = int(given["axis"]) if channels else None
    return _checked(node, Scales(scale, zero_point, axis, low, high, given["dtype"]))


def codes_of(graph: Graph, node: fx.Node) -> Codes:
    """Parameters of an activation's Q or DQ node. uint8 codes are moved down by 128: the same real numbers."""
    scales = scales_of(graph, node)
    if scales.axis is not None:
        raise LoweringError(f"node {node.name}: activations are quantized per channel; want one scale per tensor")
    name = known_dtype(scales.dtype, f"node {node.name} ({name_of(node)})")
    if name not in ("int8", "uint8"):
        raise LoweringError(f"node {node.name}: activations have unsupported dtype {name}; want int8 or uint8")
    offset = 128 if name == "uint8" else 0
    zero_point, low, high = int(scales.zero_point[0]) - offset, scales.low - offset, scales.high - offset
    if not -128 <= zero_point <= 127 or low < -128 or high > 127:
        raise LoweringError(f"node {node.name}: want 8-bit codes, got zero point {zero_point}, range [{low}, {high}]")
    return Codes(float(scales.scale[0]), zero_point, low, high)


def _affine(graph: Graph, node: fx.Node, given: dict[str, Any]) -> Scales:
    """torchao.{quantize,dequantize}_affine: block sizes say which elements share a scale."""
    scale = _numbers(graph, node, given["scale"])
    zeros = given["zero_point"]
    zero_point = np.zeros(scale.shape) if zeros is None else _numbers(graph, node, zeros)
    dtype = given.get("output_dtype" if name_of(node) == QUANTIZE[1] else "input_dtype")
    known_dtype(dtype, f"node {node.name} ({name_of(node)})")
    limits = torch.iinfo(dtype)
    low = limits.min if given.get("quant_min") is None else int(given["quant_min"])
    high = limits.max if given.get("quant_max") is None else int(given["quant_max"])
    axis = None
    if scale.size > 1:
        shape = graph.shape(node)
        split = [a for a, block in enumerate(given["block_size"]) if block not in (-1, shape[a])]
        if len(split) != 1 or given["block_size"][split[0]] != 1:
            blocks = f"block size {list(given['block_size'])} of shape {list(shape)}"
            raise LoweringError(f"node {node.name}: {blocks}; want one scale per tensor or per channel")
        axis = split[0]
    return _checked(node, Scales(scale, zero_point, axis, low, high, dtype))


def _numbers(graph: Graph, node: fx.Node, value: Any) -> np.ndarray:
    if isinstance(value, fx.Node):
        constant = graph.constant(value)
        if constant is None:
            raise LoweringError(f"node {node.name}: its scale is computed at run time (dynamic quantization); "
                                "want a constant scale")  # fmt: skip
        value = constant.detach().to(torch.float64).numpy()
    return np.atleast_1d(np.asarray(value, np.float64)).reshape(-1)


def _checked(node: fx.Node, scales: Scales) -> Scales:
    if not (np.isfinite(scales.scale).all() and (scales.scale > 0).all()):
        raise LoweringError(f"node {node.name}: want positive finite scales, got {scales.scale.min()}")
    return scales
