"""The page's part on memory: SRAM of a step, activations computed again, the largest batches."""

from collections.abc import Mapping, Sequence
from typing import Any

from reports.octo_cost.markdown import MASTERS, MEMORIES, code, paragraph, percent, table
from reports.octo_cost.memory import saved
from reports.units import energy

Row = Mapping[str, Any]


def memory(rows: Sequence[Row]) -> str:
    """Peak and lower bound."""
    lines = [
        [
            code(row["workload"]),
            f"{row['peak_bytes']:,}",
            f"{row['bound_bytes']:,}",
            f"{100 * (row['peak_bytes'] / row['bound_bytes'] - 1):.2f} %",
            *(f"{row[key]:,}" for key in ("state_bytes", "commands_bytes", "moving_bytes")),
        ]
        for row in rows
    ]
    return (
        "## SRAM of a step\n\n"
        + paragraph(
            "The peak is the highest address that the planner uses. The lower bound is the largest set of bytes alive "
            "at once, below which no placement can go. State lives on from step to step: masters, int8 weights, "
            "biases, ranges. *Activations* are all that comes and goes, gradients and inputs too, as far as it does "
            "not stay in the scratchpad. Each of the three is at its own peak."
        )
        + "\n"
        + table(
            ["network", "peak (B)", "lower bound (B)", "above it", "state (B)", "commands (B)", "activations (B)"],
            lines,
        )
    )


def again(row: Row) -> str:
    """What computing activations again saves and costs; nothing where it saves nothing."""
    smaller = [small for small in row["smallest"] if small["recomputed"]]
    if not smaller:
        return ""
    lines = [[f"{row['sram_bytes'] // 1024:,} KiB", "SRAM", "none", *_sizes(row, row), "", ""]]
    for small in smaller:
        cycles = small["cycles"] / row["cycles"] - 1
        spent = small["energy_in_same_sram_uj"] / row["energy_uj"] - 1
        lines.append(
            [
                f"{small['sram_bytes'] // 1024:,} KiB",
                MEMORIES[small["commands"]],
                code(*small["recomputed"]),
                *_sizes(row, small),
                f"+{100 * cycles:.1f} %",
                f"+{100 * spent:.1f} %",
            ]
        )
    head = [
        "SRAM",
        "commands in",
        "computed again",
        "activations (B)",
        "saved",
        "peak (B)",
        "saved",
        "cycles",
        "energy",
    ]
    return (
        f"## Activations computed again: {code(row['workload'])}\n\n"
        + paragraph(
            "Where a step does not fit, the compiler gives up activations and computes them once more for the backward "
            "pass; values stay the same in every bit. Below the first row stand the smallest SRAMs, to 1 KiB, in which "
            "the step compiles, with its commands in SRAM and in flash, and what it then takes more. Energy is that of "
            "the same program in the SRAM of the first row, so that it is the work's alone: an access to a smaller "
            "SRAM takes less."
        )
        + "\n"
        + table(head, lines, 3)
    )


def _sizes(row: Row, small: Row) -> list[str]:
    found = []
    for key in ("moving_bytes", "peak_bytes"):
        found += [f"{small[key]:,}", "" if small is row else percent(saved(row, small, key))]
    return found


def batches(data: Row) -> str:
    """The largest batch by network, memory and masters."""
    head = ["network", "system, SRAM", "masters", "largest batch", "SRAM used", "flash used", "commands in"]
    more = ["computed again", "cycles of the CPU", "cycles a sample", "energy a sample"]
    return (
        "## The largest batch that fits\n\n"
        + paragraph(
            "Found by compiling: the planner accepts this batch and refuses the next one, as `cosim run octo-resnet8 "
            "--system edge16 --batch largest` does. Where SRAM is short it first leaves the commands in flash, which "
            "takes longer to fetch them from, and then computes activations again. Flash, which holds the commands in "
            "any case, can be full first. A sample of the largest batch is not always the cheapest: bias gradients "
            "over more pixels than the accelerator's sums can hold go to the CPU."
        )
        + "\n"
        + table([*head, *more], [_batch(row, data["systems"][row["system"]]) for row in data["batches"]], 3)
    )


def _batch(row: Row, system: Row) -> list[str]:
    where = f"{code(row['system'])}, {system['sram_bytes'] // 1024:,} KiB"
    head = [code(row["workload"]), where, MASTERS[row["masters"]]]
    if not row["batch"]:
        return [*head, "none", *[""] * 7]
    return [
        *head,
        f"{row['batch']:,}{' (all images)' if row['batch'] == row['most'] else ''}",
        percent(row["sram_peak_bytes"] / system["sram_bytes"]),
        percent(row["flash_bytes"] / system["flash_bytes"]),
        MEMORIES[row["commands"]],
        code(*row["recomputed"]) or "none",
        percent(row["cpu_cycles"] / row["cycles"]),
        f"{row['cycles'] / row['batch']:,.0f}",
        energy(row["energy_uj"] / row["batch"]),
    ]
