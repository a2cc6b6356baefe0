"""Memory over time: which tensor lies where, from which operator to which. One figure a memory."""

from typing import Any

from reports.derived import RunJson
from reports.figures.figure import NEUTRAL, Figure, color_of
from reports.units import share, shorten, size

_KIB = 1024
_TITLES = {"sram": "SRAM", "scratchpad": "Scratchpad", "external": "External RAM", "flash": "Flash"}
_ROLE_COLORS = {
    "weights": "#4b8bf0",
    "constant": "#4b8bf0",
    "activation": "#1fa597",
    "input": "#74b04c",
    "output": "#e3a03a",
    "state": "#cf6fd0",
    "commands": NEUTRAL,
    "buffer": "#8a6cf0",
}
_OUTLINED = 0.015  # of the figure's height: outlines of smaller blocks would hide them
_ORDER = ("sram", "scratchpad", "external")  # the flash holds the same bytes from first to last


def memories(run: RunJson) -> list[Figure]:
    """The writable memories that hold something."""
    by_space = {item["space"]: item for item in run["memory"]}
    return [_memory(run, by_space[space]) for space in _ORDER if space in by_space]


def _memory(run: RunJson, memory: RunJson) -> Figure:
    roles = sorted({item["role"] for item in memory["tensors"]})
    names = [item["name"] for item in run["operators"]]
    space, peak, whole = memory["space"], memory["peak_bytes"], memory["size_bytes"]
    top = whole if 2 * peak >= whole else peak
    data = [_blocks(role, color_of(role, roles, _ROLE_COLORS), memory, names, top) for role in roles]
    data.append(_alive(memory))
    shapes = [_line(peak, "dot")] + ([_line(whole, "solid")] if top == whole else [])
    return Figure(
        id=f"memory-{space}",
        title=f"{_TITLES[space]} over time",
        reading=f"Each block is a tensor: its width spans the operators during which it is kept, its height and"
        f" place are its addresses. Highest address used (dotted): {size(peak)} of {size(whole)},"
        f" {share(peak, whole)}. The line is the sum of what is alive; where blocks overlap, one follows the other"
        f" within that operator.",
        data=tuple(data),
        layout={
            "height": 400,
            "barmode": "overlay",
            "bargap": 0,
            "shapes": shapes,
            "uniformtext": {"minsize": 9, "mode": "hide"},
            "xaxis": _operators_axis(names),
            "yaxis": {"title": {"text": "Address (KiB)"}, "range": [0, 1.06 * top / _KIB], "zeroline": False},
        },
    )


def _operators_axis(names: list[str]) -> dict[str, Any]:
    step = max(1, -(-len(names) // 40))
    return {
        "title": {"text": "Operator, in order of execution"},
        "tickvals": list(range(0, len(names), step)),
        "ticktext": [shorten(name, 18) for name in names[::step]],
        "tickangle": -45,
        "range": [-0.5, len(names) - 0.5],
        "showgrid": False,
        "zeroline": False,
        "automargin": True,
    }


def _blocks(role: str, color: str, memory: RunJson, names: list[str], top: int) -> dict[str, Any]:
    mine = [item for item in memory["tensors"] if item["role"] == role]
    return {
        "type": "bar",
        "name": role,
        "x": [(item["first"] + item["last"]) / 2 for item in mine],
        "width": [item["last"] - item["first"] + 1 for item in mine],
        "base": [item["offset"] / _KIB for item in mine],
        "y": [item["bytes"] / _KIB for item in mine],
        "marker": {
            "color": color,
            "opacity": 0.82,
            "line": {"width": [0.75 if item["bytes"] > _OUTLINED * top else 0 for item in mine], "color": "#ffffff"},
        },
        "meta": "block",  # outlined in the card's colour
        "text": [item["tensor"] for item in mine],
        "textposition": "inside",
        "insidetextanchor": "middle",
        "textangle": 0,
        "customdata": [
            [item["tensor"], item["bytes"], item["offset"], _name(names, item["first"]), _name(names, item["last"])]
            for item in mine
        ],
        "hovertemplate": f"<b>%{{customdata[0]}}</b> ({role})<br>%{{customdata[1]:,}} bytes at offset"
        f" %{{customdata[2]:,}}<br>"
        "kept from %{customdata[3]} to %{customdata[4]}<extra></extra>",
    }


def _name(names: list[str], row: int) -> str:
    return names[row] if 0 <= row < len(names) else "end"


def _alive(memory: RunJson) -> dict[str, Any]:
    """Steps of one operator each, from edge to edge."""
    used = memory["used_bytes"]
    return {
        "type": "scatter",
        "mode": "lines",
        "name": "sum alive",
        "x": [i + side for i in range(len(used)) for side in (-0.5, 0.5)],
        "y": [value / _KIB for value in used for _ in range(2)],
        "line": {"color": "#10151d", "width": 1.5},
        "meta": "ink",
        "hovertemplate": "%{y:,.4g} KiB alive<extra></extra>",
    }


def _line(at_bytes: int, dash: str) -> dict[str, Any]:
    at = at_bytes / _KIB
    return {
        "type": "line",
        "xref": "paper",
        "x0": 0,
        "x1": 1,
        "y0": at,
        "y1": at,
        "line": {"color": NEUTRAL, "width": 1.5, "dash": dash},
    }
