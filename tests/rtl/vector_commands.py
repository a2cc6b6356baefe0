"""Vector commands to try: random ones over every field, and corners by hand, with memories that suit them.

A scratchpad has parameter blocks in front, one slot a command, then a row list, then data: operands and tables
anywhere, an output anywhere that is not an operand, or exactly on one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from accel_models.arithmetic import Rounding
from accel_models.commands import (
    LIST_ENTRY_BYTES,
    PARAMETER_BYTES,
    TABLE_BYTES,
    Command,
    Elementwise,
    Function,
    Pool,
    Pooling,
    Range,
    Requantize,
    SetRegister,
)
from accel_models.golden.access import Bytes, Sums

SCRATCHPAD_BYTES = 1 << 13
SLOTS = 3  # commands with parameter blocks of their own
LIST_AT, LIST_ENTRIES, FARTHEST = 2049, 12, 299  # a row list of marks, the farthest of them
DATA_AT = LIST_AT + LIST_ENTRY_BYTES * LIST_ENTRIES
LOW, HIGH = -(2**31), 2**31 - 1
EXTREMES = (LOW, LOW + 1, LOW // 2, -1, 0, 1, HIGH - 1, HIGH)


@dataclass(frozen=True, slots=True)
class Shape:
    """What a build is like."""

    columns: int
    entries: int
    short: bool  # 16-bit multipliers

    def multiplier(self, value: int) -> int:
        """A multiplier that this build can hold."""
        return value & ~0xFFFF if self.short else value


def memory(rng: np.random.Generator, shape: Shape) -> Bytes:
    """Random bytes, a tenth of them the extremes, parameter blocks in the slots, and the list."""
    data = rng.integers(0, 256, SCRATCHPAD_BYTES, np.uint8)
    extreme = rng.random(SCRATCHPAD_BYTES) < 0.1
    data[extreme] = rng.choice([0x80, 0x7F, 0x00, 0xFF], int(extreme.sum()))
    for slot in range(SLOTS):
        for group in range(_groups_in_slot(shape)):
            start = parameters_at(slot) + group * PARAMETER_BYTES * shape.columns
            data[start : start + PARAMETER_BYTES * shape.columns] = _block(rng, shape)
    marks = np.where(rng.random(LIST_ENTRIES) < 0.3, FARTHEST, rng.integers(FARTHEST, size=LIST_ENTRIES))
    data[LIST_AT:DATA_AT] = marks.astype("<u4").view(np.uint8)
    return data


def _groups_in_slot(shape: Shape) -> int:
    return LIST_AT // SLOTS // (PARAMETER_BYTES * shape.columns)


def parameters_at(slot: int) -> int:
    return slot * (LIST_AT // SLOTS) + slot  # no two alike modulo the word


def _block(rng: np.random.Generator, shape: Shape) -> Bytes:
    """Parameters of one column group, with sums in mind that have 8 to 31 bits."""
    lanes = shape.columns
    bias = rng.integers(LOW, HIGH + 1, lanes) >> rng.integers(0, 32, lanes)
    multiplier = [shape.multiplier(int(rng.choice([rng.integers(2**30, 2**31), HIGH, rng.integers(2**31)])))
                  for _ in range(lanes)]  # fmt: skip
    shift = np.where(rng.random(lanes) < 0.8, rng.integers(30, 55, lanes), rng.integers(1, 63, lanes))
    words = np.concatenate([bias, multiplier]).astype("<i4")
    return np.concatenate([words.view(np.uint8), shift.astype(np.uint8)])


def sums(rng: np.random.Generator, shape: Shape) -> Sums:
    """Accumulators of every magnitude."""
    size = (shape.entries, shape.columns)
    values = rng.integers(LOW, HIGH + 1, size) >> rng.integers(0, 28, size)
    return np.where(rng.random(size) < 0.05, rng.choice(EXTREMES, size), values).astype(np.int32)


class Room:
    """Hands out places in the scratchpad for the images of one command."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.taken: list[tuple[int, int]] = []

    def place(self, size: int, *, free: bool = False) -> int:
        """An address for ``size`` bytes in the data; ``free``: where nothing has been placed."""
        while True:
            start = int(self.rng.integers(DATA_AT, SCRATCHPAD_BYTES - size + 1))
            if self.rng.random() < 0.05:
                start = SCRATCHPAD_BYTES - size
            if not free or all(start + size <= low or start >= high for low, high in self.taken):
                self.taken.append((start, start + size))
                return start

    def image(self, prefix: str, height: int, width: int, columns: int, *, output: bool = False) -> dict[str, int]:
        """Address and strides of an image that does not overlap itself, or, an operand, may repeat pixels or rows."""
        pixel = columns + int(self.rng.integers(4))
        row = width * pixel + int(self.rng.integers(6))
        if not output and self.rng.random() < 0.1:
            pixel = 0
        if not output and self.rng.random() < 0.1:
            row = 0
        size = max(height - 1, 0) * row + max(width - 1, 0) * pixel + columns
        names = (f"{prefix}_address", f"{prefix}_row_stride", f"{prefix}_pixel_stride")
        return dict(zip(names, (self.place(size, free=output), row, pixel), strict=True))

    def output(self, images: Sequence[dict[str, int]], height: int, width: int, columns: int) -> dict[str, int]:
        """A place for the output: exactly on one of the operands, where that does not repeat, or apart from them."""
        dense = [image for image in images if _dense(image, width, columns)]
        if dense and self.rng.random() < 0.3:
            address, row, pixel = dense[int(self.rng.integers(len(dense)))].values()
            others = [image for image in images if list(image.values()) != [address, row, pixel]]
            if not others:
                return {"output_address": address, "output_row_stride": row, "output_pixel_stride": pixel}
        return self.image("output", height, width, columns, output=True)


