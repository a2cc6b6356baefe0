"""TilePlan: how one operator is cut into tiles, chosen by predicted cycles.

A plan is a loop nest: tile sizes and, per distinct tile shape, its commands and how often they occur. The expansion
walks ``tiles()``; screening sums ``classes``. Both come from the same sizes, so they cannot disagree.
"""

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import accumulate, takewhile

import numpy as np

from accel_models import cost
from cosim.tile.cuts import cuts, even
from cosim.tile.geometry import ConvGeometry, Draft, PoolGeometry
from cosim.tile.parts import LEAD, contraction_parts, divisible
from cosim.tile.predict import Candidate, busy_cycles, head_heights, tail_heights


@dataclass(frozen=True, slots=True)
class Tile:
    """Output rows [y, y+height), pixels [x, x+width) of each, output channels [column, column+columns) of a span.

    ``band``: the output rows (first, count) of the full-height tile that this one is cut from. ``part``: the input
    channels (first, count) to sum, where they are not all; the last part makes the output.
    """

    image: int
    band: tuple[int, int]
    y: int
    height: int
    x: int
    width: int
    span: int
    column: int
    columns: int
    part: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class TileClass:
    """``count`` tiles whose commands are equal but for addresses and origins."""

    count: int
    drafts: tuple[Draft, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TilePlan:
    """``height x width`` pixels by ``columns`` output channels a tile; ``predicted_cycles`` with engines overlapped.

    Weights change slowest when ``columns_outer``, otherwise bands of ``height`` output rows do. The first columns of
    the first pass are cut into tiles of ``head_height`` rows: the first tiles wait for their operands, and lower ones
    wait for less. The last columns of the last pass are likewise cut into ``tail_height`` rows: less is left to do
    after the last of them. ``parts``: input channels of each part of the first band's tiles; none: they are not cut.
    """

    images: int
    output_height: int
    output_width: int
    spans: tuple[int, ...]  # output channels of each independent span
    height: int
    width: int
    columns: int
    columns_outer: bool
    head_height: int
    tail_height: int
    parts: tuple[int, ...] = ()
    predicted_cycles: int = 0

    def tiles(self) -> Iterator[Tile]:
        """All tiles, in order; one that is cut into parts comes once for each. The first two take turns."""
        tiles = list(self._whole_tiles())
        cut = list(takewhile(lambda tile: tile.band == tiles[0].band, tiles)) if self.parts else []
        parts = list(zip(accumulate((0, *self.parts)), self.parts, strict=False))
        for part in parts:
            for tile in cut[:LEAD]:
                yield replace(tile, part=part)
        for tile in cut[LEAD:]:
            for part in parts:
                yield replace(tile, part=part)
        yield from tiles[len(cut) :]

    def _whole_tiles(self) -> Iterator[Tile]:
        slices = [
            (span, column, columns)
            for span, total in enumerate(self.spans)
            for column, columns in cuts(total, self.columns)
        ]
        bands = [(image, y, h) for image in range(self.images) for y, h in cuts(self.output_height, self.height)]
        passes = (
            [(part, bands) for part in slices]
            if self.columns_outer
            else [(part, [band]) for band in bands for part in slices]
        )
        for index, ((span, column, columns), rows) in enumerate(passes):
            height = self.tail_height if index == len(passes) - 1 else self.height
            height = min(height, self.head_height) if index == 0 else height
            for image, first, count in rows:
                for y, h in cuts(count, height):
                    for x, w in cuts(self.output_width, self.width):
                        yield Tile(image, (first, count), first + y, h, x, w, span, column, columns)

    def describe(self) -> str:
        count = sum(1 for _ in self.tiles())
        cut = f", the first in {len(self.parts)} parts" if self.parts else ""
        return f"{count} tiles of up to {self.height}x{self.width} pixels by {self.columns} channels{cut}"


def plan_matrix(
    geometry: ConvGeometry,
    hw: cost.Hardware,
    entries: int,
    *,
    columns_outer: bool | None = False,
    streamed: bool = False,
    stored: bool = False,
    parted: bool = False,
    ramped: bool = True,
    max_height: int | None = None,
    max_columns: int | None = None,
) -> TilePlan:
    """Best plan for ``entries`` accumulator entries per tile (half the memory, so that engines alternate).

    ``streamed``: the input comes from SRAM, so that the first tiles wait for their rows and weights; ``stored``: the
    output goes there, after the last tile. ``columns_outer`` says whether weights change slowest (None: whichever is
    better); they do so anyway where one tile is as high as the image. ``parted``: the first tiles may be cut into parts
    of the contraction. Without ``ramped`` all tiles are alike.
    ``max_height`` and ``max_columns`` (which may be less than the array has) bound the tile. Candidates are the even
    cuts of the output rows and counts of column groups.
    """
    limit = max(1, entries)
    width = geometry.output_width
    if width > limit:
        width = even(width, -(-width // limit))
    tallest = max(1, min(limit // width, max_height or geometry.output_height, geometry.output_height))
    heights = sorted(
        {even(geometry.output_height, -(-geometry.output_height // most)) for most in range(1, tallest + 1)}
    )
    widths = {width} if geometry.output_height > 1 else {width, *(even(width, parts) for parts in (2, 3, 4, 8))}
    per_span = geometry.spans[0][2]
    widest = min(per_span, max_columns or per_span)
    most_groups = max(1, widest // hw.columns)
    candidates = [
        Candidate(height, part, min(groups * hw.columns, widest), outer or height >= geometry.output_height)
        for outer in ((False, True) if columns_outer is None else (columns_outer,))
        for height in heights
        for part in sorted(widths)
        for groups in sorted({1, 2, 4, 8, 16, most_groups})
        if groups <= most_groups and height * part * groups <= limit
    ]
    predicted = busy_cycles(geometry, hw, candidates)
    heads, head_cycles = head_heights(geometry, hw, candidates, streamed, ramped)
    tails, tail_cycles = tail_heights(geometry, hw, candidates, stored, ramped)
    parts: list[tuple[int, ...]] = [() for _ in candidates]
    if parted and streamed and ramped and divisible(geometry):
        parts, part_cycles = contraction_parts(geometry, hw, candidates)
        parts = [cut if lost < head else () for cut, lost, head in zip(parts, part_cycles, head_cycles, strict=True)]
        head_cycles = np.minimum(head_cycles, part_cycles)
    predicted = predicted + head_cycles + tail_cycles
    best = int(np.argmin(predicted))
    chosen = candidates[best]
    return TilePlan(
        images=geometry.images,
        output_height=geometry.output_height,
        output_width=geometry.output_width,
        spans=tuple(span[2] for span in geometry.spans),
        height=chosen.height,
        width=chosen.width,
        columns=chosen.columns,
        columns_outer=chosen.columns_outer,
        head_height=chosen.height if parts[best] else int(heads[best]),
        tail_height=int(tails[best]),
        parts=parts[best],
        predicted_cycles=math.ceil(predicted[best]),
    )


def matrix_classes(plan: TilePlan, geometry: ConvGeometry) -> tuple[TileClass, ...]:
    """The plan's tiles by shape, with their commands."""
    found = Counter((tile.height, tile.width, tile.columns, tile.part) for tile in plan.tiles())
    return tuple(
        TileClass(count, (*geometry.matrix_drafts(h, w, c, part), *geometry.requantize_drafts(h, w, c, part)))
        for (h, w, c, part), count in found.items()
    )


def plan_pool(geometry: PoolGeometry, *, max_height: int | None = None) -> TilePlan:
    """Bands of output rows, about eight where there are enough rows, so that loads and stores overlap."""
    height = max(1, min(even(geometry.output_height, 8), max_height or geometry.output_height))
    return TilePlan(
        images=geometry.images,
        output_height=geometry.output_height,
        output_width=geometry.output_width,
        spans=(geometry.channels,),
        height=height,
        width=geometry.output_width,
        columns=geometry.channels,
        columns_outer=False,
        head_height=height,
        tail_height=height,
    )
