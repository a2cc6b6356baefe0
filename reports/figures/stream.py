"""A stream: its frames over time, where the cycles of one go, and what stays in memory from frame to frame."""

from collections.abc import Callable, Sequence
from typing import Any

from reports import streams
from reports.derived import RunJson
from reports.figures.figure import BAR_WIDTH, NEUTRAL, Figure, names_axis
from reports.streams import Frame
from reports.units import digits, duration, energy, share, size

SKIPPED, WHOLE = "patches skipped", "computed whole"
COLORS = {SKIPPED: "#4b8bf0", WHOLE: "#ee7b4a"}
SYMBOLS = {SKIPPED: "circle", WHOLE: "diamond"}
DENSE, _DEADLINE = "#8a6cf0", "#e5577a"
_PART_COLORS = {"look": "#39b3d7", "gate": "#e3a03a", "layers": "#4b8bf0", "outside operators": NEUTRAL}
_KIB = 1024
_NEAR = 2.5  # a deadline farther off than so many times the slowest frame would flatten the latencies


def group(frame: Frame) -> str:
    """The mark of a frame."""
    return WHOLE if frame.whole else SKIPPED


# ---- frames over time ----


def stream_over_time(run: RunJson) -> Figure:
    """MACs skipped, latency and error over one axis of frames, with a cursor (``shapes[0]``) at the shown frame."""
    frames, dense, deadline = streams.frames(run), run["metrics"]["latency_dense_ms"], streams.deadline_ms(run)
    texts = [hover(run, frame) for frame in frames]
    slowest = max(*(frame.latency_ms for frame in frames), dense)
    near = deadline <= _NEAR * slowest
    data = [
        *_panel(frames, texts, "y", lambda frame: 100 * (1 - frame.computed), legend=True),
        *_panel(frames, texts, "y2", lambda frame: frame.latency_ms),
        *_panel(frames, texts, "y3", lambda frame: 100 * frame.error),
        _level(frames, f"dense network {duration(dense)}", dense, DENSE, "dash"),
    ]
    if near:
        data.append(_level(frames, f"deadline {duration(deadline)}", deadline, _DEADLINE, "dot"))
    shown = run["metrics"]["stream"]["shown"]
    return Figure(
        id="stream-over-time",
        title="Work skipped, latency and error over the clip",
        reading=_time_reading(run, near, deadline, slowest),
        data=tuple(data),
        layout={
            "height": 560,
            "shapes": [_cursor(shown)],
            "hovermode": "closest",
            "xaxis": {"title": {"text": "Frame of the clip"}, "anchor": "y3", "showgrid": False, "zeroline": False},
            "yaxis": _axis("MACs skipped (%)", [0.72, 1.0], [-5, 105]),
            "yaxis2": _axis("Latency (ms)", [0.28, 0.66]),
            "yaxis3": _axis("Error (%)", [0.0, 0.21]),
        },
    )


def _axis(title: str, domain: list[float], limits: list[float] | None = None) -> dict[str, Any]:
    span: dict[str, Any] = {"range": limits} if limits else {"rangemode": "tozero"}
    return {"title": {"text": title}, "domain": domain, "anchor": "x", "zeroline": False, **span}


def _cursor(index: int) -> dict[str, Any]:
    line = {"color": NEUTRAL, "width": 1.5}
    return {"type": "line", "yref": "paper", "y0": 0, "y1": 1, "x0": index, "x1": index, "line": line, "layer": "below"}


def hover(run: RunJson, frame: Frame) -> str:
    """What a mark says of its frame. HTML of plotly."""
    metrics = run["metrics"]
    return (
        f"<b>Frame {frame.index}</b>, computed {frame.kind}<br>{100 * frame.computed:.1f} % of the MACs computed,"
        f" {100 * (1 - frame.computed):.1f} % skipped<br>{duration(frame.latency_ms)}, {frame.cycles:,} cycles:"
        f" {digits(frame.latency_ms / metrics['latency_dense_ms'], 3)} × dense<br>{energy(frame.energy_uj)}:"
        f" {digits(frame.energy_uj / metrics['energy_dense_uj'], 3)} × dense<br>error {100 * frame.error:.2f} %"
    )


def _panel(
    frames: Sequence[Frame], texts: Sequence[str], axis: str, value: Callable[[Frame], float], legend: bool = False
) -> list[dict[str, Any]]:
    """A line through all frames under marks of both kinds."""
    line = {
        "type": "scatter",
        "mode": "lines",
        "yaxis": axis,
        "x": [frame.index for frame in frames],
        "y": [value(frame) for frame in frames],
        "line": {"color": COLORS[SKIPPED], "width": 1.5},
        "opacity": 0.45,
        "hoverinfo": "skip",
        "showlegend": False,
    }
    return [line] + [
        {
            "type": "scatter",
            "mode": "markers",
            "name": kind,
            "legendgroup": kind,
            "showlegend": legend,
            "yaxis": axis,
            "x": [frame.index for frame in frames if group(frame) == kind],
            "y": [value(frame) for frame in frames if group(frame) == kind],
            "marker": {"color": COLORS[kind], "symbol": SYMBOLS[kind], "size": 9 if kind == WHOLE else 7},
            "cliponaxis": False,
            "customdata": [text for frame, text in zip(frames, texts, strict=True) if group(frame) == kind],
            "hovertemplate": "%{customdata}<extra></extra>",
        }
        for kind in COLORS
        if any(group(frame) == kind for frame in frames)
    ]


