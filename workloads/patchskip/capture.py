"""From a PyTorch module to a `Graph`: what each call in a traced module means."""

import operator
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import fx, nn
from torch.fx.passes.shape_prop import ShapeProp
from torch.nn import functional

from workloads.patchskip.graph import Graph, Layer, Pair, Shape, Window, norm_as_conv

Draft = Callable[..., Layer]
_UNTOUCHED = (nn.Identity, nn.Dropout, nn.Dropout2d, nn.Flatten)
_CLAMPS: dict[object, tuple[float, float]] = {
    **dict.fromkeys((nn.ReLU, functional.relu, torch.relu, torch.relu_, "relu", "relu_"), (0.0, float("inf"))),
    **dict.fromkeys((nn.ReLU6, functional.relu6), (0.0, 6.0)),
}
_ADDS = (operator.add, operator.iadd, torch.add, "add", "add_")
_FLATTENS = (torch.flatten, "flatten", "view", "reshape", "contiguous", functional.dropout)
_SIZES = ("size", getattr, operator.getitem)


def _pair(value: Any) -> Pair:
    return (value, value) if isinstance(value, int) else (int(value[0]), int(value[1]))


def _conv_padding(module: nn.Conv2d) -> Pair:
    if module.padding_mode != "zeros":
        raise ValueError(f"padding mode {module.padding_mode!r} is not supported, want 'zeros'")
    if isinstance(module.padding, str):
        reach = [d * (k - 1) for d, k in zip(module.dilation, module.kernel_size, strict=True)]
        if module.padding == "same" and any(r % 2 for r in reach):
            raise ValueError("padding 'same' of an even kernel is not symmetric; want a number of pixels")
        return (reach[0] // 2, reach[1] // 2) if module.padding == "same" else (0, 0)
    return _pair(module.padding)


class _Capture:
    """Translates the nodes of a trace one by one; `made` are the layers, `names` which of them a node's value is."""

    def __init__(self, traced: fx.GraphModule) -> None:
        self.modules = dict(traced.named_modules())
        self.made: dict[str, Layer] = {}
        self.names: dict[fx.Node, str] = {}
        self.uses: dict[str, int] = {}

    def add(self, node: fx.Node, layer: Layer) -> None:
        self.made[layer.name] = layer
        self.names[node] = layer.name
        self.uses[layer.name] = len(node.users)

    def source(self, node: fx.Node, position: int = 0) -> str:
        found = node.args[position] if position < len(node.args) else node.kwargs.get("input")
        if not isinstance(found, fx.Node):
            raise ValueError(f"{node.name}: {node.target} of a constant is not supported")
        return self.names[found]

    def alias(self, node: fx.Node) -> None:
        name = self.source(node)
        self.names[node] = name
        self.uses[name] += len(node.users) - 1

    def clamp(self, node: fx.Node, low: float, high: float) -> None:
        """Bounds go to the layer before, unless somebody else reads it."""
        source = self.made[self.source(node)]
        if self.uses[source.name] == 1 and source.kind != "input":
            bounded = replace(source, low=max(low, source.low), high=min(high, source.high))
            self.add(node, bounded)
        else:
            self.add(node, Layer(node.name, "max_pool", (source.name,), source.shape, low=low, high=high))

    def norm(self, node: fx.Node, module: nn.BatchNorm2d) -> None:
        scale, shift = norm_as_conv(module)
        source = self.made[self.source(node)]
        plain = source.low == float("-inf") and source.high == float("inf")
        if source.kind == "conv" and plain and self.uses[source.name] == 1 and source.weight is not None:
            assert source.bias is not None
            folded = replace(
                source, weight=source.weight * scale[:, None, None, None], bias=source.bias * scale + shift
            )
            self.add(node, folded)
        else:
            weight = scale[:, None, None, None]
            layer = Layer(node.name, "conv", (source.name,), source.shape, weight=weight, bias=shift, groups=len(scale))
            self.add(node, layer)

    def pool(
        self, node: fx.Node, kernel: Any, stride: Any, padding: Any, dilation: Any, kind: str, shape: Shape
    ) -> None:
        window = Window(_pair(kernel), _pair(stride if stride else kernel), _pair(padding), _pair(dilation))
        source = self.made[self.source(node)]
        if kind == "mean_pool" and window.kernel == source.shape[1:] and window.padding == (0, 0):
            self.mean(node, shape)
        elif kind == "mean_pool" and window.padding != (0, 0):
            raise ValueError(f"{node.name}: average pooling with padding is not supported")
        elif kind == "mean_pool":
            self.add(node, Layer(node.name, "mean_pool", (source.name,), shape, window))
        else:
            self.add(node, Layer(node.name, "max_pool", (source.name,), shape, window))

    def mean(self, node: fx.Node, shape: Shape) -> None:
        source = self.made[self.source(node)]
        self.add(node, Layer(node.name, "mean", (source.name,), shape, Window(source.shape[1:])))

    def module(self, node: fx.Node, shape: Shape) -> None:
        module = self.modules[str(node.target)]
        if isinstance(module, nn.Conv2d):
            window = Window(
                _pair(module.kernel_size), _pair(module.stride), _conv_padding(module), _pair(module.dilation)
            )
            bias = torch.zeros(module.out_channels) if module.bias is None else module.bias.detach()
            weight = module.weight.detach()
            self.add(node, Layer(node.name, "conv", (self.source(node),), shape, window, weight, bias, module.groups))
        elif isinstance(module, nn.Linear):
            source = self.made[self.source(node)]
            weight = module.weight.detach().reshape(module.out_features, *source.shape)
            bias = torch.zeros(module.out_features) if module.bias is None else module.bias.detach()
            window = Window(source.shape[1:], source.shape[1:])
            self.add(node, Layer(node.name, "conv", (source.name,), shape, window, weight, bias))
        elif isinstance(module, nn.BatchNorm2d):
            self.norm(node, module)
        elif type(module) in _CLAMPS:
            self.clamp(node, *_CLAMPS[type(module)])
        elif isinstance(module, nn.MaxPool2d) and not module.ceil_mode:
            self.pool(node, module.kernel_size, module.stride, module.padding, module.dilation, "max_pool", shape)
        elif isinstance(module, nn.AvgPool2d) and not module.ceil_mode:
            self.pool(node, module.kernel_size, module.stride, module.padding, 1, "mean_pool", shape)
        elif isinstance(module, nn.AdaptiveAvgPool2d) and shape[1:] == (1, 1):
            self.mean(node, shape)
        elif isinstance(module, _UNTOUCHED):
            self.alias(node)
        else:
            raise ValueError(f"{node.target}: {module} is not supported in a stream")

    def call(self, node: fx.Node, shape: Shape) -> None:
        if node.target in _ADDS:
            self.add(node, Layer(node.name, "add", (self.source(node), self.source(node, 1)), shape))
            if self.made[self.source(node)].shape != self.made[self.source(node, 1)].shape:
                raise ValueError(f"{node.name}: adds maps of different shapes")
        elif node.target in _CLAMPS:
            self.clamp(node, *_CLAMPS[node.target])
        elif node.target in _FLATTENS and isinstance(node.args[0], fx.Node):
            self.alias(node)
        elif node.target in ("mean", torch.mean, functional.adaptive_avg_pool2d) and shape[1:] == (1, 1):
            self.mean(node, shape)
        else:
            raise ValueError(f"{node.name}: {node.target} is not supported in a stream")


def _shape(node: fx.Node) -> Shape:
    """(channels, rows, columns) of a node's value; a vector is a map of one pixel."""
    size = tuple(node.meta["tensor_meta"].shape)
    if len(size) not in (2, 4):
        raise ValueError(f"{node.name}: want maps (n, channels, rows, columns) or vectors (n, values), got {size}")
    return (size[1], size[2], size[3]) if len(size) == 4 else (size[1], 1, 1)


def capture(model: nn.Module, example: torch.Tensor) -> Graph:
    """The graph of `model` in eval mode for inputs (n, channels, rows, columns) like `example`; ValueError names what
    cannot be streamed."""
    if model.training:
        raise ValueError("want the model in eval mode: call .eval() first")
    try:
        traced = fx.symbolic_trace(model)
        with torch.no_grad():
            ShapeProp(traced).propagate(example)
    except Exception as error:  # a foreign module can fail anywhere
        raise ValueError(
            f"{type(model).__name__} cannot be traced for inputs {tuple(example.shape)} ({error})"
        ) from error
    found = _Capture(traced)
    result = ""
    for node in traced.graph.nodes:
        if node.op == "placeholder":
            if found.made:
                raise ValueError(f"{type(model).__name__} has several inputs, want one: the frame")
            found.add(node, Layer(node.name, "input", (), _shape(node)))
        elif node.op == "output":
            if not isinstance(node.args[0], fx.Node):
                raise ValueError(f"{type(model).__name__} returns several values, want one tensor")
            result = found.names[node.args[0]]
        elif node.target in _SIZES:
            continue
        elif node.op == "call_module":
            found.module(node, _shape(node))
        else:
            found.call(node, _shape(node))
    return _ordered(found.made, result)


def _ordered(made: dict[str, Layer], result: str) -> Graph:
    """The layers that the result needs, in the order of the trace."""
    needed, pending = set(), [result]
    while pending:
        name = pending.pop()
        if name not in needed:
            needed.add(name)
            pending += made[name].inputs
    first = next(iter(made))
    return Graph(tuple(layer for name, layer in made.items() if name in needed or name == first))
