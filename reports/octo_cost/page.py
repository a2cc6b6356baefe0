"""The Markdown page of the measurements, for readers who know neither the networks nor the machine."""

from collections.abc import Mapping, Sequence
from typing import Any

from reports.octo_cost.aims import aims
from reports.octo_cost.markdown import MASTERS, code, item, paragraph, percent, table
from reports.octo_cost.page_memory import again, batches, memory
from reports.octo_cost.steps import OUTSIDE, PRODUCTS, phase, share, utilization
from reports.training import UNLIKE
from reports.units import digits, duration, energy

Row = Mapping[str, Any]


def page(data: Row) -> str:
    """All tables, aims first."""
    integer = [row for row in data["steps"] if row["masters"] != "fp32"]
    parts = [
        _introduction(data),
        _aims(data, integer),
        *(_phases(row) for row in integer),
        _masters(data["steps"]),
        _epochs(integer),
        memory(data["memory"]),
        *(again(row) for row in data["memory"]),
        batches(data),
        _beside([row for row in integer if row["beside"]]),
    ]
    return "\n".join(part for part in parts if part)


def _introduction(data: Row) -> str:
    step = data["steps"][0]
    return (
        "# What a training step in 8-bit integers costs\n\n"
        + paragraph(
            "Written by `python -m reports.octo_cost`, with its numbers in octo_cost.json. A training step is the "
            "forward pass, the backward pass and the update of the weights for one batch. Two networks take it: "
            "`octo`, three layers on digits of 8x8 pixels, and `octo-resnet8`, ResNet-8 on images of 32x32x3. Both "
            f"train on the {step['epoch']['samples']:,} images that come with the package, in batches of "
            f"{step['batch']} where nothing else is said. All products are of 8-bit integers. *Masters* are the copies "
            "of the weights in which small updates add up: int16 masters have 8 bits below the int8 weights, int8 "
            "masters are the weights themselves."
        )
        + "\n"
        + item(
            f"**Machine**: `{step['system']}`, {data['systems'][step['system']]['description']}. "
            "A design of this project, not a chip on sale; the reasons for its sizes stand in `accel_models/presets`."
        )
        + item(
            "**Cycles** are those of the event machine, which tests hold to the RTL; values equal PyTorch's in every "
            "bit."
        )
        + item(
            "**Energy** is modelled: accesses, operations and cycles are counted and priced by `accel_models/tables`, "
            "where each constant has its source."
        )
        + item(
            f"**Array use** is MACs (multiply-accumulates) over those that the array could do in the same cycles, "
            f"{step['macs_per_cycle']} a cycle."
        )
    )


def _aims(data: Row, integer: Sequence[Row]) -> str:
    rows = [
        [
            aim.text,
            code(aim.workload),
            f"{aim.bound} {percent(aim.limit)}",
            percent(aim.value),
            "reached" if aim.reached else "**not reached**",
        ]
        for aim in aims(data)
    ]
    shares = " and ".join(
        f"{percent(sum(part['cpu_cycles'] for part in row['phases']) / row['cycles'])} of {code(row['workload'])}'s "
        "cycles"
        for row in integer
    )
    return (
        "## Aims\n\n"
        + table(["aim", "network", "wanted", "measured", "result"], rows, 2)
        + "\n"
        + paragraph(
            "The layers of `octo` are small for such an array. What a step decides on the CPU (scales, the loss, "
            f"biases) is {shares}. The activations of `octo` stay in the scratchpad, so that computing them again "
            "saves no SRAM."
        )
    )


