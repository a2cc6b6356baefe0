"""Tiles whose contraction is cut into parts: the same values, a legal order, an earlier start of the array."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from accel_models import cost
from accel_models.checker import CheckError, check_program
from accel_models.commands import Load, Matrix, MatrixMode
from accel_models.golden.machine import run_program
from accel_models.kernels import run_network
from accel_models.network import Network
from accel_models.program import Program
from accel_models.system import System
from accel_models.timing import simulate
from cosim.encode import compile_network
from cosim.tile import matrix_geometry, plan_matrix
from cosim.tile.parts import divisible
from tests.cosim.networks import NetworkBuilder, system


def product(
    pixels: int, channels: int, columns: int, seed: int = 0, images: int = 1, table: bool = False
) -> tuple[Network, np.ndarray]:
    net = NetworkBuilder(seed)
    net.input("x", (images, pixels // 2, 2, channels))
    network = net.build(net.conv("x", columns, (1, 1), padding=(0, 0, 0, 0), table=table))
    return network, net.codes("x", seed)


def compiled(network: Network, chip: System, weights: str = "sram") -> Program:
    return compile_network(network, chip, weights, search=False)  # type: ignore[arg-type]


def parts_of(program: Program) -> int:
    """Matrix commands that go on with sums, fewer channels at a time than there are."""
    return sum(isinstance(command, Matrix) and command.accumulate == 1 for command in program.decoded)


@settings(max_examples=40)
@given(
    pixels=st.integers(40, 160),
    channels=st.integers(30, 150),
    columns=st.integers(5, 70),
    shape=st.sampled_from([(4, 4), (3, 5), (8, 8)]),
    depth=st.sampled_from([6, 16]),
    images=st.integers(1, 2),
    table=st.booleans(),
    seed=st.integers(0, 99),
)
def test_values_do_not_depend_on_parts(
    pixels: int, channels: int, columns: int, shape: tuple[int, int], depth: int, images: int, table: bool, seed: int
) -> None:
    network, codes = product(pixels, channels, columns, seed, images, table)
    chip = system(*shape, 8192, accumulators={"entries": 128}, token_depth=depth, queue_depth=depth // 3)
    program = compiled(network, chip)
    output = network.outputs[0]
    want = run_network(network, {"x": codes})[output]
    np.testing.assert_array_equal(run_program(program, {"x": codes[None]}).codes[output][0], want)
    check_program(program)
    event("cut" if parts_of(program) else "whole")


def test_two_tiles_take_turns() -> None:
    """Each goes on in its own half of the accumulators, and what the first sums need is loaded first."""
    network, _ = product(256, 256, 256)
    program = compiled(network, system(16, 16, 131072, accumulators={"entries": 512}))
    sums = [command for command in program.decoded if isinstance(command, Matrix)]
    assert [command.accumulate for command in sums[:4]] == [0, 0, 1, 1]
    assert sums[0].accumulator == sums[2].accumulator != sums[1].accumulator == sums[3].accumulator
    assert sums[0].run_bytes == sums[1].run_bytes < 256 and sums[0].run_bytes % 16 == 0
    rows, weights = [command for command in program.decoded if isinstance(command, Load)][:2]
    assert (rows.row_bytes, rows.rows) == (sums[0].run_bytes, sums[0].output_height)
    assert weights.row_bytes == sums[0].run_bytes * sums[0].columns


def test_parts_must_keep_their_order() -> None:
    """Without its tokens a program in parts is refused: loads would overtake the sums that read what they replace."""
    network, _ = product(120, 96, 40)
    program = compiled(network, system(4, 4, 8192, accumulators={"entries": 128}))
    commands = program.commands.copy()
    commands[:, 1] = 0
    with pytest.raises(CheckError):
        check_program(replace(program, commands=commands))


def test_a_product_starts_sooner_in_parts() -> None:
    network, _ = product(256, 256, 256)
    chip = system(16, 16, 131072, accumulators={"entries": 512})
    assert chip.accelerator is not None
    hw = cost.Hardware.of(chip.accelerator, chip.bus)
    geometry = matrix_geometry(network, network.operators[0], hw.rows)
    whole, parted = (plan_matrix(geometry, hw, 256, streamed=True, stored=True, parted=flag) for flag in (False, True))
    assert not whole.parts and len(parted.parts) > 1 and sum(parted.parts) == 256
    assert parted.predicted_cycles < whole.predicted_cycles - 1000
    program = compiled(network, chip)
    timing = simulate(program, ideal_scratchpad=True)
    first = next(i for i, command in enumerate(program.decoded) if isinstance(command, Matrix))
    assert timing.start[first] < 500
    assert timing.total_cycles < 256**3 // 256 + 2000
    assert timing.total_cycles == pytest.approx(parted.predicted_cycles, rel=0.01)
    assert simulate(program).total_cycles <= 68_000  # conflicts in banks included


def test_weights_from_flash_are_not_waited_for_in_parts() -> None:
    network, _ = product(120, 96, 40)
    assert not parts_of(compiled(network, system(4, 4, 8192, accumulators={"entries": 128}), "flash"))


@pytest.mark.parametrize(
    ("kernel", "padding", "stride"), [((3, 1), (0, 0, 0, 0), (1, 1)), ((1, 1), (1, 0, 0, 0), (1, 1))]
)
def test_only_pointwise_layers_are_divisible(
    kernel: tuple[int, int], padding: tuple[int, int, int, int], stride: tuple[int, int]
) -> None:
    net = NetworkBuilder(0)
    net.input("x", (1, 12, 3, 32))
    network = net.build(net.conv("x", 16, kernel, stride, padding))
    geometry = matrix_geometry(network, network.operators[0], 4)
    assert geometry.mode == MatrixMode.DOT and not divisible(geometry)
    plain, _ = product(12, 32, 16)
    assert divisible(matrix_geometry(plain, plain.operators[0], 4))


def test_an_input_passes_through_where_that_is_faster() -> None:
    """128 x 128 bytes would fit, but whoever keeps them waits for all of them; the search finds out."""
    network, _ = product(128, 128, 128)
    chip = system(16, 16, 131072, accumulators={"entries": 512})
    kept, searched = compiled(network, chip), compile_network(network, chip, "sram")
    assert not parts_of(kept) and parts_of(searched)
    assert simulate(searched).total_cycles < simulate(kept).total_cycles - 500
