"""Energy: counts times the table of cited constants, plus static power times time. By row and by component, in pJ.

While a CPU call runs, its measured energy per cycle covers the whole microcontroller (core, SRAM, flash, regulator), so
only the accelerator's leakage and external RAM are added; in all other cycles the sleeping CPU, the memories and all
leakage are. How far to trust the result: README.md.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from accel_models import area, cpu, sram
from accel_models.accounts import NAMED, Accounts
from accel_models.constants import Constant, load_table, section
from accel_models.counts import Counts
from accel_models.system import Array, System, Technology
from accel_models.technology import SOURCE, TRUST, area_factor, energy_factor
from accel_models.timing import Timing
from accel_models.work import memory_speed

COMPONENTS = (
    "array", "scratchpad", "accumulators", "vector", "bus", "sram", "flash", "external", "commands", "cpu", "static",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Energy:
    """``pj`` float64 [rows + 3, components]: the program's rows, then accounts.NAMED; columns are COMPONENTS."""

    pj: NDArray[np.float64]

    @property
    def rows_pj(self) -> list[float]:
        """Per row, exactly rounded sums."""
        return [math.fsum(row) for row in self.pj.tolist()]

    @property
    def components_pj(self) -> dict[str, float]:
        return {name: math.fsum(self.pj[:, i].tolist()) for i, name in enumerate(COMPONENTS)}

    @property
    def total_pj(self) -> float:
        return math.fsum(self.pj.ravel().tolist())


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """pJ of one event of each kind in one system, at its node and supply; 0 for what a system does not have."""

    mac: float = 0.0
    array_step: float = 0.0  # input, product and column-sum registers of the whole array
    pe_register_byte: float = 0.0  # of a PE's own register, in outer and depthwise mode
    weight_vector: float = 0.0
    pad_read: float = 0.0
    pad_write: float = 0.0
    accumulator_read: float = 0.0
    accumulator_write: float = 0.0
    multiply: float = 0.0
    add: float = 0.0
    requantize: float = 0.0
    lookup: float = 0.0
    bus_byte: float = 0.0
    sram_read_beat: float = 0.0
    sram_write_beat: float = 0.0
    flash_byte: float = 0.0
    external_byte: float = 0.0


