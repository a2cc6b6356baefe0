"""Every command class with its maker. A new command gets one entry here; a test demands it."""

from collections.abc import Callable
from dataclasses import dataclass

from accel_models.commands import (
    Command,
    Compare,
    Elementwise,
    End,
    Fill,
    List,
    Load,
    LoadRegisters,
    Matrix,
    Pool,
    Range,
    Requantize,
    SetRegister,
    Store,
    StoreRegisters,
    Sum,
    Update,
)
from accel_models.generator import matrices, patches, training, transfers, vectors
from accel_models.generator.room import Room


@dataclass(frozen=True, slots=True)
class Maker:
    """``draw`` makes a command for the room, or raises NoRoomError; ``share`` of all commands, relative."""

    draw: Callable[[Room], Command]
    share: float


def _end(room: Room) -> End:
    return End()


MAKERS: dict[type[Command], Maker] = {
    Load: Maker(transfers.load, 0.16),
    Store: Maker(transfers.store, 0.12),
    Fill: Maker(transfers.fill, 0.07),
    Matrix: Maker(matrices.matrix, 0.25),
    Requantize: Maker(vectors.requantize, 0.18),
    Elementwise: Maker(vectors.elementwise, 0.1),
    Pool: Maker(vectors.pool, 0.07),
    Range: Maker(vectors.range_, 0.05),
    SetRegister: Maker(vectors.set_register, 0.04),
    LoadRegisters: Maker(training.load_registers, 0.03),
    StoreRegisters: Maker(training.store_registers, 0.03),
    Update: Maker(training.update, 0.08),
    Sum: Maker(training.sum_, 0.08),
    Compare: Maker(patches.compare, 0.06),
    List: Maker(patches.list_, 0.06),
    End: Maker(_end, 0.0),  # where a segment ends is the program's choice
}
