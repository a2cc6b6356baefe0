"""Kernels of training against PyTorch's operators of the same name, bit for bit, tensors in their stored order."""

from typing import Any

import numpy as np
import pytest
import torch

from accel_models.kernels import FUNCTIONS
from workloads.octo.ops import NAMES, octo

IMAGE, WEIGHT = (0, 2, 3, 1), (2, 3, 1, 0)
RANDOM = torch.Generator().manual_seed(11)


def integers(*shape: int, low: int = -127, high: int = 127, dtype: torch.dtype = torch.int8) -> torch.Tensor:
    return torch.randint(low, high + 1, shape, generator=RANDOM).to(dtype)


def number(value: int) -> torch.Tensor:
    return torch.tensor(value, dtype=torch.int32)


X, G = integers(3, 4, 7, 6, low=-128), integers(3, 5, 4, 3)
W, BIAS = integers(5, 4, 3, 3), integers(5, 1, 1, low=-(2**31) + 1, high=2**31 - 1, dtype=torch.int32)
DEEP, MAP = integers(4, 1, 3, 3), integers(5, 4, 3, low=-900, high=900, dtype=torch.int32)
ACC = integers(3, 4, 7, 6, low=-(2**30), high=2**30, dtype=torch.int32)
SUMS, MASTER = integers(5, 4, 3, 3, low=-(2**20), high=2**20, dtype=torch.int32), W.to(torch.int16) * 200
LOGITS, LABELS = integers(6, 5, 1, 1), torch.tensor([0, 4, 2, 2, 1, 3])
PLACES = ([2, 2], [1, 1])
WEIGHTS = {id(item) for item in (W, DEEP, SUMS, MASTER)}

CASES: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    ("conv2d", (X, W, BIAS), {"stride": [2, 2], "padding": [1, 1], "groups": 1}),
    ("conv2d", (X, W, MAP), {"stride": [2, 2], "padding": [1, 1], "groups": 1}),
    ("conv2d", (X, DEEP, BIAS[:4]), {"stride": [1, 2], "padding": [0, 1], "groups": 4}),
    ("conv2d_input_gradient", (G, W), {"size": [7, 6], "stride": [2, 2], "padding": [1, 1], "groups": 1}),
    ("conv2d_input_gradient", (X, DEEP), {"size": [7, 6], "stride": [1, 1], "padding": [1, 1], "groups": 4}),
    ("conv2d_weight_gradient", (X, G), {"kernel": [3, 3], "stride": [2, 2], "padding": [1, 1], "groups": 1}),
    ("conv2d_weight_gradient", (X, X), {"kernel": [3, 3], "stride": [1, 1], "padding": [1, 1], "groups": 4}),
    ("bias_gradient", (G,), {}),
    ("map_gradient", (G,), {}),
    *(
        ("requantize", (ACC, number(3), number(shift), number(2**28), number(77)),
         {"low": -127, "high": 127, "rounding": rounding, "random_bits": 6})
        for rounding in ("nearest", "pseudo_stochastic", "stochastic_indexed")
        for shift in (0, 1, 5, 25)
    ),
    ("largest", (ACC,), {"positive": True}),
    ("largest", (-ACC.abs(),), {"positive": False}),
    ("largest", (-ACC.abs(),), {"positive": True}),
    ("shift_of", (number(4711),), {"bits": 5}),
    ("shift_of", (number(0),), {}),
    ("clipped_range", (number(2**31 - 1), number(243)), {}),
    ("statistics_range", (ACC,), {"positive": False}),
    ("statistics_range", (ACC,), {"positive": True}),
    ("noise_key", (number(12), number(-5)), {"tensor": 3}),
    ("sides", (ACC, number(2**29)), {}),
    ("clipped_gradient", (X, X), {}),
    ("sum_exponent", (number(-3), number(-9)), {}),
    ("sum_exponent", (number(-30), number(9)), {}),
    ("aligned_sum", (X, number(0), X, number(15)), {}),
    ("max_pool", (X,), {"size": 2}),
    ("max_pool_gradient", (integers(2, 3, 3, 2), integers(2, 3, 3, 2, low=0, high=3)), {"size": 2, "extent": [7, 5]}),
    ("average_pool", (X,), {}),
    ("average_pool_gradient", (LOGITS,), {"extent": [3, 4]}),
    ("relu_gradient", (ACC, X), {}),
    ("softmax_table", (number(-6),), {}),
    ("softmax_gradient", (LOGITS, LABELS, octo.softmax_table(number(-4))), {}),
    ("loss", (LOGITS, number(-4), LABELS), {}),
    *(
        ("update", (master, SUMS, number(19661), number(shift), number(5)),
         {"most": most, "rounding": rounding, "random_bits": 8})
        for master, most, shift in ((MASTER, 32767, 20), (W, 127, 27), (W, 127, 0))
        for rounding in ("nearest", "pseudo_stochastic", "stochastic_indexed")
    ),
    ("master_view", (MASTER,), {"fraction_bits": 8}),
    ("scaled_codes", (torch.randn(9, generator=RANDOM), number(-5)), {"most": 40}),
    ("real", (BIAS, number(-9)), {}),
]  # fmt: skip


def stored(tensor: torch.Tensor, order: tuple[int, ...]) -> np.ndarray:
    return tensor.permute(order if tensor.dim() == 4 else tuple(range(tensor.dim()))).contiguous().numpy()


@pytest.mark.parametrize(("name", "tensors", "parameters"), CASES, ids=[f"{i}-{c[0]}" for i, c in enumerate(CASES)])
def test_kernel_is_pytorchs(name: str, tensors: tuple[torch.Tensor, ...], parameters: dict[str, Any]) -> None:
    made = name in ("conv2d_weight_gradient", "update", "master_view")
    wanted = getattr(octo, name)(*tensors, **parameters) if name != "requantize" and name != "update" else None
    if wanted is None:  # the key stands in front of the last parameter
        *first, key = tensors
        rest = [parameters["most"]] if name == "update" else [parameters["low"], parameters["high"]]
        wanted = getattr(octo, name)(*first, *rest, parameters["rounding"], key, parameters["random_bits"])
    operands = [stored(item, WEIGHT if id(item) in WEIGHTS else IMAGE) for item in tensors]
    given = {key: tuple(value) if isinstance(value, list) else value for key, value in parameters.items()}
    got = FUNCTIONS[f"octo.{name}"](*operands, **given)
    results = [item if isinstance(item, tuple) else (item,) for item in (got, wanted)]
    for mine, theirs in zip(*results, strict=True):
        want = stored(theirs, WEIGHT if made else IMAGE)
        assert np.asarray(mine).dtype == want.dtype
        np.testing.assert_array_equal(mine, want)


def test_every_operator_has_a_kernel_that_is_compared() -> None:
    assert {f"octo.{name}" for name in NAMES} == {name for name in FUNCTIONS if name.startswith("octo.")}
    assert set(NAMES) == {name for name, *_ in CASES}
