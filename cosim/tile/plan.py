"""TilePlan: how one operator is cut into tiles, chosen by predicted cycles.

A plan is a loop nest: tile sizes and, per distinct tile shape, its commands and how often they occur. The expansion
walks ``tiles()``; screening sums ``classes``. Both come from the same sizes, so they cannot disagree.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from accel_models import cost
from cosim.tile.geometry import ConvGeometry, Draft, PoolGeometry


@dataclass(frozen=True, slots=True)
class Tile:
    """Output rows [y, y+height), pixels [x, x+width) of each, output channels [column, column+columns) of a span."""

    image: int
    y: int
    height: int
    x: int
    width: int
    span: int
    column: int
    columns: int


@dataclass(frozen=True, slots=True)
class TileClass:
    """``count`` tiles whose commands are equal but for addresses and origins."""

    count: int
    drafts: tuple[Draft, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TilePlan:
    """``height x width`` pixels by ``columns`` output channels a tile; ``predicted_cycles`` with engines overlapped."""

    images: int
    output_height: int
    output_width: int
    spans: tuple[int, ...]  # output channels of each independent span
    height: int
    width: int
    columns: int
    classes: tuple[TileClass, ...]
    predicted_cycles: int

    def tiles(self, columns_outer: bool) -> Iterator[Tile]:
        """All tiles; weights change slowest when ``columns_outer``, otherwise the image does."""
        pixels = [
            (image, y, h, x, w)
            for image in range(self.images)
            for y, h in _cuts(self.output_height, self.height)
            for x, w in _cuts(self.output_width, self.width)
        ]
        slices = [
            (span, column, columns)
            for span, total in enumerate(self.spans)
            for column, columns in _cuts(total, self.columns)
        ]
        if columns_outer:
            for span, column, columns in slices:
                for image, y, h, x, w in pixels:
                    yield Tile(image, y, h, x, w, span, column, columns)
        else:
            for image, y, h, x, w in pixels:
                for span, column, columns in slices:
                    yield Tile(image, y, h, x, w, span, column, columns)

    def describe(self) -> str:
        count = sum(item.count for item in self.classes)
        return f"{count} tiles of up to {self.height}x{self.width} pixels by {self.columns} channels"


def _cuts(total: int, size: int) -> list[tuple[int, int]]:
    return [(start, min(size, total - start)) for start in range(0, total, size)]


def _sizes(total: int, size: int) -> list[tuple[int, int]]:
    """(length, how often) of the cuts of ``total`` by ``size``."""
    full, tail = divmod(total, size)
    return [pair for pair in ((size, full), (tail, int(tail > 0))) if pair[1]]


def _even(total: int, parts: int) -> int:
    return -(-total // parts)


def plan_matrix(
    geometry: ConvGeometry,
    hw: cost.Hardware,
    entries: int,
    *,
    streamed: bool = False,
    max_height: int | None = None,
    max_columns: int | None = None,
) -> TilePlan:
    """Best plan for ``entries`` accumulator entries per tile (half the memory, so that engines alternate).

    ``streamed``: the input comes from SRAM, so that the first tile waits for its rows and weights. ``max_height`` and
    ``max_columns`` (which may be less than the array has) bound the tile. Candidates are the even cuts of the output
    rows and counts of column groups.
    """
    limit = max(1, entries)
    width = geometry.output_width
    if width > limit:
        width = _even(width, -(-width // limit))
    tallest = max(1, min(limit // width, max_height or geometry.output_height, geometry.output_height))
    heights = sorted(
        {_even(geometry.output_height, -(-geometry.output_height // most)) for most in range(1, tallest + 1)}
    )
    widths = {width} if geometry.output_height > 1 else {width, *(_even(width, parts) for parts in (2, 3, 4, 8))}
    per_span = geometry.spans[0][2]
    widest = min(per_span, max_columns or per_span)
    most_groups = max(1, widest // hw.columns)
    candidates = [
        (height, part, groups)
        for height in heights
        for part in sorted(widths)
        for groups in sorted({1, 2, 4, 8, 16, most_groups})
        if groups <= most_groups and height * part * groups <= limit
    ]
    predicted = _predict(geometry, hw, candidates, widest)
    if streamed:
        predicted = predicted + [_first_load_cycles(geometry, hw, height, groups) for height, _, groups in candidates]
    height, part, groups = candidates[int(np.argmin(predicted))]
    columns = min(groups * hw.columns, widest)
    return TilePlan(
        images=geometry.images,
        output_height=geometry.output_height,
        output_width=geometry.output_width,
        spans=tuple(span[2] for span in geometry.spans),
        height=height,
        width=part,
        columns=columns,
        classes=_matrix_classes(geometry, height, part, columns),
        predicted_cycles=int(np.min(predicted)),
    )


def _predict(
    geometry: ConvGeometry, hw: cost.Hardware, candidates: Sequence[tuple[int, int, int]], widest: int
) -> np.ndarray:
    """Cycles of each candidate: the busier of the two engines plus what cannot overlap at either end."""
    rows = []
    for index, (height, width, groups) in enumerate(candidates):
        columns = min(groups * hw.columns, widest)
        for h, h_count in _sizes(geometry.output_height, height):
            for w, w_count in _sizes(geometry.output_width, width):
                for c, c_count in _sizes(geometry.spans[0][2], columns):
                    rows.append((index, h, w, c, h_count * w_count * c_count * geometry.images * len(geometry.spans)))
    index, h, w, c, count = np.array(rows, np.int64).T
    matrix = sum(np.asarray(cost.matrix(draft, hw)) for draft in geometry.matrix_drafts(h, w, c))
    vector = np.asarray(cost.requantize(geometry.requantize_draft(h, w, c), hw))
    commands = len(geometry.segments) + 1
    fetch = np.asarray(cost.fetch(commands, hw))
    busy_matrix = np.bincount(index, matrix * count)
    busy_vector = np.bincount(index, vector * count)
    busy_fetch = np.bincount(index, fetch * count)
    longest_vector = np.zeros(len(candidates))
    np.maximum.at(longest_vector, index, vector)
    longest_matrix = np.zeros(len(candidates))
    np.maximum.at(longest_matrix, index, matrix)
    predicted = np.maximum(np.maximum(busy_matrix + longest_vector, busy_vector + longest_matrix), busy_fetch)
    assert isinstance(predicted, np.ndarray)
    return predicted


def _first_load_cycles(geometry: ConvGeometry, hw: cost.Hardware, height: int, groups: int) -> int:
    """Bus cycles of the input rows and the weights that the first tile reads."""
    first, stop = geometry.rows_read(0, height)
    weights = geometry.contraction * min(groups * hw.columns, geometry.spans[0][2])
    return int(cost.ceil_div((stop - first) * geometry.width * geometry.channels + weights, hw.bus_bytes))


def _matrix_classes(geometry: ConvGeometry, height: int, width: int, columns: int) -> tuple[TileClass, ...]:
    found: dict[tuple[int, int, int], int] = {}
    for h, h_count in _sizes(geometry.output_height, height):
        for w, w_count in _sizes(geometry.output_width, width):
            for _, _, total in geometry.spans:
                for c, c_count in _sizes(total, columns):
                    found[h, w, c] = found.get((h, w, c), 0) + h_count * w_count * c_count * geometry.images
    return tuple(
        TileClass(count, (*geometry.matrix_drafts(h, w, c), geometry.requantize_draft(h, w, c)))
        for (h, w, c), count in found.items()
    )


def plan_pool(geometry: PoolGeometry, hw: cost.Hardware, *, max_height: int | None = None) -> TilePlan:
    """Bands of output rows, about eight where there are enough rows, so that loads and stores overlap."""
    height = max(1, min(_even(geometry.output_height, 8), max_height or geometry.output_height))
    classes: list[TileClass] = []
    total = 0
    for y, h in _cuts(geometry.output_height, height):
        drafts = tuple(draft for _, draft in geometry.drafts(y, h))
        total += int(sum(int(cost.pool(draft, hw)) for draft in drafts))
        classes.append(TileClass(geometry.images, drafts))
    return TilePlan(
        images=geometry.images,
        output_height=geometry.output_height,
        output_width=geometry.output_width,
        spans=(geometry.channels,),
        height=height,
        width=geometry.output_width,
        columns=geometry.channels,
        classes=tuple(classes),
        predicted_cycles=total * geometry.images,
    )
