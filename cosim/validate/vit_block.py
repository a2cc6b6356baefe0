"""A transformer block as the peers' list of layers has it: the products alone, each with its operands in memory.

Splitting into heads, softmax, norms and residual sums are not in that list, so the heads' operands are inputs here.
"""

from collections.abc import Sequence

import numpy as np

from accel_models.network import Conv2d, MatMul, Network, Operator, Tensor

_SEED = 0


def vit_block(layers: Sequence[tuple[str, int, int, int]], name: str = "vitblock") -> Network:
    """One operator for each (name, m, n, k): ``qk_*`` and ``av_*`` multiply two activations, all else has weights.

    A layer with weights reads the output of the last one with weights where that has the shape it wants.
    """
    tensors: dict[str, Tensor] = {}
    constants: dict[str, np.ndarray] = {}
    operators: list[Operator] = []
    outputs: list[str] = []
    before = ""
    random = np.random.default_rng(_SEED)

    def constant(label: str, data: np.ndarray) -> str:
        tensors[label] = Tensor(name=label, shape=data.shape, dtype=str(data.dtype), role="constant")
        constants[label] = data
        return label

    def given(label: str, shape: tuple[int, ...]) -> str:
        tensors[label] = Tensor(name=label, shape=shape, dtype="int8", role="input", scale=1 / 64)
        return label

    for layer, m, n, k in layers:
        y, shift = f"{layer}.y", 31 + int(np.log2(120 * np.sqrt(k)))
        if layer.startswith(("qk_", "av_")):
            turned = layer.startswith("qk_")
            inputs: tuple[str, ...] = (
                given(f"{layer}.a", (1, m, k)),
                given(f"{layer}.b", (1, n, k) if turned else (1, k, n)),
            )
            attributes: Conv2d | MatMul = MatMul(transposed=turned, multiplier=3 << 29, shift=shift)
            shape: tuple[int, ...] = (1, m, n)
        else:
            chained = before and tensors[before].shape == (1, 1, m, k)
            x = before if chained else given(f"{layer}.x", (1, 1, m, k))
            if chained:
                outputs.remove(before)
            inputs = (
                x,
                constant(f"{layer}.w", random.integers(-127, 128, (1, 1, k, n)).astype(np.int8)),
                constant(f"{layer}.bias", np.zeros(n, np.int32)),
                constant(f"{layer}.m", np.full(n, 3 << 29, np.int32)),
                constant(f"{layer}.s", np.full(n, shift, np.int8)),
            )
            attributes, shape, before = Conv2d(), (1, 1, m, n), y
        tensors[y] = Tensor(name=y, shape=shape, dtype="int8")
        operators.append(Operator(name=layer, inputs=inputs, outputs=(y,), attributes=attributes, macs=m * n * k))
        outputs.append(y)
    for y in outputs:
        tensors[y] = Tensor(name=y, shape=tensors[y].shape, dtype="int8", role="output", scale=0.1)
    return Network(
        name=name,
        operators=tuple(operators),
        tensors=tensors,
        constants=constants,
        inputs=tuple(label for label, tensor in tensors.items() if tensor.role == "input"),
        outputs=tuple(outputs),
    )
