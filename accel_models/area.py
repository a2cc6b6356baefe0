"""Silicon area of the accelerator, the SRAM and the CPU by block, from cell and macro areas.

Cells counted: processing elements hold a multiplier, an adder, a double-buffered weight and a 32-bit sum; a vector lane
a full and two short multipliers, seven pipeline stages of 32 bits, adders, shifters and comparators; control the
command queues and scalar registers. One layout factor (tables/energy.yaml) turns cells and macros into placed area.
"""

import math
from collections.abc import Mapping

from accel_models import sram
from accel_models.commands import COMMAND_BYTES, REGISTERS
from accel_models.constants import load_table
from accel_models.system import Accelerator, System, Technology
from accel_models.technology import area_factor

_QUEUES = 4
_PE_REGISTER_BITS = 48  # two 8-bit weights, a 32-bit sum
_LANE_REGISTER_BITS = 7 * 32
# Flip-flops of rtl/dma_load.sv and rtl/dma_store.sv with all below them. Yosys (synth, stat) counts 599 and 814 on an
# 8-byte bus, and so does reading them: command 150 and 141, state 10 and 30, bursts 187 each (row and plane counters
# 32, address of the run 65, burst 90), beats 122 each (counters 32, addresses 48, rest of the run 42), queued burst
# lengths 39, and data: a skid of two beats (16 bits per byte of the bus, 2) and a queue of four with strobes (36 per
# byte, 7). Only the data grow much with the bus.
_DMA_REGISTER_BITS, _DMA_REGISTER_BITS_PER_BUS_BYTE = 997, 52
_DMA_ADDERS = 2 * 10  # about 300 bits of adders, counters and comparisons each (their operators, counted by hand)


def dma_register_bits(bus_bytes: int) -> int:
    """Flip-flops of the load and the store engine together."""
    return _DMA_REGISTER_BITS + _DMA_REGISTER_BITS_PER_BUS_BYTE * bus_bytes


def logic_um2(system: System) -> dict[str, float]:
    """Cell area of each logic block of the accelerator, before the layout factor; empty where there is none."""
    accelerator, technology = system.accelerator, system.technology
    if accelerator is None:
        return {}
    cell = {name: _cell(name, technology) for name in ("multiply_8b", "multiply_32b", "add_32b", "register_bit")}
    cell |= {name: _cell(name, technology) for name in ("shift", "compare")}
    array, bit = accelerator.array, cell["register_bit"]
    element = cell["multiply_8b"] + cell["add_32b"] + _PE_REGISTER_BITS * bit
    # The multiplier's area goes with the width of its second operand: 31 or 16 bits, and 9 in the residual stage.
    multipliers = cell["multiply_32b"] * (accelerator.multiplier_bits + 1 + 2 * 9) / 32
    lane = multipliers + 4 * cell["add_32b"] + 2 * cell["shift"] + 4 * cell["compare"] + _LANE_REGISTER_BITS * bit
    stored = _QUEUES * accelerator.queue_depth * COMMAND_BYTES * 8 + REGISTERS * 32
    stored += dma_register_bits(system.bus.bytes_per_cycle)
    return {
        "array": array.rows * array.columns * element,
        "vector": array.columns * lane,
        "dma and control": stored * bit + _DMA_ADDERS * cell["add_32b"],
    }


def _cell(name: str, technology: Technology) -> float:
    item = load_table("energy")["area"][name]
    return float(item["value"]) * area_factor(item["node_nm"], technology.node_nm)


def area_mm2(system: System) -> Mapping[str, float]:
    """mm2 by block; the CPU is a core of similar class, without caches; flash and external RAM are not on the chip."""
    table, technology = load_table("energy")["area"], system.technology
    placed = table["layout_factor"]["value"]
    bank = sram.macro(system.sram.size_bytes // system.sram.banks, 8 * system.bus.bytes_per_cycle, technology)
    found = {"sram": bank.area_mm2 * system.sram.banks * placed}
    accelerator = system.accelerator
    if accelerator is not None:
        pad, half = scratchpad_bank(accelerator, technology), accumulator_half(accelerator, technology)
        found = {name: um2 * placed * 1e-6 for name, um2 in logic_um2(system).items()} | found
        found["scratchpad"] = pad.area_mm2 * accelerator.scratchpad.banks * placed
        found["accumulators"] = 2 * half.area_mm2 * placed
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
