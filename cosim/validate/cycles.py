"""Cycle errors of the event machine against the RTL: ``python -m cosim.validate.cycles``.

The four networks by operator kind, random programs by command class. Writes reports/results/cycle_errors.json and
cycle_errors.md; ``cosim validate`` prints the same. Exits with 1 where contract 1 or 2 does not hold.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np

from accel_models.accounts import NAMED
from accel_models.commands import Matrix, MatrixMode, Requantize, Residual
from accel_models.container import write_atomic
from accel_models.program import Program
from accel_models.system import load_system
from cosim.options import Options
from cosim.validate import programs
from rtl.bench.cosim import cosimulate
from rtl.bench.outcome import CosimResult, counters_different, cycles_by_row, near

NETWORKS, SYSTEMS = ("resnet8", "kws", "ad", "vww"), ("edge16", "edge8")
SEEDS = 400  # random programs
_STEP = 100

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class RowCycles:
    """Cycles of one row of a network (accounts.py), on the RTL and on the event machine."""

    network: str
    system: str
    row: str
    kind: str
    cycles: int
    expected_cycles: int

    @property
    def difference(self) -> int:
        return self.cycles - self.expected_cycles


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkCycles:
    """A whole network. ``equal``: bytes and exact counters; ``near``: total cycles within contract 2."""

    network: str
    system: str
    cycles: int
    expected_cycles: int
    equal: bool
    near: bool
    rows: tuple[RowCycles, ...]


def measure(report: Report, seeds: int = SEEDS) -> dict[str, Any]:
    """Everything that the tables show, as JSON data. A system on which a network does not fit is left out, by name."""
    found: list[NetworkCycles] = []
    left_out: list[str] = []
    for network in NETWORKS:
        _networks(network, report, found, left_out)
    verdicts = []
    for start in range(0, seeds, _STEP):
        report(f"random programs {start} to {min(start + _STEP, seeds) - 1} of {seeds}")
        verdicts += programs.run(range(start, min(start + _STEP, seeds)))
    rows = [row for item in found for row in item.rows]
    return {
        "networks": [_plain(item) for item in found],
        "left_out": left_out,
        "kinds": kinds(rows),
        "random": programs.summary(verdicts, []),
    }


def holds(data: dict[str, Any]) -> bool:
    """Contracts 1 and 2 on everything measured."""
    return all(item["equal"] and item["near"] for item in data["networks"]) and programs.holds(data["random"])


def _networks(network: str, report: Report, found: list[NetworkCycles], left_out: list[str]) -> None:
    from cosim.encode import compile_network
    from cosim.frontend import prepare

    prepared = prepare(network, Options(), lambda stage: None)
    inputs = {name: array[None] for name, array in prepared.inputs.items()}
    for name in SYSTEMS:
        try:
            program = compile_network(prepared.network, load_system(name), "sram")
        except ValueError as error:
            left_out.append(str(error).splitlines()[0])
            continue
        report(f"{network} on {name}")
        result = cosimulate(program, inputs)
        found.append(network_cycles(network, program, result))


def network_cycles(network: str, program: Program, result: CosimResult) -> NetworkCycles:
    """The rows of both machines side by side."""
    cycles, expected = sum(result.cycles), sum(result.expected_cycles)
    measured = cycles_by_row(program, result.start, result.end, result.cycles)
    modelled = cycles_by_row(program, result.expected_start, result.expected_end, result.expected_cycles)
    names = [(row.name, _kind(program, index)) for index, row in enumerate(program.rows)]
    names += [(name, name) for name in NAMED]
    rows = tuple(
        RowCycles(network=network, system=result.system, row=name, kind=kind, cycles=got, expected_cycles=want)
        for (name, kind), got, want in zip(names, measured, modelled, strict=True)
        if got or want
    )
    equal = result.values_equal and not counters_different(result)
    return NetworkCycles(
        network=network,
        system=result.system,
        cycles=cycles,
        expected_cycles=expected,
        equal=equal,
        near=near(cycles, expected),
        rows=rows,
    )


def _kind(program: Program, row: int) -> str:
    """The kind of an operator as its commands carry it out: which convolution, and what is fused to it."""
    mine = [program.decoded[index] for index in np.flatnonzero(program.command_rows == row)]
    matrices = [item for item in mine if isinstance(item, Matrix)]
    kind = program.rows[row].kind
    if matrices and all(item.mode == MatrixMode.DEPTHWISE for item in matrices):
        kind += ", depthwise"
    elif matrices and all(item.input_height == item.input_width == 1 for item in matrices):
        kind += ", dense"
    adds = any(isinstance(item, Requantize) and item.residual == Residual.ADD for item in mine)
    return kind + (" and add" if adds else "")


def kinds(rows: Sequence[RowCycles]) -> dict[str, dict[str, Any]]:
    """By operator kind: cycles of all rows, mean absolute error by row, and the worst row by name."""
    found: dict[str, dict[str, Any]] = {}
    for kind in sorted({row.kind for row in rows}):
        mine = [row for row in rows if row.kind == kind]
        worst = max(mine, key=lambda row: abs(row.difference))
        expected = sum(row.expected_cycles for row in mine)
        found[kind] = {
            "rows": len(mine),
            "cycles": sum(row.cycles for row in mine),
            "expected_cycles": expected,
            "mean_error": sum(abs(row.difference) for row in mine) / max(1, expected),
            "worst": asdict(worst) | {"difference": worst.difference},
        }
    return found


def _plain(item: NetworkCycles) -> dict[str, Any]:
    return asdict(item) | {"cycle_error": item.cycles / item.expected_cycles - 1}


def tables(data: dict[str, Any]) -> Iterator[str]:
    """Lines of Markdown."""
    yield "| network | system | RTL cycles | event machine | error | bytes and counters |"
    yield "|---|---|---:|---:|---:|---|"
    for item in data["networks"]:
        yield (
            f"| `{item['network']}` | {item['system']} | {item['cycles']:,} | {item['expected_cycles']:,} "
            f"| {item['cycle_error']:+.2%} | {'equal' if item['equal'] else 'DIFFERENT'} |"
        )
    yield from ("", *(f"Left out: {text}" for text in data["left_out"]), "")
    yield "| operator kind | rows | RTL cycles | event machine | mean error | worst row | RTL | event machine |"
    yield "|---|---:|---:|---:|---:|---|---:|---:|"
    for kind, item in data["kinds"].items():
        worst = item["worst"]
        yield (
            f"| {kind} | {item['rows']} | {item['cycles']:,} | {item['expected_cycles']:,} | {item['mean_error']:.2%} "
            f"| {worst['network']} on {worst['system']}, {worst['row']} | {worst['cycles']:,} "
            f"| {worst['expected_cycles']:,} |"
        )
    random = data["random"]
    yield ""
    yield (
        f"{random['programs']} random programs, {random['timed']} of them with cycles to compare: mean absolute error "
        f"{random['mean_cycle_error']:.2%} over {random['long']} of at least {random['long_cycles']:,} cycles; "
        f"not equal: {len(random['not_equal'])}; beyond contract 2: {len(random['beyond_contract'])}."
    )
    yield ""
    yield from programs.class_table(random["classes"])
    yield ""
    yield from programs.worst_table(random["worst"])


def main() -> int:
    data = measure(partial(print, file=sys.stderr, flush=True))
    head = "# Cycle errors of the event machine against the RTL\n\nWritten by `python -m cosim.validate.cycles`.\n\n"
    text = head + "\n".join(tables(data)) + "\n"
    write_atomic(programs.RESULTS / "cycle_errors.json", (json.dumps(data, indent=1, sort_keys=True) + "\n").encode())
    write_atomic(programs.RESULTS / "cycle_errors.md", text.encode())
    print(text, end="")
    return int(not holds(data))


if __name__ == "__main__":
    sys.exit(main())
