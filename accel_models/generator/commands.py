"""One random legal command after the other: drawn, given register operands, tried on golden, kept."""

from dataclasses import replace

from accel_models.batch import EXTENTS
from accel_models.commands import REGISTERS, Command, FieldSpec, Operand, Register, SetRegister, layout
from accel_models.generator.registry import MAKERS
from accel_models.generator.room import NoRoomError, Room
from accel_models.golden import GoldenError, execute

_TRIES = 200
_MOST_OPERANDS = 3
_BOUNDS = ("low", "high")  # one may not pass the other


def draw(room: Room, kind: type[Command] | None = None) -> list[Command]:
    """A command of any class, or of ``kind``, that golden accepts in the room's state, which moves on.

    The SetRegisters that its operands need come before it. Raises RuntimeError where nothing legal was found.
    """
    kinds = list(MAKERS)
    shares = [MAKERS[item].share for item in kinds]
    for _ in range(_TRIES):
        chosen = kind or kinds[int(room.rng.choice(len(kinds), p=[share / sum(shares) for share in shares]))]
        try:
            command = MAKERS[chosen].draw(room)
        except NoRoomError:
            continue
        found = _with_registers(room, command)
        for item in found[:-1]:
            keep(room, item)
        try:
            keep(room, found[-1])
        except GoldenError:
            if found[:-1]:
                return found[:-1]
            continue
        return found
    raise RuntimeError(f"no legal {kind.__name__ if kind else 'command'} in {_TRIES} tries; make the room larger")


def changed(command: Command, **values: Operand) -> Command:
    """``replace`` for a command of any class: fields by name. Raises ValueError where a value does not fit."""
    return replace(command, **values)  # type: ignore[arg-type]


def keep(room: Room, command: Command) -> None:
    """Execute a command on the room's state. Raises GoldenError; the state then is as before."""
    execute(command, room.state)


def _with_registers(room: Room, command: Command) -> list[Command]:
    """The command with some of its fields in registers, behind the SetRegisters for them."""
    specs = [spec for spec in layout(type(command)) if spec.register]
    if not specs or not room.happens(0.35):
        return [command]
    before: list[Command] = []
    busy: set[int] = set()  # registers that this command reads: not to be set anew
    for index in room.rng.permutation(len(specs))[: room.upto(_MOST_OPERANDS)]:
        spec, value = specs[int(index)], int(getattr(command, specs[int(index)].name))
        free = [register for register in range(REGISTERS) if register not in busy]
        held = [register for register in free if _suits(room, spec, value, register)]
        if held and room.happens(0.6):
            register = int(room.pick(held))
        else:
            register = int(room.pick(free))
            before.append(SetRegister(destination=register, value=value))
        busy.add(register)
        command = changed(command, **{spec.name: Register(register)})
    return [*before, command]


def _suits(room: Room, spec: FieldSpec, value: int, register: int) -> bool:
    """Whether a register holds something that the field may be: a number in its range, an extent not beyond its own."""
    there = int(room.state.registers[0, register])
    if not spec.low <= there <= spec.high:
        return False
    if spec.name not in EXTENTS:
        return spec.name not in _BOUNDS
    return there <= value
