"""Patches of a map, and which output patches read which input patches: the halo rule, exactly.

The last patches of a row or column are smaller where the edge does not divide the map.
"""

from dataclasses import dataclass

import torch
from torch.nn import functional

from workloads.patchskip.graph import Pair, Window


def _ceil(a: int, b: int) -> int:
    return -(-a // b)


@dataclass(frozen=True, slots=True)
class Grid:
    """A map of rows x columns pixels in patches of `edge` (rows, columns) pixels."""

    rows: int
    columns: int
    edge: Pair

    @property
    def shape(self) -> Pair:
        """Patches down and across."""
        return _ceil(self.rows, self.edge[0]), _ceil(self.columns, self.edge[1])

    def areas(self) -> torch.Tensor:
        """int64 (down, across): pixels of each patch."""
        sizes = (
            (torch.full((n,), edge) - functional.one_hot(torch.tensor(n - 1), n) * (n * edge - length))
            for n, edge, length in zip(self.shape, self.edge, (self.rows, self.columns), strict=True)
        )
        down, across = sizes
        return down[:, None] * across

    def pixels(self, mask: torch.Tensor) -> torch.Tensor:
        """A value per patch (down, across) spread over its pixels (rows, columns)."""
        spread = mask.repeat_interleave(self.edge[0], 0).repeat_interleave(self.edge[1], 1)
        return spread[: self.rows, : self.columns]

    def tiles(self, image: torch.Tensor) -> torch.Tensor:
        """(channels, rows, columns) -> (channels, down, edge, across, edge), padded with 0 where patches end early."""
        down, across = self.shape
        image = functional.pad(image, (0, across * self.edge[1] - self.columns, 0, down * self.edge[0] - self.rows))
        return image.reshape(len(image), down, self.edge[0], across, self.edge[1])

    def largest(self, image: torch.Tensor) -> torch.Tensor:
        """(down, across): the largest of the values >= 0 of a patch, all channels."""
        return self.tiles(image).amax(dim=(0, 2, 4))

    def sums(self, image: torch.Tensor) -> torch.Tensor:
        """int64 (down, across): the sum of a patch's values, all channels."""
        return self.tiles(image).sum(dim=(0, 2, 4), dtype=torch.int64)


@dataclass(frozen=True, slots=True)
class Reach:
    """First and last input patch (inclusive) that each output patch's receptive field touches, by row and column."""

    rows: tuple[torch.Tensor, torch.Tensor]
    columns: tuple[torch.Tensor, torch.Tensor]

    def __call__(self, mask: torch.Tensor) -> torch.Tensor:
        """The output patches that read any of the input patches in `mask` (bool): the OR over their ranges."""
        total = functional.pad(mask.to(torch.int64).cumsum(0).cumsum(1), (1, 0, 1, 0))
        (top, bottom), (left, right) = self.rows, self.columns
        below, above = total[bottom + 1], total[top]
        found = below[:, right + 1] - below[:, left] - above[:, right + 1] + above[:, left]
        return found > 0

    def matrices(self) -> tuple[torch.Tensor, torch.Tensor]:
        """float32 (output, input) patches of rows and of columns: 1 where one reads the other."""
        rows, columns = (
            torch.stack([(patch >= first) & (patch <= last) for patch in range(int(last.max()) + 1)], dim=1)
            for first, last in (self.rows, self.columns)
        )
        return rows.to(torch.float32), columns.to(torch.float32)

    def taps(self) -> torch.Tensor:
        """int64 (down, across): input patches that each output patch looks at; the work of the dilation."""
        down, across = (last - first + 1 for first, last in (self.rows, self.columns))
        return down[:, None] * across


def _range(
    out_size: int, out_edge: int, in_size: int, in_edge: int, window: Window, axis: int
) -> tuple[torch.Tensor, torch.Tensor]:
    kernel, stride, padding, dilation = (
        pair[axis] for pair in (window.kernel, window.stride, window.padding, window.dilation)
    )
    first_pixel = torch.arange(0, out_size, out_edge)
    last_pixel = (first_pixel + out_edge).clamp(max=out_size) - 1
    low = (first_pixel * stride - padding).clamp(0, in_size - 1)
    high = (last_pixel * stride - padding + dilation * (kernel - 1)).clamp(0, in_size - 1)
    return low // in_edge, high // in_edge


def reach(source: Grid, target: Grid, window: Window) -> Reach:
    """Which patches of `source` the patches of `target` read through `window`."""
    return Reach(
        _range(target.rows, target.edge[0], source.rows, source.edge[0], window, 0),
        _range(target.columns, target.edge[1], source.columns, source.edge[1], window, 1),
    )


def through(source: Grid, rows: int, columns: int, window: Window) -> Grid:
    """The grid of an output map: patches shrink with the stride, down to one pixel."""
    down, across = (max(1, edge // stride) for edge, stride in zip(source.edge, window.stride, strict=True))
    return Grid(rows, columns, (down, across))
