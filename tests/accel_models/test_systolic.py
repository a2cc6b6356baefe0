"""Systolic arrays: an array simulated register by register computes the product and takes the cycles of cost.py."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel_models import cost
from accel_models.area import area_mm2
from accel_models.commands import Matrix, MatrixMode
from accel_models.counts import of_command
from accel_models.energy import sources, unit_energies
from accel_models.gates import Gates, cells_um2
from accel_models.system import ArrayKind, System, load_system
from accel_models.timing import simulate
from rtl.bench.cosim import build_accelerator
from rtl.bench.support import need_rtl_of
from tests.accel_models.handmade import matrix, program
from tests.accel_models.systolic_array import OutputStationary, WeightStationary, blocks
from tests.accel_models.test_cost import batch
from tests.accel_models.test_slots import matrix_command

SYSTOLIC = [ArrayKind.WEIGHT_STATIONARY, ArrayKind.OUTPUT_STATIONARY]
SIZES = st.tuples(st.integers(1, 6), st.integers(1, 6))


def hardware(rows: int, columns: int, kind: int) -> cost.Hardware:
    return cost.Hardware(rows, columns, bus_bytes=8, dma_setup_cycles=3, max_burst_beats=64, kind=kind)


def operands(seed: int, pixels: int, depth: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.integers(-128, 128, (pixels, depth)), rng.integers(-128, 128, (depth, columns))


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 99), size=SIZES, shape=st.tuples(st.integers(1, 14), st.integers(1, 14), st.integers(1, 14)))
def test_weight_stationary_products(seed: int, size: tuple[int, int], shape: tuple[int, int, int]) -> None:
    (rows, columns), (pixels, depth, width) = size, shape
    a, b = operands(seed, pixels, depth, width)
    cuts = list(blocks(width, columns))
    array = WeightStationary(rows, columns, pixels * len(cuts))
    cycles = array.run(
        [
            (a[:, k], b[k, n], [group * pixels + pixel for pixel in range(pixels)])
            for group, n in enumerate(cuts)
            for k in blocks(depth, rows)
        ]
    )
    got = array.accumulators.reshape(len(cuts), pixels, columns).transpose(1, 0, 2).reshape(pixels, -1)[:, :width]
    np.testing.assert_array_equal(got, a @ b)
    command = matrix(pixels, depth, width, output_height=1, output_width=pixels)
    assert int(cost.matrix(command, hardware(rows, columns, ArrayKind.WEIGHT_STATIONARY))) == cycles


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 99), size=SIZES, shape=st.tuples(st.integers(1, 14), st.integers(1, 14), st.integers(1, 14)),
    transposed=st.booleans(),
)  # fmt: skip
def test_output_stationary_products(
    seed: int, size: tuple[int, int], shape: tuple[int, int, int], transposed: bool
) -> None:
    (rows, columns), (pixels, depth, width) = size, shape
    a, b = operands(seed, pixels, depth, width)
    cuts = list(blocks(width, columns))
    array = OutputStationary(rows, columns, pixels * len(cuts))
    tiles = []
    for group, n in enumerate(cuts):
        for m in blocks(pixels, rows):
            chunks = list(blocks(depth, rows))
            vectors = max(m.stop - m.start, n.stop - n.start if transposed else 0)  # that a block comes in
            entries = [group * pixels + pixel for pixel in range(m.start, m.stop)]
            tiles.append(([a[m, k] for k in chunks], [b[k, n] for k in chunks], entries, [vectors] * len(chunks)))
    cycles = array.run(tiles, turned=True)
    got = array.accumulators.reshape(len(cuts), pixels, columns).transpose(1, 0, 2).reshape(pixels, -1)[:, :width]
    np.testing.assert_array_equal(got, a @ b)
    command = matrix(pixels, depth, width, output_height=1, output_width=pixels, transposed=int(transposed))
    assert int(cost.matrix(command, hardware(rows, columns, ArrayKind.OUTPUT_STATIONARY))) == cycles


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 99), size=SIZES, shape=st.tuples(st.integers(1, 14), st.integers(1, 14), st.integers(1, 14)))
def test_outer_products_stay(seed: int, size: tuple[int, int], shape: tuple[int, int, int]) -> None:
    """Weight gradients: activations transposed times gradients, summed over pixels, both as they lie in memory."""
    (rows, columns), (pixels, run, width) = size, shape
    a, g = operands(seed, run, pixels, width)  # a [run, pixels]
    cuts = list(blocks(width, columns))
    array = OutputStationary(rows, columns, run * len(cuts))
    tiles = [
        ([a[m]], [g[:, n]], [group * run + row for row in range(m.start, m.stop)], [0])
        for group, n in enumerate(cuts)
        for m in blocks(run, rows)
    ]
    cycles = array.run(tiles, turned=False)
    got = array.accumulators.reshape(len(cuts), run, columns).transpose(1, 0, 2).reshape(run, -1)[:, :width]
    np.testing.assert_array_equal(got, a @ g)
    command = matrix(pixels, run, width, mode=MatrixMode.OUTER, output_height=1, output_width=pixels)
    assert int(cost.matrix(command, hardware(rows, columns, ArrayKind.OUTPUT_STATIONARY))) == cycles


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 99), size=SIZES, shape=st.tuples(st.integers(1, 14), st.integers(1, 14), st.integers(1, 14)))
def test_outer_products_with_gradients_in_place(seed: int, size: tuple[int, int], shape: tuple[int, int, int]) -> None:
    """Pixels are the contraction: a block's gradients shift in while the transposer turns its activations."""
    (rows, columns), (pixels, run, width) = size, shape
    a, g = operands(seed, run, pixels, width)
    cuts = list(blocks(width, columns))
    array = WeightStationary(rows, columns, run * len(cuts))
    cycles = array.run(
        [
            (a[m, p], g[p, n], [group * run + row for row in range(m.start, m.stop)])
            for group, n in enumerate(cuts)
            for m in blocks(run, rows)
            for p in blocks(pixels, rows)
        ]
    )
    got = array.accumulators.reshape(len(cuts), run, columns).transpose(1, 0, 2).reshape(run, -1)[:, :width]
    np.testing.assert_array_equal(got, a @ g)
    command = matrix(pixels, run, width, mode=MatrixMode.OUTER, output_height=1, output_width=pixels)
    assert int(cost.matrix(command, hardware(rows, columns, ArrayKind.WEIGHT_STATIONARY))) == cycles


