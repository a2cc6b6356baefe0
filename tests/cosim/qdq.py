"""Building Q/DQ graphs by hand, and comparing a lowered network with PyTorch's execution of the same graph."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torchao.quantization.pt2e.quantize_pt2e  # noqa: F401  registers torch.ops.quantized_decomposed
from torch import nn

from accel_models.kernels import run_network
from accel_models.network import Network, Tensor
from cosim.lower import lower, register

Q = torch.ops.quantized_decomposed


def fake(x: torch.Tensor, scale: float, zero_point: int, low: int = -128, high: int = 127) -> torch.Tensor:
    """Q then DQ."""
    codes = Q.quantize_per_tensor(x, scale, zero_point, low, high, torch.int8)
    return Q.dequantize_per_tensor(codes, scale, zero_point, low, high, torch.int8)


class Weight(nn.Module):
    """int8 codes with a DQ, per channel of axis 0 (or per tensor)."""

    def __init__(self, codes: torch.Tensor, scale: torch.Tensor | float, zero_point: int = 0, axis: int = 0) -> None:
        super().__init__()
        self.register_buffer("codes", codes)
        self.per_tensor = isinstance(scale, float)
        self.scale_value, self.zero_point_value, self.axis = scale, zero_point, axis
        if not isinstance(scale, float):
            self.register_buffer("scale", scale)
            self.register_buffer("zero_point", torch.full(scale.shape, zero_point, dtype=torch.int64))

    def forward(self) -> torch.Tensor:
        low = int(self.zero_point_value != 0) * -1 - 127
        if self.per_tensor:
            return Q.dequantize_per_tensor(self.codes, self.scale_value, self.zero_point_value, low, 127, torch.int8)
        return Q.dequantize_per_channel(self.codes, self.scale, self.zero_point, self.axis, low, 127, torch.int8)


def random_weight(rng: np.random.Generator, shape: Sequence[int], gain: float = 1.0) -> Weight:
    """Random codes; scales such that unit inputs give outputs of about ``gain``."""
    codes = torch.from_numpy(rng.integers(-127, 128, shape).astype(np.int8))
    fan = float(np.prod(shape[1:])) ** 0.5
    scale = torch.from_numpy((rng.uniform(0.5, 1.5, shape[0]) * gain / fan / 73).astype(np.float32))
    return Weight(codes, scale)


class Wrapped(nn.Module):
    """Inputs through Q/DQ, a function, and its result(s) through Q/DQ."""

    def __init__(
        self,
        function: Callable[..., torch.Tensor],
        inputs: Sequence[tuple[float, int]],
        output: tuple[float, int] | None,
        parts: Sequence[nn.Module] = (),
        input_low: int = -128,
    ) -> None:
        super().__init__()
        self.function, self.inputs, self.output, self.low = function, tuple(inputs), output, input_low
        self.parts = nn.ModuleList(parts)

    def forward(self, *given: torch.Tensor) -> torch.Tensor:
        given = tuple(fake(x, *codes, low=self.low) for x, codes in zip(given, self.inputs, strict=True))
        result = self.function(*given)
        return result if self.output is None else fake(result, *self.output)


@dataclass
class Comparison:
    """A lowered network beside PyTorch's codes of the same inputs."""

    network: Network
    values: dict[str, np.ndarray]
    got: list[np.ndarray]
    want: list[np.ndarray]

    @property
    def kinds(self) -> list[str]:
        """Kinds of the operators in order; reshapes, which cost nothing, are left out."""
        return [operator.kind for operator in self.network.operators if operator.kind != "reshape"]

    def functions(self) -> list[str]:
        return [op.attributes.function for op in self.network.operators if op.kind == "cpu"]  # type: ignore[attr-defined]

    def check(self, fraction: float = 0.005) -> "Comparison":
        """At most 1 LSB, on less than ``fraction`` of the elements."""
        for got, want in zip(self.got, self.want, strict=True):
            assert got.shape == want.shape and got.dtype == want.dtype
            difference = np.abs(got.astype(np.float64) - want.astype(np.float64))
            if got.dtype == np.int8:
                assert difference.max(initial=0) <= 1
                assert (difference > 0).mean() < fraction
            else:
                np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)
        return self

    def exact(self) -> "Comparison":
        for got, want in zip(self.got, self.want, strict=True):
            np.testing.assert_array_equal(got, want)
        return self


def stored(tensor: Tensor, real: torch.Tensor) -> np.ndarray:
    """What the caller hands to an input tensor for a PyTorch input: codes where it has a scale, in stored order."""
    array = real.numpy()
    if tensor.dtype == "int8" and real.dtype == torch.float32:
        array = codes_of(real, tensor)
    return np.ascontiguousarray(array if tensor.permutation is None else np.transpose(array, tensor.permutation))


def logical(tensor: Tensor, value: np.ndarray) -> np.ndarray:
    """An output in PyTorch's order."""
    return value if tensor.permutation is None else np.transpose(value, np.argsort(tensor.permutation))


def codes_of(real: torch.Tensor, tensor: Tensor) -> np.ndarray:
    codes = torch.round(real.double() / tensor.scale) + tensor.zero_point
    return codes.clamp(-128, 127).to(torch.int8).numpy()


def compare(module: nn.Module, *inputs: torch.Tensor, **options: object) -> Comparison:
    """Export, lower and execute on the same inputs."""
    module.eval()
    with torch.no_grad():
        program = torch.export.export(module, inputs)
        results = module(*inputs)
    network = lower(program, name="case", **options)  # type: ignore[arg-type]
    register(network)
    given = {name: stored(network.tensors[name], real) for name, real in zip(network.inputs, inputs, strict=True)}
    values = run_network(network, given)
    results = results if isinstance(results, tuple) else (results,)
    got, want = [], []
    for name, result in zip(network.outputs, results, strict=True):
        tensor = network.tensors[name]
        got.append(logical(tensor, values[name]))
        coded = tensor.dtype == "int8" and result.dtype == torch.float32
        want.append(codes_of(result, tensor) if coded else result.numpy())
    return Comparison(network, values, got, want)


def codes(
    rng: np.random.Generator, shape: Sequence[int], scale: float, zero_point: int, low: int = -128
) -> torch.Tensor:
    """Real numbers that are codes, over the whole range."""
    drawn = rng.integers(low, 128, shape).astype(np.float32)
    return torch.from_numpy((drawn - zero_point) * np.float32(scale))
