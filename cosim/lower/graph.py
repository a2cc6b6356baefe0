"""Reading an ATen graph: operator names, bound arguments, shapes, folded constants and origins."""

from __future__ import annotations

import operator
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import fx
from torch._subclasses import FakeTensorMode

from cosim.trace.graph import attribute, op_name, tensor_nodes

from .errors import LoweringError

_FRAME = re.compile(r'File "([^"]+)", line (\d+)')
DTYPES = {
    torch.int8: "int8",
    torch.uint8: "uint8",
    torch.int16: "int16",
    torch.int32: "int32",
    torch.int64: "int64",
    torch.float32: "float32",
    torch.bool: "bool",
}


class Graph:
    """A flat ATen graph and what lowering asks about it; the graph itself is never changed.

    ``origins``: node name -> object with ``module``, ``source`` and ``phase``; nodes without one are asked themselves.
    """

    def __init__(
        self, program: fx.GraphModule | torch.export.ExportedProgram, origins: Mapping[str, Any] | None
    ) -> None:
        if isinstance(program, torch.export.ExportedProgram):
            program = program.module(check_guards=False)
        self.module = program
        self.nodes: list[fx.Node] = list(program.graph.nodes)
        self.index = {node: position for position, node in enumerate(self.nodes)}
        self.origins = origins or {}
        self._constants: dict[fx.Node, torch.Tensor | None] = {}
        self._check()
        self._values = self._propagate()

    def _check(self) -> None:
        for node in self.nodes:
            if node.op in ("call_module", "call_method") and node.users:
                raise LoweringError(f"node {node.name}: {node.op} of {node.target}; want a flat ATen graph")
            schema = getattr(node.target, "_schema", None)
            if node.op == "call_function" and schema is not None and schema.is_mutable and not _harmless(node):
                raise LoweringError(f"node {node.name}: {node.target} changes its argument; want a functional graph")

    def _propagate(self) -> dict[fx.Node, Any]:
        """Fake value of every node: from ``meta["val"]`` where all nodes have one, else by running on fake tensors."""
        computing = [node for node in self.nodes if node.op not in ("output", "call_module")]
        if all(isinstance(node.meta.get("val"), torch.Tensor | tuple | list) for node in computing):
            return {node: node.meta["val"] for node in computing}
        mode = FakeTensorMode(allow_non_fake_inputs=True)
        values: dict[fx.Node, Any] = {}

        class Record(fx.Interpreter):
            def run_node(self, n: fx.Node) -> Any:
                if n.op == "call_module":
                    return None
                values[n] = super().run_node(n)
                return values[n]

        inputs = []
        for node in self.nodes:
            if node.op == "placeholder":
                value = node.meta.get("val", node.meta.get("example_value"))
                if not isinstance(value, torch.Tensor):
                    raise LoweringError(f"input {node.name} has no known shape; want meta['val'] on every placeholder")
                inputs.append(torch.empty([int(size) for size in value.shape], dtype=value.dtype))
        with mode, torch.no_grad():
            Record(self.module).run(*(mode.from_tensor(value) for value in inputs))
        return values

    # ---- questions ----

    def outputs(self) -> list[fx.Node]:
        """Tensors that the graph returns, in order."""
        return list(tensor_nodes(self.nodes[-1].args[0]))

    def inputs(self) -> list[fx.Node]:
        return [node for node in self.nodes if node.op == "placeholder"]

    def shape(self, node: fx.Node) -> tuple[int, ...]:
        value = self._values.get(node)
        if not isinstance(value, torch.Tensor):
            raise LoweringError(f"node {node.name} ({op_name(node)}) has no single tensor value")
        if not all(isinstance(size, int) for size in value.shape):
            raise LoweringError(f"node {node.name}: shape {tuple(value.shape)} is not fixed; export with static shapes")
        return tuple(int(size) for size in value.shape)

    def value(self, node: fx.Node) -> Any:
        """Fake value of a node: a tensor, or a tuple with None for what is not asked for; None where it has none."""
        return self._values.get(node)

    def dtype(self, node: fx.Node) -> torch.dtype:
        value = self._values.get(node)
        return value.dtype if isinstance(value, torch.Tensor) else torch.float32

    def dtype_name(self, node: fx.Node) -> str:
        """Name of a dtype that a Network can hold; LoweringError for the others."""
        return known_dtype(self.dtype(node), f"node {node.name} ({op_name(node)})")

    def results(self, node: fx.Node) -> list[Any]:
        """Fake values of a node's outputs: one, or several of an operator that returns a tuple; None: not asked for."""
        value = self._values.get(node)
        if isinstance(value, torch.Tensor):
            return [value]
        if isinstance(value, tuple | list) and all(item is None or isinstance(item, torch.Tensor) for item in value):
            return list(value)
        raise LoweringError(f"node {node.name} ({op_name(node)}) returns {type(value).__name__}, want tensors")

    def arguments(self, node: fx.Node) -> dict[str, Any]:
        """Arguments by their name in the operator's schema, defaults filled in."""
        schema = getattr(node.target, "_schema", None)
        if schema is None:
            return {str(position): value for position, value in enumerate(node.args)} | dict(node.kwargs)
        bound: dict[str, Any] = {}
        for position, argument in enumerate(schema.arguments):
            if position < len(node.args):
                bound[argument.name] = node.args[position]
            elif argument.name in node.kwargs:
                bound[argument.name] = node.kwargs[argument.name]
            elif argument.has_default_value():
                bound[argument.name] = argument.default_value
        return bound

    def constant(self, node: Any) -> torch.Tensor | None:
        """Value of a node that depends on no input, computed on first use; None for the others."""
        if not isinstance(node, fx.Node):
            return None
        if node not in self._constants:
            self._constants[node] = self._fold(node)
        return self._constants[node]

    def fix(self, node: fx.Node, value: torch.Tensor) -> None:
        """Declare that an input always has this value."""
        self._constants = {key: known for key, known in self._constants.items() if known is not None} | {node: value}

    def _fold(self, node: fx.Node) -> torch.Tensor | None:
        if node.op == "get_attr":
            value = attribute(self.module, str(node.target))
            return value.detach() if isinstance(value, torch.Tensor) else None
        fill = self._filled(node)
        if fill is not None:
            return fill
        if node.op != "call_function" or torch.Tag.nondeterministic_seeded in getattr(node.target, "tags", ()):
            return None
        known = {argument: self.constant(argument) for argument in node.all_input_nodes}
        if any(value is None for value in known.values()):
            return None
        with torch.no_grad():
            result = node.target(*fx.map_arg(node.args, known.get), **fx.map_arg(node.kwargs, known.get))
        return result if isinstance(result, torch.Tensor) else None

    def _filled(self, node: fx.Node) -> torch.Tensor | None:
        """Value of a ``zeros_like`` and its kin: it depends on nothing but a shape."""
        fills = {"aten.zeros_like": 0, "aten.new_zeros": 0, "aten.ones_like": 1, "aten.new_ones": 1}
        name = name_of(node)
        value = self.arguments(node)["fill_value"] if name in ("aten.full_like", "aten.new_full") else fills.get(name)
        if value is None or isinstance(value, fx.Node):
            return None
        return torch.full(self.shape(node), value, dtype=self.dtype(node))

    def origin(self, node: fx.Node | None) -> tuple[str, str, str]:
        """Module path, ``file.py:line`` and phase of a node; empty where unknown."""
        found = None if node is None else self.origins.get(node.name) or node.meta.get("origin")
        if found is not None:
            return str(found.module), str(found.source), str(found.phase)
        if node is None:
            return "", "", "forward"
        path = ""
        for entry in (node.meta.get("nn_module_stack") or {}).values():
            path = str(entry[0])
        path = path.removeprefix("L['self']").lstrip(".")
        frames = _FRAME.findall(node.meta.get("stack_trace") or "")
        user = [frame for frame in frames if "/torch/" not in frame[0]] or frames
        return path, f"{Path(user[-1][0]).name}:{user[-1][1]}" if user else "", "forward"


