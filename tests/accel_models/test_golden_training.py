"""Golden's commands of training against the definitions in commands.py, one element at a time in Python integers."""

import math
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accel_models.arithmetic import Rounding, mix
from accel_models.commands import (
    Command,
    LoadRegisters,
    Ranging,
    Register,
    Requantize,
    Residual,
    Scaling,
    StoreRegisters,
    Sum,
    Update,
)
from accel_models.golden import GoldenError, State, execute
from tests.accel_models.handmade import system

PAD_BYTES, LANES, ENTRIES = 4096, 5, 64
OUT_AT, BATCH, TOP = 2000, 2, 2**31 - 1
CODE, SEED = st.integers(-128, 127), st.integers(0, 2**32 - 1)
ROUNDING = st.sampled_from([Rounding.HALF_UP, Rounding.PSEUDO_STOCHASTIC, Rounding.INDEXED])
KEY = st.integers(-(2**31), 2**31 - 1)
RANDOM_BITS = st.integers(1, 16)
INDEX = st.sampled_from([0, TOP]) | st.integers(0, 2**20)
BOUND = st.sampled_from([TOP, 0, 1]) | st.integers(0, TOP) | st.integers(0, 2000)
FACTOR = st.tuples(st.just(1), st.integers(0, 30)) | st.tuples(st.integers(0, TOP), st.integers(0, 62))


def clamp(value: int, low: int, high: int) -> int:
    return min(max(value, low), high)


def scaled(c: Requantize | Update | Sum, value: int, index: int) -> int:
    """value * multiplier / 2**shift; indexed: floor behind (2r + 1) / 2**(bits + 1) of a unit, cut to whole numbers."""
    assert isinstance(c.multiplier, int) and isinstance(c.shift, int) and isinstance(c.key, int)
    product = value * c.multiplier
    if c.rounding != Rounding.INDEXED:
        return rounded(product, c.shift, c.rounding)
    random = int(mix((c.key + index) % 2**32)) >> (32 - c.random_bits)
    added = math.floor(Fraction((2 * random + 1) * 2**c.shift, 2 ** (c.random_bits + 1)))
    return (product + added) >> c.shift


