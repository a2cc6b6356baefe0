"""What becomes one operator, and what must not; every case is compared with PyTorch as well."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tests.cosim.qdq import Comparison, Wrapped, codes, compare, fake, random_weight

RNG = np.random.default_rng
A, MID, OUT = (0.0312517, 11), (0.0470413, -20), (0.0523771, -4)
IMAGE = (2, 8, 11, 9)


def weights(count: int, *shape: int) -> list[nn.Module]:
    return [random_weight(RNG(20 + i), shape or (8, 8, 3, 3), gain=1.5) for i in range(count)]


def run(function: object, parts: list[nn.Module], shape: tuple[int, ...] = IMAGE) -> Comparison:
    return compare(Wrapped(function, [A], OUT, parts), codes(RNG(1), shape, *A))  # type: ignore[arg-type]


def conv(x: torch.Tensor, weight: nn.Module, **options: int) -> torch.Tensor:
    return F.conv2d(x, weight(), padding=weight.codes.shape[-1] // 2, **options)


@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("convolution_first", [False, True])
def test_residual_is_fused(relu: bool, convolution_first: bool) -> None:
    w = weights(1)

    def block(x: torch.Tensor) -> torch.Tensor:
        y = fake(conv(x, w[0]), *MID)
        total = y + x if convolution_first else x + y
        return F.relu(total) if relu else total

    result = run(block, w).check(0.01)
    (operator,) = result.network.operators
    assert operator.attributes.residual is not None and operator.inputs[-1] == "given_0"
    assert operator.attributes.residual.low == (OUT[1] if relu else -128)


@pytest.mark.parametrize("shortcut_first", [False, True])
def test_of_two_convolutions_the_later_takes_the_sum(shortcut_first: bool) -> None:
    w = [*weights(2), *weights(1, 8, 8, 1, 1)]

    def block(x: torch.Tensor) -> torch.Tensor:
        early = fake(conv(x, w[2]), *MID) if shortcut_first else None
        y = fake(conv(fake(F.relu(conv(x, w[0])), *MID), w[1]), 0.051723, 3)
        return F.relu(y + (early if early is not None else fake(conv(x, w[2]), *MID)))

    result = run(block, w).check(0.01)
    assert result.kinds == ["conv2d"] * 3
    residuals = [operator.attributes.residual is not None for operator in result.network.operators]
    assert residuals == [False, False, True]


def test_convolution_moves_behind_the_other_operand() -> None:
    """The other addend is computed after the convolution: the convolution waits for it."""
    w = weights(1)

    def block(x: torch.Tensor) -> torch.Tensor:
        y = fake(conv(x, w[0]), *MID)
        return y + fake(F.max_pool2d(x, 3, 1, 1), *A)

    result = run(block, w).check(0.01)
    assert result.kinds == ["pool", "conv2d"]


def test_residual_of_linear_layers_with_leading_axes() -> None:
    w = weights(2, 24, 24)

    def block(x: torch.Tensor) -> torch.Tensor:
        return x + fake(F.linear(fake(F.relu(F.linear(x, w[0]())), *MID), w[1]()), *MID)

    result = run(block, w, (3, 7, 24)).check(0.01)
    assert result.kinds == ["conv2d", "conv2d"]


def test_a_result_with_two_readers_is_not_fused() -> None:
    w = weights(1)

    def block(x: torch.Tensor) -> torch.Tensor:
        y = fake(conv(x, w[0]), *MID)
        return fake(y + x, *MID) * y

    assert run(block, w).check(0.01).kinds == ["conv2d", "elementwise", "elementwise"]


def test_a_convolution_added_to_itself_is_not_a_residual() -> None:
    w = weights(1)

    def block(x: torch.Tensor) -> torch.Tensor:
        y = fake(conv(x, w[0]), *MID)
        return y + y

    result = run(block, w).check(0.01)
    assert all(getattr(operator.attributes, "residual", None) is None for operator in result.network.operators)


@pytest.mark.parametrize("name", ["conv", "conv and sum", "sum", "product", "pool", "matmul", "linear with axes"])
def test_tables_and_clamps_are_fused_into_what_makes_the_codes(name: str) -> None:
    w = weights(1, 24, 24) if name == "linear with axes" else weights(1)
    before = {
        "conv": lambda x: conv(x, w[0]),
        "conv and sum": lambda x: x + fake(conv(x, w[0]), *MID),
        "sum": lambda x: x + fake(F.max_pool2d(x, 3, 1, 1), *A),
        "product": lambda x: x * fake(F.max_pool2d(x, 3, 1, 1), *A),
        "pool": lambda x: F.avg_pool2d(x, 3),
        "matmul": lambda x: fake(x, 0.05, 0) @ fake(x, 0.05, 0).transpose(-1, -2),
        "linear with axes": lambda x: F.linear(x, w[0]()),
    }[name]

    def block(x: torch.Tensor) -> torch.Tensor:
        return F.silu(fake(F.relu6(fake(before(x), *MID)), *MID))

    result = run(block, w, (3, 7, 24) if name == "linear with axes" else IMAGE).check(0.01)
    last = next(operator for operator in reversed(result.network.operators) if operator.kind != "reshape")
    assert last.attributes.table and last.kind != "elementwise" or name in ("sum", "product")
    tables = [operator for operator in result.network.operators if getattr(operator.attributes, "table", False)]
    assert len(tables) == 1


def test_tables_compose() -> None:
    w = weights(1)

    def block(x: torch.Tensor) -> torch.Tensor:
        return torch.tanh(fake(torch.sigmoid(fake(conv(x, w[0]), *MID)), 1 / 256, -128))

    result = run(block, w).check(0.01)
    (operator,) = result.network.operators
    assert operator.attributes.table and [name for name in operator.inputs if "table" in name] == ["conv2d.table"]


def test_flatten_before_linear_costs_nothing() -> None:
    """The permutation from channels-last to PyTorch's order goes into the rows of the weights."""
    w = [*weights(1), *weights(1, 40, 8 * 11 * 9)]

    def block(x: torch.Tensor) -> torch.Tensor:
        return F.linear(fake(F.relu(conv(x, w[0])), *MID).flatten(1), w[1]())

    assert run(block, w).check(0.02).kinds == ["conv2d", "conv2d"]


