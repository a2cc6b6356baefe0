"""Traced train steps against eager PyTorch: loss, weights, optimizer state; and the user's objects untouched."""

import copy
from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import workloads
from cosim.trace import TargetError, Traced, count_macs, trace_callable
from cosim.trace.graph import op_name


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3, padding=1)
        self.conv2 = nn.Conv2d(8, 16, 3, stride=2, groups=2)
        self.classify = nn.Linear(16, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.relu(self.conv1(x))
        x = F.relu(self.conv2(x))
        return self.classify(F.adaptive_avg_pool2d(x, 1).flatten(1))


class NormNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.act = nn.ReLU(inplace=True)
        self.classify = nn.Linear(8, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.classify(self.act(self.norm(self.conv(x))).mean((2, 3)))


OPTIMIZERS: dict[str, Callable] = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.1),
    "momentum": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=1e-3),
    "nesterov": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    "foreach": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, foreach=True),
    "adam": lambda p: torch.optim.Adam(p, lr=0.01),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.01, amsgrad=True),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=0.01, momentum=0.5),
}


def _step_of(net: nn.Module, optimizer: torch.optim.Optimizer) -> Callable:
    def train_step(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(net(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return train_step


def _batch(n: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(5)
    return torch.randn(n, 3, 9, 9, generator=generator), torch.randint(0, 4, (n,), generator=generator)


def _own(name: str) -> str:
    return name.replace(".", "_")


@pytest.mark.parametrize("kind", OPTIMIZERS)
@pytest.mark.parametrize("network", [Net, NormNet])
def test_steps_equal_eager(network: type[nn.Module], kind: str) -> None:
    torch.manual_seed(1)
    net = network()
    step = _step_of(net, OPTIMIZERS[kind](net.parameters()))
    x, y = _batch()
    traced = trace_callable(step, (x, y), kind)
    assert traced.kind == "step"
    state = None
    for _ in range(3):
        (loss,), state = traced.run(x, y, state=state)
        torch.testing.assert_close(loss, step(x, y).detach(), rtol=1e-4, atol=1e-5)
        for name, tensor in net.state_dict().items():
            torch.testing.assert_close(state[_own(name)], tensor, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("kind", ["momentum", "adam"])
def test_optimizer_state_from_before_is_used_and_kept(kind: str) -> None:
    torch.manual_seed(1)
    net = Net()
    optimizer = OPTIMIZERS[kind](net.parameters())
    step = _step_of(net, optimizer)
    x, y = _batch()
    step(x, y)
    step(x, y)
    weights, inner = copy.deepcopy(net.state_dict()), copy.deepcopy(optimizer.state_dict())
    gradients = [parameter.grad.clone() for parameter in net.parameters()]
    random = torch.get_rng_state()
    traced = trace_callable(step, (x, y), kind)

    assert torch.equal(torch.get_rng_state(), random)
    assert all(torch.equal(net.state_dict()[name], tensor) for name, tensor in weights.items())
    assert optimizer.state_dict()["param_groups"] == inner["param_groups"]
    for index, values in inner["state"].items():
        for key, value in values.items():
            assert torch.equal(optimizer.state_dict()["state"][index][key], value), (index, key)
    assert all(torch.equal(p.grad, g) for p, g in zip(net.parameters(), gradients, strict=True))

    _, state = traced.run(x, y)
    step(x, y)
    for name, tensor in net.state_dict().items():
        torch.testing.assert_close(state[_own(name)], tensor, rtol=1e-3, atol=1e-6)


def test_fresh_optimizer_stays_fresh() -> None:
    net = Net()
    optimizer = torch.optim.Adam(net.parameters())
    trace_callable(_step_of(net, optimizer), _batch(), "fresh")
    assert len(optimizer.state) == 0
    assert all(parameter.grad is None for parameter in net.parameters())
    assert optimizer.param_groups[0]["capturable"] is False


def test_adam_counts_its_steps_at_run_time() -> None:
    net = Net()
    traced = trace_callable(_step_of(net, torch.optim.Adam(net.parameters())), _batch(), "adam")
    state = None
    for count in (1.0, 2.0, 3.0):
        _, state = traced.run(*_batch(), state=state)
        assert state["conv1_weight_step"].item() == count
    assert traced.initial_state["conv1_weight_step"].item() == 0.0
    assert {"conv1_weight_exp_avg", "conv1_weight_exp_avg_sq"} <= set(traced.mutations)


def test_weights_survive_an_exception() -> None:
    net = Net()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    step = _step_of(net, optimizer)

    def late(x: torch.Tensor, y: torch.Tensor) -> None:
        step(x, y)
        raise ZeroDivisionError("after the\nupdate")

    before = copy.deepcopy(net.state_dict())
    with pytest.raises(
        TargetError, match=r"^late raised ZeroDivisionError: after the update \(test_trace_steps.py:\d+\)$"
    ):
        trace_callable(late, _batch(), "late")
    assert all(torch.equal(net.state_dict()[name], tensor) for name, tensor in before.items())
    assert len(optimizer.state) == 0 and net.conv1.weight.grad is None
    assert torch.compiler.is_compiling() is False


def test_macs_by_phase_are_exact() -> None:
    net = Net()
    traced = trace_callable(_step_of(net, torch.optim.SGD(net.parameters(), lr=0.1)), _batch(2), "macs")
    conv1 = 2 * 9 * 9 * 8 * 3 * 9
    conv2 = 2 * 4 * 4 * 16 * 4 * 9
    classify = 2 * 16 * 4
    assert count_macs(traced) == {
        "forward": conv1 + conv2 + classify,
        "backward-input": conv2 + classify,  # the input of conv1 needs no gradient
        "backward-weight": conv1 + conv2 + classify,
        "update": 0,
        "communicate": 0,
    }


def test_backward_of_inputs_counts_when_they_need_gradients() -> None:
    net = Net()
    x, y = _batch(2)
    step = _step_of(net, torch.optim.SGD(net.parameters(), lr=0.1))

    def with_sensitivity(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor | None:
        step(x, y)
        return x.grad

    with_gradient = trace_callable(with_sensitivity, (x.requires_grad_(), y), "g")
    assert count_macs(with_gradient)["backward-input"] == count_macs(with_gradient)["forward"]


def test_activation_products_are_backward_input() -> None:
    projection = nn.Linear(8, 8, bias=False)

    def step(x: torch.Tensor) -> torch.Tensor:
        q = projection(x)
        loss = (q @ q.transpose(1, 2)).square().mean()
        loss.backward()
        with torch.no_grad():
            projection.weight -= 0.1 * projection.weight.grad
        projection.weight.grad = None
        return loss

    macs = count_macs(trace_callable(step, (torch.randn(2, 5, 8),), "attention"))
    assert macs["forward"] == 2 * 5 * 8 * 8 + 2 * 5 * 5 * 8
    assert macs["backward-weight"] == 2 * 5 * 8 * 8
    assert macs["backward-input"] == 2 * (2 * 5 * 5 * 8)


def _origins(traced: Traced, operator: str, phase: str) -> set[str]:
    return {
        traced.origins[node.name].module
        for node in traced.graph_module.graph.nodes
        if op_name(node) == operator and traced.origins[node.name].phase == phase
    }


def test_every_node_has_a_phase_and_gradients_know_their_layer() -> None:
    net = Net()
    traced = trace_callable(_step_of(net, torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)), _batch(), "origins")
    calls = [node for node in traced.graph_module.graph.nodes if node.op == "call_function"]
    assert set(traced.origins) == {node.name for node in calls}
    assert {origin.source.partition(":")[0] for origin in traced.origins.values()} == {"test_trace_steps.py"}
    assert _origins(traced, "aten.convolution", "forward") == {"conv1", "conv2"}
    assert _origins(traced, "aten.convolution_backward", "backward-input") == {"conv2"}
    assert _origins(traced, "aten.convolution_backward", "backward-weight") == {"conv1", "conv2"}
    assert (
        _origins(traced, "aten.mm", "backward-input") == _origins(traced, "aten.mm", "backward-weight") == {"classify"}
    )
    assert _origins(traced, "aten.add", "update") == {"conv1", "conv2", "classify"}
    updates = {node.name for node in calls if traced.origins[node.name].phase == "update"}
    assert {node.name for node in traced.graph_module.graph.output_node().args[0][1:]} <= updates


def test_graph_has_no_writes_and_separate_gradients() -> None:
    net = NormNet()
    traced = trace_callable(_step_of(net, torch.optim.Adam(net.parameters())), _batch(), "flat")
    for node in traced.graph_module.graph.nodes:
        if isinstance(node.target, torch._ops.OpOverload):
            assert not node.target._schema.is_mutable, node.format_node()
        if op_name(node) == "aten.convolution_backward":
            assert sum(node.args[-1]) == 1
    assert {spec.name for spec in traced.inputs} == {"x", "y"}
    assert {"norm_running_mean", "norm_running_var", "norm_num_batches_tracked"} <= set(traced.mutations)


def test_function_without_arguments_is_traced_whole() -> None:
    def whole() -> torch.Tensor:
        torch.manual_seed(0)
        net = Net()
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
        loss = F.cross_entropy(net(torch.randn(2, 3, 9, 9)), torch.tensor([0, 1]))
        loss.backward()
        optimizer.step()
        return loss

    traced = trace_callable(whole, (), "whole")
    outputs, _ = traced.run()
    assert traced.inputs == () and traced.state == ()
    torch.testing.assert_close(outputs[0], whole().detach())
    names = {op_name(node) for node in traced.graph_module.graph.nodes}
    assert not [name for name in names if any(word in name for word in ("rand", "uniform", "normal", "empty", "zeros"))]
    assert count_macs(traced)["backward-weight"] == count_macs(traced)["forward"]
    assert "conv1_weight" in {spec.name for spec in traced.outputs}, "training is not dead code"


def test_tensors_without_modules_and_two_updates() -> None:
    def fit() -> float:
        torch.manual_seed(0)
        w, x = torch.randn(3, 4, requires_grad=True), torch.randn(5, 4)
        for _ in range(2):
            loss = (x @ w.t()).relu().square().mean()
            loss.backward()
            with torch.no_grad():
                w -= 0.1 * w.grad
            w.grad = None
        return loss.item()

    traced = trace_callable(fit, (), "fit")
    assert traced.run()[0][0].item() == pytest.approx(fit(), rel=1e-6)
    assert count_macs(traced)["forward"] == count_macs(traced)["backward-weight"] == 2 * 5 * 4 * 3
    assert any("reads 1 tensor values as numbers" in note for note in traced.notes)


def test_gradients_that_are_never_cleared_accumulate() -> None:
    net = Net()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01)

    def step(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        loss = F.cross_entropy(net(x), y)
        loss.backward()
        optimizer.step()
        return loss

    x, y = _batch()
    traced = trace_callable(step, (x, y), "accumulate")
    assert net.conv1.weight.grad is None
    state = None
    for _ in range(3):
        _, state = traced.run(x, y, state=state)
        step(x, y)
    torch.testing.assert_close(state["conv1_weight"], net.conv1.weight.detach(), rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(state["conv1_weight_grad"], net.conv1.weight.grad, rtol=1e-3, atol=1e-5)


def test_clipping_and_a_schedule() -> None:
    net = Net()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.5)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.5)

    def step(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        optimizer.zero_grad(set_to_none=False)
        loss = F.cross_entropy(net(x), y)
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 0.01)
        optimizer.step()
        schedule.step()
        return loss

    x, y = _batch()
    traced = trace_callable(step, (x, y), "clip")
    assert optimizer.param_groups[0]["lr"] == 0.5 and schedule.last_epoch == 0
    before = net.conv1.weight.detach().clone()
    _, state = traced.run(x, y)
    moved = torch.cat([(state[_own(n)] - p).flatten() for n, p in net.named_parameters()]).norm()
    assert moved.item() == pytest.approx(0.01 * 0.25, rel=1e-3) or moved.item() == pytest.approx(0.01 * 0.5, rel=1e-3)
    assert torch.equal(net.conv1.weight.detach(), before)


def test_inference_function_gives_the_operators_that_quantization_wants() -> None:
    net = Net().eval()
    x, _ = _batch(1)
    traced = trace_callable(lambda x: net(x), (x,), "infer")
    names = [op_name(node) for node in traced.graph_module.graph.nodes]
    assert traced.kind == "inference" and traced.state == ()
    assert names.count("aten.conv2d") == 2 and names.count("aten.linear") == 1
    torch.testing.assert_close(traced.run(x)[0][0], net(x).detach())
    assert {str(n.target) for n in traced.graph_module.graph.nodes if n.op == "get_attr"} >= {
        "conv1_weight",
        "classify_bias",
    }


def test_step_that_does_nothing_is_refused() -> None:
    with pytest.raises(TargetError, match="returns no tensor"):
        trace_callable(lambda x: None, (torch.zeros(1),), "nothing")


def test_branching_on_a_value_is_noted() -> None:
    def branch(x: torch.Tensor) -> torch.Tensor:
        return x * 2 if x.sum().item() > 0 else x

    traced = trace_callable(branch, (torch.ones(3),), "branch")
    (note,) = traced.notes
    assert "example inputs" in note and "every branch taken on them, are fixed" in note


def test_train_step_of_resnet8() -> None:
    net = workloads.get("resnet8").build().train().requires_grad_(True)
    (x,) = workloads.get("resnet8").example_inputs(1)
    traced = trace_callable(
        _step_of(net, torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)), (x, torch.tensor([3])), "r"
    )
    first = 32 * 32 * 16 * 3 * 9
    macs = count_macs(traced)
    assert macs["forward"] == macs["backward-weight"] == 12_501_632
    assert macs["backward-input"] == 12_501_632 - first
    assert macs["update"] == macs["communicate"] == 0
