"""The part of the page about a stream: its clip frame by frame, what skipping saves, and what it costs in quality."""

import json
from collections.abc import Callable
from statistics import fmean
from typing import Any

from reports import figures, streams
from reports.derived import RunJson
from reports.figures.figure import Figure
from reports.page import card, section
from reports.parts import Cell, Column, Tile, chip, escape, table
from reports.units import count, digits, duration, energy

_SCORES = (
    ("presence", "Objects seen or not", "Frames in which it is answered rightly whether any object is there."),
    ("count", "Number of objects", "Frames in which the number of objects is answered rightly."),
)


def sections(run: RunJson, put: Callable[[Figure], str]) -> list[str]:
    """Sections in order, none without a stream; ``put`` takes a figure and gives its card."""
    if not streams.is_stream(run):
        return []
    return [
        section("clip-section", card(f"Clip {_stream(run)['clip']}", _reading(run), _player(run))),
        section("", put(figures.stream_over_time(run))),
        _pair(card("What skipping saves", _SAVINGS, _savings(run)), card("What it costs", _QUALITY, _quality(run))),
        _pair(put(figures.stream_parts(run)), put(figures.stream_break_even(run))),
        section("", put(figures.stream_memory(run))),
        section("", f'<h2 class="part">Frame {_stream(run)["shown"]} alone</h2><p class="how">{_REST}</p>'),
    ]


def sentence(run: RunJson) -> str:
    """What the stream does to a frame on average, in words. HTML."""
    metrics = run["metrics"]
    return (
        f"<b>{duration(metrics['latency_mean_ms'])}</b> and <b>{energy(metrics['energy_mean_uj'])}</b> a frame on"
        f" average over {metrics['frames']} frames of clip {escape(_stream(run)['clip'])}, of whose work"
        f" <b>{100 * metrics['skip_ratio']:.1f} %</b> is skipped: patches that did not change are not computed again."
        f" The dense network takes {duration(metrics['latency_dense_ms'])} and {energy(metrics['energy_dense_uj'])}."
    )


def tiles(run: RunJson) -> list[Tile]:
    """The headline numbers of all frames."""
    metrics = run["metrics"]
    dense_ms, dense_uj, misses = metrics["latency_dense_ms"], metrics["energy_dense_uj"], metrics["deadline_misses"]
    late = f"{misses} of {metrics['frames']} frames later than {duration(streams.deadline_ms(run))}"
    found = [
        ("Work skipped", "skip_ratio", f"{100 * metrics['skip_ratio']:.1f} %", "of the MACs of all frames"),
        ("Mean latency", "latency_mean_ms", duration(metrics["latency_mean_ms"]), _beside(duration(dense_ms))),
        ("Worst latency", "latency_max_ms", duration(metrics["latency_max_ms"]), late),
        ("Mean energy", "energy_mean_uj", energy(metrics["energy_mean_uj"]), _beside(energy(dense_uj))),
        ("Error", "error", f"{100 * metrics['error']:.2f} %", "of the last map, mean over frames"),
        ("Agreement", "agreement", f"{100 * metrics['agreement']:.1f} %", "of frames: the dense network's answer"),
    ]
    return [
        Tile(name=name, key=f"metrics.{key}", exact=metrics[key], value=value, note=note)
        for name, key, value, note in found
    ]


def _beside(dense: str) -> str:
    return f"a frame; dense network {dense}"


def _stream(run: RunJson) -> Any:
    return run["metrics"]["stream"]


def _pair(left: str, right: str) -> str:
    return section("", f'<div class="pair">{left}{right}</div>')


# ---- the clip ----


def _reading(run: RunJson) -> str:
    about, metrics = _stream(run), run["metrics"]
    rules, shown = about["rules"], len(about["pictures"]["items"])
    of = f"{metrics['frames']} frames" if shown == metrics["frames"] else f"{shown} of {metrics['frames']} frames"
    refresh = f" Every {rules['refresh']} frames all is computed." if rules["refresh"] else ""
    return (
        f"{of}, backbone {about['backbone']}. Each frame is cut into patches of {rules['patch']} × {rules['patch']}"
        f" pixels and compared with what was last consumed. Where nothing changed, the network's maps of the"
        f" frame before stay; where something did, the layers are computed anew as far as the change reaches. After a"
        f" frame of which more than {100 * rules['dense_above']:.0f} % changed or was computed, the next ones are"
        f" computed whole, without comparing.{refresh}"
    )


def _player(run: RunJson) -> str:
    """The picture, its controls, and, beside it, the legend and what the frame took. ``clip.js`` fills it."""
    legend = (
        ("skipped", "Dimmed: skipped, nothing was computed anew here"),
        ("computed", "Tinted: computed anew; the stronger, the more of the network's work"),
        ("changed", "Outlined: this patch of the frame changed"),
    )
    items = "".join(f'<li><i class="{name}"></i>{text}</li>' for name, text in legend)
    return (
        f'<div class="clip" id="clip" data-rows="{escape(json.dumps(_rows(run)))}"><div class="screen">'
        '<canvas role="img" aria-label="The frame, with its patches"></canvas>'
        '<div class="timebar"><button type="button" id="clip-play">▶ Play</button>'
        '<input type="range" id="clip-slider" min="0" step="1" value="0" aria-label="Frame">'
        '<label><input type="checkbox" id="clip-plain"> picture alone</label></div></div>'
        f'<div class="beside"><h3 id="clip-name"></h3><table id="clip-values"><tbody></tbody></table>'
        f'<ul class="legend">{items}</ul></div></div>'
    )


