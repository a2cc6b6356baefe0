"""The walk from a quantized ATen graph to draft steps: what is int8 stays int8, the rest becomes CPU calls.

Three questions drive it. ``quantized(node, codes)``: the node's real value as codes; it descends through clamps and
moves, which commute with quantization, to an operator that produces codes. ``codes(node)``: the codes that a real value
already *is*. ``real(node)``: the float tensor, computed on the CPU.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import fx

from accel_models.network import Elementwise, Operator, Output8

from . import boundary, cpu, elementwise, tables
from .check import Stored
from .clamps import CLAMPS, clamp_bounds
from .codes import Codes, codes_of, is_dequantize, is_quantize, scales_of
from .graph import Graph, data_nodes, name_of
from .registry import COMPUTES, MOVES
from .values import Draft, Value, plain_value


class Lowering:
    """State of one lowering. ``bits`` and ``double``: precision of the multipliers and rounding of requantization.

    ``seed``: of operators that draw random numbers when they run.
    """

    def __init__(self, graph: Graph, bits: int, double: bool, seed: int = 0) -> None:
        self.graph, self.bits, self.double, self.seed = graph, bits, double, seed
        self.draft = Draft()
        self.trained: dict[Any, int] = {}  # get_attr target -> elements: trained parameters that were used
        self.quantized_nodes = 0
        self._integers: dict[fx.Node, Value] = {}
        self._quantized: dict[tuple[fx.Node, Codes], Value] = {}
        self._codes: dict[fx.Node, tuple[Value, Codes] | None] = {}
        self.reals: dict[fx.Node, list[str]] = {}
        self.dequantized: dict[tuple[str, float, int], str] = {}

    def run(self) -> None:
        """Lower every live Q node in graph order, then the outputs."""
        for node in self.graph.inputs():
            boundary.add_input(self, node)
        for node in self._live():
            if is_quantize(node) and self.graph.constant(node) is None:
                self.integers(node)
            self.quantized_nodes += is_quantize(node) or is_dequantize(node)
        for node in self.graph.outputs():
            self.draft.outputs.append(boundary.output(self, node))

    def stored(self, names: Mapping[str, str]) -> dict[str, Stored]:
        """Where the codes of Q nodes lie, for those that fusing left; ``names``: draft tensor -> final name."""
        found = {node.name: self._stored(value, names) for node, value in self._integers.items() if is_quantize(node)}
        return {name: place for name, place in found.items() if place is not None}

    def _stored(self, value: Value, names: Mapping[str, str]) -> Stored | None:
        draft, tensor = self.draft, value.tensor
        while tensor not in draft.stages and tensor in draft.same_bytes and tensor not in names:
            tensor = draft.same_bytes[tensor]
        stage = draft.stages.get(tensor)
        if stage is not None and all(name in names for name in stage.inputs):
            name = f"{names.get(tensor, tensor)}.stage"
            inputs = tuple(names[item] for item in stage.inputs)
            operator = Operator(name=name, inputs=inputs, outputs=(name,), attributes=stage.attributes)
            declared = replace(draft.tensors[stage.output], name=name, role="activation", permutation=None)
            return Stored(name, value.stored, value.axes, operator, declared)
        if stage is None and tensor in names and tensor not in draft.changed:
            return Stored(names[tensor], value.stored, value.axes)
        return None

    def _live(self) -> list[fx.Node]:
        live: set[fx.Node] = set()
        stack = self.graph.outputs()
        while stack:
            node = stack.pop()
            if node not in live:
                live.add(node)
                stack.extend(node.all_input_nodes)
        return sorted(live, key=self.graph.index.__getitem__)

    # ---- integers ----

    def integers(self, node: fx.Node) -> Value:
        """Stored codes of an integer-typed node: a Q, an int8 input or constant, or codes moved without DQ."""
        if node not in self._integers:
            self._integers[node] = self._make_integers(node)
        return self._integers[node]

    def has_integers(self, node: fx.Node) -> bool:
        return node in self._integers

    def set_integers(self, node: fx.Node, value: Value) -> None:
        """Declare an input that arrives as codes."""
        self._integers[node] = value

    def _make_integers(self, node: fx.Node) -> Value:
        constant = self.graph.constant(node)
        if constant is not None:
            return self.constant_codes(constant)
        if is_quantize(node):
            return self.quantized(self.source(node), codes_of(self.graph, node))
        move = MOVES.get(name_of(node))
        if move is not None and self.graph.dtype(node) in (torch.int8, torch.uint8):
            inputs = [self.integers(argument) for argument in self.moved(node)]
            result = move(self, node, inputs, Codes(1.0, 0))
            if result is not None:
                return result
        return plain_value(self.real(node), self.graph.shape(node))

    def constant_codes(self, constant: torch.Tensor, codes: Codes | None = None) -> Value:
        if constant.dtype == torch.uint8:
            constant = (constant.to(torch.int16) - 128).to(torch.int8)
        return plain_value(self.draft.constant(constant.contiguous().numpy(), "constant", codes), tuple(constant.shape))

    def source(self, node: fx.Node) -> fx.Node:
        """First argument of a Q, DQ, clamp or movement."""
        return next(data_nodes(node.args))

    # ---- codes of real values ----

    def codes(self, node: Any) -> tuple[Value, Codes] | None:
        """The codes that a real-valued node is made of, exactly; None when it is anything else."""
        if not isinstance(node, fx.Node):
            return None
        if node not in self._codes:
            self._codes[node] = self._find_codes(node)
        return self._codes[node]

    def _find_codes(self, node: fx.Node) -> tuple[Value, Codes] | None:
        if node.op != "call_function":
            return None
        name = name_of(node)
        if is_dequantize(node):
            if scales_of(self.graph, node).axis is not None:
                return None  # per channel: weights, read by ``weights.weight``
            value, codes = self.integers(self.source(node)), codes_of(self.graph, node)
            if value.tensor in self.draft.constants:
                data = torch.from_numpy(self.draft.constants[value.tensor])
                value = replace(self.constant_codes(data, codes), shape=value.shape, axes=value.axes)
            return value, codes
        if name in CLAMPS:
            known = self.codes(self.source(node))
            bounds = clamp_bounds(self.graph, node)
            if known is None or bounds is None or not _exact(known[1], bounds):
                return None
            value, codes = known
            clamped = codes.clamped(*bounds)
            return self.clamp(value, clamped, node), clamped
        if name in MOVES:
            parts = [self.codes(argument) for argument in self.moved(node)]
            known_parts = [part for part in parts if part is not None]
            if not parts or len(known_parts) < len(parts):
                return None
            codes = known_parts[0][1]
            if any(not part[1].same_scale(codes) for part in known_parts):
                return None
            codes = replace(codes, low=min(p[1].low for p in known_parts), high=max(p[1].high for p in known_parts))
            result = MOVES[name](self, node, [part[0] for part in known_parts], codes)
            return None if result is None else (result, codes)
        return None

    def moved(self, node: fx.Node) -> list[fx.Node]:
        """The tensors that a movement moves: the list of a cat, the tensor of everything else."""
        if name_of(node) in ("aten.cat", "aten.concat", "aten.stack"):
            return list(data_nodes(node.args[0]))
        if name_of(node) == "getitem":
            return [self.source(self.source(node))]
        return [self.source(node)]

    # ---- quantization of real values ----

    def quantized(self, node: fx.Node, codes: Codes) -> Value:
        """Codes of a real-valued node under ``codes``."""
        key = (node, codes)
        if key not in self._quantized:
            self._quantized[key] = self._quantize(node, codes)
        return self._quantized[key]

    def _quantize(self, node: fx.Node, codes: Codes) -> Value:
        constant = self.graph.constant(node)
        if constant is not None:
            return self.constant_codes(codes.quantize(constant), codes)
        if node.op == "placeholder" and node in self._integers:
            return self.clamp(self._integers[node], codes, node)
        name = name_of(node)
        bounds = clamp_bounds(self.graph, node) if name in CLAMPS else None
        if bounds is not None:
            return self.quantized(self.source(node), codes.clamped(*bounds))
        known = self.codes(node)
        if known is not None:
            return elementwise.rescale(self, *known, codes, node)
        result = tables.pointwise(self, node, codes)
        if result is None and name in COMPUTES:
            result = COMPUTES[name](self, node, codes)
        if result is None and name in MOVES:
            inputs = [self.quantized(argument, codes) for argument in self.moved(node)]
            result = MOVES[name](self, node, inputs, codes)
        return cpu.quantize(self, node, codes) if result is None else result

    def clamp(self, value: Value, codes: Codes, node: fx.Node | None) -> Value:
        """The same codes within [low, high]; nothing where they cannot leave it."""
        low, high = self.draft.code_range(value.tensor)
        if codes.low <= low and high <= codes.high:
            return value
        output = Output8(zero_point=codes.zero_point, low=codes.low, high=codes.high, double=self.double)
        attributes = Elementwise(function="rescale", zero_a=codes.zero_point, output=output)
        return replace(
            value, tensor=self.draft.emit(attributes, [value.tensor], value.stored, codes, node, label="clamp")
        )

    def label(self, node: fx.Node | None) -> str:
        """What a message calls a node: its module path, else its name."""
        path = self.graph.origin(node)[0]
        return path or (str(node.target) if node is not None and node.op == "get_attr" else getattr(node, "name", "?"))

    def real(self, node: fx.Node) -> str:
        """Name of the float (or integer) tensor of a node, in PyTorch's order."""
        return cpu.real(self, node)[0]


def _exact(codes: Codes, bounds: tuple[float, float]) -> bool:
    """Whether clamping real numbers that are codes equals clamping the codes: each bound is a code or out of reach."""
    low, high = (codes.dequantize(torch.tensor(code, dtype=torch.int8)) for code in (codes.low, codes.high))
    for bound in bounds:
        nearest = codes.dequantize(torch.tensor(codes.code(max(min(bound, 3e38), -3e38)), dtype=torch.int8))
        if low <= bound <= high and float(nearest) != bound:
            return False
    return True
