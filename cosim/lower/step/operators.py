"""Units as operators of a Network, in the order in which they are added."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from accel_models.network import Attributes, CpuCall, Operator

from ..kernels import Call
from .calls import Calls, tensor_results
from .order import Readers
from .sequence import Recorder
from .state import StepGraph
from .tensors import Tensors
from .units import Key, Made, Unit


class Operators:
    """``found``: the operators so far; their results are declared in ``tensors``. ``readers``: who reads each value."""

    def __init__(self, step: StepGraph, tensors: Tensors, readers: Readers, seed: int) -> None:
        self.step, self.tensors, self.readers = step, tensors, readers
        self.found: list[Operator] = []
        self._calls = Calls(step.graph, tensors.layout, tensors.reals, seed)
        self._labels: Counter[str] = Counter()

    def add(self, item: Unit | list[Unit]) -> None:
        """A unit with those right after it, or small CPU calls that are one sequence."""
        if isinstance(item, Unit):
            for unit in item.chain():
                self._add_unit(unit)
        elif len(item) == 1:
            self.add(item[0])
        else:
            self._add_sequence(item)

    def _add_unit(self, unit: Unit) -> None:
        inputs, attributes = [self.tensors.read(node) for node in unit.inputs], unit.attributes
        if isinstance(attributes, CpuCall):
            call = self._call(unit, attributes)
            inputs = call.tensors
            attributes = CpuCall(function=call.function, parameters=tuple(sorted(call.parameters.items())))
        outputs = [
            self.tensors.new(node, shape, dtype, unit.label)
            for node, (shape, dtype) in zip(unit.outputs, self._result_shapes(unit), strict=True)
        ]
        self._append(attributes, inputs, outputs, unit)

    def _add_sequence(self, units: list[Unit]) -> None:
        recorder = Recorder()
        shapes: list[tuple[tuple[int, ...], str]] = []
        for unit in units:
            for node in unit.inputs:
                self.tensors.read(node)
            assert isinstance(unit.attributes, CpuCall)
            recorder.add(self._call(unit, unit.attributes), unit.elements)
            shapes += self._result_shapes(unit)
            for made in unit.outputs:
                name = recorder.value(made)
                if made is not None:
                    self.tensors.reals[made] = [name]
        first = units[0]
        summary = Unit(CpuCall(function="sequence"), [], [], first.index, set().union(*(u.members for u in units)))
        summary.phase, summary.label = first.phase, "scalars"
        if recorder.calls("octo.softmax_gradient"):
            summary.phase, summary.label = "backward-input", "loss"
        kept = [index for index, made in enumerate(recorder.values) if made is not None and self._is_read(made, units)]
        names = [self.tensors.new(recorder.values[index], *shapes[index], summary.label) for index in kept]
        self._append(recorder.attributes(kept), recorder.operands(), names, summary)

    def _is_read(self, node: Key, units: list[Unit]) -> bool:
        """Whether anyone outside of these units wants a value."""
        outside = any(unit not in units for unit in self.readers.get(node, ()))
        return outside or node in self.step.results or node in self.step.finals.values()

    def _call(self, unit: Unit, attributes: CpuCall) -> Call:
        """Of a CPU unit whose inputs have names."""
        if attributes.function:
            return Call(attributes.function, [self.tensors.reals[node][0] for node in unit.inputs], {})
        (node,) = unit.members
        return self._calls.call(node)

    def _result_shapes(self, unit: Unit) -> list[tuple[tuple[int, ...], str]]:
        """Stored shape and dtype of every output, also of one that nobody reads."""
        graph, layout = self.step.graph, self.tensors.layout
        found: list[tuple[tuple[int, ...], str]] = []
        for place, node in enumerate(unit.outputs):
            if isinstance(node, Made):
                found.append((node.shape, node.dtype))
            elif node is not None:
                found.append((layout.shape(node), graph.dtype_name(node)))
            elif unit.on_cpu:
                (made,) = unit.members
                result = list(tensor_results(graph, made).values())[place]
                found.append((tuple(result.shape), str(result.dtype).removeprefix("torch.")))
            elif unit.attributes.KIND == "update":
                found.append(((2,), "int32"))  # counts
            else:
                found.append(found[0])
        return found

    def _append(self, attributes: Attributes, inputs: Sequence[str], outputs: Sequence[str], unit: Unit) -> None:
        graph = self.step.graph
        module, source, _ = graph.origin(min(unit.members, key=graph.index.__getitem__, default=None))
        self.found.append(
            Operator(
                name=self._name(unit.label),
                inputs=tuple(inputs),
                outputs=tuple(outputs),
                attributes=attributes,
                macs=unit.macs,
                phase=unit.phase,
                origin=" ".join(part for part in (module, source) if part),
            )
        )

    def _name(self, label: str) -> str:
        """A label that others have as well gets a number."""
        self._labels[label] += 1
        return label if self._labels[label] == 1 else f"{label}_{self._labels[label] - 1}"
