"""Operators without weights: element by element, tables, pools and moves, against PyTorch."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from tests.cosim.qdq import Comparison, Wrapped, codes, compare, fake

RNG = np.random.default_rng
A, B, OUT = (0.0312517, 11), (0.0170413, -20), (0.0523771, -4)  # uneven: round ratios make ties common
IMAGE = (2, 6, 13, 11)


def one(
    function: Callable[..., torch.Tensor], shape: tuple[int, ...] = IMAGE, output: tuple[float, int] = OUT
) -> Comparison:
    return compare(Wrapped(function, [A], output), codes(RNG(1), shape, *A))


def two(function: Callable[..., torch.Tensor], a: tuple[int, ...] = IMAGE, b: tuple[int, ...] = IMAGE) -> Comparison:
    return compare(Wrapped(function, [A, B], OUT), codes(RNG(1), a, *A), codes(RNG(2), b, *B))


# ---- element by element ----


@pytest.mark.parametrize(
    "function",
    [
        lambda a, b: a + b,
        lambda a, b: F.relu(a + b),
        lambda a, b: a - b,
        lambda a, b: torch.sub(b, a),
        lambda a, b: torch.add(a, b, alpha=2.5),
        lambda a, b: torch.sub(a, b, alpha=-0.5),
        lambda a, b: a * b,
        lambda a, b: F.relu6(a * b),
    ],
)
def test_two_operands(function: Callable[..., torch.Tensor]) -> None:
    result = two(function).check()
    assert set(result.kinds) == {"elementwise"} and not result.functions()


def test_subtraction_is_exact_at_the_ends() -> None:
    """-(-128) is no int8 code; the negative of a code is."""
    a = torch.tensor([127.0, -128.0, 0.0, 5.0]) * 0.5
    b = torch.tensor([-128.0, 127.0, -128.0, 5.0]) * 0.5
    module = Wrapped(lambda a, b: a - b, [(0.5, 0), (0.5, 0)], (1.0, 0))
    assert compare(module, a, b).got[0].tolist() == [127, -127, 64, 0]  # 127.5 saturates


def test_operands_in_different_orders() -> None:
    result = compare(
        Wrapped(lambda a, b: F.max_pool2d(a, 1) + b.permute(0, 3, 1, 2), [A, B], OUT),
        codes(RNG(1), IMAGE, *A),
        codes(RNG(2), (2, 13, 11, 6), *B),
    ).check()
    assert "permute" not in result.kinds  # both are stored channels last


@pytest.mark.parametrize("constant_first", [True, False])
def test_constant_operand(constant_first: bool) -> None:
    module = Wrapped(
        lambda a: (module.table + F.max_pool2d(a, 1)) if constant_first else F.max_pool2d(a, 1) * module.table, [A], OUT
    )
    module.register_buffer("raw", codes(RNG(3), IMAGE, *B))

    class Table:
        def __radd__(self, other: torch.Tensor) -> torch.Tensor:
            return other + fake(module.raw, *B)

        __rmul__ = lambda self, other: other * fake(module.raw, *B)  # noqa: E731
        __add__ = lambda self, other: fake(module.raw, *B) + other  # noqa: E731

    module.table = Table()
    result = compare(module, codes(RNG(1), IMAGE, *A)).check()
    assert result.kinds == ["pool", "elementwise"]


def test_broadcast_runs_on_the_cpu() -> None:
    result = two(lambda a, b: F.max_pool2d(a * b, 2), IMAGE, (2, 6, 1, 1)).check()
    assert result.functions() == ["dequantize", "dequantize", "mul", "quantize"]
    assert result.kinds[-1] == "pool"


@pytest.mark.parametrize(
    "function", [F.relu, F.relu6, F.hardtanh, lambda x: torch.clamp(x, -0.5, 1.0), lambda x: x.clamp(max=1)]
)
@pytest.mark.parametrize("output", [A, OUT])
def test_clamps_alone(function: Callable[..., torch.Tensor], output: tuple[float, int]) -> None:
    result = one(function, output=output).check()
    assert result.kinds == ["elementwise"]


def test_clamp_that_does_nothing_is_no_operator() -> None:
    module = Wrapped(lambda x: F.max_pool2d(F.relu(fake(F.relu(x), 0.05, -128)), 2), [(0.05, -128)], (0.05, -128))
    assert compare(module, codes(RNG(1), IMAGE, 0.05, -128)).exact().kinds == ["pool"]


def test_rescale() -> None:
    assert one(lambda x: x).check().kinds == ["elementwise"]


# ---- tables ----


@pytest.mark.parametrize(
    "function",
    [
        torch.sigmoid, torch.tanh, F.gelu, lambda x: F.gelu(x, approximate="tanh"), F.silu, F.hardswish, F.hardsigmoid,
        F.elu, F.selu, F.celu, lambda x: F.leaky_relu(x, 0.2), F.mish, F.softplus, F.softsign, torch.erf, torch.exp,
        torch.abs, torch.neg, torch.square, torch.sin, torch.cos, lambda x: x / 3.0, lambda x: 1.0 - x,
        lambda x: x + 1.5,
        lambda x: x * torch.sigmoid(1.702 * x), lambda x: x + x, lambda x: x * F.relu6(x + 3) / 6, lambda x: x**3,
        lambda x: torch.where(x > 0, x, 0.1 * x), lambda x: F.prelu(x, torch.tensor([0.3])), F.logsigmoid,
        lambda x: F.relu(torch.tanh(x)), lambda x: F.softshrink(x), lambda x: torch.sqrt(torch.abs(x)),
    ],
)  # fmt: skip
def test_functions_of_one_code_are_tables(function: Callable[..., torch.Tensor]) -> None:
    result = one(function, (3, 5, 40)).exact()
    assert result.kinds == ["elementwise"]
    (operator,) = result.network.operators
    assert operator.attributes.table


def test_function_of_two_tensors_is_no_table() -> None:
    result = two(lambda a, b: F.max_pool2d(a * torch.sigmoid(b), 1)).check()
    assert "sigmoid" in result.functions()


# ---- pools ----


@pytest.mark.parametrize("kernel", [2, 3, (3, 2)])
@pytest.mark.parametrize("stride", [None, 1, (2, 3)])
@pytest.mark.parametrize("padding", [0, 1])
@pytest.mark.parametrize("ceil_mode", [False, True])
def test_max_pool(kernel: int, stride: int, padding: int, ceil_mode: bool) -> None:
    result = one(lambda x: F.max_pool2d(x, kernel, stride, padding, 1, ceil_mode), output=A).exact()
    assert result.kinds == ["pool"]


@pytest.mark.parametrize("kernel", [2, 3, (3, 2)])
@pytest.mark.parametrize("stride", [None, 1, (2, 3)])
@pytest.mark.parametrize("padding", [0, 1])
@pytest.mark.parametrize("ceil_mode", [False, True])
@pytest.mark.parametrize("counted,divisor", [(True, None), (False, None), (True, 7)])
def test_average_pool(kernel: int, stride: int, padding: int, ceil_mode: bool, counted: bool, divisor: int) -> None:
    result = one(lambda x: F.avg_pool2d(x, kernel, stride, padding, ceil_mode, counted, divisor)).check(0.01)
    # With padding counted and ceil mode, two windows with equal taps can have different divisors: then the CPU.
    assert result.kinds == ["pool"] or (padding and ceil_mode and counted and not divisor)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: F.adaptive_avg_pool2d(x, 1),
        lambda x: F.adaptive_avg_pool2d(x, (4, 3)),
        lambda x: x.mean((2, 3)),
        lambda x: x.mean((-1, -2), keepdim=True),
        lambda x: x.mean(2),
        lambda x: x.mean(1),
        lambda x: x.mean((1, 3), keepdim=True),
        lambda x: x.mean(0),
        lambda x: x.mean(),
        lambda x: F.relu(x.mean((2, 3))).flatten(1),
        lambda x: F.avg_pool2d(x, 12).flatten(1),
    ],
)
def test_means(function: Callable[..., torch.Tensor]) -> None:
    result = one(function, (3, 20, 12, 12), (0.004, 3)).check(0.02)
    assert "pool" in result.kinds and not result.functions()


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x.amax((2, 3)),
        lambda x: x.amax(1, keepdim=True),
        lambda x: F.adaptive_max_pool2d(x, 1),
        lambda x: F.adaptive_max_pool2d(x, (4, 6)),
    ],
)
def test_maxima(function: Callable[..., torch.Tensor]) -> None:
    result = one(function, (3, 20, 12, 12), A).exact()
    assert "pool" in result.kinds and not result.functions()


@pytest.mark.parametrize(
    "function",
    [
        lambda x: F.avg_pool1d(x, 3, 2, 1),
        lambda x: F.max_pool1d(x, 3),
        lambda x: F.adaptive_avg_pool1d(x, 5),
        lambda x: x.mean(-1),
    ],
)
def test_signals(function: Callable[..., torch.Tensor]) -> None:
    assert one(function, (2, 7, 1000)).check(0.02).functions() == []


# ---- moves ----

MOVES = {
    "flatten": (lambda x: x.flatten(1), IMAGE),
    "flatten of pixels": (lambda x: x.flatten(2), IMAGE),
    "view": (lambda x: x.reshape(2, 3, 2, 143), IMAGE),
    "to tokens": (lambda x: x.flatten(2).transpose(1, 2), IMAGE),
    "squeeze": (lambda x: x.squeeze(1).unsqueeze(-1), (2, 1, 5, 6)),
    "permute": (lambda x: x.permute(0, 2, 3, 1), IMAGE),
    "transpose": (lambda x: x.transpose(1, 3), IMAGE),
    "movedim": (lambda x: x.movedim(1, -1), IMAGE),
    "slice": (lambda x: x[:, 1:5, ::2, -7:], IMAGE),
    "select": (lambda x: x[:, -1], IMAGE),
    "narrow": (lambda x: x.narrow(2, 3, 4), IMAGE),
    "chunk": (lambda x: x.chunk(2, 1)[1], IMAGE),
    "split": (lambda x: torch.split(x, [1, 2, 3], 1)[2], IMAGE),
    "unbind": (lambda x: x.unbind(2)[5], IMAGE),
    "pad": (lambda x: F.pad(x, (1, 2, 3, 0)), IMAGE),
    "crop": (lambda x: F.pad(x, (-1, 2, 0, -3)), IMAGE),
    "pad with a number": (lambda x: F.pad(x, (1, 0), value=0.37), IMAGE),
    "cat": (lambda x: torch.cat([x, x], 1), IMAGE),
    "stack": (lambda x: torch.stack([x, x, x], 1), IMAGE),
    "expand": (lambda x: x[:, :, :1].expand(-1, -1, 4, -1), IMAGE),
    "repeat": (lambda x: x.repeat(1, 2, 1, 3), IMAGE),
    "upsample": (lambda x: F.interpolate(x, scale_factor=2, mode="nearest"), IMAGE),
    "pixel shuffle": (lambda x: F.pixel_shuffle(x, 2), (2, 8, 5, 3)),
    "pixel unshuffle": (lambda x: F.pixel_unshuffle(x, 2), (2, 3, 6, 4)),
    "channel shuffle": (lambda x: torch.channel_shuffle(x, 3), IMAGE),
    "no-ops": (lambda x: F.dropout(x.contiguous().clone().detach(), 0.5, False).to(torch.float32), IMAGE),
    "shuffle by hand": (lambda x: x.view(2, 2, 3, 13, 11).transpose(1, 2).reshape(2, 6, 13, 11), IMAGE),
}


@pytest.mark.parametrize("name", MOVES)
@pytest.mark.parametrize("layout", ["plain", "channels last"])
def test_moves_are_exact_and_need_no_cpu(name: str, layout: str) -> None:
    function, shape = MOVES[name]
    before = (lambda x: F.max_pool2d(x, 1)) if layout == "channels last" else (lambda x: F.relu(x))
    result = compare(Wrapped(lambda x: function(before(x)), [A], A), codes(RNG(1), shape, *A)).exact()
    assert result.functions() == []


@pytest.mark.parametrize("name", ["flatten of pixels", "to tokens", "squeeze", "permute", "movedim", "transpose"])
def test_moves_that_cost_nothing(name: str) -> None:
    """A new description of channels-last bytes is no operator."""
    function, shape = MOVES[name]
    result = compare(Wrapped(lambda x: function(F.max_pool2d(x, 1)), [A], A), codes(RNG(1), shape, *A)).exact()
    assert result.kinds == ["pool"]


def test_flip_falls_back() -> None:
    result = one(lambda x: F.max_pool2d(x.flip(2), 2), output=A).exact()
    assert result.functions() == ["dequantize", "aten::flip.default", "quantize"]


def test_cat_of_different_scales_rescales_first() -> None:
    result = two(lambda a, b: torch.cat([a, b, a], 1)).check()
    assert result.kinds.count("concat") == 1 and set(result.kinds) == {"concat", "elementwise"}


def test_moves_before_the_first_q_and_after_the_last_dq() -> None:
    class Model(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return F.max_pool2d(fake(x.transpose(2, 3), *A), 2).flatten(1)

    result = compare(Model(), codes(RNG(1), IMAGE, *A)).exact()
    assert result.network.tensors["x"].dtype == "int8"
    assert set(result.kinds) <= {"pool", "permute"} and result.network.tensors["output"].dtype == "int8"


def test_several_inputs_and_outputs() -> None:
    class Model(torch.nn.Module):
        def forward(self, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, ...]:
            total = fake(fake(x, *A) + fake(y, *B), *OUT)
            return total, F.max_pool2d(total, 2), y.argmax(1)

    result = compare(Model(), codes(RNG(1), IMAGE, *A), codes(RNG(2), IMAGE, *B)).check()
    assert result.network.inputs == ("x", "y") and result.network.outputs == ("output_0", "output_1", "output_2")
    dtypes = [result.network.tensors[name].dtype for name in ("x", "y", *result.network.outputs)]
    assert dtypes == ["int8", "float32", "int8", "int8", "int64"]
    assert result.functions() == ["quantize", "argmax"]


def test_same_output_twice_and_input_as_output() -> None:
    class Model(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
            held = fake(x, *A)
            y = fake(F.max_pool2d(held, 2), *A)
            return held, y, y

    result = compare(Model(), codes(RNG(1), IMAGE, *A)).exact()
    assert len(set(result.network.outputs)) == 3


def test_input_whose_q_has_narrow_bounds_is_clamped() -> None:
    """The caller may bring the code -128; a symmetric Q would have made it -127."""
    module = Wrapped(lambda x: F.max_pool2d(x, 2), [(0.05, 0)], (0.05, 0), input_low=-127)
    result = compare(module, torch.full((1, 2, 4, 4), -128 * 0.05))
    assert (result.got[0] == -127).all() and result.exact()


@pytest.mark.parametrize("rounding", ["half_up", "double"])
@pytest.mark.parametrize("bits", [16, 31])
def test_options_for_every_kind(rounding: str, bits: int) -> None:
    def function(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        total = fake(a + b, 0.0447113, 3)
        return F.avg_pool2d(fake(total * fake(F.avg_pool2d(b, 3, 1, 1), *B), 0.0512917, -9), 2)

    module = Wrapped(function, [A, B], OUT)
    result = compare(
        module, codes(RNG(1), IMAGE, *A), codes(RNG(2), IMAGE, *B), rounding=rounding, multiplier_bits=bits
    )
    difference = np.abs(result.got[0].astype(int) - result.want[0])
    assert difference.max() <= 2 and (rounding == "double" or (difference > 0).mean() < 0.03)