def test_flatten_with_another_reader_keeps_its_permutation() -> None:
    w = [*weights(1), *weights(1, 8 * 11 * 9, 8 * 11 * 9)]

    def block(x: torch.Tensor) -> torch.Tensor:
        flat = fake(F.relu(conv(x, w[0])), *MID).flatten(1)
        return flat + fake(F.linear(flat, w[1]()), *MID)

    assert "permute" in run(block, w).check(0.01).kinds


def test_view_after_linear_costs_nothing() -> None:
    w = [*weights(1, 8 * 11 * 9, 30), *weights(1)]

    def block(x: torch.Tensor) -> torch.Tensor:
        return conv(fake(F.relu(F.linear(x, w[0]())), *MID).view(-1, 8, 11, 9), w[1])

    assert run(block, w, (3, 30)).check(0.01).kinds == ["conv2d", "conv2d"]


@pytest.mark.parametrize("pad", [(1, 2, 0, 3), (0, 1, 0, 1)])
def test_padding_goes_into_the_convolution(pad: tuple[int, ...]) -> None:
    w = weights(1)
    result = run(lambda x: F.conv2d(fake(F.pad(x, pad), *A), w[0](), padding=(1, 0)), w).check(0.01)
    (operator,) = result.network.operators
    left, right, top, bottom = pad
    assert operator.attributes.padding == (top + 1, bottom + 1, left, right)


def test_causal_padding_of_a_signal() -> None:
    w = weights(1, 8, 8, 4)
    result = run(lambda x: F.conv1d(F.pad(x, (6, 0)), w[0](), dilation=2), w, (2, 8, 50)).check(0.01)
    assert result.kinds == ["conv2d"]


def test_padding_with_another_number_stays() -> None:
    w = weights(1)
    number = float(np.float32(20 - A[1]) * np.float32(A[0]))
    assert run(lambda x: conv(F.pad(x, (1, 1), value=number), w[0]), w).check(0.01).kinds == ["pad", "conv2d"]


@pytest.mark.parametrize(
    "function,kinds",
    [
        (lambda x: F.avg_pool2d(F.pad(x, (1, 0, 1, 0)), 2), ["pool"]),
        (lambda x: F.max_pool2d(F.pad(x, (1, 0, 1, 0)), 2), ["pad", "pool"]),  # 0 is not the smallest number
        (lambda x: F.max_pool2d(F.pad(fake(F.relu(x), 0.02, -128), (1, 0)), 2), ["elementwise", "pool"]),
    ],
)
def test_padding_before_pools(function: object, kinds: list[str]) -> None:
    assert run(function, []).check(0.02).kinds == kinds
