"""From accumulators to codes: which shift a tensor gets, from its own range or from that of the step before.

A step's `State` is a flat dictionary of tensors. Of a quantised tensor it holds `<tensor>/shift`, `/bound` (of range
clipping, in accumulator units) and, by settings, `/clip` (a learned bound, float32) and `/beta` (of 256). Of a layer
it holds `/master`, `/exponent` (of the int8 weights), `/weights` (these, where the master has more bits), `/bias`, the
compensation and `/bias_codes`.
"""

import torch

from workloads.octo.arithmetic import BETA, CODE_BITS, INT32_MAX, LOSS_EXPONENT, NEAREST, reciprocal
from workloads.octo.networks import INPUT, Add, Average, Conv, Network
from workloads.octo.ops import octo
from workloads.octo.settings import Settings

State = dict[str, torch.Tensor]
Codes = tuple[torch.Tensor, torch.Tensor]
"""int8 codes and their exponent."""
LOSS = "loss.gradient"
MOST_RIGHT = 31


def scalar(value: int) -> torch.Tensor:
    """An int32 constant that a trace keeps as one node."""
    return torch.full((), value, dtype=torch.int32)


def activations(network: Network) -> list[str]:
    """Names of the quantised outputs, in order."""
    return [f"{node.name}.output" for node in network.nodes if isinstance(node, Conv | Average | Add)]


def gradients(network: Network) -> list[str]:
    """Names of the quantised gradients."""
    inner = [n for n in network.nodes if isinstance(n, Average) or (isinstance(n, Conv) and n.source != INPUT)]
    return [LOSS, *(f"{n.name}.input_gradient" for n in inner), *(f"{n}.sum" for n in sorted(network.shared()))]


def weights_of(settings: Settings, master: torch.Tensor, exponent: torch.Tensor) -> torch.Tensor:
    """The int8 weights of a master that has more bits."""
    if settings.weights == "fp32":
        codes: torch.Tensor = octo.scaled_codes(master, exponent, 127).to(torch.int8)
    else:
        codes = octo.master_view(master, settings.master_fraction_bits)
    return codes


def sum_of(a: Codes, b: Codes) -> Codes:
    """Accumulators of a + b and their exponent."""
    exponent = octo.sum_exponent(a[1], b[1])
    ups = [(codes[1] - exponent).clamp(min=0) for codes in (a, b)]
    return octo.aligned_sum(a[0], ups[0], b[0], ups[1]), exponent


class Quantiser:
    """Quantises the tensors of one step and notes each one's bound and the exponent it is counted in."""

    def __init__(self, network: Network, settings: Settings, state: State, step: torch.Tensor, current: bool) -> None:
        self.settings, self.state, self.step, self.current = settings, state, step, current
        self.seen: dict[str, Codes] = {}
        self.sides: dict[str, torch.Tensor] = {}
        self._numbers = {name: i for i, name in enumerate(activations(network) + gradients(network))}
        self._layers = {conv.name: len(self._numbers) + i for i, conv in enumerate(network.convs)}

    def activation(
        self, name: str, acc: torch.Tensor, exponent: torch.Tensor, relu: bool, factor: tuple[int, int] = (1, 0)
    ) -> Codes:
        """Codes of an output, rounded to nearest; a ReLU is the lower clamp.

        `factor` (m, k): what is quantised is acc * m * 2**-k, in 0.5..1 of acc; `exponent` is its exponent.
        """
        shift, bound = self._scale(name, acc, exponent, CODE_BITS, relu, self.settings.prc)
        if self.settings.prc == "learned":
            self.sides[name] = octo.sides(acc, bound)
        low, high = (0 if relu else -128), 127
        return self._rounded(acc, factor, shift, bound, low, high, NEAREST, scalar(0)), exponent + shift

    def gradient(self, name: str, acc: torch.Tensor, exponent: torch.Tensor, factor: tuple[int, int] = (1, 0)) -> Codes:
        """Codes of a gradient; `factor` as for an activation."""
        settings, most = self.settings, self.settings.gradient_most
        rule = "fixed" if settings.prc == "learned" or settings.rule == "direction" else settings.prc
        shift, bound = self._scale(name, acc, exponent, settings.gradient_bits, False, rule)
        key = self.key(self._numbers[name], settings.rounding)
        return self._rounded(acc, factor, shift, bound, -most, most, settings.rounding, key), exponent + shift

    def _rounded(
        self,
        acc: torch.Tensor,
        factor: tuple[int, int],
        shift: torch.Tensor,
        bound: torch.Tensor,
        low: int,
        high: int,
        rounding: str,
        key: torch.Tensor,
    ) -> torch.Tensor:
        multiplier, extra = factor
        down = shift + extra if extra else shift
        bits = self.settings.random_bits
        codes: torch.Tensor = octo.requantize(acc, scalar(multiplier), down, bound, low, high, rounding, key, bits)
        return codes

    def key_of_layer(self, layer: str) -> torch.Tensor:
        """The noise key of a layer's update."""
        return self.key(self._layers[layer], self.settings.rounding_of_updates)

    def key(self, number: int, rounding: str) -> torch.Tensor:
        """The noise key of a tensor; any number where the rounding needs none."""
        if rounding != "stochastic_indexed":
            return scalar(0)
        key: torch.Tensor = octo.noise_key(self.step, self.state["seed"], number)
        return key

    def _scale(
        self, name: str, acc: torch.Tensor, exponent: torch.Tensor, bits: int, positive: bool, rule: str
    ) -> Codes:
        """Shift and bound of a tensor, from its own range or as planned."""
        if rule == "learned" and f"{name}/clip" in self.state:
            bound = octo.scaled_codes(self.state[f"{name}/clip"], exponent, INT32_MAX)
        elif rule == "statistics":
            bound = octo.statistics_range(acc, positive)
        else:
            bound = octo.largest(acc, positive)
            if rule == "fixed":
                bound = octo.clipped_range(bound, self.state.get(f"{name}/beta", scalar(BETA)))
        self.seen[name] = (bound, exponent)
        if not self.current:
            return self.state[f"{name}/shift"], self.state[f"{name}/bound"]
        return octo.shift_of(bound, bits), (scalar(INT32_MAX) if rule == "none" else bound)