def _dense(image: dict[str, int], width: int, columns: int) -> bool:
    _, row, pixel = image.values()
    return pixel >= columns and row >= width * pixel


def code(rng: np.random.Generator) -> int:
    return int(rng.choice([-128, 127, 0, rng.integers(-128, 128)]))


def bounds(rng: np.random.Generator, prefix: str = "") -> dict[str, int]:
    low, high = sorted(int(value) for value in rng.integers(-128, 128, 2)) if rng.random() < 0.4 else (-128, 127)
    return {f"{prefix}low": low, f"{prefix}high": high}


def factor(rng: np.random.Generator, shape: Shape, bits: int) -> tuple[int, int]:
    """Multiplier and shift that bring values of that many bits to about 8."""
    multiplier = int(rng.choice([rng.integers(2**30, 2**31), HIGH, 2**30, rng.integers(2**31)]))
    shift = int(rng.integers(30 + bits - 9, 30 + bits)) if rng.random() < 0.8 else int(rng.integers(1, 63))
    return shape.multiplier(multiplier), min(max(shift, 1), 62)


def table(rng: np.random.Generator, room: Room) -> dict[str, int]:
    used = int(rng.random() < 0.3)
    return {"table": used, "table_address": room.place(TABLE_BYTES) if used else 0}


def sizes(rng: np.random.Generator, columns: int) -> tuple[int, int, int]:
    return int(rng.integers(1, 5)), int(rng.integers(1, 6)), int(rng.integers(1, 2 * columns + 3))


