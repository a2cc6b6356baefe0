"""Runs Matrix commands on matrix_engine with a scratchpad behind it: sums held to golden, cycles to cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
from cocotb.triggers import FallingEdge, ReadOnly, RisingEdge
from cocotb.utils import get_sim_time

from accel_models import cost, counts
from accel_models.commands import Matrix, MatrixMode, encode
from accel_models.golden.access import Bytes, Sums
from accel_models.golden.matrix import matrix_tile
from accel_models.system import ArrayKind
from stream import start, unpack

CYCLE_NS = 10


@dataclass(frozen=True, slots=True)
class Setting:
    """How the scratchpad grants. ``shared``: activations and weights compete; ``deny_*``: random refusals."""

    shared: bool = False
    deny_act: bool = False
    deny_weight: bool = False


class EngineBench:
    """One matrix_engine_bench under test; `sums` is what golden says its accumulators hold."""

    def __init__(self, dut: Any, rows: int, columns: int, entries: int, pad_bytes: int, setting: Setting) -> None:
        self.dut, self.setting = dut, setting
        self.hw = SimpleNamespace(rows=rows, columns=columns, kind=ArrayKind.BROADCAST)
        self.entries = entries
        self.memory: Bytes = np.zeros(pad_bytes, np.uint8)
        self.loaded = False
        self.sums: Sums = np.zeros((entries, columns), np.int32)

    async def reset(self) -> None:
        """Clock, reset, and a first command that writes every entry."""
        await start(
            self.dut, start_valid_i=0, command_i=0, load_i=0, load_addr_i=0, load_data_i=0, sums_read_i=0,
            sums_entry_i=0, share_i=int(self.setting.shared), deny_act_i=0, deny_weight_i=0,
        )  # fmt: skip
        fill = Matrix(
            mode=MatrixMode.OUTER, input_address=0, input_pixel_stride=self.entries, input_width=1, output_width=1,
            run_bytes=self.entries, columns=self.hw.columns, weight_address=self.entries, weight_row_stride=0,
            accumulator=0,
        )  # fmt: skip
        await self.load(np.random.default_rng(1).integers(0, 256, len(self.memory), np.uint8))
        await self.check([fill])
        self.dut.deny_act_i.value = int(self.setting.deny_act)
        self.dut.deny_weight_i.value = int(self.setting.deny_weight)

    async def load(self, memory: Bytes) -> None:
        """Fill the scratchpad, a word a cycle, words that are there already left out."""
        dut, edge, width = self.dut, RisingEdge(self.dut.clk_i), len(self.dut.load_data_i) // 8
        assert memory.shape == self.memory.shape and len(memory) % width == 0
        differs = (
            (memory != self.memory).reshape(-1, width).any(axis=1) if self.loaded else np.ones(len(memory) // width)
        )
        data, words = memory.tobytes(), dut.load_data_i
        dut.load_i.value = 1
        for address in (np.flatnonzero(differs) * width).tolist():
            dut.load_addr_i.value = address
            words.value = int.from_bytes(data[address : address + width], "little")
            await edge
        dut.load_i.value = 0
        self.memory, self.loaded = memory.copy(), True

    async def check(self, commands: Sequence[Matrix]) -> tuple[int, int]:
        """Run commands back to back, then compare cycles, products and the whole accumulator memory.

        Cycles from start to start are those of cost plus the marked stalls; without anything refused there are none,
        and with refused activations, which the accelerator does not have, more may be marked than lost. Returns the
        cycles of cost and the lost ones.
        """
        stalls, macs = self._totals()
        starts = await self._run(commands)
        await RisingEdge(self.dut.clk_i)
        now_stalls, now_macs = self._totals()
        cycles = np.diff(starts)
        want = [int(cost.matrix(command, self.hw)) for command in commands]
        lost, marked = int(cycles.sum()) - sum(want), now_stalls - stalls
        if self.setting.deny_act:
            assert 0 <= lost <= marked, f"{lost} cycles lost, {marked} marked: {commands}"
        else:
            assert lost == marked, f"{lost} cycles lost, {marked} marked as stalls: {commands}"
        if self.setting == Setting():
            assert cycles.tolist() == want, f"{cycles} cycles, cost says {want}: {commands}"
        products = sum(int(np.asarray(counts.of_command(Matrix, c, self.hw)["macs"])) for c in commands)
        assert now_macs - macs == products
        assert self.dut.errors_o.value == 0
        for command in commands:
            self.sums = matrix_tile(command, self.memory, self.sums, self.hw.rows)
        np.testing.assert_array_equal(await self._read(), self.sums, err_msg=str(commands))
        return sum(want), lost

    async def errors(self, command: Matrix) -> int:
        """Run a command that golden refuses; returns what the engine says about it."""
        await self._run([command])
        await RisingEdge(self.dut.clk_i)
        await ReadOnly()
        said = int(self.dut.errors_o.value)
        await RisingEdge(self.dut.clk_i)
        self.sums = await self._read()  # undefined after an error
        return said

    def _totals(self) -> tuple[int, int]:
        return int(self.dut.stalls_o.value), int(self.dut.macs_o.value)

    async def _run(self, commands: Sequence[Matrix]) -> list[int]:
        """Cycle numbers of the starts of the commands and of the end of the last one."""
        dut = self.dut
        taken, done = FallingEdge(dut.start_ready_o), RisingEdge(dut.done_o)
        starts = []
        dut.start_valid_i.value = 1
        for command in commands:
            dut.command_i.value = int.from_bytes(encode(command), "little")
            await taken
            starts.append(round(get_sim_time("ns")) // CYCLE_NS)
        dut.start_valid_i.value = 0
        dut.command_i.value = (1 << 512) - 1  # the engine keeps what it needs
        await done
        starts.append(round(get_sim_time("ns")) // CYCLE_NS + 2)  # done: last cycle; taken is seen one cycle late
        return starts

    async def _read(self) -> Sums:
        """Every accumulator entry through the vector engine's port."""
        data, entry_port, edge, words = self.dut.sums_data_o, self.dut.sums_entry_i, RisingEdge(self.dut.clk_i), []
        self.dut.sums_read_i.value = 1
        for entry in range(self.entries + 1):
            entry_port.value = entry % self.entries
            await edge
            words.append(unpack(data.value, "<i4"))
        self.dut.sums_read_i.value = 0
        return np.array(words[1:])
