"""Where the energy goes: by component of the chip and by operator. All values in uJ as the run gives them."""

from typing import Any

from reports.derived import RunJson
from reports.figures.figure import (
    BAR_WIDTH,
    COMPONENT_COLORS,
    NEUTRAL,
    Figure,
    color_of,
    names_axis,
    rows_height_px,
    with_room,
)
from reports.units import energy, share

_WHAT = {
    "array": "multiply-accumulate array",
    "scratchpad": "scratchpad reads and writes",
    "accumulators": "accumulator memory",
    "vector": "requantize, pool, add",
    "bus": "wires between memories and accelerator",
    "sram": "system SRAM accesses",
    "flash": "flash reads",
    "external": "external RAM accesses",
    "commands": "fetching commands",
    "cpu": "CPU calls",
    "static": "leakage and standby, by time",
}


def energy_by_component(run: RunJson) -> Figure:
    """Horizontal bars, largest first."""
    spent = sorted(run["energy_by_component_uj"].items(), key=lambda item: (-item[1], item[0]))
    spent = [item for item in spent if item[1]]
    names = [name for name, _ in spent]
    return Figure(
        id="energy-by-component",
        title="Energy by component",
        reading="Each bar is a part of the chip: what it spent on this run, as counted events times the cited energy"
        " of one event, or as static power times time. Together they are the run's energy.",
        data=(
            {
                "type": "bar",
                "orientation": "h",
                "width": BAR_WIDTH,
                "y": list(range(len(spent))),
                "x": [value for _, value in spent],
                "marker": {"color": [color_of(name, names, COMPONENT_COLORS) for name in names]},
                "text": [f"{energy(value)} ({share(value, run['energy_uj'])})" for _, value in spent],
                "textposition": "outside",
                "cliponaxis": False,
                "showlegend": False,
                "customdata": [[name, _WHAT.get(name, "")] for name in names],
                "hovertemplate": "<b>%{customdata[0]}</b><br>%{customdata[1]}<br>%{x:,.4g} µJ<extra></extra>",
            },
        ),
        layout={
            "height": max(330, rows_height_px(len(spent))),
            "xaxis": {"title": {"text": "Energy (µJ)"}, "range": with_room((value for _, value in spent), 0.3)},
            "yaxis": names_axis(names),
        },
    )


def energy_by_operator(run: RunJson) -> Figure:
    """Horizontal bars in order of execution, stacked by component; rows of no operator last, in one colour."""
    operators, named = run["operators"], [row for row in run["named_rows"] if row["energy_uj"]]
    spent = run["energy_by_component_uj"]
    components = [name for name in (*COMPONENT_COLORS, *sorted(set(spent) - set(COMPONENT_COLORS))) if spent.get(name)]
    data: list[dict[str, Any]] = [
        {
            "type": "bar",
            "orientation": "h",
            "width": BAR_WIDTH,
            "name": name,
            "y": list(range(len(operators))),
            "x": [item["energy_by_component_uj"].get(name, 0.0) for item in operators],
            "marker": {"color": color_of(name, components, COMPONENT_COLORS)},
            "customdata": [[item["name"], energy(item["energy_uj"])] for item in operators],
            "hovertemplate": f"<b>%{{customdata[0]}}</b><br>{name}: %{{x:,.4g}} µJ of"
            f" %{{customdata[1]}}<extra></extra>",
        }
        for name in components
    ]
    if named:
        data.append(
            {
                "type": "bar",
                "orientation": "h",
                "width": BAR_WIDTH,
                "name": "no operator",
                "y": [len(operators) + i for i in range(len(named))],
                "x": [row["energy_uj"] for row in named],
                "marker": {"color": NEUTRAL, "opacity": 0.6},
                "customdata": [row["name"] for row in named],
                "hovertemplate": "<b>%{customdata}</b><br>%{x:,.4g} µJ<extra></extra>",
            }
        )
    return Figure(
        id="energy-by-operator",
        title="Energy by operator",
        reading="Rows in order of execution, split by component; together they are the run's energy. Click a"
        " component in the legend to hide it.",
        data=tuple(data),
        layout={
            "height": rows_height_px(len(operators) + len(named)) + 20,
            "barmode": "stack",
            "xaxis": {"title": {"text": "Energy (µJ)"}, "rangemode": "tozero"},
            "yaxis": names_axis([row["name"] for row in [*operators, *named]]),
        },
    )
