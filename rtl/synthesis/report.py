"""What is written down: the table that the area model reads, and reports/results/area.md."""

from collections.abc import Mapping, Sequence

from accel_models.gates import Sizes
from accel_models.technology import area_factor
from rtl.synthesis.blocks import BLOCKS, EDGE8, EDGE16, SMALL
from rtl.synthesis.cells import CLOCK_GATE_MIN_BITS, FLIP_FLOP_UM2, NAND2_UM2, NODE_NM, SOURCE
from rtl.synthesis.fit import Fit, Point
from rtl.synthesis.flow import Gates
from rtl.synthesis.published import Published

_NODE = 22
_TRUST = "high for the cells, medium for what a synthesizer makes of the RTL"


def table_text(fits: Sequence[Fit], tool: str) -> str:
    """accel_models/tables/gates.yaml."""
    lines = [
        "# Logic of the accelerator: written by `python -m rtl.synthesis --write`, read by accel_models/gates.py.",
        f"# Gate equivalents and flip-flops of the RTL by {tool}, fitted to the terms of gates.terms. error: the",
        "# largest relative error of a block's cell area over the configurations that reports/results/area.md lists.",
        "",
        "cells: # um2 of one",
    ]
    for name, what, area in (("gate", "NAND2_X1", NAND2_UM2), ("flip_flop", "DFF_X1", FLIP_FLOP_UM2)):
        text = f'value: {area}, unit: um2, node_nm: {NODE_NM}, trust: "{_TRUST}", source: "{what}: {SOURCE}"'
        lines.append(f"  {name}: {{{text}}}")
    lines += ["", "blocks:"]
    for item in fits:
        worst = max(item.worst(held_out=False), item.worst(held_out=True))
        lines.append(f"  {item.block}:")
        for kind, values in (("logic", item.logic), ("flip_flops", item.flip_flops)):
            lines.append(f"    {kind}: {{{', '.join(f'{name}: {value:g}' for name, value in values.items())}}}")
        lines.append(f"    error: {worst:.4f}")
    return "\n".join([*lines, ""])


def report_text(fits: Sequence[Fit], whole: Sequence[tuple[Sizes, Gates, float]], tool: str,
                published: Sequence[tuple[Published, Gates]]) -> str:  # fmt: skip
    """reports/results/area.md. ``whole``: sizes, counted gates and the fits' um2 of accelerators in one piece."""
    parts = [_head(tool), _blocks(fits), _fits(fits), _whole(whole), _points(fits), _published(published)]
    return "\n".join([*parts, ""])


def _head(tool: str) -> str:
    ratio = area_factor(NODE_NM, _NODE)
    return (
        "# Gates and area of the RTL\n\n"
        "Made by `make area`.\n\n"
        f"{tool}, hierarchical, Booth multipliers, a clock gate for every {CLOCK_GATE_MIN_BITS} flip-flops or more that"
        f" share an enable, mapped by ABC for least area. Cells: {SOURCE}. Gates are cell areas over that of a NAND2"
        f" ({NAND2_UM2} um2); a flip-flop is {FLIP_FLOP_UM2} um2. mm2 are cell areas times {ratio:.4f}, for {_NODE} nm"
        " (accel_models.technology). No timing was asked for, no scan chain, no drive above X1. Not counted: the banks"
        " of the scratchpad and the words of the accumulators, which are macros (accel_models.sram). Queues, the"
        " look-up table and the registers are flip-flops.\n"
    )


def _blocks(fits: Sequence[Fit]) -> str:
    configurations = {"4x4": SMALL, "8x8 (edge8)": EDGE8, "16x16 (edge16)": EDGE16}
    lines = ["## Blocks by configuration, from the fits\n"]
    heads = " | ".join(f"{name}: gates | flip-flops | mm2" for name in configurations)
    lines += [f"| block | {heads} |", f"|---|{'---:|' * 3 * len(configurations)}"]
    totals = {name: Gates(0, 0) for name in configurations}
    for item in fits:
        cells = []
        for name, sizes in configurations.items():
            gates = item.at(sizes)
            totals[name] = Gates(totals[name].logic + gates.logic, totals[name].flip_flops + gates.flip_flops)
            cells.append(_cells(gates))
        lines.append(f"| {item.block} | {' | '.join(cells)} |")
    lines.append(f"| **all** | {' | '.join(_cells(gates) for gates in totals.values())} |")
    lines.append(
        "\narray: `pe_array`; matrix: `matrix_engine` without it; vector: `vector_engine`; crossbar: `scratchpad`"
        " without its banks; dma: `bus_master`, command fetch included; control: queues, fronts, tokens, scalar"
        " registers; host: registers of the microcontroller and counters.\n"
    )
    return "\n".join(lines)


