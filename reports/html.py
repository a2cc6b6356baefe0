"""One self-contained HTML page of a run: nothing is fetched, and the same run gives the same bytes.

The run's JSON is embedded as ``<script id="run">``; every number shown comes from it. Figures are plotly's, but for the
engine timeline, which the page draws on a canvas because it may hold a hundred thousand commands.
"""

import json

from reports import clip, comparison, figures, step, streams, summary, tables
from reports.derived import LANES, RunJson, check
from reports.figures.figure import ENGINE_COLORS, Figure
from reports.page import card, render, section
from reports.parts import escape


def page(run: RunJson) -> str:
    """The page of a run (the data of ``Run.to_json``, or of the JSON file), as text."""
    check(run)
    drawn: list[Figure] = []
    body = _header(run) + _main(run, drawn)
    title = f"{run['workload']} on {run['system']}"
    return render(title, body, run, drawn, scripts=("page.js", "timeline.js", "clip.js"))


_SECTIONS = (
    ("clip-section", "Clip"),
    ("step", "Step"),
    ("latency", "Latency"),
    ("losses-section", "Losses"),
    ("timeline-section", "Timeline"),
    ("energy", "Energy"),
    ("roofline-section", "Roofline"),
    ("memory", "Memory"),
    ("operators-section", "Operators"),
    ("cpu", "CPU calls"),
    ("rtl-section", "RTL"),
    ("sources", "Sources"),
    ("provenance-section", "Provenance"),
)


def _header(run: RunJson) -> str:
    hidden = [] if run["hardware"]["accelerator"] else ["roofline-section"]
    hidden += [] if streams.is_stream(run) else ["clip-section"]
    hidden += [] if step.is_shown(run) else ["step"]
    hidden += [] if run["losses"] else ["losses-section"]
    hidden += [] if run.get("rtl") else ["rtl-section"]
    links = "".join(f'<a href="#{key}">{name}</a>' for key, name in _SECTIONS if key not in hidden)
    return (
        f'<header><div><div class="eyebrow">Simulated run</div><h1>{escape(run["workload"])} <span>on</span>'
        f" {escape(run['system'])}</h1><p>{summary.sentence(run)}</p></div></header>"
        f'<nav aria-label="Sections"><div>{links}</div></nav>\n'
    )


def _main(run: RunJson, drawn: list[Figure]) -> str:
    def put(figure: Figure) -> str:
        drawn.append(figure)
        return card(figure.title, figure.reading, f'<div class="plot" id="{figure.id}"></div>')

    parts = [
        summary.tile_grid(run),
        summary.notes(run),
        section("", summary.warm_and_cold(run)),
        *clip.sections(run, put),
        *step.sections(run, put),
        section("latency", put(figures.latency_by_operator(run))),
        section("", f'<div class="pair">{put(figures.latency_by_phase(run))}{put(figures.engines(run))}</div>'),
        section("losses-section", put(figures.losses(run)) if run["losses"] else ""),
        section("timeline-section", _timeline(run)),
        section("energy", put(figures.energy_by_operator(run))),
        section("", f'<div class="pair">{put(figures.energy_by_component(run))}{put(figures.area(run))}</div>'),
    ]
    if run["hardware"]["accelerator"]:
        parts.append(section("roofline-section", put(figures.roofline(run))))
    memories = "</section><section>".join(put(figure) for figure in figures.memories(run))
    parts += [
        section("memory", memories),
        section("operators-section", _operators(run)),
        section("cpu", card("CPU calls", _CPU, tables.cpu_calls(run))),
    ]
    if run.get("rtl"):
        parts += [section("rtl-section", _rtl(run)), section("", put(figures.rtl_by_operator(run)))]
        parts.append(section("", card("Cycles by operator", _RTL_ROWS, comparison.rows(run))))
    parts += [
        section("sources", card("Sources of the constants", _SOURCES, tables.constants(run))),
        section("provenance-section", card("Provenance", _PROVENANCE, tables.provenance(run))),
    ]
    return f"<main>{''.join(parts)}<footer>{_FOOTER}</footer></main>"


_CPU = (
    "What the accelerator lacks: each call ends a run of commands and starts the next. CPU cycles count at the CPU's"
    " own clock."
)
_RTL = (
    "The same program on the Verilog, under Verilator. No byte of any memory may differ from the golden model, and what"
    " the accelerator counts must be what the models say."
)
_RTL_ROWS = "The accelerator's cycles; CPU calls run between its segments and are not in them."
_SOURCES = (
    "The published, measured and assumed numbers behind energy, area and CPU cost; a table or a fit is one row, with"
    " its value at the named point. Values and units as the source gives them, before scaling to the system's node"
    " and supply; trust says how far to believe them. What else goes in is no measurement: the counts of events, and"
    " how many registers, adders and lanes the design has (its RTL, and the package's energy and area modules)."
)
_PROVENANCE = "Equal hashes, version and seed give equal numbers, byte for byte."
_OPERATORS = (
    "In order of execution; click a heading to sort. Array use: MACs against the array's peak in the operator's own"
    " cycles. Rows in italics are cycles that belong to no operator; all rows together are the total."
)
_TIMELINE = (
    "Each block is one command on its engine, named after its operator, operators in alternating shades; gaps are"
    " waiting. Drag over a stretch to zoom in, double-click to see everything, hold Shift and drag to move; Ctrl and"
    " wheel, or + − ← → 0, work too."
)
_FOOTER = (
    "Everything here is simulated: estimates from the sources above, in one file that needs no network. The run's JSON"
    " is embedded in the page (element <code>run</code>)."
)


def _rtl(run: RunJson) -> str:
    wrong = comparison.mismatches(run)
    parts = [comparison.verdict(run), comparison.memories(run), wrong, comparison.counters(run)]
    return card("RTL co-simulation", _RTL, "".join(parts))


def _operators(run: RunJson) -> str:
    return card("Operators: mapping and placement", _OPERATORS, tables.operators(run))


def _timeline(run: RunJson) -> str:
    if not run["timeline"]["start"] and not run["cpu_calls"]:
        text = f"A run of fidelity {run['fidelity']} has no timeline: simulate it with --fidelity event."
        return card("Engine timeline", text, "")
    colors = escape(json.dumps({lane: ENGINE_COLORS[lane] for lane in LANES}))
    names = (("in", "Zoom in"), ("out", "Zoom out"), ("left", "← Earlier"), ("right", "Later →"), ("all", "Show all"))
    buttons = "".join(f'<button type="button" data-timeline="{key}">{name}</button>' for key, name in names)
    drawing = (
        f'<div class="timebar">{buttons}<span class="span" id="timeline-span"></span></div><div class="timeline"'
        f' id="timeline"'
        f' tabindex="0" data-colors="{colors}"><canvas role="img" aria-label="Commands of each engine over time, in'
        f' cycles">'
        '</canvas><div class="tip"></div></div>'
    )
    return card("Engine timeline", _TIMELINE, drawing)
