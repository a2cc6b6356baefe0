"""Operators of a training step on the accelerator: every tiling gives the bytes of the NumPy kernels."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest

from accel_models.arithmetic import mix
from accel_models.golden.machine import run_program
from accel_models.kernels import run_network
from accel_models.kernels.noise import rounded_shift
from accel_models.kernels.training import digits_of, join_digits
from accel_models.network import (
    AlignedSum,
    Attributes,
    ChannelSum,
    CpuCall,
    Epilogue,
    InputGradient,
    IntegerConv2d,
    MaxPlaces,
    MaxPoolGradient,
    Network,
    Operator,
    PixelSum,
    Spread,
    Tensor,
    Update,
    WeightGradient,
)
from accel_models.system import System
from cosim.encode import compile_network
from tests.cosim.networks import system

NEAREST, PSEUDO, INDEXED = "nearest", "pseudo_stochastic", "stochastic_indexed"
ROUNDINGS = (PSEUDO, INDEXED, INDEXED, PSEUDO, NEAREST)


@dataclass(slots=True)
class Draft:
    """A network whose tensors are all inputs or outputs, and random inputs for it."""

    random: np.random.Generator
    tensors: dict[str, Tensor] = field(default_factory=dict)
    values: dict[str, np.ndarray] = field(default_factory=dict)
    operators: list[Operator] = field(default_factory=list)

    def given(self, name: str, shape: tuple[int, ...], dtype: str = "int8", low: int = -127, high: int = 127) -> str:
        self.tensors[name] = Tensor(name=name, shape=shape, dtype=dtype, role="input")
        self.values[name] = self.random.integers(low, high, shape, endpoint=True).astype(dtype)
        return name

    def number(self, name: str, value: int) -> str:
        return self.given(name, (), "int32", value, value)

    def add(self, attributes: Attributes, inputs: list[str], outputs: dict[str, tuple[tuple[int, ...], str]]) -> None:
        for name, (shape, dtype) in outputs.items():
            self.tensors.setdefault(name, Tensor(name=name, shape=shape, dtype=dtype, role="output"))
        name = f"{attributes.KIND}{len(self.operators)}"
        self.operators.append(Operator(name=name, inputs=tuple(inputs), outputs=tuple(outputs), attributes=attributes))

    def network(self) -> Network:
        inputs = tuple(name for name, tensor in self.tensors.items() if tensor.role == "input")
        outputs = tuple(name for name, tensor in self.tensors.items() if tensor.role == "output")
        return Network(
            name="draft",
            operators=tuple(self.operators),
            tensors=self.tensors,
            constants={},
            inputs=inputs,
            outputs=outputs,
            metadata={"step": True},
        )


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
CASES: list[dict[str, Any]] = [
    {"size": (8, 9), "channels": (3, 5), "kernel": (3, 3), "stride": (1, 1), "padding": (1, 1)},
    {"size": (9, 8), "channels": (4, 20), "kernel": (3, 3), "stride": (2, 2), "padding": (1, 1)},
    {"size": (8, 8), "channels": (17, 8), "kernel": (1, 1), "stride": (2, 2), "padding": (0, 0)},
    {"size": (7, 10), "channels": (2, 3), "kernel": (2, 4), "stride": (1, 3), "padding": (0, 2)},
    {"size": (2, 2), "channels": (12, 10), "kernel": (2, 2), "stride": (1, 1), "padding": (0, 0)},
]


def sizes(case: dict[str, Any]) -> tuple[int, ...]:
    return tuple(
        (size + 2 * pad - kernel) // step + 1
        for size, pad, kernel, step in zip(case["size"], case["padding"], case["kernel"], case["stride"], strict=True)
    )


@pytest.mark.parametrize("chip", CHIPS)
@pytest.mark.parametrize(("case", "rounding"), list(zip(CASES, ROUNDINGS, strict=True)), ids=range(len(CASES)))
def test_a_layer_forward_and_back(case: dict[str, Any], rounding: str, chip: str) -> None:
    """Codes with their range, a masked gradient with its, new weights with their counts, and sums per channel."""
    draft = Draft(np.random.default_rng(len(chip)))
    (c, o), kernel, out = case["channels"], case["kernel"], sizes(case)
    places = {"stride": case["stride"], "padding": case["padding"]}
    x, w = draft.given("x", (2, *case["size"], c)), draft.given("w", (*kernel, c, o))
    bias = draft.given("bias", (o, 1, 1), "int32", -20000, 20000)
    shift, bound = draft.number("shift", 9), draft.number("bound", 40000)
    codes = Epilogue(low=0, range="positive")
    draft.add(IntegerConv2d(**places, epilogue=codes), [x, w, bias, shift, bound],
              {"y": ((2, *out, o), "int8"), "top": ((), "int32")})  # fmt: skip
    g, mask = draft.given("g", (2, *out, o)), draft.given("mask", (2, *case["size"], c))
    key = [draft.number("key", -123456)] if rounding == INDEXED else []
    back = Epilogue(rounding=rounding, random_bits=5, range="magnitude", masked=True)
    draft.add(InputGradient(size=case["size"], **places, epilogue=back), [g, w, shift, bound, *key, mask],
              {"gx": ((2, *case["size"], c), "int8"), "most": ((), "int32")})  # fmt: skip
    wide = chip != "odd"
    master = draft.given("master", (*kernel, c, o), "int16" if wide else "int8", -120, 120)
    draft.add(WeightGradient(kernel=kernel, **places), [x, g], {"sums": ((*kernel, c, o), "int32")})
    draft.tensors["sums"] = replace(draft.tensors["sums"], role="activation")
    update = Update(multiplier=19661, most=32767 if wide else 127, fraction_bits=8 * wide, rounding=rounding)
    view = {"view": ((*kernel, c, o), "int8")} if wide else {}
    draft.add(update, ["sums", master, draft.number("rate", 19 if wide else 26), *key],
              {"new": ((*kernel, c, o), draft.tensors[master].dtype), **view, "counts": ((2,), "int32")})  # fmt: skip
    draft.add(ChannelSum(digits=3), [g], {"digits": ((3, o), "int8")})
    if c > CHIPS[chip].accelerator.accumulators.entries // 2:  # type: ignore[union-attr]
        pytest.skip("sums of one kernel place do not fit")
    agrees(draft, CHIPS[chip])


@pytest.mark.parametrize("chip", CHIPS)
def test_sums_of_images(chip: str) -> None:
    """Residual sums with and without a mask, means and their gradient, sums per channel alone."""
    draft = Draft(np.random.default_rng(7))
    shape = (3, 6, 5, 13)
    a, b, mask = (draft.given(name, shape) for name in ("a", "b", "mask"))
    shift, bound, up = draft.number("shift", 4), draft.number("bound", 2000), draft.number("up", 3)
    key = draft.number("key", 987654)
    for index, masked in enumerate((False, True)):
        epilogue = Epilogue(rounding=(PSEUDO, INDEXED)[index], range="magnitude", masked=masked)
        inputs = [a, up, b, draft.number("none", 0), shift, bound, *([key, mask] if masked else [])]
        draft.add(AlignedSum(epilogue=epilogue), inputs, {f"s{index}": (shape, "int8"), f"r{index}": ((), "int32")})
    epilogue = Epilogue(low=-128, multiplier=17476, rounding=INDEXED, range="magnitude")
    draft.add(PixelSum(epilogue=epilogue), [a, draft.number("down", 18), draft.number("any", 2**31 - 1), key],
              {"mean": ((3, 1, 1, 13), "int8"), "total": ((), "int32")})  # fmt: skip
    each = draft.given("each", (3, 1, 1, 13))
    epilogue = Epilogue(rounding=INDEXED, multiplier=17476, range="magnitude", masked=True)
    draft.add(Spread(size=(6, 5), epilogue=epilogue), [each, draft.number("back", 15), "any", key, mask],
              {"spread": (shape, "int8"), "found": ((), "int32")})  # fmt: skip
    draft.add(ChannelSum(digits=2), [a], {"digits": ((2, 13), "int8")})
    agrees(draft, CHIPS[chip])


@pytest.mark.parametrize(("kernel", "size"), [(2, (8, 6)), (2, (7, 5)), (3, (6, 10))])
def test_pooling_with_places(kernel: int, size: tuple[int, int]) -> None:
    draft = Draft(np.random.default_rng(kernel))
    x, out = draft.given("x", (2, *size, 7), low=-3, high=3), tuple(part // kernel for part in size)
    draft.add(MaxPlaces(kernel=kernel), [x], {"y": ((2, *out, 7), "int8"), "places": ((2, *out, 7), "int8")})
    g = draft.given("g", (2, *out, 7))
    draft.add(MaxPoolGradient(kernel=kernel, size=size), [g, "places"], {"gx": ((2, *size, 7), "int8")})
    agrees(draft, SMALL)


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
