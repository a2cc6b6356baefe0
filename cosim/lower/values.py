"""Values and the draft of a network: steps on stored tensors, before fusing, ordering and naming.

A PyTorch tensor is *logical*; what memory holds is *stored*. A ``Value`` says which stored axis is which logical axis,
so that a permutation costs nothing until something needs another order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from torch import fx

from accel_models.network import Attributes, Permute, Reshape, Tensor

from .codes import Codes


@dataclass(frozen=True, slots=True)
class Value:
    """A logical tensor: stored axis i of ``tensor`` is logical axis ``axes[i]``; ``shape`` is the logical shape."""

    tensor: str
    shape: tuple[int, ...]
    axes: tuple[int, ...]

    @property
    def stored(self) -> tuple[int, ...]:
        return tuple(self.shape[axis] for axis in self.axes)


@dataclass(slots=True, eq=False)
class Step:
    """An operator to be: what Operator holds, and the node and label that will name it."""

    attributes: Attributes
    inputs: list[str]
    outputs: list[str]
    macs: int = 0
    node: fx.Node | None = None
    label: str = ""

    @property
    def output(self) -> str:
        return self.outputs[0]


@dataclass(slots=True)
class Draft:
    """Steps in a legal order and their tensors, under temporary names."""

    steps: list[Step] = field(default_factory=list)
    tensors: dict[str, Tensor] = field(default_factory=dict)
    constants: dict[str, np.ndarray] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)  # constant -> what it is: weight, bias, ...
    ranges: dict[str, tuple[int, int]] = field(default_factory=dict)  # int8 tensor -> its smallest and largest code
    changed: set[str] = field(default_factory=set)  # tensors that a pass gave other contents
    same_bytes: dict[str, str] = field(default_factory=dict)  # result of a reshape -> what it reshaped
    stages: dict[str, Step] = field(default_factory=dict)  # tensor that fusing removed -> a step that computes it
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    states: dict[str, str] = field(default_factory=dict)  # persistent tensor -> its name
    initial: dict[str, np.ndarray] = field(default_factory=dict)  # persistent tensor -> what it starts from

    def tensor(
        self, shape: Sequence[int], dtype: str = "int8", codes: Codes | None = None, role: str = "activation"
    ) -> str:
        """Add a tensor and return its name."""
        name = f"t{len(self.tensors)}"
        scale, zero = (codes.scale, codes.zero_point) if codes else (None, 0)
        self.tensors[name] = Tensor(name=name, shape=tuple(shape), dtype=dtype, role=role, scale=scale, zero_point=zero)
        if codes is not None:
            self.ranges[name] = (codes.low, codes.high)
        return name

    def constant(self, data: np.ndarray, label: str, codes: Codes | None = None) -> str:
        """Add a constant and return its name; equal weights are stored once."""
        data = np.asarray(data, order="C")
        if label == "weight":
            for name, known in self.constants.items():
                same = self.labels[name] == label and known.shape == data.shape and known.dtype == data.dtype
                if same and np.array_equal(known, data):
                    return name
        name = self.tensor(data.shape, str(data.dtype), codes, "constant")
        self.constants[name], self.labels[name] = data, label
        return name

    def emit(
        self,
        attributes: Attributes,
        inputs: Sequence[str],
        shape: Sequence[int],
        codes: Codes | None,
        node: fx.Node | None,
        *,
        label: str = "",
        dtype: str = "int8",
        macs: int = 0,
    ) -> str:
        """Append a step with one output and return the output's name."""
        output = self.tensor(shape, dtype, codes)
        self.steps.append(Step(attributes, list(inputs), [output], macs, node, label or attributes.KIND))
        return output

    def code_range(self, name: str) -> tuple[int, int]:
        return self.ranges.get(name, (-128, 127))

    # ---- layout ----

    def arrange(self, value: Value, axes: Sequence[int], node: fx.Node | None) -> Value:
        """The value stored in the order ``axes``: free when only axes of size 1 change place, else a Permute."""
        axes = tuple(axes)
        wanted = Value(value.tensor, value.shape, axes)
        if _without_ones(value) == _without_ones(wanted):
            return Value(self.reshape(value.tensor, wanted.stored, node), value.shape, axes)
        moved = tuple(value.axes.index(axis) for axis in axes)
        if value.tensor in self.constants:
            data = np.ascontiguousarray(np.transpose(self.constants[value.tensor], moved))
            return Value(self.constant(data, self.labels[value.tensor], self._codes(value.tensor)), value.shape, axes)
        tensor = self.tensors[value.tensor]
        name = self.emit(
            Permute(axes=moved), [value.tensor], wanted.stored, self._codes(value.tensor), node, dtype=tensor.dtype
        )
        return Value(name, value.shape, axes)

    def plain(self, value: Value, node: fx.Node | None) -> Value:
        """The value stored in PyTorch's order."""
        return self.arrange(value, range(len(value.shape)), node)

    def reshape(self, name: str, shape: Sequence[int], node: fx.Node | None) -> str:
        """The same bytes in another stored shape."""
        tensor = self.tensors[name]
        if tensor.shape == tuple(shape):
            return name
        if name in self.constants:
            return self.constant(self.constants[name].reshape(shape), self.labels[name], self._codes(name))
        result = self.emit(Reshape(), [name], shape, self._codes(name), node, dtype=tensor.dtype)
        self.same_bytes[result] = name
        return result

    def _codes(self, name: str) -> Codes | None:
        tensor = self.tensors[name]
        return None if tensor.scale is None else Codes(tensor.scale, tensor.zero_point, *self.code_range(name))


def _without_ones(value: Value) -> list[int]:
    return [axis for axis in value.axes if value.shape[axis] > 1]


def plain_value(tensor: str, shape: Sequence[int]) -> Value:
    """A value stored in PyTorch's order."""
    return Value(tensor, tuple(shape), tuple(range(len(shape))))


def channels_last(rank: int, batched: bool = True) -> tuple[int, ...]:
    """Axis order of an image or a signal with its channels last: (0, 2, 3, 1) for rank 4."""
    return (0, *range(2, rank), 1) if batched else (*range(1, rank), 0)
