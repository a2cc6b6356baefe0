"""The front at every level of the funnel, side by side: a table for the page and lines for the terminal."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from reports.exploration.shown import Data, aligned, text_of
from reports.parts import Cell, Column, chip, table

NAMES: Mapping[str, str] = {
    "screen": "screening",
    "event": "event",
    "searched": "searched",
    "rtl": "RTL",
}
QUANTITIES = {"latency_ms": "ms", "energy_uj": "µJ"}
READING = (
    "Latency (ms) and energy (µJ), the mean of the workloads by their weights, at each level; empty where a level was"
    " not run. Screening: closed form; event: the event machine, the compiler's first mapping; searched: with the"
    " mapping searched; RTL: cycles of the accelerator from Verilator, CPU calls as modelled; energy of the counted"
    " events, which the RTL's counters have to confirm, with static power over the RTL's time."
)
_GOOD = ("ok", "constraint")
_MOST_LINES = 30  # on the terminal


def content(data: Data) -> str:
    """The table, and below it what the RTL said; HTML."""
    columns = [Column("Point", True), Column("On the front")]
    columns += [Column(f"{unit}: {name}", True) for unit in QUANTITIES.values() for name in NAMES.values()]
    rows = [_row(item) for item in data["levels"]]
    said = "".join(f"<p>{escape(line)}</p>" for line in _unsearched(data))
    return table(columns, rows, identity="levels-table") + said + "".join(_against(item) for item in _checked(data))


def _row(item: Mapping[str, Any]) -> list[Cell]:
    numbers = [_number(item["levels"][level], quantity) for quantity in QUANTITIES for level in NAMES]
    return [Cell(str(item["point"]), item["point"]), Cell("yes" if item["front"] else "no"), *numbers]


def _unsearched(data: Data) -> list[str]:
    """Why points of the front have no searched mapping, where some have none."""
    front = [item for item in data["levels"] if item["front"]]
    searched = sum(item["levels"]["searched"] is not None for item in front)
    if searched == len(front):
        return []
    return [
        f"The front has {len(front):,} points, too many to search the mapping of each: it is drawn at the event level,"
        f" and searched are {searched:,}: the best in each objective, and those farthest from them."
    ]


def _checked(data: Data) -> list[Mapping[str, Any]]:
    """The points that went on the RTL."""
    return [item for item in data["levels"] if item["levels"]["rtl"] is not None]


def _against(item: Mapping[str, Any]) -> str:
    rtl = item["levels"]["rtl"]
    mark = chip("agrees with the models", "good") if _agrees(rtl) else chip(rtl["status"], "bad")
    return f"<p>Point {item['point']} on the RTL: {mark} {escape(verdict(rtl))}</p>"


def _agrees(rtl: Mapping[str, Any]) -> bool:
    """Whether it ran, equal in all bytes and counters; points that violate a constraint may have, or may not."""
    return rtl["status"] in _GOOD and "workloads" in rtl


def _number(level: Mapping[str, Any] | None, quantity: str) -> Cell:
    value = None if level is None else level[quantity]
    return Cell("", "") if value is None else Cell(text_of(value), repr(value))


def verdict(rtl: Mapping[str, Any]) -> str:
    """What the RTL said of a point: cycles by workload, or what is wrong."""
    cycles = ", ".join(
        f"{label} {item['rtl_cycles']:,} cycles (event machine {item['rtl_expected_cycles']:,})"
        for label, item in rtl.get("workloads", {}).items()
    )
    return "; ".join(text for text in (rtl["reason"], cycles) if text)


def lines(data: Data) -> list[str]:
    """The same as lines of text."""
    if not data["levels"]:
        return []
    head = ["point", *(f"{unit} {name}" for unit in QUANTITIES.values() for name in NAMES.values())]
    shown = data["levels"][:_MOST_LINES]
    rows = [_texts(item) for item in shown]
    rest = len(data["levels"]) - len(shown)
    found = ["the front at every level, latency (ms) and energy (µJ)", *aligned([head, *rows])]
    found += [f"... and {rest:,} more"] if rest else []
    found += _unsearched(data)
    return found + [f"point {item['point']} on the RTL: {_said(item['levels']['rtl'])}" for item in _checked(data)]


def _texts(item: Mapping[str, Any]) -> Sequence[str]:
    cells = [_number(item["levels"][level], quantity).html for quantity in QUANTITIES for level in NAMES]
    return [f"{item['point']}{'' if item['front'] else ' (not on the front)'}", *cells]


def _said(rtl: Mapping[str, Any]) -> str:
    mark = "agrees with the models" if _agrees(rtl) else rtl["status"]
    text = verdict(rtl)
    return f"{mark}: {text}" if text else mark
