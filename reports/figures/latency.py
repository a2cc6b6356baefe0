"""Where the cycles go: by operator, by phase, and what each engine did meanwhile."""

from typing import Any

from reports.derived import (
    ENGINES,
    LANES,
    RunJson,
    limit,
    milliseconds,
    nanoseconds_per_cycle,
    peak_macs_per_cycle,
    utilization,
)
from reports.figures.figure import (
    BAR_WIDTH,
    ENGINE_COLORS,
    NEUTRAL,
    Figure,
    color_of,
    names_axis,
    rows_height_px,
    with_room,
)
from reports.units import digits, duration, share

_OUTSIDE = "outside operators"


def _cycles_axis(run: RunJson) -> dict[str, Any]:
    title = f"Cycles (1 cycle = {digits(nanoseconds_per_cycle(run))} ns at {digits(run['clock_mhz'])} MHz)"
    return {"title": {"text": title}, "rangemode": "tozero", "tickformat": ",", "side": "bottom"}


def latency_by_operator(run: RunJson) -> Figure:
    """One bar a row, in order of execution, coloured by the engine that works longest for it."""
    operators, named = run["operators"], [row for row in run["named_rows"] if row["cycles"]]
    data: list[dict[str, Any]] = []
    for lane in LANES:
        mine = [(i, item) for i, item in enumerate(operators) if limit(item) == lane]
        if mine:
            data.append(_bars(run, f"{lane} works longest", ENGINE_COLORS[lane], mine))
    if named:
        data.append(_bars(run, "no operator", NEUTRAL, [(len(operators) + i, row) for i, row in enumerate(named)]))
    peak, reading = peak_macs_per_cycle(run), "Rows in order of execution; their cycles add up to the run's."
    if peak:
        mine = [(i, item) for i, item in enumerate(operators) if item["macs"] and item["placement"] == "accelerator"]
        data.append(_ideal(mine, peak))
        reading += (
            " A longer bar costs more time; its colour is the engine that works longest for it. The upright tick is"
            " the time the array would need with every multiplier busy: the gap to the end of the bar is what could be"
            " gained."
        )
    return Figure(
        id="latency-by-operator",
        title="Latency by operator",
        reading=reading,
        data=tuple(data),
        layout={
            "height": rows_height_px(len(operators) + len(named)),
            "barmode": "overlay",
            "xaxis": _cycles_axis(run) | {"range": with_room((row["cycles"] for row in [*operators, *named]), 0.06)},
            "yaxis": names_axis([row["name"] for row in [*operators, *named]]),
        },
    )


def _bars(run: RunJson, name: str, color: str, rows: list[tuple[int, Any]]) -> dict[str, Any]:
    total = run["cycles"]
    return {
        "type": "bar",
        "orientation": "h",
        "width": BAR_WIDTH,
        "name": name,
        "y": [i for i, _ in rows],
        "x": [row["cycles"] for _, row in rows],
        "marker": {"color": color},
        "text": [share(row["cycles"], total) for _, row in rows],
        "textposition": "outside",
        "cliponaxis": False,
        "customdata": [_hover(run, row) for _, row in rows],
        "hovertemplate": "<b>%{customdata[0]}</b><br>%{x:,} cycles,"
        " %{customdata[1]}<br>%{customdata[2]}<extra></extra>",
    }


def _hover(run: RunJson, row: RunJson) -> list[str]:
    text = f"{share(row['cycles'], run['cycles'])} of the run"
    if "busy" in row:
        reached = utilization(run, row)
        text += f"<br>{row['macs']:,} MACs" + (f" at {100 * reached:.1f} % of the array" if reached else "")
        text += "".join(f"<br>{engine} works {cycles:,} cycles" for engine, cycles in row["busy"].items() if cycles)
    return [row["name"], duration(milliseconds(run, row["cycles"])), text]


def _ideal(rows: list[tuple[int, Any]], peak: int) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": "every multiplier busy",
        "x": [row["macs"] / peak for _, row in rows],
        "y": [i for i, _ in rows],
        "marker": {"symbol": "line-ns", "size": 15, "line": {"width": 2.5, "color": "#10151d"}},
        "customdata": [row["name"] for _, row in rows],
        "hovertemplate": "<b>%{customdata}</b><br>%{x:,.0f} cycles with every multiplier busy<extra></extra>",
        "meta": "ink",  # drawn in the page's text colour
    }


