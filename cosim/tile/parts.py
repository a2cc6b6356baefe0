"""Cutting the contraction of an operator's first tiles, so that the array starts on a small part of their operands.

Two tiles of one band of rows take turns, part by part, each on its half of the accumulators: every input channel that
arrives serves both. So the array has more to do than the loads take, and every part may be longer than the one before.
Only where each output pixel reads its own input pixel (a linear layer, a pointwise convolution).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accel_models import cost
from accel_models.commands import MatrixMode
from cosim.tile.geometry import ConvGeometry
from cosim.tile.predict import Candidate

LEAD = 2  # tiles that take turns
_FIRST = (1, 2, 4)  # rows of the array in the first part, to try
Parts = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Pace:
    """Cycles of one candidate. Per array height of channels: loads of input and weights, sums of a tile."""

    input: int
    weights: int
    sums: int
    load: int  # besides, of each Load
    command: int  # besides, of each Matrix


def divisible(geometry: ConvGeometry) -> bool:
    """Whether a tile may sum some input channels after the others."""
    plain = geometry.mode == MatrixMode.DOT and len(geometry.spans) == len(geometry.segments) == 1
    local = geometry.stride == (1, 1) and geometry.padding == (0, 0, 0, 0)
    return plain and local and geometry.contraction == geometry.channels == geometry.run_bytes


def contraction_parts(
    geometry: ConvGeometry, hw: cost.Hardware, candidates: Sequence[Candidate]
) -> tuple[list[Parts], NDArray[np.float64]]:
    """The input channels of each part of every candidate's first band (none: not cut), and the cycles lost at the
    start: until the first two tiles have ended, less those they would take, and what the parts cost the others.
    Infinite where they are not cut.
    """
    found: list[Parts] = [() for _ in candidates]
    lost = np.full(len(candidates), np.inf)
    for index, item in enumerate(candidates):
        whole_rows = geometry.images == 1 and item.width >= geometry.output_width
        if whole_rows and (not item.columns_outer or item.height >= geometry.output_height):
            for first in _FIRST:
                parts, cycles = _walk(geometry, hw, item, first)
                if len(parts) > 1 and cycles < lost[index]:
                    found[index], lost[index] = parts, cycles
    return found, lost


def _walk(geometry: ConvGeometry, hw: cost.Hardware, item: Candidate, first: int) -> tuple[Parts, int]:
    """Parts of ``first`` array heights and then as many as arrive in time, and the cycles lost."""
    pace, slices = _pace(geometry, hw, item), -(-geometry.columns // item.columns)
    lead = min(LEAD, slices)
    left = total = -(-geometry.contraction // hw.rows)
    sizes: list[int] = []
    loaded = done = 0  # when the last operand has arrived, when the last sum is written
    while left:
        room = (done - loaded - 2 * pace.load) // (pace.input + pace.weights)
        size = min(left, max(1, room) if sizes else first)
        loaded += size * pace.input + pace.load
        for _ in range(lead):
            loaded += size * pace.weights + pace.load
            done = max(done, loaded) + size * pace.sums + pace.command
        sizes.append(size)
        left -= size
    following = pace.weights if slices > lead else pace.input
    late = max(0, loaded + total * following + pace.load - done)
    full = total * pace.sums + pace.command
    lost = done - lead * full + late + (slices - lead) * (len(sizes) - 1) * pace.command
    channels = [size * hw.rows for size in sizes[:-1]]
    return (*channels, geometry.contraction - sum(channels)), lost


def _pace(geometry: ConvGeometry, hw: cost.Hardware, item: Candidate) -> _Pace:
    pixels = item.height * item.width
    return _Pace(
        input=pixels * int(cost.ceil_div(hw.rows, hw.bus_bytes)),
        weights=int(cost.ceil_div(hw.rows * item.columns, hw.bus_bytes)),
        sums=max(pixels, hw.rows, cost.ACCUMULATE_LATENCY) * int(cost.ceil_div(item.columns, hw.columns)),
        load=hw.dma_setup_cycles + int(cost.fetch(2, hw)),
        command=cost.MATRIX_START + hw.rows + int(cost.matrix_drain(hw)),
    )
