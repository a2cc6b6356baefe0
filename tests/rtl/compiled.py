"""Commands of a compiled network with the machine state in which golden finds them."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from accel_models.commands import Command
from accel_models.golden import Machine, State, execute
from accel_models.network import Network
from accel_models.program import Program
from accel_models.system import load_system
from cosim.encode import compile_network


def program_under_test() -> Program:
    """The network in file NETWORK, compiled for the preset SYSTEM."""
    return compile_network(Network.load(Path(os.environ["NETWORK"])), load_system(os.environ["SYSTEM"]))


def commands_of(program: Program, kind: type[Command]) -> Iterator[tuple[int, Command, State]]:
    """Row, command and state before it of every command of a kind, in program order, for random input codes."""
    assert all(segment.count for segment in program.segments), "a program without CPU calls is wanted"
    machine = Machine(program)
    rng = np.random.default_rng(0)
    for name in program.inputs:
        tensor = program.bindings[name].tensor
        machine.write(name, rng.integers(-128, 128, (1, *tensor.shape), np.int8))
    for row, command in zip(program.command_rows.tolist(), program.decoded, strict=True):
        if isinstance(command, kind):
            yield row, command, machine.state
        execute(command, machine.state)
