"""Random programs with one fault: every cause for which the accelerator refuses a program on the bus that it has.

Golden, or the event machine where tokens are at fault, refuses the same program for the same cause. A fault is put
behind legal commands, and legal commands come behind it.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from accel_models.commands import (
    COMMAND_BYTES,
    COMMANDS,
    REGISTERS,
    Command,
    Compare,
    Elementwise,
    Engine,
    Fill,
    List,
    Load,
    LoadRegisters,
    Matrix,
    MatrixMode,
    Pool,
    Pooling,
    Range,
    Register,
    Requantize,
    Residual,
    Scaling,
    SetRegister,
    Store,
    StoreRegisters,
    Sum,
    Update,
    layout,
)
from accel_models.generator.commands import changed, keep
from accel_models.generator.programs import Draft
from accel_models.generator.registry import MAKERS
from accel_models.generator.room import NoRoomError, Room
from accel_models.golden import GoldenError, execute
from accel_models.memory import FLASH_BASE, SRAM_BASE, bus_address
from accel_models.program import Program
from accel_models.registers import ErrorCause
from accel_models.system import System

_TRIES = 500
_BESIDE = 8  # legal commands before and behind a fault, at most
_NOISE = ({"rounding": 1}, {"rounding": 3, "random_bits": 0}, {"rounding": 3, "random_bits": 17})
_NOT_IN_PAD = ("bus_address", "list_address")
_PAD_KINDS = (
    Load, Store, Fill, Matrix, Requantize, Elementwise, Pool, LoadRegisters, StoreRegisters, Update, Sum, Compare, List,
)  # fmt: skip
_SUM_KINDS = (Matrix, Requantize, Range, Update)


@dataclass(frozen=True, slots=True)
class IllegalProgram:
    """``registers``: as in RandomProgram. ``cause``: why it is refused."""

    program: Program
    cause: ErrorCause


@dataclass(frozen=True, slots=True)
class _Fault:
    """``commands`` draws what golden refuses; ``words`` changes encoded commands; neither: too many tokens."""

    cause: ErrorCause
    commands: Callable[[Room], list[Command]] | None = None
    words: Callable[[np.random.Generator, np.ndarray, Program], np.ndarray] | None = None


def illegal_program(seed: int, system: System) -> IllegalProgram:
    """The illegal program of a seed on a system; causes take turns. Raises ValueError as random_program does."""
    rng = np.random.default_rng((seed, 1))
    fault = _FAULTS[seed % len(_FAULTS)]
    depth = system.accelerator.token_depth if system.accelerator else 0
    draft = Draft(rng, system, 2 * _BESIDE + depth)
    draft.draw(int(rng.integers(1, _BESIDE + 1)))
    if fault.commands:
        draft.open += _refused(draft.room, fault.cause, fault.commands)
    draft.draw(int(rng.integers(1, _BESIDE + 1)))
    draft.end(() if fault.commands or fault.words else _flood(draft.room, depth + 1))
    program = draft.program(f"illegal-{seed}")
    if fault.words:
        program = replace(program, commands=fault.words(rng, program.commands.copy(), program))
    return IllegalProgram(program, fault.cause)


def _refused(room: Room, cause: ErrorCause, make: Callable[[Room], list[Command]]) -> list[Command]:
    """A command that golden refuses for this cause, behind what it needs. Raises RuntimeError where none is found."""
    for _ in range(_TRIES):
        try:
            *before, command = make(room)
            state = copy.deepcopy(room.state)
            for item in before:
                execute(item, state)
            execute(command, state)
        except NoRoomError:
            continue
        except GoldenError as error:
            if error.cause != cause:
                continue
            for item in before:
                keep(room, item)
            return [*before, command]
    raise RuntimeError(f"no command that golden refuses as {cause.name} in {_TRIES} tries")


def _legal(room: Room, *kinds: type[Command]) -> Command:
    return MAKERS[room.pick(kinds)].draw(room)


def _scratchpad(room: Room) -> list[Command]:
    """An operand that leaves the scratchpad at its end."""
    command = _legal(room, *_PAD_KINDS)
    if isinstance(command, Load | Store) and room.happens(0.3):  # the first entry of a list, which is read first
        return [changed(command, listed=1, list_address=room.state.scratchpad.shape[1] - room.upto(3, 0))]
    outside = () if isinstance(command, Compare) else _NOT_IN_PAD
    names = [spec.name for spec in layout(type(command)) if spec.name.endswith("address") and spec.name not in outside]
    parameters = isinstance(command, Requantize) and room.happens(0.3)
    name = "parameters" if parameters else room.pick(names)
    inside = room.upto(4 * room.columns if parameters else 8, 0)  # of parameters: biases only, which may be anything
    return [changed(command, **{name: room.state.scratchpad.shape[1] - inside})]


def _accumulators(room: Room) -> list[Command]:
    return [changed(_legal(room, *_SUM_KINDS), accumulator=room.entries - room.upto(4, 0))]


def _field(room: Room) -> list[Command]:
    kinds = (Load, Store, Matrix, Requantize, Elementwise, Pool, LoadRegisters, StoreRegisters, Update, Sum, List)
    command, shift = _legal(room, *kinds), room.pick((0, 63))
    match command:
        case Load() | Store() if command.listed and room.happens(0.5):  # an offset that is too far
            return [changed(command, bus_plane_stride=0)]
        case Load() | Store():  # a parameter, which is no offset, most likely
            return [changed(command, planes=1, listed=1, list_address=room.parameters(1) + room.upto(8 * room.columns))]
        case Matrix() if room.happens(0.5):
            return [changed(command, mode=3)]
        case Matrix():
            return [changed(command, mode=MatrixMode.DEPTHWISE, transposed=0, taps=room.rows + room.upto(3))]
        case Requantize() if command.scaling != Scaling.BLOCK:
            return [changed(command, **room.pick(({"shift": 63}, {"range": 3}, {"residual": 1}, *_NOISE)))]
        case Requantize() if room.happens(0.3):
            return [changed(command, **room.pick(({"scaling": 3}, {"rounding": 2}, {"range": 1}, {"residual": 2})))]
        case Requantize() if command.residual == Residual.ADD:
            return [changed(command, add_shift=shift)]
        case Requantize():  # bytes that are no parameters, most likely
            return [changed(command, parameters=room.place(9 * room.columns))]
        case Elementwise() if room.happens(0.3):
            return [changed(command, rounding=3)]
        case Elementwise():
            return [changed(command, shift=shift)]
        case LoadRegisters() | StoreRegisters():
            return [changed(command, register=REGISTERS - 2, count=3, pad_address=room.place(12))]
        case List():
            return [changed(command, destination=REGISTERS - 2, chunks=room.pick((3, 63)))]
        case Update():
            wrong = [{"shift": 63}, {"destination": REGISTERS - 1}, *_NOISE]
            return [changed(command, **room.pick(wrong if command.wide else [*wrong, {"most": 128}]))]
        case Sum():
            return [changed(command, **room.pick(({"shift": 63}, {"range": 3}, *_NOISE)))]
        case Pool() if room.happens(0.5):
            return [changed(command, **room.pick(({"function": 3}, {"function": Pooling.AVERAGE, "rounding": 3})))]
        case Pool():
            return [changed(command, function=Pooling.AVERAGE, shift=shift)]
    raise NoRoomError


def _register(room: Room) -> list[Command]:
    """A register whose value is one beyond what its field holds."""
    command = _legal(room, *(kind for kind in MAKERS if any(spec.register for spec in layout(kind))))
    spec = room.pick([spec for spec in layout(type(command)) if spec.register and spec.width < 32])
    values = [value for value in (spec.low - 1, spec.high + 1) if -(1 << 31) <= value < 1 << 31]
    index = room.upto(31, 0)
    return [SetRegister(destination=index, value=room.pick(values)), changed(command, **{spec.name: Register(index)})]


def _beyond(room: Room, spaces: list[str]) -> int:
    """A bus address at the end of a memory, far behind it, or below the map."""
    space = room.pick(spaces)
    size = room.state.bus[space].shape[1]
    near = bus_address(space, size - room.upto(8, 0))
    return int(
        room.pick((near, near, bus_address(space, size + room.upto(1 << 20)), room.upto(FLASH_BASE - (1 << 20))))
    )


def _bus_read(room: Room) -> list[Command]:
    return [changed(_legal(room, Load), bus_address=_beyond(room, list(room.bus)))]


def _bus_write(room: Room) -> list[Command]:
    store = _legal(room, Store)
    if room.happens(0.4):
        return [changed(store, bus_address=bus_address("flash", room.upto(999, 0)))]
    return [changed(store, bus_address=_beyond(room, [space for space in room.bus if space != "flash"]))]


_NOTHING: tuple[Command, ...] = (
    Fill(pad_address=0, row_bytes=0),
    Store(bus_address=SRAM_BASE, pad_address=0, row_bytes=0),
    SetRegister(destination=0, value=0),
    Matrix(
        mode=MatrixMode.DOT, input_address=0, input_pixel_stride=0, input_width=0, output_width=0, columns=0,
        weight_address=0, weight_row_stride=0, accumulator=0,
    ),
)  # fmt: skip


def _opcode(rng: np.random.Generator, words: np.ndarray, program: Program) -> np.ndarray:
    legal = {kind.OPCODE for kind in COMMANDS}
    words[rng.integers(len(words)), 0] = rng.choice([code for code in range(256) if code not in legal])
    return words


def _unused(rng: np.random.Generator, words: np.ndarray, program: Program) -> np.ndarray:
    """One bit that no field of the command uses. Fields leave no gaps, those of some commands fill all bits."""
    ends = [max(spec.offset + spec.width for spec in layout(type(item))) for item in program.decoded]
    index = int(rng.choice([place for place, end in enumerate(ends) if end < 8 * COMMAND_BYTES]))
    bit = int(rng.integers(ends[index], 8 * COMMAND_BYTES))
    words[index, bit // 8] |= 1 << bit % 8
    return words


def _no_register(rng: np.random.Generator, words: np.ndarray, program: Program) -> np.ndarray:
    """A field in a register that there is not."""
    places = [
        (index, spec)
        for index, command in enumerate(program.decoded)
        for spec in layout(type(command))
        if spec.flag is not None and spec.high >= REGISTERS
    ]
    index, spec = places[int(rng.integers(len(places)))]
    assert spec.flag is not None
    word = int.from_bytes(words[index].tobytes(), "little") & ~(((1 << spec.width) - 1) << spec.offset)
    word |= 1 << spec.flag | int(rng.integers(REGISTERS, 1 << min(spec.width, 16))) << spec.offset
    words[index] = np.frombuffer(word.to_bytes(COMMAND_BYTES, "little"), np.uint8)
    return words


def _deadlock(rng: np.random.Generator, words: np.ndarray, program: Program) -> np.ndarray:
    """One token too few for those who wait."""
    while True:
        index, source = int(rng.integers(len(words))), int(rng.integers(len(Engine)))
        engine = program.decoded[index].ENGINE
        if engine not in (None, source) and not words[index, 1] >> source & 1:
            words[index, 1] |= 1 << source
            return words


def _flood(room: Room, count: int) -> list[Command]:
    """Tokens of one counter that nobody takes, from commands that do nothing."""
    command = room.pick(_NOTHING)
    target = room.pick([engine for engine in Engine if engine != command.ENGINE])
    return [replace(command, signal=1 << target)] * count


_FAULTS = (
    _Fault(ErrorCause.REGISTER_RANGE, commands=_register),
    _Fault(ErrorCause.SCRATCHPAD_RANGE, commands=_scratchpad),
    _Fault(ErrorCause.ACCUMULATOR_RANGE, commands=_accumulators),
    _Fault(ErrorCause.FIELD_RANGE, commands=_field),
    _Fault(ErrorCause.BUS_READ, commands=_bus_read),
    _Fault(ErrorCause.BUS_WRITE, commands=_bus_write),
    _Fault(ErrorCause.ILLEGAL_OPCODE, words=_opcode),
    _Fault(ErrorCause.UNUSED_BITS, words=_unused),
    _Fault(ErrorCause.REGISTER_RANGE, words=_no_register),
    _Fault(ErrorCause.DEADLOCK, words=_deadlock),
    _Fault(ErrorCause.TOKEN_OVERFLOW),
)
CAUSES = tuple(fault.cause for fault in _FAULTS)  # they take turns
