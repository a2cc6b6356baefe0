"""Runs Matrix commands on the ports of matrix_core: streams from golden, sums held to golden, cycles to cost."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
from cocotb.triggers import RisingEdge

from accel_models import cost
from accel_models.commands import Matrix, MatrixMode, layout
from accel_models.golden.access import Bytes, Sums
from accel_models.golden.matrix import matrix_tile
from accel_models.golden.streams import operand_vectors
from accel_models.system import ArrayKind
from stream import never, start, unpack

FIELDS = (
    "mode", "accumulate", "transposed", "stride_x", "planes", "output_height", "output_width", "kernel_height",
    "taps", "run_bytes", "columns",
)  # fmt: skip
TOO_LATE = 64  # cycles without progress


@dataclass(frozen=True, slots=True)
class Streams:
    """Words of the two operand ports, in the order in which the command takes them."""

    weights: list[int]
    activations: list[int]


def streams(command: Matrix, scratchpad: Bytes, rows: int, columns: int, rng: np.random.Generator) -> Streams:
    """Golden's vectors as words; lanes that the command does not use hold noise, which must not matter.

    Used lanes are found by golden itself: they are the ones that see a memory full of ones.
    """
    lanes = max(rows, columns)
    marked = replace(command, zero_point=1)
    ones = np.ones_like(scratchpad)
    words = Streams([], [])
    pairs = zip(
        operand_vectors(command, scratchpad, rows, columns), operand_vectors(marked, ones, rows, columns), strict=True
    )
    for tile, used in pairs:
        outer = command.mode == MatrixMode.OUTER
        stationary, used_stationary = (tile.gradients, used.gradients) if outer else (tile.weights, used.weights)
        words.weights.extend(_words(stationary, used_stationary, lanes, rng))
        words.activations.extend(_words(tile.activations, used.activations, lanes, rng))
    return words


def _words(vectors: np.ndarray, used: np.ndarray, lanes: int, rng: np.random.Generator) -> Iterator[int]:
    noise = rng.integers(-128, 128, (len(vectors), lanes), np.int8)
    width = vectors.shape[1]
    noise[:, :width] = np.where(used == 1, vectors, noise[:, :width])
    return (int.from_bytes(row.tobytes(), "little") for row in noise)


class Feed:
    """One valid/ready port that is fed with words, some cycles left out."""

    def __init__(self, valid: Any, ready: Any, data: Any, gaps: Iterator[bool]) -> None:
        self.valid, self.ready, self.data, self.gaps = valid, ready, data, gaps
        self.words: list[int] = []
        self.taken = 0
        self.offered = False

    def offer(self) -> bool:
        """Drive this cycle; says whether a word is offered. Once offered, it stays until it is taken."""
        if not self.offered:
            gap = next(self.gaps)
            offered = not gap and self.taken < len(self.words)
            if offered:
                self.data.value = self.words[self.taken]
            self.valid.value = int(offered)
            self.offered = offered
        return self.offered

    def settle(self) -> bool:
        """At the end of the cycle: whether the word was taken."""
        took = self.offered and self.ready.value == 1
        if took:
            self.taken += 1
            self.offered = False
        return took

    def stop(self) -> None:
        self.valid.value = 0
        assert self.taken == len(self.words), f"{len(self.words) - self.taken} operands are left over"


class MatrixBench:
    """One matrix_core under test; `sums` is what golden says its accumulators hold."""

    def __init__(self, dut: Any, rows: int, columns: int, entries: int, seed: int = 1) -> None:
        self.dut, self.rows, self.columns, self.entries = dut, rows, columns, entries
        self.rng = np.random.default_rng(seed)
        self.sums: Sums = np.zeros((entries, columns), np.int32)
        for name in FIELDS:
            spec = next(spec for spec in layout(Matrix) if spec.name == name)
            assert len(getattr(dut, f"{name}_i")) == spec.width, f"{name}: the port is not as wide as the field"

    async def reset(self) -> None:
        """Clock, reset, and a first command that gives every entry a known random value."""
        zeros = {f"{name}_i": 0 for name in FIELDS}
        streams_off = {"weight_valid_i": 0, "weight_i": 0, "act_valid_i": 0, "act_i": 0}
        await start(self.dut, start_valid_i=0, accumulator_i=0, read_i=0, read_entry_i=0, **zeros, **streams_off)
        scratchpad = self.rng.integers(0, 256, self.entries + self.columns, np.uint8)
        fill = Matrix(
            mode=MatrixMode.OUTER, input_address=0, input_pixel_stride=self.entries, input_width=1, output_width=1,
            run_bytes=self.entries, columns=self.columns, weight_address=self.entries, weight_row_stride=0,
            accumulator=0,
        )  # fmt: skip
        await self.check([fill], scratchpad)

    async def check(
        self,
        commands: Iterable[Matrix],
        scratchpad: Bytes,
        weight_gaps: Iterator[bool] | None = None,
        act_gaps: Iterator[bool] | None = None,
    ) -> list[int]:
        """Run commands back to back, then compare the whole accumulator memory with golden; returns their cycles.

        Without gaps every command must take exactly cost.matrix cycles, else at most a cycle more per gap.
        """
        commands = list(commands)
        free = weight_gaps is None and act_gaps is None
        parts = [streams(command, scratchpad, self.rows, self.columns, self.rng) for command in commands]
        cycles, lost = await self._run(commands, parts, weight_gaps or never(), act_gaps or never())
        for command, got, gaps in zip(commands, cycles, lost, strict=True):
            hw = SimpleNamespace(rows=self.rows, columns=self.columns, kind=ArrayKind.BROADCAST)
            want = int(cost.matrix(command, hw))
            assert want <= got <= want + gaps, f"{got} cycles, want {want} and at most {gaps} more: {command}"
            assert not free or got == want, f"{got} cycles, cost says {want}: {command}"
            self.sums = matrix_tile(command, scratchpad, self.sums, self.rows)
        np.testing.assert_array_equal(await self._read(), self.sums, err_msg=str(commands))
        return cycles

    async def _run(
        self, commands: list[Matrix], parts: list[Streams], weight_gaps: Iterator[bool], act_gaps: Iterator[bool]
    ) -> tuple[list[int], list[int]]:
        """Cycles from start to start of each command, and the cycles in which one of the streams had a gap.

        The streams do not stop between commands: what belongs to the next one is offered, and must wait.
        Outputs are sampled at the rising edge, where they still have the values of the cycle that ends.
        """
        dut = self.dut
        weights = Feed(dut.weight_valid_i, dut.weight_ready_o, dut.weight_i, weight_gaps)
        activations = Feed(dut.act_valid_i, dut.act_ready_o, dut.act_i, act_gaps)
        for part in parts:
            weights.words.extend(part.weights)
            activations.words.extend(part.activations)
        start_ready, done_port, edge = dut.start_ready_o, dut.done_o, RisingEdge(dut.clk_i)
        cycles: list[int] = []
        lost: list[int] = []
        now = began = gaps = idle = 0
        waiting = list(commands)
        self._describe(waiting[0])
        running = False
        while waiting or running:
            offered = weights.offer()
            offered = activations.offer() and offered  # both drive their ports
            gaps += not offered
            await edge
            started = not running and start_ready.value == 1
            done = done_port.value == 1
            progress = weights.settle()
            progress = activations.settle() or progress
            assert running or started, "no command runs and none can start"
            assert running or not done, "done without a command"
            if started:
                began, gaps, running = now, 0, True
                waiting.pop(0)
                self._describe(waiting[0] if waiting else None)
            if done:
                cycles.append(now - began + 1)
                lost.append(gaps)
                running = False
            now += 1
            idle = 0 if progress or started or done else idle + 1
            assert idle < TOO_LATE + self.rows, "the engine hangs"
        weights.stop()
        activations.stop()
        await edge
        assert start_ready.value == 1 and done_port.value == 0
        return cycles, lost

    def _describe(self, command: Matrix | None) -> None:
        """Offer the command, or none."""
        self.dut.start_valid_i.value = int(command is not None)
        if command is None:
            return
        for name in FIELDS:
            getattr(self.dut, f"{name}_i").value = getattr(command, name)
        self.dut.accumulator_i.value = command.accumulator

    async def _read(self) -> Sums:
        """Every accumulator entry through the vector engine's port."""
        data, entry_port, edge, words = self.dut.read_data_o, self.dut.read_entry_i, RisingEdge(self.dut.clk_i), []
        self.dut.read_i.value = 1
        for entry in range(self.entries + 1):
            entry_port.value = entry % self.entries
            await edge
            words.append(unpack(data.value, "<i4"))
        self.dut.read_i.value = 0
        return np.array(words[1:])
