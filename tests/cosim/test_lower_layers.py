"""Layers with weights: random convolutions and linear layers against PyTorch's execution of the Q/DQ graph."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from accel_models.network import Conv2d, Network
from tests.cosim.qdq import Comparison, Weight, Wrapped, codes, compare, fake, random_weight

RNG = np.random.default_rng


def the_conv(network: Network) -> Conv2d:
    (found,) = [op.attributes for op in network.operators if op.kind == "conv2d"]
    assert isinstance(found, Conv2d)
    return found


@st.composite
def convolutions(draw: st.DrawFn) -> dict:
    groups = draw(st.sampled_from([1, 1, 1, 2, 3]))
    kernel = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    dilation = draw(st.tuples(st.integers(1, 2), st.integers(1, 2)))
    padding = draw(st.tuples(st.integers(0, 2), st.integers(0, 2)))
    extent = [d * (k - 1) + 1 - 2 * p for k, d, p in zip(kernel, dilation, padding, strict=True)]
    return {
        "batch": draw(st.integers(1, 2)),
        "size": tuple(max(e, 1) + draw(st.integers(0, 7)) for e in extent),
        "inputs": groups * draw(st.integers(1, 5)),
        "outputs": groups * draw(st.integers(1, 6)),
        "groups": groups,
        "kernel": kernel,
        "dilation": dilation,
        "padding": padding,
        "stride": draw(st.tuples(st.integers(1, 3), st.integers(1, 3))),
        "bias": draw(st.booleans()),
        "activation": draw(st.sampled_from(["none", "relu", "relu6", "hardtanh"])),
        "zeros": draw(st.tuples(st.integers(-128, 127), st.integers(-100, 100))),
        "seed": draw(st.integers(0, 2**32 - 1)),
    }


def run_convolution(case: dict, **options: object) -> Comparison:
    """Lower and run one layer; beyond the comparison with PyTorch, hold it to float64 arithmetic."""
    rng = RNG(case["seed"])
    weight = random_weight(rng, (case["outputs"], case["inputs"] // case["groups"], *case["kernel"]), gain=2.0)
    bias = torch.from_numpy(rng.normal(0, 1, case["outputs"]).astype(np.float32)) if case["bias"] else None
    weight.register_buffer("bias", bias)
    activation = {"none": lambda y: y, "relu": F.relu, "relu6": F.relu6, "hardtanh": F.hardtanh}[case["activation"]]
    scale = float(rng.uniform(0.01, 0.05))

    def layer(x: torch.Tensor) -> torch.Tensor:
        w = weight()
        return activation(
            F.conv2d(x, w, weight.bias, case["stride"], case["padding"], case["dilation"], case["groups"])
        )

    module = Wrapped(layer, [(scale, case["zeros"][0])], (float(rng.uniform(0.01, 0.08)), case["zeros"][1]), [weight])
    x = codes(rng, (case["batch"], case["inputs"], *case["size"]), scale, case["zeros"][0])
    result = compare(module, x, **options)
    args = (case["stride"], case["padding"], case["dilation"], case["groups"])
    real = activation(F.conv2d(x.double(), weight().double(), None if bias is None else bias.double(), *args))
    exact = (real / module.output[0] + case["zeros"][1]).clamp(-128, 127).numpy()
    # Half an LSB, and half an accumulator step of the bias.
    assert (
        np.abs(result.got[0] - exact).max() <= 0.5 + 0.5 * scale * float(weight.scale.max()) / module.output[0] + 0.01
    )
    return result


@given(convolutions())
def test_convolution(case: dict) -> None:
    result = run_convolution(case)
    assert result.kinds == ["conv2d"]
    result.check(fraction=1.1)  # few elements, some of them alike (padding): one tie may be all of them
    n, c, h, w = result.want[0].shape
    kernel = case["kernel"][0] * case["kernel"][1] * case["inputs"] // case["groups"]
    assert result.network.macs == n * c * h * w * kernel
    assert result.network.parameters == c * kernel + (c if case["bias"] else 0)


def big_case(**changes: object) -> dict:
    case = {
        "batch": 2, "size": (17, 15), "inputs": 8, "outputs": 24, "groups": 1, "kernel": (3, 3), "dilation": (1, 1),
        "padding": (1, 1), "stride": (1, 1), "bias": True, "activation": "relu", "zeros": (-5, 3), "seed": 11,
    }  # fmt: skip
    return case | changes


def test_many_elements_agree_within_half_a_percent() -> None:
    result = run_convolution(big_case()).check()
    assert result.got[0].size > 10_000
    assert len(np.unique(result.got[0])) > 50


@pytest.mark.parametrize("options", [{"multiplier_bits": 16}, {"rounding": "double"}])
def test_options_reach_the_arithmetic(options: dict) -> None:
    result = run_convolution(big_case(), **options).check(fraction=0.02)
    attributes = the_conv(result.network)
    assert attributes.output.double == ("rounding" in options)
    factors = next(v for k, v in result.network.constants.items() if k.endswith("multiplier"))
    assert ((factors & 0xFFFF) == 0).all() == ("multiplier_bits" in options)


def test_depthwise_with_multiplier() -> None:
    result = run_convolution(big_case(inputs=6, outputs=12, groups=6)).check()
    assert the_conv(result.network).groups == 6
    assert result.network.constants["conv2d.weight"].shape == (3, 3, 1, 12)


@pytest.mark.parametrize("mode", ["same", "valid", 2])
@pytest.mark.parametrize("batched", [True, False])
def test_conv1d(mode: str | int, batched: bool) -> None:
    rng = RNG(3)
    weight = random_weight(rng, (6, 4, 4), gain=2.0)
    module = Wrapped(lambda x: F.conv1d(x, weight(), padding=mode, dilation=1), [(0.03, 7)], (0.04, -3), [weight])
    result = compare(module, codes(rng, (2, 4, 50) if batched else (4, 50), 0.03, 7)).check(0.01)
    assert result.kinds == ["conv2d"]


def test_per_tensor_weight_and_missing_batch() -> None:
    rng = RNG(4)
    weight = Weight(torch.from_numpy(rng.integers(-127, 128, (5, 3, 3, 3)).astype(np.int8)), 0.004)
    module = Wrapped(lambda x: F.conv2d(x, weight()), [(0.03, 7)], (0.04, -3), [weight])
    assert compare(module, codes(rng, (3, 12, 12), 0.03, 7)).check(0.01).kinds == ["conv2d"]


@pytest.mark.parametrize("shape", [(7, 24), (24,), (2, 5, 24), (1, 2, 3, 24)])
@pytest.mark.parametrize("activation", [F.relu, torch.sigmoid, lambda y: y])
def test_linear(shape: tuple[int, ...], activation) -> None:  # type: ignore[no-untyped-def]
    rng = RNG(5)
    weight = random_weight(rng, (100, 24), gain=2.0)
    weight.register_buffer("bias", torch.from_numpy(rng.normal(0, 1, 100).astype(np.float32)))
    sigmoid = activation is torch.sigmoid

    def layer(x: torch.Tensor) -> torch.Tensor:
        y = F.linear(x, weight(), weight.bias)
        if sigmoid:  # a table needs codes: Q/DQ between, as our quantizer has it
            y = fake(y, 0.05, 4)
        return activation(y)

    result = compare(Wrapped(layer, [(0.03, 7)], (0.04, -3), [weight]), codes(rng, shape, 0.03, 7)).check(0.01)
    assert result.kinds == ["conv2d"]
    assert the_conv(result.network).table == sigmoid
    assert result.network.macs == int(np.prod(shape)) * 100


def test_addmm_and_matmul_with_constant() -> None:
    rng = RNG(6)
    weight = random_weight(rng, (50, 24), gain=2.0)
    bias = torch.from_numpy(rng.normal(0, 1, 50).astype(np.float32))
    weight.register_buffer("bias", bias)
    for layer in (
        lambda x: torch.addmm(weight.bias, x, weight().t()),
        lambda x: torch.mm(x, weight().t()),
        lambda x: torch.matmul(x, weight().transpose(0, 1)),
    ):
        result = compare(Wrapped(layer, [(0.03, 7)], (0.04, -3), [weight]), codes(rng, (30, 24), 0.03, 7)).check()
        assert result.kinds == ["conv2d"]


def test_matmul_of_activations() -> None:
    rng = RNG(7)
    module = Wrapped(lambda a, b: a @ b, [(0.03, 0), (0.02, 0)], (0.05, 4))
    a, b = codes(rng, (3, 2, 20, 8), 0.03, 0), codes(rng, (3, 2, 8, 30), 0.02, 0, -127)
    result = compare(module, a, b).check()
    assert result.kinds == ["matmul"] and result.network.macs == 6 * 20 * 8 * 30
    turned = Wrapped(lambda a, b: a @ b.transpose(-2, -1), [(0.03, 0), (0.02, 0)], (0.05, 4))
    result = compare(turned, a, b.transpose(-2, -1).contiguous()).check()
    assert result.kinds == ["matmul"]  # the transposition is in the operator, no bytes move
    flat = Wrapped(lambda a, b: torch.bmm(a, b), [(0.03, 0), (0.02, 0)], (0.05, 4))
    assert compare(flat, a[0], b[0]).check(0.01).kinds == ["matmul"]


def test_matmul_with_zero_point_runs_on_the_cpu() -> None:
    rng = RNG(8)
    module = Wrapped(lambda a, b: a + fake(a @ b, 0.1, 3), [(0.03, -128), (0.02, 0)], (0.05, 4))
    result = compare(module, codes(rng, (2, 9, 9), 0.03, -128), codes(rng, (2, 9, 9), 0.02, 0)).check(0.02)
    assert "matmul" in result.functions() and "matmul" not in result.kinds
    assert result.network.macs == 2 * 9 * 9 * 9


def test_channel_without_weights_keeps_its_bias() -> None:
    """Dead channels after folding have tiny scales: the bias would not fit 32 bits at that scale."""
    held = torch.randint(-127, 128, (4, 3, 1, 1), dtype=torch.int8)
    held[2] = 0
    weight = Weight(held, torch.tensor([0.01, 0.02, 1e-9, 0.01]))
    weight.register_buffer("bias", torch.tensor([0.1, -0.2, 3.0, 0.4]))
    module = Wrapped(lambda x: F.conv2d(x, weight(), weight.bias), [(0.03, 7)], (0.04, -3), [weight])
    compare(module, codes(RNG(9), (1, 3, 20, 20), 0.03, 7)).check()


def test_tied_weights_are_stored_and_counted_once() -> None:
    rng = RNG(10)
    weight = random_weight(rng, (8, 8, 1, 1))

    def twice(x: torch.Tensor) -> torch.Tensor:
        return F.conv2d(fake(F.conv2d(x, weight()), 0.04, 3), weight())

    result = compare(Wrapped(twice, [(0.03, 7)], (0.04, -3), [weight]), codes(rng, (1, 8, 9, 9), 0.03, 7))
    assert result.kinds == ["conv2d", "conv2d"] and result.network.parameters == 64
    assert len({op.inputs[1] for op in result.network.operators}) == 1


def test_weights_may_hold_minus_128() -> None:
    """Quantizers of others use the whole int8 range; so does the array."""
    rng = RNG(3)
    weight = Weight(torch.from_numpy(rng.choice(np.array([-128, 127], np.int8), (4, 6, 3, 3))), torch.full((4,), 0.01))
    module = Wrapped(lambda x: F.conv2d(x, weight(), None, padding=1), [(0.02, 5)], (0.2, -7), [weight])
    found = compare(module, codes(rng, (1, 6, 9, 9), 0.02, 5)).check()
    assert int(next(data for data in found.network.constants.values() if data.ndim == 4).min()) == -128
