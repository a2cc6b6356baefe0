"""In-place code and its functional graph compute the same, outputs and mutated inputs alike."""

from collections.abc import Callable

import pytest
import torch
from torch import fx
from torch.fx.experimental.proxy_tensor import make_fx

from cosim.trace.functionalize import functionalize
from cosim.trace.normalize import set_values


def _functional(function: Callable, *inputs: torch.Tensor) -> fx.GraphModule:
    module = make_fx(function)(*(tensor.clone() for tensor in inputs))
    set_values(module, inputs)
    flat, finals = functionalize(module)
    output = flat.graph.output_node()
    results = output.args[0]
    results = list(results) if isinstance(results, (list, tuple)) else [results]
    output.args = ((*results, *finals.values()),)
    flat.graph.set_codegen(fx.graph.CodeGen())
    flat.recompile()
    flat.mutated = list(finals)
    return flat


def add_and_relu(x, y):
    x = x * 2
    x.add_(y).relu_()
    return x


def mutates_input(x, y):
    x.mul_(y)
    return x + 1


def writes_through_slice(x, y):
    z = x * 1
    z[1:, 0] = y[0, 0]
    z[:, 1].add_(3)
    return z


def writes_through_transpose(x, y):
    z = x * 1
    z.t().mul_(y.t())
    return z


def view_sees_write_to_base(x, y):
    z = x * 1
    view = z.view(-1)[2:5]
    z.add_(10)
    return view * y.view(-1)[:3]


def base_sees_write_to_view(x, y):
    z = x * 1
    z.view(-1).neg_()
    z.permute(1, 0).add_(y.t())
    return z


def fills(x, y):
    z = x * 1
    z[0].zero_()
    z[:, 1].fill_(7)
    z.unsqueeze(0).squeeze(0).sub_(y)
    return z


def copies(x, y):
    z = x * 1
    z.copy_(y[0])  # broadcast
    z[1].copy_(torch.arange(x.shape[1]))  # cast
    y2 = y * 1
    z.copy_(y2)
    y2.add_(1)  # must not reach z
    return z, y2


def chunked(x, y):
    a, b = (x * 1).chunk(2, 0)
    return a + b * y[:1]


@torch.no_grad()
def writes_to_chunks(x, y):
    z = x * 1
    a, b = z.chunk(2, 1)
    b += y[:, :2]
    z.unbind(0)[3].mul_(2)
    z.split([1, 3], dim=0)[1].sub_(1)
    return z + torch.cat([a, b], 1)


def selected(x, y):
    z = torch.stack([x, y])
    z.select(0, 1).add_(100)
    z[0].diagonal().zero_()
    return z


@pytest.mark.parametrize(
    "function",
    [
        add_and_relu,
        mutates_input,
        writes_through_slice,
        writes_through_transpose,
        view_sees_write_to_base,
        base_sees_write_to_view,
        fills,
        copies,
        chunked,
        writes_to_chunks,
        selected,
    ],
    ids=lambda function: function.__name__,
)
def test_functional_graph_equals_eager(function: Callable) -> None:
    x, y = torch.randn(4, 4), torch.randn(4, 4)
    flat = _functional(function, x, y)
    for node in flat.graph.nodes:
        if isinstance(node.target, torch._ops.OpOverload):
            assert not node.target._schema.is_mutable, node.format_node()
    own = x.clone()
    eager = function(own, y.clone())
    expected = list(eager) if isinstance(eager, tuple) else [eager]
    if flat.mutated:
        expected.append(own)
    torch.testing.assert_close(list(flat(x, y)), expected, rtol=0, atol=0)


def test_batch_norm_in_training_returns_its_running_statistics() -> None:
    norm = torch.nn.BatchNorm1d(3)

    def step(x, mean, variance):
        return torch.nn.functional.batch_norm(x, mean, variance, training=True)

    inputs = torch.randn(5, 3), torch.zeros(3), torch.ones(3)
    flat = _functional(step, *inputs)
    assert len(flat.mutated) == 2
    out, mean, variance = flat(*inputs)
    torch.testing.assert_close(out, norm(inputs[0]).detach())
    torch.testing.assert_close(mean, norm.running_mean)
    torch.testing.assert_close(variance, norm.running_var)
    assert inputs[1].abs().max() == 0


def test_write_through_expanded_view_is_refused() -> None:
    def step(x, y):
        z = x * 1
        z.as_strided((4,), (1,)).unfold(0, 2, 2).add_(1)
        return z

    with pytest.raises(ValueError, match="cannot write in place through the view"):
        _functional(step, torch.randn(4, 4), torch.randn(4, 4))
