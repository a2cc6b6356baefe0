"""CPU functions against PyTorch's operators of the same name."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.ao.quantization.fx._decomposed  # noqa: F401  (registers quantized_decomposed)
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F  # noqa: N812

from accel_models.kernels import FUNCTIONS

RNG = np.random.default_rng(7)


def real(*shape: int, low: float = -4, high: float = 4) -> np.ndarray:
    return RNG.uniform(low, high, shape).astype(np.float32)


X, Y = real(2, 3, 8, 6), real(2, 3, 8, 6)
POSITIVE = real(3, 5, low=0.01)
INTEGERS = RNG.integers(-5, 6, (4, 5))
CONDITION = RNG.integers(0, 2, (2, 3, 8, 6)).astype(bool)
CHANNELS = [real(3) for _ in range(4)]
TIES = np.round(X / 2)
SCORES, LABELS, WEIGHTS = real(6, 7, high=0), np.array([0, 6, 2, 3, 3, 1]), real(7, low=0.1)
GIVEN, TOTAL = np.array(1.7, np.float32), np.array(4.2, np.float32)

CASES: list[tuple[str, tuple[np.ndarray, ...], dict, Callable[..., object]]] = [
    ("neg", (X,), {}, torch.neg),
    ("abs", (X,), {}, torch.abs),
    ("sign", (X,), {}, torch.sign),
    ("square", (X,), {}, torch.square),
    ("floor", (X,), {}, torch.floor),
    ("ceil", (X,), {}, torch.ceil),
    ("round", (np.arange(-5, 6, dtype=np.float32) / 2,), {}, torch.round),
    ("exp", (X,), {}, torch.exp),
    ("exp", (INTEGERS,), {}, torch.exp),
    ("log", (POSITIVE,), {}, torch.log),
    ("log", (np.array([0, 1, -1], np.float32),), {}, torch.log),
    ("log1p", (POSITIVE,), {}, torch.log1p),
    ("sqrt", (POSITIVE,), {}, torch.sqrt),
    ("rsqrt", (POSITIVE,), {}, torch.rsqrt),
    ("reciprocal", (POSITIVE,), {}, torch.reciprocal),
    ("sin", (X,), {}, torch.sin),
    ("cos", (X,), {}, torch.cos),
    ("tanh", (X,), {}, torch.tanh),
    ("erf", (X,), {}, torch.erf),
    ("sigmoid", (X * 30,), {}, torch.sigmoid),
    ("gelu", (X,), {}, F.gelu),
    ("gelu", (X,), {"approximate": "tanh"}, F.gelu),
    ("silu", (X,), {}, F.silu),
    ("hardswish", (X,), {}, F.hardswish),
    ("hardsigmoid", (X,), {}, F.hardsigmoid),
    ("relu", (X,), {}, F.relu),
    ("leaky_relu", (X,), {"negative_slope": 0.2}, F.leaky_relu),
    ("elu", (X,), {"alpha": 0.7}, F.elu),
    ("softplus", (X * 10,), {"beta": 2.0}, F.softplus),
    ("clamp", (X,), {"min": -1.0, "max": 2.0}, torch.clamp),
    ("clamp", (X,), {"max": 0.5}, torch.clamp),
    ("add", (X, Y), {"alpha": 2.0}, torch.add),
    ("add", (INTEGERS,), {"other": 3}, torch.add),
    ("add", (INTEGERS,), {"other": 0.5}, torch.add),
    ("sub", (X, Y), {}, torch.sub),
    ("sub", (X,), {"other": 1.5}, torch.sub),
    ("sub", (X,), {"other": 1.5, "reverse": True}, lambda x, other, reverse: torch.rsub(x, other)),
    ("mul", (X, Y[:1]), {}, torch.mul),
    ("mul", (X,), {"other": -0.3}, torch.mul),
    ("div", (X, Y), {}, torch.div),
    ("div", (INTEGERS,), {"other": 3}, torch.div),
    ("div", (INTEGERS,), {"other": 3, "rounding_mode": "floor"}, torch.div),
    ("div", (INTEGERS,), {"other": 3, "rounding_mode": "trunc"}, torch.div),
    ("pow", (X,), {"other": 3}, lambda x, other: torch.pow(x, other)),
    ("pow", (POSITIVE,), {"other": 0.7}, lambda x, other: torch.pow(x, other)),
    ("maximum", (X, Y), {}, torch.maximum),
    ("minimum", (X, Y), {}, torch.minimum),
    ("where", (CONDITION, X, Y), {}, torch.where),
    ("where", (CONDITION, X), {"other": 0.0}, lambda c, x, other: torch.where(c, x, other)),
    ("logical_and", (CONDITION, CONDITION[::-1].copy()), {}, torch.logical_and),
    ("logical_or", (CONDITION, CONDITION[::-1].copy()), {}, torch.logical_or),
    ("logical_not", (CONDITION,), {}, torch.logical_not),
    *[(name, (INTEGERS,), {"other": 1}, getattr(torch, name)) for name in ("eq", "ne", "lt", "le", "gt", "ge")],
    ("cast", (X,), {"dtype": "int32"}, lambda x, dtype: x.to(torch.int32)),
    ("sum", (X,), {"dim": [1, 3], "keepdim": True}, torch.sum),
    ("sum", (INTEGERS,), {}, torch.sum),
    ("sum", (CONDITION,), {}, torch.sum),
    ("mean", (X,), {"dim": [2, 3]}, torch.mean),
    ("mean", (X,), {}, torch.mean),
    ("var", (X,), {"dim": 1, "correction": 1}, torch.var),
    ("amax", (X,), {"dim": 1}, torch.amax),
    ("amin", (X,), {"dim": [0, 1], "keepdim": True}, torch.amin),
    ("max", (X,), {"dim": 2}, torch.max),
    ("argmax", (X,), {"dim": 1, "keepdim": True}, torch.argmax),
    ("argmax", (X,), {}, torch.argmax),
    ("argmin", (X,), {"dim": -1}, torch.argmin),
    ("softmax", (X * 20,), {"dim": 1}, F.softmax),
    ("log_softmax", (X * 20,), {"dim": 3}, F.log_softmax),
    ("layer_norm", (X, real(8, 6), real(8, 6)), {"normalized_shape": [8, 6], "eps": 1e-3},
     lambda x, w, b, normalized_shape, eps: F.layer_norm(x, normalized_shape, w, b, eps)),
    ("layer_norm", (X,), {"normalized_shape": [6]}, F.layer_norm),
    ("group_norm", (real(2, 4, 3, 3), real(4), real(4)), {"num_groups": 2},
     lambda x, w, b, num_groups: F.group_norm(x, num_groups, w, b)),
    ("batch_norm", (X, *CHANNELS[:3], np.abs(CHANNELS[3])), {"eps": 1e-3},
     lambda x, w, b, mean, variance, eps: F.batch_norm(x, mean, variance, w, b, eps=eps)),
    ("linear", (real(2, 5, 7), real(4, 7), real(4)), {}, F.linear),
    ("linear", (real(5, 7), real(4, 7)), {}, F.linear),
    ("matmul", (real(2, 5, 7), real(2, 7, 4)), {}, torch.matmul),
    ("conv2d", (X, real(6, 3, 3, 2), real(6)), {"stride": [2, 1], "padding": [1, 2], "dilation": [1, 2]}, F.conv2d),
    ("conv2d", (X, real(6, 1, 3, 3)), {"groups": 3, "padding": 1}, F.conv2d),
    ("max_pool2d", (X,), {"kernel_size": 3, "stride": 2, "padding": 1}, F.max_pool2d),
    ("max_pool2d", (X,), {"kernel_size": [2, 3]}, F.max_pool2d),
    ("avg_pool2d", (X,), {"kernel_size": [3, 2], "stride": [1, 2], "padding": [1, 1]}, F.avg_pool2d),
    ("adaptive_avg_pool2d", (X,), {"output_size": [3, 4]}, F.adaptive_avg_pool2d),
    ("upsample_nearest", (X,), {"output_size": [16, 9]}, lambda x, output_size: F.interpolate(x, size=output_size)),
    ("pixel_shuffle", (real(2, 12, 3, 4),), {"upscale_factor": 2}, F.pixel_shuffle),
    ("embedding", (real(9, 4), RNG.integers(0, 9, (2, 5))), {}, lambda weight, i: F.embedding(i, weight)),
    ("gather", (X, RNG.integers(0, 8, (2, 2, 5, 6))), {"dim": 2}, lambda x, i, dim: torch.gather(x, dim, i)),
    ("permute", (X,), {"dims": [0, 2, -1, 1]}, torch.permute),
    ("concat", (X, Y[:, :2]), {"dim": 1}, lambda *arrays, dim: torch.cat(arrays, dim)),
    ("stack", (X, Y), {"dim": -1}, lambda *arrays, dim: torch.stack(arrays, dim)),
    ("identity", (X,), {}, torch.clone),
    ("conv2d_input_gradient", (real(2, 6, 4, 3), real(6, 3, 3, 2)),
     {"size": [8, 6], "stride": [2, 3], "padding": [1, 2], "dilation": [1, 2]},
     lambda g, w, size, **given: torch.nn.grad.conv2d_input((2, 3, *size), w, g, **given)),
    ("conv2d_input_gradient", (X, real(3, 1, 3, 3)), {"size": [8, 6], "padding": 1, "groups": 3},
     lambda g, w, size, **given: torch.nn.grad.conv2d_input((2, 3, *size), w, g, **given)),
    ("conv2d_weight_gradient", (real(2, 6, 4, 3), X),
     {"kernel_size": [3, 2], "stride": [2, 3], "padding": [1, 2], "dilation": [1, 2]},
     lambda g, x, kernel_size, **given: torch.nn.grad.conv2d_weight(x, (6, 3, *kernel_size), g, **given)),
    ("conv2d_weight_gradient", (real(2, 6, 8, 6), X), {"kernel_size": [3, 3], "padding": 1, "groups": 3},
     lambda g, x, kernel_size, **given: torch.nn.grad.conv2d_weight(x, (6, 1, *kernel_size), g, **given)),
    ("max_pool2d_with_indices", (TIES,), {"kernel_size": 3, "stride": 2, "padding": 1},
     torch.ops.aten.max_pool2d_with_indices),
    ("max_pool2d_gradient", (real(2, 3, 3, 3), RNG.integers(0, 48, (2, 3, 3, 3))), {"size": [8, 6]},
     lambda g, i, size: torch.zeros(2, 3, 48).scatter_add(2, i.flatten(2), g.flatten(2)).view(2, 3, *size)),
    ("avg_pool2d_gradient", (real(2, 3, 8, 4),),
     {"size": [8, 6], "kernel_size": [3, 2], "stride": [1, 2], "padding": 1},
     lambda g, size, kernel_size, stride, padding: torch.ops.aten.avg_pool2d_backward(
         g, torch.zeros(2, 3, *size), kernel_size, stride, [padding], False, True, None)),
    ("threshold_backward", (X, Y), {"threshold": 0.5}, torch.ops.aten.threshold_backward),
    ("hardtanh_backward", (X, Y), {"min_val": 0.0, "max_val": 2.0}, torch.ops.aten.hardtanh_backward),
    ("sigmoid_backward", (X, Y), {}, torch.ops.aten.sigmoid_backward),
    ("tanh_backward", (X, Y), {}, torch.ops.aten.tanh_backward),
    ("softmax_backward", (X, Y), {"dim": 1},
     lambda g, y, dim: torch.ops.aten._softmax_backward_data(g, y, dim, torch.float32)),
    ("log_softmax_backward", (X, -np.abs(Y)), {"dim": 3},
     lambda g, y, dim: torch.ops.aten._log_softmax_backward_data(g, y, dim, torch.float32)),
    *[("nll_loss", (SCORES, LABELS, real(7, low=0.1)), {"reduction": reduction, "ignore_index": 2},
       lambda x, y, w, reduction, ignore_index: torch.ops.aten.nll_loss_forward(x, y, w, reduction, ignore_index))
      for reduction in (0, 1, 2)],
    *[("nll_loss_backward", (GIVEN, LABELS, TOTAL, WEIGHTS),
       {"classes": 7, "reduction": reduction, "ignore_index": 2},
       lambda g, y, total, w, classes, reduction, ignore_index: torch.ops.aten.nll_loss_backward(
           g, torch.zeros(len(y), classes), y, w, reduction, ignore_index, total))
      for reduction in (1, 2)],
    ("mse_loss", (X, Y), {"reduction": 1}, torch.ops.aten.mse_loss),
    ("mse_loss_backward", (GIVEN, X, Y), {"reduction": 1}, torch.ops.aten.mse_loss_backward),
    ("native_batch_norm", (X, *CHANNELS[:3], np.abs(CHANNELS[3])), {"momentum": 0.1, "eps": 1e-3},
     lambda x, w, b, mean, variance, momentum, eps: torch.ops.aten._native_batch_norm_legit_functional(
         x, w, b, mean, variance, True, momentum, eps)),
    ("native_batch_norm_backward", (Y, X, X.mean((0, 2, 3)), 1 / X.std((0, 2, 3)), CHANNELS[0]), {},
     lambda g, x, mean, inverse, w: torch.ops.aten.native_batch_norm_backward(
         g, x, w, None, None, mean, inverse, True, 1e-3, [True] * 3)),
    ("gemm", (real(5, 4), real(7, 5), real(7)), {"transposed_a": True, "transposed_b": True},
     lambda a, b, bias, **_: a.T @ b.T + bias),
    ("lerp", (X, Y), {"weight": 0.1}, torch.lerp),
    ("lerp", (X, Y), {"weight": 0.9}, torch.lerp),
    ("addcmul", (X, Y, X), {"value": 0.5}, torch.addcmul),
    ("addcdiv", (X, Y, np.abs(X) + 1), {"value": -0.5}, torch.addcdiv),
    ("power_of", (POSITIVE,), {"base": 0.9}, lambda x, base: torch.pow(base, x)),
    ("slice", (X,), {"dim": 2, "start": 1, "end": 5}, lambda x, dim, start, end: x.narrow(dim, start, end - start)),
    ("exp2", (X,), {}, torch.exp2),
    ("reshape", (X,), {"shape": [6, 48]}, torch.reshape),
    ("shift_left", (INTEGERS,), {"other": 3}, lambda x, other: x << other),
    ("shift_right", (INTEGERS,), {"other": 1}, lambda x, other: x >> other),
    ("expand", (X[:, :, :, :1],), {"shape": [2, 2, 3, 8, 5]}, lambda x, shape: x.expand(shape)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "arrays", "parameters", "reference"), CASES, ids=[f"{i}-{c[0]}" for i, c in enumerate(CASES)]
)
def test_function_is_pytorchs(name: str, arrays: tuple[np.ndarray, ...], parameters: dict, reference: Callable) -> None:
    with np.errstate(all="ignore"):
        got = FUNCTIONS[name](*arrays, **parameters)
    wanted = reference(*(torch.from_numpy(array) for array in arrays), **parameters)
    got = got if isinstance(got, tuple) else (got,)
    wanted = (wanted,) if isinstance(wanted, torch.Tensor) else tuple(wanted)
    assert len(got) == len(wanted)
    for mine, theirs in zip(got, wanted, strict=True):
        assert mine.dtype == theirs.numpy().dtype
        np.testing.assert_allclose(mine, theirs.numpy(), rtol=1e-5, atol=2e-6)


def test_every_function_is_compared_with_something() -> None:
    elsewhere = {"quantize", "dequantize", "softmax_int8", "sequence", "fused", "join_digits"}
    # Those with a namespace need PyTorch and are added at run time; octo's are held to the workload's own operators, a
    # stream's decisions to those of workloads.patchskip (tests/cosim/stream).
    own = {name for name in FUNCTIONS if "::" not in name and not name.startswith(("octo.", "stream."))}
    assert own == {name for name, *_ in CASES} | elsewhere


@given(st.floats(1e-6, 1e3), st.integers(-128, 127), st.integers(0, 2**32 - 1))
def test_quantize_is_pytorchs_bit_for_bit(scale: float, zero_point: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    spread = np.float32(scale) * rng.normal(0, 80, 500).astype(np.float32)
    ties = (np.arange(-300, 300, dtype=np.float32) / 2) * np.float32(scale)
    values = np.concatenate([spread, ties, np.array([0, -0.0, 1e38, -1e38, np.inf, -np.inf], np.float32)])
    wanted = torch.ops.quantized_decomposed.quantize_per_tensor(
        torch.from_numpy(values), scale, zero_point, -128, 127, torch.int8
    )
    got = FUNCTIONS["quantize"](values, scale=scale, zero_point=zero_point)
    np.testing.assert_array_equal(got, wanted.numpy())
    back = torch.ops.quantized_decomposed.dequantize_per_tensor(wanted, scale, zero_point, -128, 127, torch.int8)
    np.testing.assert_array_equal(FUNCTIONS["dequantize"](got, scale=scale, zero_point=zero_point), back.numpy())


def test_quantize_refuses_what_is_no_number() -> None:
    with pytest.raises(ValueError, match="not-a-number"):
        FUNCTIONS["quantize"](np.array([np.nan]), scale=1.0, zero_point=0)


@given(st.floats(0.01, 0.5), st.integers(2, 40), st.integers(0, 2**32 - 1))
def test_integer_softmax_is_close_and_is_its_formula(scale: float, length: int, seed: int) -> None:
    x = np.random.default_rng(seed).integers(-128, 128, (3, length)).astype(np.int8)
    got = FUNCTIONS["softmax_int8"](x, scale=scale, dim=1)
    exact = torch.softmax(torch.from_numpy(x.astype(np.float64)) * scale, 1).numpy()
    assert np.abs((got.astype(float) + 128) / 256 - exact).max() <= 0.0045
    for row, result in zip(x.tolist(), got.tolist(), strict=True):
        exponentials = [int(np.floor(65535 * np.exp(-(max(row) - q) * scale) + 0.5)) for q in row]
        total = sum(exponentials)
        assert result == [min(255, (256 * e + total // 2) // total) - 128 for e in exponentials]
