"""Tensors of a step's Network: inputs, persistent state, results, and constants on their first use."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from torch import fx

from accel_models.network import Tensor

from ..errors import LoweringError
from .layout import Layout
from .state import StepGraph
from .units import Key

_TRAINED = ("_master", "_weight", "_bias")  # names of the state that counts as parameters


class Tensors:
    """``declared``: by name; ``constants``: data of constants and first values of the state.

    ``reals``: the tensor (in a sequence, the number of the value) of each node, as ``kernels`` asks for it.
    """

    def __init__(self, step: StepGraph, layout: Layout) -> None:
        self.step, self.layout = step, layout
        self.declared: dict[str, Tensor] = {}
        self.constants: dict[str, np.ndarray] = {}
        self.reals: dict[Key, list[str]] = {}
        self._written = {final: step.states[state] for state, final in step.finals.items()}
        self._declare_inputs()
        self._declare_states()

    def _declare_inputs(self) -> None:
        for node in self.step.inputs:
            name, dtype = str(node.target), self.step.graph.dtype_name(node)
            self._declare(node, Tensor(name=name, shape=self.layout.shape(node), dtype=dtype, role="input"))

    def _declare_states(self) -> None:
        for node, name in self.step.states.items():
            stored = self.layout.stored(node, self.step.initial[name]).numpy()
            self._declare(node, Tensor(name=name, shape=stored.shape, dtype=str(stored.dtype), role="persistent"))
            self.constants[name] = stored

    def _declare(self, node: fx.Node, tensor: Tensor) -> None:
        """A tensor at the boundary, whose axes callers have in PyTorch's order."""
        self.declared[tensor.name] = replace(tensor, permutation=self.layout.permutation(node))
        self.reals[node] = [tensor.name]

    @property
    def parameters(self) -> int:
        """Elements of the state that is trained."""
        return sum(self.declared[name].elements for name in self.step.states.values() if name.endswith(_TRAINED))

    def read(self, node: Key) -> str:
        """The tensor of a value that an operator reads; constants are declared on their first use."""
        if node not in self.reals:
            assert isinstance(node, fx.Node)
            self.reals[node] = [self._constant(node)]
        return self.reals[node][0]

    def _constant(self, node: fx.Node) -> str:
        """One constant for all nodes of the same data."""
        value = self.step.graph.constant(node)
        if value is None:
            raise LoweringError(f"{self.step.name}: node {node.name} is read before it is computed")
        data = self.layout.stored(node, value).numpy()
        for name, known in self.constants.items():
            alike = known.dtype == data.dtype and known.shape == data.shape
            if alike and self.declared[name].role == "constant" and np.array_equal(known, data):
                return name
        name = self._unique(f"constant.{node.name}")
        self.declared[name] = Tensor(name=name, shape=data.shape, dtype=str(data.dtype), role="constant")
        self.constants[name] = data
        return name

    def new(self, node: Key | None, shape: tuple[int, ...], dtype: str, label: str) -> str:
        """The tensor of a result: the state that it is the new value of, else a new one."""
        if node in self._written:
            name = self._written[node]
        else:
            name = self._unique(f"{label}.output")
            self.declared[name] = Tensor(name=name, shape=shape, dtype=dtype)
        if node is not None:
            self.reals[node] = [name]
        return name

    def _unique(self, base: str) -> str:
        name, count = base, 0
        while name in self.declared:
            count += 1
            name = f"{base}_{count}"
        return name

    def result(self, node: Key) -> str:
        """Declare that the step returns a value."""
        name = self.reals[node][0]
        axes = self.layout.permutation(node)
        self.declared[name] = replace(self.declared[name], role="output", permutation=axes)
        return name