def rounded(value: int, shift: int, rounding: int) -> int:
    if rounding == Rounding.HALF_UP:
        return (value + (1 << shift >> 1)) >> shift
    whole, bits = abs(value) >> shift, f"{abs(value):0200b}"[200 - shift :]
    if shift == 1:
        up = bits == "1" and whole % 2 == 1
    else:
        upper, lower = bits[: shift // 2], bits[shift - shift // 2 :]
        up = int(upper or "0", 2) > int(lower or "0", 2)
    return (whole + up) * (1 if value >= 0 else -1)


def state_of(seed: int, sum_bits: int = 31) -> State:
    """Random memories; some sums are zero, some extreme."""
    rng = np.random.default_rng(seed)
    state = State.of(system(), BATCH)
    accumulators = rng.integers(-(2**sum_bits), 2**sum_bits, (BATCH, ENTRIES, LANES))
    accumulators = np.where(rng.random(accumulators.shape) < 0.2, 0, accumulators)
    accumulators = np.where(rng.random(accumulators.shape) < 0.05, -(2**31), accumulators)
    return State(
        bus=state.bus,
        scratchpad=rng.integers(0, 256, (BATCH, PAD_BYTES)).astype(np.uint8),
        accumulators=accumulators.astype(np.int32),
        registers=rng.integers(-(2**31), 2**31, state.registers.shape),
        rows=4,
        bus_bytes=8,
    )


def word(memory: np.ndarray, address: int, size: int) -> int:
    return int.from_bytes(memory[address : address + size].tobytes(), "little", signed=True)


def put(memory: np.ndarray, address: int, size: int, value: int) -> None:
    memory[address : address + size] = np.frombuffer(value.to_bytes(size, "little", signed=True), np.uint8)


@st.composite
def images(draw: st.DrawFn, name: str, height: int, width: int, columns: int, base: int) -> dict[str, int]:
    pixel = columns + draw(st.integers(0, 3))
    row = width * pixel + draw(st.integers(0, 5))
    address = base + draw(st.integers(0, 50))
    return {f"{name}_address": address, f"{name}_row_stride": row, f"{name}_pixel_stride": pixel}


@st.composite
def rounded_results(draw: st.DrawFn) -> dict[str, Any]:
    """What Requantize and Sum have in common."""
    (multiplier, shift), low, high = draw(FACTOR), draw(CODE), draw(CODE)
    return {
        "multiplier": multiplier, "shift": shift, "bound": draw(BOUND), "rounding": draw(ROUNDING),
        "low": min(low, high), "high": max(low, high), "range": draw(st.sampled_from(Ranging)),
        "range_start": draw(st.sampled_from([0, 100, TOP])), "destination": draw(st.integers(0, 31)), "key": draw(KEY),
        "random_bits": draw(RANDOM_BITS),
    }  # fmt: skip


def check_range(c: Requantize | Sum, values: list[int], before: int, after: int) -> None:
    wanted = [v if c.range == Ranging.POSITIVE else abs(v) for v in values]
    largest = max([c.range_start, *(min(v, TOP) for v in wanted)])
    assert after == (largest if c.range else before)


def finished(c: Requantize | Sum, value: int, index: int, zero_point: int = 0) -> int:
    return clamp(zero_point + scaled(c, clamp(value, -c.bound, c.bound), index), c.low, c.high)


@st.composite
def requantizations(draw: st.DrawFn) -> Requantize:
    height, width, columns = (draw(st.integers(low, high)) for low, high in ((0, 4), (1, 4), (1, 11)))
    fields = draw(images("output", height, width, columns, OUT_AT)) | draw(rounded_results())
    fields |= draw(images("residual", height, width, columns, 1000)) | {"zero_point": draw(CODE)}
    return Requantize(
        accumulator=draw(st.integers(0, 9)), height=height, width=width, columns=columns,
        parameters=draw(st.integers(0, 9)), scaling=draw(st.sampled_from([Scaling.UNIFORM, Scaling.BIAS])),
        residual=draw(st.sampled_from([Residual.NONE, Residual.MASK])), table=draw(st.integers(0, 1)),
        table_address=3000, multiplier_b=draw(INDEX), index_row_stride=draw(st.integers(0, 2**20 - 1)),
        index_pixel_stride=draw(st.integers(0, 2**16 - 1)), **fields,
    )  # fmt: skip


@given(requantizations(), SEED, st.integers(3, 31))
def test_requantize_for_training_is_its_definition(c: Requantize, seed: int, sum_bits: int) -> None:
    state = state_of(seed, sum_bits)
    wanted, registers = state.scratchpad.copy(), state.registers.copy()
    found: list[list[int]] = [[], []]
    for image, n, p, lane in np.ndindex(BATCH, -(-c.columns // LANES), c.height * c.width, LANES):
        j, (oy, ox) = n * LANES + lane, divmod(p, c.width)
        if j >= c.columns:
            continue
        before = state.scratchpad[image]
        value = int(state.accumulators[image, c.accumulator + n * c.height * c.width + p, lane])
        if c.scaling == Scaling.BIAS:
            value += word(before, c.parameters + 4 * (n * LANES + lane), 4)
        at = c.residual_address + oy * c.residual_row_stride + ox * c.residual_pixel_stride + j
        if c.residual and word(before, at, 1) <= 0:
            value = 0
        found[image].append(value)
        index = c.multiplier_b + oy * c.index_row_stride + ox * c.index_pixel_stride + j
        y = finished(c, value, index, c.zero_point)
        place = c.output_address + oy * c.output_row_stride + ox * c.output_pixel_stride + j
        put(wanted[image], place, 1, word(before, c.table_address + y + 128, 1) if c.table else y)
    execute(c, state)
    np.testing.assert_array_equal(state.scratchpad, wanted)
    for image in range(BATCH):
        check_range(c, found[image], registers[image, c.destination], state.registers[image, c.destination])


@st.composite
def sums(draw: st.DrawFn) -> Sum:
    height, width, columns = (draw(st.integers(low, high)) for low, high in ((0, 4), (1, 4), (1, 11)))
    fields = draw(images("output", height, width, columns, OUT_AT)) | draw(rounded_results())
    for base, name in ((0, "a"), (700, "b"), (1300, "c")):
        fields |= draw(images(name, height, width, columns, base))
    up = st.integers(-16, 15)
    return Sum(
        height=height, width=width, columns=columns, up_a=draw(up), up_b=draw(up), masked=draw(st.integers(0, 1)),
        index_start=draw(INDEX), **fields,
    )  # fmt: skip


@given(sums(), SEED)
def test_sum_is_its_definition(c: Sum, seed: int) -> None:
    state = state_of(seed)
    wanted, registers = state.scratchpad.copy(), state.registers.copy()
    for image in range(BATCH):
        before, values = state.scratchpad[image].copy(), []
        for oy, ox, j in np.ndindex(c.height, c.width, c.columns):

            def at(name: str, row: int = oy, pixel: int = ox, byte: int = j) -> int:
                base, rows, pixels = (
                    getattr(c, f"{name}_{part}") for part in ("address", "row_stride", "pixel_stride")
                )
                return int(base + row * rows + pixel * pixels + byte)

            value = 0
            for name, up in (("a", c.up_a), ("b", c.up_b)):
                value += rounded(word(before, at(name), 1) << max(up, 0), max(-up, 0), Rounding.HALF_UP)
            if c.masked and word(before, at("c"), 1) <= 0:
                value = 0
            values.append(value)
            index = c.index_start + (oy * c.width + ox) * c.columns + j
            put(wanted[image], at("output"), 1, finished(c, value, index))
        if image == BATCH - 1:
            execute(c, state)
            np.testing.assert_array_equal(state.scratchpad, wanted)
            check_range(c, values, registers[image, c.destination], state.registers[image, c.destination])


@st.composite
def updates(draw: st.DrawFn) -> Update:
    rows, columns, wide = draw(st.integers(0, 9)), draw(st.integers(1, 13)), draw(st.integers(0, 1))
    multiplier, shift = draw(FACTOR)
    return Update(
        accumulator=draw(st.integers(0, 9)), entries=rows, columns=columns, master_address=draw(st.integers(0, 9)),
        master_row_stride=columns * (1 + wide) + draw(st.integers(0, 3)), wide=wide,
        most=draw(st.integers(0, 2**15 - 1 if wide else 127)), multiplier=multiplier, shift=shift,
        rounding=draw(ROUNDING), fraction_bits=draw(st.integers(0, 15)), output_address=OUT_AT,
        output_row_stride=columns + draw(st.integers(0, 3)), destination=draw(st.integers(0, 30)),
        key=draw(KEY), random_bits=draw(RANDOM_BITS), index_start=draw(INDEX),
        index_row_stride=draw(st.integers(0, 2**20 - 1)), zeros_start=draw(st.sampled_from([0, 9, TOP])),
        sums_start=draw(st.sampled_from([0, 9, TOP])),
    )  # fmt: skip


@given(updates(), SEED, st.integers(3, 31))
def test_update_is_its_definition(c: Update, seed: int, sum_bits: int) -> None:
    state = state_of(seed, sum_bits)
    wanted, registers = state.scratchpad.copy(), state.registers.copy()
    counts = np.tile([c.zeros_start, c.sums_start], (BATCH, 1))
    size = 1 + c.wide
    for image, k, j in np.ndindex(BATCH, c.entries, c.columns):
        n, lane = divmod(j, LANES)
        acc = int(state.accumulators[image, c.accumulator + n * c.entries + k, lane])
        place = c.master_address + k * c.master_row_stride + size * j
        change = scaled(c, acc, c.index_start + k * c.index_row_stride + j)
        new = clamp(word(wanted[image], place, size) - change, -c.most, c.most)
        counts[image] += [acc != 0 and change == 0, acc != 0]
        put(wanted[image], place, size, new)
        if c.wide:
            view = clamp(rounded(new, c.fraction_bits, Rounding.HALF_UP), -127, 127)
            put(wanted[image], c.output_address + k * c.output_row_stride + j, 1, view)
    execute(c, state)
    np.testing.assert_array_equal(state.scratchpad, wanted)
    if c.entries:
        registers[:, c.destination : c.destination + 2] = counts.astype(np.int32)
    np.testing.assert_array_equal(state.registers, registers)


@given(st.integers(0, 31), st.integers(0, 32), SEED)
def test_registers_go_to_memory_and_come_back(register: int, count: int, seed: int) -> None:
    state, count = state_of(seed), min(count, 32 - register)
    wanted, registers = state.scratchpad.copy(), state.registers.copy()
    part = slice(register, register + count)
    for image in range(BATCH):
        wanted[image, 7 : 7 + 4 * count] = registers[image, part].astype("<i4").view(np.uint8)
    execute(StoreRegisters(register=register, count=count, pad_address=7), state)
    np.testing.assert_array_equal(state.scratchpad, wanted)
    state.registers[...] = 5
    execute(LoadRegisters(register=register, count=count, pad_address=7), state)
    np.testing.assert_array_equal(state.registers[:, part], registers[:, part])
    assert (np.delete(state.registers, np.r_[part], axis=1) == 5).all()


UPDATE = Update(accumulator=0, entries=2, columns=4, master_address=0, destination=0)
SUM = Sum(columns=4, a_address=0, b_address=0, output_address=OUT_AT)


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (replace(UPDATE, shift=63), "shift: want 0..62, got 63"),
        (replace(UPDATE, rounding=Rounding.DOUBLE), "rounding: want one of"),
        (replace(UPDATE, destination=31), "destination: want 0..30"),
        (replace(UPDATE, most=128), "most: want 0..127"),
        (replace(UPDATE, accumulator=63), "accumulator: entries 63..64"),
        (replace(UPDATE, master_address=PAD_BYTES - 3), "master_address: bytes"),
        (replace(UPDATE, wide=1, output_address=PAD_BYTES - 3), "output_address: bytes"),
        (replace(UPDATE, rounding=Rounding.INDEXED, random_bits=0), "random_bits: want 1..16, got 0"),
        (replace(SUM, rounding=Rounding.INDEXED, random_bits=17), "random_bits: want 1..16, got 17"),
        (replace(SUM, shift=63), "shift: want 0..62, got 63"),
        (replace(SUM, range=3), "range: want 0..2, got 3"),
        (replace(SUM, masked=1, c_address=PAD_BYTES - 3), "c_address: bytes"),
        (replace(SUM, up_a=Register(0)), "from a register, Sum.up_a: want -16..15, got 16"),
        (LoadRegisters(register=30, count=3, pad_address=0), "count: want at most 2 registers, got 3"),
        (StoreRegisters(register=0, count=2, pad_address=PAD_BYTES - 7), "pad_address: bytes"),
    ],
)
def test_what_cannot_run_is_refused_and_changes_nothing(command: Command, message: str) -> None:
    state = state_of(1)
    state.registers[:, 0] = 16
    before = state.scratchpad.copy()
    with pytest.raises(GoldenError, match=message):
        execute(command, state)
    np.testing.assert_array_equal(state.scratchpad, before)


def test_narrow_arrays_move_no_registers() -> None:
    state = replace(state_of(1), accumulators=np.zeros((BATCH, ENTRIES, 3), np.int32))
    with pytest.raises(GoldenError, match="registers move on arrays of 4 columns or more, got 3"):
        execute(LoadRegisters(register=0, pad_address=0), state)