def _phases(row: Row) -> str:
    parts = [(item["name"], item) for item in row["phases"]]
    parts += [(OUTSIDE, {**row[OUTSIDE], "macs": 0}), ("**step**", row)]
    beyond = row["beyond_forward"]
    return (
        f"## {code(row['workload'])} by phase: batch {row['batch']}, {MASTERS[row['masters']]} masters\n\n"
        + table(
            ["phase", "cycles", "of the step", "energy", "MACs", "array use"],
            [_phase(name, part, row) for name, part in parts],
        )
        + "\n"
        + paragraph(
            f"A step takes {duration(row['latency_ms'])} and {energy(row['energy_uj'])}: {digits(beyond['time'], 3)} "
            f"times the time and {digits(beyond['energy'], 3)} times the energy of its forward phase alone. Over "
            f"{', '.join(PRODUCTS)} together, array use is {percent(utilization(row))}."
        )
    )


def _phase(name: str, part: Row, row: Row) -> list[str]:
    use = part["macs"] / part["cycles"] / row["macs_per_cycle"]
    return [
        name,
        f"{part['cycles']:,}",
        f"{100 * part['cycles'] / row['cycles']:.1f} %",
        energy(part["energy_uj"]),
        f"{part['macs']:,}" if part["macs"] else "",
        percent(use) if part["macs"] else "",
    ]


def _masters(steps: Sequence[Row]) -> str:
    def line(row: Row) -> list[str]:
        update = phase(row, "update")
        products = update["cpu_products_cycles"]
        return [
            code(row["workload"]),
            MASTERS[row["masters"]],
            str(row["batch"]),
            code(*row["recomputed"]) or "none",
            f"{row['cycles'] / row['batch']:,.0f}",
            energy(row["energy_uj"] / row["batch"]),
            percent(share(row, "update")),
            f"{(update['cycles'] - products) / row['batch']:,.0f}",
            f"{products / row['batch']:,.0f}",
        ]

    head = ["network", "masters", "batch", "computed again", "cycles a sample", "energy a sample", "update's share"]
    return (
        "## Masters in float32\n\n"
        + paragraph(
            "The accelerator has no update of float32 masters: the CPU does it. The CPU computes the weight "
            "gradients for it too, because the accelerator keeps their sums for its own update only; they count as "
            "part of the update here, and the last column says how much they are. A batch below the others' is the "
            "largest that fits the memory."
        )
        + "\n"
        + table(
            [*head, "update itself, cycles a sample", "weight gradients on the CPU, cycles a sample"], map(line, steps)
        )
    )


def _epochs(steps: Sequence[Row]) -> str:
    rows = [
        [
            code(row["workload"]),
            f"{row['epoch']['steps']:,}",
            duration(row["epoch"]["ms"]),
            energy(row["epoch"]["uj"]),
        ]
        for row in steps
    ]
    return f"## An epoch of {steps[0]['epoch']['samples']:,} images\n\n" + table(
        ["network", "steps", "time", "energy"], rows
    )


def _beside(rows: Sequence[Row]) -> str:
    lines = [
        [code(row["workload"]), ratio["name"], *(digits(ratio[key], 3) for key in ("time", "energy"))]
        for row in rows
        for ratio in row["beside"]["ratios"]
    ]
    others = " and ".join(
        f"{code(other['workload'])} takes {duration(other['latency_ms'] / other['samples'])} and "
        f"{energy(other['energy_uj'] / other['samples'])} a sample"
        for other in (row["beside"] for row in rows)
    )
    constants = {constant["name"]: constant for row in rows for constant in row["beside"]["constants"]}
    return (
        "## Beside float32 on a microcontroller\n\n"
        + paragraph(
            f"The same networks, trained in float32 on `{rows[0]['beside']['system']}`: {others}. So many times the "
            "time and the energy of the integer step above that is, for as many samples:"
        )
        + "\n"
        + table(["network", "phase", "time", "energy"], lines, 2)
        + "\n"
        + paragraph(f"{UNLIKE[0].upper()}{UNLIKE[1:]}. The figures of the float step rest on:")
        + "\n"
        + "".join(
            item(f"{it['name']}: {digits(it['value'])} {it['unit']}. {it['source']}. Trust: {it['trust']}.")
            for it in constants.values()
        )
    )
