"""Turn a flat ATen graph with in-place operators into one without: our own functionalization.

`torch.func.functionalize` raises around `backward()`, so the flat graph is rewritten instead. A tensor is either a
*root* (owns its values) or a view of another tensor. Writing to a view writes through to its root with the scatter
that inverts the view; reading a view whose root has changed since takes the view again.
Which argument is written and which result aliases what comes from the operators' schemas
(https://github.com/pytorch/pytorch/blob/main/aten/src/ATen/native/README.md, "Annotations").
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import fx

aten = torch.ops.aten

# Keys in a node's meta.
WRITES_LEAF = "writes_leaf"  # it changes a tensor that is being trained
WEIGHT = "weight"  # it is a parameter or a buffer (or its new value), not data
ROOT_NAME = "root_name"  # the name of the parameter or buffer whose new value it is

# Written arguments of operators whose schema does not say so, and the functional operator: running mean and variance.
_LEGACY_BATCH_NORM = aten.native_batch_norm.default
_FUNCTIONAL_BATCH_NORM = aten._native_batch_norm_legit_functional.default


@dataclass(slots=True)
class _Alias:
    """What a node of the old graph stands for: `parent` is None for a root."""

    value: fx.Node
    version: int
    root: fx.Node
    parent: fx.Node | None = None
    view: fx.Node | None = None


def functionalize(graph_module: fx.GraphModule) -> tuple[fx.GraphModule, dict[str, fx.Node]]:
    """Return an equal module without in-place operators, and the new values of mutated inputs and attributes.

    The second result maps the target of a placeholder or of a `get_attr` node to the node of the returned graph that
    holds its value at the end; also, by name, nodes that make a tensor which is then trained (see WRITES_LEAF).
    Raises ValueError for an in-place operator on a view that cannot be inverted.
    """
    pass_ = _Functionalizer(graph_module)
    return pass_.run()


class _Functionalizer:
    def __init__(self, graph_module: fx.GraphModule) -> None:
        self.old = graph_module
        self.graph = fx.Graph()
        self.alias: dict[fx.Node, _Alias] = {}
        self.versions: dict[fx.Node, int] = {}
        self.attributes: dict[str, fx.Node] = {}
        self.trained: list[fx.Node] = []

    def run(self) -> tuple[fx.GraphModule, dict[str, fx.Node]]:
        for node in self.old.graph.nodes:
            if node.op == "output":
                self.graph.output(fx.map_arg(node.args[0], self.read))
            elif node.op == "get_attr" and str(node.target) in self.attributes:
                self.alias_of(node, self.attributes[str(node.target)], None)
            elif node.op in ("placeholder", "get_attr"):
                self.root(node, self.copy(node))
                if node.op == "get_attr":
                    self.attributes[str(node.target)] = node
            elif node.op == "call_function":
                self.call(node)
            else:
                raise ValueError(f"node {node.name}: cannot functionalize {node.op!r}, want a flat graph")
        changed = {
            str(node.target): node
            for node in self.old.graph.nodes
            if node.op in ("placeholder", "get_attr") and self.versions.get(node, 0) > 0
        }
        changed |= {node.name: node for node in self.trained if node.op == "call_function"}
        finals = {name: self.read(node) for name, node in changed.items()}
        return fx.GraphModule(self.old, self.graph), finals

    # Bookkeeping of roots and views.

    def root(self, node: fx.Node, value: fx.Node) -> None:
        self.alias[node] = _Alias(value, 0, node)
        self.versions[node] = 0

    def alias_of(self, node: fx.Node, parent: fx.Node, view: fx.Node | None) -> None:
        """Record `node` as the tensor `parent` itself (`view` None) or as a view of it."""
        root = self.alias[parent].root
        value = self.read(parent) if view is None else self.copy(view)
        self.alias[node] = _Alias(value, self.versions[root], root, parent, view)

    def copy(self, node: fx.Node) -> fx.Node:
        return self.graph.node_copy(node, self.read)

    def read(self, node: fx.Node) -> fx.Node:
        """Return the new graph's node with the present value of an old node."""
        alias = self.alias[node]
        if alias.parent is not None and alias.version != self.versions[alias.root]:
            alias.value = self.read(alias.parent) if alias.view is None else self.copy(alias.view)
            alias.version = self.versions[alias.root]
        return alias.value

    def write(self, node: fx.Node, value: fx.Node, written: fx.Node) -> None:
        """Make `value` the new content of the tensor that an old node stands for."""
        alias = self.alias[node]
        if alias.parent is None:
            alias.value = value
            self.versions[node] += 1
            if node.meta.get(WEIGHT):
                value.meta[WEIGHT] = True
                value.meta[ROOT_NAME] = str(node.target) if node.op == "get_attr" else node.name
        elif alias.view is None:
            self.write(alias.parent, value, written)
        elif alias.view.target is operator.getitem:
            whole = self.alias[alias.parent].parent
            assert whole is not None  # `call` makes aliases of views only
            self.write(whole, self.scatter_part(alias.parent, whole, int(alias.view.args[1]), value, written), written)
        else:
            self.write(alias.parent, self.scatter(alias.view, alias.parent, value, written), written)
        alias.value, alias.version = value, self.versions[alias.root]

    # Operators.

    def call(self, node: fx.Node) -> None:
        if node.target is operator.getitem and self.alias[node.args[0]].parent is not None:
            self.alias_of(node, node.args[0], node)  # one of several views, as `chunk` returns them
        elif node.target is _LEGACY_BATCH_NORM and node.args[5] is True:
            self.batch_norm(node)
        elif isinstance(node.target, torch._ops.OpOverload):
            self.overload(node, node.target)
        else:
            self.root(node, self.copy(node))

    def overload(self, node: fx.Node, target: torch._ops.OpOverload) -> None:
        schema = target._schema
        written = [arg for arg in schema.arguments if arg.alias_info is not None and arg.alias_info.is_write]
        if not written:
            source = _aliased_argument(node, target)
            if source is None:
                self.root(node, self.copy(node))
            else:
                self.alias_of(node, source, node)
            return
        if len(written) != 1 or schema.arguments[0].alias_info is None or not isinstance(node.args[0], fx.Node):
            raise ValueError(f"{target}{_line(node)} writes to several or unusual arguments; cannot functionalize")
        destination = node.args[0]
        value = self.out_of_place(node, target)
        if "val" in destination.meta:
            value.meta["val"] = destination.meta["val"]
        self.write(destination, value, node)
        self.alias_of(node, destination, None)
        root = self.alias[destination].root
        if node.meta.get(WRITES_LEAF) and root not in self.trained:
            self.trained.append(root)

    def emit(self, node: fx.Node, target: Callable[..., Any], *args: Any, **kwargs: Any) -> fx.Node:
        new = self.graph.call_function(target, args, kwargs)
        new.meta.update(node.meta)
        return new

    def out_of_place(self, node: fx.Node, target: torch._ops.OpOverload) -> fx.Node:
        """Emit the operator that computes what the in-place one writes."""
        args = fx.map_arg(node.args, self.read)
        kwargs = fx.map_arg(node.kwargs, self.read)
        if target is aten.copy_.default:
            return self.copied(node, args[0], args[1])
        if target is aten.zero_.default:
            return self.emit(node, aten.zeros_like.default, args[0])
        if target is aten.bernoulli_.float:  # dropout
            return self.emit(node, aten.bernoulli.p, args[0], args[1] if len(args) > 1 else 0.5)
        if target is aten.fill_.Scalar:
            return self.emit(node, aten.full_like.default, args[0], args[1])
        name = target._schema.name.split("::")[1]
        packet = getattr(getattr(torch.ops, target.namespace), name.removesuffix("_"), None)
        overload = getattr(packet, target._overloadname, None)
        if name.endswith("_") and packet is not None and overload is None:
            overload = getattr(packet, f"{target._overloadname}_functional", None)
        if not name.endswith("_") or overload is None:
            raise ValueError(f"{target}{_line(node)} has no out-of-place form; cannot functionalize")
        return self.emit(node, overload, *args, **kwargs)

    def copied(self, node: fx.Node, destination: fx.Node, source: Any) -> fx.Node:
        """Emit `destination.copy_(source)`: the source in the destination's dtype and shape."""
        want, have = node.args[0].meta.get("val"), None
        if isinstance(node.args[1], fx.Node):
            have = node.args[1].meta.get("val")
        if want is None or have is None:
            return self.emit(node, aten.copy.default, destination, source)
        if want.dtype != have.dtype:
            source = self.emit(node, aten._to_copy.default, source, dtype=want.dtype)
        if want.shape != have.shape:
            source = self.emit(node, aten.expand.default, source, list(want.shape))
        # A node of its own: a later write to either tensor must not reach the other.
        return self.emit(node, aten.clone.default, source)

    def batch_norm(self, node: fx.Node) -> None:
        """`native_batch_norm` in training mode updates the running statistics although its schema does not say so."""
        new = self.graph.call_function(_FUNCTIONAL_BATCH_NORM, fx.map_arg(node.args, self.read))
        new.meta.update(node.meta)
        self.root(node, new)
        for argument, index in ((node.args[3], 3), (node.args[4], 4)):
            if isinstance(argument, fx.Node):
                value = self.emit(node, operator.getitem, new, index)
                if "val" in argument.meta:
                    value.meta["val"] = argument.meta["val"]
                self.write(argument, value, node)

    def scatter_part(self, pieces: fx.Node, whole: fx.Node, index: int, value: fx.Node, written: fx.Node) -> fx.Node:
        """Emit the new value of `whole` after the piece `index` of `pieces` (chunk, split, unbind) got `value`."""
        position = 1 if pieces.target is aten.unbind.int else 2
        dim = pieces.args[position] if len(pieces.args) > position else pieces.kwargs.get("dim", 0)
        parts, base = pieces.meta["val"], self.read(whole)
        if pieces.target is aten.unbind.int:
            new = self.emit(written, aten.select_scatter.default, base, value, dim, index)
        else:
            start = sum(part.shape[dim] for part in parts[:index])
            end = start + parts[index].shape[dim]
            new = self.emit(written, aten.slice_scatter.default, base, value, dim, start, end)
        new.meta["val"] = whole.meta["val"]
        return new

    def scatter(self, view: fx.Node, parent: fx.Node, value: fx.Node, written: fx.Node) -> fx.Node:
        """Emit the new value of `parent` after its view `view` got `value`."""
        base = self.read(parent)
        args = fx.map_arg(view.args, self.read)[1:]
        kwargs = fx.map_arg(view.kwargs, self.read)
        target = view.target
        shape = parent.meta.get("val")
        if target in _SCATTERS:
            new = self.emit(written, _SCATTERS[target], base, value, *args, **kwargs)
        elif target in _SAME_ELEMENTS and shape is not None:
            new = self.emit(written, aten.view.default, value, list(shape.shape))
            if target in (aten.reshape.default, aten.contiguous.default):
                new.target = aten.reshape.default
        elif target in (aten.t.default, aten.transpose.int):
            new = self.emit(written, target, value, *args)
        elif target is aten.permute.default:
            order = [int(d) for d in args[0]]
            new = self.emit(written, target, value, [order.index(d) for d in range(len(order))])
        else:
            raise ValueError(f"node {written.name}: cannot write in place through the view {target}")
        if shape is not None:
            new.meta["val"] = shape
        return new


