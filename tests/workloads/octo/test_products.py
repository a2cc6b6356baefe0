"""The three products equal those of autograd in float64, exactly, and their operators know their shapes."""

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn import functional

from workloads.octo import products
from workloads.octo.ops import NAMES, octo

CASES = [  # batch, channels in, out, size, kernel, stride, padding, groups
    (3, 3, 5, (7, 9), (3, 3), (1, 1), (1, 1), 1),
    (2, 8, 6, (8, 8), (3, 3), (2, 2), (1, 1), 1),
    (2, 4, 4, (6, 5), (3, 3), (1, 1), (1, 1), 4),
    (2, 1, 3, (13, 10), (10, 4), (2, 2), (5, 1), 1),
    (4, 6, 7, (5, 5), (1, 1), (2, 2), (0, 0), 1),
    (3, 12, 10, (2, 2), (2, 2), (1, 1), (0, 0), 1),
    (1, 200, 130, (4, 4), (3, 3), (1, 1), (1, 1), 1),  # beyond float32
    (2, 2, 2, (40, 40), (3, 3), (1, 1), (1, 1), 1),  # 1600 pixels a sample: beyond float32
]


def extreme(shape: tuple[int, ...], low: int, seed: int) -> torch.Tensor:
    """Codes near the ends of their range, where sums are largest."""
    generator = torch.Generator().manual_seed(seed)
    codes = torch.randint(low, 128, shape, generator=generator)
    ends = torch.where(codes > 0, 127, low)
    return torch.where(torch.rand(shape, generator=generator) < 0.7, ends, codes).to(torch.int8)


