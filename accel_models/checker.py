"""Static checker of contract 4: program order is a legal schedule, whatever the engines' relative speed.

From the wait and signal masks alone it derives what is certain to have ended before each command starts (vector clocks
over in-order engines and first-in-first-out tokens), then demands that every pair of commands in different engines with
conflicting bytes is ordered, that no token counter can exceed its depth, that every token is taken, and that no wait
can fail to be met.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from accel_models.commands import Command, End, Engine, Load, Register
from accel_models.footprint import Interval, Largest, footprint, note_registers
from accel_models.program import Program

Clock = tuple[int, int, int, int]  # per engine: index of the last command that is certain to have ended, -1 for none
_NONE: Clock = (-1, -1, -1, -1)


class CheckError(ValueError):
    """A program that some interleaving of the engines would break; the message names the commands."""


class _Access(NamedTuple):
    start: int
    stop: int
    command: int


_Accesses = dict[tuple[str, int, bool], list[_Access]]  # by space, engine, and whether they write; in program order
# By an access's engine and whether it writes: the accesses that it has to come after.
_OTHERS = {
    (int(me), write): [(int(other), wrote) for other in Engine if other != me for wrote in {True, not write}]
    for me in Engine
    for write in (False, True)
}


def check_program(program: Program) -> None:
    """Check every accelerator segment. Raises CheckError."""
    accelerator = program.system.accelerator
    if accelerator is None:
        return
    for segment in program.segments:
        if segment.count:
            commands = program.decoded[segment.first : segment.first + segment.count]
            check_commands(commands, accelerator.array.columns, accelerator.token_depth, segment.first)


def check_commands(commands: Sequence[Command], columns: int, token_depth: int, base: int = 0) -> None:
    """Check one segment; ``base`` is added to the command numbers in messages."""
    if not commands or not isinstance(commands[-1], End) or any(isinstance(c, End) for c in commands[:-1]):
        raise CheckError(f"segment at command {base}: want exactly one End, as the last command")
    body = commands[:-1]
    before = _certain(body, token_depth, base)
    accesses: _Accesses = defaultdict(list)
    largest: Largest = {}
    for index, command in enumerate(body):
        engine = command.ENGINE
        assert engine is not None
        if isinstance(command, Load) and command.listed:
            _demand_list_apart(command, base + index, columns)
        touched = footprint(command, columns, largest)
        note_registers(command, columns, largest)
        for item in touched:
            _demand_order(item, index, engine, before[index], accesses, body, base)
        for item in touched:
            accesses[item.space, engine, item.write].append(_Access(item.start, item.stop, index))


def _certain(body: Sequence[Command], token_depth: int, base: int) -> list[Clock]:
    """Clock before each command. Program order must itself meet every wait: one pass suffices, none can hang."""
    tokens: dict[tuple[int, int], list[int]] = defaultdict(list)  # (from, to): who signalled, in order
    taken: dict[tuple[int, int], list[int]] = defaultdict(list)  # (from, to): who took them, in order
    engine_clock: list[Clock] = [_NONE] * 4
    before: list[Clock] = []
    ended: list[Clock] = []
    for index, command in enumerate(body):
        engine = command.ENGINE
        assert engine is not None
        clock = engine_clock[engine]
        for source in _BITS[command.wait]:
            pair = (source, int(engine))
            position = len(taken[pair])
            if source == engine or position >= len(tokens[pair]):
                raise CheckError(
                    f"command {base + index} ({type(command).__name__}) waits for a token from {Engine(source).name} "
                    "that no earlier command gives"
                )
            clock = _merge(clock, ended[tokens[pair][position]])
            taken[pair].append(index)
        before.append(clock)
        done = list(clock)
        done[engine] = index
        after: Clock = (done[0], done[1], done[2], done[3])
        ended.append(after)
        engine_clock[engine] = after
        for target in _BITS[command.signal]:
            tokens[(int(engine), target)].append(index)
    for (source, target), given in tokens.items():
        _check_counter(source, target, given, taken[(source, target)], before, token_depth, base)
    return before


def _check_counter(
    source: int, target: int, given: list[int], taken: list[int], before: list[Clock], depth: int, base: int
) -> None:
    """The k-th token may be given only when token k - depth is certain to have been taken."""
    name = f"{Engine(source).name} -> {Engine(target).name}"
    if len(taken) != len(given):
        raise CheckError(f"token {name} given by command {base + given[len(taken)]} is never taken")
    for k in range(depth, len(given)):
        taker = taken[k - depth]
        if before[given[k]][target] < taker:
            raise CheckError(
                f"counter {name} can exceed its depth of {depth}: command {base + given[k]} may signal before command "
                f"{base + taker} has taken its token"
            )


def _demand_order(
    item: Interval, index: int, engine: int, clock: Clock, accesses: _Accesses, body: Sequence[Command], base: int
) -> None:
    for other, write in _OTHERS[engine, item.write]:
        certain = clock[other]
        for access in reversed(accesses[item.space, other, write]):
            if access.command <= certain:  # as are those before it
                break
            if access.start < item.stop and item.start < access.stop:
                what = f"{item.space} [{max(access.start, item.start)}, {min(access.stop, item.stop)})"
                raise CheckError(
                    f"commands {base + access.command} ({type(body[access.command]).__name__}) and {base + index} "
                    f"({type(body[index]).__name__}) both touch {what} and no token orders them"
                )


def _demand_list_apart(command: Load, index: int, columns: int) -> None:
    """A Load reads its list while it writes. Extents in registers are left to golden, which knows them."""
    if any(isinstance(extent, Register) for extent in (command.row_bytes, command.rows, command.planes)):
        return
    found = [item for item in footprint(command, columns) if item.space == "pad"]
    for written in (item for item in found if item.write):
        for read in (item for item in found if not item.write):
            if read.start < written.stop and written.start < read.stop:
                what = f"pad [{max(written.start, read.start)}, {min(written.stop, read.stop)})"
                raise CheckError(f"command {index} (Load) writes {what}, where its own row list lies")


_BITS = [[bit for bit in range(4) if mask >> bit & 1] for mask in range(16)]


def _merge(a: Clock, b: Clock) -> Clock:
    return (max(a[0], b[0]), max(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3]))
