"""Maps: a gather finds all that a patch reads between the borders, and zero points where the map ends."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from accel_models.network import Network
from cosim.lower import lower_stream
from cosim.stream.maps import Map, with_wide_pixels
from cosim.stream.patches import Region
from cosim.stream.plan import Layer, gathered, plan_stream
from tests.cosim.networks import NetworkBuilder
from tests.cosim.stream import drawn
from tests.cosim.stream.drawn import Block
from workloads.patchskip import Settings


def lowered(blocks: tuple[Block, ...], rows: int, columns: int, patch: int, **rules: object) -> Network:
    return lower_stream(drawn.quantized(blocks, rows, columns), Settings(patch=patch, **rules))  # type: ignore[arg-type]


def holds(item: Map, at: tuple[int, int], size: tuple[int, int]) -> bool:
    """Whether a map's borders hold such a piece."""
    return all(
        -before <= first and first + count <= pixels + after
        for first, count, pixels, before, after in zip(at, size, item.size, item.before, item.after, strict=True)
    )


def pieces(layer: Layer) -> list[tuple[Region, tuple[int, int]]]:
    """All patches of a layer: the region, and the patch's place in it."""
    return [
        (region, (y, x))
        for region in layer.target.grid.regions()
        for y in range(region.count[0])
        for x in range(region.count[1])
    ]


@settings(max_examples=15)
@given(st.data())
def test_patches_gather_all_they_read_between_the_borders(data: st.DataObject) -> None:
    patch = data.draw(st.sampled_from((4, 8, 12)))
    blocks = data.draw(drawn.blocks(patch, 4))
    network = lowered(blocks, data.draw(st.integers(9, 30)), data.draw(st.integers(9, 30)), patch)
    for layer in plan_stream(network).layers:
        for region, (y, x) in pieces(layer):
            pixel = tuple((region.first[i] + (y, x)[i]) * layer.target.grid.edge[i] for i in range(2))
            for place, source in enumerate(layer.sources):
                found = gathered(layer, place, region)
                at = tuple(found.at[i] + (y, x)[i] * found.step[i] for i in range(2))
                assert holds(source.map, at, found.size)
                for i, field in enumerate(source.fields):
                    last = (pixel[i] + region.edge[i] - 1) * field.stride - field.padding
                    assert at[i] == pixel[i] * field.stride - field.padding
                    assert at[i] + found.size[i] - 1 == last + (field.kernel - 1) * field.dilation


def test_a_map_that_nobody_reads_beyond_has_no_border() -> None:
    plan = plan_stream(lowered((Block(kind="conv", channels=32, kernel=1),), 13, 18, 4))
    assert [(item.before, item.after[0]) for item in plan.maps] == [((0, 0), 0)] * 4
    assert [item.bytes for item in plan.maps[1:3]] == [13 * 18 * 32, 32]


def test_only_what_is_compared_with_something_else_than_itself_has_a_reference() -> None:
    """The map of the frame before is the reference of theta 0; the frame is written anew."""
    blocks = (Block(kind="conv", channels=8), Block(kind="identity", channels=8))
    for rules, want in (
        ({"theta": 0}, {"x"}),
        ({"theta": {"made_1_first": 1}}, {"x", "made_1_first"}),
        ({"theta": 3, "compare": "input"}, {"x"}),
        ({"theta": 3}, {"x", "made_0_first", "made_1_first", "mean"}),
    ):
        plan = plan_stream(lowered(blocks, 13, 18, 4, **rules))
        assert {item.name for item in plan.maps if item.reference is not None} == want


def test_a_frame_has_room_for_zero_points_and_lines_end_on_a_beat_of_any_bus() -> None:
    frame = plan_stream(lowered((Block(kind="conv", channels=8, kernel=5),), 9, 14, 4)).frame
    assert frame.before == (2, 2) and frame.lines == 13 and frame.pixels >= 18
    assert frame.at(0, 0) == (2 * frame.pixels + 2) * 4 and frame.pitch % 32 == 0
    assert frame.bytes == frame.lines * frame.pitch


def test_the_fourth_byte_of_a_pixel_has_no_weight() -> None:
    net = NetworkBuilder()
    given = net.build(net.conv(net.input("x", (1, 6, 6, 3)), 8))
    wide = with_wide_pixels(given)
    (operator,) = wide.operators
    weight = wide.constants[operator.inputs[1]]
    np.testing.assert_array_equal(weight[:, :, :3], given.constants[operator.inputs[1]])
    assert weight.shape[2] == 4 and not weight[:, :, 3].any() and wide.tensors["x"].shape == (1, 6, 6, 4)
