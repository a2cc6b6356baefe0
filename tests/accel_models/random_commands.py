"""Random legal commands of every class, small enough for a scratchpad of a few KiB."""

import numpy as np

from accel_models.commands import Command, Elementwise, Fill, Load, Matrix, MatrixMode, Pool, Range, Requantize, Store
from accel_models.memory import SRAM_BASE

PAD_BYTES, SRAM_BYTES, ENTRIES = 8192, 4096, 256


def random_command(rng: np.random.Generator, rows: int, columns: int) -> Command:
    """Any class; addresses and strides keep every access inside the memories."""
    makers = (_load, _store, _fill, _matrix, _requantize, _elementwise, _pool, _range)
    return makers[int(rng.integers(len(makers)))](rng, rows, columns)


def _runs(rng: np.random.Generator) -> dict[str, int]:
    row_bytes, rows, planes = int(rng.integers(0, 40)), int(rng.integers(1, 5)), int(rng.integers(1, 4))
    row, plane = row_bytes + int(rng.integers(0, 9)), 200 + int(rng.integers(0, 9))
    return {
        "row_bytes": row_bytes,
        "rows": rows,
        "planes": planes,
        "bus_row_stride": row,
        "bus_plane_stride": plane,
        "pad_row_stride": row_bytes + int(rng.integers(0, 9)),
        "pad_plane_stride": 250,
        "bus_address": SRAM_BASE + int(rng.integers(0, 2000)),
        "pad_address": int(rng.integers(0, 4000)),
    }


def _load(rng: np.random.Generator, rows: int, columns: int) -> Command:
    return Load(**_runs(rng))


def _store(rng: np.random.Generator, rows: int, columns: int) -> Command:
    return Store(**_runs(rng))


def _fill(rng: np.random.Generator, rows: int, columns: int) -> Command:
    return Fill(
        pad_address=int(rng.integers(0, 4000)),
        row_bytes=int(rng.integers(0, 50)),
        rows=int(rng.integers(0, 4)),
        pad_row_stride=int(rng.integers(50, 90)),
        value=int(rng.integers(-128, 128)),
    )


