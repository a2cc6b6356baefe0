"""What a program's energy would be if the data-dependent parts of the table followed the measured activity.

Two answers. Every part is proportional to the activity of its signals: the most that activity can change, as clocks and
control take their share whatever the data. Or registers follow it only with what their library counts as switching of
the output net, and operators, whose source gives no such split, in full. The SRAM macros stay as they are: precharged
bit lines move either way.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from accel_models.constants import load_table
from accel_models.energy import scaled, unit_energies
from accel_models.system import System
from rtl.activity.signals import Activity, Totals


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Energy in the table's component ``component`` that follows the signals of class ``follows``.

    ``registers_pj``: how much of ``pj`` is of registers.
    """

    name: str
    component: str
    follows: tuple[str, ...]
    pj: float
    registers_pj: float = 0.0

    def scaled_pj(self, measured: Mapping[str, Activity]) -> float:
        """The same at the measured activity, all of it proportional."""
        return self.pj * ratio(measured, self.follows)

    def switched_pj(self, measured: Mapping[str, Activity]) -> float:
        """The same where registers follow with their switching alone."""
        inside = self.registers_pj * (1 - register_switching())
        return (self.pj - inside) * ratio(measured, self.follows) + inside


def register_switching() -> float:
    """Part of a register's energy that its library counts as switching of the output net."""
    return float(load_table("energy")["activity"]["register_switching"]["value"])


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
    names = ("multiply_8b", "add_32b", "register_bit", "shift", "compare")
    logic = {name: scaled(name, system.technology) * overhead for name in names}
    unit, array, bit = unit_energies(system), accelerator.array, logic["register_bit"]
    steps, macs = totals["array_steps"], totals["macs"]
    moved = ("sram_read_bytes", "sram_write_bytes", "flash_read_bytes", "external_read_bytes", "external_write_bytes")
    requantizer = ("requantizer sums", "requantizer products", "requantizer results")
    registers = {
        "operand registers": steps * 8 * array.rows * bit,
        "product registers": steps * 16 * array.macs_per_cycle * bit,
        "column-sum registers": steps * 32 * array.columns * bit,
        "weight registers": totals["weight_vectors"] * 8 * array.rows * bit,
    }
    stages = totals["requantized"] * (unit.requantize - logic["shift"] - 2 * logic["compare"])
    found = [
        ("8-bit multipliers", "array", ("products",), macs * logic["multiply_8b"], 0.0),
        ("column adders", "array", ("column adders",), macs * logic["add_32b"], 0.0),
        *((name, "array", (name,), pj, pj) for name, pj in registers.items()),
        ("32-bit multipliers", "vector", ("requantizer products",), totals["multiplies"] * unit.multiply, 0.0),
        ("vector adders", "vector", ("requantizer sums",), totals["adds"] * unit.add, 0.0),
        ("rounding, shift, clamp", "vector", requantizer, totals["requantized"] * unit.requantize, stages),
        ("bus, data", "bus", ("bus, read data",), sum(totals[name] for name in moved) * unit.bus_byte, 0.0),
    ]
    return [
        Part(name=name, component=component, follows=follows, pj=pj, registers_pj=of_registers)
        for name, component, follows, pj, of_registers in found
    ]
