"""Tracing modules: same values, no batch norm, no in-place operators, the user's module untouched."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from cosim.trace import TargetError, count_macs, trace_module
from cosim.trace.graph import op_name


class Mixed(nn.Module):
    """Residual block with in-place ReLU, batch norm in every position, dropout, chunks."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(8)
        self.conv2 = nn.Conv2d(8, 8, 3, padding=1)
        self.norm2 = nn.BatchNorm2d(8)
        self.alone = nn.BatchNorm2d(8)
        self.relu = nn.ReLU(inplace=True)
        self.hidden = nn.Linear(16, 12)
        self.norm3 = nn.BatchNorm1d(12)
        self.classify = nn.Linear(6, 4)
        self.dropout = nn.Dropout(0.5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.relu(self.norm1(self.conv1(x)))
        x = self.relu(x + self.norm2(self.conv2(x)))
        x = self.alone(F.max_pool2d(x, 2))
        x = torch.flatten(F.adaptive_avg_pool2d(x, (2, 1)), 1)
        a, b = self.norm3(self.hidden(self.dropout(x))).chunk(2, 1)
        x = a + b
        x += 1
        return self.classify(x)


@pytest.fixture
def mixed() -> Mixed:
    torch.manual_seed(0)
    module = Mixed()
    module(torch.randn(64, 3, 8, 8))  # running statistics other than 0 and 1
    return module.eval()


def test_values_are_those_of_eager(mixed: Mixed) -> None:
    x = torch.randn(2, 3, 8, 8)
    traced = trace_module(mixed, (x,), "mixed")
    (out,), state = traced.run(x)
    torch.testing.assert_close(out, mixed(x).detach(), rtol=1e-5, atol=1e-6)
    assert state == {} and traced.kind == "inference" and traced.mutations == {}


def test_graph_is_flat_and_has_no_batch_norm(mixed: Mixed) -> None:
    graph = trace_module(mixed, (torch.randn(1, 3, 8, 8),), "mixed").graph_module.graph
    names = [op_name(node) for node in graph.nodes]
    assert {node.op for node in graph.nodes} == {"placeholder", "get_attr", "call_function", "output"}
    assert not [name for name in names if "norm" in name or "dropout" in name or name.endswith("_")]
    assert names.count("aten.conv2d") == 3, "the lone batch norm becomes a depthwise convolution"
    assert all("val" in node.meta for node in graph.nodes if node.op != "output")


def test_module_is_untouched(mixed: Mixed) -> None:
    before = {name: tensor.clone() for name, tensor in mixed.state_dict().items()}
    mixed.train()
    traced = trace_module(mixed, (torch.randn(1, 3, 8, 8),), "mixed")
    assert mixed.training and mixed.norm1.training
    for name, tensor in mixed.state_dict().items():
        assert torch.equal(tensor, before[name])
    (first,), _ = traced.run(torch.ones(1, 3, 8, 8))
    with torch.no_grad():
        mixed.classify.weight.zero_()
    (second,), _ = traced.run(torch.ones(1, 3, 8, 8))
    assert torch.equal(first, second), "the trace has constants of its own"


def test_origins_name_module_and_line(mixed: Mixed) -> None:
    traced = trace_module(mixed, (torch.randn(1, 3, 8, 8),), "mixed")
    by_op = {
        op_name(node): traced.origins[node.name]
        for node in traced.graph_module.graph.nodes
        if node.op != "output" and node.name in traced.origins
    }
    assert by_op["aten.linear"].module == "classify"
    assert by_op["aten.add"].module == ""
    assert all(origin.source.startswith("test_trace_inference.py:") for origin in by_op.values())
    assert all(origin.phase == "forward" for origin in by_op.values())


def test_shared_convolution_is_not_folded_twice() -> None:
    class Shared(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(2, 2, 1)
            self.norm = nn.BatchNorm2d(2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = self.conv(x)
            return self.norm(y) + y + self.norm(self.conv(y))

    torch.manual_seed(1)
    module = Shared()
    module(torch.randn(50, 2, 4, 4) * 3)
    x = torch.randn(1, 2, 4, 4)
    traced = trace_module(module.eval(), (x,), "shared")
    torch.testing.assert_close(traced.run(x)[0][0], module(x).detach(), rtol=1e-5, atol=1e-6)


def test_attention_is_written_out() -> None:
    class Attention(nn.Module):
        def forward(self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
            return F.scaled_dot_product_attention(q, k, v)

    inputs = tuple(torch.randn(1, 2, 5, 8) for _ in range(3))
    traced = trace_module(Attention(), inputs, "attention")
    names = [op_name(node) for node in traced.graph_module.graph.nodes]
    assert names.count("aten.matmul") == 2 and names.count("aten.softmax") == 1
    torch.testing.assert_close(traced.run(*inputs)[0][0], Attention()(*inputs))
    assert count_macs(traced)["forward"] == 2 * 2 * 5 * 5 * 8


@pytest.mark.parametrize("dtype", [torch.complex64, torch.float64, torch.float16])
def test_unsupported_dtype_is_named(dtype: torch.dtype) -> None:
    with pytest.raises(TargetError, match=f"unsupported dtype {str(dtype).removeprefix('torch.')}; want") as error:
        trace_module(nn.Identity(), (torch.zeros(3, dtype=dtype),), "typed")
    assert "\n" not in str(error.value)


def test_wrong_number_of_inputs_to_run() -> None:
    traced = trace_module(nn.ReLU(), (torch.zeros(3),), "relu")
    with pytest.raises(ValueError, match="got 2 inputs, want 1"):
        traced.run(torch.zeros(3), torch.zeros(3))
