"""Golden's state and the table from command class to golden function."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from accel_models.commands import (
    REGISTERS,
    Command,
    Compare,
    Elementwise,
    End,
    Fill,
    List,
    Load,
    LoadRegisters,
    Matrix,
    Pool,
    Range,
    Register,
    Requantize,
    SetRegister,
    Store,
    StoreRegisters,
    Sum,
    Update,
    layout,
)
from accel_models.golden import matrix, patches, scalars, training, transfer, vector
from accel_models.golden.access import Bytes, GoldenError, Sums, same_in_batch
from accel_models.memory import locate
from accel_models.registers import ErrorCause
from accel_models.system import System

KEPT_BYTES = 1 << 26
READ_ONLY = ("flash",)  # spaces that commands and CPU calls cannot write


@dataclass(frozen=True, slots=True)
class State:
    """Every byte that commands can see, for ``batch`` independent invocations.

    ``bus``: memories by space, uint8 [batch, bytes], read-only ones [1, bytes]; ``scratchpad`` uint8 [batch, bytes];
    ``accumulators`` int32 [batch, entries, columns]; ``registers`` int64 [batch, 32] holding 32-bit signed values.
    ``rows``: of the array. ``bus_bytes``: width of the bus.
    """

    bus: Mapping[str, Bytes]
    scratchpad: Bytes
    accumulators: Sums
    registers: NDArray[np.int64]
    rows: int
    bus_bytes: int

    @classmethod
    def of(cls, system: System, batch: int) -> Self:
        """All zero. The operating system gives pages only to bytes that are touched."""
        sizes = {"flash": system.flash.size_bytes, "sram": system.sram.size_bytes}
        if system.external_ram is not None:
            sizes["external"] = system.external_ram.size_bytes
        bus = {space: np.zeros((1 if space in READ_ONLY else batch, size), np.uint8) for space, size in sizes.items()}
        hardware = system.accelerator
        return cls(
            bus=bus,
            scratchpad=np.zeros((batch, hardware.scratchpad.size_bytes if hardware else 0), np.uint8),
            accumulators=np.zeros(
                (batch, hardware.accumulators.entries, hardware.array.columns) if hardware else (batch, 0, 1), np.int32
            ),
            registers=np.zeros((batch, REGISTERS), np.int64),
            rows=hardware.array.rows if hardware else 0,
            bus_bytes=system.bus.bytes_per_cycle,
        )

    def clear(self) -> Self:
        """All zero again. Small memories keep their pages, which costs less than touching new ones."""
        for data in (self.scratchpad, self.accumulators, self.registers):
            data[...] = 0
        bus = {space: np.zeros_like(data) for space, data in self.bus.items() if data.nbytes > KEPT_BYTES}
        for space, data in self.bus.items():
            if space not in bus:
                data[...] = 0
                bus[space] = data
        return replace(self, bus=bus)

    def one(self, image: int) -> Self:
        """The state of a single invocation, as views of this one."""
        part = slice(image, image + 1)
        return replace(
            self,
            bus={space: data if len(data) == 1 else data[part] for space, data in self.bus.items()},
            scratchpad=self.scratchpad[part],
            accumulators=self.accumulators[part],
            registers=self.registers[part],
        )


def execute(command: Command, state: State) -> None:
    """Execute one command on the state. Raises GoldenError."""
    names = _register_fields(command)
    if names:
        indices = [getattr(command, name).index for name in names]
        values = state.registers[:, indices]
        if (values != values[0]).any():  # data decided differently in each invocation: one by one
            _one_by_one(command, state)
            return
        command = _resolve(command, {name: int(value) for name, value in zip(names, values[0], strict=True)})
    match command:
        case Matrix():
            matrix.matrix(command, state.scratchpad, state.accumulators, state.rows)
        case Requantize():
            found = vector.requantize(command, state.scratchpad, state.accumulators)
            if command.range:
                state.registers[:, command.destination] = found
        case Elementwise():
            vector.elementwise(command, state.scratchpad)
        case Pool():
            vector.pool(command, state.scratchpad)
        case Load() | Store() if transfer.is_empty(command):
            pass  # no byte, no address on the bus
        case Load() | Store() if command.listed and not same_in_batch(transfer.row_list(command, state.scratchpad)):
            _one_by_one(command, state)
        case Load():
            memory, _, offset = _memory(state, command.bus_address, ErrorCause.BUS_READ)
            transfer.load(command, memory, offset, state.scratchpad, state.bus_bytes)
        case Store():
            memory, space, offset = _memory(state, command.bus_address, ErrorCause.BUS_WRITE)
            if space in READ_ONLY:
                raise GoldenError(
                    f"bus_address: {command.bus_address:#010x} is in {space}, which cannot be written",
                    ErrorCause.BUS_WRITE,
                )
            transfer.store(command, state.scratchpad, memory, offset, state.bus_bytes)
        case Fill():
            transfer.fill(command, state.scratchpad)
        case Range():
            state.registers[:, command.destination] = vector.range_(command, state.accumulators)
        case Sum():
            found = training.sum_(command, state.scratchpad)
            if command.range:
                state.registers[:, command.destination] = found
        case Update():
            counts = training.update(command, state.scratchpad, state.accumulators)
            if counts is not None:
                state.registers[:, command.destination : command.destination + 2] = counts
        case Compare():
            patches.compare(command, state.scratchpad, state.accumulators)
        case List():
            patches.list_(command, state.scratchpad, state.accumulators, state.registers)
        case LoadRegisters():
            scalars.load_registers(command, state.scratchpad, state.accumulators, state.registers)
        case StoreRegisters():
            scalars.store_registers(command, state.scratchpad, state.accumulators, state.registers)
        case SetRegister():
            state.registers[:, command.destination] = command.value
        case End():
            pass
        case _:
            raise GoldenError(f"no golden function for command {type(command).__name__}")


def list_offsets(command: Load | Store | Compare | List, state: State) -> tuple[int, ...]:
    """Where a command would read or write now by what data decides, of the first invocation; batch.Batch.lists has what
    they are. Raises GoldenError."""
    names = _register_fields(command)
    values = {name: int(state.registers[0, getattr(command, name).index]) for name in names}
    resolved = _resolve(command, values)
    if isinstance(resolved, List):
        return tuple(patches.listed(resolved, state.scratchpad)[0].places.tolist())
    if isinstance(resolved, Compare):
        return () if patches.is_empty(resolved) else tuple(patches.marks(resolved, state.scratchpad)[0].tolist())
    assert isinstance(resolved, Load | Store)
    if transfer.is_empty(resolved):
        return ()
    return tuple(transfer.row_list(resolved, state.scratchpad)[0].tolist())


def _one_by_one(command: Command, state: State) -> None:
    """What data decides differs between the invocations of the batch."""
    for image in range(len(state.registers)):
        execute(command, state.one(image))


def _register_fields(command: Command) -> list[str]:
    return [spec.name for spec in layout(type(command)) if isinstance(getattr(command, spec.name), Register)]


def _resolve(command: Command, values: dict[str, Any]) -> Command:
    try:
        return replace(command, **values)
    except ValueError as error:
        raise GoldenError(f"from a register, {error}", ErrorCause.REGISTER_RANGE) from None


def _memory(state: State, address: int, cause: ErrorCause) -> tuple[Bytes, str, int]:
    try:
        space, offset = locate(address)
    except ValueError as error:
        raise GoldenError(f"bus_address: {error}", cause) from None
    if space not in state.bus:
        raise GoldenError(f"bus_address: {address:#010x} is in {space}, which this system does not have", cause)
    return state.bus[space], space, offset
