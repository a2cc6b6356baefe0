"""Footprints against golden: a command changes nothing outside its writes and depends on nothing outside its reads."""

import copy

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from accel_models.commands import Load, Register, SetRegister
from accel_models.footprint import footprint
from accel_models.golden.dispatch import State, execute
from accel_models.golden.matrix import patches
from accel_models.memory import SRAM_BASE
from tests.accel_models.random_commands import ENTRIES, PAD_BYTES, SRAM_BYTES, random_command
from tests.rtl.matrix_commands import random_command as random_matrix

SHAPES = ((4, 4), (3, 5), (16, 16))


def state(rng: np.random.Generator, rows: int, columns: int) -> State:
    """Random bytes everywhere; what the parameter blocks must hold (multipliers, shifts) is legal in every lane."""
    pad = rng.integers(0, 256, (1, PAD_BYTES), np.uint8)
    for block in range(4096, PAD_BYTES - 9 * columns, 9 * columns):
        pad[0, block + 7 : block + 8 * columns : 4] &= 0x7F
        pad[0, block + 8 * columns : block + 9 * columns] = rng.integers(1, 40, columns)
    return State(
        bus={"sram": rng.integers(0, 256, (1, SRAM_BYTES), np.uint8), "flash": np.zeros((1, 64), np.uint8)},
        scratchpad=pad,
        accumulators=rng.integers(-(1 << 20), 1 << 20, (1, ENTRIES, columns), np.int32),
        registers=rng.integers(-99, 99, (1, 32)),
        rows=rows,
    )


def spaces(item: State) -> dict[str, np.ndarray]:
    """Arrays by space of a footprint; accumulator entries as one unit."""
    return {
        "bus": item.bus["sram"][0],
        "pad": item.scratchpad[0],
        "acc": item.accumulators[0],
        "reg": item.registers[0],
    }


def masks(item: State, command: object, columns: int) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """(read, written) units of each space."""
    found = tuple({name: np.zeros(len(data), bool) for name, data in spaces(item).items()} for _ in range(2))
    for part in footprint(command, columns):  # type: ignore[arg-type]
        base = SRAM_BASE if part.space == "bus" else 0
        found[part.write][part.space][part.start - base : part.stop - base] = True
    return found


@settings(max_examples=250)
@given(seed=st.integers(0, 2**32 - 1), shape=st.sampled_from(SHAPES))
def test_golden_stays_inside_the_footprint(seed: int, shape: tuple[int, int]) -> None:
    rows, columns = shape
    rng = np.random.default_rng(seed)
    command = random_command(rng, rows, columns)
    one = state(rng, rows, columns)
    read, written = masks(one, command, columns)
    other = copy.deepcopy(one)
    for name, data in spaces(other).items():
        free = ~(read[name] | written[name])  # what is written may be read too: sums accumulate, blocks have gaps
        data[free] = rng.permutation(data[free].ravel()).reshape(data[free].shape)
    start = {name: data.copy() for name, data in spaces(one).items()}
    execute(command, one)
    execute(command, other)
    for name, data in spaces(one).items():
        changed = (data != start[name]).reshape(len(data), -1).any(axis=1)
        assert not (changed & ~written[name]).any(), f"{command} writes {name} outside its footprint"
        same = spaces(other)[name][written[name]]
        np.testing.assert_array_equal(data[written[name]], same, err_msg=f"{command} reads outside its footprint")


@given(seed=st.integers(0, 2**32 - 1), shape=st.sampled_from(SHAPES))
def test_a_matrix_command_reads_no_activation_outside_its_footprint(seed: int, shape: tuple[int, int]) -> None:
    """Also where taps start inside a pixel and run to the end of the line."""
    rng = np.random.default_rng(seed)
    for _ in range(8):
        command = random_matrix(rng, *shape, ENTRIES)
        pad = rng.integers(0, 256, (1, PAD_BYTES), np.uint8)
        other = pad ^ np.uint8(0x55)
        read = footprint(command, shape[1])[0]
        if read.space == "pad" and not read.write:
            other[:, read.start : read.stop] = pad[:, read.start : read.stop]
        np.testing.assert_array_equal(patches(command, other), patches(command, pad))


def test_registers_count_as_reads_and_writes() -> None:
    found = footprint(Load(bus_address=0, pad_address=0, row_bytes=Register(5)), 4)
    assert ("reg", 5, 6, False) in [(item.space, item.start, item.stop, item.write) for item in found]
    assert [item.write for item in footprint(SetRegister(destination=3, value=1), 4)] == [True]


def test_an_extent_in_a_register_counts_as_the_largest_it_can_hold() -> None:
    found = footprint(Load(bus_address=0, pad_address=0, row_bytes=Register(5)), 4)
    assert max(item.stop for item in found if item.space == "pad") == (1 << 20) - 1