def _matrix(rng: np.random.Generator, rows: int, columns: int) -> Command:
    while True:
        mode = MatrixMode(int(rng.integers(3)))
        height, width, kernel = int(rng.integers(1, 4)), int(rng.integers(1, 7)), int(rng.integers(1, 4))
        taps = int(rng.integers(1, min(rows, 4) + 1))
        channels, outputs = int(rng.integers(1, 12)), int(rng.integers(1, 2 * columns + 2))
        depthwise = mode == MatrixMode.DEPTHWISE
        pixel = outputs if depthwise else channels
        run = 0 if depthwise else channels * int(rng.integers(1, 3))
        length = kernel * taps * (1 if depthwise else run)
        if -(-outputs // columns) * (length if mode == MatrixMode.OUTER else height * width) > ENTRIES // 2:
            continue
        transposed = int(mode == MatrixMode.DOT and rng.random() < 0.5)
        image = int(rng.integers(1, 7)), int(rng.integers(1, 9))
        return Matrix(
            mode=mode,
            accumulate=int(rng.integers(2)),
            transposed=transposed,
            input_address=int(rng.integers(0, 500)),
            input_row_stride=image[1] * pixel + int(rng.integers(0, 5)),
            input_pixel_stride=pixel,
            input_height=image[0],
            input_width=image[1],
            origin_y=int(rng.integers(-3, 3)),
            origin_x=int(rng.integers(-3, 3)),
            stride_y=int(rng.integers(1, 3)),
            stride_x=int(rng.integers(1, 3)),
            dilation_y=int(rng.integers(1, 3)),
            output_height=height,
            output_width=width,
            kernel_height=kernel,
            taps=taps,
            tap_stride=pixel * int(rng.integers(1, 3)),
            run_bytes=run,
            columns=outputs,
            weight_address=2500 + int(rng.integers(0, 50)),
            weight_row_stride=max(outputs, length if transposed else 0) + int(rng.integers(0, 3)),
            accumulator=int(rng.integers(0, ENTRIES // 2)),
            zero_point=int(rng.integers(-128, 128)),
        )


def _requantize(rng: np.random.Generator, rows: int, columns: int) -> Command:
    height, width, outputs = int(rng.integers(1, 4)), int(rng.integers(1, 6)), int(rng.integers(1, 2 * columns + 2))
    return Requantize(
        accumulator=int(rng.integers(0, 100)),
        height=height,
        width=width,
        columns=outputs,
        parameters=4096,
        output_address=int(rng.integers(0, 100)),
        output_pixel_stride=outputs + int(rng.integers(0, 3)),
        output_row_stride=width * (outputs + 3),
        zero_point=int(rng.integers(-9, 9)),
        double=int(rng.integers(2)),
        residual=int(rng.integers(2)),
        residual_address=1500,
        residual_pixel_stride=outputs + 1,
        residual_row_stride=width * (outputs + 2),
        zero_b=int(rng.integers(-9, 9)),
        multiplier_a=int(rng.integers(1 << 31)),
        multiplier_b=int(rng.integers(1 << 31)),
        add_shift=int(rng.integers(1, 40)),
        table=int(rng.integers(2)),
        table_address=3000,
    )


def _elementwise(rng: np.random.Generator, rows: int, columns: int) -> Command:
    height, width, count = int(rng.integers(1, 4)), int(rng.integers(1, 5)), int(rng.integers(1, 30))

    def image(name: str, base: int) -> dict[str, int]:
        pixel = count + int(rng.integers(0, 4))
        strides = {f"{name}_pixel_stride": pixel, f"{name}_row_stride": pixel * width + int(rng.integers(0, 4))}
        return {f"{name}_address": base + int(rng.integers(0, 40)), **strides}

    return Elementwise(
        function=int(rng.integers(3)),
        height=height,
        width=width,
        columns=count,
        **image("a", 0),
        **image("b", 900),
        **image("output", 1800),
        zero_a=int(rng.integers(-9, 9)),
        zero_b=int(rng.integers(-9, 9)),
        multiplier_a=int(rng.integers(1 << 31)),
        multiplier_b=int(rng.integers(1 << 31)),
        shift=int(rng.integers(1, 40)),
        double=int(rng.integers(2)),
        table=int(rng.integers(2)),
        table_address=3000,
    )


def _pool(rng: np.random.Generator, rows: int, columns: int) -> Command:
    count, image = int(rng.integers(1, 20)), (int(rng.integers(1, 7)), int(rng.integers(1, 7)))
    height, width = int(rng.integers(1, 4)), int(rng.integers(1, 4))
    return Pool(
        function=int(rng.integers(2)),
        height=height,
        width=width,
        columns=count,
        input_address=int(rng.integers(0, 40)),
        input_row_stride=image[1] * count + 3,
        input_pixel_stride=count,
        input_height=image[0],
        input_width=image[1],
        origin_y=int(rng.integers(-2, 3)),
        origin_x=int(rng.integers(-2, 3)),
        kernel_height=int(rng.integers(1, 4)),
        kernel_width=int(rng.integers(1, 4)),
        stride_y=int(rng.integers(1, 3)),
        stride_x=int(rng.integers(1, 3)),
        output_address=2000 + int(rng.integers(0, 40)),
        output_pixel_stride=count + 1,
        output_row_stride=width * (count + 1),
        bias=int(rng.integers(-500, 500)),
        multiplier=int(rng.integers(1 << 31)),
        shift=int(rng.integers(1, 40)),
        table=int(rng.integers(2)),
        table_address=3000,
    )


def _range(rng: np.random.Generator, rows: int, columns: int) -> Command:
    return Range(
        accumulator=int(rng.integers(0, 50)),
        entries=int(rng.integers(1, 40)),
        columns=int(rng.integers(1, 2 * columns)),
        destination=int(rng.integers(32)),
    )