def _cells(gates: Gates) -> str:
    return f"{gates.logic:,.0f} | {gates.flip_flops:,.0f} | {_mm2(gates.um2):.4f}"


def _mm2(um2_at_45: float) -> float:
    return um2_at_45 * area_factor(NODE_NM, _NODE) * 1e-6


def _fits(fits: Sequence[Fit]) -> str:
    lines = [
        "## Fits\n",
        "Errors are of a block's cell area: the largest over the configurations fitted, and over those held out.\n",
        "| block | gates | flip-flops | worst, fitted | worst, held out |",
        "|---|---|---|---:|---:|",
    ]
    for item in fits:
        errors = f"{100 * item.worst(held_out=False):.1f} % | {100 * item.worst(held_out=True):.1f} %"
        lines.append(f"| {item.block} | {_sum(item.logic)} | {_sum(item.flip_flops)} | {errors} |")
    return "\n".join([*lines, ""])


def _sum(values: Mapping[str, float]) -> str:
    found = [f"{value:,g}" if name == "constant" else f"{value:,g} {name}" for name, value in values.items() if value]
    return " + ".join(found)


def _whole(whole: Sequence[tuple[Sizes, Gates, float]]) -> str:
    lines = ["## The accelerator in one piece, beside the sum of its blocks\n",
             "| rows x columns | gates | flip-flops | um2 at 45 nm | sum of the fits | difference |",
             "|---|---:|---:|---:|---:|---:|"]  # fmt: skip
    for sizes, counted, fitted in whole:
        numbers = f"{counted.logic:,.0f} | {counted.flip_flops:,.0f} | {counted.um2:,.0f} | {fitted:,.0f}"
        lines.append(f"| {sizes.rows}x{sizes.columns} | {numbers} | {100 * (fitted / counted.um2 - 1):+.1f} % |")
    return "\n".join([*lines, ""])


def _points(fits: Sequence[Fit]) -> str:
    lines = [
        "## Every synthesis\n",
        "| block | parameters | gates | flip-flops | fit | |",
        "|---|---|---:|---:|---:|---|",
    ]
    for item in fits:
        lines += [_point(item.block, point) for point in item.points]
    return "\n".join([*lines, ""])


def _point(block: str, point: Point) -> str:
    parameters = ", ".join(f"{name} {value}" for name, value in BLOCKS[block].parameters_at(point.sizes).items())
    counted, held = point.counted, "held out" if point.held_out else ""
    error = f"{100 * point.error:+.1f} %"
    return f"| {block} | {parameters} | {counted.logic:,.0f} | {counted.flip_flops:,.0f} | {error} | {held} |"


def _published(published: Sequence[tuple[Published, Gates]]) -> str:
    lines = [
        "## Beside published silicon\n",
        "The PEs of two published arrays, described anew (rtl/synthesis/published) and synthesized in the same way. The"
        " last column is published area over our cells: what the cells would have to be multiplied with.\n",
        "| array | gates | flip-flops | our cells at 22 nm, mm2 | published, mm2 | published / cells |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for item, gates in published:
        assert item.node_nm == _NODE
        cells, note = _mm2(gates.um2), ", whole accelerator" if item.whole else ""
        below = "< " if item.whole else ""
        numbers = f"{gates.logic:,.0f} | {gates.flip_flops:,.0f} | {cells:.4f} | {item.um2 * 1e-6:.4f}{note}"
        lines.append(f"| {item.name} | {numbers} | {below}{item.um2 * 1e-6 / cells:.2f} |")
    lines += ["", *(f"- {source}" for source in dict.fromkeys(item.source for item, _ in published))]
    return "\n".join(lines)
