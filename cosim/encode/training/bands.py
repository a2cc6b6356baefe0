"""Bands of a product for codes: its rows and columns by what the accumulators hold, and where their codes are written.

A band's rows are written by all of its column groups, one after the other, before they are stored.
"""

from cosim.encode.expand import Builder
from cosim.encode.training.images import Images, Target
from cosim.tile.training import Band, BandPlan, plan_bands


def bands_of(builder: Builder, row: int, stride: tuple[int, int]) -> BandPlan:
    """Bands of an operator's output; sums of every ``stride``-th pixel are in the accumulators at a time."""
    shape = builder.network.tensors[builder.operators[row].outputs[0]].shape
    lanes, entries = builder.hw.columns, builder.limits.entries // 2
    return plan_bands(shape, lanes, entries, stride, builder.limits.heights.get(row))  # type: ignore[arg-type]


def band_target(builder: Builder, output: Images, band: Band) -> Target:
    """Where a band's rows are written, with all of their columns."""
    start = band.image * output.bytes + band.y * output.line
    return Target.of(builder, output.name, start, band.height * output.line)


def end_band(builder: Builder, target: Target, output: Images, band: Band) -> None:
    """Store the rows behind their last columns; keep them for the others."""
    if band.first + band.columns == output.channels:
        target.finish()
    else:
        builder.touch(target.block)
