"""One self-contained page of ``cosim validate``: Gemmini's RTL beside our systolic model, peers' estimates as ranges.

Every number comes from the JSON that the command writes.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from reports.figures.figure import ENGINE_COLORS, NEUTRAL, SERIES, Figure, names_axis, rows_height_px
from reports.page import card, render, section
from reports.parts import Cell, Column, chip, escape, table

Data = Mapping[str, Any]
_PUBLISHED = "Figures of others beside ours. Fitted: the row helped to set our constants; held out: it did not."
_GEMMINI = (
    "Cycles of Gemmini's RTL under FireSim, 16x16, the library's own tiling, beside the weight-stationary array of our"
    " cost model with fitted costs of memory. Each network is predicted by a fit to the other networks."
)
_PEERS = (
    "Cycles that public estimators predict for the same layers on 256 MACs a cycle, lowest to highest, and those of our"
    " event machine on edge16. Estimates, not measurements: they disagree by up to two orders of magnitude."
)
_NOT_COMPARED = "not compared"


def page(data: Data) -> str:
    """The page's text. Parts that were skipped say why."""
    drawn: list[Figure] = []
    parts = [
        section("published-section", card("Published measurements", _PUBLISHED, _published(data))),
        section("gemmini-section", _gemmini(data["gemmini"], data["skips"], drawn)),
        section("peers-section", _peers(data["peers"], data["skips"], drawn)),
    ]
    header = (
        '<header><div><div class="eyebrow">Validation</div><h1>The models beside the figures of others</h1>'
        "<p>Cycle errors against the RTL are in the JSON and in reports/results.</p></div></header>"
    )
    body = header + f"<main>{''.join(parts)}</main>"
    return render("Validation", body, dict(data), drawn, ("page.js",))


def _skipped(what: str, skips: Mapping[str, str]) -> str:
    return f'<p class="how" id="{what}-skip">{chip(_NOT_COMPARED)} {escape(skips.get(what, ""))}</p>'


def _published(data: Data) -> str:
    if not data["published"]:
        return _skipped("published", data["skips"])
    columns = [Column("Measurement"), Column("Unit"), Column("Published", True), Column("Ours", True),
               Column("Error", True), Column("Use")]  # fmt: skip
    rows = [
        [
            Cell(escape(item["what"])), Cell(escape(item["unit"])), _number(item["published"]), _number(item["ours"]),
            Cell(f"{item['error']:+.1%}", item["error"]), Cell("fitted" if item["fitted"] else "held out"),
        ]
        for item in data["published"]
    ]  # fmt: skip
    return table(columns, rows, identity="published")


def _gemmini(found: Data | None, skips: Mapping[str, str], drawn: list[Figure]) -> str:
    if found is None:
        return card("Gemmini's RTL", _GEMMINI, _skipped("gemmini", skips))
    columns = [Column("Predicted"), Column("Layers", True), Column("MAPE", True), Column("Median", True),
               Column("90 % within", True), Column("Rank correlation", True)]  # fmt: skip
    named = [
        *((f"{item['network']}, left out of the fit", item) for item in found["cross_validated"][:-1]),
        ("all networks, each left out of its fit", found["cross_validated"][-1]),
        ("all networks, in the fit", found["fitted"]),
        ("regression on sizes, six parameters, left out", found["regression"]),
        ("the array alone, nothing fitted", found["array_alone"]),
    ]
    rows = [[Cell(escape(name)), *_accuracy(item)] for name, item in named]
    aim, overall = found["aim"], found["cross_validated"][-1]
    reached = overall["mape"] <= aim["mape"] and overall["rank"] >= aim["rank"]
    verdict = (
        f"{chip('aim reached' if reached else 'aim missed', 'good' if reached else 'bad')} The aim is a MAPE of"
        f" {aim['mape']:.0%} and a rank correlation of {aim['rank']:.2f}; it is {overall['mape']:.1%} and"
        f" {overall['rank']:.3f} with {found['number_of_parameters']} parameters."
    )
    figure = _scatter(found["rows"])
    drawn.append(figure)
    return card(
        "Gemmini's RTL", _GEMMINI, f'<p class="how">{verdict}</p>{table(columns, rows, identity="gemmini")}'
    ) + (card(figure.title, figure.reading, f'<div class="plot" id="{figure.id}"></div>'))


def _accuracy(item: Data) -> list[Cell]:
    shares = [Cell(f"{item[name]:.1%}", item[name]) for name in ("mape", "median", "p90")]
    return [_number(item["layers"]), *shares, Cell(f"{item['rank']:.3f}", item["rank"])]


