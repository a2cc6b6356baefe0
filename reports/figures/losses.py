"""Where the cycles go that the array does not fill: a waterfall of the run's losses beyond the array bound."""

from typing import Any

from reports.derived import RunJson, milliseconds
from reports.figures.figure import (
    BAR_WIDTH,
    ENGINE_COLORS,
    NEUTRAL,
    Figure,
    names_axis,
    rows_height_px,
    with_room,
)
from reports.units import duration, share

_GROUPS = (
    ("waiting for data or commands", ENGINE_COLORS["load"], ("prologue", "DMA wait", "command wait")),
    ("waiting for the vector engine", ENGINE_COLORS["vector"], ("vector wait", "vector operators", "final drain")),
    ("in the array's own commands", ENGINE_COLORS["matrix"], ("start and drain", "weight loads", "empty slots")),
    ("idle multipliers", ENGINE_COLORS["store"], ("depthwise rows", "idle rows", "idle columns")),
    ("CPU", ENGINE_COLORS["cpu"], ("CPU",)),
)
_OTHER, _TOGETHER = "memory conflicts", "all losses"


def losses(run: RunJson) -> Figure:
    """One bar a loss, each from where the one above it ends; the last bar is their sum."""
    rows = [item for item in run["losses"] if item["cycles"]]
    starts = [sum(item["cycles"] for item in rows[:place]) for place in range(len(rows))]
    total = run["cycles"] - run["bound_cycles"]
    known = {name for _, _, names in _GROUPS for name in names}
    groups = (*_GROUPS, (_OTHER, NEUTRAL, tuple(item["name"] for item in rows if item["name"] not in known)))
    data = []
    for label, color, names in groups:
        mine = [place for place, item in enumerate(rows) if item["name"] in names]
        if mine:
            data.append(_bars(run, label, color, [(place, starts[place], rows[place]) for place in mine]))
    together = {"name": _TOGETHER, "meaning": "the run's cycles less the array bound", "cycles": total}
    data.append(_bars(run, _TOGETHER, NEUTRAL, [(len(rows), 0, together)]) | {"showlegend": False})
    return Figure(
        id="losses",
        title="What the array loses",
        reading=f"With every multiplier busy the run would take {run['bound_cycles']:,} cycles; it takes"
        f" {run['cycles']:,}. Each bar is a reason for the difference and starts where the one above it ends; the last"
        " is their sum.",
        data=tuple(data),
        layout={
            "height": rows_height_px(len(rows) + 1) + 20,
            "barmode": "overlay",
            "xaxis": {
                "title": {"text": "Cycles beyond the array bound"},
                "range": with_room([total], 0.12),
                "tickformat": ",",
                "side": "bottom",
            },
            "yaxis": names_axis([*(item["name"] for item in rows), _TOGETHER]),
        },
    )


def _bars(run: RunJson, label: str, color: str, bars: list[tuple[int, int, Any]]) -> dict[str, Any]:
    """``bars``: (row, where the bar starts, loss)."""
    cycles = [item["cycles"] for _, _, item in bars]
    return {
        "type": "bar",
        "orientation": "h",
        "width": BAR_WIDTH,
        "name": label,
        "y": [row for row, _, _ in bars],
        "base": [start for _, start, _ in bars],
        "x": cycles,
        "marker": {"color": color},
        "text": [f"{count:,} ({share(count, run['cycles'])})" for count in cycles],
        "textposition": "outside",
        "cliponaxis": False,
        "customdata": [
            [item["name"], item["meaning"], duration(milliseconds(run, item["cycles"]))] for _, _, item in bars
        ],
        "hovertemplate": "<b>%{customdata[0]}</b><br>%{customdata[1]}<br>%{x:,} cycles,"
        " %{customdata[2]}<extra></extra>",
    }
