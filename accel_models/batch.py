"""The commands of a program as arrays, class by class: what the vectorised formulas of cost and counts take.

Fields are read from the encoded words in one pass per field, which is faster than decoding commands one by one. An
extent in a register (a row count, a byte length) is replaced by the value that program order gives it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import SimpleNamespace

import numpy as np
from numpy.typing import NDArray

from accel_models.commands import (
    COMMANDS,
    Command,
    Compare,
    FieldSpec,
    List,
    Load,
    LoadRegisters,
    Range,
    Register,
    Requantize,
    SetRegister,
    Store,
    Sum,
    Update,
    layout,
)
from accel_models.program import Program

# The fields that cost and counts depend on.
EXTENTS = ("row_bytes", "rows", "planes", "output_height", "height", "entries")


@dataclass(frozen=True, slots=True)
class Decided:
    """What data decided in one invocation, and cycles depend on; golden.Machine.decided has it. By place of a command:

    ``extents``: of fields in a register, their values, by name. ``lists``: where it reads and writes by data: offsets
    of a listed transfer or of a Compare's marks, [planes], or of a List's writes, [cells].
    """

    extents: Mapping[int, Mapping[str, int]] = field(default_factory=dict)
    lists: Mapping[int, Sequence[int]] = field(default_factory=dict)


NOTHING_DECIDED = Decided()


@dataclass(frozen=True, slots=True)
class Batch:
    """All commands of one class. ``index`` int64 [k]: their places in the program; ``fields``: int64 [k] by name.

    ``lists``: as in Decided, by position in the batch, int64.
    """

    command: type[Command]
    index: NDArray[np.int64]
    fields: SimpleNamespace
    lists: Mapping[int, NDArray[np.int64]] = field(default_factory=dict)


def batches(program: Program, decided: Decided = NOTHING_DECIDED) -> tuple[Batch, ...]:
    """Non-empty batches in opcode order. What SetRegister wrote last into a register is known without ``decided``.

    Raises ValueError on an unknown opcode, on an extent in a register of unknown value and on an unknown list, which it
    names.
    """
    bits = np.unpackbits(program.commands, axis=1, bitorder="little")
    opcodes = program.commands[:, 0]
    known = np.isin(opcodes, [command.OPCODE for command in COMMANDS])
    if not known.all():
        first = int(np.argmin(known))
        raise ValueError(f"command {first} of program {program.name} has the unknown opcode {int(opcodes[first])}")
    found = []
    for command in COMMANDS:
        index = np.flatnonzero(opcodes == command.OPCODE).astype(np.int64)
        if len(index):
            rows = bits[index]
            values = {spec.name: _field(rows, spec) for spec in layout(command)}
            found.append(Batch(command, index, SimpleNamespace(**values)))
    _resolve(found, bits, program.name, decided.extents)
    return tuple(_with_lists(item, program, decided.lists) for item in found)


def register_extents(command: Command) -> list[tuple[str, int]]:
    """(field, register) of each extent of a command that is in a register."""
    return [(name, value.index) for name in EXTENTS if isinstance(value := getattr(command, name, None), Register)]


def _with_lists(batch: Batch, program: Program, given: Mapping[int, Sequence[int]]) -> Batch:
    lists = {}
    counts = _list_lengths(batch)
    for k in np.flatnonzero(counts).tolist():
        place, planes = int(batch.index[k]), int(counts[k])
        offsets = np.asarray(given.get(place, ()), np.int64)
        if len(offsets) != planes:
            raise ValueError(
                f"command {place} of program {program.name}: want the {planes} offsets of its row list, which data "
                f"decides, got {len(offsets)}; give what golden's Machine.decided has"
            )
        if batch.command in (Load, Store) and (offsets % program.system.bus.bytes_per_cycle).any():
            raise ValueError(f"command {place} of program {program.name}: offsets of its row list are no whole beats")
        lists[k] = offsets
    return replace(batch, lists=lists)


def _list_lengths(batch: Batch) -> NDArray[np.int64]:
    """How many offsets of each command data decides."""
    f = batch.fields
    if batch.command in (Load, Store):
        return np.where((f.listed == 1) & (f.row_bytes * f.rows > 0), f.planes, 0)
    if batch.command is Compare:
        return np.where(f.pixels * f.columns > 0, f.planes, 0)
    return f.rows * f.columns if batch.command is List else np.zeros(len(batch.index), np.int64)


def _field(bits: NDArray[np.uint8], spec: FieldSpec) -> NDArray[np.int64]:
    weights = np.int64(1) << np.arange(spec.width, dtype=np.int64)
    raw = bits[:, spec.offset : spec.offset + spec.width].astype(np.int64) @ weights
    return raw - ((raw >> (spec.width - 1)) << spec.width) if spec.signed else raw


def _resolve(found: list[Batch], bits: NDArray[np.uint8], name: str, given: Mapping[int, Mapping[str, int]]) -> None:
    """Replace register indices in extents by values, walking the program in order; nothing to do without any."""
    uses: list[tuple[int, int, NDArray[np.int64], str]] = []  # (place, position in batch, column, field)
    for batch in found:
        for spec in layout(batch.command):
            if spec.flag is not None and spec.name in EXTENTS:
                column = getattr(batch.fields, spec.name)
                flagged = np.flatnonzero(bits[batch.index, spec.flag])
                uses += [(int(batch.index[k]), int(k), column, spec.name) for k in flagged]
    if not uses:
        return
    writes: list[tuple[int, int, int | None]] = []  # (place, register, value or None where data decides)
    for batch in found:
        if batch.command is SetRegister:
            values_written = batch.fields.value.tolist()
            writes += [(*pair, value) for pair, value in zip(_pairs(batch), values_written, strict=True)]
        else:
            writes += [(*pair, None) for pair in _pairs(batch)]
    writes.sort(key=lambda item: item[0])
    values: dict[int, int] = {}
    position = 0
    for place, k, column, name_of in sorted(uses, key=lambda item: item[0]):
        while position < len(writes) and writes[position][0] < place:
            _, register, value = writes[position]
            if value is not None:
                values[register] = value
            else:
                values.pop(register, None)
            position += 1
        register = int(column[k])
        value = given.get(place, {}).get(name_of, values.get(register))
        if value is None:
            raise ValueError(
                f"command {place} of program {name}: {name_of} is in register {register}, whose value data decides; "
                "give what golden's Machine.decided has"
            )
        column[k] = value


def _pairs(batch: Batch) -> list[tuple[int, int]]:
    """(place, register) of every register that a batch writes, in order."""
    f, command = batch.fields, batch.command
    if command in (SetRegister, Range):
        first, count = f.destination, np.ones_like(f.destination)
    elif command in (Requantize, Sum):
        first, count = f.destination, np.minimum(f.range, 1)
    elif command is Update:
        first, count = f.destination, np.full_like(f.destination, 2)
    elif command is List:
        first, count = f.destination, f.chunks
    elif command is LoadRegisters:
        first, count = f.register, f.count
    else:
        return []
    index = np.repeat(batch.index, count)
    step = np.arange(len(index)) - np.repeat(np.cumsum(count) - count, count)
    return list(zip(index.tolist(), (np.repeat(first, count) + step).tolist(), strict=True))