@pytest.mark.parametrize("case", CASES)
def test_products_equal_autograd(case: tuple) -> None:
    n, c, o, size, kernel, stride, padding, groups = case
    x, w = extreme((n, c, *size), -128, 1), extreme((o, c // groups, *kernel), -127, 2)
    bias = torch.arange(o, dtype=torch.int32)[:, None, None] * 1000
    xd, wd = x.double().requires_grad_(), w.double().requires_grad_()
    y = functional.conv2d(xd, wd, None, stride, padding, 1, groups)
    g = extreme(tuple(y.shape), -127, 3)
    y.backward(g.double())
    acc = octo.conv2d(x, w, bias, stride, padding, groups)
    assert acc.dtype == torch.int32 and torch.equal(acc.double(), y.detach() + bias)
    assert torch.equal(octo.conv2d_input_gradient(g, w, size, stride, padding, groups).double(), xd.grad)
    assert torch.equal(octo.conv2d_weight_gradient(x, g, kernel, stride, padding, groups).double(), wd.grad)
    assert torch.equal(octo.bias_gradient(g).double(), g.double().sum((0, 2, 3))[:, None, None])
    assert torch.equal(octo.map_gradient(g).double(), g.double().sum(0))


def test_a_weight_gradient_beyond_an_int32_saturates() -> None:
    x = torch.full((70, 1, 32, 32), -128, dtype=torch.int8)
    g = torch.full((70, 2, 32, 32), 127, dtype=torch.int8)
    g[:, 1, 0, 0] = -127
    assert 70 * 1024 > products.MOST_PRODUCTS
    found = octo.conv2d_weight_gradient(x, g, [1, 1], [1, 1], [0, 0], 1).flatten().tolist()
    assert found == [-1165230080, -1165230080 + 70 * 2 * 127 * 128]
    more = octo.conv2d_weight_gradient(x.repeat(2, 1, 1, 1), g.repeat(2, 1, 1, 1), [1, 1], [1, 1], [0, 0], 1)
    assert more.flatten()[0] == -(2**31) + 1


def test_the_order_of_samples_and_of_batches_does_not_matter() -> None:
    x, g = extreme((9, 3, 6, 6), -128, 4), extreme((9, 4, 6, 6), -127, 5)
    arguments = ([3, 3], [1, 1], [1, 1], 1)
    whole = octo.conv2d_weight_gradient(x, g, *arguments)
    parts = [octo.conv2d_weight_gradient(a, b, *arguments) for a, b in zip(x.split(4), g.split(4), strict=True)]
    assert torch.equal(whole, sum(parts))
    order = torch.randperm(9)
    assert torch.equal(whole, octo.conv2d_weight_gradient(x[order], g[order], *arguments))


def test_max_pool_sends_each_gradient_to_its_maximum() -> None:
    x = extreme((2, 3, 7, 6), -128, 6)
    y, places = octo.max_pool(x, 2)
    assert torch.equal(y.double(), functional.max_pool2d(x.double(), 2))
    g = extreme(tuple(y.shape), -127, 7)
    back = octo.max_pool_gradient(g, places, 2, [7, 6])
    assert back.shape == x.shape and torch.equal(octo.max_pool(back.abs(), 2)[0], g.abs())
    assert torch.equal(back.sum(), g.sum()) and (back[:, :, 6] == 0).all()
    kept = torch.where(back != 0, x, -128)
    assert torch.equal(torch.where(g != 0, octo.max_pool(kept, 2)[0], y), y)


def test_average_pool() -> None:
    x = extreme((2, 3, 8, 8), -128, 8)
    assert torch.equal(octo.average_pool(x).double() / 64, x.double().mean((2, 3), keepdim=True))
    g = extreme((2, 3, 1, 1), -127, 9)
    each = octo.average_pool_gradient(g, [8, 8])
    assert each.shape == x.shape and torch.equal(each.double().mean((2, 3), keepdim=True), g.double())


def test_layers_that_cannot_be_exact_are_refused() -> None:
    zero = torch.zeros(1, 1, 1, dtype=torch.int32)
    wide = torch.zeros(1, 70_000, 1, 1, dtype=torch.int8)
    with pytest.raises(ValueError, match="70000 products may leave an int32"):
        octo.conv2d(wide, wide, zero, [1, 1], [0, 0], 1)
    with pytest.raises(ValueError, match="dense or depthwise"):
        octo.conv2d(wide[:, :4], wide[:, :2].repeat(4, 1, 1, 1), zero, [1, 1], [0, 0], 2)


def number(value: int) -> torch.Tensor:
    return torch.tensor(value, dtype=torch.int32)


def test_every_operator_knows_its_shapes() -> None:
    x, w, g = extreme((2, 3, 6, 6), -128, 1), extreme((4, 3, 3, 3), -127, 2), extreme((2, 4, 6, 6), -127, 3)
    acc, labels = torch.zeros(2, 4, 6, 6, dtype=torch.int32), torch.tensor([1, 2])
    logits, one = extreme((2, 5, 1, 1), -128, 4), number(1)
    conv = ([1, 1], [1, 1], 1)
    calls = {
        "conv2d": (x, w, torch.zeros(4, 1, 1, dtype=torch.int32), *conv),
        "conv2d_input_gradient": (g, w, [6, 6], *conv),
        "conv2d_weight_gradient": (x, g, [3, 3], *conv),
        "bias_gradient": (g,),
        "map_gradient": (g,),
        "requantize": (acc, one, one, one, -128, 127, "nearest", one, 8),
        "largest": (acc, True),
        "shift_of": (one, 8),
        "clipped_range": (one, one),
        "statistics_range": (acc, False),
        "noise_key": (one, one, 3),
        "sides": (acc, one),
        "clipped_gradient": (g, g),
        "sum_exponent": (one, one),
        "aligned_sum": (g, one, g, one),
        "max_pool": (g, 2),
        "max_pool_gradient": (g, torch.zeros_like(g), 2, [13, 12]),
        "average_pool": (g,),
        "average_pool_gradient": (logits, [3, 4]),
        "relu_gradient": (acc, g),
        "softmax_table": (one,),
        "softmax_gradient": (logits, labels, torch.ones(256, dtype=torch.int32)),
        "loss": (logits, one, labels),
        "update": (
            w,
            acc[:1, :, :3, :3].repeat(1, 1, 1, 1)[0, :, None].expand(4, 3, 3, 3),
            one,
            one,
            127,
            "nearest",
            one,
            8,
        ),
        "master_view": (w.to(torch.int16), 8),
        "scaled_codes": (w.float(), one, 127),
        "real": (acc, one),
    }
    assert set(calls) == set(NAMES)
    for name, arguments in calls.items():
        real = getattr(octo, name)(*arguments)
        with FakeTensorMode(allow_non_fake_inputs=True) as mode:
            fakes = [mode.from_tensor(v) if isinstance(v, torch.Tensor) else v for v in arguments]
            fake = getattr(octo, name)(*fakes)
        for a, b in zip(*((v if isinstance(v, tuple) else (v,)) for v in (real, fake)), strict=True):
            assert (a.shape, a.dtype) == (b.shape, b.dtype), name