def random_requantize(rng: np.random.Generator, shape: Shape, slot: int) -> Requantize:
    while True:
        height, width, columns = sizes(rng, shape.columns)
        groups = -(-columns // shape.columns)
        used = groups * height * width
        if used <= shape.entries and groups <= _groups_in_slot(shape):
            break
    room, residual = Room(rng), int(rng.integers(2))
    images = [room.image("residual", height, width, columns)] if residual else []
    looked_up = table(rng, room)
    multiplier_a, add_shift = factor(rng, shape, 8)
    fields = bounds(rng) | bounds(rng, "add_") | looked_up | room.output(images, height, width, columns)
    for image in images:
        fields |= image
    return Requantize(
        accumulator=int(rng.integers(shape.entries - used + 1)), height=height, width=width, columns=columns,
        parameters=parameters_at(slot), zero_point=code(rng), rounding=int(rng.integers(2)), residual=residual,
        zero_b=code(rng), multiplier=multiplier_a, multiplier_b=factor(rng, shape, 8)[0], add_shift=add_shift,
        add_zero=code(rng), **fields,
    )  # fmt: skip


def random_elementwise(rng: np.random.Generator, shape: Shape, slot: int) -> Elementwise:
    height, width, columns = sizes(rng, shape.columns)
    function = Function(int(rng.integers(4)))
    room = Room(rng)
    images = [room.image("a", height, width, columns)]
    if function != Function.RESCALE:
        images.append(room.image("b", height, width, columns))
    looked_up = table(rng, room)
    fields = bounds(rng) | looked_up | room.output(images, height, width, columns)
    for image in images:
        fields |= image
    multiplier, shift = factor(rng, shape, 16 if function == Function.MULTIPLY else 8)
    return Elementwise(
        function=function, height=height, width=width, columns=columns, zero_a=code(rng), zero_b=code(rng),
        multiplier_a=multiplier, multiplier_b=factor(rng, shape, 8)[0], shift=shift, zero_point=code(rng),
        rounding=int(rng.integers(3)), code=int(rng.choice([-128, 127, 0, -1])), **fields,
    )  # fmt: skip


def random_pool(rng: np.random.Generator, shape: Shape, slot: int) -> Pool:
    height, width, columns = sizes(rng, shape.columns)
    height, width = min(height, 3), min(width, 4)
    rows, row = int(rng.integers(1, 8)), int(rng.integers(1, 8))
    room = Room(rng)
    image = room.image("input", rows, row, columns)
    fields = image | bounds(rng) | table(rng, room) | room.output([], height, width, columns)
    multiplier, shift = factor(rng, shape, 11)
    return Pool(
        function=Pooling(int(rng.integers(3))), height=height, width=width, columns=columns,
        input_height=rows, input_width=row, origin_y=int(rng.integers(-4, 3)), origin_x=int(rng.integers(-4, 3)),
        kernel_height=int(rng.integers(1, 5)), kernel_width=int(rng.integers(1, 5)), stride_y=int(rng.integers(0, 4)),
        stride_x=int(rng.integers(0, 4)), bias=int(rng.choice([0, *EXTREMES, rng.integers(-5000, 5000)])),
        multiplier=multiplier, shift=shift, zero_point=code(rng), rounding=int(rng.integers(3)), **fields,
    )  # fmt: skip


def random_range(rng: np.random.Generator, shape: Shape, slot: int) -> Range:
    columns = int(rng.integers(0, 2 * shape.columns + 3))
    groups = max(1, -(-columns // shape.columns))
    entries = int(rng.integers(0, min(30, shape.entries // groups) + 1))
    return Range(
        accumulator=int(rng.integers(shape.entries - groups * entries + 1)), entries=entries, columns=columns,
        destination=int(rng.integers(32)),
    )  # fmt: skip


def random_set(rng: np.random.Generator, shape: Shape, slot: int) -> SetRegister:
    return SetRegister(destination=int(rng.integers(32)), value=int(rng.choice([*EXTREMES, rng.integers(LOW, HIGH)])))


def corners(shape: Shape) -> Iterator[Command]:
    """Nothing, one, tails of one, a window without a tap inside, the largest products, ties."""
    c, entries = shape.columns, shape.entries
    out = {"output_address": 6000, "output_row_stride": 200, "output_pixel_stride": 3 * c}
    one, most = 1 << 30, shape.multiplier(HIGH)
    for height, width, columns in ((0, 3, c), (3, 0, c), (1, 1, 0), (1, 1, 1), (1, 1, c), (2, 3, c + 1), (1, 1, 2 * c)):
        for flags in ({}, {"residual": 1, "residual_address": 4000, "residual_row_stride": 200}, {"table": 1}):
            yield Requantize(
                accumulator=1, height=height, width=width, columns=columns, parameters=parameters_at(1),
                table_address=5000, multiplier=one, multiplier_b=one, **out, **flags,
            )  # fmt: skip
        for function in Function:
            yield Elementwise(
                function=function, height=height, width=width, columns=columns, a_address=4000, b_address=4500,
                a_row_stride=200, b_row_stride=200, multiplier_b=one, **out,
            )  # fmt: skip
        for function in Pooling:
            yield Pool(
                function=function, height=height, width=width, columns=columns, input_address=4000,
                input_row_stride=300, input_pixel_stride=2 * c, input_height=3, input_width=4, kernel_height=2,
                kernel_width=3, **out,
            )  # fmt: skip
        yield Range(accumulator=entries - 2 * height, entries=height, columns=columns, destination=3)
    for zero_a, zero_b in ((127, 127), (-128, -128), (127, -128)):
        for shift in (1, 2, 30, 31, 32, 61, 62):
            for rounding in (Rounding.HALF_UP, Rounding.DOUBLE, Rounding.PSEUDO_STOCHASTIC):
                for function in Function:
                    yield Elementwise(
                        function=function, width=4, columns=c, a_address=4000, b_address=4500, a_pixel_stride=c,
                        b_pixel_stride=c, zero_a=zero_a, zero_b=zero_b, multiplier_a=most, multiplier_b=most,
                        shift=shift, rounding=rounding, code=127, **out,
                    )  # fmt: skip
    for shift in (31, 32, 33):  # every second sum is a tie
        yield Elementwise(
            function=Function.ADD, width=8, columns=c, a_address=4000, b_address=4500, a_pixel_stride=c,
            b_pixel_stride=c, multiplier_a=one, multiplier_b=one, shift=shift, **out,
        )  # fmt: skip
    for origin in (-9, 9):
        for function in Pooling:
            yield Pool(
                function=function, height=2, width=2, columns=c + 1, input_address=4000, input_row_stride=100,
                input_pixel_stride=c + 1, input_height=3, input_width=3, origin_y=origin, kernel_height=2,
                kernel_width=2, bias=origin, **out,
            )  # fmt: skip
    yield Pool(  # the largest window, beyond 16 bits of sum
        function=Pooling.AVERAGE, height=1, width=1, columns=c, input_address=4000, input_row_stride=0,
        input_pixel_stride=0, input_height=300, input_width=300, kernel_height=40, kernel_width=41, multiplier=one,
        shift=40, **out,
    )  # fmt: skip
