"""Commands of the generator, one at a time, on arrays of any size."""

import numpy as np

from accel_models.commands import Command, End, SetRegister
from accel_models.generator import MAKERS
from accel_models.generator.chips import chip
from accel_models.generator.room import NoRoomError, Room, empty_room

KINDS = [kind for kind in MAKERS if kind not in (SetRegister, End)]


def room_of(rng: np.random.Generator, rows: int, columns: int) -> Room:
    """A room where everything holds anything, parameters apart: scratchpad, sums, registers."""
    room = empty_room(rng, chip(rows, columns), ("flash", 0))
    state, bank = room.state, room.pad[0] - room.bank
    state.scratchpad[...] = rng.integers(0, 256, state.scratchpad.shape, np.uint8)
    state.scratchpad[0, room.bank : room.pad[0]] = state.bus["flash"][0, :bank]
    state.accumulators[...] = rng.integers(-(1 << 20), 1 << 20, state.accumulators.shape, np.int32)
    state.registers[...] = rng.integers(-99, 99, state.registers.shape)
    return room


def random_command(rng: np.random.Generator, rows: int, columns: int) -> Command:
    """Any class whose cycles depend on its fields; no register operands."""
    room = room_of(rng, rows, columns)
    while True:
        try:
            return MAKERS[room.pick(KINDS)].draw(room)
        except NoRoomError:
            continue
