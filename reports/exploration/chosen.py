"""The chosen design beside the space's base system: totals, energy by part, area, cycles by operator."""

from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

from reports.exploration.shown import Data, short, text_of
from reports.figures.figure import BAR_WIDTH, NEUTRAL, SERIES, Figure, names_axis
from reports.page import card, render, section
from reports.parts import Cell, Column, table
from reports.units import digits, duration, energy, size

Side = Mapping[str, Any]
_TOTALS: tuple[tuple[str, str, Callable[[Any], str]], ...] = (
    ("latency_ms", "Latency", duration),
    ("cycles", "Cycles", lambda value: f"{value:,}"),
    ("energy_uj", "Energy", energy),
    ("average_power_mw", "Average power", lambda value: f"{digits(value)} mW"),
    ("utilization", "Array utilization", lambda value: f"{100 * value:.1f} %"),
    ("sram_peak_bytes", "SRAM peak", size),
    ("scratchpad_peak_bytes", "Scratchpad peak", size),
    ("flash_bytes", "Flash image", size),
    ("traffic_bytes", "Bus traffic", size),
)
_READING = (
    "Every workload as 'cosim run' runs it, on the base system and on the chosen point; the folder chosen/ holds the"
    " point's full report of each workload."
)


def page(data: Data) -> str:
    """The side-by-side as a page of its own."""
    drawn: list[Figure] = []
    body = f"<header><div><h1>{escape(_title(data))}</h1></div></header>\n<main>{sections(data, drawn)}</main>"
    return render(_title(data), body, data["chosen"], drawn, ("page.js",))


def _title(data: Data) -> str:
    return f"{data['space']['name']}: point {data['chosen']['point']} beside {data['chosen']['base']}"


def sections(data: Data, drawn: list[Figure]) -> str:
    """HTML; figures are appended to ``drawn``. Empty without a chosen point."""
    chosen = data.get("chosen")
    if not chosen:
        return ""
    values = ", ".join(f"{short(path)} {text_of(value)}" for path, value in chosen["values"].items())
    head = (
        f"<p>Point {chosen['point']} ({escape(values)}): {escape(chosen['why'])}. Base: {escape(chosen['base'])}.</p>"
    )
    parts = [section("chosen", card("The chosen design beside the base system", _READING, head))]
    for label, pair in chosen["workloads"].items():
        parts.append(_workload(label, pair["base"], pair["chosen"], drawn))
    return "".join(parts)


def _workload(label: str, base: Side, chosen: Side, drawn: list[Figure]) -> str:
    totals = card(
        f"{label}: totals", "The last column is the chosen design over the base.", _totals(label, base, chosen)
    )
    parts = [section(f"chosen-{label}", totals)]
    figures = [
        _bars(f"energy-{label}", f"{label}: energy by part", "µJ", *_parts("energy_by_component_uj", base, chosen)),
        _bars(f"area-{label}", f"{label}: area by block", "mm²", *_parts("area_mm2", base, chosen)),
        _bars(f"cycles-{label}", f"{label}: cycles by operator", "cycles", *_operators(base, chosen)),
    ]
    drawn += figures
    first, second, third = (
        card(item.title, item.reading, f'<div class="plot" id="{item.id}"></div>' + _numbers(item)) for item in figures
    )
    return "".join([*parts, section("", f'<div class="pair">{first}{second}</div>'), section("", third)])


def _totals(label: str, base: Side, chosen: Side) -> str:
    reasons = [f"{name}: {side['reason']}" for name, side in (("base", base), ("chosen", chosen)) if side["reason"]]
    rows = [[Cell(name), *_pair(base.get(key), chosen.get(key), text)] for key, name, text in _TOTALS]
    areas = [sum(side["area_mm2"].values()) if "area_mm2" in side else None for side in (base, chosen)]
    rows.append([Cell("Silicon area"), *_pair(areas[0], areas[1], lambda value: f"{digits(value)} mm²")])
    columns = [Column(""), Column("Base", True), Column("Chosen", True), Column("Ratio", True)]
    notes = "".join(f"<p>{escape(reason)}</p>" for reason in reasons)
    return notes + table(columns, rows, identity=f"totals-{label}", sortable=False)


