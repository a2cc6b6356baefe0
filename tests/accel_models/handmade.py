"""Hand-made and random programs for tests of timing, counts, energy and runs."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from accel_models.commands import (
    Command,
    Elementwise,
    End,
    Fill,
    Function,
    Load,
    Matrix,
    MatrixMode,
    Pool,
    Pooling,
    Requantize,
    Store,
    encode,
)
from accel_models.memory import bus_address
from accel_models.program import Program, Row, Segment
from accel_models.system import System, load_system


def system(**changes: Any) -> System:
    """edge16 with changes given as ``part__field=value``."""
    data = load_system("edge16").model_dump()
    for path, value in changes.items():
        *parts, field = path.split("__")
        target = data
        for part in parts:
            target = target[part]
        target[field] = value
    return System.model_validate(data)


def program(
    commands: Sequence[Command],
    rows: Sequence[int] | None = None,
    on: System | None = None,
    metadata: dict[str, Any] | None = None,
) -> Program:
    """One segment of commands (End is added); every command in row 0 unless ``rows`` says otherwise."""
    body = [*commands, End()]
    of = list(rows) if rows is not None else [0] * len(commands)
    numbers = np.array([*of, -1], np.int32)
    count = max(of, default=0) + 1
    return Program(
        name="handmade",
        system=on or system(),
        network_hash="0" * 16,
        rows=tuple(
            Row(name=f"op{i}", kind="conv2d", phase="forward", placement="accelerator", macs=0) for i in range(count)
        ),
        segments=(Segment(first=0, count=len(body)),),
        commands=np.frombuffer(b"".join(encode(item) for item in body), np.uint8).reshape(len(body), 64),
        command_rows=numbers,
        images={},
        bindings={},
        inputs=(),
        outputs=(),
        metadata=metadata or {},
    )


def load(row_bytes: int = 256, space: str = "sram", **more: Any) -> Load:
    return Load(bus_address=bus_address(space, more.pop("offset", 0)), pad_address=0, row_bytes=row_bytes, **more)


def store(row_bytes: int = 256, space: str = "sram", **more: Any) -> Store:
    return Store(bus_address=bus_address(space, more.pop("offset", 0)), pad_address=0, row_bytes=row_bytes, **more)


def matrix(pixels: int = 32, depth: int = 32, columns: int = 16, **more: Any) -> Matrix:
    """A DOT tile of ``pixels`` x ``columns`` outputs over ``depth`` bytes."""
    fields: dict[str, Any] = {
        "mode": MatrixMode.DOT, "input_address": 0, "input_pixel_stride": depth, "input_width": pixels,
        "output_width": pixels, "run_bytes": depth, "columns": columns, "weight_address": 0,
        "weight_row_stride": columns, "accumulator": 0,
    }  # fmt: skip
    return Matrix(**(fields | more))


def requantize(pixels: int = 32, columns: int = 16, **more: Any) -> Requantize:
    fields: dict[str, Any] = {
        "accumulator": 0, "width": pixels, "columns": columns, "parameters": 0, "output_address": 0,
        "output_pixel_stride": columns,
    }  # fmt: skip
    return Requantize(**(fields | more))


def elementwise(pixels: int = 32, columns: int = 16, **more: Any) -> Elementwise:
    fields: dict[str, Any] = {
        "function": Function.ADD, "width": pixels, "columns": columns, "a_address": 0, "a_pixel_stride": columns,
        "b_address": 0, "b_pixel_stride": columns, "output_address": 0, "output_pixel_stride": columns,
    }  # fmt: skip
    return Elementwise(**(fields | more))


def pool(pixels: int = 4, columns: int = 16, **more: Any) -> Pool:
    fields: dict[str, Any] = {
        "function": Pooling.AVERAGE, "width": pixels, "columns": columns, "input_address": 0,
        "input_pixel_stride": columns, "input_height": 2, "input_width": 2 * pixels, "kernel_height": 2,
        "kernel_width": 2, "stride_x": 2, "output_address": 0, "output_pixel_stride": columns,
    }  # fmt: skip
    return Pool(**(fields | more))


def random_commands(rng: np.random.Generator, count: int) -> list[Command]:
    """Commands of all engines with tokens that program order satisfies; every given token may be left over."""
    makers = [
        lambda: load(int(rng.integers(1, 600)), rng.choice(["sram", "flash"]), offset=int(rng.integers(0, 64))),
        lambda: load(
            int(rng.integers(1, 70)), rows=int(rng.integers(1, 9)), bus_row_stride=int(rng.integers(9, 13)) * 8,
            pad_row_stride=80,
        ),
        lambda: Fill(pad_address=0, row_bytes=int(rng.integers(1, 300))),
        lambda: store(int(rng.integers(1, 600)), offset=int(rng.integers(0, 64))),
        lambda: matrix(int(rng.integers(1, 80)), int(rng.integers(1, 100)), int(rng.integers(1, 60))),
        lambda: matrix(
            int(rng.integers(1, 30)), 0, int(rng.integers(1, 60)), mode=MatrixMode.DEPTHWISE, taps=3, kernel_height=3,
            input_pixel_stride=16, input_width=40,
        ),
        lambda: matrix(int(rng.integers(1, 9)), int(rng.integers(1, 40)), int(rng.integers(1, 40)), mode=2),
        lambda: requantize(int(rng.integers(1, 80)), int(rng.integers(1, 60)), residual=int(rng.integers(0, 2))),
        lambda: elementwise(int(rng.integers(1, 80)), int(rng.integers(1, 60)), function=int(rng.integers(0, 3))),
        lambda: pool(int(rng.integers(1, 40)), int(rng.integers(1, 60))),
    ]  # fmt: skip
    found: list[Command] = []
    spare = np.zeros((4, 4), int)  # tokens given and not yet taken, [from][to]
    given = np.zeros((4, 4), int)
    for _ in range(count):
        command = makers[rng.integers(len(makers))]()
        me = int(command.ENGINE)
        wait = signal = 0
        for other in range(4):
            if other != me and spare[other][me] and rng.random() < 0.6:
                wait |= 1 << other
                spare[other][me] -= 1
            if other != me and given[me][other] < 60 and rng.random() < 0.3:
                signal |= 1 << other
                given[me][other] += 1
                spare[me][other] += 1
        found.append(replace(command, wait=wait, signal=signal))
    return found
