"""Footprints against golden: a command changes nothing outside its writes and depends on nothing outside its reads."""

import copy
from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from accel_models.commands import Compare, List, Load, LoadRegisters, Matrix, Range, Register, SetRegister
from accel_models.footprint import PAD_END, footprint, note_registers
from accel_models.generator import draw
from accel_models.golden.dispatch import State, execute
from accel_models.golden.matrix import patches
from accel_models.memory import locate
from tests.accel_models.random_room import room_of
from tests.rtl.matrix_commands import random_command as random_matrix

SHAPES = ((4, 4), (3, 5), (16, 16))


def spaces(item: State) -> dict[str, np.ndarray]:
    """Arrays by space of a footprint, the bus by memory; accumulator entries as one unit."""
    return {name: data[0] for name, data in item.bus.items()} | {
        "pad": item.scratchpad[0],
        "acc": item.accumulators[0],
        "reg": item.registers[0],
    }


def masks(item: State, command: object, columns: int) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """(read, written) units of each space."""
    found = tuple({name: np.zeros(len(data), bool) for name, data in spaces(item).items()} for _ in range(2))
    for part in footprint(command, columns):  # type: ignore[arg-type]
        space, first = locate(part.start) if part.space == "bus" else (part.space, part.start)
        found[part.write][space][first : first + part.stop - part.start] = True
    return found


@settings(max_examples=250)
@given(seed=st.integers(0, 2**32 - 1), shape=st.sampled_from(SHAPES))
def test_golden_stays_inside_the_footprint(seed: int, shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(seed)
    room = room_of(rng, *shape)
    one = copy.deepcopy(room.state)
    *before, command = draw(room)
    for item in before:
        execute(item, one)
    read, written = masks(one, command, shape[1])
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
        command = random_matrix(rng, *shape, 256)
        pad = rng.integers(0, 256, (1, 1 << 13), np.uint8)
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
    found = footprint(Load(bus_address=0, pad_address=0, row_bytes=1, planes=Register(5), bus_plane_stride=8), 4)
    assert max(item.stop for item in found if item.space == "bus") == ((1 << 16) - 2) * 8 + 1


def test_a_register_counts_as_the_largest_that_the_commands_before_allow() -> None:
    gather = Load(
        bus_address=0, pad_address=64, row_bytes=8, planes=Register(5), bus_plane_stride=256, pad_plane_stride=8
    )
    listed = List(mask_address=0, columns=10, output_address=512, destination=4, chunks=3, chunk=4)
    largest = dict[int, int]()

    def planes() -> int:
        return (footprint(gather, 4, largest)[2].stop - 64) // 8

    assert planes() == (1 << 16) - 1
    note_registers(listed, 4, largest)
    assert largest == {4: 4, 5: 4, 6: 2}  # of ten cells
    assert planes() == 4
    note_registers(Range(accumulator=0, entries=1, columns=4, destination=5), 4, largest)
    assert planes() == (1 << 16) - 1
    note_registers(SetRegister(destination=5, value=7), 4, largest)
    assert planes() == 7
    note_registers(SetRegister(destination=5, value=-7), 4, largest)
    assert not [item for item in footprint(gather, 4, largest) if item.space != "reg"]
    note_registers(LoadRegisters(register=3, count=3, pad_address=0), 4, largest)
    assert 5 not in largest and largest[6] == 2


def test_commands_of_patch_skip_touch_what_their_sizes_say() -> None:
    def touched(command: Compare | List | Matrix) -> set[tuple[str, int, int, bool]]:
        return {(item.space, item.start, item.stop, item.write) for item in footprint(command, 4)}

    compare = Compare(
        planes=3, pixels=2, columns=5, a_address=100, a_plane_stride=50, a_pixel_stride=10, b_address=400,
        list_address=600, output_address=700,
    )  # fmt: skip
    operands = {("pad", 100, 215, False), ("pad", 400, 405, False), ("pad", 600, 612, False)}
    assert touched(compare) == operands | {("pad", 700, PAD_END, True)}  # marks may lie anywhere
    assert not footprint(replace(compare, pixels=0), 4)
    cells = List(mask_address=10, mask_row_stride=9, rows=3, columns=7, output_address=200, destination=4, chunks=2)
    assert {("pad", 10, 35, False), ("pad", 200, 284, True), ("reg", 4, 6, True)} <= touched(cells)
    matrix = Matrix(
        mode=0, input_address=0, input_pixel_stride=8, input_width=2, output_width=2, run_bytes=8, columns=4, planes=3,
        input_plane_stride=100, weight_address=900, weight_row_stride=4, accumulator=7,
    )  # fmt: skip
    assert {("pad", 0, 216, False), ("acc", 7, 13, True)} <= touched(matrix)
