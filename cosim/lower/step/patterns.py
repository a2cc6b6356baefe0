"""Operators of training out of ``torch.ops.octo``: which nodes are one operator of a Network together.

A product with the range and the rounding of its sums is one operator; a weight gradient comes right before its update:
those sums never lie in memory. What matches nothing here becomes a CPU call, node by node.
"""

from __future__ import annotations

from math import prod
from typing import Any

from torch import fx

from accel_models.network import (
    AlignedSum,
    ChannelSum,
    CpuCall,
    Epilogue,
    InputGradient,
    IntegerConv2d,
    MaxPlaces,
    MaxPoolGradient,
    PixelSum,
    Spread,
    Update,
    WeightGradient,
)

from ..graph import Graph, name_of
from .units import Made, Unit

MOST_SUMMED = (2**31 - 1) // (128 * 127)  # products of two codes that an accumulator holds, whatever they are
_DIGIT_REACH = 127 << 7  # of two digits; each further one reaches 128 times as far


class Patterns:
    """Finds the units of one graph; ``states``: names of the state's placeholders."""

    def __init__(self, graph: Graph, live: set[fx.Node], states: dict[fx.Node, str]) -> None:
        self.graph, self.live, self.states = graph, live, states
        softmax = [graph.index[node] for node in live if name_of(node) == "octo.softmax_gradient"]
        self.turn = min(softmax, default=len(graph.nodes))

    def units(self) -> list[Unit]:
        """Units in order of their first node; every node belongs to at most one."""
        found: list[Unit] = []
        for node in self.graph.nodes:
            if node not in self.live or node.op != "call_function":
                continue
            made = {
                "octo.requantize": self._rounded,
                "octo.update": self._update,
                "octo.bias_gradient": self._channel_sum,
                "octo.max_pool": self._max_pool,
                "octo.max_pool_gradient": self._max_pool_gradient,
            }.get(name_of(node), lambda _: [])(node)
            found += made
        return _chained(found)

    # ---- what the patterns ask ----

    def users(self, node: fx.Node) -> list[fx.Node]:
        return [user for user in node.users if user in self.live]

    def number(self, node: Any) -> int | None:
        """The value of a constant number."""
        value = self.graph.constant(node)
        return int(value) if value is not None and value.numel() == 1 else None

    def _getitem(self, node: fx.Node, place: int) -> fx.Node | None:
        return next((user for user in self.users(node) if name_of(user) == "getitem" and user.args[1] == place), None)

    def _index(self, members: set[fx.Node]) -> int:
        return min(self.graph.index[node] for node in members)

    def _phase(self, node: fx.Node) -> str:
        return "forward" if self.graph.index[node] < self.turn else "backward-input"

    def label(self, node: Any, suffix: str) -> str:
        """A layer's name from that of a state tensor, ``state_conv1_weights`` without its suffix."""
        name = self.states.get(node, "").removeprefix("state_")
        return name.removesuffix(suffix).rstrip("_") if name.endswith(suffix) else ""

    # ---- sums that are rounded to codes ----

    def _rounded(self, node: fx.Node) -> list[Unit]:
        given = self.graph.arguments(node)
        acc, multiplier = given["acc"], self.number(given["multiplier"])
        if not isinstance(acc, fx.Node) or multiplier is None or len(self.graph.shape(acc)) != 4:
            return []
        members, ranges = {node, acc}, [user for user in self.users(acc) if name_of(user) == "octo.largest"]
        if len(ranges) > 1 or set(self.users(acc)) - {node, *ranges}:
            return []
        members |= set(ranges)
        mask, source = None, acc
        if name_of(acc) == "octo.relu_gradient":
            source, mask = acc.args[0], acc.args[1]
            if self.users(source) != [acc]:
                return []
            members.add(source)
        operator = self._sums(source)
        if operator is None:
            return []
        kind, fields, inputs, macs = operator
        positive = ranges and self.graph.arguments(ranges[0])["positive"]
        epilogue = Epilogue(
            low=given["low"],
            high=given["high"],
            rounding=given["rounding"],
            random_bits=given["random_bits"],
            multiplier=multiplier,
            range=("positive" if positive else "magnitude") if ranges else "",
            masked=mask is not None,
        )
        inputs = [*inputs, given["shift"], given["bound"]]
        inputs += [given["key"]] if epilogue.rounding == "stochastic_indexed" else []
        inputs += [mask] if mask is not None else []
        unit = Unit(kind(**fields, epilogue=epilogue), inputs, [node, *ranges], self._index(members), members, macs)
        unit.phase = self._phase(node)
        unit.label = self.label(given["shift"], "_shift").removesuffix("_output") or kind.KIND
        return [unit]

    def _sums(self, source: fx.Node) -> tuple[Any, dict[str, Any], list[fx.Node], int] | None:
        """Kind, attributes without the epilogue, operands and MACs of a node that makes sums."""
        given, name = self.graph.arguments(source), name_of(source)
        if name == "octo.conv2d":
            operands = [given["x"], given["w"], given["bias"]]
            return IntegerConv2d, _places(given), operands, _macs(self.graph, source, given["w"])
        if name == "octo.conv2d_input_gradient":
            fields = {**_places(given), "size": tuple(given["size"])}
            return InputGradient, fields, [given["g"], given["w"]], _macs(self.graph, given["g"], given["w"])
        if name == "octo.aligned_sum":
            return AlignedSum, {}, [given[key] for key in ("a", "a_up", "b", "b_up")], 0
        if name == "octo.average_pool":
            return PixelSum, {}, [given["x"]], 0
        if name == "octo.average_pool_gradient":
            return Spread, {"size": tuple(given["extent"])}, [given["g"]], 0
        return None

    # ---- weights, biases, pooling ----

    def _update(self, node: fx.Node) -> list[Unit]:
        given = self.graph.arguments(node)
        acc, multiplier, master = given["acc"], self.number(given["multiplier"]), given["master"]
        if not isinstance(acc, fx.Node) or name_of(acc) != "octo.conv2d_weight_gradient" or multiplier is None:
            return []
        if self.users(acc) != [node] or self.graph.dtype_name(master) not in ("int8", "int16"):
            return []
        wanted = self.graph.arguments(acc)
        _, _, rows, columns = self.graph.shape(wanted["g"])
        if self.graph.shape(wanted["g"])[0] * rows * columns > MOST_SUMMED:
            return []
        new, counts = self._getitem(node, 0), self._getitem(node, 1)
        views = [] if new is None else [user for user in self.users(new) if name_of(user) == "octo.master_view"]
        if new is None or len(views) > 1:
            return []
        bits = self.graph.arguments(views[0])["fraction_bits"] if views else 0
        rounding, most, random = given["rounding"], given["most"], given["random_bits"]
        extra = [given["key"]] if rounding == "stochastic_indexed" else []
        attributes = Update(multiplier=multiplier, most=most, fraction_bits=bits, rounding=rounding, random_bits=random)
        members = {node, new, *views, *([counts] if counts is not None else [])}
        layer = self.label(master, "_master") or "weights"
        update = Unit(
            attributes, [acc, master, given["shift"], *extra], [new, *views, counts], self._index({acc}), members
        )
        update.phase, update.label = "update", f"{layer}.update"
        gradient = Unit(
            WeightGradient(kernel=tuple(wanted["kernel"]), **_places(wanted)),
            [wanted["x"], wanted["g"]],
            [acc],
            self._index({acc}),
            {acc},
            prod(self.graph.shape(acc)) * self.graph.shape(wanted["g"])[0] * rows * columns,
            "backward-weight",
            f"{layer}.weight_gradient",
            then=update,
        )
        return [gradient]

    def _channel_sum(self, node: fx.Node) -> list[Unit]:
        """A sum per channel in digits, which the CPU joins: the accelerator writes bytes."""
        g = self.graph.arguments(node)["g"]
        samples, _, rows, columns = self.graph.shape(g)
        if samples * rows * columns > MOST_SUMMED:
            return []
        digits, reach = 2, _DIGIT_REACH
        while reach < 128 * samples * rows * columns:
            digits, reach = digits + 1, reach << 7
        made = Made((digits, self.graph.shape(g)[1]), "int8")
        unit = Unit(ChannelSum(digits=digits), [g], [made], self.graph.index[node], {node})
        unit.phase, unit.label = "backward-weight", "bias_gradient"
        join = Unit(CpuCall(function="join_digits"), [made], [node], self.graph.index[node], {node})
        join.phase, join.label, join.elements = "update", "join_digits", prod(made.shape)
        return [unit, join]

    def _max_pool(self, node: fx.Node) -> list[Unit]:
        given = self.graph.arguments(node)
        outputs = [self._getitem(node, place) for place in (0, 1)]
        if given["size"] > 11:  # a place is an int8 code
            return []
        members = {node, *(item for item in outputs if item is not None)}
        unit = Unit(MaxPlaces(kernel=given["size"]), [given["x"]], outputs, self.graph.index[node], members)
        unit.phase, unit.label = "forward", "max_pool"
        return [unit]

    def _max_pool_gradient(self, node: fx.Node) -> list[Unit]:
        given = self.graph.arguments(node)
        if self.graph.dtype_name(given["g"]) != "int8":
            return []
        attributes = MaxPoolGradient(kernel=given["size"], size=tuple(given["extent"]))
        unit = Unit(attributes, [given["g"], given["places"]], [node], self.graph.index[node], {node})
        unit.phase, unit.label = "backward-input", "max_pool_gradient"
        return [unit]


def _chained(units: list[Unit]) -> list[Unit]:
    """With sums per channel right behind the weight gradient of the same g: the accelerator makes both in one pass."""
    sums = {unit.inputs[0]: unit for unit in units if isinstance(unit.attributes, ChannelSum)}
    chained: set[Unit] = set()
    for unit in units:
        if isinstance(unit.attributes, WeightGradient) and unit.then is not None and unit.inputs[1] in sums:
            unit.then.then = sums[unit.inputs[1]]
            chained.add(unit.then.then)
    return [unit for unit in units if unit not in chained]


def _places(given: dict[str, Any]) -> dict[str, Any]:
    return {"stride": tuple(given["stride"]), "padding": tuple(given["padding"]), "groups": given["groups"]}


def _macs(graph: Graph, output: fx.Node, weight: fx.Node) -> int:
    """Products of a convolution whose output (or its gradient) is (n, o, rows, columns)."""
    shape = graph.shape(output)
    return shape[0] * shape[2] * shape[3] * prod(graph.shape(weight))
