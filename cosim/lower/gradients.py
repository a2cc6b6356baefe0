"""What a step has beside the operators of inference: gradients, losses, optimizer arithmetic, as NumPy calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import fx

from .graph import name_of
from .kernels import Call, Given

if TYPE_CHECKING:
    from .lowering import Lowering

Maker = Callable[["Lowering", fx.Node, Given], Call | None]


def gradient_call(low: Lowering, node: fx.Node) -> Call | None:
    """The NumPy kernel's call of a node; None where there is no kernel, or none for these arguments."""
    maker = MAKERS.get(name_of(node))
    return None if maker is None else maker(low, node, low.graph.arguments(node))


def _call(low: Lowering, function: str, operands: list[Any], **parameters: Any) -> Call | None:
    """A call of tensors (None is left out at the end) and parameters; None where a parameter is known at run time."""
    while operands and operands[-1] is None:
        operands = operands[:-1]
    plain = {key: tuple(value) if isinstance(value, list) else value for key, value in parameters.items()}
    if any(not isinstance(item, fx.Node) for item in operands) or any(isinstance(v, fx.Node) for v in plain.values()):
        return None
    tensors = [low.reals[item][0] for item in operands]
    return Call(function, tensors, {key: value for key, value in plain.items() if value is not None})


def _same(function: str, operands: tuple[str, ...], *parameters: str) -> Maker:
    """A kernel whose operands and parameters are the operator's own."""

    def make(low: Lowering, node: fx.Node, given: Given) -> Call | None:
        return _call(
            low, function, [given.get(name) for name in operands], **{name: given[name] for name in parameters}
        )

    return make


def _convolution(low: Lowering, node: fx.Node, given: Given) -> Call | None:
    if given["transposed"] or len(low.graph.shape(given["weight"])) != 4:
        return None
    geometry = {name: given[name] for name in ("stride", "padding", "dilation", "groups")}
    return _call(low, "conv2d", [given["input"], given["weight"], given["bias"]], **geometry)


def _convolution_backward(low: Lowering, node: fx.Node, given: Given) -> Call | None:
    gradient, weight, mask = given["grad_output"], given["weight"], list(given["output_mask"])
    if sum(mask) != 1 or given["transposed"] or len(low.graph.shape(weight)) != 4:
        return None
    if mask[2]:
        return _call(low, "sum", [gradient], dim=(0, 2, 3))
    geometry = {name: given[name] for name in ("stride", "padding", "dilation", "groups")}
    if mask[0]:
        size = low.graph.shape(given["input"])[2:]
        return _call(low, "conv2d_input_gradient", [gradient, weight], size=size, **geometry)
    kernel_size = low.graph.shape(weight)[2:]
    return _call(low, "conv2d_weight_gradient", [gradient, given["input"]], kernel_size=kernel_size, **geometry)


def _max_pool(low: Lowering, node: fx.Node, given: Given) -> Call | None:
    if given["ceil_mode"] or set(given["dilation"]) != {1} or low.graph.dtype(given["self"]) != torch.float32:
        return None
    stride = given["stride"] or given["kernel_size"]
    parameters = {"kernel_size": given["kernel_size"], "stride": stride, "padding": given["padding"]}
    return _call(low, "max_pool2d_with_indices", [given["self"]], **parameters)


def _max_pool_backward(low: Lowering, node: fx.Node, given: Given) -> Call | None:
    size = low.graph.shape(node)
    if len(size) != 4:
        return None
    return _call(low, "max_pool2d_gradient", [given["grad_output"], given["indices"]], size=size[2:])


def _average_pool_backward(low: Lowering, node: fx.Node, given: Given) -> Call | None:
    size = low.graph.shape(node)
    if given["ceil_mode"] or given["divisor_override"] is not None or len(size) != 4:
        return None
    if not given["count_include_pad"] and set(given["padding"]) != {0}:
        return None
    stride = given["stride"] or given["kernel_size"]
    parameters = {"kernel_size": given["kernel_size"], "stride": stride, "padding": given["padding"]}
    return _call(low, "avg_pool2d_gradient", [given["grad_output"]], size=size[2:], **parameters)