def latency_by_phase(run: RunJson) -> Figure:
    """One bar a phase, stacked by kind of operator; named rows last."""
    operators = run["operators"]
    phases = [phase["name"] for phase in run["phases"]]
    kinds = list(dict.fromkeys(item["kind"] for item in operators))
    data: list[dict[str, Any]] = []
    for kind in kinds:
        cycles = [sum(o["cycles"] for o in operators if o["kind"] == kind and o["phase"] == name) for name in phases]
        if any(cycles):
            data.append(_stack(run, kind, color_of(kind, kinds, {}), list(range(len(phases))), cycles))
    for row in run["named_rows"]:
        if row["cycles"]:
            data.append(_stack(run, row["name"], NEUTRAL, [len(phases)], [row["cycles"]]))
    outside = any(row["cycles"] for row in run["named_rows"])
    labels = [*phases, _OUTSIDE] if outside else phases
    return Figure(
        id="latency-by-phase",
        title="Latency by phase",
        reading="Each bar is a phase of the computation, split by kind of operator; outside operators are the cycles in"
        " which no operator worked.",
        data=tuple(data),
        layout={
            "height": max(250, rows_height_px(len(labels)) + 30),
            "barmode": "stack",
            "xaxis": _cycles_axis(run),
            "yaxis": names_axis(labels),
        },
    )


def _stack(run: RunJson, name: str, color: str, rows: list[int], cycles: list[int]) -> dict[str, Any]:
    return {
        "type": "bar",
        "orientation": "h",
        "width": BAR_WIDTH,
        "name": name,
        "y": rows,
        "x": cycles,
        "marker": {"color": color},
        "customdata": [[duration(milliseconds(run, c)), share(c, run["cycles"])] for c in cycles],
        "hovertemplate": f"<b>{name}</b><br>%{{x:,}} cycles, %{{customdata[0]}}<br>%{{customdata[1]}} of the"
        f" run<extra></extra>",
    }


def engines(run: RunJson) -> Figure:
    """Busy, stalled and idle cycles of every engine, and of the CPU where it was called."""
    names = [name for name in ENGINES if peak_macs_per_cycle(run)]
    busy = [run["engines"][name]["busy"] for name in names]
    stalled = [run["engines"][name]["stalled"] for name in names]
    called = sum(call["cycles"] for call in run["cpu_calls"])
    if called or not names:
        names, busy, stalled = [*names, "cpu"], [*busy, called], [*stalled, 0]
    rest = [run["cycles"] - b - s for b, s in zip(busy, stalled, strict=True)]
    colors = [ENGINE_COLORS[name] for name in names]
    parts: tuple[tuple[str, list[int], Any, str], ...] = (
        ("working", busy, {"color": colors}, "on color"),
        ("waiting", stalled, {"color": colors, "opacity": 0.38}, "on pale"),
        ("no command", rest, {"color": NEUTRAL, "opacity": 0.16}, "on pale"),
    )
    data = [
        {
            "type": "bar",
            "orientation": "h",
            "width": BAR_WIDTH,
            "name": label,
            "showlegend": False,
            "y": list(range(len(names))),
            "x": cycles,
            "marker": marker,
            "text": [f"{label} {share(c, run['cycles'])}" for c in cycles],
            "textposition": "inside",
            "insidetextanchor": "middle",
            "meta": meta,
            "hovertemplate": f"%{{x:,}} cycles {label}<extra></extra>",
        }
        for label, cycles, marker, meta in parts
    ]
    return Figure(
        id="engines",
        title="What the engines did",
        reading="All engines run side by side, so every bar spans the whole run: working (full colour), waiting for"
        " another engine or for a shared memory (pale), or without a command (grey). The one that works longest limits"
        " the run.",
        data=tuple(data),
        layout={
            "height": max(250, rows_height_px(len(names)) + 30),
            "barmode": "stack",
            "uniformtext": {"minsize": 10, "mode": "hide"},
            "xaxis": _cycles_axis(run),
            "yaxis": names_axis(names),
        },
    )
