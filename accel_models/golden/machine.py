"""The golden machine: executes an encoded Program on memory images, a whole batch of invocations at once."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from accel_models import kernels
from accel_models.batch import Decided, register_extents
from accel_models.commands import (
    COMMAND_BYTES,
    Command,
    Compare,
    End,
    List,
    Load,
    Store,
    UnknownOpcodeError,
    UnknownRegisterError,
    decode,
)
from accel_models.golden import boundary
from accel_models.golden.access import Bytes, GoldenError
from accel_models.golden.dispatch import READ_ONLY, State, execute, list_offsets
from accel_models.network import Operator, Tensor
from accel_models.program import Binding, Placement, Program, Segment
from accel_models.registers import ErrorCause

Arrays = dict[str, np.ndarray]
CpuKernel = Callable[[Operator, Mapping[str, np.ndarray], Mapping[str, Tensor]], Arrays]


class Machine:
    """Runs a program, invocation after invocation; memory, and with it persistent tensors, lives between runs.

    ``batch`` invocations run side by side on memories of their own. ``cpu`` executes CPU calls; give another to serve
    functions that have no NumPy kernel. ``on_row_end(row, machine)`` is called when the last command of an operator row
    has been executed: the moment at which the row's result can be read. ``decided``: what data decided in the last
    invocation (of the batch's first element), which the event machine wants to know.
    """

    def __init__(
        self,
        program: Program,
        batch: int = 1,
        *,
        cpu: CpuKernel = kernels.execute,
        on_row_end: "Callable[[int, Machine], None] | None" = None,
    ) -> None:
        if batch < 1:
            raise ValueError(f"batch: want at least 1, got {batch}")
        self.program, self.batch = program, batch
        self.state = State.of(program.system, batch)
        self._load_images()
        self._lists: dict[int, tuple[int, ...]] = {}
        self._extents: dict[int, dict[str, int]] = {}
        self.decided = Decided(self._extents, self._lists)
        self._cpu, self._on_row_end = cpu, on_row_end
        self._decoded = _decode(program)
        self._extents_of = {
            index: names for index, item in enumerate(self._decoded) if (names := register_extents(item))
        }
        self._tensors = {name: binding.tensor for name, binding in program.bindings.items()}
        self._last_commands = {int(row): index for index, row in enumerate(program.command_rows)}

    def _load_images(self) -> None:
        for space, image in self.program.images.items():
            if space not in self.state.bus or len(image) > self.state.bus[space].shape[1]:
                raise GoldenError(f"program {self.program.name}: an image of {len(image)} bytes does not fit {space}")
            self.state.bus[space][:, : len(image)] = image

    def reset(self) -> None:
        """Back to power-on: memories zero but for the program's images, registers zero."""
        self.state = self.state.clear()
        self._load_images()

    def run(self, inputs: Mapping[str, np.ndarray]) -> Arrays:
        """One invocation of every batch element: ``inputs`` [batch, ...] as in boundary.to_stored, by name.

        Returns the outputs' codes in the caller's axis order, [batch, ...].
        """
        if set(self.program.inputs) != set(inputs):
            raise ValueError(f"want exactly the inputs {list(self.program.inputs)}, got {sorted(inputs)}")
        for name in self.program.inputs:
            self.write(name, boundary.to_stored(self._tensors[name], inputs[name]))
        for segment in self.program.segments:
            if segment.count:
                self._commands(segment)
            else:
                self._call(segment)
        return {name: boundary.to_caller(self._tensors[name], self.read(name)) for name in self.program.outputs}

    def read(self, name: str) -> np.ndarray:
        """A bound tensor as it lies in memory: [batch, *shape] in stored order."""
        binding = self._binding(name)
        data = self._bytes(binding.space, binding.offset, binding.tensor.bytes)
        data = np.broadcast_to(data, (self.batch, data.shape[1]))
        return np.ascontiguousarray(data).view(binding.tensor.dtype).reshape(self.batch, *binding.tensor.shape)

    def write(self, name: str, codes: np.ndarray) -> None:
        """Put ``codes`` [batch, *shape], of the tensor's dtype and stored order, where the tensor lies."""
        binding = self._binding(name)
        tensor = binding.tensor
        if codes.shape != (self.batch, *tensor.shape) or codes.dtype != np.dtype(tensor.dtype):
            raise ValueError(
                f"tensor {name}: want {tensor.dtype}{(self.batch, *tensor.shape)}, got {codes.dtype}{codes.shape}"
            )
        if binding.space in READ_ONLY:
            raise GoldenError(f"tensor {name} lies in {binding.space}, which cannot be written")
        data = np.ascontiguousarray(codes).reshape(self.batch, -1).view(np.uint8)
        self._bytes(binding.space, binding.offset, tensor.bytes)[...] = data

    def placed(self, placement: Placement) -> Bytes:
        """The bytes of a placement now, uint8 [batch or 1, bytes]; meaningful from its first to its last row."""
        return self._bytes(placement.space, placement.offset, placement.bytes).copy()

    def _binding(self, name: str) -> Binding:
        binding = self.program.bindings.get(name)
        if binding is None:
            raise ValueError(f"tensor {name!r} has no place on the bus; bound: {sorted(self.program.bindings)}")
        return binding

    def _bytes(self, space: str, offset: int, count: int) -> Bytes:
        memory = self.state.scratchpad if space == "scratchpad" else self.state.bus.get(space)
        if memory is None or offset + count > memory.shape[1]:
            raise GoldenError(f"bytes {offset}..{offset + count - 1} of {space} do not exist in this system")
        return memory[:, offset : offset + count]

    def _commands(self, segment: Segment) -> None:
        last = segment.first + segment.count - 1
        for index in range(segment.first, last + 1):
            command = self._decoded[index]
            if isinstance(command, End) != (index == last):
                raise GoldenError(f"command {index} ({type(command).__name__}): want End as the last of a segment only")
            try:
                if index in self._extents_of:
                    registers = self.state.registers[0]
                    self._extents[index] = {name: int(registers[at]) for name, at in self._extents_of[index]}
                if isinstance(command, Compare | List) or (isinstance(command, Load | Store) and command.listed):
                    self._lists[index] = list_offsets(command, self.state)
                execute(command, self.state)
            except GoldenError as error:
                raise GoldenError(f"command {index} ({type(command).__name__}): {error}", error.cause) from None
            row = int(self.program.command_rows[index])
            if self._on_row_end is not None and row >= 0 and self._last_commands[row] == index:
                self._on_row_end(row, self)

    def _call(self, segment: Segment) -> None:
        operator = self.program.cpu_calls[segment.call]
        constants = self.program.constants
        values = {name: self.read(name) for name in dict.fromkeys(operator.inputs) if name not in constants}
        results: list[Arrays] = []
        for image in range(self.batch):
            operands = {name: constants[name] if name in constants else values[name][image] for name in operator.inputs}
            results.append(self._cpu(operator, operands, self._tensors))
        for name in operator.outputs:
            self.write(name, np.stack([result[name] for result in results]))
        if self._on_row_end is not None and segment.row >= 0:
            self._on_row_end(segment.row, self)


_NO_COMMAND: dict[type[ValueError], ErrorCause] = {
    UnknownOpcodeError: ErrorCause.ILLEGAL_OPCODE,
    UnknownRegisterError: ErrorCause.REGISTER_RANGE,
}


def _decode(program: Program) -> tuple[Command, ...]:
    """The program's commands. Raises GoldenError naming the first that is none."""
    try:
        return program.decoded
    except ValueError:
        data = program.commands.tobytes()
        for index in range(len(program.commands)):
            try:
                decode(data[index * COMMAND_BYTES : (index + 1) * COMMAND_BYTES])
            except ValueError as error:
                cause = _NO_COMMAND.get(type(error), ErrorCause.UNUSED_BITS)
                raise GoldenError(f"command {index}: {error}", cause) from None
        raise


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldenResult:
    """What a program computed: ``codes`` and ``values`` (float32, where the tensor has a scale) of every output.

    Arrays are [images, ...] in the caller's axis order.
    """

    codes: Arrays
    values: Arrays


def run_program(
    program: Program, inputs: Mapping[str, np.ndarray], chunk: int = 16, cpu: CpuKernel = kernels.execute
) -> GoldenResult:
    """Run independent images, [images, ...] by input name, ``chunk`` at a time, each from power-on.

    The chunk changes speed and memory only; of 8, 16 and 32, 16 was the fastest for ResNet-8.
    """
    counts = {len(array) for array in inputs.values()}
    if len(counts) != 1 or counts == {0}:
        raise ValueError(f"want the same number of images, at least one, in every input; got {sorted(counts)}")
    parts: list[Arrays] = []
    machine: Machine | None = None
    for start, stop in _chunks(counts.pop(), chunk):
        if machine is None or machine.batch != stop - start:
            machine = Machine(program, stop - start, cpu=cpu)
        else:
            machine.reset()
        parts.append(machine.run({name: array[start:stop] for name, array in inputs.items()}))
    codes = {name: np.concatenate([part[name] for part in parts]) for name in program.outputs}
    values = {name: boundary.to_real(program.bindings[name].tensor, array) for name, array in codes.items()}
    return GoldenResult(codes=codes, values=values)


def _chunks(count: int, chunk: int) -> Iterator[tuple[int, int]]:
    for start in range(0, count, chunk):
        yield start, min(start + chunk, count)
