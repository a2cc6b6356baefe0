"""What lowering refuses, and how it says so."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from cosim.lower import LoweringError, lower
from tests.cosim.qdq import Q, Weight, Wrapped, codes, compare, fake

RNG = np.random.default_rng
IN, OUT = (0.03, 7), (0.04, -3)


class Net(nn.Module):
    """One named layer, so that messages can name it."""

    def __init__(self, weight: Weight, bias: torch.Tensor | None = None) -> None:
        super().__init__()
        self.layer = Layer(weight, bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return fake(self.layer(fake(x, *IN)), *OUT)


class Layer(nn.Module):
    def __init__(self, weight: Weight, bias: torch.Tensor | None) -> None:
        super().__init__()
        self.weight = weight
        self.register_buffer("bias", bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.conv2d(x, self.weight(), self.bias)


def message(module: nn.Module, *inputs: torch.Tensor, **options: object) -> str:
    program = torch.export.export(module.eval(), inputs)
    with pytest.raises(LoweringError) as caught:
        lower(program, name="net", **options)  # type: ignore[arg-type]
    assert isinstance(caught.value, ValueError)
    return str(caught.value)


IMAGE = torch.zeros(1, 3, 8, 8)


def ones(channels: int = 3, value: int = 127, kernel: int = 1) -> torch.Tensor:
    return torch.full((4, channels, kernel, kernel), value, dtype=torch.int8)


def test_weight_zero_point() -> None:
    text = message(Net(Weight(ones(), torch.full((4,), 0.01), zero_point=5)), IMAGE)
    assert "layer" in text and "zero point 5" in text


def test_weights_scaled_along_the_wrong_axis() -> None:
    assert "axis 1" in message(Net(Weight(ones(4), torch.full((4,), 0.01), axis=1)), torch.zeros(1, 4, 8, 8))


@pytest.mark.parametrize("cause", ["weights", "bias"])
def test_accumulator_overflow(cause: str) -> None:
    if cause == "weights":  # 255 * 127 * 66,312 >= 2**31
        module, x = Net(Weight(ones(66312), torch.full((4,), 0.01))), torch.zeros(1, 66312, 1, 1)
    else:
        module, x = Net(Weight(ones(), torch.full((4,), 1e-8)), torch.full((4,), 5.0)), IMAGE
    text = message(module, x)
    assert "layer" in text and "int32" in text and "channel 0" in text


def test_largest_sum_that_fits_is_accepted() -> None:
    module = Net(Weight(ones(66311)[:1], torch.full((1,), 0.00001)))
    x = torch.from_numpy(np.full((1, 66311, 1, 1), (127 - 7) * 0.03, np.float32))
    compare(module, x)


@pytest.mark.parametrize("dtype", [torch.float64, torch.complex64, torch.bfloat16])
def test_unsupported_input_dtype(dtype: torch.dtype) -> None:
    class Model(nn.Module):
        def forward(self, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            return fake(F.max_pool2d(fake(x, *IN), 2), *IN), y + 1

    text = message(Model(), IMAGE, torch.zeros(3, dtype=dtype))
    assert str(dtype).removeprefix("torch.") in text and "int8" in text


def test_unsupported_activation_dtype() -> None:
    class Model(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            codes16 = Q.quantize_per_tensor(x, 0.01, 0, -32768, 32767, torch.int16)
            return F.max_pool2d(Q.dequantize_per_tensor(codes16, 0.01, 0, -32768, 32767, torch.int16), 2)

    assert "int16" in message(Model(), IMAGE)


def test_unsupported_weight_dtype() -> None:
    class Model(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            held = torch.ones(4, 3, 1, 1, dtype=torch.uint8)
            return fake(F.conv2d(fake(x, *IN), Q.dequantize_per_tensor(held, 0.01, 0, 0, 255, torch.uint8)), *OUT)

    assert "uint8" in message(Model(), IMAGE)


def test_float_graph_has_no_quantized_operator() -> None:
    text = message(nn.Conv2d(3, 4, 3), IMAGE)
    assert "no quantized operator" in text and "quantize" in text


def test_graph_whose_operators_are_all_on_the_cpu() -> None:
    assert "computes on int8" in message(Wrapped(lambda x: x.flip(1), [IN], IN), IMAGE)


def test_dynamic_quantization() -> None:
    class Model(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            scale, zero = Q.choose_qparams(x, -128, 127, 1e-5, torch.int8)
            held = Q.quantize_per_tensor.tensor(x, scale, zero, -128, 127, torch.int8)
            return F.relu(Q.dequantize_per_tensor.tensor(held, scale, zero, -128, 127, torch.int8))

    assert "run time" in message(Model(), IMAGE)


@pytest.mark.parametrize("options,text", [({"multiplier_bits": 8}, "8"), ({"rounding": "floor"}, "floor")])
def test_options(options: dict, text: str) -> None:
    assert text in message(Wrapped(F.relu, [IN], OUT), IMAGE, **options)


def test_scale_of_zero() -> None:
    assert "scales" in message(Wrapped(F.relu, [(0.0, 0)], OUT), IMAGE)


def test_factor_out_of_range() -> None:
    assert "factor" in message(Wrapped(lambda x: F.avg_pool2d(x, 2), [(1.0, 0)], (1e-12, 0)), IMAGE)


def test_in_place_operator_on_a_value_with_readers() -> None:
    graph = torch.fx.Graph()
    x = graph.placeholder("x")
    x.meta["val"] = IMAGE
    parameters = (0.03, 7, -128, 127, torch.int8)
    held = graph.call_function(Q.quantize_per_tensor.default, (x, *parameters))
    real = graph.call_function(Q.dequantize_per_tensor.default, (held, *parameters))
    changed = graph.call_function(torch.ops.aten.relu_.default, (real,))
    graph.output((changed, real))
    with pytest.raises(LoweringError, match="relu_.*functional"):
        lower(torch.fx.GraphModule(nn.Module(), graph), name="net")


def test_uint8_activations_keep_their_real_numbers() -> None:
    """Codes of other quantizers: moved down by 128."""

    class Model(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            held = Q.quantize_per_tensor(x, 0.03, 100, 0, 255, torch.uint8)
            y = F.avg_pool2d(Q.dequantize_per_tensor(held, 0.03, 100, 0, 255, torch.uint8), 3)
            return Q.dequantize_per_tensor(
                Q.quantize_per_tensor(y, 0.017, 90, 0, 255, torch.uint8), 0.017, 90, 0, 255, torch.uint8
            )

    result = compare(Model(), codes(RNG(1), (2, 5, 20, 20), 0.03, -28)).check(0.02)
    assert result.network.tensors["output"].zero_point == -38 and result.kinds == ["pool"]
