"""Matrix engine behind a scratchpad: corner and random commands, the edges of memory, and what golden refuses."""

from dataclasses import replace

import cocotb
import numpy as np

from accel_models.commands import Matrix
from accel_models.golden.access import Bytes, GoldenError
from accel_models.golden.matrix import matrix_tile, patches, weights
from engine_bench import EngineBench, Setting
from matrix_commands import DEPTHWISE, DOT, OUTER, SCRATCHPAD_BYTES, corners, random_command, scratchpad, tile
from rtl.bench.stimulus import rounds
from stream import parameter

ROWS, COLUMNS, ENTRIES = parameter("Rows"), parameter("Columns"), parameter("Entries")
PAD_BYTES = parameter("PadBytes")
BATCHES, BATCH = rounds(24), 6
SETTINGS = [Setting(), Setting(shared=True), Setting(deny_weight=True), Setting(shared=True, deny_act=True)]
PAD_ERROR, FIELD_ERROR, ENTRY_ERROR = 1, 2, 4


async def bench_of(dut, setting: Setting) -> EngineBench:
    bench = EngineBench(dut, ROWS, COLUMNS, ENTRIES, PAD_BYTES, setting)
    await bench.reset()
    return bench


def memory_of(rng: np.random.Generator) -> Bytes:
    """Random as far as random commands reach."""
    memory = np.zeros(PAD_BYTES, np.uint8)
    memory[:SCRATCHPAD_BYTES] = scratchpad(rng)[:PAD_BYTES]
    return memory


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize(setting=[Setting(), Setting(shared=True, deny_weight=True)])
async def corner_tiles(dut, setting):
    bench = await bench_of(dut, setting)
    for command in corners(ROWS, COLUMNS):
        await bench.check([command])
    for command in layers():
        await bench.check([command])


def layers() -> list[Matrix]:
    """What the compiler makes of layers: packed first layer, dilated taps, channel slice, strided depthwise."""
    image = {"input_address": 0, "input_row_stride": 30, "input_pixel_stride": 3, "input_height": 6, "input_width": 10}
    grouped = image | {"input_address": 5, "input_row_stride": 90, "input_pixel_stride": 9}
    around = {"origin_y": -1, "origin_x": -1, "zero_point": -7}
    return [
        tile(DOT, 6, 10, 3, 1, 9, COLUMNS, **image, **around),  # a run of three packed pixels
        tile(DOT, 3, 5, 3, 1, 9, COLUMNS + 1, **image, **around, stride_x=2, stride_y=2),
        tile(DOT, 2, 3, 3, 1, 9, COLUMNS, **image, origin_y=0, origin_x=0, stride_x=3, stride_y=3),
        tile(DOT, 6, 10, 3, 3, 4, 2, **grouped, origin_y=-2, origin_x=-2, zero_point=9, dilation_y=2, tap_stride=18),
        tile(DEPTHWISE, 6, 10, 3, min(3, ROWS), 0, 9, **grouped, **around),
        tile(DEPTHWISE, 3, 5, 3, min(3, ROWS), 0, 9, **grouped, **around, stride_x=2, stride_y=2),
        tile(OUTER, 6, 10, 1, 1, 9, COLUMNS, **grouped),
    ]


@cocotb.test(timeout_time=50, timeout_unit="ms")
@cocotb.parametrize(setting=SETTINGS)
async def random_tiles(dut, setting):
    """Commands back to back, a few between looks at the accumulators."""
    bench = await bench_of(dut, setting)
    rng = np.random.default_rng([ROWS, COLUMNS])
    for batch in range(BATCHES):
        if batch % 10 == 0:
            await bench.load(memory_of(rng))
        await bench.check([fitting(rng) for _ in range(BATCH)])


def fitting(rng: np.random.Generator) -> Matrix:
    """A random command that stays in the scratchpad."""
    while True:
        command = random_command(rng, ROWS, COLUMNS, ENTRIES)
        if accepted(command):
            return command


def accepted(command: Matrix) -> bool:
    memory = np.zeros((1, PAD_BYTES), np.uint8)
    try:
        patches(command, memory), weights(command, memory)
    except GoldenError:
        return False
    return True


def last_accepted(command: Matrix, field: str) -> int:
    """The largest address in `field` that golden accepts."""
    low, high = 0, PAD_BYTES
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if accepted(replace(command, **{field: middle})) else (low, middle)
    return low


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def edges_of_memory(dut):
    """Operands that end with the last byte of the scratchpad, padding beyond it; a byte further is an error."""
    bench = await bench_of(dut, Setting(shared=True))
    rng = np.random.default_rng(5)
    checked = 0
    tiles = rounds(12)
    for _ in range(tiles):
        command = replace(fitting(rng), input_address=0)
        for field in ("input_address", "weight_address"):
            last = last_accepted(command, field)
            await bench.check([replace(command, **{field: last})])
            beyond = replace(command, **{field: last + 1})
            if not accepted(beyond):  # an image of padding alone is nowhere
                assert await bench.errors(beyond) == PAD_ERROR
                checked += 1
    assert checked > tiles


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def addresses_do_not_wrap(dut):
    """Images and weights that reach beyond 20 address bits are errors even where the low bits are in range."""
    bench = await bench_of(dut, Setting())
    far = tile(DOT, 2, 2, 1, 1, 2, 2, input_row_stride=(1 << 20) - 1)
    refused = [
        far,
        replace(far, input_row_stride=8, input_pixel_stride=65535, stride_x=32, input_width=65535),
        replace(far, input_row_stride=8, planes=3, input_plane_stride=(1 << 20) - 1),
        replace(far, input_row_stride=8, run_bytes=40, weight_row_stride=65535),
        replace(far, input_row_stride=8, transposed=1, columns=40, weight_row_stride=65535),
    ]
    for command in refused:
        assert not accepted(command)
        assert await bench.errors(command) == PAD_ERROR, command


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def refused_commands(dut):
    """What golden refuses is flagged, does not hang, and does not harm the command after it."""
    bench = await bench_of(dut, Setting())
    wide = tile(DEPTHWISE, 2, 2, 1, ROWS + 1, 0, COLUMNS)
    high = tile(DOT, 1, 4, 1, 1, ROWS, COLUMNS + 1, accumulator=ENTRIES - 7)
    cases = [
        (replace(wide, mode=3, taps=1), FIELD_ERROR),
        (wide, FIELD_ERROR),
        (high, ENTRY_ERROR),
        (replace(high, mode=DEPTHWISE, taps=1), ENTRY_ERROR),
        (replace(high, mode=OUTER, run_bytes=8), ENTRY_ERROR),
        (replace(high, accumulator=4095), ENTRY_ERROR),
    ]
    good = tile(DOT, 2, 3, 2, 2, ROWS + 1, COLUMNS + 1)
    for command, error in cases:
        try:
            matrix_tile(command, bench.memory, bench.sums, ROWS)
        except GoldenError:
            assert await bench.errors(command) == error, command
        else:
            raise AssertionError(f"golden accepts {command}")
        await bench.check([good, replace(good, mode=OUTER, run_bytes=2, accumulate=1)])
