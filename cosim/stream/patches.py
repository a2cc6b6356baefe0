"""Patches of a map, and which patches of its inputs each one reads, as windows of a pooling of masks.

The same rule as workloads.patchskip.grid, without PyTorch: a patch is to be computed anew when its receptive field
touches a patch that changed.
"""

from dataclasses import dataclass
from math import ceil

import numpy as np

Pair = tuple[int, int]
_RAMP = (3, 9, 20)  # where the pieces of a row end: each is about as long to compute as the next one to gather
_RAMPED_ROWS = 4


@dataclass(frozen=True, slots=True)
class Region:
    """A rectangle of patches of one size: ``first`` and ``count`` in patches, ``edge`` in pixels; (down, across)."""

    first: Pair
    count: Pair
    edge: Pair

    @property
    def cells(self) -> int:
        return self.count[0] * self.count[1]

    def part(self, down: Pair, across: Pair) -> "Region":
        """Rows and columns of patches, each (first, count), of this one."""
        first = self.first[0] + down[0], self.first[1] + across[0]
        return Region(first, (down[1], across[1]), self.edge)

    def bands(self, most: int) -> "list[Region]":
        """In pieces of at most so many patches, about equal: whole rows of them where one fits."""
        across = _even(self.count[1], most)
        down = _even(self.count[0], max(1, most // across))
        return [
            self.part((y, min(down, self.count[0] - y)), (x, min(across, self.count[1] - x)))
            for y in range(0, self.count[0], down)
            for x in range(0, self.count[1], across)
        ]

    def ramped(self, most: int) -> "list[Region]":
        """The same, with a short start and end: of a pipeline neither fills nor drains beside something else."""
        rows, columns = self.count
        if rows < _RAMPED_ROWS or columns * _RAMP[0] < _RAMP[-1]:
            return self.bands(most)
        stops = [columns * part // _RAMP[-1] for part in _RAMP]
        spans = [(start, stop - start) for start, stop in zip([0, *stops], stops, strict=False)]
        first = [piece for span in spans for piece in self.part((0, 1), span).bands(most)]
        mirrored = [(columns - start - count, count) for start, count in spans]
        last = [piece for span in reversed(mirrored) for piece in self.part((rows - 1, 1), span).bands(most)]
        return [*first, *self.part((1, rows - 2), (0, columns)).bands(most), *last]


def _even(count: int, most: int) -> int:
    """The size of as few equal pieces as are of at most so many."""
    return ceil(count / ceil(count / most))


@dataclass(frozen=True, slots=True)
class Grid:
    """A map of ``size`` pixels in patches of ``edge`` pixels, (rows, columns); the last ones may be smaller."""

    size: Pair
    edge: Pair

    @property
    def shape(self) -> Pair:
        """Patches down and across."""
        return ceil(self.size[0] / self.edge[0]), ceil(self.size[1] / self.edge[1])

    @property
    def cells(self) -> int:
        return self.shape[0] * self.shape[1]

    def through(self, size: Pair, stride: Pair) -> "Grid":
        """Of a map that is made of this one: patches shrink with the stride."""
        down, across = (max(1, edge // step) for edge, step in zip(self.edge, stride, strict=True))
        return Grid(size, (down, across))

    def regions(self) -> list[Region]:
        """Rectangles of patches of equal size: one, or up to four where the edge does not divide the map."""
        rows, columns = (_parts(size, edge) for size, edge in zip(self.size, self.edge, strict=True))
        return [
            Region((first_y, first_x), (count_y, count_x), (edge_y, edge_x))
            for first_y, count_y, edge_y in rows
            for first_x, count_x, edge_x in columns
        ]


def _parts(size: int, edge: int) -> list[tuple[int, int, int]]:
    """(first patch, patches, edge) of the whole patches, and of the last one where it is smaller."""
    whole, rest = divmod(size, edge)
    return [part for part in ((0, whole, edge), (whole, 1, rest)) if part[1] and part[2]]


@dataclass(frozen=True, slots=True)
class Reach:
    """Along one axis: patch i reads patches ``stride*i + origin`` to ``+ kernel - 1``, as far as there are such."""

    stride: int
    origin: int
    kernel: int


@dataclass(frozen=True, slots=True)
class Field:
    """What an output pixel reads of an axis: (kernel - 1) * dilation + 1 pixels from ``stride*i - padding`` on."""

    kernel: int
    stride: int = 1
    padding: int = 0
    dilation: int = 1

    def span(self, pixels: int) -> int:
        """Input pixels that so many outputs read."""
        return (pixels - 1) * self.stride + (self.kernel - 1) * self.dilation + 1


def reach(source: Grid, target: Grid, fields: tuple[Field, Field]) -> tuple[Reach, Reach]:
    """Of rows and columns. Raises ValueError where patches read no even pattern of patches."""
    down, across = (
        _reach(source.size[axis], target.size[axis], source.edge[axis], target.edge[axis], field)
        for axis, field in enumerate(fields)
    )
    return down, across


def _reach(source: int, target: int, source_edge: int, target_edge: int, field: Field) -> Reach:
    first = np.arange(0, target, target_edge)
    last = np.minimum(first + target_edge, target) - 1
    low = np.clip(first * field.stride - field.padding, 0, source - 1) // source_edge
    high = np.clip(last * field.stride - field.padding + field.dilation * (field.kernel - 1), 0, source - 1)
    high //= source_edge
    patches, places = ceil(source / source_edge), np.arange(len(first))
    for stride in _strides(low, high):
        for origin in range(int(low[0]), int(low[0]) - patches - 1, -1):
            start = stride * places + origin
            kernel = int((high - start).min()) + 1 if len(places) > 1 else int(high[0] - start[0]) + 1
            for size in range(max(kernel, 1), kernel + patches + 1):
                stop = start + size - 1
                if (np.maximum(start, 0) == low).all() and (np.minimum(stop, patches - 1) == high).all():
                    return Reach(stride, origin, size)
    raise ValueError(f"patches of {target_edge} pixels read uneven patches of {source_edge}")


def _strides(low: np.ndarray, high: np.ndarray) -> list[int]:
    return sorted({int(step) for ends in (low, high) for step in np.diff(ends)}, reverse=True) or [1]