def _level(frames: Sequence[Frame], name: str, value: float, color: str, dash: str) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "yaxis": "y2",
        "x": [frames[0].index, frames[-1].index],
        "y": [value, value],
        "line": {"color": color, "width": 1.75, "dash": dash},
        "hovertemplate": f"{name}<extra></extra>",
    }


def _time_reading(run: RunJson, near: bool, deadline: float, slowest: float) -> str:
    metrics = run["metrics"]
    misses = metrics["deadline_misses"]
    met = f"{misses} of {metrics['frames']} frames take longer" if misses else "every frame is done in time"
    drawn = "dotted" if near else f"not drawn, {digits(deadline / slowest, 3)} times the slowest"
    return (
        f"Marks are frames; the grey line is the frame in the picture above, and a click on a mark goes to it. Dashed:"
        f" the dense network, which computes every frame whole. The next frame comes {duration(deadline)} after"
        f" ({digits(metrics['fps'])} a second; {drawn}): {met}. Error: how far the network's last map is from the dense"
        f" one's, |stream − dense| / |dense|. Energy stands beside each mark on hover."
    )


# ---- where the rest goes ----


def stream_parts(run: RunJson) -> Figure:
    """The shown frame's cycles and energy by phase; the axis says what share of the dense network's they are."""
    metrics = run["metrics"]
    found = streams.parts(run)
    totals = (run["cycles"], run["energy_uj"])
    of_dense = (share(totals[0], metrics["cycles_dense"]), share(totals[1], metrics["energy_dense_uj"]))
    data = []
    for part in found:
        values = (part.cycles, part.energy_uj)
        texts = (f"{part.cycles:,} cycles", energy(part.energy_uj))
        data.append(
            {
                "type": "bar",
                "orientation": "h",
                "width": BAR_WIDTH,
                "name": part.name,
                "y": [0, 1],
                "x": [100 * value / total for value, total in zip(values, totals, strict=True)],
                "marker": {"color": _PART_COLORS.get(part.name, NEUTRAL)},
                "text": [share(value, total) for value, total in zip(values, totals, strict=True)],
                "textposition": "inside",
                "insidetextanchor": "middle",
                "textangle": 0,
                "meta": "on color",
                "customdata": texts,
                "hovertemplate": f"<b>{part.name}</b>: %{{customdata}}, %{{x:.1f}} % of the frame<extra></extra>",
            }
        )
    shown = metrics["stream"]["shown"]
    computed = next(frame.computed for frame in streams.frames(run) if frame.index == shown)
    return Figure(
        id="stream-parts",
        title=f"Where the rest goes: frame {shown}",
        reading=f"Frame {shown} computes {100 * computed:.1f} % of a dense frame's MACs, and takes {of_dense[0]} of its"
        f" cycles and {of_dense[1]} of its energy; the bars say where those go. Look: comparing the frame with what was"
        f" consumed, and deciding. Gate: which patches of each map to compute. Layers: computing them.",
        data=tuple(data),
        layout={
            "height": 300,
            "barmode": "stack",
            "uniformtext": {"minsize": 10, "mode": "hide"},
            "xaxis": {"title": {"text": "Share of the frame (%)"}, "range": [0, 100]},
            "yaxis": names_axis(
                [f"{name}, {part} of dense" for name, part in zip(("Cycles", "Energy"), of_dense, strict=True)]
            ),
        },
    )


# ---- memory ----


def stream_memory(run: RunJson) -> Figure:
    """The SRAM as one bar: what lives from frame to frame, the rest of its peak, and what is free."""
    kept = run["metrics"]["stream"]["memory"]
    whole, peak = run["hardware"]["sram"]["size_bytes"], run["sram_peak_bytes"]
    persistent = kept["maps"] + kept["references"]
    blocks = (
        ("maps", kept["maps"], {"color": "#1fa597"}, "on color"),
        ("references", kept["references"], {"color": "#cf6fd0"}, "on color"),
        ("weights, commands and the rest", peak - persistent, {"color": NEUTRAL}, "on color"),
        ("free", whole - peak, {"color": NEUTRAL, "opacity": 0.16}, "on pale"),
    )
    data = [
        {
            "type": "bar",
            "orientation": "h",
            "width": BAR_WIDTH,
            "name": name,
            "y": [0],
            "x": [value / _KIB],
            "marker": marker,
            "text": [size(value)],
            "textposition": "inside",
            "insidetextanchor": "middle",
            "textangle": 0,
            "meta": meta,
            "hovertemplate": f"{name}: {value:,} bytes, {share(value, whole)} of the SRAM<extra></extra>",
        }
        for name, value, marker, meta in blocks
        if value > 0
    ]
    return Figure(
        id="stream-memory",
        title="Persistent memory",
        reading=f"A stream keeps {size(persistent)} from frame to frame, {share(persistent, whole)} of the"
        f" {size(whole)} SRAM: the maps of all layers ({size(kept['maps'])}), and references"
        f" ({size(kept['references'])}), copies of what a map was when it was last consumed, where it is compared."
        f" Its highest address used is {size(peak)}.",
        data=tuple(data),
        layout={
            "height": 200,
            "barmode": "stack",
            "uniformtext": {"minsize": 10, "mode": "hide"},
            "xaxis": {"title": {"text": "SRAM (KiB)"}, "range": [0, whole / _KIB], "zeroline": False},
            "yaxis": names_axis([""]),
        },
    )
