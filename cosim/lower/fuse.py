"""Passes over the draft: what the hardware does in one go becomes one operator. Each pass keeps every value exact."""

from __future__ import annotations

from dataclasses import replace

from accel_models.network import Conv2d, Elementwise, Permute, Reshape, Residual

from .fold import fold_pads, fold_permutes
from .points import fuse_clamps, fuse_tables
from .rewrite import drop_dead, producer, readers, set_codes, take_over
from .values import Draft, Step


def fuse(draft: Draft) -> None:
    """All passes, in the order in which one makes way for the next."""
    drop_dead(draft)
    merge_moves(draft)
    fold_permutes(draft)
    merge_moves(draft)
    fold_pads(draft)
    fuse_clamps(draft)
    fuse_residuals(draft)
    fuse_tables(draft)
    merge_moves(draft)


def merge_moves(draft: Draft) -> None:
    """A reshape of a reshape is one reshape, a permutation of a permutation one; those that do nothing go."""
    makers = {name: step for step in draft.steps for name in step.outputs}
    renamed: dict[str, str] = {}
    for step in draft.steps:
        step.inputs = [renamed.get(name, name) for name in step.inputs]
        if not isinstance(step.attributes, Reshape | Permute):
            continue
        before = makers.get(step.inputs[0])
        if before is not None and isinstance(step.attributes, Permute) and isinstance(before.attributes, Permute):
            axes = tuple(before.attributes.axes[axis] for axis in step.attributes.axes)
            step.attributes, step.inputs = Permute(axes=axes), list(before.inputs)
        elif before is not None and isinstance(step.attributes, Reshape) and isinstance(before.attributes, Reshape):
            step.inputs = list(before.inputs)
        source, result = draft.tensors[step.inputs[0]], draft.tensors[step.output]
        still = isinstance(step.attributes, Reshape) or step.attributes.axes == tuple(range(len(result.shape)))
        if still and source.shape == result.shape and result.role == "activation":
            renamed[step.output] = step.inputs[0]
    drop_dead(draft)


def fuse_residuals(draft: Draft) -> None:
    """A sum of a convolution's result and another tensor becomes the convolution's second stage.

    Of two convolutions the later one takes the sum. The convolution moves to the place of the sum, where the other
    operand is known; nothing else reads its result.
    """
    for add in [step for step in draft.steps if _is_sum(step)]:
        chains = [_convolution_before(draft, name) for name in add.inputs]
        places = {id(step): place for place, step in enumerate(draft.steps)}
        found = [
            (places[id(chain[0])], side) for side, chain in enumerate(chains) if chain and _fits(chain[0], add, side)
        ]
        if add.inputs[0] != add.inputs[1] and found:
            side = max(found)[1]
            chain = chains[side]
            assert chain is not None  # it is in ``found``
            _fuse_residual(draft, add, chain, side)


def _is_sum(step: Step) -> bool:
    return isinstance(step.attributes, Elementwise) and step.attributes.function == "add" and not step.attributes.table


def _convolution_before(draft: Draft, name: str) -> list[Step] | None:
    """The convolution that makes ``name`` and the reshapes between, when nothing else reads any of them."""
    chain: list[Step] = []
    while True:
        step = producer(draft, name)
        if step is None or len(readers(draft, name)) != 1 or draft.tensors[name].role == "output":
            return None
        chain.insert(0, step)
        if isinstance(step.attributes, Conv2d):
            return chain
        if not isinstance(step.attributes, Reshape):
            return None
        name = step.inputs[0]


def _fits(convolution: Step, add: Step, side: int) -> bool:
    attributes, total = convolution.attributes, add.attributes
    assert isinstance(attributes, Conv2d) and isinstance(total, Elementwise)
    zero = (total.zero_a, total.zero_b)[side]
    free = attributes.residual is None and not attributes.table
    return free and attributes.output.zero_point == zero


def _fuse_residual(draft: Draft, add: Step, chain: list[Step], side: int) -> None:
    convolution, total = chain[0], add.attributes
    other = add.inputs[1 - side]
    if other in draft.constants:
        return
    assert isinstance(total, Elementwise) and isinstance(convolution.attributes, Conv2d)
    factors = ((total.multiplier_a, total.multiplier_b), (total.multiplier_b, total.multiplier_a))[side]
    residual = Residual(
        zero_b=(total.zero_b, total.zero_a)[side],
        multiplier_a=factors[0],
        multiplier_b=factors[1],
        shift=total.shift,
        zero_point=total.output.zero_point,
        low=total.output.low,
        high=total.output.high,
    )
    moved = list(chain)
    shape = draft.tensors[convolution.output].shape
    if draft.tensors[other].shape != shape:
        held = draft.tensors[other]
        name = draft.tensor(shape, held.dtype)
        set_codes(draft, name, other)
        moved.insert(0, Step(Reshape(), [other], [name], node=add.node, label="reshape"))
        other = name
    take_over(draft, chain, add.output)
    convolution.attributes = replace(convolution.attributes, residual=residual)
    convolution.inputs.append(other)
    place = draft.steps.index(add)
    draft.steps[place : place + 1] = moved
    for step in chain:
        draft.steps.pop(next(i for i, known in enumerate(draft.steps) if known is step))
