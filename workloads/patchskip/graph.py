"""A convolutional network as a list of layers, taken from any `torch.fx`-traceable module without touching its code.

Six kinds are enough. A batch norm is a 1x1 depthwise convolution, folded into the convolution before it where it can
be; a linear layer is a convolution as large as its input; a ReLU is the lower bound of the layer before it; flatten,
dropout and identity vanish.
"""

from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import nn
from torch.nn import functional

Kind = Literal["input", "conv", "add", "max_pool", "mean_pool", "mean"]
Shape = tuple[int, int, int]
Pair = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Window:
    """How an output pixel reads its input: kernel, stride, padding and dilation of rows and columns."""

    kernel: Pair = (1, 1)
    stride: Pair = (1, 1)
    padding: Pair = (0, 0)
    dilation: Pair = (1, 1)


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer: output (channels, rows, columns), clamped to low..high; weights float32 as in `conv2d`."""

    name: str
    kind: Kind
    inputs: tuple[str, ...]
    shape: Shape
    window: Window = Window()
    weight: torch.Tensor | None = None
    bias: torch.Tensor | None = None
    groups: int = 1
    low: float = float("-inf")
    high: float = float("inf")

    @property
    def macs_per_pixel(self) -> int:
        """Multiply-accumulates of all channels of an output pixel; padding counts as in the reference models."""
        return 0 if self.weight is None else self.weight.numel()


@dataclass(frozen=True, slots=True)
class Graph:
    """Layers in the order of computation; the first is the input, the last the output."""

    layers: tuple[Layer, ...]

    @property
    def macs(self) -> int:
        """Of one frame, every pixel computed."""
        return sum(layer.macs_per_pixel * layer.shape[1] * layer.shape[2] for layer in self.layers)

    @property
    def features(self) -> str:
        """The last map of more than one pixel: what a feature error is measured on."""
        return next(layer.name for layer in reversed(self.layers) if layer.shape[1] * layer.shape[2] > 1)


def apply(layer: Layer, values: list[torch.Tensor]) -> torch.Tensor:
    """A layer in float32: maps (n, channels, rows, columns) in and out."""
    x, window = values[0], layer.window
    if layer.kind == "conv":
        y = functional.conv2d(x, layer.weight, layer.bias, window.stride, window.padding, window.dilation, layer.groups)
    elif layer.kind == "add":
        y = values[0] + values[1]
    elif layer.kind == "max_pool":
        y = functional.max_pool2d(x, window.kernel, window.stride, window.padding, window.dilation)
    elif layer.kind == "mean_pool":
        y = functional.avg_pool2d(x, window.kernel, window.stride)
    else:
        y = x.mean((2, 3), keepdim=True)
    return y if layer.low == float("-inf") and layer.high == float("inf") else y.clamp(layer.low, layer.high)


def run(graph: Graph, x: torch.Tensor) -> dict[str, torch.Tensor]:
    """Every layer's output in float32, by name; x (n, channels, rows, columns)."""
    values = {graph.layers[0].name: x}
    for layer in graph.layers[1:]:
        values[layer.name] = apply(layer, [values[name] for name in layer.inputs])
    return values


def with_parameters(graph: Graph, parameters: dict[str, tuple[torch.Tensor, torch.Tensor]]) -> Graph:
    """The graph with other (weight, bias) of the layers named."""
    return Graph(
        tuple(
            replace(layer, weight=parameters[layer.name][0], bias=parameters[layer.name][1])
            if layer.name in parameters
            else layer
            for layer in graph.layers
        )
    )


def norm_as_conv(norm: nn.BatchNorm2d) -> tuple[torch.Tensor, torch.Tensor]:
    """(scale, shift), each (channels,), of a batch norm in eval mode."""
    if norm.running_mean is None or norm.running_var is None:
        raise ValueError("a batch norm without running statistics depends on the batch; want track_running_stats")
    scale = (norm.running_var + norm.eps).rsqrt()
    scale = scale if norm.weight is None else scale * norm.weight
    shift = -norm.running_mean * scale
    return scale.detach(), (shift if norm.bias is None else shift + norm.bias).detach()