@pytest.mark.parametrize("kind", SYSTOLIC)
@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 99), size=SIZES, pixels=st.integers(1, 14), taps=st.integers(1, 5), width=st.integers(1, 14))
def test_depthwise_is_dense_with_weights_on_the_diagonal(
    kind: ArrayKind, seed: int, size: tuple[int, int], pixels: int, taps: int, width: int
) -> None:
    rows, columns = size
    rng = np.random.default_rng(seed)
    a, w = rng.integers(-128, 128, (taps, pixels, width)), rng.integers(-128, 128, (taps, width))
    cuts = list(blocks(width, min(rows, columns)))
    place = np.zeros(width, np.int64)  # lane of each channel
    if kind == ArrayKind.WEIGHT_STATIONARY:
        array: WeightStationary | OutputStationary = WeightStationary(rows, columns, pixels * len(cuts))
        cycles = array.run(
            [
                (a[tap][:, n], np.diag(w[tap, n]), [group * pixels + pixel for pixel in range(pixels)])
                for group, n in enumerate(cuts)
                for tap in range(taps)
            ]
        )
    else:
        array = OutputStationary(rows, columns, pixels * len(cuts))
        cycles = array.run(
            [
                (
                    [a[tap][m, n] for tap in range(taps)],
                    [np.diag(w[tap, n]) for tap in range(taps)],
                    [group * pixels + pixel for pixel in range(m.start, m.stop)],
                    [m.stop - m.start] * taps,
                )
                for group, n in enumerate(cuts)
                for m in blocks(pixels, rows)
            ],
            turned=True,
        )
    for group, n in enumerate(cuts):
        place[n] = np.arange(n.stop - n.start)
        got = array.accumulators[group * pixels : (group + 1) * pixels, : n.stop - n.start]
        np.testing.assert_array_equal(got, (a[:, :, n] * w[:, None, n]).sum(axis=0))
    command = matrix(pixels, 0, width, mode=MatrixMode.DEPTHWISE, output_height=1, output_width=pixels, taps=taps)
    assert int(cost.matrix(command, hardware(rows, columns, kind))) == cycles


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_arrays_give_what_single_commands_give(seed: int) -> None:
    """Over commands and over kinds at once."""
    rng = np.random.default_rng(seed)
    commands = [matrix_command(rng, 4, 5) for _ in range(12)]
    kinds = np.array(list(ArrayKind))
    single = [[int(cost.matrix(c, hardware(4, 5, int(kind)))) for c in commands] for kind in kinds]
    found = cost.matrix(batch(commands), hardware(4, 5, kinds[:, None]))
    np.testing.assert_array_equal(found, single)
    assert found.dtype == np.int64


def macs_of(c: Matrix) -> int:
    depth = c.kernel_height * c.taps * (1 if c.mode == MatrixMode.DEPTHWISE else c.run_bytes)
    return c.output_height * c.output_width * c.columns * depth


@pytest.mark.parametrize("kind", SYSTOLIC)
@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), size=st.sampled_from([(4, 4), (3, 5), (8, 8), (16, 16)]))
def test_no_array_is_faster_than_its_peak_and_more_work_never_is(
    kind: ArrayKind, seed: int, size: tuple[int, int]
) -> None:
    command = matrix_command(np.random.default_rng(seed), *size)
    hw = hardware(*size, kind)
    cycles = int(cost.matrix(command, hw))
    assert cycles >= macs_of(command) / (size[0] * size[1])
    for name in ("output_height", "output_width", "columns", "kernel_height", "taps", "run_bytes"):
        more = getattr(command, name) + (name != "run_bytes" or command.mode != MatrixMode.DEPTHWISE)
        assert int(cost.matrix(replace(command, **{name: more}), hw)) >= cycles, name


