"""Small questions and changes that all passes share."""

from __future__ import annotations

from dataclasses import replace

from .values import Draft, Step


def producer(draft: Draft, name: str) -> Step | None:
    """The step that makes a tensor; None for inputs and constants."""
    return next((step for step in draft.steps if name in step.outputs), None)


def readers(draft: Draft, name: str) -> list[Step]:
    """The steps that read a tensor, one entry a reading."""
    return [step for step in draft.steps for read in step.inputs if read == name]


def drop_dead(draft: Draft) -> None:
    """Remove steps whose results nobody needs."""
    wanted = set(draft.outputs)
    kept: list[Step] = []
    for step in reversed(draft.steps):
        if wanted.intersection(step.outputs):
            wanted.update(step.inputs)
            kept.append(step)
    draft.steps = kept[::-1]


def set_codes(draft: Draft, name: str, like: str) -> None:
    """Give a tensor the scale, zero point and range of another: it holds other codes from now on."""
    draft.changed.add(name)
    source = draft.tensors[like]
    draft.tensors[name] = replace(draft.tensors[name], scale=source.scale, zero_point=source.zero_point)
    draft.ranges[name] = draft.code_range(like)


def take_over(draft: Draft, chain: list[Step], name: str) -> None:
    """Let a chain (an operator, then reshapes) produce another tensor, of the stored shape that it has now.

    Call it before the operator changes: what the chain produced until now is kept as a stage, for comparisons.
    """
    former = chain[0]
    stage = Step(former.attributes, list(former.inputs), [former.output], node=former.node, label=former.label)
    for step in chain:
        draft.stages.setdefault(step.output, stage)
        set_codes(draft, step.output, name)
    chain[-1].outputs[0] = name
