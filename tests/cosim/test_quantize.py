"""PT2E with our quantizer: what is int8, with which parameters, and how far the values move."""

import numpy as np
import pytest
import torch
from torch import fx, nn
from torch.nn import functional as F

from cosim.quantize import QuantizeError, RangeObserver, quantize
from cosim.trace import Traced, load_target, trace, trace_exported, trace_module
from cosim.trace.graph import op_name


class Small(nn.Module):
    """ResNet-like: stem, residual block with a strided shortcut, head."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU())
        self.conv1 = nn.Sequential(nn.Conv2d(8, 16, 3, stride=2, padding=1), nn.BatchNorm2d(16), nn.ReLU6())
        self.conv2 = nn.Sequential(nn.Conv2d(16, 16, 3, padding=1, groups=16), nn.BatchNorm2d(16))
        self.shortcut = nn.Conv2d(8, 16, 1, stride=2)
        self.classify = nn.Linear(16, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        x = F.relu(self.conv2(self.conv1(x)) + self.shortcut(x))
        return self.classify(torch.flatten(F.avg_pool2d(x, 4), 1))


@pytest.fixture(scope="module")
def small() -> Small:
    torch.manual_seed(0)
    module = Small()
    module(torch.randn(64, 3, 8, 8))
    return module.eval()


@pytest.fixture(scope="module")
def quantized(small: Small) -> Traced:
    return quantize(trace_module(small, (torch.randn(1, 3, 8, 8),), "small"), torch.randn(64, 3, 8, 8))


def _quantize(module: nn.Module, *inputs: torch.Tensor, samples: int = 8) -> Traced:
    data = tuple(torch.cat([tensor + 0.1 * i for i in range(samples)]) for tensor in inputs)
    return quantize(trace_module(module.eval(), inputs, type(module).__name__), data)


def _nodes(traced: Traced, name: str) -> list[fx.Node]:
    return [node for node in traced.graph_module.graph.nodes if op_name(node) == f"aten.{name}"]


def _is(node: object, kind: str) -> bool:
    return isinstance(node, fx.Node) and op_name(node).startswith(f"quantized_decomposed.{kind}_per")


def _parameters_after(node: fx.Node) -> tuple[float, int, int, int]:
    (user,) = node.users
    assert _is(user, "quantize"), f"{node} is read by {user}"
    return user.args[1:5]


def test_every_convolution_and_linear_is_int8(quantized: Traced) -> None:
    layers = [*_nodes(quantized, "conv2d"), *_nodes(quantized, "linear")]
    assert len(layers) == 5
    for layer in layers:
        source, weight, bias = layer.args[:3]
        assert _is(source, "dequantize") and _is(weight, "dequantize") and bias.op == "get_attr"
        codes, scales, zeros = (quantized.constant(str(arg.target)) for arg in weight.args[:3])
        assert codes.dtype == torch.int8 and codes.abs().max() == 127
        assert scales.shape == (codes.shape[0],) and not zeros.any()
        assert weight.args[3:] == (0, -127, 127, torch.int8)
    assert quantized.left_in_float == ()
    assert set(quantized.quantized) >= {layer.name for layer in layers}


def test_batch_norm_is_gone_and_relu_is_fused(quantized: Traced) -> None:
    names = {op_name(node) for node in quantized.graph_module.graph.nodes}
    assert not [name for name in names if "norm" in name]
    for clamp, producers in (("relu", {"aten.conv2d", "aten.add"}), ("hardtanh", {"aten.conv2d"})):
        nodes = _nodes(quantized, clamp)
        assert {op_name(node.args[0]) for node in nodes} == producers
        for node in nodes:
            _, zero_point, least, most = _parameters_after(node)
            assert (zero_point, least, most) == (-128, -128, 127), "a clamp at zero uses all 256 codes"


def test_residual_has_int8_on_both_sides(quantized: Traced) -> None:
    (add,) = _nodes(quantized, "add")
    assert all(_is(argument, "dequantize") for argument in add.args)
    assert {op_name(argument.args[0].args[0]) for argument in add.args} == {"aten.conv2d"}


def test_values_stay_close(small: Small, quantized: Traced) -> None:
    torch.manual_seed(5)
    for _ in range(10):
        x = torch.randn(1, 3, 8, 8)
        real, int8 = small(x).detach(), quantized.run(x)[0][0]
        assert (real - int8).abs().max() < 0.1 * real.abs().max()


def test_input_and_output_are_quantized(quantized: Traced) -> None:
    graph = quantized.graph_module.graph
    (placeholder,) = [node for node in graph.nodes if node.op == "placeholder"]
    assert all(_is(user, "quantize") for user in placeholder.users)
    assert _is(graph.output_node().args[0][0], "dequantize")
    assert all("val" in node.meta for node in graph.nodes if node.op != "output")


def test_origins_survive(quantized: Traced) -> None:
    modules = {quantized.origins[node.name].module for node in _nodes(quantized, "conv2d")}
    assert modules == {"stem.0", "conv1.0", "conv2.0", "shortcut"}
    assert all(quantized.origins[name].source.startswith("test_quantize.py") for name in quantized.quantized)


def test_parameters_of_resnet8() -> None:
    target = load_target("resnet8")
    traced = quantize(trace(target), target.calibration)
    layers = [*_nodes(traced, "conv2d"), *_nodes(traced, "linear")]
    attributes = [layer.args[1].args[0].target for layer in layers] + [layer.args[2].target for layer in layers]
    assert sum(traced.constant(str(attribute)).numel() for attribute in attributes) == 77_706
    assert traced.left_in_float == () and traced.notes == ()
    inputs, labels = target.workload.evaluation(None)
    with torch.no_grad():
        real = target.module(inputs[:100]).argmax(1)
    int8 = torch.cat([traced.run(x[None])[0][0] for x in inputs[:100]]).argmax(1)
    assert (real == int8).float().mean() >= 0.99
    assert (int8 == labels[:100]).float().mean() >= 0.95


class Shapes(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.max_pool2d(F.pad(x, (1, 1, 0, 2)), 2)
        x = x.permute(0, 2, 3, 1).reshape(1, -1)[:, 2:]
        return x.unsqueeze(1)


def test_moved_codes_share_their_parameters() -> None:
    traced = _quantize(Shapes(), torch.randn(1, 3, 6, 6))
    parameters = {
        node.args[1:5] for node in traced.graph_module.graph.nodes if _is(node, "quantize") or _is(node, "dequantize")
    }
    assert len(parameters) == 1
    assert traced.left_in_float == ()


class Join(nn.Module):
    def forward(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return torch.cat([torch.sigmoid(a), F.max_pool2d(b * 3, 1), a], 1)


def test_concatenation_has_one_set_of_parameters() -> None:
    traced = _quantize(Join(), torch.randn(1, 2, 4, 4), torch.randn(1, 2, 4, 4))
    (cat,) = _nodes(traced, "cat")
    shared = _parameters_after(cat)
    assert all(argument.args[1:5] == shared for argument in cat.args[0])
    (sigmoid,) = _nodes(traced, "sigmoid")
    assert _parameters_after(sigmoid) == shared, "the fixed parameters of a sigmoid give way to the concatenation"


class Curves(nn.Module):
    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        x = x * 2
        curves = [torch.sigmoid, torch.tanh, F.gelu, F.silu, F.hardswish, F.hardsigmoid, F.elu, F.leaky_relu]
        return tuple(curve(x) for curve in curves) + (torch.sigmoid(x).flatten(1), F.softmax(x, -1))


def test_curves() -> None:
    traced = _quantize(Curves(), torch.randn(1, 3, 4))
    assert traced.left_in_float == ()
    for node in _nodes(traced, "sigmoid"):
        assert _parameters_after(node)[:2] == (1 / 256, -128)
    assert _parameters_after(_nodes(traced, "flatten")[0])[:2] == (1 / 256, -128)
    assert _parameters_after(_nodes(traced, "tanh")[0])[:2] == (1 / 128, 0)
    assert _parameters_after(_nodes(traced, "softmax")[0])[:2] == (1 / 256, -128)
    x = torch.randn(1, 3, 4)
    for real, int8 in zip(Curves()(x), traced.run(x)[0], strict=True):
        assert (real - int8).abs().max() < 0.1


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.project = nn.Linear(8, 24)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        q, k, v = self.project(x).chunk(3, -1)
        return F.softmax(q @ k.transpose(1, 2) / 2.8, -1) @ v


def test_second_operand_of_a_product_is_symmetric() -> None:
    traced = _quantize(Attention(), torch.randn(1, 5, 8))
    products = _nodes(traced, "matmul")
    assert len(products) == 2
    for product in products:
        assert all(_is(argument, "dequantize") for argument in product.args)
        assert product.args[1].args[2:5] == (0, -127, 127)
    assert traced.left_in_float == ()


class SharedWeights(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, padding=1)
        self.table = nn.Parameter(torch.randn(1, 4, 6, 6))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.conv2d(self.conv(self.conv(x)) + self.table, self.conv.weight) * self.conv.weight.sum()


def test_constants_as_weights_and_as_activations() -> None:
    module = SharedWeights()
    traced = _quantize(module, torch.randn(1, 4, 6, 6))
    assert len(_nodes(traced, "conv2d")) == 3
    assert all(_is(node.args[1], "dequantize") for node in _nodes(traced, "conv2d"))
    (add,) = _nodes(traced, "add")
    stored = add.args[1].args[0]
    assert stored.op == "get_attr" and traced.constant(str(stored.target)).dtype == torch.int8
    x = torch.randn(1, 4, 6, 6)
    real = module(x).detach()
    assert (traced.run(x)[0][0] - real).abs().max() < 0.1 * real.abs().max() + 0.05


class Partly(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 2, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv(torch.cumsum(self.conv(x), -1))


def test_what_the_accelerator_lacks_is_listed() -> None:
    traced = _quantize(Partly(), torch.randn(1, 2, 8, 8))
    assert traced.left_in_float == ("cumsum (aten.cumsum)",)
    assert len(_nodes(traced, "conv2d")) == 2


def test_zero_quantized_operators_is_an_error() -> None:
    class Sorts(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.cumsum(torch.sort(x)[0], 0)

    traced = trace_module(Sorts(), (torch.randn(5),), "sorts")
    with pytest.raises(
        QuantizeError, match="sorts: zero quantized operators; the graph has only .*aten.cumsum.*aten.sort"
    ):
        quantize(traced, torch.randn(4, 5))


def test_example_inputs_are_a_last_resort(small: Small) -> None:
    traced = quantize(trace_module(small, (torch.randn(1, 3, 8, 8),), "small"))
    assert traced.notes == ("small: calibrated on the example inputs; give real data for meaningful ranges",)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (torch.randn(8, 3, 8, 7), r"calibration for x is float32 \[8, 3, 8, 7\], want float32 \['N', 3, 8, 8\]"),
        (torch.zeros(8, 3, 8, 8, dtype=torch.int32), "calibration for x is int32"),
        (torch.zeros(0, 3, 8, 8), "fewer than one batch"),
        ((torch.zeros(8, 3, 8, 8), torch.zeros(8)), "calibration has 2 arrays, want 1"),
    ],
)
def test_unsuitable_calibration(small: Small, data: torch.Tensor, message: str) -> None:
    with pytest.raises(QuantizeError, match=message):
        quantize(trace_module(small, (torch.randn(1, 3, 8, 8),), "small"), data)


def test_steps_are_not_quantized(small: Small) -> None:
    target = load_target(f"{__file__.replace('test_quantize.py', 'fixtures/user_targets.py')}:train_step")
    with pytest.raises(QuantizeError, match="training step"):
        quantize(trace(target))


def test_saved_int8_programs_come_back_as_they_are(quantized: Traced, tmp_path) -> None:
    x = torch.randn(1, 3, 8, 8)
    torch.export.save(torch.export.export(quantized.graph_module, (x,)), tmp_path / "int8.pt2")
    target = load_target(str(tmp_path / "int8.pt2"))
    again = quantize(trace(target), torch.randn(64, 3, 8, 8) * 100)  # calibration would ruin it
    assert torch.equal(again.run(x)[0][0], quantized.run(x)[0][0])
    assert len(again.quantized) == len(quantized.quantized) and again.left_in_float == ()
    assert again.notes == ()


def test_weight_zero_points_are_refused() -> None:
    class Asymmetric(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("codes", torch.randint(-128, 127, (4, 3), dtype=torch.int8))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            qdq = torch.ops.quantized_decomposed
            w = qdq.dequantize_per_tensor(self.codes, 0.1, 3, -128, 127, torch.int8)
            x = qdq.dequantize_per_tensor(
                qdq.quantize_per_tensor(x, 0.1, 0, -128, 127, torch.int8), 0.1, 0, -128, 127, torch.int8
            )
            y = F.linear(x, w)
            return qdq.dequantize_per_tensor(
                qdq.quantize_per_tensor(y, 0.1, 0, -128, 127, torch.int8), 0.1, 0, -128, 127, torch.int8
            )

    exported = torch.export.export(Asymmetric(), (torch.randn(1, 3),))
    with pytest.raises(QuantizeError, match="weights of linear have a zero point"):
        quantize(trace_exported(exported, None, "asymmetric"))


def test_bias_of_a_dead_channel_fits_int32() -> None:
    module = nn.Conv2d(2, 2, 1)
    with torch.no_grad():
        module.weight[0] = 1e-12
        module.bias.copy_(torch.tensor([1000.0, 0.5]))
    x = torch.rand(1, 2, 4, 4) * 1e-3
    traced = _quantize(module, x, samples=1)
    (conv,) = _nodes(traced, "conv2d")
    scales = traced.constant(str(conv.args[1].args[1].target)).double()
    bias_codes = traced.constant(str(conv.args[2].target)).double() / (scales * conv.args[0].args[1])
    assert bias_codes.abs().max() <= 2**30 * (1 + 1e-6)  # float32 scales


@pytest.mark.parametrize("observer", list(RangeObserver))
def test_observers(small: Small, observer: RangeObserver) -> None:
    traced = quantize(trace_module(small, (torch.randn(1, 3, 8, 8),), "small"), torch.randn(16, 3, 8, 8), observer)
    x = torch.randn(1, 3, 8, 8)
    real = small(x).detach().numpy()
    np.testing.assert_allclose(traced.run(x)[0][0].numpy(), real, atol=0.15 * np.abs(real).max())


def test_ranges_include_zero() -> None:
    class Shift(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + 5

    traced = quantize(trace_module(Shift(), (torch.ones(1, 4),), "shift"), torch.rand(16, 4) + 1)
    for node in traced.graph_module.graph.nodes:
        if _is(node, "quantize"):
            assert -128 <= node.args[2] <= 127
            assert node.args[2] == -128, "all values are positive, zero is the least code"


def test_uint8_codes_of_other_quantizers_become_int8() -> None:
    class Unsigned(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("table", torch.randint(0, 256, (1, 3, 4), dtype=torch.uint8))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            qdq = torch.ops.quantized_decomposed
            u8 = (0, 255, torch.uint8)
            x = qdq.dequantize_per_tensor(qdq.quantize_per_tensor(x, 0.02, 130, *u8), 0.02, 130, *u8)
            y = x + qdq.dequantize_per_tensor(self.table, 0.01, 0, *u8)
            return qdq.dequantize_per_tensor(qdq.quantize_per_tensor(y, 0.03, 128, *u8), 0.03, 128, *u8)

    x = torch.randn(1, 3, 4)
    traced = trace_exported(torch.export.export(Unsigned(), (x,)), None, "unsigned")
    int8 = quantize(traced)
    for node in int8.graph_module.graph.nodes:
        if _is(node, "quantize") or _is(node, "dequantize"):
            assert node.args[3:] == (-128, 127, torch.int8)
    assert int8.quantized == ("add",)
    assert torch.equal(int8.run(x)[0][0], traced.run(x)[0][0])
