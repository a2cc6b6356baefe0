"""Parts of a Matrix command's cycles: they add up to its cost, and idle lanes are those of a walk over its tiles."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel_models import cost
from accel_models.commands import Matrix, MatrixMode
from accel_models.counts import of_command
from accel_models.slots import slots
from accel_models.system import ArrayKind
from tests.accel_models.handmade import matrix


def matrix_command(rng: np.random.Generator, rows: int, columns: int) -> Matrix:
    """Any mode and sizes around the array's, tails included."""
    mode = MatrixMode(int(rng.integers(3)))
    run = 0 if mode == MatrixMode.DEPTHWISE else int(rng.integers(1, 3 * rows))
    return matrix(
        pixels=int(rng.integers(1, 2 * rows)),
        depth=run,
        columns=int(rng.integers(1, 2 * columns + 2)),
        mode=mode,
        transposed=int(mode == MatrixMode.DOT and rng.random() < 0.5),
        output_height=int(rng.integers(1, 4)),
        kernel_height=int(rng.integers(1, 4)),
        taps=int(rng.integers(1, min(rows, 4) + 1)),
        stride_x=int(rng.integers(1, 3)),
    )


def walked(c: Matrix, hw: cost.Hardware) -> tuple[int, int, int, int]:
    """(slots with sums, lane-cycles of idle rows, idle columns, depthwise rows), tile by tile and pixel by pixel."""
    found = np.zeros(4, np.int64)
    for first in range(0, c.columns, hw.columns):
        columns = min(hw.columns, c.columns - first)
        for _ in range(c.kernel_height * (1 if c.mode == MatrixMode.DEPTHWISE else c.taps)):
            for start in range(0, 1 if c.mode == MatrixMode.DEPTHWISE else c.run_bytes, hw.rows):
                rows = c.taps if c.mode == MatrixMode.DEPTHWISE else min(hw.rows, c.run_bytes - start)
                missing = (hw.rows - rows) * hw.columns
                deep = c.mode == MatrixMode.DEPTHWISE
                for _ in range(c.output_height * c.output_width):
                    found += (1, 0 if deep else missing, rows * (hw.columns - columns), missing if deep else 0)
    return tuple(found.tolist())


@settings(max_examples=150)
@given(seed=st.integers(0, 2**32 - 1), size=st.sampled_from([(4, 4), (3, 5), (8, 8), (16, 16)]))
def test_parts_add_up_and_lanes_are_those_of_a_walk(seed: int, size: tuple[int, int]) -> None:
    hw = cost.Hardware(rows=size[0], columns=size[1], bus_bytes=8, dma_setup_cycles=6, max_burst_beats=16)
    command = matrix_command(np.random.default_rng(seed), *size)
    parts = slots(command, hw)
    cycles = [int(item) for item in (parts.overhead, parts.weights, parts.empty, parts.filled)]
    assert min(cycles) >= 0 and sum(cycles) == int(cost.matrix(command, hw))
    lanes = (int(parts.filled), int(parts.idle_rows), int(parts.idle_columns), int(parts.depthwise))
    assert lanes == walked(command, hw)
    depth = command.kernel_height * command.taps * (1 if command.mode == MatrixMode.DEPTHWISE else command.run_bytes)
    macs = command.output_height * command.output_width * command.columns * depth
    assert lanes[0] * size[0] * size[1] == macs + sum(lanes[1:]), "a lane sums or is idle"


@pytest.mark.parametrize("kind", [ArrayKind.WEIGHT_STATIONARY, ArrayKind.OUTPUT_STATIONARY])
@settings(max_examples=150)
@given(seed=st.integers(0, 2**32 - 1), size=st.sampled_from([(4, 4), (3, 5), (8, 8), (16, 16)]))
def test_parts_of_a_systolic_command_add_up(kind: ArrayKind, seed: int, size: tuple[int, int]) -> None:
    hw = cost.Hardware(*size, bus_bytes=8, dma_setup_cycles=6, max_burst_beats=16, kind=kind)
    command = matrix_command(np.random.default_rng(seed), *size)
    parts = slots(command, hw)
    cycles = [int(item) for item in (parts.overhead, parts.weights, parts.empty, parts.filled)]
    assert min(cycles) >= 0 and sum(cycles) == int(cost.matrix(command, hw))
    lanes = [int(item) for item in (parts.idle_rows, parts.idle_columns, parts.depthwise)]
    depth = command.kernel_height * command.taps * (1 if command.mode == MatrixMode.DEPTHWISE else command.run_bytes)
    macs = command.output_height * command.output_width * command.columns * depth
    assert min(lanes) >= 0 and cycles[3] * size[0] * size[1] == macs + sum(lanes), "a lane sums or is idle"
    assert (lanes[2] > 0) <= (command.mode == MatrixMode.DEPTHWISE)
    counted = of_command(Matrix, command, hw)
    assert int(np.asarray(counted["array_steps"])) == cycles[3] and int(np.asarray(counted["macs"])) == macs


def test_a_command_without_pixels_only_starts() -> None:
    hw = cost.Hardware(rows=4, columns=4, bus_bytes=8, dma_setup_cycles=6, max_burst_beats=16)
    command = matrix(9, 9, 5, output_height=0)
    parts = slots(command, hw)
    assert int(parts.overhead) == int(cost.matrix(command, hw)) == cost.MATRIX_START
    assert not any(int(part) for part in (parts.weights, parts.empty, parts.filled, parts.idle_rows))
