"""Compare and List against their definitions written out in loops, and what they ask of the scratchpad."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accel_models import cost, replay, requests
from accel_models.banks import BankMap
from accel_models.commands import Command, Compare, List
from accel_models.golden import GoldenError, State, execute
from accel_models.golden.dispatch import list_offsets
from tests.accel_models.handmade import system

OUT, LISTED = 3000, 2500


def state(seed: int, batch: int = 2) -> State:
    found = State.of(system(), batch)
    found.scratchpad[...] = np.random.default_rng(seed).integers(0, 256, found.scratchpad.shape)
    return found


def hardware() -> cost.Hardware:
    chip = system()
    assert chip.accelerator is not None
    return cost.Hardware.of(chip.accelerator, chip.bus)


def free_cycles(command: Command, offsets: Sequence[int]) -> int:
    """Of a command that meets nobody, not even itself."""
    chip = system()
    assert chip.accelerator is not None
    banks = BankMap.of(chip.accelerator, chip.bus)
    found = requests.requests_of(type(command), command, hardware(), banks, np.array(offsets, np.int64))
    assert isinstance(found, requests.VectorRequests)
    free = replace(found, reads=found.reads * np.uint64(0), writes=found.writes * np.uint64(0))
    return replay.vector(free, lambda first, cycles: np.zeros(cycles, np.uint64)).cycles


@given(st.integers(0, 2**32 - 1), st.integers(1, 5), st.integers(1, 6), st.integers(1, 40), st.integers(-256, 255))
def test_compare_is_its_definition(seed: int, planes: int, pixels: int, columns: int, threshold: int) -> None:
    machine, rng = state(seed), np.random.default_rng(seed)
    marks = rng.integers(0, 64, planes)
    machine.scratchpad[:, LISTED : LISTED + 4 * planes] = marks.astype("<u4").view(np.uint8)
    command = Compare(
        planes=planes, pixels=pixels, columns=columns, a_address=5, a_plane_stride=191, a_pixel_stride=31,
        b_address=1100, b_plane_stride=200, b_pixel_stride=40, threshold=threshold, list_address=LISTED,
        output_address=OUT,
    )  # fmt: skip
    want = machine.scratchpad.copy()
    for memory in want:
        codes = memory.view(np.int8)
        for n in range(planes):
            largest = max(
                abs(int(codes[5 + n * 191 + p * 31 + j]) - int(codes[1100 + n * 200 + p * 40 + j]))
                for p in range(pixels)
                for j in range(columns)
            )
            memory[OUT + marks[n]] = largest > threshold
    offsets = list_offsets(command, machine)
    assert offsets == tuple(marks.tolist())
    execute(command, machine)
    np.testing.assert_array_equal(machine.scratchpad, want)
    assert free_cycles(command, offsets) == cost.compare(command, hardware())


@given(
    st.integers(0, 2**32 - 1), st.integers(0, 5), st.integers(1, 21), st.integers(-128, 127), st.integers(0, 4),
    st.integers(0, 9),
)  # fmt: skip
def test_list_is_its_definition(seed: int, rows: int, columns: int, threshold: int, chunks: int, chunk: int) -> None:
    machine = state(seed)
    command = List(
        mask_address=7, mask_row_stride=23, rows=rows, columns=columns, threshold=threshold, output_address=OUT,
        row_offset=0xF000_0001, column_offset=0x0800_0003, destination=3, chunks=chunks, chunk=chunk,
    )  # fmt: skip
    want, registers, first = machine.scratchpad.copy(), machine.registers.copy(), list[int]()
    for image, memory in enumerate(want):
        total = 0
        for y in range(rows):
            for x in range(columns):
                entry = (y * 0xF000_0001 + x * 0x0800_0003) % (1 << 32)
                memory[OUT + 4 * total : OUT + 4 * total + 4] = np.array([entry], "<u4").view(np.uint8)
                first += [4 * total] * (image == 0)
                total += int(memory.view(np.int8)[7 + 23 * y + x]) > threshold
        registers[image, 3 : 3 + chunks] = [min(max(total - i * chunk, 0), chunk) for i in range(chunks)]
    offsets = list_offsets(command, machine)
    assert offsets == tuple(first)
    execute(command, machine)
    np.testing.assert_array_equal(machine.scratchpad, want)
    np.testing.assert_array_equal(machine.registers, registers)
    if rows or chunks:
        assert free_cycles(command, offsets) == cost.list_(command, hardware())


def test_what_does_not_fit_is_refused_and_changes_nothing() -> None:
    machine = state(1)
    size = machine.scratchpad.shape[1]
    machine.scratchpad[:, LISTED : LISTED + 4] = [255, 255, 255, 255]
    before = machine.scratchpad.copy()
    compare = Compare(pixels=1, columns=1, a_address=0, b_address=0, list_address=LISTED, output_address=0)
    with pytest.raises(GoldenError, match="mark"):
        execute(compare, machine)
    with pytest.raises(GoldenError, match="chunks"):
        execute(List(mask_address=0, columns=1, output_address=OUT, destination=30, chunks=3), machine)
    machine.scratchpad[:, 0] = before[:, 0] = 1
    for place, mask in ((size - 3, -1), (size - 4, 0)):
        with pytest.raises(GoldenError, match="output_address"):
            execute(List(mask_address=0, columns=2, threshold=mask, output_address=place), machine)
    execute(replace(compare, planes=0), machine)
    np.testing.assert_array_equal(machine.scratchpad, before)
