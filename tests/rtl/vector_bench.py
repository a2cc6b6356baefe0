"""Runs vector commands on the ports of vector_engine: a scratchpad and accumulators in Python, golden beside them.

The scratchpad grants when it likes; what it gives is there for one cycle, noise before and after.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
from cocotb.triggers import ClockCycles, RisingEdge
from numpy.typing import NDArray

from accel_models.commands import REGISTERS, Command, encode
from accel_models.golden import State, execute
from accel_models.golden.access import Bytes, Sums
from accel_models.work import _COST as COSTS
from stream import never, start
from vector_commands import Shape

Registers = NDArray[np.int64]
TOO_LATE = 300  # cycles without progress
NOWHERE = 1 << 20  # a write address


@dataclass(slots=True)
class Run:
    """What one command did: cycles from start to start, those marked as stalled, requests refused on either port."""

    cycles: int = 0
    stalled: int = 0
    refused: int = 0
    bad_field: int = 0
    bad_entry: int = 0
    registers: Registers = field(default_factory=lambda: np.zeros(0, np.int64))  # after it


def golden(command: Command, memory: Bytes, sums: Sums, registers: Registers) -> Registers:
    """Execute on the memories; returns the registers after it. Raises GoldenError."""
    state = State({}, memory[None], sums[None], registers.copy()[None], rows=4, bus_bytes=8)
    execute(command, state)
    return state.registers[0]


class VectorBench:
    """One vector_engine under test; `memory`, `sums` and `registers` are what its ports reach."""

    def __init__(self, dut: Any, shape: Shape, seed: int = 1) -> None:
        self.dut, self.shape = dut, shape
        self.rng = np.random.default_rng(seed)
        self.hw = SimpleNamespace(columns=shape.columns)
        self.registers = self.rng.integers(-(2**31), 2**31, REGISTERS)

    async def reset(self) -> None:
        await start(
            self.dut, start_valid_i=0, command_i=0, read_ready_i=0, read_data_i=0, write_ready_i=0, sums_data_i=0,
            registers_i=self._registers(),
        )  # fmt: skip
        await ClockCycles(self.dut.clk_i, 1)

    async def check(
        self,
        commands: Sequence[Command],
        memory: Bytes,
        sums: Sums,
        read_gaps: Iterator[bool] | None = None,
        write_gaps: Iterator[bool] | None = None,
    ) -> None:
        """Run commands back to back: memory, registers and cycles as golden and cost have them.

        Cycles without the stalled ones are exactly cost; with every request granted there are none of these, else at
        most one for every request that was refused.
        """
        wanted = memory.copy()
        registers = [self.registers]
        for command in commands:
            registers.append(golden(command, wanted, sums, registers[-1]))
        runs = await self.run(commands, memory, sums, read_gaps or never(), write_gaps or never())
        for command, run, register in zip(commands, runs, registers[1:], strict=True):
            want = int(COSTS[type(command)](command, self.hw))
            assert run.cycles - run.stalled == want, f"{run}, cost says {want}: {command}"
            assert run.stalled <= run.refused, f"{run}: {command}"
            np.testing.assert_array_equal(run.registers, register, err_msg=str(command))
            assert not run.bad_field and not run.bad_entry, f"{run}: {command}"
        np.testing.assert_array_equal(memory, wanted, err_msg=str(commands))

    async def run(
        self,
        commands: Sequence[Command],
        memory: Bytes,
        sums: Sums,
        read_gaps: Iterator[bool],
        write_gaps: Iterator[bool],
        beyond: int = 0,
    ) -> list[Run]:
        """Run commands back to back on the memories. Outputs are sampled at the edge that ends the cycle.

        ``beyond``: writes that go to the address that no scratchpad has, and so nowhere.
        """
        dut, columns, edge = self.dut, self.shape.columns, RisingEdge(self.dut.clk_i)
        noise = int.from_bytes(self.rng.bytes(columns), "little")
        runs: list[Run] = []
        waiting = [int.from_bytes(encode(command), "little") for command in commands]
        current: Run | None = None
        held: Any = None
        idle = 0
        dut.start_valid_i.value, dut.command_i.value = 1, waiting[0]
        while waiting or current is not None:
            read_ready, write_ready = not next(read_gaps), not next(write_gaps)
            dut.read_ready_i.value, dut.write_ready_i.value = int(read_ready), int(write_ready)
            await edge
            if current is None:
                assert dut.start_ready_o.value == 1, "no command runs and none can start"
                assert dut.done_o.value == 0, "done without a command"
                current = Run()
                runs.append(current)
                idle = 0
                waiting.pop(0)
                dut.start_valid_i.value = int(bool(waiting))
                dut.command_i.value = waiting[0] if waiting else int.from_bytes(self.rng.bytes(64), "little")
            else:
                assert dut.start_ready_o.value == 0, "ready while a command runs"
            current.cycles += 1
            current.stalled += int(dut.stalled_o.value)
            current.bad_field += int(dut.bad_field_o.value)
            current.bad_entry += int(dut.bad_entry_o.value)
            reads, writes = dut.read_valid_o.value == 1, dut.write_valid_o.value == 1
            current.refused += int(reads and not read_ready) + int(writes and not write_ready)
            if reads and read_ready:
                dut.read_data_i.value = self._read(memory)
            else:
                dut.read_data_i.value = noise
            if dut.sums_read_o.value == 1:
                entry = int(dut.sums_entry_o.value)
                if entry < len(sums):
                    dut.sums_data_i.value = int.from_bytes(sums[entry].astype("<i4").tobytes(), "little")
            if writes:
                request = (dut.write_address_o.value, dut.write_count_o.value, dut.write_data_o.value)
                assert held is None or held == request, "a write changed while it waited"
                held = None if write_ready else request
                if write_ready and dut.write_address_o.value == NOWHERE:
                    beyond -= 1
                elif write_ready:
                    self._write(memory)
            else:
                assert held is None, "a write went away"
            if dut.register_valid_o.value == 1:
                self.registers = self.registers.copy()
                self.registers[int(dut.register_index_o.value)] = dut.register_value_o.value.to_signed()
                dut.registers_i.value = self._registers()
            idle = 0 if (reads and read_ready) or (writes and write_ready) else idle + 1
            assert idle < TOO_LATE, "the engine hangs"
            if dut.done_o.value == 1:
                current.registers = self.registers
                current = None
        await edge
        assert beyond == 0, f"{beyond} more writes nowhere than expected"
        assert dut.start_ready_o.value == 1 and dut.done_o.value == 0
        assert dut.read_valid_o.value == 0 and dut.write_valid_o.value == 0
        return runs

    def _registers(self) -> int:
        return int.from_bytes(self.registers.astype("<i4").tobytes(), "little")

    def _read(self, memory: Bytes) -> int:
        """The word that the port gives for its request; bytes that were not asked for are noise."""
        address, count = int(self.dut.read_address_o.value), int(self.dut.read_count_o.value)
        assert 1 <= count <= self.shape.columns and address + count <= len(memory), f"read of {count} at {address}"
        noise = self.rng.bytes(self.shape.columns - count)
        return int.from_bytes(memory[address : address + count].tobytes() + noise, "little")

    def _write(self, memory: Bytes) -> None:
        address, count = int(self.dut.write_address_o.value), int(self.dut.write_count_o.value)
        assert 1 <= count <= self.shape.columns and address + count <= len(memory), f"write of {count} at {address}"
        data = self.dut.write_data_o.value.to_bytes(byteorder="little")
        memory[address : address + count] = np.frombuffer(data, np.uint8)[:count]
