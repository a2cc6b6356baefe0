"""Operators of a training step on the accelerator: every tiling gives the bytes of the NumPy kernels."""

from typing import Any

import numpy as np
import pytest

from accel_models.arithmetic import mix
from accel_models.golden.machine import run_program
from accel_models.kernels import run_network
from accel_models.kernels.noise import rounded_shift
from accel_models.kernels.training import digits_of, join_digits
from accel_models.network import TRAINING, CpuCall, Epilogue, IntegerConv2d, Network, WeightGradient
from accel_models.system import System
from cosim.encode import compile_network
from cosim.encode.training.dispatch import EXPANSIONS
from tests.cosim.networks import system
from tests.cosim.training_drafts import CASES, NEAREST, PSEUDO, ROUNDINGS, Draft, layer, pooling, sums


def agrees(draft: Draft, chip: System, on_cpu: int = 0) -> None:
    """Golden's outputs on a system are the kernels'; how many operators the CPU takes is known."""
    network = draft.network()
    want = run_network(network, draft.values)
    program = compile_network(network, chip, search=False)
    assert sum(row.placement == "cpu" for row in program.rows) == on_cpu
    found = run_program(program, {name: draft.values[name][None] for name in network.inputs}).codes
    for name in network.outputs:
        np.testing.assert_array_equal(found[name][0], want[name], name)
        assert len(np.unique(want[name])) > 1 or want[name].size < 3, f"{name}: the test would not see a difference"


SMALL = system(8, 8, 32768, accumulators={"entries": 64})
ODD = system(5, 6, 16384, accumulators={"entries": 256})
WIDE = system(16, 16, 131072, accumulators={"entries": 512})
CHIPS = {"small": SMALL, "odd": ODD, "wide": WIDE}


@pytest.mark.parametrize("chip", CHIPS)
@pytest.mark.parametrize(("case", "rounding"), list(zip(CASES, ROUNDINGS, strict=True)), ids=range(len(CASES)))
def test_a_layer_forward_and_back(case: dict[str, Any], rounding: str, chip: str) -> None:
    agrees(layer(case, rounding, chip != "odd", len(chip)), CHIPS[chip])


@pytest.mark.parametrize("chip", CHIPS)
def test_sums_of_images(chip: str) -> None:
    agrees(sums(), CHIPS[chip])


@pytest.mark.parametrize(("kernel", "size"), [(2, (8, 6)), (2, (7, 5)), (3, (6, 10))])
def test_pooling_with_places(kernel: int, size: tuple[int, int]) -> None:
    agrees(pooling(kernel, size), SMALL)


def test_every_operator_of_training_has_an_expansion() -> None:
    assert set(EXPANSIONS) == set(TRAINING)


def test_what_the_accelerator_lacks_runs_on_the_cpu() -> None:
    """Depthwise layers, and sums that nobody updates with."""
    draft = Draft(np.random.default_rng(1))
    x, w = draft.given("x", (2, 5, 5, 4)), draft.given("w", (3, 3, 1, 4))
    shift, bound = draft.number("shift", 6), draft.number("bound", 9000)
    bias = draft.given("bias", (4, 1, 1), "int32")
    deep = IntegerConv2d(padding=(1, 1), groups=4, epilogue=Epilogue(range="magnitude"))
    draft.add(deep, [x, w, bias, shift, bound], {"y": ((2, 5, 5, 4), "int8"), "top": ((), "int32")})
    draft.add(WeightGradient(kernel=(3, 3), padding=(1, 1)), [x, x], {"sums": ((3, 3, 4, 4), "int32")})
    agrees(draft, WIDE, on_cpu=2)


def test_values_are_those_of_the_formulas() -> None:
    """The kernels beside plain Python, so that golden is not only compared with itself."""
    values = np.arange(-40, 41, dtype=np.int64)
    assert rounded_shift(values, 3, NEAREST).tolist() == [(int(v) + 4) >> 3 for v in values]
    up = [(abs(int(v)) >> 4) + ((abs(int(v)) >> 2 & 3) > (abs(int(v)) & 3)) for v in values]
    assert rounded_shift(values, 4, PSEUDO).tolist() == [n if v >= 0 else -n for n, v in zip(up, values, strict=True)]
    key, bits, shift = 99, 4, 9
    noise = [int(mix(key + i)) >> (32 - bits) for i in range(len(values))]
    added = [(int(v) + ((2 * n + 1) << (shift - bits - 1))) >> shift for v, n in zip(values, noise, strict=True)]
    assert rounded_shift(values, shift, "stochastic_indexed", np.int32(key), bits).tolist() == added
    with pytest.raises(ValueError, match="rounding"):
        rounded_shift(values, 1, "up")


@pytest.mark.parametrize("count", [2, 3])
def test_digits_hold_every_sum_in_reach(count: int) -> None:
    most = 127 << (7 * (count - 1))
    totals = np.unique(np.concatenate([np.linspace(-most, most, 999).astype(np.int64), np.arange(-200, 200)]))
    digits = digits_of(totals, count)
    assert digits.dtype == np.int8
    np.testing.assert_array_equal(join_digits(digits)[:, 0, 0], totals)


def test_a_sequence_is_its_calls() -> None:
    draft = Draft(np.random.default_rng(2))
    a, b = draft.number("a", 5), draft.number("b", 9)
    calls = (("add", (0, 1), (), 1), ("mul", (2, 0), (), 1), ("octo.shift_of", (3,), (("bits", 3),), 1))
    sequence = CpuCall(function="sequence", parameters=(("calls", calls), ("results", (4, 2))))
    draft.add(sequence, [a, b], {"shift": ((), "int32"), "sum": ((), "int32")})
    found = run_network(draft.network(), draft.values)
    assert (int(found["shift"]), int(found["sum"])) == ((70).bit_length() - 2, 14)
    assert Network.load(None, draft.network().to_bytes()).hash == draft.network().hash  # type: ignore[arg-type]
