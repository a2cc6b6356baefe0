"""Figures of an exploration: fronts, parallel coordinates, what each axis does."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from reports.exploration.shown import Data, Table, label, levels, paths_of, rows_shown, sensitivity, short, text_of
from reports.figures.figure import NEUTRAL, SERIES, Figure
from reports.units import digits

_MOST_PAIRS = 6
_FRONT = SERIES[0]


def fronts(data: Data, table: Table) -> list[Figure]:
    """One figure for each pair of objectives; a point is where it is, those on the front stand out."""
    count = len(data["objectives"])
    pairs = [(i, j) for i in range(count) for j in range(i + 1, count)][:_MOST_PAIRS] or [(0, -1)]
    return [_pair(data, table, i, j) for i, j in pairs]


def _pair(data: Data, table: Table, i: int, j: int) -> Figure:
    rows = rows_shown(table)
    x, other = data["objectives"][i]["metric"], data["objectives"][j]["metric"] if j >= 0 else "point"
    traces = []
    for name, on_front, color, size in (("other points", False, NEUTRAL, 6), ("on the front", True, _FRONT, 10)):
        mine = [row for row in rows if bool(table["front"][row]) is on_front]
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": name,
                "x": [table[x][row] for row in mine],
                "y": [table[other][row] for row in mine],
                "customdata": [[table["point"][row], _where(data, table, row)] for row in mine],
                "marker": {"color": color, "size": size, "opacity": 0.9 if on_front else 0.55},
                "hovertemplate": "point %{customdata[0]}: %{x:,.4g}, %{y:,.4g}<br>%{customdata[1]}<extra></extra>",
            }
        )
    vertical = label(data, j) if j >= 0 else "point"
    return Figure(
        id=f"front-{i}-{j if j >= 0 else 'point'}",
        title=f"{label(data, i)} and {vertical}",
        reading="Each point is a design that holds every constraint. Drag over some of them to mark the same designs in"
        " all figures like this and in the table of the front; double-click to let go. With more than two objectives a"
        " design on the front may lie behind others here: it is better in an objective that this figure does not show.",
        data=tuple(traces),
        layout={
            "height": 430,
            "dragmode": "select",
            "xaxis": {"title": {"text": label(data, i)}, "rangemode": "tozero"},
            "yaxis": {"title": {"text": vertical}, "rangemode": "tozero"},
        },
    )


def _where(data: Data, table: Table, row: int) -> str:
    return "<br>".join(f"{short(path)}: {text_of(table[path][row])}" for path in paths_of(data))


def parallel(data: Data, table: Table) -> Figure:
    """Every design as a line across its axes and objectives."""
    rows = rows_shown(table)
    dimensions = [_axis_dimension(table, path, rows) for path in paths_of(data)]
    for place, item in enumerate(data["objectives"]):
        values = [table[item["metric"]][row] for row in rows]
        dimensions.append({"label": label(data, place), "values": values})
    return Figure(
        id="parallel",
        title="Designs, axis by axis",
        reading="Each line is a design, from its choices on the left to its objectives on the right; designs on the"
        " front are coloured. Drag along an axis to keep only the lines that pass there; click to let go.",
        data=(
            {
                "type": "parcoords",
                "line": {
                    "color": [int(bool(table["front"][row])) for row in rows],
                    "colorscale": [[0, NEUTRAL], [1, _FRONT]],
                    "cmin": 0,
                    "cmax": 1,
                },
                "dimensions": dimensions,
                "labelangle": -12,
            },
        ),
        layout={"height": 460, "margin": {"l": 70, "r": 70, "t": 90, "b": 30}},
    )


def _axis_dimension(table: Table, path: str, rows: Sequence[int]) -> dict[str, Any]:
    """An axis with its values at even distances, in order."""
    known = levels(table, path, rows)
    return {
        "label": short(path),
        "values": [known.index(table[path][row]) for row in rows],
        "tickvals": list(range(len(known))),
        "ticktext": [text_of(value) for value in known],
        "range": [-0.2, max(len(known) - 0.8, 0.2)],
    }


def axes_by_weight(data: Data, table: Table) -> Figure:
    """Which axis matters for which objective."""
    rows = rows_shown(table)
    shares = sensitivity(data, table, rows)
    paths = paths_of(data)
    return Figure(
        id="sensitivity",
        title="What each axis decides",
        reading="Share of the variance of an objective (of its logarithm) between the values of one axis alone, over"
        " the designs that hold every constraint. What is missing to 1 comes from axes together, and from constraints"
        " that make the choice uneven.",
        data=tuple(
            {
                "type": "bar",
                "orientation": "h",
                "name": label(data, place),
                "y": [short(path) for path in paths],
                "x": shares[:, place].tolist(),
                "marker": {"color": SERIES[place % len(SERIES)]},
                "hovertemplate": "%{y}: %{x:.1%} of " + label(data, place) + "<extra></extra>",
            }
            for place in range(len(data["objectives"]))
        ),
        layout={
            "height": 130 + 22 * (len(data["objectives"]) + 1) * max(1, len(paths)),
            "barmode": "group",
            "xaxis": {"title": {"text": "share of the variance"}, "tickformat": ".0%", "range": [0, 1]},
            "yaxis": {"autorange": "reversed", "automargin": True},
        },
    )


def effects(data: Data, table: Table) -> Figure:
    """Which value of an axis is better, for each objective."""
    rows = rows_shown(table)
    traces = []
    for place, item in enumerate(data["objectives"]):
        values = np.array([table[item["metric"]][row] for row in rows], float)
        middle = float(np.median(values)) if len(values) else 1.0
        names, marks, ratios = [], [], []
        for path in paths_of(data):
            own = [table[path][row] for row in rows]
            for level in levels(table, path, rows):
                group = values[[mine == level for mine in own]]
                names.append(short(path))
                marks.append(text_of(level))
                ratios.append(float(np.median(group)) / middle if middle else 1.0)
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": label(data, place),
                "x": [names, marks],
                "y": ratios,
                "marker": {"size": 10, "color": SERIES[place % len(SERIES)]},
                "hovertemplate": "%{x}: %{y:.3f} times the median, " + digits(middle) + "<extra></extra>",
            }
        )
    return Figure(
        id="effects",
        title="Which way each axis moves",
        reading="Median of an objective over the designs with that value, over that of all designs; 1: no effect.",
        data=tuple(traces),
        layout={"height": 420, "xaxis": {"type": "multicategory"}, "yaxis": {"title": {"text": "times the median"}}},
    )
