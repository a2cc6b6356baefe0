"""Networks of a training step's operators, with random inputs, for every machine that runs them."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from accel_models.network import (
    AlignedSum,
    Attributes,
    ChannelSum,
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

NEAREST, PSEUDO, INDEXED = "nearest", "pseudo_stochastic", "stochastic_indexed"
ROUNDINGS = (PSEUDO, INDEXED, INDEXED, PSEUDO, NEAREST)


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


def layer(case: dict[str, Any], rounding: str, wide: bool, seed: int) -> Draft:
    """Codes with their range, a masked gradient with its, new weights with their counts, and sums per channel.

    ``wide``: int16 masters with their int8 weights, else int8 masters.
    """
    draft = Draft(np.random.default_rng(seed))
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
    master = draft.given("master", (*kernel, c, o), "int16" if wide else "int8", -120, 120)
    draft.add(WeightGradient(kernel=kernel, **places), [x, g], {"sums": ((*kernel, c, o), "int32")})
    draft.tensors["sums"] = replace(draft.tensors["sums"], role="activation")
    update = Update(multiplier=19661, most=32767 if wide else 127, fraction_bits=8 * wide, rounding=rounding)
    view = {"view": ((*kernel, c, o), "int8")} if wide else {}
    draft.add(update, ["sums", master, draft.number("rate", 19 if wide else 26), *key],
              {"new": ((*kernel, c, o), draft.tensors[master].dtype), **view, "counts": ((2,), "int32")})  # fmt: skip
    draft.add(ChannelSum(digits=3), [g], {"digits": ((3, o), "int8")})
    return draft


def sums() -> Draft:
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
    return draft


def pooling(kernel: int, size: tuple[int, int]) -> Draft:
    """Maxima with their places, and the gradient that goes there."""
    draft = Draft(np.random.default_rng(kernel))
    x, out = draft.given("x", (2, *size, 7), low=-3, high=3), tuple(part // kernel for part in size)
    draft.add(MaxPlaces(kernel=kernel), [x], {"y": ((2, *out, 7), "int8"), "places": ((2, *out, 7), "int8")})
    g = draft.given("g", (2, *out, 7))
    draft.add(MaxPoolGradient(kernel=kernel, size=size), [g, "places"], {"gx": ((2, *size, 7), "int8")})
    return draft
