"""Golden's matrix engine against the definition in commands.Matrix, written out in int64 loops."""

from dataclasses import replace
from itertools import product as product_of

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel_models.arithmetic import wrap32
from accel_models.commands import Matrix, MatrixMode, Register
from accel_models.golden.access import GoldenError
from accel_models.golden.matrix import EXACT_LENGTH, matrix, matrix_tile, product
from accel_models.golden.streams import operand_vectors

PAD_BYTES = 4096
ENTRIES = 512


def operand(command: Matrix, memory: np.ndarray, plane: int, oy: int, ox: int, ky: int, tap: int, byte: int) -> int:
    """One activation byte, straight from the docstring; memory is int8 [bytes]."""
    c = command
    stride = c.input_pixel_stride if c.mode == MatrixMode.DEPTHWISE else c.tap_stride
    iy = oy * c.stride_y + c.origin_y + ky * c.dilation_y
    offset = (ox * c.stride_x + c.origin_x) * c.input_pixel_stride + tap * stride + byte
    if not (0 <= iy < c.input_height and 0 <= offset < c.input_width * c.input_pixel_stride):
        return int(c.zero_point)
    return int(memory[c.input_address + plane * c.input_plane_stride + iy * c.input_row_stride + offset])


def defined(command: Matrix, memory: np.ndarray, accumulators: np.ndarray) -> np.ndarray:
    """Accumulators after the command, one by one; memory int8 [bytes], accumulators int32 [entries, columns]."""
    c, lanes = command, accumulators.shape[1]
    after = accumulators.astype(np.int64)
    pixels = list(product_of(range(c.planes), range(c.output_height), range(c.output_width)))
    run = 1 if c.mode == MatrixMode.DEPTHWISE else c.run_bytes
    ks = [(ky, tap, byte) for ky in range(c.kernel_height) for tap in range(c.taps) for byte in range(run)]

    def weight(k: int, j: int) -> int:
        if c.transposed and c.mode == MatrixMode.DOT:
            return int(memory[c.weight_address + j * c.weight_row_stride + k])
        return int(memory[c.weight_address + k * c.weight_row_stride + j])

    count = len(ks) if c.mode == MatrixMode.OUTER else len(pixels)
    groups = -(-c.columns // lanes)
    if not c.accumulate:
        after[c.accumulator : c.accumulator + groups * count] = 0
    for j in range(c.columns):
        n, lane = divmod(j, lanes)
        for row in range(count):
            total = 0
            if c.mode == MatrixMode.OUTER:
                for p, pixel in enumerate(pixels):
                    total += operand(c, memory, *pixel, *ks[row]) * weight(p, j)
            else:
                for k, (ky, tap, byte) in enumerate(ks):
                    channel = j if c.mode == MatrixMode.DEPTHWISE else byte
                    total += operand(c, memory, *pixels[row], ky, tap, channel) * weight(k, j)
            after[c.accumulator + n * count + row, lane] += total
    return wrap32(after).astype(np.int32)


@st.composite
def commands(draw: st.DrawFn, mode: MatrixMode | None = None) -> Matrix:
    """Small tiles of every mode whose bytes all lie in the scratchpad."""

    def number(low: int, high: int) -> int:
        return draw(st.integers(low, high))

    mode = draw(st.sampled_from(MatrixMode)) if mode is None else mode
    columns, pixel = number(1, 9), number(1, 9)
    if mode == MatrixMode.DEPTHWISE:
        columns = min(columns, pixel)
    taps = number(1, 3)
    input_width = number(1, 6)
    return Matrix(
        mode=mode,
        accumulate=number(0, 1),
        transposed=number(0, 1),
        input_address=number(0, 64),
        input_row_stride=input_width * pixel + number(0, 3),
        input_pixel_stride=pixel,
        input_height=number(1, 5),
        input_width=input_width,
        origin_y=number(-3, 3),
        origin_x=number(-3, 3),
        stride_y=number(1, 3),
        stride_x=number(1, 3),
        dilation_y=number(1, 2),
        output_height=number(1, 3),
        output_width=number(1, 3),
        kernel_height=number(1, 3),
        taps=taps,
        tap_stride=number(0, 12),
        run_bytes=number(1, 9),
        columns=columns,
        weight_address=number(1024, 1100),
        weight_row_stride=number(0, 24),
        accumulator=number(0, 40),
        zero_point=number(-128, 127),
        planes=number(1, 3),
        input_plane_stride=number(0, 200),
    )


@given(commands(), st.sampled_from([(3, 5), (4, 4), (8, 2)]), st.integers(0, 2**32 - 1), st.booleans())
@settings(max_examples=150)
def test_every_mode_is_its_definition(command: Matrix, array: tuple[int, int], seed: int, same_weights: bool) -> None:
    rows, columns = array
    rng = np.random.default_rng(seed)
    memory = rng.integers(0, 256, (2, PAD_BYTES)).astype(np.uint8)
    if same_weights:
        memory[1, 1024:] = memory[0, 1024:]
    before = rng.integers(-(2**31), 2**31, (2, ENTRIES, columns)).astype(np.int32)
    after = before.copy()
    matrix(command, memory, after, rows)
    for image in range(2):
        np.testing.assert_array_equal(after[image], defined(command, memory[image].view(np.int8), before[image]))


@given(commands(), st.sampled_from([(3, 5), (4, 4)]), st.integers(0, 2**32 - 1))
@settings(max_examples=100)
def test_operand_vectors_multiply_to_the_tile(command: Matrix, array: tuple[int, int], seed: int) -> None:
    """An array that sees only the streams computes what golden computes."""
    rows, columns = array
    rng = np.random.default_rng(seed)
    memory = rng.integers(0, 256, PAD_BYTES).astype(np.uint8)
    before = rng.integers(-1000, 1000, (ENTRIES, columns)).astype(np.int32)
    after = before.astype(np.int64)
    for tile in operand_vectors(command, memory, rows, columns):
        x, w = tile.activations.astype(np.int64), tile.weights.astype(np.int64)
        if command.mode == MatrixMode.OUTER:
            sums = (x.T @ tile.gradients.astype(np.int64))[: len(tile.entries)]
        elif command.mode == MatrixMode.DEPTHWISE:
            line = (command.output_width - 1) * command.stride_x + command.taps
            pixels = np.arange(command.output_width) * command.stride_x
            starts = np.add.outer(np.arange(command.planes * command.output_height) * line, pixels).ravel()
            sums = sum(x[starts + tap] * w[tap] for tap in range(command.taps))
        else:
            full = np.zeros((rows, columns), np.int64)
            w = w.T if command.transposed else w
            full[: w.shape[0], : w.shape[1]] = w
            sums = x @ full
        after[tile.entries] = sums + (after[tile.entries] if tile.accumulate else 0)
    np.testing.assert_array_equal(after, matrix_tile(command, memory, before, rows))


@given(st.integers(1, 3 * EXACT_LENGTH), st.integers(0, 2**32 - 1), st.booleans(), st.sampled_from([1, 3]))
@settings(max_examples=30)
def test_product_is_exact_for_any_length(length: int, seed: int, extreme: bool, batch: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.integers(-128, 128, (batch, 7, length)).astype(np.int8)
    w = rng.integers(-128, 128, (batch, length, 5)).astype(np.int8)
    if extreme:  # the largest sums, and odd ones: a float32 sum beyond 2**24 would lose the last bit
        sign = rng.choice([-1, 1])
        x = (sign * rng.choice([127, 128 if sign < 0 else 127], x.shape)).astype(np.int8)
        w = rng.choice([-127, -128], w.shape, p=[0.9, 0.1]).astype(np.int8)
    np.testing.assert_array_equal(product(x, w), np.matmul(x.astype(np.int64), w.astype(np.int64)))


SMALL = Matrix(
    mode=MatrixMode.DOT, input_address=0, input_row_stride=16, input_pixel_stride=4, input_height=4, input_width=4,
    output_height=4, output_width=4, run_bytes=4, columns=4, weight_address=100, weight_row_stride=4, accumulator=0,
)  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"input_address": PAD_BYTES - 20}, "input_address"),
        ({"weight_address": PAD_BYTES - 15}, "weight_address"),
        ({"accumulator": ENTRIES - 15}, "accumulator"),
        ({"mode": 3}, "mode"),
        ({"mode": MatrixMode.DEPTHWISE, "taps": 5}, "taps"),
        ({"output_height": Register(3)}, "register 3"),
    ],
)
def test_a_tile_that_cannot_run_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(GoldenError, match=message):
        matrix_tile(replace(SMALL, **changes), np.zeros(PAD_BYTES, np.uint8), np.zeros((ENTRIES, 4), np.int32), 4)


def test_padding_bytes_are_never_read() -> None:
    """A tile in the last bytes of the scratchpad whose window hangs over the image reads nothing beyond it."""
    memory = np.ones(64, np.uint8)
    command = replace(
        SMALL, input_address=48, input_height=1, weight_address=0, origin_y=-2, origin_x=-2, output_height=6,
        output_width=8, zero_point=3,
    )  # fmt: skip
    sums = matrix_tile(command, memory, np.zeros((ENTRIES, 4), np.int32), 4)
    image = sums[:48, 0].reshape(6, 8)
    assert (image[2, 2:6] == 4).all()
    assert image.sum() == 4 * 4 + 44 * 12


def test_no_pixels_change_nothing() -> None:
    before = np.arange(ENTRIES * 4, dtype=np.int32).reshape(ENTRIES, 4)
    after = matrix_tile(replace(SMALL, mode=MatrixMode.OUTER, output_height=0), np.ones(PAD_BYTES, np.uint8), before, 4)
    np.testing.assert_array_equal(after, before)
