"""Roofline: MACs that an operator does for each byte it moves, against MACs that it reaches in a cycle."""

import math
from typing import Any

from reports.derived import (
    RunJson,
    bus_bytes_per_cycle,
    flash_bytes_per_cycle,
    limit,
    peak_macs_per_cycle,
    utilization,
)
from reports.figures.figure import ENGINE_COLORS, NEUTRAL, Figure
from reports.units import digits, shorten

_NAMED_POINTS, _APART_DECADES = 8, 0.2  # so many operators carry their name, if so far from each other


def roofline(run: RunJson) -> Figure:
    """Operators on the accelerator that have MACs, bytes and cycles; both axes logarithmic."""
    peak, bus, flash = peak_macs_per_cycle(run), bus_bytes_per_cycle(run), flash_bytes_per_cycle(run)
    shown = [o for o in run["operators"] if o["bytes"] and utilization(run, o) is not None]
    x = [item["macs"] / item["bytes"] for item in shown]
    left = min([*x, peak / bus]) / 4
    right = max([*x, peak / flash]) * 4
    data: list[dict[str, Any]] = [
        _roof(f"bus, {bus} B/cycle", bus, peak, left, right, "solid"),
        _roof(f"flash, {digits(flash, 3)} B/cycle", flash, peak, left, right, "dot"),
    ]
    named = _named(shown)
    for engine, color in ENGINE_COLORS.items():
        mine = [item for item in shown if limit(item) == engine]
        if mine:
            data.append(_points(run, engine, color, mine, named))
    left_out = sum(1 for item in run["operators"] if item["macs"]) - len(shown)
    ahead = any(item["macs"] / item["cycles"] > 1.01 * bus * item["macs"] / item["bytes"] for item in shown)
    lowest = min([item["macs"] / item["cycles"] for item in shown] + [peak / 10])
    return Figure(
        id="roofline",
        title="Roofline",
        reading="Each point is an operator, its area the time it takes. The flat roof is the array at full rate, the"
        " slopes are what the bus and the flash can feed. Under a slope, moving bytes limits; under the flat part, a"
        " gap means that the array waits or that its lanes are not filled."
        + (" A point above a slope had its bytes loaded earlier, while other operators computed." if ahead else "")
        + (f" Not shown: {left_out} operators on the CPU or without bus traffic." if left_out else ""),
        data=tuple(data),
        layout={
            "height": 440,
            "xaxis": {
                "type": "log",
                "title": {"text": "MACs per byte on the bus"},
                "range": [math.log10(left), math.log10(right)],
            },
            "yaxis": {
                "type": "log",
                "dtick": "D2",
                "title": {"text": "MACs per cycle"},
                "range": [math.log10(lowest) - 0.4, math.log10(peak) + 0.3],
            },
        },
    )


def _named(shown: list[Any]) -> list[Any]:
    """The slowest operators, without those whose name would lie on another's."""
    found: list[Any] = []
    for item in sorted(shown, key=lambda item: (-item["cycles"], item["name"])):
        if len(found) < _NAMED_POINTS and all(_apart(item, other) for other in found):
            found.append(item)
    return found


def _apart(a: Any, b: Any) -> bool:
    across = a["macs"] * b["bytes"] / (b["macs"] * a["bytes"])
    up = a["macs"] * b["cycles"] / (b["macs"] * a["cycles"])
    return max(abs(math.log10(across)), 1.5 * abs(math.log10(up))) > _APART_DECADES


def _roof(name: str, slope: float, peak: int, left: float, right: float, dash: str) -> dict[str, Any]:
    """Up the slope to the array's peak, then flat."""
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": [left, peak / slope, right],
        "y": [left * slope, peak, peak],
        "line": {"color": NEUTRAL, "width": 2, "dash": dash},
        "hovertemplate": f"{name}; array {peak} MACs/cycle<extra></extra>",
    }


def _points(run: RunJson, engine: str, color: str, rows: list[Any], named: list[Any]) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "markers+text",
        "name": f"{engine} works longest",
        "x": [row["macs"] / row["bytes"] for row in rows],
        "y": [row["macs"] / row["cycles"] for row in rows],
        "text": [shorten(row["name"], 22) if row in named else "" for row in rows],
        "textposition": "bottom center",
        "textfont": {"size": 11},
        "marker": {
            "color": color,
            "opacity": 0.8,
            "size": [8 + 40 * math.sqrt(row["cycles"] / run["cycles"]) for row in rows],
            "line": {"width": 1, "color": color},
        },
        "customdata": [[row["name"], row["macs"], row["bytes"], row["cycles"]] for row in rows],
        "hovertemplate": "<b>%{customdata[0]}</b><br>%{x:,.4g} MACs/byte, %{y:,.4g} MACs/cycle<br>%{customdata[1]:,}"
        " MACs, %{customdata[2]:,} bytes, %{customdata[3]:,} cycles<extra></extra>",
    }
