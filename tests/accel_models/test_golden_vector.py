"""Golden's vector engine against the definitions in commands.py, one element at a time in Python integers."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accel_models import arithmetic
from accel_models.commands import Elementwise, Function, Pool, Pooling, Range, Requantize
from accel_models.golden.access import GoldenError
from accel_models.golden.vector import elementwise, pool, range_, requantize

PAD_BYTES = 4096
TABLE_AT, OUT_AT = 3000, 2000
BATCH = 2


def clamp(value: int, low: int, high: int) -> int:
    return min(max(value, low), high)


def half_up(value: int, shift: int) -> int:
    return (value + (1 << (shift - 1))) >> shift


def scale(value: int, multiplier: int, shift: int, rounding: int) -> int:
    return int(arithmetic.scale(value, multiplier, shift, rounding))


def wrap32(value: int) -> int:
    return (value + 2**31) % 2**32 - 2**31


def at(memory: np.ndarray, address: int) -> int:
    return int(memory.view(np.int8)[address])


def finish(c: Requantize | Elementwise | Pool, before: np.ndarray, after: np.ndarray, place: int, y: int) -> None:
    """Table and write of one element."""
    after.view(np.int8)[place] = at(before, c.table_address + y + 128) if c.table else y


def memories(seed: int, same: bool) -> np.ndarray:
    memory = np.random.default_rng(seed).integers(0, 256, (BATCH, PAD_BYTES)).astype(np.uint8)
    if same:
        memory[:] = memory[0]
    return memory


CODE, FLAG = st.integers(-128, 127), st.integers(0, 1)
MULTIPLIER, SHIFT = st.integers(0, 2**31 - 1), st.integers(1, 62)
ROUNDING = st.integers(0, 2)
SEED = st.integers(0, 2**32 - 1)


@st.composite
def images(draw: st.DrawFn, name: str, height: int, width: int, columns: int, base: int) -> dict[str, int]:
    """Address and strides of an image that does not overlap itself and fits 700 bytes."""
    pixel = columns + draw(st.integers(0, 3))
    prefix = f"{name}_" if name else ""
    return {
        f"{prefix}address": base + draw(st.integers(0, 50)),
        f"{prefix}row_stride": width * pixel + draw(st.integers(0, 5)),
        f"{prefix}pixel_stride": pixel,
    }


def codes(*names: str) -> st.SearchStrategy[dict[str, int]]:
    return st.fixed_dictionaries(dict.fromkeys(names, CODE))


def bounds(prefix: str) -> st.SearchStrategy[dict[str, int]]:
    return st.tuples(CODE, CODE).map(lambda pair: {f"{prefix}low": min(pair), f"{prefix}high": max(pair)})


@st.composite
def requantizations(draw: st.DrawFn) -> Requantize:
    height, width, columns = (draw(st.integers(low, high)) for low, high in ((0, 4), (1, 4), (1, 11)))
    fields = draw(images("output", height, width, columns, OUT_AT))
    fields |= draw(images("residual", height, width, columns, 1000))
    fields |= draw(codes("zero_point", "zero_b", "add_zero")) | draw(bounds("")) | draw(bounds("add_"))
    for name in ("rounding", "residual", "table"):
        fields[name] = draw(FLAG)
    return Requantize(
        accumulator=draw(st.integers(0, 9)), height=height, width=width, columns=columns,
        parameters=draw(st.integers(0, 9)), multiplier=draw(MULTIPLIER), multiplier_b=draw(MULTIPLIER),
        add_shift=draw(SHIFT), table_address=TABLE_AT, **fields,
    )  # fmt: skip


@given(requantizations(), st.sampled_from([3, 4, 5]), SEED, st.booleans(), st.integers(20, 31))
def test_requantize_is_its_definition(c: Requantize, lanes: int, seed: int, same: bool, sum_bits: int) -> None:
    rng = np.random.default_rng(seed)
    memory = memories(seed, same)
    for group in range(-(-c.columns // lanes)):
        block = c.parameters + group * 9 * lanes
        words = np.concatenate(
            [rng.integers(-(2**31), 2**31, (BATCH, lanes)), rng.integers(0, 2**31, (BATCH, lanes))], axis=1
        ).astype("<i4")
        shifts = rng.integers(1, 63, (BATCH, lanes))
        if same:
            words[:], shifts[:] = words[0], shifts[0]
        memory[:, block : block + 8 * lanes] = words.view(np.uint8)
        memory[:, block + 8 * lanes : block + 9 * lanes] = shifts
    sums = rng.integers(-(2**sum_bits), 2**sum_bits, (BATCH, 64, lanes)).astype(np.int32)
    wanted = memory.copy()
    for image in range(BATCH):
        before = memory[image].copy()
        pixels = c.height * c.width
        for p in range(pixels):
            oy, ox = divmod(p, c.width)
            for j in range(c.columns):
                n, lane = divmod(j, lanes)
                block = c.parameters + n * 9 * lanes
                bias, multiplier = (
                    int(before[block + 4 * i : block + 4 * i + 4].view("<i4")[0]) for i in (lane, lanes + lane)
                )
                acc = wrap32(int(sums[image, c.accumulator + n * pixels + p, lane]) + bias)
                y = c.zero_point + scale(acc, multiplier, int(before[block + 8 * lanes + lane]), c.rounding)
                y = clamp(y, c.low, c.high)
                if c.residual:
                    b = at(before, c.residual_address + oy * c.residual_row_stride + ox * c.residual_pixel_stride + j)
                    total = (y - c.zero_point) * c.multiplier + (b - c.zero_b) * c.multiplier_b
                    y = clamp(c.add_zero + half_up(total, c.add_shift), c.add_low, c.add_high)
                place = c.output_address + oy * c.output_row_stride + ox * c.output_pixel_stride + j
                finish(c, before, wanted[image], place, y)
    requantize(c, memory, sums)
    np.testing.assert_array_equal(memory, wanted)


@st.composite
def elementwises(draw: st.DrawFn) -> Elementwise:
    height, width, columns = (draw(st.integers(low, high)) for low, high in ((0, 4), (1, 4), (1, 11)))
    fields = draw(images("output", height, width, columns, OUT_AT))
    fields |= draw(images("a", height, width, columns, 0)) | draw(images("b", height, width, columns, 1000))
    fields |= draw(codes("zero_a", "zero_b", "zero_point", "code")) | draw(bounds(""))
    return Elementwise(
        function=draw(st.sampled_from(Function)), height=height, width=width, columns=columns, table_address=TABLE_AT,
        multiplier_a=draw(MULTIPLIER), multiplier_b=draw(MULTIPLIER), shift=draw(SHIFT), rounding=draw(ROUNDING),
        table=draw(FLAG), **fields,
    )  # fmt: skip


@given(elementwises(), SEED, st.booleans())
def test_elementwise_is_its_definition(c: Elementwise, seed: int, same: bool) -> None:
    memory = memories(seed, same)
    if c.function == Function.SELECT:  # a third of the codes is selected
        memory[:, 1000:1900][np.random.default_rng(seed + 1).random((BATCH, 900)) < 0.3] = c.code & 255
    wanted = memory.copy()
    for image in range(BATCH):
        before = memory[image].copy()
        for oy, ox, j in np.ndindex(c.height, c.width, c.columns):
            a = at(before, c.a_address + oy * c.a_row_stride + ox * c.a_pixel_stride + j) - c.zero_a
            b = at(before, c.b_address + oy * c.b_row_stride + ox * c.b_pixel_stride + j) - c.zero_b
            if c.function == Function.ADD:
                scaled = half_up(a * c.multiplier_a + b * c.multiplier_b, c.shift)
            elif c.function == Function.SELECT:
                scaled = a + c.zero_a - c.zero_point if b + c.zero_b == c.code else -c.zero_point
            else:
                value = a * b if c.function == Function.MULTIPLY else a
                scaled = scale(value, c.multiplier_a, c.shift, c.rounding)
            place = c.output_address + oy * c.output_row_stride + ox * c.output_pixel_stride + j
            finish(c, before, wanted[image], place, clamp(c.zero_point + scaled, c.low, c.high))
    elementwise(c, memory)
    np.testing.assert_array_equal(memory, wanted)


@st.composite
def pools(draw: st.DrawFn) -> Pool:
    height, width, columns = (draw(st.integers(low, high)) for low, high in ((0, 3), (1, 3), (1, 6)))
    input_height, input_width = draw(st.integers(1, 5)), draw(st.integers(1, 5))
    fields = draw(images("output", height, width, columns, OUT_AT))
    fields |= draw(images("input", input_height, input_width, columns, 0))
    fields |= draw(codes("zero_point")) | draw(bounds(""))
    for name in ("origin_y", "origin_x"):
        fields[name] = draw(st.integers(-3, 3))
    for name in ("kernel_height", "kernel_width", "stride_y", "stride_x"):
        fields[name] = draw(st.integers(1, 3))
    return Pool(
        function=draw(st.sampled_from(Pooling)), height=height, width=width, columns=columns, input_height=input_height,
        input_width=input_width, bias=draw(st.integers(-(2**31), 2**31 - 1) | st.integers(-500, 500)),
        multiplier=draw(MULTIPLIER), shift=draw(SHIFT), rounding=draw(ROUNDING), table=draw(FLAG),
        table_address=TABLE_AT, **fields,
    )  # fmt: skip


@given(pools(), SEED, st.booleans())
def test_pool_is_its_definition(c: Pool, seed: int, same: bool) -> None:
    memory = memories(seed, same)
    wanted = memory.copy()
    for image in range(BATCH):
        before = memory[image].copy()
        for oy, ox, j in np.ndindex(c.height, c.width, c.columns):
            taps, every = [], []
            for ky, kx in np.ndindex(c.kernel_height, c.kernel_width):
                iy, ix = oy * c.stride_y + c.origin_y + ky, ox * c.stride_x + c.origin_x + kx
                every.append(-128)
                if 0 <= iy < c.input_height and 0 <= ix < c.input_width:
                    place = c.input_address + iy * c.input_row_stride + ix * c.input_pixel_stride + j
                    taps.append(at(before, place))
                    every[-1] = taps[-1]
            if c.function == Pooling.MAXIMUM:
                y = max(taps, default=-128)
            elif c.function == Pooling.PLACE:
                y = every.index(max(every))
            else:
                y = c.zero_point + scale(wrap32(sum(taps) + c.bias), c.multiplier, c.shift, c.rounding)
            place = c.output_address + oy * c.output_row_stride + ox * c.output_pixel_stride + j
            finish(c, before, wanted[image], place, clamp(y, c.low, c.high))
    pool(c, memory)
    np.testing.assert_array_equal(memory, wanted)


@given(st.integers(0, 9), st.integers(0, 6), st.integers(1, 11), st.sampled_from([3, 4]), SEED)
def test_range_is_the_largest_absolute_value(first: int, count: int, columns: int, lanes: int, seed: int) -> None:
    sums = np.random.default_rng(seed).integers(-(2**31), 2**31, (BATCH, 64, lanes)).astype(np.int32)
    wanted = []
    for image in range(BATCH):
        values = [
            abs(int(sums[image, first + (j // lanes) * count + e, j % lanes]))
            for e in range(count)
            for j in range(columns)
        ]
        wanted.append(min(max(values, default=0), 2**31 - 1))
    got = range_(Range(accumulator=first, entries=count, columns=columns, destination=0), sums)
    assert got.tolist() == wanted


def test_range_saturates() -> None:
    sums = np.full((1, 4, 3), -(2**31), np.int32)
    assert range_(Range(accumulator=0, entries=1, columns=3, destination=0), sums).tolist() == [2**31 - 1]


def test_the_bias_of_a_pool_wraps() -> None:
    memory = np.full((1, 64), 5, np.uint8)
    command = Pool(
        function=Pooling.AVERAGE, width=1, columns=2, input_address=0, input_pixel_stride=2, input_height=1,
        input_width=2, kernel_height=1, kernel_width=2, output_address=32, bias=2**31 - 4, multiplier=1 << 30, shift=56,
    )  # fmt: skip
    pool(command, memory)
    assert memory[0, 32:34].view(np.int8).tolist() == [-32, -32]  # 10 + 2**31 - 4 is -2**31 + 6


def test_an_output_may_lie_on_its_operand() -> None:
    memory = memories(5, False)
    where = {"address": 7, "row_stride": 40, "pixel_stride": 10}
    fields = {f"{name}_{key}": value for name in ("a", "b", "output") for key, value in where.items()}
    command = Elementwise(function=Function.ADD, height=3, width=4, columns=9, multiplier_b=1 << 30, shift=31, **fields)
    apart = replace(command, output_address=OUT_AT)
    other = memory.copy()
    elementwise(command, memory)
    elementwise(apart, other)
    np.testing.assert_array_equal(
        memory[:, 7:127].reshape(2, 3, 4, 10)[..., :9], other[:, 2000:2120].reshape(2, 3, 4, 10)[..., :9]
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"output_address": PAD_BYTES - 3}, "output_address"),
        ({"accumulator": 61}, "accumulator: entries 61..64 are outside 64"),
        ({"parameters": PAD_BYTES - 8}, "parameters: bytes"),
        ({"parameters": 100}, "parameters: want shifts in 1..62, got 0..0"),
        ({"residual": 1, "residual_address": PAD_BYTES - 1}, "residual_address"),
        ({"residual": 1, "add_shift": 0}, "add_shift: want 1..62, got 0"),
        ({"scaling": 3}, "scaling: want 0..2, got 3"),
        ({"residual": 2}, "residual: got 2 with scaling 0"),
        ({"residual": 3, "scaling": 1}, "residual: got 3 with scaling 1"),
        ({"residual": 1, "scaling": 1}, "residual: got 1 with scaling 1"),
        ({"rounding": 2}, "rounding: got 2 with scaling 0"),
        ({"rounding": 1, "scaling": 1}, "rounding: got 1 with scaling 1"),
        ({"range": 1}, "range: got 1 with scaling 0"),
        ({"range": 3, "scaling": 1}, "range: want 0..2, got 3"),
        ({"scaling": 2, "shift": 63}, "shift: want 0..62, got 63"),
        ({"scaling": 2, "parameters": PAD_BYTES - 15}, "parameters: bytes"),
        ({"table": 1, "table_address": PAD_BYTES - 255}, "table_address"),
    ],
)
def test_a_requantization_that_cannot_run_is_refused(changes: dict[str, int], message: str) -> None:
    command = Requantize(accumulator=0, height=2, width=2, columns=4, parameters=0, output_address=OUT_AT)
    memory = np.zeros((1, PAD_BYTES), np.uint8)
    memory[:, 32:36] = 31
    with pytest.raises(GoldenError, match=message):
        requantize(replace(command, **changes), memory, np.zeros((1, 64, 4), np.int32))


def test_functions_that_do_not_exist_are_refused() -> None:
    memory = np.zeros((1, PAD_BYTES), np.uint8)
    window = {"width": 1, "columns": 4, "input_height": 1, "input_width": 1, "kernel_height": 1, "kernel_width": 1}
    one = Pool(function=3, input_address=0, input_pixel_stride=4, output_address=0, **window)
    with pytest.raises(GoldenError, match="function: want 0..2, got 3"):
        pool(one, memory)
    with pytest.raises(GoldenError, match="rounding: want 0..2, got 3"):
        pool(replace(one, function=Pooling.AVERAGE, rounding=3), memory)
    with pytest.raises(GoldenError, match="rounding: want 0..2, got 3"):
        elementwise(Elementwise(function=2, columns=4, a_address=0, output_address=0, rounding=3), memory)
