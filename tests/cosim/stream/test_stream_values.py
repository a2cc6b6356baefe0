"""Compiled streams compute, skip, count and decide as PyTorch's do, in every bit of every map after every frame."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel_models.commands import List
from accel_models.golden.machine import run_program
from accel_models.system import load_system, parse_system
from cosim.encode import compile_network
from cosim.lower import lower_dense
from cosim.stream.context import MOST_CHUNKS
from tests.cosim.stream import drawn
from tests.cosim.stream.drawn import CHIPS, Block
from tests.cosim.stream.twins import Twins
from workloads.patchskip import Frame, Settings


@settings(max_examples=25)
@given(st.data())
def test_drawn_streams_equal_those_of_pytorch(data: st.DataObject) -> None:
    chip = CHIPS[data.draw(st.sampled_from(sorted(CHIPS)), label="chip")]
    patch = data.draw(st.sampled_from((4, 4, 8, 8, 12, 16)), label="patch")
    rows = data.draw(st.integers(9, 40), label="rows")
    columns = data.draw(st.integers(9, 48).filter(lambda size: size != rows), label="columns")
    made = data.draw(drawn.blocks(patch, chip.bus.bytes_per_cycle), label="blocks")
    seed = data.draw(st.integers(0, 999), label="seed")
    network = drawn.quantized(made, rows, columns, head=data.draw(st.booleans(), label="head"), seed=seed)
    rules = data.draw(drawn.settings_of(network, patch), label="settings")
    changes = data.draw(drawn.changes(), label="changes")
    twins = Twins(network, rules, chip)
    for frame in drawn.inputs(drawn.clip(changes, rows, columns, seed)):
        twins(frame)
        assert twins.differences == []


def rests(twins: Twins, frame: Frame) -> int:
    """Patches of joins of which only the second operand is new."""
    layers, masks = twins.plan.layers, frame.recomputed
    joined = [(join, before) for join, before in zip(layers[1:], layers, strict=False) if join.joined_to(before)]
    return sum(int((masks[join.name] & ~masks[before.name]).sum()) for join, before in joined)


@pytest.mark.parametrize("chip", ["4x4, short", "16x16, short"])
def test_a_stream_of_every_kind_of_frame(chip: str) -> None:
    """Whole: the first, a refresh, after a look, and the blind one after that. Nothing, a part, joins in two passes."""
    thetas = {"x": 2, "made_0_first": 40, "add": 9, "made_2_first": 5, "add_2": 12}
    twins = Twins(drawn.residual(), Settings(theta=thetas, patch=8, refresh=5), CHIPS[chip])
    changes = ["none", "faint", "box", "noise", "edge", "none", "global", "none", "point", "none"]
    frames = []
    for image in drawn.inputs(drawn.clip(changes, *drawn.RESIDUAL, 11)):
        frames.append(twins(image))
        assert twins.differences == []
    assert [frame.whole for frame in frames] == [place in (0, 5, 7, 8, 10) for place in range(11)]
    assert [bool(frame.cost.compared) for frame in frames] == [place not in (0, 5, 8, 10) for place in range(11)]
    computed = [sum(int(mask.sum()) for name, mask in frame.recomputed.items() if name != "x") for frame in frames]
    assert computed[1] == computed[6] == 0 < min(computed[2], computed[9])
    assert sum(rests(twins, frame) for frame in frames if not frame.whole) > 2


def test_with_theta_0_the_output_is_that_of_the_dense_network() -> None:
    """Of the program of every other network: operators fused, nothing skipped."""
    network = drawn.residual()
    twins = Twins(network, Settings(theta=0, patch=4, dense_above=2.0), CHIPS["4x4"])
    dense = compile_network(lower_dense(network), CHIPS["4x4"], "sram", search=False)
    images = drawn.inputs(drawn.clip(["box", "edge", "noise", "faint"], *drawn.RESIDUAL, 5))
    want = run_program(dense, {dense.inputs[0]: images[:, None].numpy()}).codes[dense.outputs[0]]
    for image, output in zip(images, want, strict=True):
        frame = twins(image)
        np.testing.assert_array_equal(twins.compiled.map(twins.program.outputs[0]).ravel(), output.ravel())
    assert not frame.whole and len(np.unique(want, axis=0)) > 1


def test_maps_may_lie_in_external_ram() -> None:
    """Where SRAM is short; the values are the same."""
    plain = drawn.chip(16, 16, sram_bytes=200 << 10)
    short = parse_system(plain.model_dump() | {"external_ram": load_system("edge16-ext").external_ram})
    twins = Twins(drawn.residual(), Settings(patch=8, theta=3), short)
    assert {binding.space for binding in twins.program.bindings.values()} == {"sram", "external"}
    for image in drawn.inputs(drawn.clip(["box", "faint", "edge"], *drawn.RESIDUAL, 6)):
        twins(image)
        assert twins.differences == []


def test_bands_of_as_many_chunks_as_registers_count() -> None:
    """One patch at a time; every other band has its counts in the registers behind."""
    rows, columns = 24, 8 * MOST_CHUNKS
    network = drawn.quantized((Block(kind="conv", channels=16), Block(kind="conv", channels=16)), rows, columns)
    chip = drawn.chip(16, 16, pad_bytes=1 << 18, entries=128)
    twins = Twins(network, Settings(patch=8, theta=1, dense_above=2.0), chip)
    chunks = [command.chunks for command in twins.program.decoded if isinstance(command, List)]
    assert chunks.count(MOST_CHUNKS) == 2 * 3  # layers, rows of patches
    for image in drawn.inputs(drawn.clip(["box", "edge", "global"], rows, columns, 8)):
        assert twins(image).whole == (twins.stream.frames == 1)
        assert twins.differences == []
