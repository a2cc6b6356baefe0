"""A training step: its phases, what it keeps in memory, what it costs beside others, and how training goes with it."""

from collections.abc import Callable, Sequence
from math import log10
from typing import Any

from reports import training
from reports.derived import RunJson
from reports.figures.figure import BAR_WIDTH, NEUTRAL, SERIES, Figure, color_of, names_axis, rows_height_px
from reports.units import digits, duration, energy, share, shorten, size

PHASE_COLORS = {
    "forward": "#4b8bf0",
    "backward-input": "#8a6cf0",
    "backward-weight": "#1fa597",
    "update": "#e3a03a",
    "communicate": "#39b3d7",
    "outside operators": NEUTRAL,
}
_STATE, _GRADIENTS, _WORKING, _FIXED = "parameters and state", "gradients", "passing", "weights and commands"
_KIND_COLORS = {_STATE: "#cf6fd0", _GRADIENTS: "#e5577a", _WORKING: "#74b04c", _FIXED: NEUTRAL}
_OTHERS = "other saved activations"
_MOST_NAMED = 10
_KIB = 1024
_TITLES = {"sram": "SRAM", "external": "external RAM", "scratchpad": "scratchpad"}


def step_times(run: RunJson) -> Figure:
    return _by_phase(run, "time", "Time of a step by phase", "Time (ms)", lambda part: part.milliseconds, duration)


def step_energies(run: RunJson) -> Figure:
    return _by_phase(run, "energy", "Energy of a step by phase", "Energy (µJ)", lambda part: part.microjoules, energy)


def _by_phase(
    run: RunJson,
    key: str,
    title: str,
    axis: str,
    value: Callable[[training.Phase], float],
    text: Callable[[float], str],
) -> Figure:
    """The step as one stacked bar over its forward phase alone."""
    parts = training.phases(run)
    whole = sum(value(part) for part in parts)
    data = []
    for part in parts:
        rows = [0, 1] if part.name == "forward" else [0]
        data.append(
            {
                "type": "bar",
                "orientation": "h",
                "width": BAR_WIDTH,
                "name": part.name,
                "y": rows,
                "x": [value(part)] * len(rows),
                "marker": {"color": PHASE_COLORS.get(part.name, NEUTRAL)},
                "text": [share(value(part), whole)] * len(rows),
                "textposition": "inside",
                "insidetextanchor": "middle",
                "textangle": 0,
                "meta": "on color",
                "hovertemplate": f"<b>{part.name}</b><br>{text(value(part))}, {share(value(part), whole)}"
                f" of the step<br>{part.macs:,} MACs<extra></extra>",
            }
        )
    beyond = training.beyond_forward(run)
    times = (
        "" if beyond is None else f" The step is {digits(beyond[key == 'energy'], 3)} times its forward phase alone."
    )
    return Figure(
        id=f"step-{key}",
        title=title,
        reading=f"One step, stacked by phase, {text(whole)} together; below it the forward phase alone.{times}",
        data=tuple(data),
        layout={
            "height": 250,
            "barmode": "stack",
            "uniformtext": {"minsize": 9, "mode": "hide"},
            "xaxis": {"title": {"text": axis}, "rangemode": "tozero"},
            "yaxis": names_axis(["step", "forward alone"]),
        },
    )


def beside_times(run: RunJson) -> Figure:
    return _beside(run, "time", "Time beside the other run", "Time (ms), logarithmic", "latency_ms", duration)


def beside_energies(run: RunJson) -> Figure:
    return _beside(run, "energy", "Energy beside the other run", "Energy (µJ), logarithmic", "energy_uj", energy)


def _beside(run: RunJson, key: str, title: str, axis: str, field: str, text: Callable[[float], str]) -> Figure:
    """This step, its forward phase alone and the other run, for the same samples."""
    other = run["against"]
    scaled = other[field] * training.samples(run) / other["samples"]
    rows = [
        (f"{other['workload']} on {other['system']}", scaled),
        (f"{run['workload']} on {run['system']}", run[field]),
    ]
    beyond = training.beyond_forward(run)
    if beyond is not None:
        rows.append(("its forward phase alone", run[field] / beyond[key == "energy"]))
    values = [value for _, value in rows]
    return Figure(
        id=f"beside-{key}",
        title=title,
        reading=f"For {training.samples(run):,} samples, on a logarithmic axis: {digits(scaled / run[field], 3)} times"
        f" what this run takes.",
        data=(
            {
                "type": "bar",
                "orientation": "h",
                "width": BAR_WIDTH,
                "y": list(range(len(rows))),
                "x": values,
                "marker": {"color": [NEUTRAL, SERIES[0], SERIES[2]][: len(rows)]},
                "text": [f"{text(value)}  ({digits(value / run[field], 3)} ×)" for value in values],
                "textposition": "outside",
                "cliponaxis": False,
                "hovertemplate": "%{text}<extra></extra>",
            },
        ),
        layout={
            "height": rows_height_px(len(rows)) + 40,
            "showlegend": False,
            "xaxis": {"title": {"text": axis}, "type": "log", "range": _decades(values)},
            "yaxis": names_axis([name for name, _ in rows]),
        },
    )


