"""Vector commands of training to try, and all kinds together: random ones over every field, corners, refused ones."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from accel_models.arithmetic import Rounding
from accel_models.commands import (
    REGISTERS,
    Command,
    LoadRegisters,
    Ranging,
    Requantize,
    Residual,
    Scaling,
    StoreRegisters,
    Sum,
    Update,
)
from patch_commands import random_compare, random_list
from vector_commands import (
    DATA_AT,
    HIGH,
    SLOTS,
    Room,
    Shape,
    bounds,
    code,
    factor,
    parameters_at,
    random_elementwise,
    random_pool,
    random_range,
    random_requantize,
    random_set,
    sizes,
    table,
)

ROUNDINGS = (Rounding.HALF_UP, Rounding.PSEUDO_STOCHASTIC, Rounding.INDEXED)


def _scale(rng: np.random.Generator, shape: Shape, bits: int) -> dict[str, int]:
    """Factor, rounding and bound for values of that many bits: often a power of two."""
    multiplier, shift = shape.multiplier(1 << 16), 16 + int(rng.integers(max(bits - 9, 0), bits + 1))
    if not shape.short and rng.random() < 0.5:
        multiplier, shift = 1, shift - 16
    if rng.random() < 0.3:
        multiplier, shift = factor(rng, shape, max(bits, 8))
    shift = int(rng.integers(63)) if rng.random() < 0.15 else shift
    most = (1 << bits) - 1
    return {
        "multiplier": multiplier, "shift": shift, "rounding": int(rng.choice(ROUNDINGS)),
        "bound": int(rng.choice([HIGH, HIGH, most, rng.integers(most + 1), 0])),
        "key": int(rng.choice([-(2**31), HIGH, rng.integers(-(2**31), HIGH)])),
        "random_bits": int(rng.choice([8, 8, 1, 16, rng.integers(1, 17)])),
    }  # fmt: skip


def _range(rng: np.random.Generator) -> dict[str, int]:
    start = int(rng.choice([0, 100, HIGH]))
    return {"range": int(rng.integers(3)), "range_start": start, "destination": int(rng.integers(REGISTERS))}


def random_training(rng: np.random.Generator, shape: Shape, slot: int) -> Requantize:
    while True:
        height, width, columns = sizes(rng, shape.columns)
        used = -(-columns // shape.columns) * height * width
        if used <= shape.entries:
            break
    room = Room(rng)
    images = [room.image("residual", height, width, columns)] if rng.random() < 0.5 else []
    fields = _scale(rng, shape, int(rng.choice([4, 10, 20, 31]))) | _range(rng) | bounds(rng) | table(rng, room)
    fields |= room.output(images, height, width, columns)
    for image in images:
        fields |= image | {"residual": Residual.MASK}
    return Requantize(
        accumulator=int(rng.integers(shape.entries - used + 1)), height=height, width=width, columns=columns,
        parameters=parameters_at(slot), scaling=int(rng.choice([Scaling.UNIFORM, Scaling.BIAS])),
        zero_point=code(rng) if rng.random() < 0.3 else 0, multiplier_b=int(rng.integers(HIGH + 1)),
        index_row_stride=int(rng.integers(1 << 20)), index_pixel_stride=int(rng.integers(1 << 16)), **fields,
    )  # fmt: skip


def random_sum(rng: np.random.Generator, shape: Shape, slot: int) -> Sum:
    height, width, columns = sizes(rng, shape.columns)
    room, masked = Room(rng), int(rng.integers(2))
    images = [room.image(name, height, width, columns) for name in ("a", "b", "c")[: 2 + masked]]
    fields: dict[str, Any] = _scale(rng, shape, int(rng.choice([8, 16, 17]))) | _range(rng) | bounds(rng)
    fields |= room.output(images, height, width, columns)
    for image in images:
        fields |= image
    up_a, up_b = (int(rng.choice([8, rng.integers(0, 9), rng.integers(-16, 16)])) for _ in range(2))
    return Sum(
        height=height, width=width, columns=columns, masked=masked, up_a=up_a, up_b=up_b,
        index_start=int(rng.integers(HIGH + 1)), **fields,
    )  # fmt: skip


def random_update(rng: np.random.Generator, shape: Shape, slot: int) -> Update:
    columns, wide = int(rng.integers(1, 3 * shape.columns)), int(rng.integers(2))
    rows = int(rng.integers(1, min(12, shape.entries // -(-columns // shape.columns)) + 1))
    used, room = rows * -(-columns // shape.columns), Room(rng)
    address, stride, _ = room.image("master", rows, 1, columns * (1 + wide), output=True).values()
    fields = _scale(rng, shape, int(rng.choice([4, 10, 20, 31])))
    del fields["bound"]
    if wide:
        view = room.image("output", rows, 1, columns, output=True)
        fields |= {name: view[name] for name in ("output_address", "output_row_stride")}
    most = int(rng.choice([127, 0, rng.integers(128)]) if not wide else rng.choice([32767, rng.integers(32768)]))
    start = [int(rng.choice([0, 1000, HIGH])) for _ in range(2)]
    return Update(
        accumulator=int(rng.integers(shape.entries - used + 1)), entries=rows, columns=columns, wide=wide, most=most,
        master_address=address, master_row_stride=stride, fraction_bits=int(rng.integers(16)),
        destination=int(rng.integers(REGISTERS - 1)), zeros_start=start[0], sums_start=start[1],
        index_start=int(rng.integers(HIGH + 1)), index_row_stride=int(rng.integers(1 << 20)), **fields,
    )  # fmt: skip


def random_registers(rng: np.random.Generator, shape: Shape, slot: int) -> LoadRegisters | StoreRegisters:
    kind = (LoadRegisters, StoreRegisters)[int(rng.integers(2))]
    count = int(rng.choice([rng.integers(5), rng.integers(REGISTERS + 1)]))
    address = DATA_AT + int(rng.integers(4000))
    return kind(register=int(rng.integers(min(REGISTERS - count, 31) + 1)), count=count, pad_address=address)


KINDS = (
    random_requantize, random_elementwise, random_pool, random_range, random_set, random_training, random_sum,
    random_update, random_registers, random_compare, random_list,
)  # fmt: skip
SHARES = (0.12, 0.12, 0.08, 0.04, 0.04, 0.12, 0.1, 0.12, 0.08, 0.09, 0.09)


def random_commands(rng: np.random.Generator, shape: Shape) -> list[Command]:
    """As many as have parameter slots."""
    picked = rng.choice(len(KINDS), SLOTS, p=SHARES)
    return [KINDS[kind](rng, shape, slot) for slot, kind in enumerate(picked)]


def corners(shape: Shape) -> Iterator[Command]:
    """Nothing, one, tails of one; every shift; all registers."""
    c, out = shape.columns, {"output_address": 6000, "output_row_stride": 200}
    image = out | {"output_pixel_stride": 3 * c}
    unit = 1 << 16 if shape.short else 1
    scaled = {"multiplier": unit, "range": Ranging.LARGEST, "range_start": 7, "destination": 31}
    mask = {"residual": Residual.MASK, "residual_address": 4000, "residual_row_stride": 200}
    for height, width, columns in ((0, 3, c), (3, 0, c), (1, 1, 0), (1, 1, 1), (1, 1, c), (2, 3, c + 1), (1, 1, 2 * c)):
        size = {"height": height, "width": width, "columns": columns}
        for scaling in (Scaling.UNIFORM, Scaling.BIAS):
            for more in ({}, mask, {"table": 1, "table_address": 5000}, {"range": Ranging.NONE}):
                fields = scaled | size | image | more
                yield Requantize(accumulator=1, parameters=parameters_at(1), scaling=scaling, **fields)
        for masked in (0, 1):
            yield Sum(
                a_address=4000, b_address=4200, c_address=4400, a_row_stride=200, b_row_stride=200, c_row_stride=200,
                masked=masked, up_a=15, up_b=15, **size, **image, **scaled,
            )  # fmt: skip
        for wide in (0, 1):
            yield Update(
                accumulator=1, entries=height * width, columns=columns, wide=wide, most=100, master_address=4000,
                master_row_stride=200, multiplier=unit, shift=20, fraction_bits=8, destination=30, zeros_start=HIGH,
                sums_start=HIGH, **out,
            )  # fmt: skip
    for columns in {c // 2, c // 2 + 1, c + c // 2, c + c // 2 + 1}:  # half a vector of wide masters
        yield Update(
            accumulator=0, entries=3, columns=columns, wide=1, most=32767, master_address=4000, master_row_stride=200,
            multiplier=unit, shift=24, fraction_bits=8, destination=3, **out,
        )  # fmt: skip
    most = shape.multiplier(HIGH)
    for shift in range(63):
        for rounding in ROUNDINGS:
            for multiplier in (unit, most):
                fields = {"shift": shift, "rounding": rounding, "multiplier": multiplier, "random_bits": 1 + shift % 16}
                yield Requantize(
                    accumulator=0, width=2, columns=c, scaling=1, bound=HIGH >> shift % 5, **fields, **image
                )
    for up in range(-16, 16):
        yield Sum(columns=c, a_address=4000, b_address=4100, up_a=up, up_b=-1 - up, shift=17, **image, **scaled)
    for kind in (StoreRegisters, LoadRegisters) if c >= 4 else ():
        for register, count in ((0, 32), (31, 1), (5, 0)):
            yield kind(register=register, count=count, pad_address=6001)


def refused(shape: Shape) -> Iterator[Command]:
    """What golden refuses for a field."""
    unit = 1 << 16 if shape.short else 1
    update = Update(accumulator=0, entries=1, columns=1, multiplier=unit, master_address=4000, destination=0)
    total = Sum(columns=1, a_address=4000, b_address=4000, multiplier=unit, output_address=7000)
    for command in (update, replace(update, wide=1, output_address=7000), total):
        yield from (replace(command, shift=63), replace(command, rounding=1))
        yield from (replace(command, rounding=3, random_bits=bits) for bits in (0, 17, 31))
    yield replace(update, destination=31)
    yield replace(update, most=128)
    yield replace(total, range=3)
    for kind in (LoadRegisters, StoreRegisters):
        yield kind(register=31, count=2, pad_address=7000)
        yield kind(register=1, count=32, pad_address=7000)
