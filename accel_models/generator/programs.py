"""Whole random programs that are legal: commands, tokens, several segments, CPU calls, memory images.

Each runs the same on golden, the event machine and the RTL: values cannot depend on the engines' relative speed, which
accel_models.checker demands of each. From one seed come the same bytes.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from accel_models import kernels
from accel_models.arithmetic import MULTIPLIER_BITS
from accel_models.checker import CheckError, check_commands, check_program
from accel_models.commands import COMMAND_BYTES, Command, End, Engine, encode
from accel_models.generator import transfers
from accel_models.generator.commands import draw, keep
from accel_models.generator.registry import MAKERS
from accel_models.generator.room import empty_room
from accel_models.network import CpuCall, Operator, Tensor
from accel_models.program import Binding, Placement, Program, Row, Segment
from accel_models.system import System
from accel_models.tokens import add_tokens

LEAST, MOST = 5, 60  # commands that are drawn for a program
_SPARE = 24  # commands beside them: the first Loads, the Ends, SetRegisters that the last command brings along
_MOST_SEGMENTS = 6
_CALL_BYTES = 64
_COMMANDS_IN = {"sram": 0.7, "flash": 0.2, "external": 0.1}
_FUNCTIONS = ("neg", "relu")  # of CPU calls, on int8 codes
_ROWS = tuple(kind.__name__ for kind in MAKERS if kind is not End)  # a row a command class


def random_program(seed: int, system: System, *, spare_tokens: bool = True) -> Program:
    """The program of a seed on a system. ``spare_tokens``: also tokens that no conflict needs.

    Raises ValueError for a system without external RAM, without an accelerator, or with short multipliers.
    """
    rng = np.random.default_rng(seed)
    count = int(rng.integers(LEAST, MOST + 1))
    draft = Draft(rng, system, count, spare_tokens=spare_tokens)
    draft.draw(count)
    draft.end()
    program = draft.program(f"random-{seed}")
    check_program(program)
    return program


class Draft:
    """A program as it grows: first the scratchpad is filled, then come ``count`` commands at most."""

    def __init__(self, rng: np.random.Generator, system: System, count: int, *, spare_tokens: bool = True) -> None:
        accelerator = system.accelerator
        if accelerator is None or system.external_ram is None or accelerator.multiplier_bits != MULTIPLIER_BITS:
            raise ValueError(
                f"system {system.name}: random programs want external RAM and an accelerator with "
                f"{MULTIPLIER_BITS}-bit multipliers"
            )
        self.where = str(rng.choice(list(_COMMANDS_IN), p=list(_COMMANDS_IN.values())))
        self.room = room = empty_room(rng, system, (self.where, COMMAND_BYTES * (count + _SPARE)))
        self.spare_tokens = spare_tokens
        self.images = {space: data[0].copy() for space, data in room.state.bus.items()}
        self.commands: list[Command] = []  # of whole segments, tokens and End included
        self.segments: list[Segment] = []
        self.open: list[Command] = []  # of the segment that has not ended
        self.calls: list[Operator] = []
        self.bindings: dict[str, Binding] = {}
        loads = [transfers.data(room) for _ in range(room.upto(2))]
        for load in (*loads, transfers.bank(room, room.pick(list(room.bus)))):
            keep(room, load)
            self.open.append(load)

    def draw(self, count: int) -> None:
        """That many commands; now and then a segment ends, or the CPU is called in between."""
        ends = self.room.pick((0.0, 0.0, 0.03, 0.08))
        drawn = 0
        while drawn < count:
            found = draw(self.room)
            self.open += found
            drawn += len(found)
            if self.room.happens(ends) and drawn < count and len(self.segments) < _MOST_SEGMENTS:
                self.end()
                if self.room.happens(0.3) and not self.calls:
                    self.call()

    def end(self, behind: Sequence[Command] = ()) -> None:
        """The open segment with its tokens; commands ``behind`` come after it as they are."""
        accelerator = self.room.system.accelerator
        assert accelerator is not None
        columns, depth = accelerator.array.columns, accelerator.token_depth
        body = add_tokens(self.open, columns, depth)
        if self.spare_tokens:
            body = with_spare_tokens(self.room.rng, body, columns, depth)
        body += behind
        self.segments.append(Segment(first=len(self.commands), count=len(body) + 1))
        self.commands += [*body, End()]
        self.open = []

    def call(self) -> None:
        """A CPU call from one place of the SRAM to another, executed as golden does."""
        room, size = self.room, _CALL_BYTES
        low, high = room.bank_bytes, room.bus["sram"][1] - size
        function, operands = str(room.pick(_FUNCTIONS)), {}
        for name in ("call.x", "call.y"):
            tensor = Tensor(name=name, shape=(size,), dtype="int8")
            self.bindings[name] = Binding(tensor=tensor, space="sram", offset=room.upto(high, low))
            operands[name] = room.state.bus["sram"][0, self.bindings[name].offset :][:size].view(np.int8)
        operator = Operator(name="call", inputs=("call.x",), outputs=("call.y",), attributes=CpuCall(function=function))
        tensors = {name: item.tensor for name, item in self.bindings.items()}
        results = kernels.execute(operator, {"call.x": operands["call.x"].copy()}, tensors)
        operands["call.y"][...] = results["call.y"]
        self.segments.append(Segment(call=len(self.calls), row=len(_ROWS)))
        self.calls.append(operator)

    def program(self, name: str) -> Program:
        where, system, size = self.where, self.room.system, COMMAND_BYTES * len(self.commands)
        first = self.room.bus[where][1]
        assert first + size <= self.room.state.bus[where].shape[1], "commands do not fit where they were to lie"
        kinds = [-1 if isinstance(item, End) else _ROWS.index(type(item).__name__) for item in self.commands]
        rows = [(kind, "accelerator") for kind in _ROWS] + [("cpu", "cpu")] * len(self.calls)
        return Program(
            name=name,
            system=system,
            network_hash="0" * 16,
            rows=tuple(
                Row(name=kind.lower(), kind=kind.lower(), phase="forward", placement=placement, macs=0)
                for kind, placement in rows
            ),
            segments=tuple(self.segments),
            commands=np.frombuffer(b"".join(encode(item) for item in self.commands), np.uint8).reshape(-1, 64),
            command_rows=np.array(kinds, np.int32),
            images=self.images,
            bindings=self.bindings,
            inputs=(),
            outputs=(),
            cpu_calls=tuple(self.calls),
            placements=(
                Placement(
                    tensor="", space=where, offset=first, bytes=size, first=0, last=len(rows) - 1, role="commands"
                ),
            ),
            metadata={"commands": where},
        )


def with_spare_tokens(
    rng: np.random.Generator, commands: Sequence[Command], columns: int, token_depth: int
) -> list[Command]:
    """More tokens between random commands of a segment, as long as every old one still goes from and to its own.

    Tokens are first in, first out: a new pair may not cross an old one. Where the counters then could pass their depth
    the commands stay as they were.
    """
    found = list(commands)
    for _ in range(int(rng.integers(0, len(commands) + 1))):
        giver = int(rng.integers(0, len(found)))
        taker = min(giver + int(rng.geometric(0.2)), len(found) - 1)
        source, target = found[giver].ENGINE, found[taker].ENGINE
        if source is None or target is None or source == target:
            continue
        if not _crosses(found, giver, taker, source, target):
            found[giver] = replace(found[giver], signal=found[giver].signal | 1 << target)
            found[taker] = replace(found[taker], wait=found[taker].wait | 1 << source)
    try:
        check_commands([*found, End()], columns, token_depth)
    except CheckError:
        return list(commands)
    return found


def _crosses(commands: Sequence[Command], giver: int, taker: int, source: Engine, target: Engine) -> bool:
    """Whether a token from ``giver`` to ``taker`` would change who takes the tokens that are there."""
    givers = [i for i, item in enumerate(commands) if item.ENGINE == source and item.signal >> target & 1]
    takers = [i for i, item in enumerate(commands) if item.ENGINE == target and item.wait >> source & 1]
    if giver in givers or taker in takers:
        return True
    return sum(i < giver for i in givers) != sum(i < taker for i in takers)