_SCATTERS = {
    aten.slice.Tensor: aten.slice_scatter.default,
    aten.select.int: aten.select_scatter.default,
    aten.diagonal.default: aten.diagonal_scatter.default,
    aten.as_strided.default: aten.as_strided_scatter.default,
}
_SAME_ELEMENTS = (
    aten.view.default,
    aten._unsafe_view.default,
    aten.reshape.default,
    aten.contiguous.default,
    aten.flatten.using_ints,
    aten.unflatten.int,
    aten.squeeze.default,
    aten.squeeze.dim,
    aten.squeeze.dims,
    aten.unsqueeze.default,
    aten.detach.default,
    aten.alias.default,
    aten.lift_fresh.default,
    aten.view_as.default,
)


def _line(node: fx.Node) -> str:
    """Where in the user's code a node comes from, for a message."""
    source = getattr(node.meta.get("stamp"), "source", "")
    return f" ({source})" if source else f" (node {node.name})"


def _aliased_argument(node: fx.Node, target: torch._ops.OpOverload) -> fx.Node | None:
    """Return the argument that the result may alias, or None: from the schema's alias sets."""
    returns = [r.alias_info for r in target._schema.returns]
    if not returns or returns[0] is None:
        return None
    for position, argument in enumerate(target._schema.arguments):
        if argument.alias_info is None:
            continue
        is_list = not returns[0].before_set and "*" in argument.alias_info.after_set  # `Tensor(a -> *) -> Tensor(a)[]`
        if is_list or argument.alias_info.before_set & returns[0].before_set:
            value = node.args[position] if position < len(node.args) else node.kwargs.get(argument.name)
            return value if isinstance(value, fx.Node) else None
    return None