def _scatter(rows: Sequence[Data]) -> Figure:
    networks = sorted({item["network"] for item in rows})
    low, high = (bound(item[key] for item in rows for key in ("published", "ours")) for bound in (min, max))
    data: list[dict[str, Any]] = [
        {"type": "scatter", "mode": "lines", "name": "equal", "x": [low, high], "y": [low, high], "hoverinfo": "skip",
         "line": {"color": NEUTRAL, "dash": "dot"}}
    ]  # fmt: skip
    for place, network in enumerate(networks):
        mine = [item for item in rows if item["network"] == network]
        data.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": network,
                "x": [item["published"] for item in mine],
                "y": [item["ours"] for item in mine],
                "marker": {"color": SERIES[place % len(SERIES)], "size": 7, "opacity": 0.8},
                "customdata": [[item["layer"]] for item in mine],
                "hovertemplate": "<b>%{customdata[0]}</b><br>RTL %{x:,}, ours %{y:,} cycles<extra></extra>",
            }
        )
    return Figure(
        id="gemmini-layers",
        title="Every layer, its network left out of the fit",
        reading="On the dotted line, ours equals the RTL; both axes are logarithmic.",
        data=tuple(data),
        layout={
            "height": 460,
            "xaxis": {"type": "log", "title": {"text": "Cycles of Gemmini's RTL"}},
            "yaxis": {"type": "log", "title": {"text": "Cycles of our model"}},
        },
    )


def _peers(rows: Sequence[Data] | None, skips: Mapping[str, str], drawn: list[Figure]) -> str:
    if rows is None:
        return card("Peers", _PEERS, _skipped("peers", skips))
    parts = []
    for workload in dict.fromkeys(item["workload"] for item in rows):
        figure = _ranges(workload, [item for item in rows if item["workload"] == workload])
        drawn.append(figure)
        parts.append(card(figure.title, figure.reading, f'<div class="plot" id="{figure.id}"></div>'))
    return card("Peers", _PEERS, _peers_table(rows)) + "".join(parts)


def _peers_table(rows: Sequence[Data]) -> str:
    names = sorted({peer for item in rows for peer in (*item["peers"], *item["left_out"])})
    columns = [Column("Workload"), Column("Layer"), Column("MACs / 256", True), Column("Ours", True),
               Column("Lowest", True), Column("Highest", True), *(Column(name, True) for name in names)]  # fmt: skip
    body = []
    for item in rows:
        outside = not item["low"] <= item["ours"] <= item["high"]
        ours = f"{item['ours']:,}" + (f" {chip('outside')}" if outside else "")
        body.append(
            [
                Cell(escape(item["workload"])), Cell(escape(item["layer"])), _number(item["ideal"]),
                Cell(ours, item["ours"]), _number(item["low"]), _number(item["high"]),
                *(_peer(item, name) for name in names),
            ]
        )  # fmt: skip
    left_out = sum(len(item["left_out"]) for item in rows)
    note = (
        f'<p class="how">Figures left out of the ranges, because fewer cycles than MACs / 256 cannot be: {left_out}'
        f"{' (struck through)' if left_out else ''}.</p>"
    )
    return note + table(columns, body, identity="peers")


def _peer(item: Data, name: str) -> Cell:
    if name in item["left_out"]:
        return Cell(f"<s>{item['left_out'][name]:,.0f}</s>", item["left_out"][name])
    return _number(item["peers"][name]) if name in item["peers"] else Cell("")


def _ranges(workload: str, rows: Sequence[Data]) -> Figure:
    places = list(range(len(rows)))
    ends: list[float | None] = []
    heights: list[int | None] = []
    for place, item in zip(places, rows, strict=True):
        ends += [item["low"], item["high"], None]
        heights += [place, place, None]
    inside = sum(item["low"] <= item["ours"] <= item["high"] for item in rows)
    hover = "<b>%{customdata[0]}</b><br>%{x:,.0f} cycles<extra></extra>"
    return Figure(
        id=f"peers-{workload}",
        title=f"{workload}: peers' ranges and ours",
        reading=f"Of {len(rows)} rows ours lies within the peers' range in {inside}; the axis is logarithmic.",
        data=(
            {"type": "scatter", "mode": "lines", "name": "peers, lowest to highest", "x": ends, "y": heights,
             "line": {"color": NEUTRAL, "width": 9}, "opacity": 0.6, "hoverinfo": "skip"},
            {"type": "scatter", "mode": "markers", "name": "each peer",
             "x": [cycles for item in rows for cycles in item["peers"].values()],
             "y": [place for place, item in zip(places, rows, strict=True) for _ in item["peers"]],
             "marker": {"color": ENGINE_COLORS["store"], "size": 5},
             "customdata": [[peer] for item in rows for peer in item["peers"]], "hovertemplate": hover},
            {"type": "scatter", "mode": "markers", "name": "ours", "x": [item["ours"] for item in rows], "y": places,
             "marker": {"color": ENGINE_COLORS["matrix"], "size": 11, "symbol": "diamond"},
             "customdata": [[item["layer"]] for item in rows], "hovertemplate": hover},
        ),
        layout={
            "height": rows_height_px(len(rows)),
            "xaxis": {"type": "log", "title": {"text": "Cycles"}},
            "yaxis": names_axis([item["layer"] for item in rows]),
        },
    )  # fmt: skip


def _number(value: float) -> Cell:
    return Cell(f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:,.2f}", value)
