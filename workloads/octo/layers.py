"""Forward and backward of a network in codes, written out: what is kept for the way back, what is rounded."""

from dataclasses import dataclass, field

import torch

from workloads.octo.arithmetic import INT32_MAX, LOSS_EXPONENT, reciprocal
from workloads.octo.networks import INPUT, Add, Average, Conv, Network, Node
from workloads.octo.ops import octo
from workloads.octo.scales import LOSS, Codes, Quantiser, State, compensation, sum_of


@dataclass(slots=True)
class Saved:
    """What the forward pass keeps: every node's codes, the weights it used and the places of maxima."""

    codes: dict[str, Codes]
    weights: dict[str, Codes]
    places: dict[str, torch.Tensor] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LayerGradient:
    """Sums for one layer: of the weights (None: not trained), per channel for the bias, and per output where the
    compensation is a map; with the exponents of the first and of the others."""

    weights: torch.Tensor | None
    weights_exponent: torch.Tensor
    bias: torch.Tensor | None
    map: torch.Tensor | None
    bias_exponent: torch.Tensor


def forward(network: Network, state: State, weights: dict[str, Codes], x: torch.Tensor, quantiser: Quantiser) -> Saved:
    """Run int8 inputs through the network."""
    saved = Saved({INPUT: (x, state["input/exponent"])}, weights)
    for node in network.nodes:
        codes, exponent = saved.codes[node.source]
        name = f"{node.name}.output"
        if isinstance(node, Conv):
            w, w_exponent = weights[node.name]
            bias = _bias_codes(state, node, exponent + w_exponent, quantiser)
            acc = octo.conv2d(codes, w, bias, [node.stride] * 2, list(node.padding), node.groups)
            result = quantiser.activation(name, acc, exponent + w_exponent, node.relu)
        elif isinstance(node, Average):
            multiplier, extra, down = reciprocal(codes.shape[2] * codes.shape[3])
            acc = octo.average_pool(codes)
            result = quantiser.activation(name, acc, exponent - down, False, (multiplier, extra))
        elif isinstance(node, Add):
            acc, acc_exponent = sum_of(saved.codes[node.source], saved.codes[node.second])
            result = quantiser.activation(name, acc, acc_exponent, node.relu)
        else:
            pooled, saved.places[node.name] = octo.max_pool(codes, node.size)
            result = (pooled, exponent)
        saved.codes[node.name] = result
    return saved


def _bias_codes(state: State, conv: Conv, exponent: torch.Tensor, quantiser: Quantiser) -> torch.Tensor:
    if not quantiser.current:
        return state[f"{conv.name}/bias_codes"]
    codes: torch.Tensor = octo.scaled_codes(compensation(state, conv.name), exponent, INT32_MAX)
    return codes


