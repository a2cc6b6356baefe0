"""From the draft to a Network: readable unique names, roles and origins."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from accel_models.network import Network, Operator, Tensor

from .graph import Graph
from .values import Draft, Step

_WEIGHTED = ("conv1d", "conv2d", "conv", "linear")
_MOVES = ("reshape", "permute", "slice", "concat", "pad", "quantize", "dequantize")


def assemble(
    draft: Draft, graph: Graph, name: str, parameters: int, metadata: Mapping[str, Any]
) -> tuple[Network, dict[str, str]]:
    """Name everything and drop what no operator uses; also return the final name of every draft tensor that is left."""
    names = _operator_names(draft, graph)
    renamed = _tensor_names(draft, names)
    tensors: dict[str, Tensor] = {}
    constants: dict[str, np.ndarray] = {}
    for old, new in renamed.items():
        tensors[new] = replace(draft.tensors[old], name=new)
        if old in draft.constants or old in draft.initial:
            constants[new] = draft.constants[old] if old in draft.constants else draft.initial[old]
    operators = []
    for step, label in zip(draft.steps, names, strict=True):
        module, source, phase = graph.origin(step.node)
        operators.append(
            Operator(
                name=label,
                inputs=tuple(renamed[item] for item in step.inputs),
                outputs=tuple(renamed[item] for item in step.outputs),
                attributes=step.attributes,
                macs=step.macs,
                phase=phase,
                origin=" ".join(part for part in (module, source) if part),
            )
        )
    network = Network(
        name=name,
        operators=tuple(operators),
        tensors=tensors,
        constants=constants,
        inputs=tuple(renamed[item] for item in draft.inputs),
        outputs=tuple(renamed[item] for item in draft.outputs),
        parameters=parameters,
        metadata=dict(metadata),
    )
    return network, renamed


def _operator_names(draft: Draft, graph: Graph) -> list[str]:
    """The module path; what it does is added where several operators, or modules, share the path."""
    paths = [graph.origin(step.node)[0] for step in draft.steps]
    counted = Counter(path for path, step in zip(paths, draft.steps, strict=True) if step.label not in _MOVES)
    used: Counter[str] = Counter()
    return [_unique(_base_name(step, path, counted), used) for step, path in zip(draft.steps, paths, strict=True)]


def _base_name(step: Step, path: str, counted: Counter[str]) -> str:
    if not path:
        return step.label
    leaf = not any(other.startswith(f"{path}.") for other in counted)
    alone = leaf and counted[path] == 1 and step.label not in _MOVES
    return path if alone or step.label in _WEIGHTED else f"{path}.{step.label}"


def _unique(base: str, used: Counter[str]) -> str:
    name = base
    while used[name]:
        used[base] += 1
        name = f"{base}_{used[base]}"
    used[name] += 1
    return name


def _tensor_names(draft: Draft, operators: list[str]) -> dict[str, str]:
    """Inputs after their argument, outputs by number, constants and activations after their operator."""
    names: dict[str, str] = {}
    used: Counter[str] = Counter()
    for item in draft.inputs:
        names[item] = _unique(draft.labels[item], used)
    for item, label in draft.states.items():
        names[item] = _unique(label, used)
    for index, item in enumerate(draft.outputs):
        names.setdefault(item, _unique("output" if len(draft.outputs) == 1 else f"output_{index}", used))
    for step, operator in zip(draft.steps, operators, strict=True):
        for item in step.inputs:
            if item in draft.constants and item not in names:
                names[item] = _unique(f"{operator}.{draft.labels[item]}", used)
        for index, item in enumerate(step.outputs):
            if item not in names:
                suffix = "output" if len(step.outputs) == 1 else f"output_{index}"
                names[item] = _unique(f"{operator}.{suffix}", used)
    return names
