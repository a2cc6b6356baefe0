"""How a CPU call is priced: its class (a key of ``per_element`` in tables/cpu.yaml) and how many elements it has.

Classes are looked up by exact name: NumPy kernels (``accel_models.kernels.FUNCTIONS``) and ATen operators, without
namespace, overload and the underscore of in-place forms. A name in neither list is priced as ``DEFAULT``: one
floating-point operation per element.
"""

from collections.abc import Mapping
from math import prod
from typing import Any

from accel_models.network import CpuCall, Operator, Tensor

DEFAULT = "float"
FREE = "free"  # the result lies on the operand
MACS = "macs"  # Operator.macs at the cost of a float MAC, and a float operation per result (bias, store)
POOL = "pool"  # a tap of the window each, and a float operation per result
BY_BYTES = "copy"  # of the results
PRODUCTS = "products"  # Operator.macs at the cost of the library's convolution, and its cost of an output
SEQUENCE = "sequence"  # of its calls, each by its class and elements
FUSED = "fused"  # of its calls, in one loop over the elements: operands are read and results written once

# Classes of the NumPy kernels; every one is listed, also where it is the default.
KERNELS: Mapping[str, str] = {
    "quantize": "quantize",
    "dequantize": "dequantize",
    **dict.fromkeys(("softmax", "log_softmax", "softmax_int8"), "softmax"),
    **dict.fromkeys(
        ("exp", "log", "log1p", "sin", "cos", "tanh", "erf", "sigmoid", "gelu", "silu", "elu", "softplus", "pow"),
        "exponential",
    ),
    **dict.fromkeys(("div", "reciprocal", "sqrt", "rsqrt"), "divide"),
    # Two passes and a scaling. Batch norm of a trained network is a scaling alone: float.
    **dict.fromkeys(("layer_norm", "group_norm", "var"), "normalize"),
    **dict.fromkeys(
        (
            *("neg", "abs", "sign", "square", "floor", "ceil", "round", "relu", "leaky_relu", "clamp", "hardsigmoid"),
            *("hardswish", "add", "sub", "mul", "maximum", "minimum", "eq", "ne", "lt", "le", "gt", "ge"),
            *("logical_and", "logical_or", "logical_not", "where", "cast", "batch_norm"),
            *("sum", "mean", "amax", "amin", "max", "argmax", "argmin"),  # of the elements that go in
        ),
        "float",
    ),
    **dict.fromkeys(("linear", "matmul", "conv2d"), MACS),
    **dict.fromkeys(("octo.conv2d", "octo.conv2d_input_gradient", "octo.conv2d_weight_gradient"), PRODUCTS),
    "sequence": SEQUENCE,
    "fused": FUSED,
    # Training in float.
    **dict.fromkeys(("conv2d_input_gradient", "conv2d_weight_gradient", "gemm"), MACS),
    **dict.fromkeys(("max_pool2d_with_indices", "avg_pool2d_gradient"), POOL),
    **dict.fromkeys(("softmax_backward", "log_softmax_backward"), "softmax"),
    **dict.fromkeys(("native_batch_norm", "native_batch_norm_backward"), "normalize"),
    **dict.fromkeys(
        (
            *("max_pool2d_gradient", "threshold_backward", "hardtanh_backward", "sigmoid_backward", "tanh_backward"),
            *("nll_loss", "nll_loss_backward", "mse_loss", "mse_loss_backward", "lerp", "addcmul"),
        ),
        "float",
    ),
    "addcdiv": "divide",
    "power_of": "exponential",
    "expand": BY_BYTES,
    # Integers: a load, one to five instructions, a store.
    **dict.fromkeys(
        (
            *("octo.requantize", "octo.update", "octo.master_view", "octo.statistics_range", "octo.softmax_gradient"),
            *("octo.scaled_codes", "octo.real", "octo.noise_key"),
        ),
        "rescale",
    ),
    **dict.fromkeys(
        (
            *("octo.bias_gradient", "octo.map_gradient", "octo.largest", "octo.shift_of", "octo.clipped_range"),
            *("octo.sides", "octo.clipped_gradient", "octo.sum_exponent", "octo.aligned_sum", "octo.max_pool"),
            *("octo.max_pool_gradient", "octo.average_pool", "octo.average_pool_gradient", "octo.relu_gradient"),
            *("join_digits", "shift_left", "shift_right"),
            *("stream.choose", "stream.finish"),  # a product and a sum of every count
        ),
        "float",
    ),
    **dict.fromkeys(("octo.loss", "exp2"), "exponential"),
    "octo.softmax_table": "table",  # a row of a constant stack of them
    **dict.fromkeys(("max_pool2d", "avg_pool2d", "adaptive_avg_pool2d"), POOL),
    **dict.fromkeys(
        (
            *("identity", "permute", "concat", "stack", "slice", "pixel_shuffle", "upsample_nearest", "embedding"),
            "gather",
        ),
        BY_BYTES,
    ),
    "reshape": FREE,
}  # fmt: skip

