"""Several small CPU calls as one: values inside have numbers, those that others read become tensors at the end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from accel_models.network import CpuCall

from ..kernels import Call
from .units import Key


@dataclass(slots=True)
class Recorder:
    """The calls so far. ``values``: what they make, in order, None for one that nobody reads."""

    values: list[Key | None] = field(default_factory=list)
    _calls: list[tuple[Call, int]] = field(default_factory=list)

    def add(self, call: Call, elements: int) -> None:
        """A call whose operands are names of tensors, or of values inside."""
        self._calls.append((call, elements))

    def value(self, node: Key | None) -> str:
        """A name for the next value that the last call makes, until the sequence ends."""
        self.values.append(node)
        return f"%{len(self.values) - 1}"

    def calls(self, function: str) -> bool:
        """Whether a call is of this function."""
        return any(call.function == function for call, _ in self._calls)

    def operands(self) -> list[str]:
        """Tensors that come from outside."""
        names = dict.fromkeys(name for call, _ in self._calls for name in call.tensors)
        return [name for name in names if not name.startswith("%")]

    def attributes(self, kept: list[int]) -> CpuCall:
        """The call of all; ``kept``: the values that it returns. Operands come first, then values, in one numbering."""
        operands = self.operands()
        place = {name: index for index, name in enumerate(operands)}
        place |= {f"%{index}": len(operands) + index for index in range(len(self.values))}
        calls: tuple[Any, ...] = tuple(
            (call.function, tuple(place[name] for name in call.tensors), tuple(sorted(call.parameters.items())), count)
            for call, count in self._calls
        )
        results = tuple(len(operands) + index for index in kept)
        return CpuCall(function="sequence", parameters=(("calls", calls), ("results", results)))
