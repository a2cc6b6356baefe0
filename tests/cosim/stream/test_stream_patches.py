"""Patches: which ones a patch reads, counted pixel by pixel; and pieces of a map, which are all of it, once."""

from collections import Counter
from itertools import product

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from cosim.stream.patches import Field, Grid, Reach, Region, reach


def read_by(field: Field, target: int, target_edge: int, source: int, source_edge: int) -> list[set[int]]:
    """Of an axis: the source patches with a pixel between the first and the last tap of any pixel of each patch.

    What lies outside the map counts as its nearest pixel: a patch has one to read always.
    """
    found = []
    for first in range(0, target, target_edge):
        pixels: set[int] = set()
        for output in range(first, min(first + target_edge, target)):
            start = output * field.stride - field.padding
            pixels |= set(range(start, start + field.dilation * (field.kernel - 1) + 1))
        found.append({min(max(pixel, 0), source - 1) // source_edge for pixel in pixels})
    return found


def read_through(axis: Reach, target: int, source: int) -> list[set[int]]:
    """The same by a Reach; ``target`` and ``source`` in patches."""
    starts = [axis.stride * place + axis.origin for place in range(target)]
    return [set(range(max(start, 0), min(start + axis.kernel, source))) for start in starts]


@st.composite
def axes(draw: st.DrawFn) -> tuple[Field, int, int, int, int]:
    """A field, and pixels and edges of what reads through it and of what is read."""
    field = Field(
        draw(st.integers(1, 7)), draw(st.integers(1, 3)), draw(st.integers(0, 3)), draw(st.integers(1, 2))
    )  # fmt: skip
    source, edge = draw(st.integers(1, 40)), draw(st.integers(1, 12))
    target = (source + 2 * field.padding - (field.kernel - 1) * field.dilation - 1) // field.stride + 1
    assume(target > 0)
    return field, target, max(1, edge // field.stride), source, edge


@given(axes())
def test_a_reach_is_what_the_receptive_field_touches(drawn: tuple[Field, int, int, int, int]) -> None:
    field, target, target_edge, source, edge = drawn
    grids = Grid((source, 1), (edge, 1)), Grid((target, 1), (target_edge, 1))
    want = read_by(field, target, target_edge, source, edge)
    patches = grids[0].shape[0]
    try:
        found, _ = reach(*grids, (field, Field(1)))
    except ValueError as error:
        assert f"patches of {target_edge} pixels read uneven patches of {edge}" in str(error)
        assume(patches <= 6)
        places = range(-patches, patches + 1)
        tried = (Reach(*item) for item in product(range(patches + 1), places, range(1, 2 * patches + 1)))
        assert want not in [read_through(item, len(want), patches) for item in tried]
        return
    assert read_through(found, len(want), patches) == want


@pytest.mark.parametrize("edge", [4, 8, 12, 16])
@pytest.mark.parametrize(
    "field", [Field(3, 1, 1), Field(3, 2, 1), Field(1, 2), Field(5, 1, 2), Field(1), Field(3, 1, 2, 2)]
)
def test_patches_that_strides_divide_have_a_reach_whatever_the_size(edge: int, field: Field) -> None:
    for source in range(2, 70):
        target = (source + 2 * field.padding - (field.kernel - 1) * field.dilation - 1) // field.stride + 1
        grid = Grid((source, source), (edge, edge))
        reach(grid, grid.through((target, target), (field.stride, field.stride)), (field, field))


def test_rows_and_columns_have_their_own_reach() -> None:
    source = Grid((24, 24), (8, 4))
    found = reach(source, source.through((24, 12), (1, 2)), (Field(3, 1, 1), Field(3, 2, 1)))
    assert found == (Reach(1, -1, 3), Reach(1, -1, 2))


@given(st.builds(Field, st.integers(1, 5), st.integers(1, 3), st.integers(0, 2), st.integers(1, 3)), st.integers(1, 9))
def test_a_span_is_from_the_first_tap_to_the_last(field: Field, pixels: int) -> None:
    taps = {i * field.stride + k * field.dilation for i in range(pixels) for k in range(field.kernel)}
    assert field.span(pixels) == max(taps) - min(taps) + 1


def cells(regions: list[Region]) -> Counter[tuple[int, int]]:
    return Counter(
        (region.first[0] + y, region.first[1] + x)
        for region in regions
        for y in range(region.count[0])
        for x in range(region.count[1])
    )


@given(*[st.integers(1, 60)] * 2, *[st.integers(1, 17)] * 2)
def test_regions_are_all_pixels_once(rows: int, columns: int, down: int, across: int) -> None:
    grid = Grid((rows, columns), (down, across))
    covered = np.zeros((rows, columns), int)
    for region in grid.regions():
        for y, x in cells([region]):
            corner = covered[y * down :, x * across :][: region.edge[0], : region.edge[1]]
            assert corner.shape == region.edge
            corner += 1
    assert (covered == 1).all() and len(grid.regions()) <= 4
    assert sum(region.cells for region in grid.regions()) == grid.cells


@given(*[st.integers(0, 5)] * 2, *[st.integers(1, 40)] * 2, st.integers(1, 300))
def test_pieces_are_all_cells_once_and_of_a_size(y: int, x: int, rows: int, columns: int, most: int) -> None:
    region = Region((y, x), (rows, columns), (8, 6))
    want = cells([region])
    for pieces in (region.bands(most), region.ramped(most)):
        assert cells(pieces) == want and {piece.edge for piece in pieces} == {region.edge}
        assert max(piece.cells for piece in pieces) <= most
    across = min(columns, most)
    least = -(-columns // across) * -(-rows // max(1, most // across))
    assert len(region.bands(most)) <= 2 * least  # even pieces are smaller than they may be


def test_a_row_of_patches_starts_and_ends_short() -> None:
    """What nothing runs beside: the first load and the last store."""
    pieces = Region((0, 0), (15, 20), (8, 8)).ramped(40)
    assert [piece.cells for piece in pieces[:3]] == [piece.cells for piece in pieces[:-4:-1]] == [3, 6, 11]
    assert min(piece.cells for piece in pieces[3:-3]) > 11
