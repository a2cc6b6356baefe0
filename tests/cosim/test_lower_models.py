"""Whole models through the real front end: trace, PT2E with our quantizer (and another one), lower, execute."""

import time
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e
from torchao.testing.pt2e._xnnpack_quantizer import XNNPACKQuantizer, get_symmetric_quantization_config

import workloads.registry
from accel_models.kernels import run_network
from accel_models.network import Network
from cosim.lower import Lowered, layer_differences, lower, lower_with_codes, register
from cosim.quantize import quantize
from cosim.trace import Traced, trace_module
from tests.cosim.qdq import codes_of, stored


def front_end(module: nn.Module, *inputs: torch.Tensor, calibration: object = None) -> tuple[Traced, Lowered]:
    traced = quantize(trace_module(module.eval(), inputs, "model"), calibration if calibration is not None else inputs)
    return traced, lower_with_codes(traced.graph_module, name="model", origins=traced.origins)


def check(traced: Traced, lowered: Lowered, *inputs: torch.Tensor) -> None:
    """Every layer, fed the network's codes: at most 1 LSB, less than 0.5 % of the elements (or one)."""
    network = lowered.network
    register(network)
    given = {name: stored(network.tensors[name], real) for name, real in zip(network.inputs, inputs, strict=True)}
    differences = layer_differences(traced.graph_module, lowered.stored, run_network(network, given), inputs)
    assert differences
    for layer in differences:
        assert layer.largest <= 1, layer
        assert layer.differing <= max(1, 0.005 * layer.elements), layer


def kinds(network: Network) -> list[str]:
    return [operator.kind for operator in network.operators]


@pytest.mark.parametrize("name", workloads.registry.names())
def test_workload(name: str) -> None:
    work = workloads.registry.get(name)
    (x,) = work.example_inputs(4)
    traced, lowered = front_end(work.build(), x, calibration=work.calibration(None))
    assert lowered.network.macs == 4 * work.macs
    assert lowered.network.parameters == work.parameters
    assert set(kinds(lowered.network)) <= {"conv2d", "pool", "reshape"}  # nothing on the CPU, nothing moved
    check(traced, lowered, x)


def test_resnet8_is_fused_named_and_fast() -> None:
    work = workloads.registry.get("resnet8")
    (x,) = work.example_inputs(1)
    traced = quantize(trace_module(work.build(), (x,), "resnet8"), work.calibration(None))
    start = time.process_time()
    network = lower(traced.graph_module, name="resnet8", origins=traced.origins)
    assert time.process_time() - start < 2.0
    assert network.macs == 12_501_632 and network.parameters == 77_706
    names = [operator.name for operator in network.operators if operator.kind != "reshape"]
    assert len(set(names)) == len(names) == 11  # 9 convolutions, pool, linear: sums and ReLUs are in them
    assert {"conv", "block1.conv2", "block3.shortcut", "fc"} <= set(names)
    residuals = [op.name for op in network.operators if getattr(op.attributes, "residual", None) is not None]
    assert len(residuals) == 3
    assert all("model.py:" in operator.origin for operator in network.operators)
    assert {operator.phase for operator in network.operators} == {"forward"}
    image = network.tensors[network.inputs[0]]
    assert image.shape == (1, 32, 32, 3) and image.permutation == (0, 2, 3, 1)
    assert network.tensors[network.outputs[0]].shape == (1, 10)


def test_lowering_is_deterministic_and_survives_the_file(tmp_path: Path) -> None:
    torch.manual_seed(0)
    module, x = Attention(), torch.randn(2, 10, 24)
    traced, lowered = front_end(module, x)
    again = lower_with_codes(traced.graph_module, name="model", origins=traced.origins)
    assert lowered.network.to_bytes() == again.network.to_bytes()
    lowered.network.save(tmp_path / "a.network")
    loaded = Network.load(tmp_path / "a.network")
    assert loaded.hash == lowered.network.hash and loaded.operators == lowered.network.operators


