"""Finish a step's graph: state becomes inputs, changes become outputs, every node gets its origin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import fx

from .errors import TargetError
from .fold import fold_constants
from .graph import Traced, collect_origins, spec_of, tensor_nodes
from .inference import check_values
from .normalize import drop_identities, set_values
from .phases import assign_origins, credit_updates
from .split import split_convolution_backward


@dataclass(frozen=True, slots=True)
class Attribute:
    """A tensor that the code closes over."""

    value: torch.Tensor
    """A copy of what it held before the code ran."""
    owner: str
    """Path of the module that it belongs to; empty if none."""
    is_state: bool
    """Existed before the call and is changed by it."""
    is_named: bool
    """The user has a name for it."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A functional graph with what is known about it."""

    name: str
    graph_module: fx.GraphModule
    inputs: tuple[torch.Tensor, ...]
    finals: Mapping[str, fx.Node]
    """By placeholder or `get_attr` target: the last value of a changed tensor."""
    attributes: Mapping[str, Attribute]
    """By `get_attr` target."""
    modules: Mapping[torch.nn.Module, str]
    notes: tuple[str, ...]


def assemble(draft: Draft) -> Traced:
    """Return the finished step. Its outputs: what the code returns, parameters that it makes and trains, new state."""
    flat, graph = draft.graph_module, draft.graph_module.graph
    placeholders = [node for node in graph.nodes if node.op == "placeholder"]
    names = [str(node.target) for node in placeholders]
    for target, item in draft.attributes.items():
        if hasattr(flat, target):
            delattr(flat, target)
        flat.register_buffer(target, item.value)
    state = _lift_state(draft, placeholders)
    made = [t for t in draft.finals if t not in state and t not in names and _is_made(draft, t)]
    changed = [target for target in draft.finals if target in state or target in names]
    results = list(tensor_nodes(graph.output_node().args[0]))
    _set_outputs(draft, [*results, *(draft.finals[target] for target in [*made, *changed])])
    _simplify(draft, state)
    outputs = list(tensor_nodes(graph.output_node().args[0]))
    assign_origins(graph, draft.modules)
    check_values(graph, draft.name)
    first_change = len(outputs) - len(changed)
    finals = dict(zip([*made, *changed], outputs[len(results) :], strict=True))
    credit_updates(finals, {target: item.owner for target, item in draft.attributes.items()})
    labels = ["output"] if len(results) == 1 else [f"output_{index}" for index in range(len(results))]
    return Traced(
        name=draft.name,
        kind="step",
        graph_module=flat,
        inputs=tuple(spec_of(name, tensor) for name, tensor in zip(names, draft.inputs, strict=True)),
        outputs=tuple(
            spec_of(label, node.meta["val"]) for label, node in zip([*labels, *made, *changed], outputs, strict=True)
        ),
        example_inputs=draft.inputs,
        state=tuple(spec_of(target, draft.attributes[target].value) for target in state),
        initial_state={target: draft.attributes[target].value for target in state},
        mutations={target: first_change + index for index, target in enumerate(changed)},
        origins=collect_origins(graph),
        notes=draft.notes,
    )


def _is_made(draft: Draft, target: str) -> bool:
    """Tell whether a changed tensor that the code made itself is a parameter, whose training must not be lost."""
    return target not in draft.attributes or draft.attributes[target].is_named


def _lift_state(draft: Draft, placeholders: list[fx.Node]) -> list[str]:
    """Make the `get_attr` nodes of state tensors placeholders, after the inputs; return their names in order."""
    graph = draft.graph_module.graph
    state: list[str] = []
    last = placeholders[-1] if placeholders else None
    for node in list(graph.nodes):
        target = str(node.target)
        if node.op != "get_attr" or not draft.attributes[target].is_state:
            continue
        place = graph.inserting_before(next(iter(graph.nodes))) if last is None else graph.inserting_after(last)
        with place:
            last = graph.placeholder(target)
        last.target = target
        last.meta.update(node.meta)
        node.replace_all_uses_with(last)
        graph.erase_node(node)
        delattr(draft.graph_module, target)
        state.append(target)
    return state


def _set_outputs(draft: Draft, outputs: list[fx.Node]) -> None:
    if not outputs:
        raise TargetError(f"{draft.name} returns no tensor and changes nothing")
    graph = draft.graph_module.graph
    graph.output_node().args = (tuple(outputs),)
    graph.set_codegen(fx.graph.CodeGen())


def _simplify(draft: Draft, state: list[str]) -> None:
    """Split gradients, fold what is constant, drop copies and what nothing reads; leave every `meta["val"]` set."""
    flat, graph = draft.graph_module, draft.graph_module.graph
    split_convolution_backward(graph)
    _drop_dead(graph)
    set_values(flat, (*draft.inputs, *(draft.attributes[target].value for target in state)))
    fold_constants(flat, random=not draft.inputs)
    drop_identities(flat)
    _drop_dead(graph)
    flat.recompile()


def _drop_dead(graph: fx.Graph) -> None:
    for node in reversed(graph.nodes):
        if not node.users and node.op in ("call_function", "get_attr"):
            graph.erase_node(node)
