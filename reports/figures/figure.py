"""A figure of the page: plotly traces and layout as plain data, its title and the sentence that says how to read it.

Plain data rather than plotly objects: the page needs no Python library to be written, and the same run gives the same
bytes. Colours are chosen to stand on a light and on a dark page; the page's script adds what depends on the theme.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reports.units import shorten

ENGINE_COLORS: Mapping[str, str] = {
    "load": "#4b8bf0",
    "matrix": "#8a6cf0",
    "vector": "#1fa597",
    "store": "#e3a03a",
    "cpu": "#e5577a",
}
NEUTRAL = "#8e9aab"
COMPONENT_COLORS: Mapping[str, str] = {
    "array": "#8a6cf0",
    "scratchpad": "#4b8bf0",
    "accumulators": "#39b3d7",
    "vector": "#1fa597",
    "bus": "#e3a03a",
    "sram": "#74b04c",
    "flash": "#ee7b4a",
    "external": "#a8873f",
    "commands": "#cf6fd0",
    "cpu": "#e5577a",
    "static": NEUTRAL,
}
SERIES = ("#4b8bf0", "#8a6cf0", "#1fa597", "#e3a03a", "#e5577a", "#39b3d7", "#74b04c", "#ee7b4a", "#cf6fd0", "#a8873f")
_ROW_PX, _LABEL_LENGTH = 24, 34
BAR_WIDTH = 0.7  # of a row; given everywhere, since plotly takes it from the gaps between one trace's bars


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """``id`` names its element in the page; ``reading`` is the sentence under its title."""

    id: str
    title: str
    reading: str
    data: tuple[Mapping[str, Any], ...]
    layout: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        return {"id": self.id, "data": list(self.data), "layout": dict(self.layout)}


def names_axis(names: Sequence[str]) -> dict[str, Any]:
    """A vertical axis of named rows at 0, 1, ..., the first on top. By position: two rows may share a name."""
    return {
        "tickvals": list(range(len(names))),
        "ticktext": [shorten(name, _LABEL_LENGTH) for name in names],
        "range": [len(names) - 0.4, -0.6],
        "automargin": True,
        "showgrid": False,
        "zeroline": False,
        "ticklabelstandoff": 6,
    }


def rows_height_px(rows: int) -> int:
    """Height of a figure with one horizontal bar a row, its axis and legend included."""
    return 110 + _ROW_PX * max(rows, 3)


def with_room(values: Iterable[float], share: float) -> list[float]:
    """Range of an axis from 0 that leaves ``share`` of it free for the text after the longest bar."""
    return [0.0, max([*values, 0.0]) / (1 - share) or 1.0]


def color_of(name: str, names: Sequence[str], known: Mapping[str, str]) -> str:
    """A fixed colour where the name has one, otherwise one by its place."""
    return known.get(name) or SERIES[list(names).index(name) % len(SERIES)]
