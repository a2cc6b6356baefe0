"""Two explorations beside each other: lines for the terminal and a page."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from reports.exploration.shown import aligned, label, short, text_of
from reports.figures.figure import SERIES, Figure
from reports.page import card, render, section
from reports.parts import Cell, Column, table

Comparison = Mapping[str, Any]
Grid = tuple[list[str], list[list[str]]]
_SIDES = ("a", "b")
_MOST_LINES = 30
_MOST_PAIRS = 6


def lines(found: Comparison) -> list[str]:
    """The comparison as text: who, what differs, both fronts, the verdict."""
    parts = [f"{side.upper()}: {_about(found[side])}" for side in _SIDES]
    parts.append(f"{found['points_in_common']:,} points are in both spaces")
    parts += notes(found)
    for title, grid in tables(found):
        parts += ["", title, *_grid(grid)]
    return [*parts, "", *verdict(found)]


def _about(item: Mapping[str, Any]) -> str:
    return (
        f"{item['space']}, {item['evaluated']:,} of {item['size']:,} points evaluated, {item['counts']['ok']:,} hold"
        f" every constraint, {item['front']:,} on the front"
    )


def _grid(grid: Grid) -> list[str]:
    head, rows = grid
    rest = len(rows) - _MOST_LINES
    return aligned([head, *rows[:_MOST_LINES]]) + ([f"... and {rest:,} more"] if rest > 0 else [])


def notes(found: Comparison) -> list[str]:
    """What a reader has to know before the numbers mean anything."""
    parts = []
    names = [item["name"] for item in found["settings"] if item["name"].endswith((".target", ".weight"))]
    if names:
        parts.append(f"note: the workloads differ ({', '.join(names)}): the numbers are not of the same job")
    if "sources" in found["provenance"]:
        parts.append("note: other sources made A than B: equal designs may have other numbers")
    return parts


def tables(found: Comparison) -> list[tuple[str, Grid]]:
    """Titles with tables, those without a row left out."""
    goals = [label(found, place) for place in range(len(found["objectives"]))]
    every: list[tuple[str, Grid]] = [
        ("axes", (["axis", "in both", "only A", "only B"], [_axis(item) for item in found["axes"]])),
        (
            "other differences",
            (["what", "A", "B"], [[item["name"], _text(item["a"]), _text(item["b"])] for item in found["settings"]]),
        ),
        (
            "versions and sources",
            (["what", "A", "B"], [[name, *map(_text, pair)] for name, pair in found["provenance"].items()]),
        ),
        ("designs on both fronts (B over A)", (["A", "B", *goals], [_design(item) for item in found["designs"]])),
        *((f"front of {side.upper()}", _front(found["fronts"][side], goals)) for side in _SIDES),
    ]
    return [(title, grid) for title, grid in every if grid[1]]


def _axis(item: Mapping[str, Any]) -> list[str]:
    return [item["path"], *(", ".join(_text(value) for value in item[key]) for key in ("both", "only_a", "only_b"))]


def _text(value: Any) -> str:
    return "none" if value is None else text_of(value)


def _design(item: Mapping[str, Any]) -> list[str]:
    values = [
        f"{text_of(a)} -> {text_of(b)}" + ("" if ratio is None else f" ({ratio - 1:+.2%})")
        for a, b, ratio in zip(item["a"], item["b"], item["b_over_a"], strict=True)
    ]
    return [str(item["point_a"]), str(item["point_b"]), *values]


def _front(front: Sequence[Mapping[str, Any]], goals: Sequence[str]) -> Grid:
    paths = list(front[0]["values"]) if front else []
    rows = [
        [
            str(item["point"]),
            *map(text_of, item["objectives"]),
            *(text_of(item["values"][path]) for path in paths),
            item["level"],
        ]
        for item in front
    ]
    return ["point", *goals, *map(short, paths), "mapping"], rows


def verdict(found: Comparison) -> list[str]:
    """Best values, who beats whom, volumes."""
    said, goals = found["verdict"], [label(found, place) for place in range(len(found["objectives"]))]
    best = said["best"]
    parts = [
        f"best {name}: A {text_of(a)}, B {text_of(b)}"
        for name, a, b in zip(goals, best["a"] or [], best["b"] or [], strict=False)
    ]
    parts += [
        f"{other.upper()}'s front beats {said['beaten'][side]:,} of {side.upper()}'s {found[side]['front']:,} points"
        for side, other in (_SIDES, _SIDES[::-1])
    ]
    joint = said["on_joint_front"]
    parts.append(f"front of both together: {joint['a']:,} points of A, {joint['b']:,} of B")
    volume = said["volume"]
    parts.append(
        f"hypervolume, as a share of an ideal front's: A {volume['a']:.4f}, B {volume['b']:.4f},"
        f" both {volume['both']:.4f}"
    )
    return parts


def page(found: Comparison) -> str:
    """One self-contained page."""
    drawn = [_figure(found, i, j) for i, j in _pairs(len(found["objectives"]))]
    title = f"{found['a']['space']} and {found['b']['space']}"
    about = "".join(f"<p><b>{side.upper()}</b>: {escape(_about(found[side]))}</p>" for side in _SIDES)
    noted = "".join(f"<p>{escape(line)}</p>" for line in [*notes(found), *verdict(found)])
    parts = [section("verdict", card("Who wins", f"{found['points_in_common']:,} points are in both spaces.", noted))]
    parts += [section("", card(item.title, item.reading, f'<div class="plot" id="{item.id}"></div>')) for item in drawn]
    parts += [
        section("", card(name[0].upper() + name[1:], "", _html(grid, f"table-{place}")))
        for place, (name, grid) in enumerate(tables(found))
    ]
    head = f'<header><div><div class="eyebrow">Two explorations</div><h1>{escape(title)}</h1>{about}</div></header>\n'
    return render(f"Comparison: {title}", f"{head}<main>{''.join(parts)}</main>", dict(found), drawn, ("page.js",))


def _html(grid: Grid, identity: str) -> str:
    head, rows = grid
    cells = [[Cell(escape(text)) for text in row] for row in rows]
    return table([Column(name) for name in head], cells, identity=identity, sortable=False)


def _pairs(count: int) -> list[tuple[int, int]]:
    return [(i, j) for i in range(count) for j in range(i + 1, count)][:_MOST_PAIRS]


def _figure(found: Comparison, i: int, j: int) -> Figure:
    return Figure(
        id=f"fronts-{i}-{j}",
        title=f"{label(found, i)} and {label(found, j)}",
        reading="Both fronts; with more than two objectives a design may be better in one that is not shown.",
        data=tuple(
            {
                "type": "scatter",
                "mode": "markers",
                "name": side.upper(),
                "x": [item["objectives"][i] for item in found["fronts"][side]],
                "y": [item["objectives"][j] for item in found["fronts"][side]],
                "customdata": [item["point"] for item in found["fronts"][side]],
                "marker": {"color": SERIES[place * 4], "size": 10, "symbol": ("circle", "diamond")[place]},
                "hovertemplate": side.upper() + ", point %{customdata}: %{x:,.4g}, %{y:,.4g}<extra></extra>",
            }
            for place, side in enumerate(_SIDES)
        ),
        layout={
            "height": 430,
            "xaxis": {"title": {"text": label(found, i)}, "rangemode": "tozero"},
            "yaxis": {"title": {"text": label(found, j)}, "rangemode": "tozero"},
        },
    )
