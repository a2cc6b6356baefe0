"""A convolution on chosen patches only: gather each with its halo, compute, scatter."""

import torch
from torch.nn import functional

from workloads.patchskip.graph import Window
from workloads.patchskip.grid import Grid
from workloads.patchskip.integer import Operator, convolve


def spans(window: Window, edge: tuple[int, int]) -> tuple[int, int]:
    """Rows and columns of input that an output patch of `edge` reads."""
    down, across = (
        (e - 1) * s + d * (k - 1) + 1
        for e, s, d, k in zip(edge, window.stride, window.dilation, window.kernel, strict=True)
    )
    return down, across


def convolve_patches(
    operator: Operator, x: torch.Tensor, grid: Grid, mask: torch.Tensor, previous: torch.Tensor
) -> torch.Tensor:
    """The output (c, rows, columns) int8: patches in `mask` (bool, of the output's `grid`) anew, others as before."""
    window = operator.layer.window
    span = spans(window, grid.edge)
    steps = [edge * stride for edge, stride in zip(grid.edge, window.stride, strict=True)]
    needed = [(n - 1) * step + size for n, step, size in zip(grid.shape, steps, span, strict=True)]
    below, right = (
        max(0, need - size - pad) for need, size, pad in zip(needed, x.shape[1:], window.padding, strict=True)
    )
    padded = functional.pad(x, (window.padding[1], right, window.padding[0], below), value=operator.pad_code)
    down, across = mask.nonzero(as_tuple=True)
    windows = padded.unfold(1, span[0], steps[0]).unfold(2, span[1], steps[1])
    computed = convolve(operator, windows[:, down, across].transpose(0, 1), (0, 0))
    tiles = grid.tiles(previous).clone()
    tiles[:, down, :, across] = computed  # chosen patches first, as indexing with two separate lists has it
    whole = tiles.reshape(len(previous), grid.shape[0] * grid.edge[0], grid.shape[1] * grid.edge[1])
    return whole[:, : grid.rows, : grid.columns].contiguous()
