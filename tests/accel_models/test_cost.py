"""Cost: arrays give what single commands give, transfers count the beats a bus would, and nothing beats the array."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from accel_models import cost
from accel_models.commands import (
    Command,
    Compare,
    Elementwise,
    Fill,
    List,
    Load,
    LoadRegisters,
    Matrix,
    MatrixMode,
    Pool,
    Range,
    Requantize,
    Scaling,
    Store,
    StoreRegisters,
    Sum,
    Update,
)
from accel_models.commands import layout as fields_of
from tests.accel_models.random_room import random_command

FUNCTIONS = {
    Load: lambda c, hw: cost.transfer(c, hw, 4, 1.5),
    Store: lambda c, hw: cost.transfer(c, hw, 4),
    Fill: cost.fill,
    Matrix: cost.matrix,
    Requantize: cost.requantize,
    Elementwise: cost.elementwise,
    Pool: cost.pool,
    Range: cost.range_,
    LoadRegisters: cost.move_registers,
    StoreRegisters: cost.move_registers,
    Update: cost.update,
    Sum: cost.sum_,
    Compare: cost.compare,
    List: cost.list_,
}


def hardware(rows: int, columns: int, bus: int = 8) -> cost.Hardware:
    return cost.Hardware(rows=rows, columns=columns, bus_bytes=bus, dma_setup_cycles=6, max_burst_beats=16)


def batch(commands: list[Command]) -> SimpleNamespace:
    """One array per field."""
    names = [spec.name for spec in fields_of(type(commands[0]))]
    return SimpleNamespace(**{name: np.array([getattr(c, name) for c in commands]) for name in names})


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32 - 1))
def test_arrays_give_what_single_commands_give(seed: int) -> None:
    """Contract 6: one pure function that broadcasts over commands, and over hardware."""
    rng = np.random.default_rng(seed)
    found: dict[type[Command], list[Command]] = {}
    for _ in range(60):
        command = random_command(rng, 4, 4)
        found.setdefault(type(command), []).append(command)
    sizes = [(4, 4, 4), (3, 5, 8), (16, 8, 16)]
    for command_class, commands in found.items():
        single = [[int(FUNCTIONS[command_class](c, hardware(*size))) for c in commands] for size in sizes]
        for size, want in zip(sizes, single, strict=True):
            np.testing.assert_array_equal(FUNCTIONS[command_class](batch(commands), hardware(*size)), want)
        every = cost.Hardware(*(np.array(column)[:, None] for column in zip(*sizes, strict=True)), 6, 16)
        np.testing.assert_array_equal(FUNCTIONS[command_class](batch(commands), every), single)


@given(
    address=st.integers(0, 99),
    row_bytes=st.integers(0, 70),
    rows=st.integers(0, 20),
    planes=st.integers(1, 12),
    strides=st.tuples(st.integers(0, 200), st.integers(0, 900)),
    bus=st.sampled_from([4, 8, 16, 32]),
)
def test_beats_are_those_of_every_run(
    address: int, row_bytes: int, rows: int, planes: int, strides: tuple[int, int], bus: int
) -> None:
    command = Load(
        bus_address=address, pad_address=0, row_bytes=row_bytes, rows=rows, planes=planes, bus_row_stride=strides[0],
        bus_plane_stride=strides[1],
    )  # fmt: skip
    touched = 0
    for plane in range(planes):
        for row in range(rows):
            start = address + plane * strides[1] + row * strides[0]
            touched += (start + row_bytes - 1) // bus - start // bus + 1 if row_bytes else 0
    assert int(cost.beats(command, hardware(4, 4, bus))) == touched


def test_a_transfer_without_bytes_takes_the_set_up_alone() -> None:
    for size in ({"row_bytes": 0}, {"rows": 0}, {"planes": 0}):
        command = Load(**{"bus_address": 3, "pad_address": 0, "row_bytes": 5, **size})
        assert int(cost.transfer(command, hardware(4, 4), 9, 2.5)) == 6
        assert int(cost.fill(Fill(pad_address=0, row_bytes=5, rows=0), hardware(4, 4))) == 6
    assert int(cost.transfer(Load(bus_address=3, pad_address=0, row_bytes=6), hardware(4, 4), 9, 2.5)) == 6 + 9 + 5


def walked_dot(command: Matrix, hw: cost.Hardware) -> int:
    """Dot mode tile by tile: weights of the next tile load while this one computes."""
    pixels = command.planes * command.output_height * command.output_width
    loads = []
    for first in range(0, command.columns, hw.columns):
        for _ in range(command.kernel_height * command.taps):
            for start in range(0, command.run_bytes, hw.rows):
                by_row, by_column = min(hw.rows, command.run_bytes - start), min(hw.columns, command.columns - first)
                loads.append(by_column if command.transposed else by_row)
    time = cost.MATRIX_START + loads[0]
    for index in range(len(loads)):
        following = loads[index + 1] if index + 1 < len(loads) else 0
        time += max(pixels, following, cost.ACCUMULATE_LATENCY)
    return time + cost.MATRIX_DRAIN


@settings(max_examples=200)
@given(seed=st.integers(0, 2**32 - 1), size=st.sampled_from([(4, 4), (3, 5), (8, 8), (16, 16)]))
def test_matrix_cycles(seed: int, size: tuple[int, int]) -> None:
    rng = np.random.default_rng(seed)
    command = random_command(rng, *size)
    while not isinstance(command, Matrix):
        command = random_command(rng, *size)
    hw = hardware(*size)
    cycles = int(cost.matrix(command, hw))
    depth = command.kernel_height * command.taps * (1 if command.mode == MatrixMode.DEPTHWISE else command.run_bytes)
    macs = command.planes * command.output_height * command.output_width * command.columns * depth
    assert cycles >= macs / (size[0] * size[1])
    if not macs:
        assert cycles == cost.MATRIX_START
    elif command.mode == MatrixMode.DOT:
        assert cycles == walked_dot(command, hw)


@given(seed=st.integers(0, 2**32 - 1))
def test_more_lanes_and_a_wider_bus_never_cost_cycles(seed: int) -> None:
    command = random_command(np.random.default_rng(seed), 4, 4)
    function = FUNCTIONS[type(command)]
    if isinstance(command, Load | Store):
        wide = [int(function(command, hardware(4, 4, bus))) for bus in (4, 8, 16, 32)]
        assert wide == sorted(wide, reverse=True)
    if isinstance(command, Fill | Range | Pool | Elementwise | Requantize | Update | Sum):
        assert int(function(command, hardware(8, 8))) <= int(function(command, hardware(4, 4)))


def test_commands_of_training() -> None:
    """Start and drain are 9 cycles."""
    hw = hardware(4, 4)
    scaled = Requantize(accumulator=0, width=10, columns=6, output_address=0)
    words = {Scaling.BLOCK: 9, Scaling.UNIFORM: 0, Scaling.BIAS: 4}
    for scaling, each in words.items():
        assert int(cost.requantize(replace(scaled, scaling=scaling), hw)) == 9 + 2 * (10 + each)
    update = Update(accumulator=0, entries=10, columns=6, master_address=0, destination=0)
    assert [int(cost.update(replace(update, wide=wide), hw)) for wide in (0, 1)] == [9 + 20, 9 + 4 * 20]
    total = Sum(width=10, columns=6, a_address=0, b_address=0, output_address=0)
    assert [int(cost.sum_(replace(total, masked=masked), hw)) for masked in (0, 1)] == [9 + 2 * 20, 9 + 3 * 20]
    moved = LoadRegisters(register=0, count=7, pad_address=0)
    assert [int(cost.move_registers(replace(moved, count=count), hw)) for count in (7, 0)] == [9 + 7, 2]
