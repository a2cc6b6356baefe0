"""Numbers that a step decides (shifts, bounds, ranges), which travel through the vector engine's scalar registers.

The engine loads them from the scratchpad in front of the first command that wants them and stores what it found behind
the last. It works in order, so that every operator may use the same registers.
"""

from accel_models.commands import WORD_BYTES, LoadRegisters, Register, StoreRegisters
from cosim.encode.expand import Builder
from cosim.encode.steps import Pending, Runs, Step

SHIFT, BOUND, RANGE, UP_A, UP_B, KEY, COUNTS = 0, 1, 2, 3, 4, 5, 6  # registers; counts take two


def number(builder: Builder, step: Step, row: int, name: str, register: int) -> int | Register:
    """An int32 number as an operand: a constant itself, else the register that it is loaded into."""
    if builder.network.is_constant(name):
        return int(builder.network.constants[name])
    region = builder.feed(name, 0, WORD_BYTES)
    fields = {"register": register, "count": 1}
    pads = {"pad_address": (region.block, region.delta)}
    step.compute.append(Pending(LoadRegisters, fields, pads, row))
    return Register(register)


def store_registers(builder: Builder, row: int, name: str, register: int, count: int) -> None:
    """Registers to a tensor of numbers on the bus, in the step being written."""
    block = builder.block(name, count * WORD_BYTES)
    fields, pads = {"register": register, "count": count}, {"pad_address": (block, 0)}
    builder.steps[-1].compute.append(Pending(StoreRegisters, fields, pads, row))
    builder.store(name, block, 0, 0, Runs(count * WORD_BYTES))