def known_dtype(dtype: torch.dtype, what: str) -> str:
    """Name of a dtype that a Network can hold; LoweringError naming ``what`` for the others."""
    if dtype not in DTYPES:
        wanted = ", ".join(sorted(DTYPES.values()))
        raise LoweringError(f"{what} has unsupported dtype {str(dtype).removeprefix('torch.')}; want one of {wanted}")
    return DTYPES[dtype]


def name_of(node: fx.Node) -> str:
    """Operator name: ``aten.conv2d``, ``getitem``; a harmless in-place operator has its plain name."""
    if node.op == "call_function" and node.target is operator.getitem:
        return "getitem"
    name = op_name(node)
    return name.removesuffix("_") if name.startswith("aten.") else name


def _harmless(node: fx.Node) -> bool:
    """An in-place operator whose old value nobody else reads equals its functional form."""
    first = node.args[0] if node.args else None
    return isinstance(first, fx.Node) and first.op == "call_function" and len(first.users) == 1


def data_nodes(arguments: Any) -> Iterator[fx.Node]:
    """Nodes in a (nested) argument, in order, repeats included."""
    yield from tensor_nodes(arguments)


def sizes(value: Any, count: int) -> tuple[int, ...]:
    """``count`` integers from an int, a list of one, or a list of ``count``."""
    items: Sequence[int] = value if isinstance(value, Sequence) else (value,)
    return tuple(int(item) for item in items) if len(items) == count else (int(items[0]),) * count
