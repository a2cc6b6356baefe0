"""The standard cells that blocks are mapped to: functions and areas of an open 45 nm library.

Areas are facts of the library's layout views (width x 1.4 um); function and pin names here are our own. Only cells of
the smallest drive: a block synthesized for least area, as at the clocks of the presets (100 and 200 MHz in 22 nm).
Adder cells and scan flip-flops are left out; the first would save area, the second cost some.
"""

from dataclasses import dataclass

SOURCE = (
    "Nangate 45 nm open cell library, cells of drive X1, SIZE of The-OpenROAD-Project/OpenROAD-flow-scripts "
    "@8b0c1d49 flow/platforms/nangate45/lef/NangateOpenCellLibrary.macro.lef"
)
NODE_NM = 45
NAND2_UM2 = 0.798
FLIP_FLOP_UM2 = 4.522  # DFF_X1: no reset, no enable
CLOCK_GATE_MIN_BITS = 4  # flip-flops that share an enable: from here on a clock gate is smaller than multiplexers


@dataclass(frozen=True, slots=True)
class Cell:
    """A combinational cell: inputs A, B, C, D in order, output Y; ``function`` in Liberty's notation, um2."""

    name: str
    area_um2: float
    inputs: int
    function: str


COMBINATIONAL = (
    Cell("INV", 0.532, 1, "!A"),
    Cell("BUF", 0.798, 1, "A"),
    Cell("NAND2", NAND2_UM2, 2, "!(A B)"),
    Cell("NOR2", 0.798, 2, "!(A+B)"),
    Cell("AND2", 1.064, 2, "(A B)"),
    Cell("OR2", 1.064, 2, "(A+B)"),
    Cell("NAND3", 1.064, 3, "!(A B C)"),
    Cell("NOR3", 1.064, 3, "!(A+B+C)"),
    Cell("NAND4", 1.330, 4, "!(A B C D)"),
    Cell("NOR4", 1.330, 4, "!(A+B+C+D)"),
    Cell("AOI21", 1.064, 3, "!((A B)+C)"),
    Cell("OAI21", 1.064, 3, "!((A+B) C)"),
    Cell("AOI22", 1.330, 4, "!((A B)+(C D))"),
    Cell("OAI22", 1.330, 4, "!((A+B) (C+D))"),
    Cell("XOR2", 1.596, 2, "(A^B)"),
    Cell("XNOR2", 1.596, 2, "!(A^B)"),
    Cell("MUX2", 1.862, 3, "((A !C)+(B C))"),
)
# Flip-flops by the Liberty attribute of their reset: DFF_X1, DFFR_X1, DFFS_X1.
FLIP_FLOPS = {"DFF": ("", FLIP_FLOP_UM2), "DFFR": ('clear: "!R";', 5.320), "DFFS": ('preset: "!R";', 5.320)}
CLOCK_GATE_UM2 = 3.458  # CLKGATE_X1


def liberty() -> str:
    """The cells as the Liberty text that Yosys and ABC read."""
    lines = ["library(cells) {"]
    for cell in COMBINATIONAL:
        lines.append(f" cell({cell.name}) {{ area: {cell.area_um2};")
        lines += [f"  pin({pin}) {{ direction: input; }}" for pin in "ABCD"[: cell.inputs]]
        lines.append(f'  pin(Y) {{ direction: output; function: "{cell.function}"; }} }}')
    for name, (reset, area) in FLIP_FLOPS.items():
        lines.append(f' cell({name}) {{ area: {area}; ff(IQ,IQN) {{ clocked_on: "C"; next_state: "D"; {reset} }}')
        lines.append("  pin(C) { direction: input; clock: true; } pin(D) { direction: input; }")
        lines += ["  pin(R) { direction: input; }"] if reset else []
        lines.append('  pin(Q) { direction: output; function: "IQ"; } }')
    lines.append(f' cell(CLKGATE) {{ area: {CLOCK_GATE_UM2}; clock_gating_integrated_cell: "latch_posedge";')
    lines.append("  pin(CK) { direction: input; clock: true; clock_gate_clock_pin: true; }")
    lines.append("  pin(E) { direction: input; clock_gate_enable_pin: true; }")
    lines.append("  pin(GCK) { direction: output; clock_gate_out_pin: true; } }")
    return "\n".join([*lines, "}", ""])
