"""Gates and flip-flops of the accelerator's logic, block by block, from fits to syntheses of its RTL.

A block's gates are a sum of terms: coefficients of tables/gates.yaml, which `python -m rtl.synthesis --write` makes,
times the numbers that `terms` gives for a configuration. Memories are no logic: see sram.py.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from accel_models.constants import load_table
from accel_models.system import Array, System, Technology
from accel_models.technology import area_factor


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """What the RTL is parameterised with, as far as its gates depend on it."""

    rows: int
    columns: int
    banks: int
    pad_bytes: int
    entries: int
    bus_bytes: int
    queue_depth: int
    token_depth: int
    multiplier_bits: int

    @property
    def lanes(self) -> int:
        return max(self.rows, self.columns)

    @property
    def word_bytes(self) -> int:
        """Width of a scratchpad bank."""
        return 1 << (max(self.lanes, self.bus_bytes) - 1).bit_length()


@dataclass(frozen=True, slots=True)
class Gates:
    """``logic`` in gate equivalents (cell area over that of a NAND2), ``flip_flops`` without enable or reset."""

    logic: float
    flip_flops: float


def sizes_of(system: System) -> Sizes:
    """Sizes of a system that has an accelerator."""
    hw = system.accelerator
    if hw is None:
        raise ValueError(f"system {system.name} has no accelerator: want one with logic to count")
    return Sizes(
        rows=hw.array.rows,
        columns=hw.array.columns,
        banks=hw.scratchpad.banks,
        pad_bytes=hw.scratchpad.size_bytes,
        entries=hw.accumulators.entries,
        bus_bytes=system.bus.bytes_per_cycle,
        queue_depth=hw.queue_depth,
        token_depth=hw.token_depth,
        multiplier_bits=hw.multiplier_bits,
    )


def terms(block: str, sizes: Sizes) -> dict[str, float]:
    """The numbers that the coefficients of a block are multiplied with, by name. All grow with every size, or stay."""
    s, word_steps = sizes, math.log2(sizes.word_bytes)
    found: dict[str, dict[str, float]] = {
        # Products and sums of the PEs; the adder tree's upper bits; operand registers of the rows; sums of the columns.
        "array": {"element": s.rows * s.columns, "row": s.rows, "column": s.columns},
        # Address generators and sequencer; their vectors, turned and masked; the adders of the accumulators.
        "matrix": {"constant": 1, "lane": s.lanes, "column": s.columns, "entry_bit": math.log2(s.entries)},
        # Per lane two requantizers (one short), operands, a port of the look-up table; `wide`: 31 bits instead of 16.
        "vector": {"constant": 1, "column": s.columns, "wide_column": s.columns * (s.multiplier_bits == 31)},
        # Per bank the choice of a port's row and data; per port the choice of two banks' words, turned to its bytes.
        "crossbar": {
            "constant": 1,
            "bank": s.banks,
            "bank_byte": s.banks * s.word_bytes,
            "turned_byte": (2 * s.lanes + s.columns + s.bus_bytes + 2 * s.word_bytes) * word_steps,
            "place_bit": word_steps + 2 * math.log2(s.banks),
        },
        # Command fetch, load and store: walks over a transfer; beats in queues; bytes put into a scratchpad word.
        "dma": {"constant": 1, "bus_byte": s.bus_bytes, "word_byte": s.word_bytes},
        # Dispatcher, register operands, tokens; four queues of commands.
        "control": {"constant": 1, "queued_command": 4 * s.queue_depth, "token_bit": math.log2(s.token_depth + 1)},
        # Registers of the microcontroller and the counters.
        "host": {"constant": 1},
    }
    if block not in found:
        raise ValueError(f"block: want one of {', '.join(found)}, got {block!r}")
    return found[block]


def gates_of(block: str, sizes: Sizes) -> Gates:
    """A block's gates at these sizes."""
    fits, values = load_table("gates")["blocks"][block], terms(block, sizes)
    return Gates(*(math.fsum(fits[kind][name] * values[name] for name in values) for kind in ("logic", "flip_flops")))


def systolic_flip_flops(array: Array) -> float:
    """What a systolic array has beside the flip-flops of a broadcast one of its size; 0 where the array is that.

    An estimate (tables/energy.yaml, section systolic): registers in every PE, the triangles of registers that delay
    operands into row i and weights into column j and align the sums again, and a transposer of rows x rows bytes. The
    broadcast array's adder trees and product registers are kept, so that it errs on the large side.
    """
    if array.kind == "broadcast":
        return 0.0
    rows, columns = array.rows, array.columns
    table = load_table("energy")["systolic"]
    operand, total = float(table["operand_bits"]["value"]), float(table["sum_bits"]["value"])
    triangles = operand * rows * (rows - 1) / 2 + (operand + total) * columns * (columns - 1) / 2
    return (operand + total) * rows * columns + triangles + 8.0 * rows * rows


def blocks() -> tuple[str, ...]:
    return tuple(load_table("gates")["blocks"])


def cells_um2(gates: Gates, technology: Technology) -> float:
    """Area of the cells alone at a node, without the room between them."""
    cells: Mapping[str, Mapping[str, float]] = load_table("gates")["cells"]
    return math.fsum(
        count * cells[name]["value"] * area_factor(int(cells[name]["node_nm"]), technology.node_nm)
        for name, count in (("gate", gates.logic), ("flip_flop", gates.flip_flops))
    )
