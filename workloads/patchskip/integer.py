"""The network in integers: int8 codes, int8 weights per channel, int32 sums, one rounding (half up) of a 31-bit factor.

value = step * (code - zero). Input codes have zero point 0. Sums of codes are exact in float32 below 2^24 and in
float64 below 2^53, whatever their order, so that a patch computed alone has the bits that it has in the whole map.
"""

import math
from dataclasses import dataclass

import torch
from torch.nn import functional

from workloads.patchskip.graph import Graph, Layer, run

LOWEST, HIGHEST = -128, 127
MULTIPLIER_BITS = 31
_PRODUCTS_FLOAT32, _MOST_PRODUCTS = (1 << 24) // (128 * 128), 66_311


@dataclass(frozen=True, slots=True)
class Codes:
    """The grid of a tensor's int8 codes."""

    step: float
    zero: int

    def encode(self, x: torch.Tensor) -> torch.Tensor:
        """float32 -> int8, half up."""
        return (torch.floor(x / self.step + 0.5) + self.zero).clamp(LOWEST, HIGHEST).to(torch.int8)

    def decode(self, codes: torch.Tensor) -> torch.Tensor:
        """int8 -> float32."""
        return (codes.to(torch.float32) - self.zero) * self.step


@dataclass(frozen=True, slots=True)
class Operator:
    """A layer in integers. `low` and `high` are codes and carry the ReLU; `multiplier` and `shift` rescale the sum.

    conv: weight int8, bias int64 (o, 1, 1) with the input's zero point folded in, multiplier and shift (o, 1, 1).
    add: multiplier (2,), one shift. mean: multiplier (1,). Pools keep their input's codes.
    """

    layer: Layer
    codes: Codes
    inputs: tuple[Codes, ...]
    low: int
    high: int
    weight: torch.Tensor | None = None
    bias: torch.Tensor | None = None
    multiplier: torch.Tensor | None = None
    shift: torch.Tensor | None = None

    @property
    def pad_code(self) -> int:
        """What lies outside the input: zero, or for a maximum nothing."""
        return LOWEST if self.layer.kind == "max_pool" else self.inputs[0].zero


@dataclass(frozen=True, slots=True)
class Network:
    """Operators in order; the first one is the input, the last one the output."""

    graph: Graph
    operators: tuple[Operator, ...]

    @property
    def input(self) -> Operator:
        return self.operators[0]


