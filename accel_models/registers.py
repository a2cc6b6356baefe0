"""The accelerator's registers on its AXI4-Lite slave: the only definition of addresses, bits, counters and causes.

All registers are 32 bits wide at byte offsets from the slave's base. The host writes COMMAND_ADDRESS, then START; BUSY
is set until every command up to End has run (DONE) or an error has stopped the accelerator (ERROR). Also after an error
an engine finishes the command it runs, so the bus is quiet when BUSY falls. The next START forgets the error.
A counter is 64 bits: reading its low word keeps the high word for the next read.
"""

from enum import IntEnum, IntFlag

from accel_models.commands import REGISTERS, Engine


class Csr(IntEnum):
    """Byte offsets. R: read only, RW: read and write, W1C: writing a one clears the bit, W: reads as zero."""

    CONTROL = 0x00  # W: Control
    STATUS = 0x04  # R: Status
    INTERRUPT_ENABLE = 0x08  # RW: Interrupt
    INTERRUPT = 0x0C  # W1C: Interrupt; the interrupt line is any bit that is also enabled
    ERROR_CAUSE = 0x10  # R: ErrorCause of the first error since the last start
    COMMAND_ADDRESS = 0x14  # RW: bus address of the first command of a segment, a multiple of COMMAND_BYTES
    SEGMENTS = 0x18  # R: segments that ended without an error since reset
    HARDWARE = 0x1C  # R: rows in bits 7..0, columns in bits 15..8, kilobytes of scratchpad in bits 31..16
    COUNTERS = 0x80  # R: Counter n at COUNTERS + 8*n, low word first
    SCALARS = 0x100  # RW, while not busy: scalar register n at SCALARS + 4*n


CSR_BYTES = 0x200
SCALAR_BYTES = 4 * REGISTERS


class Control(IntFlag):
    START = 1  # ignored while busy
    CLEAR_COUNTERS = 2


class Status(IntFlag):
    BUSY = 1
    DONE = 2  # the last segment ended
    ERROR = 4  # the last segment was stopped, see ERROR_CAUSE


class Interrupt(IntFlag):
    DONE = 1
    ERROR = 2


class ErrorCause(IntEnum):
    """Why the accelerator stopped. Golden, timing or the checker refuse the same program."""

    NONE = 0
    ILLEGAL_OPCODE = 1  # no command has this opcode
    UNUSED_BITS = 2  # a bit that no field of the command uses is set
    REGISTER_RANGE = 3  # a scalar register that there is not, or whose value its field cannot take
    TOKEN_OVERFLOW = 4  # a token counter would pass its depth
    DEADLOCK = 5  # every engine with a command waits for a token that nobody will give
    SCRATCHPAD_RANGE = 6  # an access beyond the scratchpad
    ACCUMULATOR_RANGE = 7  # an access beyond the accumulator entries
    FIELD_RANGE = 8  # a field that its engine cannot take, such as taps > rows
    COMMAND_READ = 9  # the bus answered a command fetch with an error
    BUS_READ = 10  # the bus answered a load with an error
    BUS_WRITE = 11  # the bus answered a store with an error


class Counter(IntEnum):
    """Performance counters since reset or CLEAR_COUNTERS.

    CYCLES: cycles with Status.BUSY. Per engine, BUSY: cycles of cost.py; STALLED: cycles in which it held a command and
    waited, for tokens, for a register, for a scratchpad bank or for the bus. BYTES: data of loads and of stores,
    commands not counted. MACS: products that Matrix commands ask for, lanes beyond the tile's edge not counted.
    """

    CYCLES = 0
    COMMANDS = 1
    LOAD_BUSY = 2
    MATRIX_BUSY = 3
    VECTOR_BUSY = 4
    STORE_BUSY = 5
    LOAD_STALLED = 6
    MATRIX_STALLED = 7
    VECTOR_STALLED = 8
    STORE_STALLED = 9
    BYTES_READ = 10
    BYTES_WRITTEN = 11
    MACS = 12


def busy(engine: Engine) -> Counter:
    return Counter(Counter.LOAD_BUSY + engine)


def stalled(engine: Engine) -> Counter:
    return Counter(Counter.LOAD_STALLED + engine)


def counter_offset(counter: Counter) -> int:
    """Byte offset of the low word of a counter."""
    return Csr.COUNTERS + 8 * counter


assert counter_offset(max(Counter)) + 8 <= Csr.SCALARS and Csr.SCALARS + SCALAR_BYTES <= CSR_BYTES