class SqueezeExcite(nn.Module):
    """A broadcast product in the middle, hardswish around it."""

    def __init__(self) -> None:
        super().__init__()
        self.expand = nn.Conv2d(8, 24, 1)
        self.depthwise = nn.Conv2d(24, 24, 5, 2, 2, groups=24, bias=False)
        self.norm = nn.BatchNorm2d(24)
        self.squeeze, self.excite = nn.Conv2d(24, 6, 1), nn.Conv2d(6, 24, 1)
        self.project = nn.Conv2d(24, 8, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = F.hardswish(self.norm(self.depthwise(F.hardswish(self.expand(x)))))
        gate = F.hardsigmoid(self.excite(F.relu(self.squeeze(F.adaptive_avg_pool2d(y, 1)))))
        return self.project(y * gate)


class Attention(nn.Module):
    """A transformer block; softmax and layer norm are CPU calls."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(24), nn.LayerNorm(24)
        self.qkv, self.out = nn.Linear(24, 72), nn.Linear(24, 24)
        self.up, self.down = nn.Linear(24, 48), nn.Linear(48, 24)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        n, t, c = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(n, t, 3, 4, 6).permute(2, 0, 3, 1, 4).unbind(0)
        attended = ((q @ k.transpose(-2, -1)) * 0.4).softmax(-1) @ v
        x = x + self.out(attended.transpose(1, 2).reshape(n, t, c))
        return x + self.down(F.gelu(self.up(self.norm2(x))))


class UNet(nn.Module):
    """Skips, concatenation, upsampling, transposed channels."""

    def __init__(self) -> None:
        super().__init__()
        self.down, self.middle = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 16, 3, padding=1)
        self.up, self.head = nn.Conv2d(24, 8, 3, padding=1), nn.Conv2d(8, 12, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        skip = F.silu(self.down(x))
        y = F.relu(self.middle(F.max_pool2d(skip, 2)))
        y = torch.cat([F.interpolate(y, scale_factor=2), skip], 1)
        return F.pixel_shuffle(self.head(F.leaky_relu(self.up(y))), 2)


class TemporalNet(nn.Module):
    """Causal convolutions on a signal, ending in a mean and a softmax."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv1d(4, 12, 3), nn.Conv1d(12, 12, 3, dilation=2)
        self.head = nn.Linear(12, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = F.elu(self.first(F.pad(x, (2, 0))))
        y = y + torch.tanh(self.second(F.pad(y, (4, 0))))
        return self.head(y.mean(-1)).softmax(-1)


@pytest.mark.parametrize(
    "module,shape,cpu",
    [
        (SqueezeExcite(), (2, 8, 14, 14), {"dequantize", "mul", "quantize"}),
        (Attention(), (2, 10, 24), {"dequantize", "softmax", "layer_norm", "matmul", "quantize"}),
        (UNet(), (2, 3, 16, 16), set()),
        (TemporalNet(), (2, 4, 60), {"dequantize", "softmax", "quantize"}),
    ],
)
def test_models_of_other_kinds(module: nn.Module, shape: tuple[int, ...], cpu: set[str]) -> None:
    torch.manual_seed(1)
    x = torch.randn(shape)
    traced, lowered = front_end(module, x)
    check(traced, lowered, x)
    functions = {op.attributes.function for op in lowered.network.operators if op.kind == "cpu"}  # type: ignore[attr-defined]
    assert functions == cpu


def test_graph_of_another_quantizer_as_exported_program() -> None:
    """XNNPACK's quantizer, through torch.export, as a .pt2 file holds it."""
    torch.manual_seed(2)

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.norm, self.b = nn.Conv2d(3, 16, 3, 2, 1), nn.BatchNorm2d(16), nn.Conv2d(16, 16, 3, padding=1)
            self.head = nn.Linear(16, 7)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = F.relu(self.norm(self.a(x)))
            y = F.relu(y + self.b(y))
            return self.head(torch.sigmoid(F.adaptive_avg_pool2d(y, 1).flatten(1)))

    x = torch.randn(4, 3, 20, 20)
    graph = torch.export.export(Model().eval(), (x,)).module()
    quantizer = XNNPACKQuantizer().set_global(get_symmetric_quantization_config(is_per_channel=True))
    prepared = prepare_pt2e(graph, quantizer)
    prepared(x)
    converted = convert_pt2e(prepared)
    program = torch.export.export(converted, (x,))
    network = lower(program, name="other")
    register(network)
    values = run_network(network, {network.inputs[0]: stored(network.tensors[network.inputs[0]], x)})
    output = network.tensors[network.outputs[0]]
    want = codes_of(converted(x), output).astype(np.int64)
    assert np.abs(values[output.name].astype(np.int64) - want).max() <= 2
    assert "cpu" not in kinds(network)


def test_float_graph_runs_on_the_cpu_when_asked() -> None:
    torch.manual_seed(3)
    x = torch.randn(2, 3, 16, 16)
    module = UNet().eval()
    traced = trace_module(module, (x,), "float")
    network = lower(traced.graph_module, name="float", origins=traced.origins, allow_float=True)
    register(network)
    assert set(kinds(network)) == {"cpu"}
    values = run_network(network, {network.inputs[0]: x.numpy()})
    np.testing.assert_allclose(values[network.outputs[0]], module(x).detach().numpy(), rtol=1e-4, atol=1e-5)
    assert network.parameters == sum(parameter.numel() for parameter in module.parameters())
    assert network.macs > 0
