"""Updates of a layer's weights out of the sums of their gradient in the accumulators, pass by pass."""

from dataclasses import dataclass
from typing import Any

from accel_models import network as net
from accel_models.commands import Register, Update
from cosim.encode.expand import Builder
from cosim.encode.steps import Pending, Runs, Step
from cosim.encode.training.epilogue import ROUNDING
from cosim.encode.training.registers import COUNTS, KEY, SHIFT, number, store_registers
from cosim.place import Block
from cosim.tile.training import Pass


@dataclass(frozen=True, slots=True)
class _Weights:
    """Those of one pass in a tensor [rows, places, channels, columns]: ``rows`` runs of ``run`` elements, one every
    ``columns``, from element ``start`` on."""

    start: int
    rows: int
    run: int
    columns: int

    def runs(self, size: int) -> Runs:
        """To or from a dense block, with elements of ``size`` bytes."""
        return Runs(self.run * size, (self.rows, self.columns * size, self.run * size))


class WeightUpdate:
    """The commands of one Update, whose counts of updates that vanished run on from pass to pass in registers."""

    def __init__(self, builder: Builder, row: int) -> None:
        self.builder, self.row, self.operator = builder, row, builder.operators[row]
        assert isinstance(self.operator.attributes, net.Update)
        self.attributes = self.operator.attributes
        self.master = self.operator.inputs[1]
        tensor = builder.network.tensors[self.master]
        self._size = net.DTYPES[tensor.dtype]
        self._kernel_width = tensor.shape[1]
        self._shift: int | Register | None = None
        self._key: int | Register = 0
        self._begun = False

    def expand(self, part: Pass, channels: int, columns: int, entry: int) -> None:
        """Masters of one pass: gathered, updated in the scratchpad and stored, with their int8 weights.

        ``channels`` and ``columns`` are the layer's, ``entry`` is the first of the pass's sums.
        """
        builder, operator, size = self.builder, self.operator, self._size
        step = builder.step(self.row)
        self._load(step)
        start = (part.row * self._kernel_width + part.column) * channels * columns + part.first
        weights = _Weights(start, part.entries(channels), part.columns, columns)
        block = builder.block(self.master, weights.rows * weights.run * size)
        builder.gather(block, self.master, start * size, weights.runs(size))
        fields = self._fields(weights, entry)
        pads = {"master_address": (block, 0)}
        view = self._view(weights) if size == 2 else None
        if view is not None:
            fields["output_row_stride"] = weights.run
            pads["output_address"] = (view, 0)
        step.compute.append(Pending(Update, fields, pads, self.row))
        builder.store(operator.outputs[0], block, 0, start * size, weights.runs(size))
        if view is not None and self.attributes.fraction_bits:
            builder.store(operator.outputs[1], view, 0, start, weights.runs(1))

    def finish(self) -> None:
        """Store the counts, in the last step."""
        store_registers(self.builder, self.row, self.operator.outputs[-1], COUNTS, 2)

    def _load(self, step: Step) -> None:
        """Shift and key, in front of the first command."""
        if self._shift is None:
            self._shift = number(self.builder, step, self.row, self.operator.inputs[2], SHIFT)
            if self.attributes.rounding == "stochastic_indexed":
                self._key = number(self.builder, step, self.row, self.operator.inputs[3], KEY)

    def _view(self, weights: _Weights) -> Block:
        """A block for the int8 weights of int16 masters, which the command writes even where nobody stores them."""
        named = self.operator.outputs[1] if self.attributes.fraction_bits else f"{self.operator.name}.view"
        return self.builder.block(named, weights.rows * weights.run)

    def _fields(self, weights: _Weights, entry: int) -> dict[str, Any]:
        a = self.attributes
        fields: dict[str, Any] = {
            "accumulator": entry,
            "entries": weights.rows,
            "columns": weights.run,
            "master_row_stride": weights.run * self._size,
            "wide": int(self._size == 2),
            "most": a.most,
            "multiplier": a.multiplier,
            "shift": self._shift,
            "rounding": int(ROUNDING[a.rounding]),
            "fraction_bits": a.fraction_bits,
            "destination": COUNTS,
            "zeros_start": Register(COUNTS) if self._begun else 0,
            "sums_start": Register(COUNTS + 1) if self._begun else 0,
        }
        if a.rounding == "stochastic_indexed":
            fields |= {"key": self._key, "random_bits": a.random_bits}
            fields |= {"index_row_stride": weights.columns, "index_start": weights.start}
        self._begun = True
        return fields
