"""Which signals of the RTL show the activity of what the energy table charges, and how often it charges them.

Activity: changes of a bit over the operations charged. The table's sources give energies of operations without saying
how their operands change; for uniform random operands each bit changes in half of the operations.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from accel_models.commands import COMMAND_BYTES
from accel_models.system import System
from rtl.activity.saif import Signal

ASSUMED = 0.5  # of a bit and operation: random operands

Totals = Mapping[str, int]  # sums of accel_models.counts.Counts, and REQUANTIZE_RESULTS
REQUANTIZE_RESULTS = "requantize_results"  # of Requantize commands: Counts.requantized has those of additions too

_DATAPATH = r"bench_top/u_accelerator/u_datapath/"
_ARRAY = _DATAPATH + r"u_matrix/u_core/u_array/"
_REQUANT = _DATAPATH + r"u_vector/u_lanes/gen_lane\[\d+\]/u_requant/"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalClass:
    """``signals``: pattern of paths; ``charged_bits(totals, system)``: bits times operations that the table charges."""

    name: str
    what: str
    signals: str
    charged_bits: Callable[[Totals, System], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """``toggles`` of all bits of a class; ``charged_bits``: bits times operations."""

    bits: int
    toggles: int
    charged_bits: int

    @property
    def value(self) -> float:
        """Changes of a bit in an operation."""
        return self.toggles / self.charged_bits if self.charged_bits else 0.0

    @property
    def ratio(self) -> float:
        """Measured over assumed."""
        return self.value / ASSUMED


def _rows(system: System) -> int:
    assert system.accelerator is not None
    return system.accelerator.array.rows


def _columns(system: System) -> int:
    assert system.accelerator is not None
    return system.accelerator.array.columns


def _sum_bits(system: System) -> int:
    return 16 + (_rows(system) - 1).bit_length()  # SumW of pe_array


def _read_beats(totals: Totals, system: System) -> int:
    of_bytes = totals["flash_read_bytes"] + totals["external_read_bytes"]
    commands = totals["command_bytes"] // COMMAND_BYTES * (COMMAND_BYTES // system.bus.bytes_per_cycle)
    return totals["sram_read_beats"] + of_bytes // system.bus.bytes_per_cycle + commands


CLASSES = (
    SignalClass(
        name="operand registers",
        what="a bit of `x_q` and cycle that the array multiplies",
        signals=_ARRAY + "x_q",
        charged_bits=lambda n, s: n["array_steps"] * 8 * _rows(s),
    ),
    SignalClass(
        name="weight registers",
        what="a bit of a weight vector loaded; `shadow_q` and `weights_q`, where the table charges one register",
        signals=_ARRAY + "(shadow_q|weights_q)",
        charged_bits=lambda n, s: n["weight_vectors"] * 8 * _rows(s),
    ),
    SignalClass(
        name="products",
        what="a bit of `product_q` and real product",
        signals=_ARRAY + "product_q",
        charged_bits=lambda n, s: n["macs"] * 16,
    ),
    SignalClass(
        name="product registers",
        what="a bit of `product_q` and cycle that the array multiplies, idle lanes included",
        signals=_ARRAY + "product_q",
        charged_bits=lambda n, s: n["array_steps"] * 16 * _rows(s) * _columns(s),
    ),
    SignalClass(
        name="column adders",
        what="a bit of `total`, the adders' last node, and cycle that the array multiplies",
        signals=_ARRAY + "total",
        charged_bits=lambda n, s: n["array_steps"] * _sum_bits(s) * _columns(s),
    ),
    SignalClass(
        name="column-sum registers",
        what="a bit of `sum_o` and cycle that the array multiplies",
        signals=_ARRAY + "sum_o",
        charged_bits=lambda n, s: n["array_steps"] * 32 * _columns(s),
    ),
    SignalClass(
        name="accumulator words",
        what="a bit of `result_q` and entry written",
        signals=_DATAPATH + "u_matrix/u_core/u_accumulators/result_q",
        charged_bits=lambda n, s: n["accumulator_writes"] * 32 * _columns(s),
    ),
    SignalClass(
        name="requantizer sums",
        what="a bit of `value_q` (sum and bias) and result of a Requantize command",
        signals=_REQUANT + "value_q",
        charged_bits=lambda n, s: n[REQUANTIZE_RESULTS] * 32,
    ),
    SignalClass(
        name="requantizer products",
        what="a bit of `product_q` and result of a Requantize command",
        signals=_REQUANT + "product_q",
        charged_bits=lambda n, s: n[REQUANTIZE_RESULTS] * (32 + _factor_bits(s)),
    ),
    SignalClass(
        name="requantizer results",
        what="a bit of `data_o` and result of a Requantize command",
        signals=_REQUANT + "data_o",
        charged_bits=lambda n, s: n[REQUANTIZE_RESULTS] * 8,
    ),
    SignalClass(
        name="bus, read data",
        what="a bit of `m_axi_rdata` and beat, commands included",
        signals="bench_top/m_axi_rdata",
        charged_bits=lambda n, s: _read_beats(n, s) * 8 * s.bus.bytes_per_cycle,
    ),
    SignalClass(
        name="scratchpad words",
        what="a bit of a bank's `data_o` and word read",
        signals=_DATAPATH + r"u_scratchpad/gen_bank\[\d+\]/u_bank/data_o",
        charged_bits=lambda n, s: n["pad_reads"] * 8 * _rows(s),
    ),
)


def _factor_bits(system: System) -> int:
    assert system.accelerator is not None
    return 15 if system.accelerator.multiplier_bits == 16 else 31  # FactorW of requant_lane


def activities(found: Mapping[str, Signal], totals: Totals, system: System) -> dict[str, Activity]:
    """Activity of every class. Raises ValueError where the design has no signal of a class."""
    result = {}
    for item in CLASSES:
        pattern = re.compile(item.signals)
        mine = [signal for path, signal in found.items() if pattern.fullmatch(path)]
        if not mine:
            raise ValueError(f"{item.name}: the recording has no signal {item.signals}")
        result[item.name] = Activity(
            bits=sum(signal.bits for signal in mine),
            toggles=sum(signal.toggles for signal in mine),
            charged_bits=item.charged_bits(totals, system),
        )
    return result
