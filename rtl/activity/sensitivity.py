"""What a program's energy would be if the data-dependent parts of the table followed the measured activity.

Every part is proportional to the activity of one class of signals, which is the most that activity can change: clocks
and control take their share whatever the data. The SRAM macros stay as they are: precharged bit lines move either way.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from accel_models.constants import load_table
from accel_models.energy import scaled, unit_energies
from accel_models.system import System
from rtl.activity.signals import Activity, Totals


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Energy in the table's component ``component`` that follows the signals of class ``follows``."""

    name: str
    component: str
    follows: tuple[str, ...]
    pj: float

    def scaled_pj(self, measured: Mapping[str, Activity]) -> float:
        """The same at the measured activity."""
        return self.pj * ratio(measured, self.follows)


def ratio(measured: Mapping[str, Activity], names: tuple[str, ...]) -> float:
    """Measured over assumed activity of several classes in one, each weighted with its bits."""
    together = Activity(
        bits=sum(measured[name].bits for name in names),
        toggles=sum(measured[name].toggles for name in names),
        charged_bits=sum(measured[name].charged_bits for name in names),
    )
    return together.ratio


def parts(totals: Totals, system: System) -> list[Part]:
    """Everything in dynamic_pj's array, vector and bus that dot products and requantization do."""
    accelerator = system.accelerator
    if accelerator is None:
        raise ValueError(f"system {system.name} has no accelerator")
    overhead = float(load_table("energy")["switching"]["overhead"]["value"])
    logic = {name: scaled(name, system.technology) * overhead for name in ("multiply_8b", "add_32b", "register_bit")}
    unit, array, bit = unit_energies(system), accelerator.array, logic["register_bit"]
    steps, macs = totals["array_steps"], totals["macs"]
    moved = ("sram_read_bytes", "sram_write_bytes", "flash_read_bytes", "external_read_bytes", "external_write_bytes")
    requantizer = ("requantizer sums", "requantizer products", "requantizer results")
    found = [
        ("8-bit multipliers", "array", ("products",), macs * logic["multiply_8b"]),
        ("column adders", "array", ("column adders",), macs * logic["add_32b"]),
        ("operand registers", "array", ("operand registers",), steps * 8 * array.rows * bit),
        ("product registers", "array", ("product registers",), steps * 16 * array.macs_per_cycle * bit),
        ("column-sum registers", "array", ("column-sum registers",), steps * 32 * array.columns * bit),
        ("weight registers", "array", ("weight registers",), totals["weight_vectors"] * 8 * array.rows * bit),
        ("32-bit multipliers", "vector", ("requantizer products",), totals["multiplies"] * unit.multiply),
        ("vector adders", "vector", ("requantizer sums",), totals["adds"] * unit.add),
        ("rounding, shift, clamp", "vector", requantizer, totals["requantized"] * unit.requantize),
        ("bus, data", "bus", ("bus, read data",), sum(totals[name] for name in moved) * unit.bus_byte),
    ]
    return [Part(name=name, component=component, follows=follows, pj=pj) for name, component, follows, pj in found]