def unit_energies(system: System) -> Unit:
    """The table, scaled to the system's technology and sizes."""
    technology, accelerator = system.technology, system.accelerator
    overhead = float(load_table("energy")["switching"]["overhead"]["value"])
    logic = {name: scaled(name, technology) * overhead for name in load_table("energy")["logic"]}
    bank = sram.macro(system.sram.size_bytes // system.sram.banks, 8 * system.bus.bytes_per_cycle, technology)
    outside = {
        "bus_byte": logic["bus_byte"],
        "sram_read_beat": bank.read_pj * overhead,
        "sram_write_beat": bank.write_pj * overhead,
        "flash_byte": system.flash.energy_nj_per_byte * 1e3,
        "external_byte": system.external_ram.energy_nj_per_byte * 1e3 if system.external_ram else 0.0,
    }
    if accelerator is None:
        return Unit(**outside)
    array, bit = accelerator.array, logic["register_bit"]
    pad, half = area.scratchpad_bank(accelerator, technology), area.accumulator_half(accelerator, technology)
    return Unit(
        mac=logic["multiply_8b"] + logic["add_32b"],
        array_step=(8 * array.rows + 16 * array.macs_per_cycle + 32 * array.columns + _passed_bits(array)) * bit,
        pe_register_byte=8 * bit,
        weight_vector=8 * array.rows * bit,
        pad_read=pad.read_pj * overhead,
        pad_write=pad.write_pj * overhead,
        accumulator_read=half.read_pj * overhead,
        accumulator_write=half.write_pj * overhead,
        multiply=logic["multiply_32b"] * (accelerator.multiplier_bits + 1) / 32,
        add=logic["add_32b"],
        requantize=logic["shift"] + 2 * logic["compare"] + 7 * 32 * bit,  # seven pipeline stages
        lookup=load_table("energy")["sram"]["lookup_pj"] * _sram_ratio(technology) * overhead,
        **outside,
    )


def _passed_bits(array: Array) -> float:
    """Of a systolic array, register bits that a step writes beside those of a broadcast one."""
    if array.kind == "broadcast":
        return 0.0
    table = load_table("energy")["systolic"]
    return float(sum(table[name]["value"] for name in ("operand_bits", "sum_bits"))) * array.macs_per_cycle


def scaled(name: str, technology: Technology) -> float:
    """A logic operation of tables/energy.yaml at this node and supply, pJ."""
    item = load_table("energy")["logic"][name]
    return float(item["value"]) * energy_factor(item["node_nm"], item["vdd"], technology.node_nm, technology.vdd)


def _sram_ratio(technology: Technology) -> float:
    base = Technology(node_nm=22, vdd=0.8, device_type="itrs-lstp")
    return sram.macro(1024, 32, technology).read_pj / sram.macro(1024, 32, base).read_pj


@dataclass(frozen=True, slots=True)
class StaticPower:
    """mW. ``accelerator`` always; ``rest`` (sleeping CPU, SRAM, flash, external RAM) unless the CPU works."""

    accelerator: float
    external: float
    rest: float


def static_power(system: System) -> StaticPower:
    table, technology = load_table("energy"), system.technology
    bank = sram.macro(system.sram.size_bytes // system.sram.banks, 8 * system.bus.bytes_per_cycle, technology)
    own = 0.0
    if system.accelerator is not None:
        pad = area.scratchpad_bank(system.accelerator, technology)
        half = area.accumulator_half(system.accelerator, technology)
        logic = math.fsum(area.logic_um2(system).values()) * _leakage_density(technology)
        own = pad.leakage_mw * system.accelerator.scratchpad.banks + 2 * half.leakage_mw + logic
    idle = cpu.idle_mw(system.cpu, technology.node_nm)
    return StaticPower(
        accelerator=own,
        external=table["memories"]["external_standby"]["value"] if system.external_ram else 0.0,
        rest=idle + bank.leakage_mw * system.sram.banks + table["memories"]["flash_standby"]["value"],
    )


def _leakage_density(technology: Technology) -> float:
    """mW per um2 of logic cells; per area it is taken as constant over nodes, and proportional to the supply."""
    table = load_table("energy")["logic_leakage"]
    ratio = table["lstp_ratio"]["value"] if technology.device_type == "itrs-lstp" else 1.0
    return float(table["density"]["value"] * ratio * technology.vdd / table["density"]["vdd"])


def energy_of(system: System, by_row: Counts, accounts: Accounts, timing: Timing, commands_in: str = "sram") -> Energy:
    """Energy of one invocation. ``by_row``: counts of each row; ``commands_in``: the memory that holds the commands."""
    rows = len(accounts.busy)
    pj = np.zeros((rows + len(NAMED), len(COMPONENTS)))
    for name, value in dynamic_pj(system, by_row, commands_in).items():
        pj[:rows, COMPONENTS.index(name)] = value
    for call in timing.calls:
        pj[call.row, COMPONENTS.index("cpu")] += call.energy_pj
    power, called = static_power(system), np.zeros(rows + len(NAMED), np.int64)
    called[:rows] = accounts.call_cycles
    pj[:, COMPONENTS.index("static")] = static_pj(power, accounts.cycles, called, system.clock_mhz)
    return Energy(pj)


def static_pj(power: Any, cycles: ArrayLike, called: ArrayLike, clock_mhz: ArrayLike) -> NDArray[np.float64]:
    """pJ of a StaticPower in ``cycles``, in ``called`` of which the CPU works; all may be arrays."""
    always = power.accelerator + power.external
    mw_cycles = np.asarray(cycles) * always + (np.asarray(cycles) - np.asarray(called)) * power.rest
    return np.asarray(mw_cycles * (1e3 / np.asarray(clock_mhz)))  # mW x us = nJ


def dynamic_pj(system: System, c: Any, commands_in: str = "sram") -> dict[str, Any]:
    """pJ by component of what commands do. ``c``: anything with the fields of Counts, arrays or totals."""
    unit = unit_energies(system)
    moved = c.sram_read_bytes + c.sram_write_bytes + c.flash_read_bytes + c.external_read_bytes + c.external_write_bytes
    return {
        "array": c.macs * unit.mac + c.array_steps * unit.array_step + c.pe_register_bytes * unit.pe_register_byte
        + c.weight_vectors * unit.weight_vector,
        "scratchpad": c.pad_reads * unit.pad_read + c.pad_writes * unit.pad_write,
        "accumulators": c.accumulator_reads * unit.accumulator_read + c.accumulator_writes * unit.accumulator_write,
        "vector": c.multiplies * unit.multiply + c.adds * unit.add + c.requantized * unit.requantize
        + c.lookups * unit.lookup,
        "bus": moved * unit.bus_byte,
        "sram": c.sram_read_beats * unit.sram_read_beat + c.sram_write_beats * unit.sram_write_beat,
        "flash": c.flash_read_bytes * unit.flash_byte,
        "external": (c.external_read_bytes + c.external_write_bytes) * unit.external_byte,
        "commands": c.command_bytes * (_command_byte(system, unit, commands_in) + unit.bus_byte),
    }  # fmt: skip


def _command_byte(system: System, unit: Unit, commands_in: str) -> float:
    assert commands_in in memory_speed(system)
    by_memory = {"flash": unit.flash_byte, "external": unit.external_byte}
    return by_memory.get(commands_in, unit.sram_read_beat / system.bus.bytes_per_cycle)


def sources(system: System) -> list[Constant]:
    """The published, measured or assumed numbers behind energy and area of this system, as their sources give them.

    Tables and fits are one row each, with the value they give for this system or at one named point.
    """
    found = [
        item for part in ("logic", "switching", "logic_leakage", "memories", "area") for item in section("energy", part)
    ]
    found += section("gates", "cells") if system.accelerator else []
    if system.accelerator and system.accelerator.array.kind != "broadcast":
        found += section("energy", "systolic")
    found += _scaling(system.technology) + _sram_tables(system.technology)
    outside = {"flash": system.flash, "external_ram": system.external_ram}
    for name, memory in outside.items():
        if memory is not None:
            found += [
                Constant(f"{name}.bandwidth", memory.bandwidth_mb_per_s, "MB/s", memory.source, memory.trust),
                Constant(f"{name}.latency", memory.latency_ns, "ns", memory.source, memory.trust),
                Constant(f"{name}.energy", memory.energy_nj_per_byte, "nJ/byte", memory.source, memory.trust),
            ]
    return found + cpu.sources(system.cpu, system.technology.node_nm)


def _scaling(to: Technology) -> list[Constant]:
    """What the fits of technology.py make of a 45 nm figure here."""
    energy, area_ratio = energy_factor(45, 0.9, to.node_nm, to.vdd), area_factor(45, to.node_nm)
    here = f"{to.node_nm} nm, {to.vdd:g} V over 45 nm, 0.9 V"
    return [
        Constant("scaling.logic_energy", energy, f"ratio, {here}", SOURCE, TRUST),
        Constant("scaling.logic_area", area_ratio, f"ratio, {to.node_nm} nm over 45 nm", SOURCE, TRUST),
    ]


def _sram_tables(technology: Technology) -> list[Constant]:
    """Rows of the CACTI tables at 16 KiB and the ratios beside them; which of them count depends on the system."""
    table = load_table("energy")["sram"]
    at_16_kib = {name: {row[0]: row[1] for row in rows}[16] for name, rows in table.items() if name in _CACTI}
    flavour = {"hp_energy_ratio", "hp_leakage_ratio"} if technology.device_type == "itrs-hp" else set()
    found = [(name, value, _CACTI[name]) for name, value in at_16_kib.items()]
    found.append(("lookup_pj", table["lookup_pj"], "pJ, a byte of a 1 KiB macro"))
    found += [(name, table[name], "ratio, itrs-hp over itrs-lstp") for name in sorted(flavour)]
    found += [
        (f"nodes.{name}", value, f"ratio, {technology.node_nm} nm at its nominal supply over 22 nm")
        for name, value in sram.node_ratios(technology.node_nm).items()
    ]
    found.append(("uncertainty_factor", table["uncertainty_factor"], "factor"))
    return [Constant(f"sram.{name}", value, unit, table["source"], table["trust"]) for name, value, unit in found]


_CACTI = {
    **{f"word_{width}b": f"pJ, read of {width} bits in 16 KiB at 22 nm; read and write from 1 to 1,024 KiB"
       for width in (32, 64, 128)},
    "leakage_mw": "mW, 16 KiB at 22 nm; from 1 to 1,024 KiB",
    "area_mm2": "mm2, 16 KiB at 22 nm; from 1 to 1,024 KiB",
}  # fmt: skip
