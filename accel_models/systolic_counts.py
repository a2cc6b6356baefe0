"""What Matrix commands do on a systolic array, as counts: see systolic.py for the array and counts.py for the names.

A slot moves operand and sum registers of the whole array (energy.py charges them to ``array_steps``). A weight vector
moves down through the rows, so it is counted once a row. ``pe_register_bytes``: the transposer, in which every vector
that comes in moves a byte in each of ``rows x rows`` places, and sums on their way out of an output-stationary array.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from accel_models import cost
from accel_models.arithmetic import ceil_div
from accel_models.commands import MatrixMode
from accel_models.system import ArrayKind

Int64 = NDArray[np.int64]
Found = dict[str, Int64]


def matrix(c: Any, hw: Any, input_words: Int64, weight_words: Int64) -> Found:
    """Counts of a Matrix command where ``hw.kind`` is systolic; words: those that one vector's read takes."""
    size = _Size(c, hw)
    kind, mode = np.asarray(hw.kind), np.asarray(c.mode)
    weight = _by_mode(mode, *(part(c, hw, size) for part in (_weight_dot, _weight_depthwise, _weight_outer)))
    output = _by_mode(mode, *(part(c, hw, size) for part in (_output_dot, _output_depthwise, _output_outer)))
    found = {name: np.where(kind == ArrayKind.WEIGHT_STATIONARY, weight[name], output[name]) for name in weight}
    inputs, weights = found.pop("inputs"), found.pop("weights")
    turned, drained = found.pop("turned"), found.pop("drained")
    rows, columns = np.asarray(hw.rows, np.int64), np.asarray(hw.columns, np.int64)
    return found | {
        "macs": size.pixels * size.repeats * size.depth * c.columns,
        "pe_register_bytes": turned * rows * rows + 4 * drained * rows * columns,
        "pad_reads": inputs * input_words + weights * weight_words,
    }


class _Size:
    """Sizes that the dataflows share."""

    def __init__(self, c: Any, hw: Any) -> None:
        depthwise = np.asarray(c.mode) == MatrixMode.DEPTHWISE
        self.pixels = cost.output_rows(c) * c.output_width
        self.repeats = np.asarray(c.kernel_height, np.int64) * c.taps
        self.run = np.asarray(c.run_bytes, np.int64)
        self.depth = np.where(depthwise, 1, self.run)
        self.columns = np.asarray(c.columns, np.int64)
        self.chunks, self.groups = ceil_div(self.run, hw.rows), ceil_div(self.columns, hw.columns)
        self.bands = ceil_div(self.pixels, hw.rows)  # of pixels in the rows
        self.channel_groups = ceil_div(self.columns, np.minimum(np.asarray(hw.rows, np.int64), hw.columns))
        self.some = (self.pixels > 0).astype(np.int64)
        self.accumulate = np.asarray(c.accumulate) == 1


def _by_mode(mode: ArrayLike, dot: Found, depthwise: Found, outer: Found) -> Found:
    deep, out = np.asarray(mode) == MatrixMode.DEPTHWISE, np.asarray(mode) == MatrixMode.OUTER
    return {name: np.where(deep, depthwise[name], np.where(out, outer[name], dot[name])) for name in dot}


def _streamed(
    steps: Int64, first: Int64, *, accumulate: Any, inputs: Int64, weights: Int64, shifted: Int64, turned: Int64
) -> Found:
    """Weight-stationary: every slot adds to an accumulator entry, ``first`` of them without reading it."""
    return {
        "array_steps": steps, "weight_vectors": shifted, "inputs": inputs, "weights": weights, "turned": turned,
        "drained": np.zeros_like(steps), "accumulator_reads": steps - np.where(accumulate, 0, first),
        "accumulator_writes": steps,
    }  # fmt: skip


def _weight_dot(c: Any, hw: Any, s: _Size) -> Found:
    steps = s.groups * s.repeats * s.chunks * s.pixels
    turned = np.asarray(c.transposed) == 1
    vectors = np.where(turned, s.repeats * s.chunks * s.columns, s.groups * s.repeats * s.run) * s.some
    shifted = vectors * np.where(turned, hw.columns, hw.rows)
    none = np.zeros_like(steps)
    return _streamed(
        steps, s.groups * s.pixels, accumulate=s.accumulate, inputs=steps, weights=vectors, shifted=shifted, turned=none
    )


def _weight_depthwise(c: Any, hw: Any, s: _Size) -> Found:
    steps = s.channel_groups * s.repeats * s.pixels
    read, shifted = s.channel_groups * s.repeats * s.some, s.repeats * s.columns * s.some * hw.rows
    first, none = s.channel_groups * s.pixels, np.zeros_like(steps)
    return _streamed(
        steps, first, accumulate=s.accumulate, inputs=steps, weights=read, shifted=shifted, turned=none
    )  # fmt: skip


def _weight_outer(c: Any, hw: Any, s: _Size) -> Found:
    steps, read = s.groups * s.repeats * s.bands * s.run, s.groups * s.repeats * s.chunks * s.pixels
    first = s.groups * s.repeats * s.run * s.some
    return _streamed(
        steps, first, accumulate=s.accumulate, inputs=read, weights=read, shifted=read * hw.rows, turned=read
    )  # fmt: skip


def _kept(
    steps: Int64, drained: Int64, *, accumulate: Any, inputs: Int64, weights: Int64, hw: Any, entered: Int64,
    turned: Int64,
) -> Found:  # fmt: skip
    """Output-stationary: sums stay and reach the accumulators once."""
    return {
        "array_steps": steps, "weight_vectors": entered * hw.rows, "inputs": inputs, "weights": weights,
        "turned": turned, "drained": drained, "accumulator_reads": np.where(accumulate, drained, 0),
        "accumulator_writes": drained,
    }  # fmt: skip


def _output_dot(c: Any, hw: Any, s: _Size) -> Found:
    steps = s.bands * s.groups * s.repeats * s.run
    inputs = s.groups * s.repeats * s.chunks * s.pixels
    columns = s.bands * s.repeats * s.chunks * s.columns
    transposed = np.asarray(c.transposed) == 1
    weights, turned = np.where(transposed, columns, steps), inputs + np.where(transposed, columns, 0)
    return _kept(
        steps, s.groups * s.pixels, accumulate=s.accumulate, inputs=inputs, weights=weights, hw=hw, entered=steps,
        turned=turned,
    )  # fmt: skip


def _output_depthwise(c: Any, hw: Any, s: _Size) -> Found:
    steps, inputs = s.bands * s.repeats * s.columns, s.channel_groups * s.repeats * s.pixels
    weights = s.bands * s.channel_groups * s.repeats
    return _kept(
        steps, s.channel_groups * s.pixels, accumulate=s.accumulate, inputs=inputs, weights=weights, hw=hw,
        entered=steps, turned=inputs,
    )  # fmt: skip


def _output_outer(c: Any, hw: Any, s: _Size) -> Found:
    steps = s.groups * s.repeats * s.chunks * s.pixels
    drained = s.groups * s.repeats * s.run * s.some
    return _kept(
        steps, drained, accumulate=s.accumulate, inputs=steps, weights=steps, hw=hw, entered=steps,
        turned=np.zeros_like(steps),
    )  # fmt: skip
