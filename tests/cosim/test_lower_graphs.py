"""Forms of graphs: both Q/DQ namespaces, int8 boundaries, moves between Q and DQ, fx graphs without metadata."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import fx, nn

from accel_models.kernels import run_network
from cosim.lower import LoweringError, lower
from tests.cosim.qdq import Q, Weight, Wrapped, codes, compare, fake, random_weight

RNG = np.random.default_rng
A, OUT = (0.0312517, 11), (0.0523771, -4)
IMAGE = (2, 6, 8, 10)
AO = torch.ops.torchao


def affine(x: torch.Tensor, block: list[int], scale: torch.Tensor, zero: torch.Tensor | None) -> torch.Tensor:
    held = AO.quantize_affine(x, block, scale, zero, torch.int8, -128, 127)
    return AO.dequantize_affine(held, block, scale, zero, torch.int8, -128, 127)


class AffineLayer(nn.Module):
    """A linear layer in torchao's other namespace: constant tensors as scales, block sizes instead of axes."""

    def __init__(self, block: tuple[int, int]) -> None:
        super().__init__()
        held = random_weight(RNG(4), (40, 24), 2.0)
        self.block = list(block)
        self.register_buffer("codes", held.codes)
        count = (40 // block[0], 24 // block[1])
        self.register_buffer("scale", held.scale.reshape(40, 1)[:: block[0]].expand(count).contiguous())
        self.register_buffer("input_scale", torch.tensor(A[0]))
        self.register_buffer("input_zero", torch.tensor(A[1]))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = affine(x, list(x.shape), self.input_scale, self.input_zero)
        w = AO.dequantize_affine(self.codes, self.block, self.scale, None, torch.int8, -127, 127)
        return fake(F.linear(x, w), *OUT)


@pytest.mark.parametrize("block", [(1, 24), (40, 24)])
def test_affine_namespace(block: tuple[int, int]) -> None:
    compare(AffineLayer(block), codes(RNG(1), (30, 24), *A)).check(0.01)


def test_groupwise_scales_are_refused() -> None:
    program = torch.export.export(AffineLayer((1, 8)), (torch.zeros(30, 24),))
    with pytest.raises(LoweringError, match="block size"):
        lower(program, name="net")


def test_int8_at_the_boundary_and_moves_between_q_and_dq() -> None:
    class Model(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = F.avg_pool2d(Q.dequantize_per_tensor(x, *A, -128, 127, torch.int8), 2)
            held = Q.quantize_per_tensor(y, *OUT, -128, 127, torch.int8)
            z = F.max_pool2d(Q.dequantize_per_tensor(held.flatten(2).unsqueeze(1), *OUT, -128, 127, torch.int8), (1, 2))
            return Q.quantize_per_tensor(z, *OUT, -128, 127, torch.int8)

    x = torch.randint(-128, 128, IMAGE, dtype=torch.int8)
    result = compare(Model(), x).check(0.02)
    tensors = result.network.tensors
    assert tensors[result.network.inputs[0]].dtype == tensors[result.network.outputs[0]].dtype == "int8"
    assert not result.functions()


def test_uint8_codes_as_input_are_refused() -> None:
    class Model(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return F.max_pool2d(Q.dequantize_per_tensor(x, 0.1, 0, 0, 255, torch.uint8), 2)

    with pytest.raises(LoweringError, match="x holds uint8 codes"):
        lower(torch.export.export(Model(), (torch.zeros(IMAGE, dtype=torch.uint8),)), name="net")


def plain_graph() -> fx.GraphModule:
    """A graph whose nodes carry no values: only the placeholder does."""
    weight = Weight(torch.ones(4, 6, 1, 1, dtype=torch.int8), torch.full((4,), 0.05))

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = weight

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return fake(F.conv2d(fake(x, *A), self.weight()), *OUT)

    module = torch.export.export(Model(), (torch.zeros(IMAGE),)).module(check_guards=False)
    for node in module.graph.nodes:
        if node.op != "placeholder":
            node.meta.clear()
    return module


def test_graph_without_values_and_with_given_origins() -> None:
    module = plain_graph()
    conv = next(node for node in module.graph.nodes if "conv2d" in node.name)
    origin = SimpleNamespace(module="body.first", source="net.py:7", phase="forward")
    network = lower(module, name="net", origins={conv.name: origin})
    (operator,) = network.operators
    assert (operator.name, operator.origin) == ("body.first", "body.first net.py:7")
    assert operator.inputs == ("x", "body.first.weight", "body.first.bias", "body.first.multiplier", "body.first.shift")
    values = run_network(network, {"x": np.full((2, 8, 10, 6), 21, np.int8)})
    assert (values["output"] == round(6 * 10 * A[0] * 0.05 / OUT[0]) + OUT[1]).all()


def test_graph_is_not_changed() -> None:
    module = plain_graph()
    before = str(module.graph)
    lower(module, name="net")
    assert str(module.graph) == before
    assert all(not node.meta for node in module.graph.nodes if node.op == "call_function")


def test_placeholder_without_a_shape_is_refused() -> None:
    module = plain_graph()
    next(iter(module.graph.find_nodes(op="placeholder"))).meta.clear()
    with pytest.raises(LoweringError, match="x has no known shape"):
        lower(module, name="net")


def test_batch_that_is_not_fixed_is_refused() -> None:
    program = torch.export.export(
        Wrapped(lambda x: F.max_pool2d(x, 2), [A], A), (torch.zeros(IMAGE),),
        dynamic_shapes=(({0: torch.export.Dim("batch", min=1, max=8)},),),
    )  # fmt: skip
    with pytest.raises(LoweringError, match="not fixed"):
        lower(program, name="net")


def test_operators_of_one_module_have_different_names() -> None:
    class Block(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = fake(x * fake(F.max_pool2d(x, 3, 1, 1), *A), *A)
            return fake(y * x, *OUT)

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.block, self.again = Block(), Block()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.again(self.block(fake(x, *A)))

    network = compare(Model(), codes(RNG(1), IMAGE, *A)).check(1.1).network
    names = [operator.name for operator in network.operators]
    assert names == [
        "block.maximum", "block.mul", "block.mul_2", "again.maximum", "again.mul", "again.mul_2"
    ]  # fmt: skip
    assert set(network.tensors) >= {"block.mul.output", "again.mul.output", "x", "output"}
