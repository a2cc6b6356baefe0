"""The frame of every page: one file that fetches nothing, with its data and figures embedded."""

import json
from collections.abc import Sequence
from importlib.resources import files
from string import Template
from typing import Any

from reports.figures.figure import Figure
from reports.parts import escape

_ASSETS = files("reports") / "assets"


def render(title: str, body: str, data: Any, drawn: Sequence[Figure], scripts: Sequence[str]) -> str:
    """A page's text. ``data``: the JSON that its numbers come from (element ``run``); ``scripts``: of the assets."""
    return Template(_asset("page.html")).substitute(
        title=escape(title),
        css=_asset("page.css"),
        body=body,
        run=_json(data),
        figures=_json([figure.to_json() for figure in drawn]),
        plotly=(files("plotly") / "package_data" / "plotly.min.js").read_text(encoding="utf-8"),
        script="".join(_asset(name) for name in scripts),
    )


def _asset(name: str) -> str:
    return (_ASSETS / name).read_text(encoding="utf-8")


def _json(value: Any) -> str:
    """JSON that cannot end the script element that holds it."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return text.replace("<", "\\u003c")


def section(identity: str, content: str) -> str:
    name = f' id="{identity}"' if identity else ""
    return f"<section{name}>{content}</section>\n" if content else ""


def card(title: str, reading: str, content: str) -> str:
    return f'<div class="card"><h2>{escape(title)}</h2><p class="how">{escape(reading)}</p>{content}</div>'
