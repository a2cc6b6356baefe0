"""Pieces of HTML: text is escaped here and nowhere else."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

__all__ = ["Cell", "Column", "Tile", "chip", "escape", "table", "tile"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One number of the summary. ``key``: its path in the run's JSON; ``exact``: what is there; ``value``: shown."""

    name: str
    key: str
    exact: Any
    value: str
    note: str = ""
    share: float | None = None


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    numeric: bool = False
    style: str = ""


@dataclass(frozen=True, slots=True)
class Cell:
    """What a cell shows (HTML) and, for sorting, its value."""

    html: str
    value: Any = None


def tile(item: Tile) -> str:
    number, _, unit = item.value.partition(" ")
    meter = ""
    if item.share is not None:
        meter = f'<div class="meter"><i style="width:{100 * min(1.0, item.share):.2f}%"></i></div>'
    small = f" <small>{escape(unit)}</small>" if unit else ""
    return (
        f'<div class="tile" data-key="{escape(item.key)}" data-value="{escape(repr(item.exact))}"><div class="name">'
        f'{escape(item.name)}</div><div class="value">{escape(number)}{small}</div>{meter}<div class="note">'
        f"{escape(item.note)}</div></div>"
    )


def table(
    columns: Sequence[Column],
    rows: Sequence[Sequence[Cell]],
    *,
    identity: str,
    foot: Sequence[tuple[str, Sequence[Cell]]] = (),
    sortable: bool = True,
) -> str:
    """``foot``: rows that stay below, each with the name of its style."""
    head = "".join(
        f'<th scope="col"{_style(column)}>'
        + (f'<button type="button">{escape(column.name)}</button>' if sortable else escape(column.name))
        + "</th>"
        for column in columns
    )
    body = "".join(f'<tr data-i="{i}">{_cells(columns, row)}</tr>\n' for i, row in enumerate(rows))
    feet = "".join(f'<tr class="{style}">{_cells(columns, row)}</tr>\n' for style, row in foot)
    return (
        f'<div class="scroll"><table'
        f' id="{identity}"{" class=sortable" if sortable else ""}><thead><tr>{head}</tr></thead>\n'
        f"<tbody>{body}</tbody>{f'<tfoot>{feet}</tfoot>' if feet else ''}</table></div>"
    )


def _style(column: Column) -> str:
    names = " ".join(name for name in ("n" if column.numeric else "", column.style) if name)
    return f' class="{names}"' if names else ""


def _cells(columns: Sequence[Column], row: Sequence[Cell]) -> str:
    return "".join(
        f"<td{_style(column)}{_value(cell)}>{cell.html}</td>" for column, cell in zip(columns, row, strict=True)
    )


def _value(cell: Cell) -> str:
    return "" if cell.value is None else f' data-v="{escape(str(cell.value))}"'


def chip(text: str, kind: str = "") -> str:
    return f'<span class="chip {escape(kind)}">{escape(text)}</span>'


def plain(values: Mapping[str, Any]) -> list[list[Cell]]:
    """Rows of a table of names and values; nested mappings become dotted names."""
    rows: list[list[Cell]] = []
    for name, value in values.items():
        if isinstance(value, Mapping):
            rows += [[Cell(f"{escape(name)}.{row[0].html}"), row[1]] for row in plain(value)]
        else:
            rows.append([Cell(escape(name)), Cell(f"<code>{escape(str(value))}</code>")])
    return rows
