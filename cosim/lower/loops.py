"""An optimizer as one loop: the element-by-element steps of one parameter's update become one CPU call.

A flat graph has a dozen operators where a kernel reads gradient, weight and moments once and writes them once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from math import prod

from accel_models.network import CpuCall

from .graph import Graph
from .values import Draft, Step

_ELEMENTWISE = frozenset(
    """add sub mul div neg abs sign square sqrt rsqrt reciprocal maximum minimum clamp lerp addcmul addcdiv pow power_of
    exp log where eq ne lt le gt ge""".split()
)


def fuse_loops(draft: Draft, graph: Graph, finals: Mapping[str, str]) -> None:
    """Fuse the updates of a draft. ``finals``: new value of a state -> the state's name."""
    makers = {name: step for step in draft.steps for name in step.outputs}
    for group in _groups(draft, graph, makers):
        if len(group) > 1 and not _leaves_and_returns(draft, group, makers):
            _fuse(draft, graph, group, finals)


def _elements(draft: Draft, step: Step) -> int:
    return prod(draft.tensors[step.output].shape)


def _is_fusable(draft: Draft, graph: Graph, step: Step) -> bool:
    attributes = step.attributes
    if not isinstance(attributes, CpuCall) or attributes.function not in _ELEMENTWISE or len(step.outputs) != 1:
        return False
    shape = draft.tensors[step.output].shape
    alike = all(draft.tensors[name].shape in (shape, ()) for name in step.inputs)
    return alike and graph.origin(step.node)[2] == "update"


def _groups(draft: Draft, graph: Graph, makers: Mapping[str, Step]) -> list[list[Step]]:
    """Connected updates of one shape, in order; calls on single numbers go to those that alone want them."""
    steps = [step for step in draft.steps if _is_fusable(draft, graph, step)]
    parent = {id(step): id(step) for step in steps}

    def root(key: int) -> int:
        while parent[key] != key:
            key = parent[key]
        return key

    for step in steps:
        for name in step.inputs:
            before = makers.get(name)
            if before is not None and id(before) in parent and _elements(draft, step) == _elements(draft, before) > 1:
                parent[root(id(step))] = root(id(before))
    wanted: dict[int, set[int]] = defaultdict(set)
    for step in reversed(draft.steps):
        mine = root(id(step)) if id(step) in parent else -1
        if mine == id(step) and _elements(draft, step) == 1 and len(wanted[mine]) == 1 and -1 not in wanted[mine]:
            parent[id(step)] = mine = root(wanted[mine].pop())
        for name in step.inputs:
            if name in makers:
                wanted[id(makers[name])].add(mine)
    found: dict[int, list[Step]] = defaultdict(list)
    for step in steps:
        found[root(id(step))].append(step)
    return [group for group in found.values() if any(_elements(draft, step) > 1 for step in group)]


def _leaves_and_returns(draft: Draft, group: list[Step], makers: Mapping[str, Step]) -> bool:
    """Whether something outside of a group depends on it and is wanted in it: then it cannot be one call."""
    members, seen = {id(step) for step in group}, set()
    stack = [makers[n] for step in group for n in step.inputs if n in makers and id(makers[n]) not in members]
    while stack:
        step = stack.pop()
        if id(step) in members:
            return True
        if id(step) not in seen:
            seen.add(id(step))
            stack.extend(makers[name] for name in step.inputs if name in makers)
    return False


def _fuse(draft: Draft, graph: Graph, group: list[Step], finals: Mapping[str, str]) -> None:
    """Replace a group by one call at the place of its last step."""
    members = {id(step) for step in group}
    made = [step.output for step in group]
    operands = list(dict.fromkeys(name for step in group for name in step.inputs if name not in made))
    place = {name: index for index, name in enumerate([*operands, *made])}
    calls = tuple(
        (step.attributes.function, tuple(place[name] for name in step.inputs), step.attributes.parameters,
         _elements(draft, step))
        for step in group if isinstance(step.attributes, CpuCall)
    )  # fmt: skip
    outside = {name for step in draft.steps if id(step) not in members for name in step.inputs} | set(draft.outputs)
    results = [name for name in made if name in outside]
    parameters = (("calls", calls), ("results", tuple(place[name] for name in results)))
    node = max((step.node for step in group if step.node is not None), key=graph.index.__getitem__)
    state = min((finals[name] for name in results if name in finals), key=len, default="")
    path = graph.origin(node)[0].replace(".", "_")
    leaf = state.split(path, 1)[-1].strip("_") if path else state
    fused = Step(
        CpuCall(function="fused", parameters=parameters), operands, results, 0, node, f"update_{leaf}".strip("_")
    )
    draft.steps[draft.steps.index(group[-1])] = fused
    draft.steps = [step for step in draft.steps if id(step) not in members]
