"""Where random commands live: a part of the scratchpad, free parts of the bus memories, and golden's state as they run.

The scratchpad's part is small, and places where something was written lately are drawn again, so that commands of
different engines meet: read after write, write after read, write after write.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accel_models.arithmetic import MAX_SHIFT, MIN_SHIFT
from accel_models.commands import LIST_ENTRY_BYTES, PARAMETER_BYTES
from accel_models.cost import Hardware
from accel_models.golden import State
from accel_models.system import System

Bytes = NDArray[np.uint8]
Span = tuple[int, int]  # first byte and the byte after the last one
BLOCKS = 8  # parameter blocks in a bank
LISTED = 48  # offsets behind them: any part of them is a row list
FARTHEST = 1536  # bytes: no offset is larger
_ALIGN = 32  # bytes: offsets suit the widest bus
_RECENT = 6
_PAD_BYTES = 6144  # of the scratchpad that commands use
_LOW, _HIGH = -(1 << 31), (1 << 31) - 1


class NoRoomError(Exception):
    """What was drawn does not fit; draw again."""


@dataclass(slots=True)
class Room:
    """The state in which the next command will find the machine, and what is drawn from.

    ``pad``: scratchpad bytes for data; ``bank``: where the bank lies in the scratchpad, BLOCKS parameter blocks and
    LISTED offsets; ``bus``: by memory, the offsets that commands may touch, a bank in front included. ``reach``: 1 for
    small sizes, up to 4.
    """

    rng: np.random.Generator
    system: System
    state: State
    pad: Span
    bank: int
    bus: dict[str, Span]
    reach: int = 1
    recent: list[int] = field(default_factory=list)  # scratchpad addresses written lately
    sums: list[int] = field(default_factory=list)  # accumulator entries written lately

    @property
    def rows(self) -> int:
        return self.state.rows

    @property
    def columns(self) -> int:
        return int(self.state.accumulators.shape[2])

    @property
    def entries(self) -> int:
        return int(self.state.accumulators.shape[1])

    @property
    def hardware(self) -> Hardware:
        assert self.system.accelerator is not None
        return Hardware.of(self.system.accelerator, self.system.bus)

    def upto(self, most: int, least: int = 1) -> int:
        """``least`` to ``most``."""
        return int(self.rng.integers(least, max(most, least) + 1))

    def happens(self, chance: float) -> bool:
        return bool(self.rng.random() < chance)

    def pick(self, items: Sequence[Any]) -> Any:
        return items[int(self.rng.integers(len(items)))]

    def code(self) -> int:
        return int(self.pick((-128, 127, 0, self.upto(127, -128), self.upto(127, -128))))

    def extent(self, most: int) -> int:
        """A size from 1, now and then 0."""
        return 0 if self.happens(0.02) else self.upto(most)

    def place(self, size: int, avoid: Sequence[Span] = ()) -> int:
        """A scratchpad address for ``size`` bytes, apart from ``avoid``. Raises NoRoomError."""
        low, high = self.pad[0], self.pad[1] - size
        if high < low:
            raise NoRoomError
        for _ in range(8):
            start = self.upto(high, low)
            if self.recent and self.happens(0.5):
                start = min(max(low, self.pick(self.recent) + self.upto(3, -3)), high)
            elif self.happens(0.03):
                start = high
            if all(start + size <= first or stop <= start for first, stop in avoid):
                return start
        raise NoRoomError

    def remember(self, address: int) -> None:
        self.recent = [*self.recent, address][-_RECENT:]

    def accumulator(self, used: int) -> int:
        """The first of ``used`` entries: any, or where something was summed lately. Raises NoRoomError."""
        if used > self.entries:
            raise NoRoomError
        last = self.entries - used
        if self.sums and self.happens(0.6):
            return min(int(self.pick(self.sums)), last)
        return last if self.happens(0.05) else self.upto(last, 0)

    def parameters(self, groups: int) -> int:
        """Scratchpad address of as many parameter blocks. Raises NoRoomError."""
        if groups > BLOCKS:
            raise NoRoomError
        return self.bank + self.upto(BLOCKS - groups, 0) * PARAMETER_BYTES * self.columns

    @property
    def bank_bytes(self) -> int:
        return bank_bytes(self.columns)

    def row_list(self, planes: int) -> int:
        """Scratchpad address of as many offsets. Raises NoRoomError."""
        if planes > LISTED:
            raise NoRoomError
        return self.bank + self.bank_bytes - LIST_ENTRY_BYTES * (LISTED - self.upto(LISTED - planes, 0))


def empty_room(rng: np.random.Generator, system: System, commands: tuple[str, int]) -> Room:
    """A room before anything ran: scratchpad and registers zero, bus memories random with parameter blocks in front.

    ``commands``: the memory that holds the commands and how many of its last bytes they take.
    """
    assert system.accelerator is not None
    state = State.of(system, 1)
    bus = {}
    for space, data in state.bus.items():
        data[0] = rng.integers(0, 256, data.shape[1], np.uint8)
        bank = random_bank(rng, system.accelerator.array.columns)
        data[0, : len(bank)] = bank
        bus[space] = (0, data.shape[1] - (commands[1] if space == commands[0] else 0))
    size = system.accelerator.scratchpad.size_bytes
    total = min(_PAD_BYTES, size)
    first = int(rng.choice([0, size - total, int(rng.integers(0, size - total + 1))]))
    return Room(
        rng=rng,
        system=system,
        state=state,
        pad=(first + bank_bytes(system.accelerator.array.columns), first + total),
        bank=first,
        bus=bus,
        reach=int(rng.choice([1, 1, 2, 4])),
    )


def bank_bytes(columns: int) -> int:
    return BLOCKS * PARAMETER_BYTES * columns + LISTED * LIST_ENTRY_BYTES


def random_bank(rng: np.random.Generator, columns: int) -> Bytes:
    """BLOCKS blocks of legal parameters, for sums of 8 to 31 bits, and LISTED offsets of whole beats."""
    offsets = _ALIGN * rng.integers(0, FARTHEST // _ALIGN + 1, LISTED)
    return np.concatenate([*(_block(rng, columns) for _ in range(BLOCKS)), offsets.astype("<u4").view(np.uint8)])


def _block(rng: np.random.Generator, columns: int) -> Bytes:
    bias = rng.integers(_LOW, _HIGH + 1, columns) >> rng.integers(0, 32, columns)
    pairs = np.array([factor(rng, int(rng.integers(10, 26))) for _ in range(columns)], np.int64)
    words = np.concatenate([bias, pairs[:, 0]]).astype("<i4")
    return np.concatenate([words.view(np.uint8), pairs[:, 1].astype(np.uint8)])


def factor(rng: np.random.Generator, bits: int) -> tuple[int, int]:
    """Multiplier and shift, mostly such that values of that many bits (8 or more) come to about 8, by any shift."""
    if rng.random() < 0.15:
        any_multiplier = (_HIGH, 1 << 30, int(rng.integers(1 << 31)))[int(rng.integers(3))]
        return any_multiplier, int(rng.integers(MIN_SHIFT, MAX_SHIFT + 1))
    digits = int(rng.integers(1, 32))  # of the multiplier
    multiplier = int(rng.integers(1 << (digits - 1), 1 << digits))
    shift = bits - 8 + digits + int(rng.integers(-1, 2))
    return multiplier, min(max(shift, MIN_SHIFT), MAX_SHIFT)