def _nll(low: Lowering, node: fx.Node, given: Given) -> Call | None:
    if len(low.graph.shape(given["self"])) != 2:
        return None
    operands = [given["self"], given["target"], given["weight"]]
    return _call(low, "nll_loss", operands, reduction=given["reduction"], ignore_index=given["ignore_index"])


def _nll_backward(low: Lowering, node: fx.Node, given: Given) -> Call | None:
    shape = low.graph.shape(node)
    if len(shape) != 2 or given["reduction"] == 0:
        return None
    operands = [given["grad_output"], given["target"], given["total_weight"], given["weight"]]
    parameters = {"reduction": given["reduction"], "ignore_index": given["ignore_index"]}
    return _call(low, "nll_loss_backward", operands, classes=shape[1], **parameters)


def _power(low: Lowering, node: fx.Node, given: Given) -> Call | None:
    if isinstance(given["self"], fx.Node) or low.graph.dtype(given["exponent"]) != torch.float32:
        return None
    return _call(low, "power_of", [given["exponent"]], base=float(given["self"]))


def _expand(low: Lowering, node: fx.Node, given: Given) -> Call | None:
    return _call(low, "expand", [given["self"]], shape=low.graph.shape(node))


def _batch_norm(low: Lowering, node: fx.Node, given: Given) -> Call | None:
    if not given.get("training", True):
        return None
    operands = [given.get(name) for name in ("input", "weight", "bias", "running_mean", "running_var")]
    results = [item for item in low.graph.results(node) if item is not None]
    if (len(results) == 5) != (operands[3] is not None):
        return None
    return _call(low, "native_batch_norm", operands, momentum=given["momentum"], eps=given["eps"])


def _batch_norm_backward(low: Lowering, node: fx.Node, given: Given) -> Call | None:
    if not given["train"] or not all(given["output_mask"]):
        return None
    names = ("grad_out", "input", "save_mean", "save_invstd", "weight")
    return _call(low, "native_batch_norm_backward", [given.get(name) for name in names])


MAKERS: dict[str, Maker] = {
    "aten.convolution": _convolution,
    "aten.convolution_backward": _convolution_backward,
    "aten.max_pool2d_with_indices": _max_pool,
    "aten.max_pool2d_with_indices_backward": _max_pool_backward,
    "aten.avg_pool2d_backward": _average_pool_backward,
    "aten.threshold_backward": _same("threshold_backward", ("grad_output", "self"), "threshold"),
    "aten.hardtanh_backward": _same("hardtanh_backward", ("grad_output", "self"), "min_val", "max_val"),
    "aten.sigmoid_backward": _same("sigmoid_backward", ("grad_output", "output")),
    "aten.tanh_backward": _same("tanh_backward", ("grad_output", "output")),
    "aten._softmax_backward_data": _same("softmax_backward", ("grad_output", "output"), "dim"),
    "aten._log_softmax_backward_data": _same("log_softmax_backward", ("grad_output", "output"), "dim"),
    "aten.nll_loss_forward": _nll,
    "aten.nll_loss_backward": _nll_backward,
    "aten.mse_loss": _same("mse_loss", ("self", "target"), "reduction"),
    "aten.mse_loss_backward": _same("mse_loss_backward", ("grad_output", "self", "target"), "reduction"),
    "aten._native_batch_norm_legit_functional": _batch_norm,
    "aten.native_batch_norm_backward": _batch_norm_backward,
    "aten.lerp": _same("lerp", ("self", "end"), "weight"),
    "aten.addcmul": _same("addcmul", ("self", "tensor1", "tensor2"), "value"),
    "aten.addcdiv": _same("addcdiv", ("self", "tensor1", "tensor2"), "value"),
    "aten.pow": _power,
    "aten.expand": _expand,
}
