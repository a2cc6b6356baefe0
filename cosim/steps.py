"""Training steps on golden: invocation after invocation on the same memory, and what a user wants to know of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from accel_models import kernels
from accel_models.golden import boundary
from accel_models.golden.machine import Machine
from accel_models.network import Network, Operator, Tensor
from accel_models.program import Program

Arrays = dict[str, np.ndarray]


def is_step(computation: Program | Network) -> bool:
    """Whether an invocation is a training step: state lives on from one to the next."""
    return bool(computation.metadata.get("step"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """``values``: outputs of the last step in real units, [1, ...] by name. ``losses``: the first output of every step,
    where it is one number. ``state``: persistent tensors after the last step, in the caller's axis order.
    ``unchanged``: share of the updates of parameters, an update an element and step, that left the element as it was;
    None where nothing is trained."""

    values: Mapping[str, np.ndarray]
    losses: tuple[float, ...]
    state: Mapping[str, np.ndarray]
    unchanged: float | None

    def metrics(self) -> dict[str, object]:
        """For a Run; a loss history where there was more than one step."""
        found: dict[str, object] = {"loss": self.losses[-1]} if self.losses else {}
        if len(self.losses) > 1:
            found |= {"steps": len(self.losses), "losses": list(self.losses)}
        if self.unchanged is not None:
            found["zero_updates"] = self.unchanged
        return found

    def notes(self) -> list[str]:
        if self.unchanged != 1.0:
            return []
        return [
            "no parameter changed: every update is 0 or vanishes beside its parameter; the learning rate is too small, "
            "or no gradient arrives"
        ]


def run_steps(program: Program, inputs: Mapping[str, np.ndarray], steps: int = 1) -> Steps:
    """Run ``steps`` invocations on the same inputs, [1, ...] by name, from the state that the program starts with.

    Raises ValueError where a result is no finite number, naming the step and the operator where that began.
    """
    if steps < 1:
        raise ValueError(f"steps: want at least 1, got {steps}")
    watch = _Watch()
    machine = Machine(program, 1, cpu=watch.execute)
    trained = [name for name in program.metadata.get("trained", ()) if name in program.bindings]
    losses: list[float] = []
    same = updates = 0
    codes: Arrays = {}
    for step in range(1, steps + 1):
        before = {name: machine.read(name).copy() for name in trained}
        watch.first = None
        codes = machine.run(inputs)
        watch.check(program, codes, step)
        for name, old in before.items():
            same += int((machine.read(name) == old).sum())
            updates += old.size
        first = codes[program.outputs[0]] if program.outputs else np.zeros(0)
        if first.size == 1 and first.dtype.kind == "f":
            losses.append(float(first.reshape(())))
    values = {name: boundary.to_real(program.bindings[name].tensor, array) for name, array in codes.items()}
    persistent = [name for name, item in program.bindings.items() if item.tensor.role == "persistent"]
    state = {
        name: boundary.to_caller(program.bindings[name].tensor, machine.read(name))[0].copy() for name in persistent
    }
    return Steps(values=values, losses=tuple(losses), state=state, unchanged=same / updates if updates else None)


@dataclass(slots=True)
class _Watch:
    """Executes CPU calls and remembers the first whose result is not finite although its operands are."""

    first: Operator | None = field(default=None)

    def execute(self, operator: Operator, values: Mapping[str, np.ndarray], tensors: Mapping[str, Tensor]) -> Arrays:
        results = kernels.execute(operator, values, tensors)
        if self.first is None and not _finite(results) and _finite({name: values[name] for name in operator.inputs}):
            self.first = operator
        return results

    def check(self, program: Program, outputs: Mapping[str, np.ndarray], step: int) -> None:
        wrong = [name for name, array in outputs.items() if not _finite({name: array})]
        if not wrong:
            return
        array = outputs[wrong[0]]
        value = array[~np.isfinite(array)].flat[0]
        began = "its inputs or its state are not finite"
        if self.first is not None:
            function = getattr(self.first.attributes, "function", self.first.kind)
            where = f" ({self.first.origin})" if self.first.origin else ""
            began = f"that begins at operator {self.first.name}, {function}{where}"
        raise ValueError(
            f"{program.name}: step {step}: {wrong[0]} is {value}; {began}; want other inputs or a smaller learning rate"
        )


def _finite(arrays: Mapping[str, np.ndarray]) -> bool:
    return all(np.isfinite(array).all() for array in arrays.values() if array.dtype.kind == "f")


def differences(
    program: Program, done: Steps, results: Sequence[np.ndarray], state: Mapping[str, np.ndarray]
) -> dict[str, float]:
    """How golden's results and state differ from others: how many integers, and the largest part of floats, relative to
    the largest magnitude of the tensor that it is in."""
    pairs = [(done.values[name][0], want) for name, want in zip(program.outputs, results, strict=True)]
    pairs += [(done.state[name], want) for name, want in state.items() if name in done.state]
    integers = [(have, want) for have, want in pairs if want.dtype.kind != "f"]
    parts = [
        float(np.abs(have.astype(np.float64) - want).max(initial=0.0))
        / max(float(np.abs(want).max(initial=0.0)), 1e-30)
        for have, want in pairs
        if want.dtype.kind == "f"
    ]
    return {
        "integers_different": sum(int((have != want).sum()) for have, want in integers),
        "integers": sum(want.size for _, want in integers),
        "floats_largest_difference": max(parts, default=0.0),
    }