def _decades(values: Sequence[float]) -> list[float]:
    """A logarithmic range from below the smallest, with room behind the largest for its text."""
    low, high = log10(min(values)) - 0.5, log10(max(values))
    return [low, high + 0.75 * (high - low)]


# ---- memory ----


def step_memories(run: RunJson) -> list[Figure]:
    """The memories that hold something from the forward phase for the backward one, or state.

    Without one in whose places the tiles of an operator take turns: what is in it by operators is never there at once.
    """
    by_space = {item["space"]: item for item in run["memory"]}
    found = [by_space[space] for space in _TITLES if space in by_space and _at_once(run, by_space[space])]
    return [
        _memory(run, item) for item in found if any(_kind(run, t) not in (_FIXED, _WORKING) for t in item["tensors"])
    ]


def _at_once(run: RunJson, memory: RunJson) -> bool:
    """Whether all tensors alive in any operator fit the memory together."""
    alive = [0] * len(run["operators"])
    for tensor in memory["tensors"]:
        for row in range(tensor["first"], min(tensor["last"], len(alive) - 1) + 1):
            alive[row] += tensor["bytes"]
    return max(alive, default=0) <= memory["size_bytes"]


def saved(run: RunJson, tensor: RunJson) -> bool:
    """Whether the forward phase leaves a tensor for a later one."""
    operators = run["operators"]
    first, last = tensor["first"], min(tensor["last"], len(operators) - 1)
    passing = tensor["role"] not in ("persistent", "state", "weights", "constant", "commands", "output")
    return passing and operators[first]["phase"] == "forward" and operators[last]["phase"] != "forward"


def _kind(run: RunJson, tensor: RunJson) -> str:
    if tensor["role"] in ("persistent", "state"):
        return _STATE
    if tensor["role"] in ("weights", "constant", "commands"):
        return _FIXED
    if saved(run, tensor):
        return _OTHERS
    return _WORKING if run["operators"][tensor["first"]]["phase"] == "forward" else _GRADIENTS


def _memory(run: RunJson, memory: RunJson) -> Figure:
    count = len(run["operators"])
    names = [item["name"] for item in run["operators"]]
    keeping = sorted(
        (t for t in memory["tensors"] if saved(run, t)), key=lambda t: (-t["bytes"], t["first"], t["tensor"])
    )
    named = keeping[:_MOST_NAMED]
    groups: list[tuple[str, str, list[RunJson]]] = []
    for kind in (_FIXED, _STATE):
        groups.append((kind, _KIND_COLORS[kind], [t for t in memory["tensors"] if _kind(run, t) == kind]))
    for i, tensor in enumerate(sorted(named, key=lambda t: t["first"])):
        groups.append((tensor["tensor"], _shade(i, len(named)), [tensor]))
    groups.append((_OTHERS, "#b9cdf7", keeping[_MOST_NAMED:]))
    for kind in (_WORKING, _GRADIENTS):
        groups.append((kind, _KIND_COLORS[kind], [t for t in memory["tensors"] if _kind(run, t) == kind]))
    data = [_area(label, color, tensors, count, names) for label, color, tensors in groups if tensors]
    kept = sum(t["bytes"] for t in keeping)
    top = max(sum(trace["y"][i] for trace in data) for i in range(2 * count))
    return Figure(
        id=f"step-memory-{memory['space']}",
        title=f"{_TITLES[memory['space']][:1].upper()}{_TITLES[memory['space']][1:]} over the step",
        reading=f"Bytes alive from operator to operator, by what they are for. Activations that the forward phase saves"
        f" for the backward one are named, the largest {len(named)} of {len(keeping)}; together they are {size(kept)},"
        f" and {size(top * _KIB)} are alive at the peak.",
        data=tuple(data),
        layout={
            "height": 460,
            "shapes": _turns(run),
            "annotations": _phase_names(run),
            "legend": {"orientation": "v", "x": 1.01, "y": 1, "yanchor": "top", "xanchor": "left"},
            "margin": {"l": 10, "r": 190, "t": 44, "b": 50},
            "xaxis": _operators_axis(names),
            "yaxis": {"title": {"text": "Alive (KiB)"}, "rangemode": "tozero", "zeroline": False},
        },
    )


