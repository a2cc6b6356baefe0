"""Patches, and the exact halo: which output patches read which input patches."""

import pytest
import torch

from workloads.patchskip.graph import Window
from workloads.patchskip.grid import Grid, reach, through


@pytest.mark.parametrize(
    ("rows", "columns", "edge"), [(12, 16, (4, 4)), (7, 5, (3, 2)), (3, 3, (8, 8)), (5, 9, (1, 2))]
)
def test_patches_cover_a_map_once(rows: int, columns: int, edge: tuple[int, int]) -> None:
    grid = Grid(rows, columns, edge)
    numbers = torch.arange(grid.shape[0] * grid.shape[1]).reshape(grid.shape)
    assert torch.equal(
        grid.pixels(numbers).flatten().bincount(minlength=numbers.numel()).view(grid.shape), grid.areas()
    )
    image = torch.randint(0, 100, (3, rows, columns), generator=torch.Generator().manual_seed(0))
    for patch in numbers.flatten():
        inside = image[:, grid.pixels(numbers) == patch]
        assert grid.largest(image).flatten()[patch] == inside.max()
        assert grid.sums(image).flatten()[patch] == inside.sum()


@pytest.mark.parametrize("edge", [2, 3, 7, 50])
@pytest.mark.parametrize(
    "window",
    [
        Window((3, 3), (1, 1), (1, 1)),
        Window((3, 3), (2, 2), (1, 1)),
        Window((5, 3), (1, 2), (2, 0)),
        Window((3, 3), (1, 1), (2, 2), (2, 2)),
        Window((1, 1), (2, 2)),
        Window((2, 2), (2, 2)),
        Window((3, 1), (3, 1)),
        Window((14, 11), (14, 11)),
    ],
    ids=str,
)
def test_reach_is_what_a_convolution_reads(edge: int, window: Window) -> None:
    """The gradient of an output patch names the input pixels that it depends on."""
    x = torch.zeros(1, 1, 14, 11, requires_grad=True)
    y = torch.conv2d(x, torch.ones(1, 1, *window.kernel), None, window.stride, window.padding, window.dilation)
    source = Grid(14, 11, (edge, edge))
    target = through(source, *y.shape[2:], window)
    found = reach(source, target, window)
    for row in range(target.shape[0]):
        for column in range(target.shape[1]):
            chosen = torch.zeros(target.shape, dtype=torch.bool)
            chosen[row, column] = True
            (used,) = torch.autograd.grad(y[0, 0][target.pixels(chosen)].sum(), x, retain_graph=True)
            touched = source.largest(used[0]) > 0
            for position in touched.nonzero():
                one = torch.zeros(source.shape, dtype=torch.bool)
                one[tuple(position)] = True
                assert found(one)[row, column]
            if window.dilation == (1, 1) and min(k - s for k, s in zip(window.kernel, window.stride, strict=True)) >= 0:
                assert not found(~touched)[row, column]  # no more than that, where windows leave no gaps
            assert found.taps()[row, column] >= touched.sum()
