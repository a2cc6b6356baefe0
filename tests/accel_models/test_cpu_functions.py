"""Every function of a CPU call has a class on purpose; windows are counted by hand and against the NumPy kernels."""

import math
from dataclasses import replace

import numpy as np
import pytest

from accel_models.cpu import cpu_cost, tables
from accel_models.cpu_functions import ATEN, DEFAULT, FREE, FUSED, KERNELS, MACS, PRODUCTS, SEQUENCE, class_of, taps
from accel_models.kernels import FUNCTIONS
from accel_models.network import CpuCall, Operator, Pad, Permute, Reshape, Slice, Tensor
from accel_models.system import Cpu

M4 = Cpu(core="cortex-m4", library="cmsis-nn", clock_mhz=120)


def call(function: str, given: tuple[int, ...], result: tuple[int, ...], macs: int = 0, **parameters: object):
    attributes = CpuCall(function=function, parameters=tuple(sorted(parameters.items())))
    shapes = {"x": Tensor(name="x", shape=given, dtype="float32"), "y": Tensor(name="y", shape=result, dtype="float32")}
    return Operator(name="f", inputs=("x",), outputs=("y",), attributes=attributes, macs=macs), shapes


def cycles(*arguments: object, **parameters: object) -> int:
    return cpu_cost(*call(*arguments, **parameters), M4).cycles_cpu  # type: ignore[arg-type]


def test_every_kernel_has_a_class_and_every_class_a_cost() -> None:
    kernels = {name for name in FUNCTIONS if "::" not in name}  # others are registered by who can run them
    assert kernels == set(KERNELS)
    assert not set(KERNELS) & set(ATEN)
    assert {*KERNELS.values(), *ATEN.values()} <= {*tables().per_element, FREE, MACS, PRODUCTS, SEQUENCE, FUSED}


@pytest.mark.parametrize(
    ("function", "want"),
    [
        ("aten::expand.default", "copy"), ("logical_and", "float"), ("aten::logical_and.default", "float"),
        ("hardsigmoid", "float"), ("aten::hardtanh.default", "float"), ("aten::hardtanh_.default", "float"),
        ("aten::expm1.default", "exponential"), ("exp", "exponential"), ("aten::exp.default", "exponential"),
        ("tanh", "exponential"), ("div", "divide"), ("aten::div.Tensor", "divide"), ("batch_norm", "float"),
        ("layer_norm", "normalize"), ("aten::native_layer_norm.default", "normalize"), ("log_softmax", "softmax"),
        ("aten::slice.Tensor", "copy"), ("aten::constant_pad_nd.default", "copy"), ("aten::permute.default", "copy"),
        ("aten::view.default", "free"), ("aten::reshape.default", "free"), ("aten::convolution.default", "macs"),
        ("quantized_decomposed::quantize_per_tensor.default", "quantize"), ("dequantize", "dequantize"),
        ("aten::adaptive_max_pool2d.default", "pool"), ("mine::never_heard_of", DEFAULT), ("view", DEFAULT),
    ],
)  # fmt: skip
def test_names_are_looked_up_whole(function: str, want: str) -> None:
    assert class_of(function) == want


def test_movement_costs_its_bytes_and_views_nothing() -> None:
    shape, part = (1, 8, 4, 4), (1, 4, 4, 4)
    assert cycles("aten::slice.Tensor", shape, part) == 500 + 1.5 * 4 * 64
    assert cycles("aten::view.default", shape, (8, 16)) == 0
    assert cycles("embedding", (1000, 16), (2, 16)) == 500 + 1.5 * 4 * 32  # the rows read, not the whole table
    shapes = call("identity", shape, shape)[1]
    for attributes in (Slice(start=(0,) * 4, step=(1,) * 4), Pad(before=(0,) * 4, value=0), Permute(axes=(0, 1, 3, 2))):
        moved = Operator(name="m", inputs=("x",), outputs=("y",), attributes=attributes)
        assert cpu_cost(moved, shapes, M4).cycles_cpu == 500 + 1.5 * 4 * 128  # float tensors
    free = Operator(name="r", inputs=("x",), outputs=("y",), attributes=Reshape())
    assert cpu_cost(free, shapes, M4).cycles_cpu == 0


