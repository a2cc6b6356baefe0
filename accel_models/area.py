"""Silicon area of the accelerator, the SRAM and the CPU by block: gates counted by synthesis, memories by CACTI.

Logic: gates and flip-flops of the RTL (gates.py) times the areas of cells; memories: macros (sram.py). From cells and
macros to placed area lead two factors of tables/energy.yaml, one for each; what they rest on stands there.
"""

import math
from collections.abc import Mapping

from accel_models import sram
from accel_models.constants import load_table
from accel_models.gates import Gates, cells_um2, gates_of, sizes_of, systolic_flip_flops
from accel_models.system import Accelerator, System, Technology
from accel_models.technology import area_factor

# The blocks of gates.py as reports show them.
_SHOWN = {
    "array": ("array",),
    "matrix control": ("matrix",),
    "vector": ("vector",),
    "crossbar": ("crossbar",),
    "dma and control": ("dma", "control", "host"),
}


def logic_um2(system: System) -> dict[str, float]:
    """Cell area of each logic block of the accelerator, before the layout factor; empty where there is none."""
    if system.accelerator is None:
        return {}
    sizes = sizes_of(system)
    found = {
        name: math.fsum(cells_um2(gates_of(block, sizes), system.technology) for block in blocks)
        for name, blocks in _SHOWN.items()
    }
    more = Gates(logic=0.0, flip_flops=systolic_flip_flops(system.accelerator.array))
    return found | {"array": found["array"] + cells_um2(more, system.technology)}


def area_mm2(system: System) -> Mapping[str, float]:
    """mm2 by block; the CPU is a core of similar class, without caches; flash and external RAM are not on the chip."""
    table, technology = load_table("energy")["area"], system.technology
    logic, memory = (table[name]["value"] for name in ("logic_layout_factor", "memory_layout_factor"))
    bank = sram.macro(system.sram.size_bytes // system.sram.banks, 8 * system.bus.bytes_per_cycle, technology)
    found = {"sram": bank.area_mm2 * system.sram.banks * memory}
    accelerator = system.accelerator
    if accelerator is not None:
        pad, half = scratchpad_bank(accelerator, technology), accumulator_half(accelerator, technology)
        found = {name: um2 * logic * 1e-6 for name, um2 in logic_um2(system).items()} | found
        found["scratchpad"] = pad.area_mm2 * accelerator.scratchpad.banks * memory
        found["accumulators"] = 2 * half.area_mm2 * memory
    found["cpu"] = table["cpu_mm2"]["value"] * area_factor(table["cpu_mm2"]["node_nm"], technology.node_nm)
    return found


def total_mm2(system: System) -> float:
    return math.fsum(area_mm2(system).values())


def scratchpad_bank(accelerator: Accelerator, technology: Technology) -> sram.Macro:
    """One scratchpad bank, words of one vector."""
    size = accelerator.scratchpad.size_bytes // accelerator.scratchpad.banks
    return sram.macro(size, 8 * accelerator.array.rows, technology)


def accumulator_half(accelerator: Accelerator, technology: Technology) -> sram.Macro:
    """One half of the accumulator memory, words of one entry."""
    entry_bytes = 4 * accelerator.array.columns
    return sram.macro(accelerator.accumulators.entries * entry_bytes // 2, 8 * entry_bytes, technology)
