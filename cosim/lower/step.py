"""A traced training step as a Network: state in persistent tensors, written in place, and every node somewhere.

Nodes become units (see ``training``); what is left is a CPU call each. Units are put in an order in which whatever
reads the old value of a state comes before what writes the new one. Small CPU calls that follow each other are one, a
``sequence``: a step has some hundred of them, on single numbers.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from math import prod
from typing import Any

import numpy as np
import torch
from torch import fx

from accel_models.kernels import FUNCTIONS
from accel_models.network import Attributes, CpuCall, Network, Operator, Tensor
from cosim.trace import macs_by_node
from cosim.trace.graph import Traced

from . import aten
from .errors import LoweringError
from .graph import Graph, data_nodes, name_of
from .kernels import kernel_call
from .training import Key, Made, Patterns, Unit

IMAGE, WEIGHT = (0, 2, 3, 1), (2, 3, 1, 0)  # stored axes: channels last; rows and columns of the kernel first
_SMALL = 4096  # elements up to which a CPU call may be part of a sequence
_ELEMENTWISE = {
    *(f"aten.{name}" for name in ("add", "sub", "mul", "div", "neg", "clamp", "_to_copy", "cat", "slice", "exp2")),
    *(
        f"octo.{name}"
        for name in ("real", "scaled_codes", "master_view", "update", "relu_gradient", "requantize", "sides")
    ),
    "getitem",
}
_TRAINED = ("_master", "_weight", "_bias")  # names of the state that counts as parameters
_RESHAPES = {"aten.view", "aten._unsafe_view", "aten.reshape", "aten.unsqueeze", "aten.squeeze", "aten.flatten"}
_SHIFTS = {"aten.__lshift_": "shift_left", "aten.__rshift_": "shift_right"}  # as ``name_of`` names them


def lower_step(traced: Traced, name: str, seed: int = 0) -> Network:
    """The network of a step. Its outputs are what the step returns, its persistent tensors start as they were traced.

    Raises LoweringError for what cannot be written down.
    """
    return _Step(traced, name, seed).network()


@dataclass(slots=True)
class _Emitted:
    operators: list[Operator] = field(default_factory=list)
    labels: Counter[str] = field(default_factory=Counter)

    def name(self, base: str) -> str:
        self.labels[base] += 1
        return base if self.labels[base] == 1 else f"{base}_{self.labels[base] - 1}"


class _Step:
    """``reals``: the tensor (or, in a sequence, the number of the value) of each node, as ``kernels`` asks for it."""

    def __init__(self, traced: Traced, name: str, seed: int) -> None:
        self.traced, self.name, self.seed = traced, name, seed
        self.graph = Graph(traced.graph_module, traced.origins)
        placeholders = self.graph.inputs()
        self.inputs = placeholders[: len(traced.inputs)]
        self.states = dict(zip(placeholders[len(traced.inputs) :], (item.name for item in traced.state), strict=True))
        outputs = self.graph.outputs()
        self.finals: dict[fx.Node, Key] = {
            node: outputs[traced.mutations[name]] for node, name in self.states.items() if name in traced.mutations
        }
        self._fix_constants()
        self.results: list[Key] = outputs[: len(outputs) - len(traced.mutations)]
        self.is_octo = any(name_of(node).startswith("octo.") for node in self.graph.nodes)
        self.live = self._live([*self.results, *self.finals.values()])
        self.orders = self._stored_orders()
        self.tensors: dict[str, Tensor] = {}
        self.constants: dict[str, np.ndarray] = {}
        self.reals: dict[Key, list[str]] = {}
        self.emitted = _Emitted()
        self.macs = macs_by_node(traced)

    def source(self, node: fx.Node) -> fx.Node:
        return next(data_nodes(node.args))

    def _fix_constants(self) -> None:
        """A state that a step leaves as it was is a constant; so may be what is computed from it."""
        found = True
        while found:
            found = False
            for node, final in list(self.finals.items()):
                value, first = self.graph.constant(final), self.traced.initial_state[self.states[node]]
                if final is node or (value is not None and torch.equal(value, first)):
                    self.graph.fix(node, first)
                    del self.finals[node], self.states[node]
                    found = True

    def _live(self, wanted: Iterable[fx.Node]) -> set[fx.Node]:
        live: set[fx.Node] = set()
        stack = list(wanted)
        while stack:
            node = stack.pop()
            if node not in live and self.graph.constant(node) is None:
                live.add(node)
                stack.extend(node.all_input_nodes)
        return live

    # ---- layout ----

    def _stored_orders(self) -> dict[fx.Node, tuple[int, ...]]:
        """Stored axes of nodes of four dimensions that operators of training touch; others lie as in PyTorch."""
        found: dict[fx.Node, tuple[int, ...]] = {}
        links: dict[fx.Node, list[fx.Node]] = defaultdict(list)
        for node in self.live:
            name = name_of(node)
            wide = [item for item in data_nodes(node.args) if self._rank(item) == 4]
            if name in _ELEMENTWISE:
                for item in wide if self._rank(node) == 4 else ():
                    links[node].append(item)
                    links[item].append(node)
            if name == "getitem" and name_of(self.source(node)).startswith("octo."):
                links[node].append(self.source(node))
                links[self.source(node)].append(node)
            if not name.startswith("octo."):
                continue
            given = self.graph.arguments(node)
            weights = {given.get("w"), given.get("master")} | ({node} if name in _WEIGHTS else set())
            if name == "octo.update":
                weights |= {given["acc"]}
            for item in (*wide, node):
                if name not in _EITHER or item in weights:
                    found[item] = WEIGHT if item in weights else IMAGE
        for start in list(found):
            stack = [start]
            while stack:
                for other in links[stack.pop()]:
                    if other not in found:
                        found[other] = found[start]
                        stack.append(other)
        return {node: order for node, order in found.items() if self._rank(node) == 4}

    def _rank(self, node: fx.Node) -> int:
        value = self.graph._values.get(node)
        return value.dim() if isinstance(value, torch.Tensor) else -1

    def order(self, node: fx.Node) -> tuple[int, ...]:
        return self.orders.get(node, tuple(range(max(0, self._rank(node)))))

    def shape(self, node: fx.Node) -> tuple[int, ...]:
        """Stored shape."""
        shape = self.graph.shape(node)
        return tuple(shape[axis] for axis in self.order(node))

    # ---- the walk ----

    def network(self) -> Network:
        units = Patterns(self.graph, self.live, self.states).units()
        taken = {node for unit in units for node in _members(unit)}
        for node in self.graph.nodes:
            if node in self.live and node not in taken and node.op == "call_function" and name_of(node) != "getitem":
                units.append(self._cpu_unit(node))
        self._declare()
        for unit in self._ordered(units):
            self._emit(unit)
        outputs = tuple(self._result(node) for node in self.results)
        return Network(
            name=self.name,
            operators=tuple(self.emitted.operators),
            tensors=self.tensors,
            constants=self.constants,
            inputs=tuple(self.reals[node][0] for node in self.inputs),
            outputs=outputs,
            parameters=sum(
                self.tensors[name].elements for node, name in self.states.items() if name.endswith(_TRAINED)
            ),
            metadata={"multiplier_bits": 16, "step": True},
        )

    def _declare(self) -> None:
        for node in self.inputs:
            name, dtype, axes = str(node.target), self.graph.dtype_name(node), self._permutation(node)
            self.tensors[name] = Tensor(name=name, shape=self.shape(node), dtype=dtype, role="input", permutation=axes)
            self.reals[node] = [name]
        for node, name in self.states.items():
            value = self.traced.initial_state[name].detach()
            stored = value.permute(self.order(node)).contiguous().numpy()
            dtype, axes = str(stored.dtype), self._permutation(node)
            self.tensors[name] = Tensor(name=name, shape=stored.shape, dtype=dtype, role="persistent", permutation=axes)
            self.constants[name] = stored
            self.reals[node] = [name]

    def _permutation(self, node: Key) -> tuple[int, ...] | None:
        """Of a tensor at the boundary: its stored axes, None for PyTorch's order."""
        axes = self.order(node) if isinstance(node, fx.Node) else ()
        return None if axes == tuple(range(len(axes))) else axes

    def _result(self, node: Key) -> str:
        name = self.reals[node][0]
        self.tensors[name] = replace(self.tensors[name], role="output", permutation=self._permutation(node))
        return name

    # ---- CPU calls ----

    def _cpu_unit(self, node: fx.Node) -> Unit:
        """A node on the CPU, its inputs in kernel order; parameters are found when tensors have names."""
        results = self._results(node)
        users = [user for user in node.users if user in self.live]
        if len(results) > 1 or any(name_of(user) == "getitem" for user in users):
            outputs = [
                next((user for user in users if name_of(user) == "getitem" and user.args[1] == place), None)
                for place in results
            ]
        else:
            outputs = [node]
        reads = list(dict.fromkeys(item for item in data_nodes((node.args, node.kwargs))))
        elements = max(
            [prod(item.shape) for item in results.values()] + [prod(self.graph.shape(item)) for item in reads]
        )
        unit = Unit(CpuCall(function="", parameters=()), reads, outputs, self.graph.index[node], {node})
        unit.elements, unit.label = elements, name_of(node).partition(".")[2]
        unit.phase = "update" if self.is_octo else self.graph.origin(node)[2]
        if name_of(node) in ("octo.conv2d", "octo.conv2d_input_gradient", "octo.conv2d_weight_gradient"):
            given = self.graph.arguments(node)
            first = given["g"] if "g" in given else node
            kernel = given["w"] if "w" in given else node
            shape = self.graph.shape(first)
            unit.macs = shape[0] * shape[2] * shape[3] * prod(self.graph.shape(kernel))
        else:
            unit.macs = self.macs.get(node.name, 0)
        return unit

    def _results(self, node: fx.Node) -> dict[int, torch.Tensor]:
        """Fake values of a node's results by place; those that it leaves out are None in its tuple."""
        value = self.graph._values.get(node)
        items = value if isinstance(value, tuple | list) else (value,)
        return {place: item for place, item in enumerate(items) if isinstance(item, torch.Tensor)}

    def call(self, node: fx.Node) -> tuple[str, list[str], dict[str, Any]]:
        """Function, operands (as ``reals`` has them) and parameters of a node."""
        name, given = name_of(node), self.graph.arguments(node)
        if name.startswith("octo."):
            tensors = [self.reals[value][0] for value in given.values() if isinstance(value, fx.Node)]
            parameters = {
                key: tuple(value) if isinstance(value, list | tuple) else value
                for key, value in given.items()
                if not isinstance(value, fx.Node)
            }
            if name not in FUNCTIONS:
                raise LoweringError(f"node {node.name}: {name} has no kernel")
            return name, tensors, parameters
        if name in _RESHAPES and self.source(node) not in self.orders:
            return "reshape", [self.reals[self.source(node)][0]], {"shape": self.shape(node)}
        if name in _SHIFTS:
            first, second = node.args
            tensors = [self.reals[item][0] for item in (first, second) if isinstance(item, fx.Node)]
            return _SHIFTS[name], tensors, {} if isinstance(second, fx.Node) else {"other": second}
        if name == "aten.exp2":
            return "exp2", [self.reals[self.source(node)][0]], {}
        if name == "aten.slice":
            dim, size = given["dim"], self.graph.shape(self.source(node))[given["dim"]]
            bounds = {"start": given["start"] or 0, "end": min(size, size if given["end"] is None else given["end"])}
            if given["step"] == 1 and bounds["start"] >= 0 and bounds["end"] >= 0:
                return "slice", [self.reals[self.source(node)][0]], {"dim": self.order(node).index(dim), **bounds}
        found = kernel_call(self, node)  # type: ignore[arg-type]
        if found is None:
            if any(item in self.orders for item in (node, *data_nodes(node.args))):
                raise LoweringError(f"node {node.name}: {name} has no kernel for tensors of a training step")
            found = aten.call(self, node)  # type: ignore[arg-type]
            value = self.graph._values.get(node)
            if isinstance(value, tuple | list) and len(self._results(node)) < len(value):
                found.parameters["keep"] = tuple(self._results(node))
        parameters = dict(found.parameters)
        if isinstance(parameters.get("dim"), int) and node in self.orders:
            parameters["dim"] = self.order(node).index(parameters["dim"])
        return found.function, found.tensors, parameters

    # ---- order ----

    def _ordered(self, units: list[Unit]) -> list[Unit | list[Unit]]:
        """Units in a legal order: CPU calls as early as they may be, small ones in lists; the others by first node."""
        units = self._with_copies(units)
        waits = self._dependencies(units)
        done: set[Unit] = set()
        rest = sorted(units, key=lambda unit: unit.index)
        found: list[Unit | list[Unit]] = []

        def ready(unit: Unit) -> bool:
            return waits[unit] <= done

        while rest:
            batch: list[Unit] = []
            while more := [unit for unit in rest if self._is_small(unit) and ready(unit)]:
                batch += more
                done |= set(more)
                rest = [unit for unit in rest if unit not in done]
            found += [list(group) for _, group in groupby(batch, lambda unit: unit.phase)]
            large = next((unit for unit in rest if unit.on_cpu and ready(unit)), None)
            unit = large or next((unit for unit in rest if ready(unit)), None)
            if unit is None:
                if batch:
                    continue
                raise LoweringError(
                    f"{self.name}: {rest[0].label} and others read old and new values of a state in turn; "
                    "want a step that reads what it changes before it changes it"
                )
            found.append(unit)
            done.add(unit)
            rest.remove(unit)
            while not unit.on_cpu and (following := [u for u in rest if not u.on_cpu and ready(u)]):
                unit = following[0]
                found.append(unit)
                done.add(unit)
                rest.remove(unit)
        return found

    def _is_small(self, unit: Unit) -> bool:
        return unit.on_cpu and not unit.macs and unit.elements <= _SMALL

    def _with_copies(self, units: list[Unit]) -> list[Unit]:
        """With a copy for each state whose new value is another's, an input or a constant, or is returned, and for each
        result that is an input, a constant or another result."""
        made = {node for unit in units for node in _outputs(unit) if node is not None}
        seen: set[Key] = set()
        for index, node in enumerate(self.results):
            if node in seen or node not in made:
                value = self.results[index] = Made(self.shape(node), self.graph.dtype_name(node))
                copy = Unit(CpuCall(function="identity"), [node], [value], len(self.graph.nodes))
                copy.elements, copy.phase, copy.label = prod(self.graph.shape(node)), "forward", "result"
                units = [*units, copy]
            seen.add(self.results[index])
        for state, final in list(self.finals.items()):
            if final in seen or final not in made:
                value = self.finals[state] = Made(self.shape(state), self.graph.dtype_name(state))
                copy = Unit(CpuCall(function="identity"), [final], [value], len(self.graph.nodes))
                copy.elements, copy.phase, copy.label = prod(self.graph.shape(state)), "update", self.states[state]
                units = [*units, copy]
            seen.add(final)
        return units

    def _dependencies(self, units: list[Unit]) -> dict[Unit, set[Unit]]:
        maker = {node: unit for unit in units for node in _outputs(unit) if node is not None}
        self.readers: dict[Key, list[Unit]] = defaultdict(list)
        waits: dict[Unit, set[Unit]] = {}
        for unit in units:
            reads = [node for node in _inputs(unit) if node not in _outputs(unit)]
            waits[unit] = {maker[node] for node in reads if node in maker}
            for node in reads:
                self.readers[node].append(unit)
        for state, final in self.finals.items():
            waits[maker[final]] |= {unit for unit in self.readers[state] if unit is not maker[final]}
        self._write_late({maker[final] for final in self.finals.values()}, units, waits)
        return waits

    def _write_late(self, writers: set[Unit], units: list[Unit], waits: dict[Unit, set[Unit]]) -> None:
        """Let the CPU write states when the accelerator is done, so that what it has computed can be computed again."""
        readers: dict[Unit, list[Unit]] = defaultdict(list)
        for unit, before in waits.items():
            for item in before:
                readers[item].append(unit)
        for writer in writers:
            if not self._is_small(writer):
                continue
            after, stack = {writer}, [writer]
            while stack:
                fresh = [unit for unit in readers[stack.pop()] if unit not in after]
                after |= set(fresh)
                stack += fresh
            if not any(not unit.on_cpu for unit in after):
                waits[writer] |= {unit for unit in units if not unit.on_cpu}

    # ---- operators ----

    def _emit(self, item: Unit | list[Unit]) -> None:
        if isinstance(item, list) and len(item) > 1:
            self._emit_sequence(item)
            return
        unit = item[0] if isinstance(item, list) else item
        inputs, attributes = [self._tensor(node) for node in unit.inputs], unit.attributes
        if isinstance(attributes, CpuCall):
            function, inputs, parameters = self._called(unit)
            attributes = CpuCall(function=function, parameters=tuple(sorted(parameters.items())))
        outputs = [
            self._new(node, shape, dtype, unit.label)
            for node, (shape, dtype) in zip(unit.outputs, self._result_shapes(unit), strict=True)
        ]
        self._append(attributes, inputs, outputs, unit)
        if unit.then is not None:
            self._emit(unit.then)

    def _called(self, unit: Unit) -> tuple[str, list[str], dict[str, Any]]:
        """Function, operands and parameters of a CPU unit whose inputs have names."""
        assert isinstance(unit.attributes, CpuCall)
        if unit.attributes.function:
            return unit.attributes.function, [self.reals[node][0] for node in unit.inputs], {}
        (node,) = unit.members
        return self.call(node)

    def _result_shapes(self, unit: Unit) -> list[tuple[tuple[int, ...], str]]:
        found: list[tuple[tuple[int, ...], str]] = []
        for place, node in enumerate(unit.outputs):
            if isinstance(node, Made):
                found.append((node.shape, node.dtype))
            elif node is not None:
                found.append((self.shape(node), self.graph.dtype_name(node)))
            elif unit.on_cpu:
                (made,) = unit.members
                result = list(self._results(made).values())[place]
                found.append((tuple(result.shape), str(result.dtype).removeprefix("torch.")))
            elif unit.attributes.KIND == "update":
                found.append(((2,), "int32"))
            else:
                found.append(found[0])
        return found

    def _new(self, node: Key | None, shape: tuple[int, ...], dtype: str, label: str) -> str:
        """The tensor of a result: the state that it is the new value of, else a new one."""
        for state, final in self.finals.items():
            if final is node and node is not None:
                self.reals[node] = [self.states[state]]
                return self.states[state]
        name = self._unique(f"{label}.output")
        self.tensors[name] = Tensor(name=name, shape=shape, dtype=dtype)
        if node is not None:
            self.reals[node] = [name]
        return name

    def _unique(self, base: str) -> str:
        name, count = base, 0
        while name in self.tensors:
            count += 1
            name = f"{base}_{count}"
        return name

    def _tensor(self, node: Key) -> str:
        """The tensor of a value that an operator reads; constants are declared on their first use."""
        if node not in self.reals:
            assert isinstance(node, fx.Node)
            value = self.graph.constant(node)
            if value is None:
                raise LoweringError(f"{self.name}: node {node.name} is read before it is computed")
            data = value.detach().permute(self.order(node)).contiguous().numpy()
            for name, known in self.constants.items():
                same = self.tensors[name].role == "constant" and known.dtype == data.dtype and known.shape == data.shape
                if same and np.array_equal(known, data):
                    self.reals[node] = [name]
                    return name
            name = self._unique(f"constant.{node.name}")
            self.tensors[name] = Tensor(name=name, shape=data.shape, dtype=str(data.dtype), role="constant")
            self.constants[name], self.reals[node] = data, [name]
        return self.reals[node][0]

    def _append(self, attributes: Attributes, inputs: Sequence[str], outputs: Sequence[str], unit: Unit) -> None:
        node = min(unit.members, key=self.graph.index.__getitem__, default=None)
        module, source, _ = self.graph.origin(node)
        self.emitted.operators.append(
            Operator(
                name=self.emitted.name(unit.label),
                inputs=tuple(inputs),
                outputs=tuple(outputs),
                attributes=attributes,
                macs=unit.macs,
                phase=unit.phase,
                origin=" ".join(part for part in (module, source) if part),
            )
        )

    # ---- sequences ----

    def _emit_sequence(self, units: list[Unit]) -> None:
        """One CPU call of several. Values inside get numbers; those that others read become tensors at the end."""
        inside: dict[str, Key] = {}  # provisional name -> value
        made: list[Key | None] = []
        shapes: list[tuple[tuple[int, ...], str]] = []
        calls = []
        for unit in units:
            for node in unit.inputs:
                self._tensor(node)
            calls.append((*self._called(unit), unit.elements))
            shapes += self._result_shapes(unit)
            for node in unit.outputs:
                if node is not None:
                    inside[f"%{len(made)}"] = node
                    self.reals[node] = [f"%{len(made)}"]
                made.append(node)
        operands = list(dict.fromkeys(name for _, names, _, _ in calls for name in names if not name.startswith("%")))
        place = {name: index for index, name in enumerate(operands)}
        place |= {f"%{index}": len(operands) + index for index in range(len(made))}
        first = units[0]
        summary = Unit(CpuCall(function="sequence"), [], [], first.index, set().union(*(u.members for u in units)))
        summary.phase, summary.label = first.phase, "scalars"
        if any(function == "octo.softmax_gradient" for function, _, _, _ in calls):
            summary.phase, summary.label = "backward-input", "loss"
        kept = [index for index, node in enumerate(made) if node is not None and self._is_read(node, units)]
        names = [self._new(made[index], *shapes[index], summary.label) for index in kept]
        parameters = (
            ("calls", tuple(
                (function, tuple(place[name] for name in names), tuple(sorted(given.items())), elements)
                for function, names, given, elements in calls
            )),
            ("results", tuple(len(operands) + index for index in kept)),
        )  # fmt: skip
        self._append(CpuCall(function="sequence", parameters=parameters), operands, names, summary)

    def _is_read(self, node: Key, units: list[Unit]) -> bool:
        """Whether anyone outside of these units wants a value."""
        outside = any(unit not in units for unit in self.readers[node])
        return outside or node in self.results or node in self.finals.values()


def _inputs(unit: Unit) -> list[Key]:
    return [*unit.inputs, *(_inputs(unit.then) if unit.then else ())]


def _members(unit: Unit) -> list[fx.Node]:
    return [*unit.members, *(_members(unit.then) if unit.then else ())]


def _outputs(unit: Unit) -> list[Key | None]:
    return [*unit.outputs, *(_outputs(unit.then) if unit.then else ())]


_WEIGHTS = {"octo.conv2d_weight_gradient", "octo.update", "octo.master_view"}
_EITHER = {"octo.real", "octo.scaled_codes", "octo.master_view", "octo.update"}
