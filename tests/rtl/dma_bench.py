"""Drives the memory side: memories in step with golden, commands with their cycles, everything compared at the end."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from cocotb.triggers import ClockCycles, ReadOnly, RisingEdge
from numpy.typing import NDArray

from accel_models import cost
from accel_models.commands import Fill, Load, Store, encode, layout
from accel_models.golden.transfer import fill, load, store
from accel_models.memory import locate
from accel_models.work import BEAT_STEPS
from dma_commands import LISTS, random_lists
from rtl.bench.images import read_image, write_image
from stream import start

SPACES = ("flash", "sram", "external")
SIZES = {"flash": 1 << 14, "sram": 1 << 15, "external": 1 << 14}
TOO_LATE = 20_000  # cycles of one command

Transfer = Load | Store | Fill


@dataclass(frozen=True, slots=True)
class Speed:
    """Of one memory: latency in cycles, and cycles per beat."""

    latency: int
    per_beat: float


FAST = Speed(1, 1.0)
EVEN = dict.fromkeys(SPACES, FAST)


@dataclass(slots=True)
class Log:
    """Per command, in order: cycle of acceptance, cycle of done, cycles that the engine counts as lost."""

    accepted: list[int] = field(default_factory=list)
    done: list[int] = field(default_factory=list)
    stalled: list[int] = field(default_factory=list)


def word_of(command: Transfer, rng: np.random.Generator) -> int:
    """A command as the engines see it: register flags may still be set, the values are in the fields."""
    word = int.from_bytes(encode(command), "little")
    for spec in layout(type(command)):
        if spec.flag is not None and rng.random() < 0.5:
            word |= 1 << spec.flag
    return word


class MemorySide:
    """The device under test, `memory_side`, and golden's copy of its memories, uint8 [1, bytes]."""

    def __init__(self, dut: Any, hw: SimpleNamespace, pad_bytes: int, rng: np.random.Generator) -> None:
        self.dut, self.hw, self.rng = dut, hw, rng
        self.memories: dict[str, NDArray[np.uint8]] = {
            space: rng.integers(0, 256, (1, size), np.uint8) for space, size in SIZES.items()
        }
        self.pad = rng.integers(0, 256, (1, pad_bytes), np.uint8)
        self.lists = pad_bytes - 4 * LISTS - 3  # at an odd address
        self.pad[0, self.lists : self.lists + 4 * LISTS] = random_lists(rng, hw.bus_bytes)
        self.speed = dict(EVEN)

    async def begin(self, speed: dict[str, Speed], stall: int = 0, pad_stall: int = 0, seed: int = 1) -> None:
        """Reset, with memories of these speeds; `stall` and `pad_stall` in 1/256. Both sides get the same contents."""
        self.speed = speed
        dut = self.dut
        lowest: dict[str, int] = {}
        for space in reversed(SPACES):  # element 0 of a packed array is the lowest
            for name, width, value in (
                ("bytes_i", 32, SIZES[space]),
                ("latency_i", 16, speed[space].latency),
                ("beat_i", 32, round(speed[space].per_beat * BEAT_STEPS)),
            ):
                lowest[name] = lowest.get(name, 0) << width | value
        quiet = {
            f"{port}_i": 0
            for port in (
                "mem_load", "mem_dump", "pad_load", "pad_dump", "load_start_valid", "store_start_valid", "fetch_start",
                "fetch_flush", "fetch_address", "command_ready", "load_command", "store_command",
            )
        }  # fmt: skip
        await start(dut, **lowest, **quiet, stall_i=stall, seed_i=seed, pad_stall_i=pad_stall, pad_seed_i=seed + 1)
        self.write_images()
        dut.mem_load_i.value, dut.pad_load_i.value = 7, 1
        await ClockCycles(dut.clk_i, 2)
        dut.mem_load_i.value, dut.pad_load_i.value = 0, 0

    def write_images(self) -> None:
        for space, data in self.memories.items():
            write_image(Path(f"{space}.hex"), data[0], self.hw.bus_bytes)
        write_image(Path("pad.hex"), self.pad[0], 1)

    async def compare(self) -> None:
        """Every byte of every memory."""
        dut = self.dut
        dut.mem_dump_i.value, dut.pad_dump_i.value = 7, 1
        await ClockCycles(dut.clk_i, 2)
        dut.mem_dump_i.value, dut.pad_dump_i.value = 0, 0
        np.testing.assert_array_equal(read_image(Path("pad.dump"), 1), self.pad[0], err_msg="scratchpad")
        for space, data in self.memories.items():
            found = read_image(Path(f"{space}.dump"), self.hw.bus_bytes)
            np.testing.assert_array_equal(found, data[0], err_msg=space)

    def execute(self, command: Transfer) -> None:
        """The command on golden's memories."""
        if isinstance(command, Fill):
            fill(command, self.pad)
            return
        space, offset = locate(command.bus_address)
        if isinstance(command, Load):
            load(command, self.memories[space], offset, self.pad, self.hw.bus_bytes)
        else:
            store(command, self.pad, self.memories[space], offset, self.hw.bus_bytes)

    def cycles(self, command: Transfer) -> tuple[int, int]:
        """(all cycles, those of the engine itself) while nothing interferes."""
        if isinstance(command, Fill):
            return (int(cost.fill(command, self.hw)),) * 2
        speed = self.speed[locate(command.bus_address).space]
        whole = cost.transfer(command, self.hw, speed.latency, speed.per_beat)
        return int(whole), int(cost.transfer(command, self.hw, 0))

    async def run(self, engine: str, commands: Sequence[Transfer]) -> Log:
        """Offer the commands to an engine, `load` or `store`, one right after the other."""
        valid, command, ready, done, stall, error, pad_error, offset_error = (
            getattr(self.dut, f"{engine}_{port}")
            for port in (
                "start_valid_i", "command_i", "start_ready_o", "done_o", "stall_o", "error_o", "pad_error_o",
                "offset_error_o",
            )
        )  # fmt: skip
        log, cycle, words = Log(), 0, [word_of(item, self.rng) for item in commands]
        valid.value, command.value = 1, words[0]
        while len(log.done) < len(words):
            await ReadOnly()
            assert not any(port.value for port in (error, pad_error, offset_error)), "an engine reports an error"
            if ready.value == 1 and len(log.accepted) < len(words):
                assert len(log.accepted) == len(log.done), "a command was taken before the one before it was done"
                log.accepted.append(cycle)
                log.stalled.append(0)
                taken = True
            else:
                taken = False
                log.stalled[-1] += int(stall.value == 1)
                if done.value == 1:
                    log.done.append(cycle)
                assert cycle - log.accepted[-1] < TOO_LATE, f"{commands[len(log.done)]} hangs"
            await RisingEdge(self.dut.clk_i)
            cycle += 1
            if taken:
                more = len(log.accepted) < len(words)
                valid.value = int(more)
                command.value = words[len(log.accepted)] if more else int(self.rng.integers(1 << 62))
        return log

    def check_cycles(self, commands: Sequence[Transfer], log: Log, *, disturbed: bool) -> None:
        """Cycles equal cost unless something interferes; without those counted as lost they always do."""
        for place, command in enumerate(commands):
            listed = isinstance(command, Load | Store) and command.listed  # the event machine says when it ends
            took, (whole, own) = log.done[place] - log.accepted[place] + 1, self.cycles(command)
            assert took >= whole if disturbed or listed else took == whole, f"{took} cycles, want {whole}: {command}"
            assert took - log.stalled[place] == own, f"{took} cycles, {log.stalled[place]} lost, want {own}: {command}"
            if place:
                assert log.accepted[place] == log.done[place - 1] + 1
