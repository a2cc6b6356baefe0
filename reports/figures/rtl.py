"""Cycles of every operator on the RTL beside the event machine's."""

from typing import Any

from reports.derived import RunJson
from reports.figures.figure import ENGINE_COLORS, NEUTRAL, Figure, names_axis, rows_height_px, with_room

_HALF = 0.36  # of a row: two bars share it


def rtl_by_operator(run: RunJson) -> Figure:
    """Two bars an operator; one where the models say nothing about the cycles."""
    rows = run["rtl"]["rows"]
    known = run["rtl"]["expected_cycles"] is not None
    data = [_bars("RTL", ENGINE_COLORS["matrix"], -_HALF if known else -_HALF / 2, rows, "cycles")]
    if known:
        data.append(_bars("event machine", NEUTRAL, 0.0, rows, "expected_cycles"))
    worst = max((abs(item["cycles"] - item["expected_cycles"]) for item in rows), default=0) if known else 0
    reading = (
        f"The accelerator's cycles of each operator; the largest difference of one is {worst:,}."
        if known
        else "The accelerator's cycles of each operator on the RTL; the models take the system's memories only."
    )
    return Figure(
        id="rtl-operators",
        title="RTL beside the event machine",
        reading=reading,
        data=tuple(data),
        layout={
            "height": rows_height_px(len(rows)),
            "barmode": "overlay",
            "xaxis": {
                "title": {"text": "Cycles"},
                "range": with_room([item["cycles"] for item in rows], 0.15),
                "tickformat": ",",
            },
            "yaxis": names_axis([item["name"] for item in rows]),
        },
    )


def _bars(label: str, color: str, offset: float, rows: list[dict[str, Any]], key: str) -> dict[str, Any]:
    return {
        "type": "bar",
        "orientation": "h",
        "width": _HALF,
        "offset": offset,
        "name": label,
        "y": list(range(len(rows))),
        "x": [item[key] for item in rows],
        "marker": {"color": color},
        "text": [f"{item[key]:,}" for item in rows],
        "textposition": "outside",
        "cliponaxis": False,
        "customdata": [[item["name"]] for item in rows],
        "hovertemplate": "<b>%{customdata[0]}</b><br>" + label + ": %{x:,} cycles<extra></extra>",
    }