def test_skew_is_paid_once_a_command() -> None:
    """16 x 16, 64 pixels, 64 products deep, 16 columns: four weight tiles follow each other without a gap."""
    command = matrix(64, 64, 16, output_height=1, output_width=64)
    assert int(cost.matrix(command, hardware(16, 16, ArrayKind.BROADCAST))) == 3 + 16 + 4 * 64 + 4
    assert int(cost.matrix(command, hardware(16, 16, ArrayKind.WEIGHT_STATIONARY))) == 3 + 16 + 4 * 64 + 31 + 2
    assert int(cost.matrix(command, hardware(16, 16, ArrayKind.OUTPUT_STATIONARY))) == 3 + 16 + 4 * 64 + 31 + 2 + 15


def systolic(dataflow: str, **more: Any) -> System:
    data = load_system("edge16").model_dump()
    data["accelerator"]["array"] |= {"kind": "systolic", "dataflow": dataflow, **more}
    return System.model_validate(data)


@pytest.mark.parametrize("dataflow", ["weight", "output"])
@pytest.mark.parametrize("mode", list(MatrixMode))
def test_the_event_machine_takes_the_cycles_of_cost(dataflow: str, mode: MatrixMode) -> None:
    run = 0 if mode == MatrixMode.DEPTHWISE else 40
    command = matrix(36, run, 24, mode=mode, output_height=1, output_width=36, taps=3, input_width=64)
    on = systolic(dataflow)
    assert on.accelerator is not None
    timing = simulate(program([command], on=on), ideal_scratchpad=True)
    assert timing.end[0] - timing.start[0] == cost.matrix(command, cost.Hardware.of(on.accelerator, on.bus))


@pytest.mark.parametrize("mode", list(MatrixMode))
def test_what_stays_is_not_moved(mode: MatrixMode) -> None:
    """Where outputs stay, each reaches the accumulators once; where weights stay, each is read once."""
    run = 0 if mode == MatrixMode.DEPTHWISE else 40
    command = matrix(36, run, 24, mode=mode, output_height=1, output_width=36, taps=3, input_width=64)
    weight, output = (of_command(Matrix, command, hardware(16, 16, kind)) for kind in SYSTOLIC)
    entries = {MatrixMode.DOT: 2 * 36, MatrixMode.DEPTHWISE: 2 * 36, MatrixMode.OUTER: 2 * 3 * 40}[mode]
    assert int(output["accumulator_writes"]) == entries and int(output["accumulator_reads"]) == 0
    passes = {MatrixMode.DOT: 3 * 3, MatrixMode.DEPTHWISE: 3, MatrixMode.OUTER: 3}[mode]  # taps x chunks; taps; bands
    assert int(weight["accumulator_writes"]) == passes * entries
    assert int(weight["accumulator_reads"]) == (passes - 1) * entries
    assert int(weight["macs"]) == int(output["macs"]) == macs_of(command)
    shifts = {MatrixMode.DOT: 2 * 3 * 40, MatrixMode.DEPTHWISE: 3 * 24, MatrixMode.OUTER: 2 * 3 * 3 * 36}[mode]
    assert int(weight["weight_vectors"]) == 16 * shifts


def test_registers_that_pass_operands_on_cost_area_and_energy() -> None:
    plain, weight, output = load_system("edge16"), systolic("weight"), systolic("output")
    more = area_mm2(weight)["array"] - area_mm2(plain)["array"]
    own = 40 * 256 + 8 * 120 + 40 * 120 + 8 * 256  # registers of the PEs, triangles before and behind, transposer
    assert more == pytest.approx(cells_um2(Gates(0, own), plain.technology) * 1e-6)
    assert area_mm2(output) == area_mm2(weight)
    assert {name for name in area_mm2(plain) if area_mm2(plain)[name] != area_mm2(weight)[name]} == {"array"}
    bit = unit_energies(plain).pe_register_byte / 8
    assert unit_energies(weight).array_step - unit_energies(plain).array_step == pytest.approx(40 * 256 * bit)
    low = [item for item in sources(weight) if item.name.startswith("systolic.")]
    assert len(low) == 2 and all(item.trust.startswith("low") for item in low)
    assert not any(item.name.startswith("systolic.") for item in sources(plain))


def test_there_is_no_rtl() -> None:
    need_rtl_of(load_system("edge16"))
    with pytest.raises(ValueError, match=r"accelerator\.array\.kind of system edge16: .*'broadcast'.* got 'systolic'"):
        need_rtl_of(systolic("output"))
    with pytest.raises(ValueError, match="array.kind"):
        build_accelerator(program([matrix()], on=systolic("weight")))
    with pytest.raises(ValueError, match="no accelerator"):
        need_rtl_of(load_system("cortex-m7"))
