"""Float parts between DQ and Q: CPU calls by NumPy kernels, or by PyTorch where there is none; all listed."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from accel_models.kernels import FUNCTIONS
from accel_models.network import Network
from tests.cosim.qdq import Comparison, Wrapped, codes, compare, fake

RNG = np.random.default_rng
A, OUT = (0.0312517, 11), (0.0523771, -4)


def run(
    function: Callable[..., torch.Tensor], shape: tuple[int, ...] = (2, 6, 8, 10), **parts: nn.Module
) -> Comparison:
    """The function on codes, and a pool (so that something computes on codes) on top."""
    module = Wrapped(lambda x: function(fake(F.max_pool2d(x, 1), *A)), [A], OUT)
    for name, part in parts.items():
        setattr(module, name, part)
    return compare(module, codes(RNG(1), shape, *A))


NUMPY = {
    "softmax": lambda x: x.softmax(-1),
    "log_softmax": lambda x: F.log_softmax(x, 1),
    "layer_norm": lambda x: F.layer_norm(x, (10,), torch.linspace(0.5, 1.5, 10), torch.linspace(-1, 1, 10), 1e-3),
    "group_norm": lambda x: F.group_norm(x, 3, torch.linspace(0.5, 1.5, 6), torch.linspace(-1, 1, 6)),
    "sum": lambda x: x.sum((1, 3), keepdim=True) * 0.1,
    "var": lambda x: x.var(-1),
    "amin": lambda x: x.amin(2),
    "div": lambda x: x / (x.abs().amax(1, keepdim=True) + 1.0),
    "mul": lambda x: x * torch.linspace(0, 1, 10),
    "sub": lambda x: 1.0 - x * torch.linspace(0, 1, 10),
    "pow": lambda x: (x - x.mean(1, keepdim=True)) ** 2,
    "where": lambda x: torch.where(x > x.mean(1, keepdim=True), x, torch.zeros_like(x)),
    "matmul": lambda x: x @ x.transpose(-1, -2),
    "permute": lambda x: x.softmax(1).transpose(1, 2) * x.softmax(2).permute(0, 2, 1, 3),
    "concat": lambda x: torch.cat([x.softmax(1) * 2, x], 1) * torch.linspace(0, 1, 10),
    "gather": lambda x: x.softmax(1).gather(1, x.argmax(1, keepdim=True)) * 1.5,
    "cast": lambda x: x * x.argmax(1, keepdim=True).to(torch.float32),
    "max": lambda x: x.softmax(1).max(2).values * 2,
    "clamp": lambda x: (x * torch.linspace(0, 1, 10)).clamp(-0.3, 1) + x.softmax(1),
}


@pytest.mark.parametrize("function", NUMPY)
def test_numpy_kernels(function: str) -> None:
    result = run(NUMPY[function]).check(0.01)
    assert function in result.functions()
    assert all(name in FUNCTIONS and not name.startswith("aten::") for name in result.functions())


ATEN = {
    "aten::cumsum.default": lambda x: x.cumsum(1) * 0.1,
    "aten::roll.default": lambda x: x.roll(3, 1),
    "aten::topk.default": lambda x: x.topk(3, 1)[0],
    "aten::pad.default": lambda x: F.pad(x, (1, 2, 0, 3), mode="reflect"),
    "aten::index_select.default": lambda x: x.index_select(1, torch.tensor([3, 1])),
    "aten::clamp.Tensor": lambda x: torch.clamp(x, max=x.mean(1, keepdim=True)),
    "aten::logsumexp.default": lambda x: x.logsumexp(1) * 0.1,
    "aten::max_pool2d.default": lambda x: F.max_pool2d(x, 2, dilation=2),
}


@pytest.mark.parametrize("function", ATEN)
def test_operators_without_a_numpy_kernel_keep_their_aten_form(function: str, tmp_path: Path) -> None:
    result = run(ATEN[function]).check(0.01)
    assert function in result.functions()
    result.network.save(tmp_path / "x.network")
    assert Network.load(tmp_path / "x.network").operators == result.network.operators


def test_layers_that_only_the_cpu_has_count_their_macs_and_parameters() -> None:
    transposed = nn.ConvTranspose2d(6, 4, 3, stride=2)

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = transposed

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return fake(self.layer(fake(F.max_pool2d(fake(x, *A), 2), *A)), *OUT)

    result = compare(Model(), codes(RNG(1), (2, 6, 8, 10), *A)).check(0.01)
    assert result.network.macs == 2 * 4 * 5 * 6 * 4 * 9
    assert result.network.parameters == 6 * 4 * 9 + 4


def test_float_input_and_output_stay_float() -> None:
    class Model(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return F.max_pool2d(fake(x.softmax(1), *A), 2).exp()

    result = compare(Model(), torch.randn(2, 6, 8, 10)).check()
    names = (result.network.inputs[0], result.network.outputs[0])
    assert [result.network.tensors[name].dtype for name in names] == ["float32", "float32"]
    assert result.functions() == ["softmax", "quantize", "dequantize", "exp"]


def test_codes_are_dequantized_once() -> None:
    result = run(lambda x: fake(x.softmax(1), 0.004, -128) + fake(x.softmax(2), 0.005, -128)).check(0.02)
    assert result.functions().count("dequantize") == 1 and result.kinds[-1] == "elementwise"


def test_embedding_of_indices() -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table = nn.Embedding(20, 12)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return F.max_pool1d(fake(self.table(x), *A), 2)

    result = compare(Model(), torch.arange(14).reshape(2, 7))
    assert result.exact().functions() == ["embedding", "quantize"]
    assert result.network.tensors["x"].dtype == "int64" and result.network.parameters == 240
