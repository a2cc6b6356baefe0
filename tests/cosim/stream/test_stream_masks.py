"""Masks: what golden's Pool finds with their fields are the patches that read a marked one, and nothing else."""

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

from accel_models.commands import Pool
from accel_models.golden.dispatch import State, execute
from cosim.stream.masks import Mask, by_rows, dilate, margin_of, place_masks
from cosim.stream.patches import Field, Grid, reach
from tests.cosim.stream.drawn import chip
from tests.cosim.stream.test_stream_patches import read_by

END = 32768
CHIP = chip(3, 5, pad_bytes=END)


@st.composite
def readers(draw: st.DrawFn) -> tuple[Grid, Grid, tuple[Field, Field]]:
    """A map, one that is made of it, and how; whole maps too, which are read at once."""
    size, edges = (tuple(draw(st.integers(1, high)) for _ in range(2)) for high in (90, 8))
    source = Grid(size, edges)
    if draw(st.integers(0, 4)) == 0:
        return source, Grid((1, 1), (1, 1)), (Field(size[0]), Field(size[1]))
    kernel, stride = draw(st.sampled_from((1, 3, 5))), draw(st.integers(1, 2))
    field = Field(kernel, stride, kernel // 2)
    return source, source.through(tuple((pixels - 1) // stride + 1 for pixels in size), (stride, stride)), (field,) * 2


@given(readers(), st.integers(0, 2**32 - 1), st.sampled_from((0.02, 0.3, 1.0)))
def test_a_dilation_marks_the_patches_that_read_a_marked_one(
    drawn: tuple[Grid, Grid, tuple[Field, Field]], seed: int, share: float
) -> None:
    source, target, fields = drawn
    try:
        reaches = reach(source, target, fields)
    except ValueError:
        assume(False)
    rng = np.random.default_rng(seed)
    names = {"before": source, "source": source, "target": target, "after": target}
    masks, start = place_masks(names, margin_of([reaches]), END)
    state = State.of(CHIP, 1)
    state.scratchpad[:, :start] = 99  # whatever lies in front of the masks
    for name in ("before", "after"):
        put(state, masks[name], np.ones(names[name].shape, np.uint8))
    marked = rng.random(source.shape) < share
    put(state, masks["source"], marked)
    put(state, masks["target"], rng.integers(0, 2, target.shape))
    want = state.scratchpad.copy()
    execute(Pool(**dilate(masks["source"], masks["target"], reaches)), state)
    rows, columns = (
        [sorted(found) for found in read_by(fields[axis], target.size[axis], target.edge[axis], source.size[axis],
                                            source.edge[axis])]
        for axis in range(2)
    )  # fmt: skip
    put_to(want, masks["target"], np.array([[marked[np.ix_(y, x)].any() for x in columns] for y in rows]))
    np.testing.assert_array_equal(state.scratchpad, want)


def put(state: State, mask: Mask, values: np.ndarray) -> None:
    put_to(state.scratchpad, mask, values)


def put_to(pad: np.ndarray, mask: Mask, values: np.ndarray) -> None:
    for row, line in enumerate(values):
        pad[0, mask.at(row, 0) :][: len(line)] = line


def test_wide_windows_and_strides_go_patch_by_patch() -> None:
    """They need no zeros beside the rows of a mask."""
    source = Grid((8, 400), (8, 8))
    (_, across) = reach(source, Grid((1, 1), (1, 1)), (Field(8), Field(400)))
    assert across.kernel == 50 and not by_rows(across) and margin_of([(across, across)]) == 0
    (_, narrow) = reach(source, source, (Field(3, 1, 1), Field(3, 1, 1)))
    assert by_rows(narrow) and margin_of([(across, across), (narrow, narrow)]) == narrow.kernel == 3


def test_masks_lie_at_the_end_of_the_scratchpad_and_apart() -> None:
    grids = {"a": Grid((30, 50), (8, 8)), "b": Grid((5, 7), (1, 1)), "c": Grid((1, 1), (1, 1))}
    masks, start = place_masks(grids, 3, 4096)
    taken = [
        mask.at(row, column)
        for mask in masks.values()
        for row in range(mask.grid.shape[0])
        for column in range(-3, mask.grid.shape[1] + 3)
    ]
    assert sorted(taken) == list(range(start, 4096))