def _factors(real: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """(multiplier, shift), int64: real ~ multiplier / 2^shift with 31 bits; real in (2^-31, 2^30)."""
    mantissa, exponent = torch.frexp(real.to(torch.float64))
    multiplier = torch.floor(mantissa * 2.0**MULTIPLIER_BITS + 0.5).to(torch.int64)
    shift = MULTIPLIER_BITS - exponent.to(torch.int64)
    over = multiplier == 1 << MULTIPLIER_BITS
    multiplier, shift = torch.where(over, multiplier >> 1, multiplier), shift - over.to(torch.int64)
    vanishing = shift > 62
    return torch.where(vanishing, 0, multiplier), torch.where(vanishing, 1, shift)


def rounded_shift(value: torch.Tensor, shift: torch.Tensor) -> torch.Tensor:
    """(value + 2^(shift-1)) >> shift, int64, shift >= 1: round half up."""
    return (value + (torch.ones_like(shift) << (shift - 1))) >> shift


def _grid(low: float, high: float) -> Codes:
    """Codes that hold low..high and 0."""
    low, high = min(low, 0.0), max(high, 0.0)
    step = (high - low) / (HIGHEST - LOWEST) or 1.0
    return Codes(step, max(LOWEST, min(HIGHEST, round(LOWEST - low / step))))


def _bounds(layer: Layer, codes: Codes) -> tuple[int, int]:
    low, high = (
        codes.zero + math.floor(bound / codes.step + 0.5) if math.isfinite(bound) else other
        for bound, other in ((layer.low, LOWEST), (layer.high, HIGHEST))
    )
    return max(LOWEST, low), min(HIGHEST, high)


def _conv(layer: Layer, source: Codes, codes: Codes) -> Operator:
    assert layer.weight is not None and layer.bias is not None
    if layer.weight[0].numel() > _MOST_PRODUCTS:
        raise ValueError(f"{layer.name}: {layer.weight[0].numel()} products may leave an int32, want {_MOST_PRODUCTS}")
    largest = layer.weight.flatten(1).abs().amax(1).clamp(min=1e-12).to(torch.float64)
    steps = largest / 127.0
    weight = torch.floor(layer.weight / steps[:, None, None, None] + 0.5).clamp(-127, 127).to(torch.int8)
    bias = torch.floor(layer.bias.to(torch.float64) / (steps * source.step) + 0.5).to(torch.int64)
    bias = bias - source.zero * weight.flatten(1).sum(1, dtype=torch.int64)
    multiplier, shift = _factors(steps * source.step / codes.step)
    if int(shift.min()) < 1:
        raise ValueError(f"{layer.name}: the output's step {codes.step:g} is too fine for its weights")
    column = (-1, 1, 1)
    return Operator(
        layer,
        codes,
        (source,),
        *_bounds(layer, codes),
        weight,
        bias.view(column),
        multiplier.view(column),
        shift.view(column),
    )


def _operator(layer: Layer, sources: tuple[Codes, ...], codes: Codes) -> Operator:
    if layer.kind == "conv":
        return _conv(layer, sources[0], codes)
    if layer.kind in ("max_pool", "mean_pool"):
        return Operator(layer, sources[0], sources, *_bounds(layer, sources[0]))
    if layer.kind == "add":
        real = torch.tensor([source.step / codes.step for source in sources], dtype=torch.float64)
        _, shifts = _factors(real)
        shift = shifts.min()
        multiplier = torch.floor(real * 2.0 ** float(shift) + 0.5).to(torch.int64)
    else:
        pixels = layer_pixels(layer)
        multiplier, shift = _factors(torch.tensor([sources[0].step / (codes.step * pixels)]))
        shift = shift[0]
    return Operator(layer, codes, sources, *_bounds(layer, codes), multiplier=multiplier, shift=shift)


def layer_pixels(layer: Layer) -> int:
    """Pixels that a global mean averages."""
    return layer.window.kernel[0] * layer.window.kernel[1]


def quantize(graph: Graph, calibration: torch.Tensor, input_step: float) -> Network:
    """Ranges from the float network on `calibration` (n, channels, rows, columns): smallest and largest value."""
    with torch.no_grad():
        values = run(graph, calibration)
    for name, value in values.items():
        if not torch.isfinite(value).all():
            raise ValueError(f"{name} is not finite on the calibration frames")
    made: dict[str, Operator] = {}
    for layer in graph.layers:
        if layer.kind == "input":
            made[layer.name] = Operator(layer, Codes(input_step, 0), (), LOWEST, HIGHEST)
            continue
        codes = _grid(float(values[layer.name].min()), float(values[layer.name].max()))
        made[layer.name] = _operator(layer, tuple(made[name].codes for name in layer.inputs), codes)
    return Network(graph, tuple(made.values()))


def convolve(operator: Operator, x: torch.Tensor, padding: tuple[int, int]) -> torch.Tensor:
    """int8 (n, c, rows, columns) padded with the zero point -> int8 (n, o, rows', columns')."""
    weight, window = operator.weight, operator.layer.window
    assert weight is not None and operator.bias is not None
    dtype = torch.float32 if weight[0].numel() <= _PRODUCTS_FLOAT32 else torch.float64
    padded = functional.pad(x.to(dtype), (padding[1], padding[1], padding[0], padding[0]), value=operator.pad_code)
    total = functional.conv2d(padded, weight.to(dtype), None, window.stride, 0, window.dilation, operator.layer.groups)
    return _rescaled(operator, total.to(torch.int64) + operator.bias)


def _rescaled(operator: Operator, total: torch.Tensor) -> torch.Tensor:
    assert operator.multiplier is not None and operator.shift is not None
    scaled = rounded_shift(total * operator.multiplier, operator.shift) + operator.codes.zero
    return scaled.clamp(operator.low, operator.high).to(torch.int8)


def add(operator: Operator, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """int8 maps of any equal shape: one rounding of the exact sum."""
    assert operator.multiplier is not None and operator.shift is not None
    total = sum(
        (x.to(torch.int64) - codes.zero) * factor
        for x, codes, factor in zip((a, b), operator.inputs, operator.multiplier, strict=True)
    )
    return (
        (rounded_shift(total, operator.shift) + operator.codes.zero).clamp(operator.low, operator.high).to(torch.int8)
    )


def max_pool(operator: Operator, x: torch.Tensor) -> torch.Tensor:
    """int8 (n, c, rows, columns): codes unchanged, then clamped."""
    window = operator.layer.window
    y = functional.max_pool2d(x.to(torch.float32), window.kernel, window.stride, window.padding, window.dilation)
    return y.clamp(operator.low, operator.high).to(torch.int8)


def mean_pool(operator: Operator, x: torch.Tensor) -> torch.Tensor:
    """int8 (n, c, rows, columns): the mean of codes, half away from 0, then clamped."""
    window, pixels = operator.layer.window, layer_pixels(operator.layer)
    total = functional.avg_pool2d(x.to(torch.float32), window.kernel, window.stride, divisor_override=1).to(torch.int64)
    mean = torch.sign(total) * ((total.abs() + pixels // 2) // pixels)
    return mean.clamp(operator.low, operator.high).to(torch.int8)


def sums(x: torch.Tensor) -> torch.Tensor:
    """int64 (c,): the sums of codes (c, rows, columns)."""
    return x.sum(dim=(1, 2), dtype=torch.int64)


def mean(operator: Operator, total: torch.Tensor) -> torch.Tensor:
    """int64 (c,), the sums of a map's codes -> int8 (c, 1, 1)."""
    total = total - layer_pixels(operator.layer) * operator.inputs[0].zero
    return _rescaled(operator, total)[:, None, None]


def dense(network: Network, codes: torch.Tensor) -> dict[str, torch.Tensor]:
    """Every operator's int8 map (c, rows, columns) for one frame of codes, nothing skipped."""
    values = {network.input.layer.name: codes}
    for operator in network.operators[1:]:
        sources = [values[name] for name in operator.layer.inputs]
        values[operator.layer.name] = whole(operator, sources)
    return values


def whole(operator: Operator, sources: list[torch.Tensor]) -> torch.Tensor:
    """One operator on whole maps (c, rows, columns)."""
    kind, x = operator.layer.kind, sources[0]
    if kind == "conv":
        return convolve(operator, x[None], operator.layer.window.padding)[0]
    if kind == "add":
        return add(operator, *sources)
    if kind == "mean":
        return mean(operator, sums(x))
    return (max_pool if kind == "max_pool" else mean_pool)(operator, x[None])[0]
