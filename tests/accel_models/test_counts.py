"""Counts of hand-made commands, by hand."""

from collections import defaultdict
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from accel_models import batch, cost
from accel_models.commands import (
    Command,
    Compare,
    Function,
    List,
    Load,
    LoadRegisters,
    Matrix,
    MatrixMode,
    Pooling,
    Range,
    Register,
    Requantize,
    SetRegister,
    StoreRegisters,
    Sum,
    Update,
)
from accel_models.counts import Counts, of_batches, of_command
from accel_models.memory import bus_address
from tests.accel_models.handmade import elementwise, load, matrix, pool, program, random_commands, requantize, store

HW = SimpleNamespace(rows=16, columns=16, bus_bytes=8, dma_setup_cycles=6, max_burst_beats=64, kind=0)


def total(*commands: object) -> dict[str, int]:
    item = program(commands)  # type: ignore[arg-type]
    return of_batches(batch.batches(item), len(item.command_rows), HW).total()


def test_dot_tile() -> None:
    # 32 pixels, 40 bytes deep (3 chunks), 20 columns (2 groups): 6 weight tiles of 32 steps.
    found = total(matrix(32, 40, 20, input_pixel_stride=48, weight_row_stride=32))
    assert found["macs"] == 32 * 40 * 20
    assert found["array_steps"] == 6 * 32
    assert found["pe_register_bytes"] == 0
    assert found["weight_vectors"] == 2 * 40
    assert found["pad_reads"] == 6 * 32 + 80  # 48 and 32 keep vectors aligned
    assert found["accumulator_writes"] == 6 * 32
    assert found["accumulator_reads"] == 6 * 32 - 2 * 32  # the first chunk of each group starts from zero
    assert found["command_bytes"] == 2 * 64  # End included


def test_unaligned_reads_touch_two_banks() -> None:
    aligned, odd = total(matrix(32, 16, 16)), total(matrix(32, 16, 16, input_pixel_stride=3))
    assert odd["pad_reads"] - aligned["pad_reads"] == 32


def test_accumulate_reads_everything() -> None:
    found = total(matrix(8, 16, 16, accumulate=1))
    assert found["accumulator_reads"] == found["accumulator_writes"] == 8


def test_transposed_loads_a_vector_per_column() -> None:
    assert total(matrix(8, 40, 20, transposed=1))["weight_vectors"] == 3 * 20


def test_depthwise_tile() -> None:
    # 2 rows of 5 outputs, 3x3, stride 2, 20 channels (2 groups): each kernel row reads (5-1)*2+3 pixels a row.
    found = total(
        matrix(5, 0, 20, mode=MatrixMode.DEPTHWISE, output_height=2, stride_x=2, taps=3, kernel_height=3,
               input_pixel_stride=32, input_width=16, weight_row_stride=32)
    )  # fmt: skip
    assert found["macs"] == 10 * 9 * 20
    assert found["array_steps"] == 2 * 3 * 10
    assert found["pe_register_bytes"] == 2 * 3 * 2 * 11 * 256  # a byte in every PE per vector read
    assert found["weight_vectors"] == 2 * 9
    assert found["pad_reads"] == 2 * 3 * 2 * 11 + 18
    assert (found["accumulator_writes"], found["accumulator_reads"]) == (60, 40)


def test_outer_tile() -> None:
    found = total(matrix(7, 20, 20, mode=MatrixMode.OUTER, input_pixel_stride=32, weight_row_stride=32))
    assert found["macs"] == 7 * 20 * 20
    assert found["array_steps"] == 2 * 2 * 7
    assert found["pe_register_bytes"] == (28 + 2 * 20) * 256 * 4  # steps, and rows drained
    assert found["pad_reads"] == 2 * 28
    assert found["accumulator_writes"] == 2 * 20
    assert found["accumulator_reads"] == 0


def test_vector_commands() -> None:
    plain, fused = total(requantize(10, 20)), total(requantize(10, 20, residual=1, residual_pixel_stride=32, table=1))
    assert plain["multiplies"] == plain["requantized"] == 200
    assert plain["accumulator_reads"] == plain["pad_writes"] == 20
    assert plain["pad_reads"] == 2 * 9
    assert fused["multiplies"] == 600 and fused["requantized"] == 400 and fused["lookups"] == 200
    assert fused["pad_reads"] == 18 + 20 + 16  # parameters, residual, table
    add = total(elementwise(10, 16, function=Function.ADD))
    assert (add["multiplies"], add["adds"], add["pad_reads"]) == (320, 640, 20)
    rescale = total(elementwise(10, 16, function=Function.RESCALE))
    assert (rescale["multiplies"], rescale["adds"], rescale["pad_reads"]) == (160, 320, 10)
    average, maximum = total(pool(4, 16)), total(pool(4, 16, function=Pooling.MAXIMUM))
    assert average["pad_reads"] == 4 * 4 and average["multiplies"] == 64 and maximum["multiplies"] == 0
    assert total(Range(accumulator=0, entries=5, columns=20, destination=1))["accumulator_reads"] == 10


