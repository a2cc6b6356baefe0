"""Fusing functions of one code (clamps, rescalings, tables) into the operator that makes the code."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from accel_models.network import Attributes, Conv2d, Elementwise, MatMul, Pool, Reshape

from .rewrite import producer, readers, take_over
from .tables import table_of_rescale
from .values import Draft, Step

_CODES = np.arange(-128, 128, dtype=np.int64)
_FORMERS = (Conv2d, MatMul, Elementwise, Pool)


def fuse_clamps(draft: Draft) -> None:
    """A clamp becomes bounds of the operator before it."""
    for step in list(draft.steps):
        chain = _chain_before(draft, step) if _is_clamp(step) else None
        if chain is not None and (attributes := _tightened(chain[0].attributes, step)) is not None:
            take_over(draft, chain, step.output)
            chain[0].attributes = attributes
            draft.steps.remove(step)


def fuse_tables(draft: Draft) -> None:
    """Any function of one code becomes the table of the operator before it."""
    fuse_clamps(draft)
    for step in list(draft.steps):
        if not _is_point(step) or (chain := _chain_before(draft, step)) is None:
            continue
        former = chain[0]
        assert isinstance(former.attributes, _FORMERS)
        mapping = _mapping(draft, step, _CODES)
        take_over(draft, chain, step.output)
        if former.attributes.table:
            mapping = mapping[draft.constants[former.inputs[-1]].astype(np.int64) + 128]
            former.inputs.pop()
        former.inputs.append(draft.constant(mapping, "table"))
        former.attributes = replace(former.attributes, table=True)
        draft.steps.remove(step)


def _is_point(step: Step) -> bool:
    return isinstance(step.attributes, Elementwise) and step.attributes.function == "rescale"


def _is_clamp(step: Step) -> bool:
    attributes = step.attributes
    if not isinstance(attributes, Elementwise) or attributes.function != "rescale" or attributes.table:
        return False
    unchanged = (attributes.multiplier_a, attributes.shift) == (1 << 30, 30)
    return unchanged and attributes.zero_a == attributes.output.zero_point


def _mapping(draft: Draft, step: Step, codes: np.ndarray) -> np.ndarray:
    """What a function of one code gives for ``codes``: int8."""
    assert isinstance(step.attributes, Elementwise)
    result = table_of_rescale(step.attributes, codes)
    if step.attributes.table:
        result = draft.constants[step.inputs[1]][result.astype(np.int64) + 128]
    return result.astype(np.int8)


def _chain_before(draft: Draft, step: Step) -> list[Step] | None:
    """The operator that forms the codes and the reshapes between, when nothing else reads any of them."""
    chain: list[Step] = []
    name = step.inputs[0]
    while True:
        before = producer(draft, name)
        if before is None or len(readers(draft, name)) != 1 or draft.tensors[name].role == "output":
            return None
        chain.insert(0, before)
        if isinstance(before.attributes, _FORMERS):
            return chain
        if not isinstance(before.attributes, Reshape):
            return None
        name = before.inputs[0]


def _tightened(attributes: Attributes, clamp: Step) -> Attributes | None:
    """The operator with the clamp's bounds on its result; None where a table stands behind its own bounds."""
    assert isinstance(attributes, _FORMERS) and isinstance(clamp.attributes, Elementwise)
    low, high = clamp.attributes.output.low, clamp.attributes.output.high
    if attributes.table:
        return None
    if isinstance(attributes, Conv2d) and attributes.residual is not None:
        total = attributes.residual
        total = replace(total, low=_within(total.low, low, high), high=_within(total.high, low, high))
        return replace(attributes, residual=total)
    output = attributes.output
    output = replace(output, low=_within(output.low, low, high), high=_within(output.high, low, high))
    return replace(attributes, output=output)


def _within(bound: int, low: int, high: int) -> int:
    return min(max(bound, low), high)
