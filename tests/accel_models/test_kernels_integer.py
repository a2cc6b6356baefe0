"""Integer kernels against PyTorch's float64 layers on the same integers, and against their definitions."""

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch.nn import functional

from accel_models import arithmetic, kernels
from accel_models.network import (
    Attributes,
    Concat,
    Conv2d,
    CpuCall,
    Elementwise,
    MatMul,
    Network,
    Operator,
    Output8,
    Pad,
    Permute,
    Pool,
    Reshape,
    Residual,
    Slice,
    Tensor,
)  # fmt: skip

SEED = st.integers(0, 2**32 - 1)


def run(attributes: Attributes, shape: tuple[int, ...], *operands: np.ndarray, dtype: str = "int8") -> np.ndarray:
    names = tuple(f"in{i}" for i in range(len(operands)))
    operator = Operator(name="op", inputs=names, outputs=("out",), attributes=attributes)
    out = Tensor(name="out", shape=shape, dtype=dtype)
    return kernels.execute(operator, dict(zip(names, operands, strict=True)), {"out": out})["out"]


def codes(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.integers(-128, 128, shape).astype(np.int8)


def factors(rng: np.random.Generator, channels: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    bias = rng.integers(-20000, 20000, channels).astype(np.int32)
    return (
        bias,
        rng.integers(1 << 30, 1 << 31, channels).astype(np.int32),
        rng.integers(36, 42, channels).astype(np.int8),
    )


@st.composite
def convolutions(draw: st.DrawFn) -> tuple[Conv2d, tuple[int, int, int], tuple[int, int], int]:
    """Attributes, input size, kernel, output channels."""

    def pair(low: int, high: int) -> tuple[int, int]:
        return draw(st.integers(low, high)), draw(st.integers(low, high))

    groups = draw(st.sampled_from([1, 1, 2, 3]))
    attributes = Conv2d(
        stride=pair(1, 3), padding=(*pair(0, 2), *pair(0, 2)), dilation=pair(1, 2), groups=groups,
        input_zero_point=draw(st.integers(-128, 127)),
        output=Output8(zero_point=draw(st.integers(-20, 20)), low=-100, high=110, double=draw(st.booleans())),
        residual=Residual(zero_b=3, multiplier_a=1 << 29, multiplier_b=3 << 28, shift=30, zero_point=-4, low=-90)
        if draw(st.booleans()) else None,
        table=draw(st.booleans()),
    )  # fmt: skip
    size = (draw(st.integers(5, 9)), draw(st.integers(5, 9)), groups * draw(st.integers(1, 3)))
    return attributes, size, pair(1, 3), groups * draw(st.integers(1, 3))


@given(convolutions(), SEED)
def test_conv2d_is_pytorchs_on_integers(
    case: tuple[Conv2d, tuple[int, int, int], tuple[int, int], int], seed: int
) -> None:
    a, (height, width, channels), kernel, outputs = case
    rng = np.random.default_rng(seed)
    x, weight = codes(rng, 2, height, width, channels), codes(rng, *kernel, channels // a.groups, outputs)
    bias, multiplier, shift = factors(rng, outputs)
    top, bottom, left, right = a.padding
    image = torch.from_numpy(x.transpose(0, 3, 1, 2).astype(np.float64))
    image = functional.pad(image, (left, right, top, bottom), value=a.input_zero_point)
    kernels_ = torch.from_numpy(weight.transpose(3, 2, 0, 1).astype(np.float64))
    sums = functional.conv2d(image, kernels_, stride=a.stride, dilation=a.dilation, groups=a.groups)
    acc = sums.numpy().transpose(0, 2, 3, 1).astype(np.int64) + bias
    o = a.output
    wanted = arithmetic.requantize(acc, multiplier, shift, o.zero_point, o.low, o.high, o.double)
    rest = []
    if a.residual:
        r, other = a.residual, codes(rng, *wanted.shape)
        wanted = arithmetic.rescaled_add(
            wanted, o.zero_point, r.multiplier_a, other, r.zero_b, r.multiplier_b, r.shift, r.zero_point, r.low, r.high
        )
        rest.append(other)
    if a.table:
        rest.append(codes(rng, 256))
        wanted = rest[-1][wanted.astype(int) + 128]
    np.testing.assert_array_equal(run(a, wanted.shape, x, weight, bias, multiplier, shift, *rest), wanted)


def test_conv2d_is_the_sum_of_its_definition() -> None:
    rng = np.random.default_rng(0)
    x, weight = codes(rng, 1, 5, 4, 2), codes(rng, 3, 2, 2, 3)
    a = Conv2d(stride=(2, 1), padding=(1, 0, 0, 1), input_zero_point=9)
    out = np.zeros((1, 2, 4, 3), np.int64)
    for oy, ox, c in np.ndindex(2, 4, 3):
        for ky, kx, i in np.ndindex(3, 2, 2):
            iy, ix = oy * 2 - 1 + ky, ox + kx
            value = int(x[0, iy, ix, i]) if 0 <= iy < 5 and 0 <= ix < 4 else 9
            out[0, oy, ox, c] += value * int(weight[ky, kx, i, c])
    bias, multiplier, shift = factors(rng, 3)
    wanted = arithmetic.requantize(out + bias, multiplier, shift, 0, -128, 127)
    np.testing.assert_array_equal(run(a, wanted.shape, x, weight, bias, multiplier, shift), wanted)


def test_sums_wrap_at_32_bits() -> None:
    one = np.ones((1, 1, 1, 1), np.int8)
    bias = np.array([2**31 - 1], np.int32)
    got = run(Conv2d(), (1, 1, 1, 1), one, one, bias, np.array([1 << 30], np.int32), np.array([54], np.int8))
    assert got.item() == -128


@given(st.booleans(), SEED)
def test_matmul(transposed: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    left, right = codes(rng, 2, 3, 7), codes(rng, 2, 7, 5)
    a = MatMul(transposed=transposed, multiplier=3 << 29, shift=39, output=Output8(zero_point=3, low=-50))
    acc = np.einsum("bmk,bkn->bmn", left.astype(np.int64), right.astype(np.int64))
    given_right = right.swapaxes(1, 2).copy() if transposed else right
    wanted = arithmetic.requantize(acc, 3 << 29, 39, 3, -50, 127)
    np.testing.assert_array_equal(run(a, (2, 3, 5), left, given_right), wanted)


@given(st.sampled_from(["add", "multiply", "rescale"]), st.booleans(), SEED)
def test_elementwise(function: str, table: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    left, right, look_up = codes(rng, 3, 4), codes(rng, 3, 4), codes(rng, 256)
    a = Elementwise(
        function=function, zero_a=5, zero_b=-6, multiplier_a=3 << 28, multiplier_b=1 << 29, shift=31,
        output=Output8(zero_point=2, low=-80, high=100), table=table,
    )  # fmt: skip
    x, y = left.astype(int) - 5, right.astype(int) + 6
    total = {"add": 3 * 2**28 * x + 2**29 * y, "multiply": 3 * 2**28 * x * y, "rescale": 3 * 2**28 * x}[function]
    wanted = np.clip(2 + ((total + 2**30) >> 31), -80, 100)
    wanted = look_up[wanted + 128] if table else wanted
    operands = [left] if function == "rescale" else [left, right]
    np.testing.assert_array_equal(run(a, (3, 4), *operands, *([look_up] if table else [])), wanted)


@given(
    st.sampled_from(["maximum", "average"]), st.integers(1, 3), st.integers(1, 3), st.booleans(), st.booleans(), SEED,
    st.data(),
)  # fmt: skip
def test_pool_is_pytorchs(
    function: str, kernel: int, stride: int, ceil_mode: bool, count_include_pad: bool, seed: int, data: st.DataObject
) -> None:
    padding = data.draw(st.integers(0, kernel // 2))
    rng = np.random.default_rng(seed)
    x = codes(rng, 2, 6, 7, 3)
    image = torch.from_numpy(x.transpose(0, 3, 1, 2).astype(np.float64))
    if function == "maximum":
        wanted = (
            functional.max_pool2d(image, kernel, stride, padding, ceil_mode=ceil_mode).numpy().transpose(0, 2, 3, 1)
        )
        a = Pool(function=function, kernel=(kernel, kernel), stride=(stride, stride), padding=(padding,) * 4)
        np.testing.assert_array_equal(run(a, wanted.shape, x), wanted)
        return
    zero = -3
    mean = functional.avg_pool2d(image - zero, kernel, stride, padding, ceil_mode, count_include_pad)
    mean = mean.numpy().transpose(0, 2, 3, 1)

    def taps(outputs: int, size: int) -> list[tuple[int, int]]:
        """Of each window: taps inside the image, and taps that PyTorch counts (padding, but nothing beyond it)."""
        starts = [o * stride - padding for o in range(outputs)]
        inside = [min(s + kernel, size) - max(s, 0) for s in starts]
        counted = [min(s + kernel, size + padding) - s for s in starts] if count_include_pad else inside
        return list(zip(inside, counted, strict=True))

    divisors = {
        (inside_y, inside_x, counted_y * counted_x)
        for inside_y, counted_y in taps(mean.shape[1], 6)
        for inside_x, counted_x in taps(mean.shape[2], 7)
    }
    assume(len({item[:2] for item in divisors}) == len(divisors))  # otherwise a Pool cannot say it
    a = Pool(
        function=function, kernel=(kernel, kernel), stride=(stride, stride), padding=(padding,) * 4,
        input_zero_point=zero, output=Output8(zero_point=zero),
        factors=tuple((y, x, *arithmetic.quantize_multiplier(1 / divisor)) for y, x, divisor in sorted(divisors)),
    )  # fmt: skip
    got = run(a, mean.shape, x).astype(int) - zero
    assert (np.abs(got - np.clip(mean, -128 - zero, 127 - zero)) <= 0.5 + 1e-6).all()


def test_pool_pads_each_side_on_its_own() -> None:
    x = np.arange(6, dtype=np.int8).reshape(1, 2, 3, 1)
    a = Pool(function="maximum", kernel=(2, 2), stride=(1, 1), padding=(1, 0, 0, 1))
    assert run(a, (1, 2, 3, 1), x)[0, :, :, 0].tolist() == [[1, 2, 2], [4, 5, 5]]


def test_pool_without_a_factor_is_refused() -> None:
    a = Pool(function="average", kernel=(2, 2), stride=(2, 2), factors=((2, 2, 1 << 30, 32),))
    assert run(a, (1, 1, 1, 1), np.full((1, 2, 2, 1), 7, np.int8)).item() == 7
    with pytest.raises(ValueError, match="1x2 taps inside"):
        run(a, (1, 2, 1, 1), np.zeros((1, 3, 2, 1), np.int8))


@pytest.mark.parametrize("dtype", ["int8", "float32"])
def test_movement_keeps_values(dtype: str) -> None:
    rng = np.random.default_rng(2)
    x = codes(rng, 2, 3, 4).astype(dtype)
    y = codes(rng, 2, 5, 4).astype(dtype)
    cases: list[tuple[Attributes, np.ndarray, list[np.ndarray]]] = [
        (Concat(axis=1), np.concatenate([x, y], 1), [x, y]),
        (Slice(start=(0, 1, 1), step=(1, 1, 2)), x[:, 1:3, 1:4:2], [x]),
        (Pad(before=(0, 1, 2), value=7), np.pad(x, ((0, 0), (1, 0), (2, 1)), constant_values=7), [x]),
        (Permute(axes=(2, 0, 1)), x.transpose(2, 0, 1), [x]),
        (Reshape(), x.reshape(6, 4), [x]),
    ]
    for attributes, wanted, operands in cases:
        got = run(attributes, wanted.shape, *operands, dtype=dtype)
        np.testing.assert_array_equal(got, wanted)
        assert got.dtype == np.dtype(dtype) and got.flags.c_contiguous


def test_results_must_be_what_was_declared() -> None:
    x = np.zeros((1, 4), np.int8)
    with pytest.raises(ValueError, match=r"tensor out is declared int8\(4,\), the kernel gave int8\(1, 4\)"):
        run(Permute(axes=(0, 1)), (4,), x)
    with pytest.raises(ValueError, match="declared int8"):
        run(CpuCall(function="exp"), (1, 4), x)
    with pytest.raises(ValueError, match="no NumPy kernel for function 'aten::nothing'"):
        run(CpuCall(function="aten::nothing"), (1, 4), x)
    with pytest.raises(ValueError, match="function 'exp'"):
        run(CpuCall(function="exp", parameters=(("speed", 1),)), (1, 4), x)
    with pytest.raises(ValueError, match="want 5 inputs, got 6"):
        run(Conv2d(), (1, 1, 1, 4), *[x] * 6)


def test_a_network_runs_operator_by_operator() -> None:
    def tensor(name: str, role: str = "activation") -> Tensor:
        return Tensor(name=name, shape=(1, 4), dtype="int8", role=role)

    add = Elementwise(function="add", multiplier_b=1 << 30)
    network = Network(
        name="two", inputs=("x",), outputs=("z",), constants={"k": np.array([[1, 2, 3, 4]], np.int8)},
        operators=(
            Operator(name="a", inputs=("x", "k"), outputs=("y",), attributes=add),
            Operator(name="b", inputs=("y", "s"), outputs=("z",), attributes=add),
        ),
        tensors={
            "x": tensor("x", "input"), "k": tensor("k", "constant"), "s": tensor("s", "persistent"), "y": tensor("y"),
            "z": tensor("z", "output"),
        },
    )  # fmt: skip
    x = np.array([[10, 20, 30, 126]], np.int8)
    values = kernels.run_network(network, {"x": x})
    assert values["y"].tolist() == [[11, 22, 33, 127]]
    assert values["z"].tolist() == [[11, 22, 33, 127]]
    assert kernels.run_network(network, {"x": x, "s": x})["z"].tolist() == [[21, 42, 63, 127]]
    with pytest.raises(ValueError, match="want the inputs"):
        kernels.run_network(network, {})
    with pytest.raises(ValueError, match="input x: want int8"):
        kernels.run_network(network, {"x": x.astype(np.int32)})