def test_commands_of_training() -> None:
    scaled = total(requantize(10, 20, scaling=2, residual=2, residual_pixel_stride=32, range=1))
    assert (scaled["multiplies"], scaled["adds"], scaled["requantized"]) == (200, 6 * 200, 200)
    assert scaled["pad_reads"] == 2 * 4 + 20  # biases, mask
    update = Update(accumulator=0, entries=10, columns=24, master_address=0, master_row_stride=64, destination=0)
    narrow, wide = total(update), total(replace(update, wide=1))
    assert (narrow["pad_reads"], narrow["pad_writes"]) == (20, 20)
    assert (wide["pad_reads"], wide["pad_writes"]) == (30, 30 + 20)  # 48 bytes a row; the views
    assert wide["multiplies"] == 240 and wide["accumulator_reads"] == 20
    added = total(Sum(width=10, columns=16, a_address=0, b_address=0, output_address=0, masked=1))
    assert (added["pad_reads"], added["multiplies"], added["adds"]) == (30, 160, 4 * 160)
    assert total(LoadRegisters(register=0, count=3, pad_address=0))["pad_reads"] == 2 * 3
    assert total(StoreRegisters(register=0, count=3, pad_address=0))["pad_writes"] == 3
    assert total(elementwise(10, 16, function=Function.SELECT))["multiplies"] == 0


def test_commands_of_patch_skip() -> None:
    aligned = {"a_address": 0, "a_pixel_stride": 32, "a_plane_stride": 320, "b_address": 8, "b_pixel_stride": 32}
    compare = Compare(planes=5, pixels=10, columns=20, list_address=0, output_address=0, **aligned)
    found = alone(compare)
    assert found["pad_reads"] == 5 * 10 * 2 * (1 + 2) + 5 * 2  # of a, of b, of the list
    assert (found["pad_writes"], found["adds"], found["macs"]) == (5, 2 * 1000 + 5, 0)
    for name in ("planes", "pixels", "columns"):
        found = alone(replace(compare, **{name: 0}))
        assert not any(found[kind] for kind in ("pad_reads", "pad_writes", "adds")), name
    cells = List(mask_address=0, mask_row_stride=48, rows=3, columns=40, output_address=0, chunks=4, chunk=8)
    found = alone(cells)
    assert (found["pad_reads"], found["pad_writes"], found["adds"]) == (3 * 3, 120, 3 * 120 + 4)
    found = alone(replace(cells, rows=0))
    assert (found["pad_reads"], found["pad_writes"], found["adds"]) == (0, 0, 4)


@pytest.mark.parametrize("mode", MatrixMode)
def test_planes_are_more_rows_of_output(mode: MatrixMode) -> None:
    one = replace(matrix(4), mode=mode, taps=2, input_plane_stride=160)
    many, high = (alone(replace(one, planes=planes, output_height=rows)) for planes, rows in ((6, 1), (1, 6)))
    assert many == high and many["macs"] == 6 * alone(one)["macs"] > 0
    assert not alone(replace(one, planes=0))["macs"]


def alone(command: Command) -> defaultdict[str, int]:
    found = of_command(type(command), command, HW)
    return defaultdict(int, {name: int(np.asarray(value).sum()) for name, value in found.items()})


def test_traffic_by_memory() -> None:
    found = total(load(100, offset=4), load(64, "flash"), load(32, "external"), store(16, rows=3, bus_row_stride=64))
    assert found["sram_read_bytes"] == 100 and found["sram_read_beats"] == 13
    assert found["flash_read_bytes"] == 64 and found["external_read_bytes"] == 32
    assert found["sram_write_bytes"] == 48 and found["sram_write_beats"] == 6
    assert found["pad_writes"] == 7 + 4 + 2 and found["pad_reads"] == 3


