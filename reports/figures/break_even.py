"""Cycles of a stream's frames over the work that they computed, and where skipping costs what it saves."""

from collections.abc import Sequence
from typing import Any

from reports import streams
from reports.derived import RunJson
from reports.figures.figure import NEUTRAL, Figure
from reports.figures.stream import COLORS, DENSE, SKIPPED, SYMBOLS, group, hover


def stream_break_even(run: RunJson) -> Figure:
    """Every frame's cycles over the share of the MACs it computed, the dense network's cycles, and a fitted line."""
    frames, dense = streams.frames(run), run["metrics"]["cycles_dense"]
    data = [
        {
            "type": "scatter",
            "mode": "markers",
            "name": kind,
            "x": [100 * frame.computed for frame in frames if group(frame) == kind],
            "y": [frame.cycles for frame in frames if group(frame) == kind],
            "marker": {"color": COLORS[kind], "symbol": SYMBOLS[kind], "size": 9, "opacity": 0.75},
            "customdata": [hover(run, frame) for frame in frames if group(frame) == kind],
            "hovertemplate": "%{customdata}<extra></extra>",
        }
        for kind in COLORS
        if any(group(frame) == kind for frame in frames)
    ]
    found = streams.break_even(run)
    right = 100 * max(1.0, found.share if found and found.share < 1.5 else 1.0)
    data.append(_line("dense network", [0, right], [dense, dense], DENSE, "dash", f"dense network: {dense:,} cycles"))
    shapes, notes = [], []
    if found:
        ends = [found.fixed_cycles + found.cycles * share for share in (0, right / 100)]
        data.append(_line("line through frames that skip", [0, right], ends, COLORS[SKIPPED], "solid", _fit(found)))
        if 0 < found.share <= right / 100:
            at = 100 * found.share
            shapes.append({"type": "line", "x0": at, "x1": at, "y0": 0, "y1": dense, "line": _dotted()})
            notes.append(
                {"x": at, "y": 0, "text": f"{at:.0f} % ", "showarrow": False, "xanchor": "right", "yanchor": "bottom"}
            )
    return Figure(
        id="stream-break-even",
        title="Break-even: when skipping stops paying",
        reading=_break_even_reading(run, found),
        data=tuple(data),
        layout={
            "height": 380,
            "hovermode": "closest",
            "shapes": shapes,
            "annotations": notes,
            "xaxis": {"title": {"text": "MACs computed (% of a dense frame)"}, "range": [-2, 1.04 * right]},
            "yaxis": {"title": {"text": "Cycles of the frame"}, "rangemode": "tozero"},
        },
    )


def _dotted() -> dict[str, Any]:
    return {"color": NEUTRAL, "width": 1.5, "dash": "dot"}


def _line(name: str, x: Sequence[float], y: Sequence[float], color: str, dash: str, hover: str) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": list(x),
        "y": list(y),
        "line": {"color": color, "width": 1.75, "dash": dash},
        "hovertemplate": f"{hover}<extra></extra>",
    }


def _fit(found: streams.BreakEven) -> str:
    return f"{round(found.fixed_cycles):,} cycles, and {round(found.cycles / 100):,} more for each % of the MACs"


def _break_even_reading(run: RunJson, found: streams.BreakEven | None) -> str:
    start = "Each mark is a frame; below the dashed line it takes fewer cycles than the dense network."
    skipping = streams.skipping(run)
    if found is None:
        least = f"at least {streams.FEWEST_FRAMES} frames that skip, whose work differs by more than"
        why = f"{least} {100 * streams.LEAST_SPREAD:.0f} % of a dense frame"
        return f"{start} This clip shows no break-even: that takes {why}; here {len(skipping)} of its frames skip."
    basis = f"The line is the least-squares fit through the {found.frames} frames that skip: {_fit(found)}."
    if found.share <= 0:
        return f"{start} {basis} By it skipping never pays: what stays with nothing computed costs more than dense."
    if found.share >= 1:
        return f"{start} {basis} By it skipping pays however much is computed, up to a whole frame."
    beyond = ""
    if found.extrapolated:
        beyond = f" That is a guess beyond the frames it rests on, which compute {_percent(found.least, found.most)}."
    return (
        f"{start} {basis} It meets the dense network at {100 * found.share:.0f} % of the MACs: a frame that has to"
        f" compute more than that loses by skipping.{beyond}"
    )


def _percent(least: float, most: float) -> str:
    return f"{100 * least:.0f} to {100 * most:.0f} %"
