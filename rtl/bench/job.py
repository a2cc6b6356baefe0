"""A co-simulation job: what the process that asks and the testbench in the simulator both have to know."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Self

import numpy as np

from accel_models.commands import COMMAND_BYTES
from accel_models.cost import COMMAND_FETCH_AHEAD
from accel_models.golden import Machine, boundary
from accel_models.memory import BUS_SPACES, bus_address
from accel_models.program import Program
from accel_models.system import System
from accel_models.work import BEAT_STEPS, command_memory, memory_speed

PROGRAM, INPUTS, SETTINGS = "job.program", "inputs.npz", "job.json"
RESULT, MEMORIES, PROGRESS, EVENTS = "result.json", "memories.npz", "progress.txt", "events.txt"
JOB_VARIABLE = "COSIM_JOB"  # the directory of the jobs
SPACES = tuple(BUS_SPACES)  # the order of axi_memory's ports: flash, sram, external


@dataclass(frozen=True, slots=True, kw_only=True)
class MemorySettings:
    """How the memories behave: the system's latency and cycles per beat times a factor, and random stalls.

    ``latency``, ``pace``: factors, at least one cycle is left; ``stalls``: chance in [0, 1) that a channel loses a
    cycle.
    """

    latency: float = 1.0
    pace: float = 1.0
    stalls: float = 0.0
    seed: int = 1

    def __post_init__(self) -> None:
        for name in ("latency", "pace"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name}: want a factor of at least 0, got {getattr(self, name)}")
        if not 0 <= self.stalls < 1:
            raise ValueError(f"stalls: want a chance in [0, 1), got {self.stalls}")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Settings from a name of MEMORY_KINDS or from ``field=value`` pairs, ``latency=5,stalls=0.1``.

        Raises ValueError naming what it does not know.
        """
        if text in MEMORY_KINDS:
            return MEMORY_KINDS[text]  # type: ignore[return-value]
        kinds = {item.name: int if item.type is int else float for item in fields(cls)}
        given: dict[str, Any] = {}
        for part in text.split(","):
            name, _, value = part.partition("=")
            if name not in kinds:
                raise ValueError(
                    f"memory: want {', '.join(MEMORY_KINDS)}, or pairs of {', '.join(kinds)}=NUMBER, got {text!r}"
                )
            try:
                given[name] = kinds[name](value)
            except ValueError:
                raise ValueError(f"memory: want a number for {name}, got {value!r}") from None
        return cls(**given)

    @property
    def is_systems(self) -> bool:
        """Whether the event machine models these memories."""
        return (self.latency, self.pace, self.stalls) == (1.0, 1.0, 0.0)


NOMINAL = MemorySettings()
FAST = MemorySettings(latency=0, pace=0)
SLOW = MemorySettings(latency=5, pace=3)
STALLS = MemorySettings(stalls=0.3)
MEMORY_KINDS: Mapping[str, MemorySettings] = {"nominal": NOMINAL, "fast": FAST, "slow": SLOW, "stalls": STALLS}


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryPorts:
    """Values of the memory model's inputs, flash in the lowest element."""

    bytes_i: int
    latency_i: int
    beat_i: int
    stall_i: int
    seed_i: int

    @classmethod
    def of(cls, system: System, settings: MemorySettings) -> Self:
        speeds, sizes = memory_speed(system), memory_bytes(system)
        values = {"bytes_i": 0, "latency_i": 0, "beat_i": 0}
        for space in reversed(SPACES):
            latency, pace = speeds.get(space, (1, 1.0))
            item = {
                "bytes_i": (32, sizes.get(space, 0)),
                "latency_i": (16, max(1, round(latency * settings.latency))),
                "beat_i": (32, max(BEAT_STEPS, round(pace * settings.pace * BEAT_STEPS))),
            }
            values = {name: values[name] << width | value for name, (width, value) in item.items()}
        return cls(**values, stall_i=int(settings.stalls * 256), seed_i=settings.seed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """``inputs``: one invocation, [1, ...] by name; ``limit_cycles``: a segment that takes longer has failed."""

    program: Program
    inputs: Mapping[str, np.ndarray]
    settings: MemorySettings
    limit_cycles: int

    def save(self, folder: Path) -> None:
        self.program.save(folder / PROGRAM)
        np.savez(folder / INPUTS, **self.inputs)  # type: ignore[arg-type]
        text = {"settings": asdict(self.settings), "limit_cycles": self.limit_cycles}
        (folder / SETTINGS).write_text(json.dumps(text))

    @classmethod
    def load(cls, folder: Path) -> Self:
        text = json.loads((folder / SETTINGS).read_text())
        with np.load(folder / INPUTS) as archive:
            inputs = {name: archive[name] for name in archive.files}
        return cls(
            program=Program.load(folder / PROGRAM),
            inputs=inputs,
            settings=MemorySettings(**text["settings"]),
            limit_cycles=text["limit_cycles"],
        )


def rest_cycles(program: Program, settings: MemorySettings) -> int:
    """How long the commands that a segment fetches beyond its End may still be on their way."""
    latency, pace = memory_speed(program.system)[command_memory(program)]
    beats = COMMAND_BYTES // program.system.bus.bytes_per_cycle
    command = latency * max(1.0, settings.latency) + beats * pace * max(1.0, settings.pace)
    return math.ceil((COMMAND_FETCH_AHEAD + 1) * command)


def job_folder(top: Path, index: int) -> Path:
    """Where job ``index`` of a start of the simulator lies."""
    return top / f"{index:05d}"


def memory_bytes(system: System) -> dict[str, int]:
    """Sizes of the memories that the system has."""
    sizes = {"flash": system.flash.size_bytes, "sram": system.sram.size_bytes}
    return sizes | ({"external": system.external_ram.size_bytes} if system.external_ram else {})


def command_base(program: Program) -> int:
    """Bus address of the program's first command: where it is placed, else at the end of its command memory."""
    space = command_memory(program)
    for placement in program.placements:
        if placement.role == "commands" and placement.space == space:
            return bus_address(space, placement.offset)
    room = memory_bytes(program.system)[space] - len(program.commands) * COMMAND_BYTES
    return bus_address(space, room - room % COMMAND_BYTES)


def machine_of(program: Program) -> Machine:
    """Golden's machine with the commands in memory, also those of a program that does not place them.

    Raises GoldenError where a command is none.
    """
    machine = Machine(program)
    _place_commands(program, machine)
    return machine


def images_of(program: Program) -> Machine:
    """The same memories behind a machine that has no commands to execute, and so takes any program."""
    nothing = np.zeros((0, COMMAND_BYTES), np.uint8)
    machine = Machine(replace(program, commands=nothing, command_rows=np.zeros(0, np.int32), segments=()))
    _place_commands(program, machine)
    return machine


def _place_commands(program: Program, machine: Machine) -> None:
    space, data = command_memory(program), program.commands.reshape(-1)
    offset = command_base(program) - BUS_SPACES[space]
    machine.state.bus[space][0, offset : offset + len(data)] = data


def write_inputs(machine: Machine, inputs: Mapping[str, np.ndarray]) -> None:
    """Put one invocation's inputs where the program wants them, as Machine.run does."""
    for name in machine.program.inputs:
        machine.write(name, boundary.to_stored(machine.program.bindings[name].tensor, inputs[name]))
