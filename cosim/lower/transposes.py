"""Transposed operands of a product: the product reads the matrix in columns, and no copy is made."""

from __future__ import annotations

from accel_models.network import CpuCall

from .rewrite import drop_dead, producer
from .values import Draft, Step

_PRODUCTS = ("matmul", "gemm")


def fold_transposes(draft: Draft) -> None:
    """Let products of matrices on the CPU read what was only transposed for them."""
    for step in draft.steps:
        if not isinstance(step.attributes, CpuCall) or step.attributes.function not in _PRODUCTS:
            continue
        if any(len(draft.tensors[name].shape) != 2 for name in step.inputs[:2]):
            continue
        parameters = dict(step.attributes.parameters)
        for side, key in enumerate(("transposed_a", "transposed_b")):
            source = _transposed(draft, step, side)
            if source is not None:
                step.inputs[side] = source
                parameters[key] = not parameters.get(key, False)
        if parameters:
            step.attributes = CpuCall(function="gemm", parameters=tuple(sorted(parameters.items())))
    drop_dead(draft)


def _transposed(draft: Draft, step: Step, side: int) -> str | None:
    before = producer(draft, step.inputs[side])
    if before is None or not isinstance(before.attributes, CpuCall) or before.attributes.function != "permute":
        return None
    return before.inputs[0] if dict(before.attributes.parameters)["dims"] == (1, 0) else None
