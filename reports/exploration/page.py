"""One self-contained page of an exploration, to choose a design by looking."""

from collections.abc import Mapping
from html import escape
from typing import Any

from reports.exploration import chosen, figures, levels
from reports.exploration.shown import Data, Table, label, paths_of, short, text_of
from reports.exploration.terminal import screened
from reports.figures.figure import Figure
from reports.page import card, render, section
from reports.parts import Cell, Column, chip, plain, table

_LEVELS: Mapping[str, str] = {
    "screen": "closed form on a program shared by similar systems; used to choose what to simulate",
    "event": "event machine (SimPy), the compiler's first mapping",
    "searched": "event machine (SimPy), the fastest of several mappings: what cosim run reports",
    "rtl": "that program on the Verilog under Verilator, bytes and counters compared with the models",
}
_FRONT = (
    "Designs that no other evaluated one beats in every objective, best first in the first objective; click a heading"
    " to sort. The last column says how the numbers were found."
)
_CONSTRAINTS = (
    "How many of the points that a constraint was looked at for violate it. Points that the system's own numbers rule"
    " out are not simulated, and other constraints are not looked at for them."
)
_PROVENANCE = "Equal space, sources and seed give equal numbers, byte for byte, on any number of workers."


def page(data: Data, points: Table) -> str:
    """The page's text. Pages without a feasible point have no figures."""
    drawn: list[Figure] = []
    parts, feasible = [], data["counts"]["ok"]
    if feasible:
        pairs = [_put(figure, drawn) for figure in figures.fronts(data, points)]
        for start in range(0, len(pairs), 2):
            parts.append(section("", f'<div class="pair">{"".join(pairs[start : start + 2])}</div>'))
    parts.append(section("front", card("Pareto front", _FRONT, _front(data))))
    if data["levels"]:
        parts.append(
            section("levels-section", card("The same points at every level", levels.READING, levels.content(data)))
        )
    if feasible:
        parts.append(section("axes", _put(figures.parallel(data, points), drawn)))
    if feasible and data["axes"]:
        both = _put(figures.axes_by_weight(data, points), drawn) + _put(figures.effects(data, points), drawn)
        parts.append(section("sensitivity-section", f'<div class="pair">{both}</div>'))
    parts.append(chosen.sections(data, drawn))
    parts += [
        section("constraints", card("Constraints and points that cannot be", _CONSTRAINTS, _ruled_out(data))),
        section("fidelity", card("How the numbers were found", "From least to most exact.", _levels(data))),
        section("provenance-section", card("Provenance", _PROVENANCE, _provenance(data))),
    ]
    body = _header(data) + f"<main>{''.join(parts)}</main>"
    return render(f"Exploration {data['space']['name']}", body, dict(data), drawn, ("page.js", "exploration.js"))


def _put(figure: Figure, drawn: list[Figure]) -> str:
    drawn.append(figure)
    return card(figure.title, figure.reading, f'<div class="plot" id="{figure.id}"></div>')


def _header(data: Data) -> str:
    counts, space = data["counts"], data["space"]
    targets = ", ".join(f"{item['target']} (weight {item['weight']:g})" for item in space["workloads"])
    return (
        f'<header><div><div class="eyebrow">Design-space exploration</div><h1>{escape(space["name"])}</h1>'
        f"<p>{escape(space['description'])}</p><p><b>{data['evaluated']:,}</b> of {data['size']:,} points evaluated;"
        f" <b>{counts['ok']:,}</b> hold every constraint, {counts['constraint']:,} violate one,"
        f" {counts['infeasible']:,} cannot be built or cannot run a workload, {counts['failed']:,} failed. Workloads:"
        f" {escape(targets)}.</p></div></header>\n"
    )


def _front(data: Data) -> str:
    paths, count = paths_of(data), len(data["objectives"])
    columns = [
        Column("Point", True),
        *(Column(label(data, place), True) for place in range(count)),
        *(Column(short(path), _numeric(data, path)) for path in paths),
        Column("Found by"),
    ]
    rows = [
        [
            Cell(str(item["index"]), item["index"]),
            *(Cell(text_of(value), repr(value)) for value in item["objectives"]),
            *(Cell(escape(text_of(item["point"][path])), item["point"][path]) for path in paths),
            Cell(chip(item["level"])),
        ]
        for item in data["front"]
    ]
    return table(columns, rows, identity="front-table")


def _numeric(data: Data, path: str) -> bool:
    return all(
        isinstance(value, int | float) and not isinstance(value, bool)
        for item in data["axes"]
        if item["path"] == path
        for value in item["values"]
    )


def _ruled_out(data: Data) -> str:
    rows = [
        [Cell(f"<code>{escape(item['constraint'])}</code>"), Cell(f"{item['killed']:,}", item["killed"]), _of(item)]
        for item in data["constraints"]
    ]
    rows += [
        [Cell(f"{chip(status)} {escape(reason)}"), Cell(f"{count:,}", count), Cell("")]
        for status in ("infeasible", "failed")
        for reason, count in data[status].items()
    ]
    columns = [Column("Constraint or reason", style="long"), Column("Points", True), Column("Looked at", True)]
    return table(columns, rows, identity="ruled-out")


def _of(item: Mapping[str, Any]) -> Cell:
    return Cell(f"{item['of']:,}", item["of"])


def _levels(data: Data) -> str:
    rows = [[Cell(chip(name)), Cell(escape(text))] for name, text in _LEVELS.items()]
    text = "".join(f"<p>{escape(line)}</p>" for line in screened(data))
    return table([Column("Name"), Column("Numbers come from")], rows, identity="levels", sortable=False) + text


def _provenance(data: Data) -> str:
    columns = [Column("Field"), Column("Value")]
    space = table(columns, plain(data["space"]), identity="space", sortable=False)
    return (
        table(columns, plain(data["provenance"]), identity="provenance", sortable=False)
        + f"<details><summary>The space, field by field</summary>{space}</details>"
    )
