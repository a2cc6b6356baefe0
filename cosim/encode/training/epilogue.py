"""The last part of an operator that makes codes of sums: shift, bound, rounding, and the range of what it found."""

from typing import Any

from accel_models import network as net
from accel_models.arithmetic import Rounding
from accel_models.commands import Ranging, Register
from cosim.encode.expand import Builder
from cosim.encode.steps import Step
from cosim.encode.training.registers import BOUND, KEY, RANGE, SHIFT, number, store_registers

ROUNDING = {
    "nearest": Rounding.HALF_UP,
    "pseudo_stochastic": Rounding.PSEUDO_STOCHASTIC,
    "stochastic_indexed": Rounding.INDEXED,
}
RANGING = {"": Ranging.NONE, "magnitude": Ranging.LARGEST, "positive": Ranging.POSITIVE}


class Epilogue:
    """Registers of one operator, and the fields of Requantize or Sum that they fill."""

    def __init__(self, builder: Builder, row: int, first: int) -> None:
        """``first``: how many inputs the operator has of its own."""
        self.builder, self.row = builder, row
        operator = builder.operators[row]
        self.attributes: net.Epilogue = operator.attributes.epilogue  # type: ignore[attr-defined]
        self.shift, self.bound, *rest = operator.inputs[first:]
        self.mask = rest[-1] if self.attributes.masked else None
        self.key = rest[0] if self.attributes.rounding == "stochastic_indexed" else None
        self.output = operator.outputs[0]
        self.found = operator.outputs[1] if self.attributes.range else None
        self._operands: dict[str, Any] = {}
        self._ranged = False

    def fields(self, step: Step) -> dict[str, Any]:
        """Fields that Requantize and Sum have in common; the first call loads the registers."""
        e = self.attributes
        if not self._operands:
            self._operands = self._load(step)
        found = {
            **self._operands,
            "multiplier": e.multiplier,
            "low": e.low,
            "high": e.high,
            "rounding": int(ROUNDING[e.rounding]),
            "range": int(RANGING[e.range]),
        }
        if e.range:
            found |= {"range_start": Register(RANGE) if self._ranged else 0, "destination": RANGE}
            self._ranged = True
        return found

    def _load(self, step: Step) -> dict[str, Any]:
        found: dict[str, Any] = {
            "shift": number(self.builder, step, self.row, self.shift, SHIFT),
            "bound": number(self.builder, step, self.row, self.bound, BOUND),
        }
        if self.key is not None:
            found["key"] = number(self.builder, step, self.row, self.key, KEY)
            found["random_bits"] = self.attributes.random_bits
        return found

    def indices(self, start: int, row_stride: int = 0, pixel_stride: int = 0) -> dict[str, int]:
        """Fields of Requantize for noise: the place in the output's tensor of its first element, and strides."""
        if self.key is None:
            return {}
        return {"multiplier_b": start, "index_row_stride": row_stride, "index_pixel_stride": pixel_stride}

    def index_start(self, start: int) -> dict[str, int]:
        """The same for a Sum, whose elements are neighbours."""
        return {} if self.key is None else {"index_start": start}

    def finish(self) -> None:
        """Store the range, in the last step."""
        if self.found is not None:
            store_registers(self.builder, self.row, self.found, RANGE, 1)