class Backward:
    """The way back through one step's network."""

    def __init__(self, network: Network, saved: Saved, quantiser: Quantiser) -> None:
        self.network, self.saved, self.quantiser = network, saved, quantiser
        self.found: dict[str, LayerGradient] = {}
        self.clips: dict[str, Codes] = {}
        """Of learned bounds: the summed gradient and its exponent, by tensor."""
        self._waiting: dict[str, list[Codes]] = {}
        self._rectified = network.rectified()
        self._shapes = network.shapes()
        rows = {conv.name: quantiser.settings.row(conv.name) for conv in network.convs}
        self._rows = rows
        trained = [
            i for i, n in enumerate(network.nodes) if n.name in rows and (rows[n.name].bias or rows[n.name].ratio)
        ]
        if not trained:
            raise ValueError("the sparse table trains no layer of the network")
        self._reached = self._needed({network.nodes[i].name for i in trained})

    def _needed(self, trained: set[str]) -> set[str]:
        """The nodes whose output's gradient something trained in front of them, or they themselves, need."""
        needed: set[str] = set()
        for node in self.network.nodes:
            sources = {node.source, node.second} if isinstance(node, Add) else {node.source}
            if node.name in trained or sources & needed:
                needed.add(node.name)
        return needed

    def run(self, labels: torch.Tensor) -> None:
        """From the loss to the first trained layer."""
        last = self.network.nodes[-1].name
        logits, exponent = self.saved.codes[last]
        acc = octo.softmax_gradient(logits, labels, octo.softmax_table(exponent))
        loss_exponent = torch.full((), LOSS_EXPONENT, dtype=torch.int32)
        self._waiting[last] = [self.quantiser.gradient(LOSS, acc, loss_exponent)]
        for node in reversed(self.network.nodes):
            if node.name in self._waiting:
                self._through(node, self._gradient_of(node))

    def _gradient_of(self, node: Node) -> Codes:
        """The gradient of a node's output: of two readers, the sum."""
        g, *others = self._waiting[node.name]
        for other in others:
            acc, exponent = sum_of(g, other)
            g = self.quantiser.gradient(f"{node.name}.sum", self._masked(node.name, acc), exponent)
        sides = self.quantiser.sides.get(f"{node.name}.output")
        if sides is not None:
            self.clips[f"{node.name}.output"] = (octo.clipped_gradient(g[0], sides), g[1])
        return g

    def _masked(self, source: str, acc: torch.Tensor) -> torch.Tensor:
        """A gradient of `source`, 0 where its ReLU was."""
        if source not in self._rectified:
            return acc
        masked: torch.Tensor = octo.relu_gradient(acc, self.saved.codes[source][0])
        return masked

    def _through(self, node: Node, g: Codes) -> None:
        if isinstance(node, Conv):
            self._conv(node, g)
        elif isinstance(node, Add):
            self._pass(node.source, g)
            self._pass(node.second, g)
        elif isinstance(node, Average):
            if node.source in self._reached:
                extent = list(self._shapes[node.source][1:])
                multiplier, extra, down = reciprocal(extent[0] * extent[1])
                masked = self._masked(node.source, octo.average_pool_gradient(g[0], extent))
                name = f"{node.name}.input_gradient"
                self._pass(node.source, self.quantiser.gradient(name, masked, g[1] - down, (multiplier, extra)))
        else:
            places, extent = self.saved.places[node.name], list(self._shapes[node.source][1:])
            self._pass(node.source, (octo.max_pool_gradient(g[0], places, node.size, extent), g[1]))

    def _pass(self, source: str, g: Codes) -> None:
        if source in self._reached:
            self._waiting.setdefault(source, []).append(g)

    def _conv(self, conv: Conv, g: Codes) -> None:
        (x, x_exponent), (w, w_exponent), row = (
            self.saved.codes[conv.source],
            self.saved.weights[conv.name],
            self._rows[conv.name],
        )
        codes, exponent = g
        stride, padding = [conv.stride] * 2, list(conv.padding)
        count = _trained_channels(conv, row.ratio)
        weights = None
        if count:
            part, part_codes, groups = x, codes, conv.groups
            if count < conv.channels_in:
                part = x[:, :count]
                if conv.groups > 1:
                    part_codes, groups = codes[:, :count], count
            weights = octo.conv2d_weight_gradient(part, part_codes, list(conv.kernel), stride, padding, groups)
        bias = octo.bias_gradient(codes) if row.bias else None
        is_map = row.bias and self.quantiser.settings.lac == "element"
        outputs = octo.map_gradient(codes) if is_map else None
        self.found[conv.name] = LayerGradient(weights, exponent + x_exponent, bias, outputs, exponent)
        if conv.source in self._reached:
            size = list(self._shapes[conv.source][1:])
            acc = octo.conv2d_input_gradient(codes, w, size, stride, padding, conv.groups)
            masked, name = self._masked(conv.source, acc), f"{conv.name}.input_gradient"
            self._pass(conv.source, self.quantiser.gradient(name, masked, exponent + w_exponent))


def _trained_channels(conv: Conv, ratio: float) -> int:
    """Input channels whose weights are trained: the share rounded half up, one at least unless it is 0."""
    return max(1, int(conv.channels_in * ratio + 0.5)) if ratio else 0
