"""The order of a training step: gradients before they pile up, and old values of a state before its new one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from accel_models.network import CpuCall, Reshape

from .graph import Graph
from .values import Draft, Step


def ordered(draft: Draft, graph: Graph, finals: Mapping[str, str]) -> list[Step]:
    """The steps of a draft in a legal order, new values under the names of their states.

    ``finals``: tensor of a new value -> tensor of the state. Updates come as soon as they can (their gradient goes),
    everything else in the graph's order. A state whose old value is wanted after its new one is copied at the end.
    """
    steps, finals = list(draft.steps), dict(finals)
    found: list[Step] = []
    waits = _waits(steps, finals)
    rank = {id(step): (not _is_update(graph, step), _index(graph, step)) for step in steps}
    rest, done = list(steps), set[int]()
    while rest:
        ready = [step for step in rest if waits[id(step)] <= done]
        if ready:
            step = min(ready, key=lambda item: rank[id(item)])
            found.append(step)
            done.add(id(step))
            rest.remove(step)
            continue
        stuck = next(step for step in rest if any(name in finals for name in step.outputs))
        name = next(name for name in stuck.outputs if name in finals)
        copied = draft.tensors[name]
        copy = draft.emit(CpuCall(function="identity"), [name], copied.shape, None, stuck.node, label="copy",
                          dtype=copied.dtype)  # fmt: skip
        finals[copy] = finals.pop(name)
        step = draft.steps.pop()
        steps, rest = [*steps, step], [*rest, step]
        waits = _waits(steps, finals)
        rank[id(step)] = (False, _index(graph, step))
    for step in found:
        step.inputs = [finals.get(name, name) for name in step.inputs]
        step.outputs = [finals.get(name, name) for name in step.outputs]
    return found


def _index(graph: Graph, step: Step) -> int:
    return -1 if step.node is None else graph.index[step.node]


def _is_update(graph: Graph, step: Step) -> bool:
    """Whether a step ends an update; the first operators of one may be ready long before the gradient."""
    fused = isinstance(step.attributes, CpuCall) and step.attributes.function in ("fused", "identity")
    return fused and graph.origin(step.node)[2] == "update"


def _waits(steps: list[Step], finals: Mapping[str, str]) -> dict[int, set[int]]:
    """What each step comes after: who makes its operands, and, for a state's new value, who reads the old one."""
    makers = {name: step for step in steps for name in step.outputs}
    aliases = {step.output: step.inputs[0] for step in steps if isinstance(step.attributes, Reshape)}
    readers: dict[str, list[Step]] = defaultdict(list)
    for step in steps:
        for name in step.inputs:
            while name in aliases:
                name = aliases[name]
            readers[name].append(step)
    waits = {id(step): {id(makers[name]) for name in step.inputs if name in makers} for step in steps}
    for new, state in finals.items():
        waits[id(makers[new])] |= {id(step) for step in readers[state] if step is not makers[new]}
    return waits