def _shade(index: int, count: int) -> str:
    """Neighbouring blues for what is saved."""
    share = index / max(1, count - 1)
    start, end = (30, 79, 163), (143, 190, 250)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in zip(start, end, strict=True))


def _area(label: str, color: str, tensors: Sequence[RunJson], count: int, names: Sequence[str]) -> dict[str, Any]:
    alive = [0] * count
    for tensor in tensors:
        for row in range(tensor["first"], min(tensor["last"], count - 1) + 1):
            alive[row] += tensor["bytes"]
    span = ""
    if len(tensors) == 1:
        last = tensors[0]["last"]
        span = f", kept from {names[tensors[0]['first']]} to {names[last] if last < count else 'the end'}"
    return {
        "type": "scatter",
        "mode": "lines",
        "stackgroup": "alive",
        "name": shorten(label, 26),
        "x": [i + side for i in range(count) for side in (-0.5, 0.5)],
        "y": [value / _KIB for value in alive for _ in range(2)],
        "line": {"width": 0.6, "color": "rgba(255,255,255,0.7)"},
        "fillcolor": color,
        "hovertemplate": f"<b>{label}</b>{span}<br>%{{y:,.4g}} KiB<extra></extra>",
    }


def _spans(run: RunJson) -> list[tuple[str, int, int]]:
    """Runs of operators of one kind of phase: the forward one, and all that follow together."""
    found: list[tuple[str, int, int]] = []
    for row, item in enumerate(run["operators"]):
        name = "forward" if item["phase"] == "forward" else "backward and update"
        if found and found[-1][0] == name:
            found[-1] = (name, found[-1][1], row)
        else:
            found.append((name, row, row))
    return found


def _turns(run: RunJson) -> list[dict[str, Any]]:
    line = {"color": NEUTRAL, "width": 1.5, "dash": "dot"}
    return [
        {"type": "line", "yref": "paper", "y0": 0, "y1": 1, "x0": first - 0.5, "x1": first - 0.5, "line": line}
        for _, first, _ in _spans(run)[1:]
    ]


def _phase_names(run: RunJson) -> list[dict[str, Any]]:
    least = len(run["operators"]) / 12
    return [
        {"text": name, "x": (first + last) / 2, "y": 1.0, "yref": "paper", "yanchor": "bottom", "showarrow": False}
        for name, first, last in _spans(run)
        if last - first + 1 >= least
    ]


def _operators_axis(names: Sequence[str]) -> dict[str, Any]:
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


# ---- curves ----


def learning(run: RunJson) -> list[Figure]:
    """How a quality goes with time and with energy, where the run has curves (``training.curves``)."""
    curves = training.curves(run)
    found = []
    for quantity in dict.fromkeys(curve.quantity for curve in curves):
        mine = [curve for curve in curves if curve.quantity == quantity]
        found.append(_curves(quantity, mine, "time", "Time (s)", lambda curve: curve.seconds, duration, 1e3))
        found.append(_curves(quantity, mine, "energy", "Energy (J)", lambda curve: curve.joules, energy, 1e6))
    return found


def _curves(
    quantity: str,
    curves: Sequence[training.Curve],
    key: str,
    axis: str,
    of: Callable[[training.Curve], list[float]],
    text: Callable[[float], str],
    unit: float,
) -> Figure:
    names = [curve.name for curve in curves]
    spread = [value for curve in curves for value in of(curve) if value > 0]
    wide = bool(spread) and max(spread) > 50 * min(max(of(curve)) for curve in curves)
    data = []
    for curve in curves:
        points = [(x, y) for x, y in zip(of(curve), curve.values, strict=True) if x > 0 or not wide]
        data.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": curve.name,
                "x": [x for x, _ in points],
                "y": [y for _, y in points],
                "line": {"color": color_of(curve.name, names, {}), "width": 2},
                "marker": {"size": 6},
                "customdata": [text(x * unit) for x, _ in points],
                "hovertemplate": f"<b>{curve.name}</b><br>{quantity} %{{y:.4g}} after %{{customdata}}<extra></extra>",
            }
        )
    title = quantity[:1].upper() + quantity[1:]
    percent = {"tickformat": ".0%"} if quantity == "accuracy" else {}
    return Figure(
        id=f"learning-{quantity}-{key}",
        title=f"{title} against {key}",
        reading=f"The {quantity} that so much {key} buys: samples trained with, at what a step of the run takes.",
        data=tuple(data),
        layout={
            "height": 340,
            "showlegend": True,
            "xaxis": {"title": {"text": axis + (", logarithmic" if wide else "")}, **({"type": "log"} if wide else {})},
            "yaxis": {"title": {"text": f"{title} (share)" if percent else title}, **percent},
        },
    )