def test_pooling_costs_its_taps() -> None:
    given, result = (1, 2, 8, 8), (1, 2, 4, 4)
    want = 500 + 3 * 9 * 32 + 8 * 32
    assert cycles("max_pool2d", given, result, kernel_size=(3, 3), stride=2, padding=1) == want
    assert cycles("avg_pool2d", given, result, kernel_size=3, stride=2, padding=1) == want
    written = (("tensor", 0), ("list", 3, 3), ("list", 2, 2))
    assert cycles("aten::max_pool2d_with_indices.default", given, result, args=written, kwargs=()) == want
    keyword = (("kernel_size", 3),)
    assert cycles("aten::max_pool2d.default", given, result, args=(("tensor", 0),), kwargs=keyword) == want
    assert cycles("aten::max_pool2d.default", given, result, args=(("tensor", 0), ("list", 3)), kwargs=()) == want
    line = (("tensor", 0), ("list", 5))
    assert cycles("aten::avg_pool1d.default", (1, 2, 16), (1, 2, 4), args=line, kwargs=()) == 500 + 3 * 5 * 8 + 8 * 8
    back = (("tensor", 0), ("tensor", 1), ("list", 2, 2))  # every gradient goes to four places
    found = cycles("aten::avg_pool2d_backward.default", result, given, args=back, kwargs=())
    assert found == 500 + 3 * 4 * 32 + 8 * 128
    with pytest.raises(ValueError, match="aten::max_pool2d: want the parameter kernel_size, got"):
        cycles("aten::max_pool2d", given, result, args=(("tensor", 0),), kwargs=())


@pytest.mark.parametrize(("size", "bins"), [((8, 8), (1, 1)), ((7, 5), (3, 2)), ((4, 4), (4, 4)), ((3, 3), (5, 7))])
def test_adaptive_bins_are_counted_as_the_kernel_reads_them(size: tuple[int, int], bins: tuple[int, int]) -> None:
    operator, shapes = call("adaptive_avg_pool2d", (1, 2, *size), (1, 2, *bins), output_size=bins)
    read = 0
    for place in np.ndindex(size):  # the kernel is linear: an input takes part in an output where its mean changes
        one = np.zeros((1, 1, *size), np.float32)
        one[0, 0][place] = 1
        read += np.count_nonzero(FUNCTIONS["adaptive_avg_pool2d"](one, output_size=bins))
    assert taps(operator, shapes) == 2 * read


def test_products_cost_their_macs() -> None:
    assert cycles("linear", (1, 4096), (1, 10), macs=40960) == 500 + 299828 + 80  # 7.32 a MAC, rounded up


def test_gradients_cost_more_than_the_product_itself() -> None:
    operator, shapes = call("gemm", (16, 256), (16, 10), macs=40960)
    gradient = replace(operator, phase="backward-weight")
    assert cpu_cost(operator, shapes, M4).cycles_cpu == 500 + math.ceil(7.32 * 40960) + 8 * 160
    assert cpu_cost(gradient, shapes, M4).cycles_cpu == 500 + math.ceil(1.14 * 7.32 * 40960) + 8 * 160


def test_a_fused_loop_reads_and_writes_once() -> None:
    """Momentum: b = 0.9 b + g, w = w - lr b: three tensors in, two out, and a step count that is one number."""
    names = ("w", "b", "g")
    shapes = {name: Tensor(name=name, shape=(100,), dtype="float32") for name in (*names, "w2", "b2")}
    shapes |= {name: Tensor(name=name, shape=(), dtype="float32") for name in ("t", "t2")}
    calls = (
        ("mul", (1,), (("other", 0.9),), 100), ("add", (3, 2), (), 100), ("add", (0, 4), (("alpha", -0.1),), 100),
        ("add", (3,), (("other", 1.0),), 1),
    )  # fmt: skip
    attributes = CpuCall(function="fused", parameters=(("calls", calls), ("results", (5, 4, 6))))
    fused = Operator(name="u", inputs=(*names, "t"), outputs=("w2", "b2", "t2"), attributes=attributes)
    assert cpu_cost(fused, shapes, M4).cycles_cpu == 500 + 100 * (1 + 2 * 5 + 3) + 8


def test_float_on_a_cortex_m7_against_layers_held_out() -> None:
    """Cycles of X-CUBE-AI 4.0.0 in fp32 on STM32F746; the source is in tables/cpu.yaml. Only the second was fitted."""
    m7 = Cpu(core="cortex-m7", library="x-cube-ai", clock_mhz=216)
    rows = {  # layer: MACs, outputs, measured ms
        "conv2d_2": (2_244_480, 25 * 64, 57.406, 0.01), "conv2d_4": (332_416, 576, 8.768, 0.04),
        "dense_5": (36_864, 64, 1.009, 0.08),
    }  # fmt: skip
    for name, (macs, outputs, milliseconds, within) in rows.items():
        operator, shapes = call("conv2d", (1, outputs), (1, outputs), macs=macs)
        got = cpu_cost(operator, shapes, m7).cycles_cpu
        assert got == pytest.approx(milliseconds * 216_000, rel=within), name
