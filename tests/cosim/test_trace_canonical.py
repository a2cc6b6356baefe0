"""Decomposed graphs and named paddings reach quantization in one spelling, with the same values."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from cosim.quantize import quantize
from cosim.trace import trace_exported, trace_module
from cosim.trace.graph import op_name


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.along = nn.Conv1d(8, 4, 3, dilation=2)
        self.plain = nn.Linear(5, 6, bias=False)
        self.classify = nn.Linear(6, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.max_pool2d(F.relu(self.norm(self.conv(x))), 2)
        x = F.adaptive_avg_pool2d(x, (1, 9)).squeeze(2)
        x = F.dropout(self.along(x).reshape(-1, 5)[:2], 0.3, self.training)
        return F.softmax(self.classify(F.relu6(self.plain(x))), -1)


def test_core_aten_program_quantizes_like_its_source() -> None:
    torch.manual_seed(0)
    net = Net()
    x = torch.randn(1, 3, 20, 20)
    net(torch.randn(8, 3, 20, 20))
    exported = torch.export.export(net.eval(), (x,)).run_decompositions()
    traced = trace_exported(exported, None, "core")
    names = {op_name(node) for node in traced.graph_module.graph.nodes if node.op == "call_function"}
    assert {"aten.conv2d", "aten.conv1d", "aten.linear", "aten.max_pool2d", "aten.softmax"} <= names
    assert not [name for name in names if "norm" in name or name in ("aten.convolution", "aten.addmm", "aten.mm")]
    torch.testing.assert_close(traced.run(x)[0][0], net(x).detach(), rtol=1e-5, atol=1e-6)
    int8 = quantize(traced, torch.randn(8, 3, 20, 20))
    assert int8.left_in_float == ()
    assert (int8.run(x)[0][0] - net(x)).abs().max() < 0.02


@pytest.mark.parametrize("kernel", [(3, 3), (2, 3), (4, 1), (5, 2)])
@pytest.mark.parametrize("padding", ["same", "valid"])
def test_named_padding(kernel: tuple[int, int], padding: str) -> None:
    net = nn.Conv2d(2, 3, kernel, padding=padding, dilation=(1, 3))
    x = torch.randn(1, 2, 11, 12)
    traced = trace_module(net, (x,), "padded")
    (conv,) = [node for node in traced.graph_module.graph.nodes if op_name(node) == "aten.conv2d"]
    assert all(isinstance(size, int) for size in conv.args[4])
    torch.testing.assert_close(traced.run(x)[0][0], net(x).detach())


def test_product_with_a_plain_matrix_stays_a_product() -> None:
    class Product(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.w = nn.Parameter(torch.randn(4, 4))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.mm(x, self.w) + torch.mm(x, self.w.permute(0, 1))

    x = torch.randn(2, 4)
    net = Product()
    torch.testing.assert_close(trace_module(net, (x,), "product").run(x)[0][0], net(x).detach())