# ATen operators that are not named like a kernel of the same class.
ATEN: Mapping[str, str] = {
    **dict.fromkeys(("quantize_per_tensor", "quantize_per_channel"), "quantize"),
    **dict.fromkeys(("dequantize_per_tensor", "dequantize_per_channel"), "dequantize"),
    **dict.fromkeys(("_softmax", "_log_softmax", "_softmax_backward_data", "_log_softmax_backward_data"), "softmax"),
    **dict.fromkeys(
        (
            *("expm1", "log2", "log10", "logaddexp", "logsumexp", "tan", "asin", "acos", "atan", "atan2"),
            *("sinh", "cosh", "asinh", "acosh", "atanh", "erfc", "erfinv", "logit", "log_sigmoid"),
            *("log_sigmoid_forward", "selu", "celu", "mish", "gelu_backward", "silu_backward", "elu_backward"),
            *("softplus_backward", "mish_backward"),
        ),
        "exponential",
    ),
    **dict.fromkeys(("true_divide", "floor_divide", "fmod", "remainder", ), "divide"),
    **dict.fromkeys(
        (
            *("native_layer_norm", "native_group_norm", "_native_batch_norm_legit"),
            *("native_layer_norm_backward", "native_group_norm_backward", ),
            *("instance_norm", "std", "var_mean", "std_mean"),
        ),
        "normalize",
    ),
    **dict.fromkeys(
        (
            *("hardtanh", "relu6", "threshold", "hardsigmoid_backward"),
            *("hardswish_backward", "leaky_relu_backward", "prelu", "clamp_min"),
            *("clamp_max", "rsub", "trunc", "frac", "bitwise_and", "bitwise_or", "bitwise_not"),
            *("bitwise_xor", "logical_xor", "isnan", "isinf", "min", "prod", "any", "all", "cumsum", "cumprod"),
            *("masked_fill", "max_pool2d_with_indices_backward", "_native_batch_norm_legit_no_training"),
            *("to", "_to_copy"),
        ),
        "float",
    ),
    **dict.fromkeys(
        (
            *("convolution", "conv1d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d"),
            *("mm", "bmm", "addmm", "baddbmm", "mv", "dot", "convolution_backward"),
        ),
        MACS,
    ),
    **dict.fromkeys(
        (
            *("max_pool1d", "max_pool3d", "max_pool3d_with_indices", "avg_pool1d"),
            *("avg_pool3d", "avg_pool2d_backward", "adaptive_avg_pool1d", "_adaptive_avg_pool2d"),
            "adaptive_max_pool2d",
        ),
        POOL,
    ),
    **dict.fromkeys(
        (
            *("clone", "copy", "contiguous", "cat", "slice_copy", "slice_scatter", "select", "select_copy"),
            *("select_scatter", "narrow", "split", "split_with_sizes", "chunk", "unbind", "pad", "constant_pad_nd"),
            *("reflection_pad1d", "reflection_pad2d", "replication_pad1d", "replication_pad2d", "permute_copy"),
            *("transpose", "t", "movedim", "flip", "roll", "repeat", "tile", "expand_copy", "index"),
            *("index_select", "index_put", "scatter", "fill", "full", "full_like", "zeros", "zeros_like", "ones"),
            *("ones_like", "empty_like", "arange", "pixel_unshuffle", "channel_shuffle", "upsample_nearest1d"),
            *("upsample_nearest2d", "im2col", "tril", "triu"),
        ),
        BY_BYTES,
    ),
    **dict.fromkeys(
        (
            *("view", "_unsafe_view", "view_copy", "_reshape_alias", "flatten", "unflatten", "squeeze"),
            *("unsqueeze", "squeeze_copy", "unsqueeze_copy", "alias", "detach", "lift_fresh_copy", "dropout"),
        ),
        FREE,
    ),
}  # fmt: skip

_KERNEL_ARGUMENT = {"avg_pool2d_backward": 2}  # place of kernel_size in the ATen schema; 1 where not said


def operator_name(function: str) -> str:
    """``aten::add_.Tensor`` -> ``add``; the name of a NumPy kernel is itself."""
    if "::" not in function:
        return function
    name = function.partition("::")[2].partition(".")[0]
    return name.removesuffix("_")


def class_of(function: str) -> str:
    """FREE, MACS or a key of ``per_element``; DEFAULT for names that nobody classified."""
    name = operator_name(function)
    known = {**ATEN, **KERNELS} if "::" in function else KERNELS
    return known.get(name, DEFAULT)


def taps(operator: Operator, tensors: Mapping[str, Tensor]) -> int:
    """Window positions that a floating-point pooling call reads or adds into, padding included.

    Raises ValueError where the call says no kernel size.
    """
    attributes = operator.attributes
    assert isinstance(attributes, CpuCall)
    name = operator_name(attributes.function)
    first, result = tensors[operator.inputs[0]], tensors[operator.outputs[0]]
    axes = 1 if "1d" in name else 3 if "3d" in name else 2
    if "adaptive" in name:
        windows = [_bins(size, bins) for size, bins in zip(first.shape[-axes:], result.shape[-axes:], strict=True)]
        return prod(result.shape[:-axes]) * prod(windows)
    window = _kernel(attributes, name)
    size = int(window) ** axes if isinstance(window, int | float) else prod(window) ** (axes if len(window) == 1 else 1)
    return size * (first if name.endswith(("_backward", "_gradient")) else result).elements


def _bins(size: int, bins: int) -> int:
    """Sum of the extents of adaptive bins, from floor(i*size/bins) to ceil((i+1)*size/bins)."""
    return sum(-(-(i + 1) * size // bins) - i * size // bins for i in range(bins))


def _kernel(attributes: CpuCall, name: str) -> Any:
    """Kernel size of a NumPy kernel's or an ATen call's parameters: a number or a sequence of numbers."""
    given = dict(attributes.parameters)
    if "kernel_size" in given:
        return given["kernel_size"]
    named = dict(given.get("kwargs", ()))
    place, args = _KERNEL_ARGUMENT.get(name, 1), given.get("args", ())
    found = named.get("kernel_size", args[place] if len(args) > place else None)
    if found is None:
        raise ValueError(f"CPU call {attributes.function}: want the parameter kernel_size, got {sorted(given)}")
    return tuple(found[1:]) if isinstance(found, tuple | list) else found  # ("list", 3, 3)