def _pair(base: Any, chosen: Any, text: Callable[[Any], str]) -> list[Cell]:
    """Cells of both values, and of their ratio."""
    cells = [Cell("–", "") if value is None else Cell(text(value), repr(value)) for value in (base, chosen)]
    ratio = Cell("–", "") if not base or chosen is None else Cell(f"{digits(chosen / base, 3)} ×", repr(chosen / base))
    return [*cells, ratio]


def _parts(key: str, base: Side, chosen: Side) -> tuple[list[str], list[Any], list[Any]]:
    """Names with a value on either side, largest first, and the values of both."""
    sides = [side.get(key, {}) for side in (base, chosen)]
    names = [name for name in dict.fromkeys([*sides[0], *sides[1]]) if any(side.get(name) for side in sides)]
    names.sort(key=lambda name: (-max(side.get(name, 0.0) for side in sides), name))
    base_values, values = ([side.get(name, 0.0) if side else None for name in names] for side in sides)
    return names, base_values, values


def _operators(base: Side, chosen: Side) -> tuple[list[str], list[Any], list[Any]]:
    """Operators in order of execution with their cycles; one that a side lacks has none there."""
    sides = [_cycles(side) for side in (base, chosen)]
    names = list(dict.fromkeys([*sides[1], *sides[0]]))
    return names, [sides[0].get(name) for name in names], [sides[1].get(name) for name in names]


def _cycles(side: Side) -> dict[str, int]:
    """Cycles by operator; of several with one name, the second is ``name (2)``."""
    found: dict[str, int] = {}
    seen: dict[str, int] = {}
    for row in side.get("rows", []):
        seen[row["name"]] = seen.get(row["name"], 0) + 1
        count = seen[row["name"]]
        found[row["name"] if count == 1 else f"{row['name']} ({count})"] = row["cycles"]
    return found


def _bars(
    identity: str, title: str, unit: str, names: Sequence[str], base: Sequence[Any], chosen: Sequence[Any]
) -> Figure:
    """Two horizontal bars a name."""
    places = list(range(len(names)))
    return Figure(
        id=identity,
        title=title,
        reading=f"In {unit}: the base system above, the chosen design below.",
        data=tuple(
            {
                "type": "bar",
                "orientation": "h",
                "name": name,
                "y": places,
                "x": list(values),
                "width": BAR_WIDTH / 2,
                "offset": offset,
                "marker": {"color": color},
                "customdata": list(names),
                "hovertemplate": f"<b>%{{customdata}}</b><br>{name}: %{{x:,.5g}} {unit}<extra></extra>",
            }
            for name, values, color, offset in (
                ("base", base, NEUTRAL, -BAR_WIDTH / 2),
                ("chosen", chosen, SERIES[0], 0),
            )
        ),
        layout={
            "height": 120 + 34 * max(3, len(names)),
            "barmode": "overlay",
            "xaxis": {"title": {"text": unit}, "rangemode": "tozero"},
            "yaxis": names_axis(names),
        },
    )


def _numbers(figure: Figure) -> str:
    """The figure's numbers as a table that opens on demand."""
    base, chosen = figure.data
    rows = [
        [Cell(escape(name), name), *_pair(a, b, text_of)]
        for name, a, b in zip(base["customdata"], base["x"], chosen["x"], strict=True)
    ]
    columns = [Column("Name"), Column("Base", True), Column("Chosen", True), Column("Ratio", True)]
    text = table(columns, rows, identity=f"{figure.id}-numbers")
    return f"<details><summary>Numbers</summary>{text}</details>"