def compensation(state: State, layer: str) -> torch.Tensor:
    """What a layer adds to its sums, float32 (channels, 1, 1) or a map: the bias and LAC's alpha * mu + offset."""
    total = state[f"{layer}/bias"].unsqueeze(1).unsqueeze(2)
    if f"{layer}/mu" in state:
        total = total + state[f"{layer}/alpha"] * state[f"{layer}/mu"] + state[f"{layer}/offset"]
    return total


class Plan:
    """Delayed scales: the shifts, bounds and bias codes of the next step, by walking its exponents alone."""

    def __init__(self, network: Network, settings: Settings, state: State, seen: dict[str, Codes]) -> None:
        self.network, self.settings, self.state, self.seen = network, settings, state, seen
        self.planned: State = {}

    def run(self) -> State:
        """Every `/shift`, `/bound` and `/bias_codes`."""
        exponents = self._forward()
        self._backward(exponents)
        return self.planned

    def _settle(self, name: str, exponent: torch.Tensor, bits: int, gradient: bool) -> torch.Tensor:
        """The exponent of a tensor whose accumulators have `exponent`: that of its last range, if within reach."""
        rule = self.settings.prc
        if rule == "learned" and not gradient:
            bound = octo.scaled_codes(self.state[f"{name}/clip"], exponent, INT32_MAX)
            shift = octo.shift_of(bound, bits)
        else:
            last, counted_in = self.seen[name]
            shift = (counted_in + octo.shift_of(last, bits) - exponent).clamp(0, MOST_RIGHT)
            if rule == "none" and not (gradient and self.settings.rule == "direction"):
                bound = scalar(INT32_MAX)
            else:
                wide, up = last.to(torch.int64), (counted_in - exponent).clamp(-MOST_RIGHT, MOST_RIGHT)
                moved = (wide << up.clamp(min=0)) >> (-up).clamp(min=0)
                bound = moved.clamp(max=INT32_MAX).to(torch.int32)
        self.planned |= {f"{name}/shift": shift, f"{name}/bound": bound}
        return exponent + shift

    def _down(self, node: Average) -> int:
        """By how much a mean's exponent is below that of its sum."""
        _, rows, columns = self.network.shapes()[node.source]
        return reciprocal(rows * columns)[2]

    def _forward(self) -> dict[str, torch.Tensor]:
        found = {INPUT: self.state["input/exponent"]}
        for node in self.network.nodes:
            source, name = found[node.source], f"{node.name}.output"
            if isinstance(node, Conv):
                acc = source + self.state[f"{node.name}/exponent"]
                total = compensation(self.state, node.name)
                self.planned[f"{node.name}/bias_codes"] = octo.scaled_codes(total, acc, INT32_MAX)
                found[node.name] = self._settle(name, acc, CODE_BITS, False)
            elif isinstance(node, Average):
                found[node.name] = self._settle(name, source - self._down(node), CODE_BITS, False)
            elif isinstance(node, Add):
                acc = octo.sum_exponent(source, found[node.second])
                found[node.name] = self._settle(name, acc, CODE_BITS, False)
            else:
                found[node.name] = source
        return found

    def _backward(self, exponents: dict[str, torch.Tensor]) -> None:
        bits = self.settings.gradient_bits
        last = self.network.nodes[-1].name
        found: dict[str, list[torch.Tensor]] = {last: [self._settle(LOSS, scalar(LOSS_EXPONENT), bits, True)]}
        for node in reversed(self.network.nodes):
            if node.name not in found:
                continue  # nothing in front of it is trained
            g, *others = found[node.name]
            for other in others:
                g = self._settle(f"{node.name}.sum", octo.sum_exponent(g, other), bits, True)
            name = f"{node.name}.input_gradient"
            if isinstance(node, Conv):
                if name in self.seen:
                    exponent = g + self.state[f"{node.name}/exponent"]
                    found.setdefault(node.source, []).append(self._settle(name, exponent, bits, True))
                continue
            if isinstance(node, Average):
                if name not in self.seen:
                    continue
                g = self._settle(name, g - self._down(node), bits, True)
            found.setdefault(node.source, []).append(g)
            if isinstance(node, Add):
                found.setdefault(node.second, []).append(g)