def test_formulas_broadcast() -> None:
    fields = SimpleNamespace(**{name: getattr(matrix(), name) for name in Matrix.__dataclass_fields__})
    fields.output_width = np.array([1, 2, 3])
    fields.columns = np.array([[16], [32]])
    assert np.shape(of_command(Matrix, fields, HW)["macs"]) == (2, 3)
    wide = SimpleNamespace(rows=np.array([8, 16, 32]), columns=np.array([8, 16, 32]), kind=0)
    steps = of_command(Matrix, SimpleNamespace(**{n: getattr(matrix(), n) for n in Matrix.__dataclass_fields__}), wide)
    np.testing.assert_array_equal(steps["array_steps"], [4 * 2 * 32, 2 * 32, 32])


@pytest.mark.parametrize("seed", range(5))
def test_rows_sum_to_the_total_and_fields_match_decoded_commands(seed: int) -> None:
    rng = np.random.default_rng(seed)
    item = program(random_commands(rng, 60), rows=sorted(rng.integers(0, 5, 60).tolist()))
    counts = of_batches(batch.batches(item), 61, HW)
    by_row = counts.by_row(item.command_rows, 5).total()
    whole = counts.total()
    whole["command_bytes"] -= 64  # End belongs to no row
    assert by_row == whole
    for place, command in enumerate(item.decoded):
        single = Counts.zeros(1)
        for name, value in of_command(type(command), command, HW).items():
            getattr(single, name)[0] = value
        for name, value in single.total().items():
            if name != "command_bytes":
                assert value == getattr(counts, name)[place], (place, name)


def test_cycles_cover_the_macs() -> None:
    rng = np.random.default_rng(7)
    for command in random_commands(rng, 300):
        if isinstance(command, Matrix):
            found = of_command(Matrix, command, HW)
            assert int(cost.matrix(command, HW)) * 256 >= int(found["macs"])
            assert int(found["array_steps"]) * 256 >= int(found["macs"])


@pytest.mark.parametrize("planes", [0, 1, 70])
def test_planes_in_a_register_cost_and_count_like_immediate_ones(planes: int) -> None:
    load = Load(bus_address=bus_address("sram", 3), pad_address=0, row_bytes=9, rows=2, bus_plane_stride=21)
    counted = program([SetRegister(destination=3, value=planes), replace(load, planes=Register(3))])
    plain = program([replace(load, planes=planes)])
    loads = [next(item for item in batch.batches(item) if item.command is Load).fields for item in (counted, plain)]
    assert int(cost.beats(loads[0], HW)[0]) == int(cost.beats(loads[1], HW)[0])
    assert {name: int(value[0]) for name, value in of_command(Load, loads[0], HW).items()} == {
        name: int(value[0]) for name, value in of_command(Load, loads[1], HW).items()
    }
    assert int(of_command(Load, loads[0], HW)["pad_writes"][0]) == 2 * planes


def test_extents_in_registers() -> None:
    deep = requantize(10, 16, height=Register(3))
    found = batch.batches(
        program([SetRegister(destination=3, value=7), deep, SetRegister(destination=3, value=9), deep])
    )
    heights = next(item for item in found if item.command is Requantize).fields.height
    np.testing.assert_array_equal(heights, [7, 9])
    unknown = program([Range(accumulator=0, entries=1, columns=16, destination=3), deep])
    with pytest.raises(ValueError, match=r"command 1 .*height is in register 3, whose value data decides"):
        batch.batches(unknown)
    assert batch.batches(unknown, batch.Decided({1: {"height": 5}}))[0].fields.height[0] == 5
    stale = program(
        [SetRegister(destination=3, value=7), Range(accumulator=0, entries=1, columns=16, destination=3), deep]
    )
    with pytest.raises(ValueError, match="register 3"):
        batch.batches(stale)


def test_unknown_opcode_is_named() -> None:
    item = program([load()])
    words = item.commands.copy()
    words[0, 0] = 77
    broken = type(item)(**{n: getattr(item, n) for n in item.__dataclass_fields__ if n != "commands"}, commands=words)
    with pytest.raises(ValueError, match=r"command 0 .* unknown opcode 77"):
        batch.batches(broken)


def test_signed_fields_are_read_as_encoded() -> None:
    found = batch.batches(program([matrix(origin_y=-3, origin_x=-1, zero_point=-128)]))[0].fields
    assert (found.origin_y[0], found.origin_x[0], found.zero_point[0]) == (-3, -1, -128)
    assert Load.OPCODE == 1