def _rows(run: RunJson) -> list[list[tuple[str, str]]]:
    """By picture, names and values of what stands beside it."""
    frames = {frame.index: frame for frame in streams.frames(run)}
    metrics, found = run["metrics"], []
    for item in _stream(run)["pictures"]["items"]:
        frame, patches = frames[item["index"]], len(item["computed"])
        computed = patches - item["computed"].count("0")
        found.append(
            [
                ("Computed", frame.kind),
                ("Work skipped", f"{100 * (1 - frame.computed):.1f} % of the MACs"),
                ("Patches computed", f"{computed} of {patches}"),
                ("Patches changed", f"{item['changed'].count('1')} of {patches}" if frame.looked else "not compared"),
                ("Latency", _times(duration(frame.latency_ms), frame.latency_ms, metrics["latency_dense_ms"])),
                ("Energy", _times(energy(frame.energy_uj), frame.energy_uj, metrics["energy_dense_uj"])),
                ("Error of the last map", f"{100 * frame.error:.2f} %"),
            ]
        )
    return found


def _times(text: str, value: float, dense: float) -> str:
    return f"{text}, {digits(value / dense, 3)} × dense"


# ---- tables ----

_SAVINGS = (
    "A frame of the dense network beside the stream's mean frame. What cycles and energy save less than"
    " multiply-accumulates goes to comparing and deciding, and to small pieces, which fill the array worse."
)
_QUALITY = "The stream beside the dense network, which computes every frame whole, over the frames of the clip."
_REST = (
    "All that follows is of this one frame, whose latency is the median of the clip. Work and array use count the"
    " multiply-accumulates that it computed, none that it skipped."
)


def _savings(run: RunJson) -> str:
    columns = [Column("A frame"), *(Column(name, True) for name in ("Dense", "Stream", "Saved", "Gain"))]
    texts: dict[str, Callable[[float], str]] = {"MACs": count, "Cycles": lambda v: f"{round(v):,}", "Energy": energy}
    rows = [
        [
            Cell(f"<b>{item.name}</b>"),
            Cell(texts[item.name](item.dense), repr(item.dense)),
            Cell(texts[item.name](item.mean), repr(item.mean)),
            Cell(f"{100 * item.saved:.1f} %", repr(item.saved)),
            Cell(f"{digits(item.gain, 3)} ×", repr(item.gain)),
        ]
        for item in streams.savings(run)
    ]
    metrics = run["metrics"]
    facts = [
        f"{metrics['whole_frames']} of {metrics['frames']} frames computed whole{_others(run)}",
        f"{metrics['deadline_misses']} later than {duration(streams.deadline_ms(run))}, the time to the next frame",
    ]
    return table(columns, rows, identity="stream-savings", sortable=False) + f'<p class="how">{"; ".join(facts)}.</p>'


def _others(run: RunJson) -> str:
    """What the frames that skip take, where there are others: one whole frame weighs much in a short clip's mean."""
    found = streams.skipping(run)
    if not found or len(found) == run["metrics"]["frames"]:
        return ""
    spent = fmean(frame.latency_ms for frame in found), fmean(frame.energy_uj for frame in found)
    return f", the others take {duration(spent[0])} and {energy(spent[1])} on average"


def _quality(run: RunJson) -> str:
    metrics = run["metrics"]
    columns = [Column("Measure"), Column("Stream", True), Column("Dense", True), Column("What it says", style="dim")]
    worst = max(streams.frames(run), key=lambda frame: frame.error)
    rows = [
        _row(
            "Error of the last map",
            _percent(metrics["error"], 2),
            Cell("0", "0"),
            f"|stream − dense| / |dense|, mean; the worst frame, {worst.index}, has {100 * worst.error:.2f} %.",
        ),
        _row(
            "Agreement",
            _percent(metrics["agreement"]),
            Cell("100.0 %", "1"),
            "Frames with the dense network's answer, right or wrong.",
        ),
    ]
    for key, name, text in _SCORES:
        if key in metrics:
            rows.append(_row(name, _percent(metrics[key]), _percent(metrics[f"dense_{key}"]), text))
    different = metrics["codes_different"]
    exact = chip("none", "good") if not different else chip(f"{different:,}", "bad")
    text = "INT8 codes, of all maps and frames, that are not those of the same stream in PyTorch: the arithmetic."
    rows.append(_row("Codes different", Cell(exact, repr(different)), Cell("–"), text))
    return table(columns, rows, identity="stream-quality", sortable=False)


def _row(name: str, stream: Cell, dense: Cell, text: str) -> list[Cell]:
    return [Cell(f"<b>{escape(name)}</b>"), stream, dense, Cell(escape(text))]


def _percent(value: float, places: int = 1) -> Cell:
    return Cell(f"{100 * value:.{places}f} %", repr(value))
