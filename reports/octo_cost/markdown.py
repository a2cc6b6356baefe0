"""Pieces of a Markdown page: tables, paragraphs, shares."""

import textwrap
from collections.abc import Iterable, Sequence

from reports.units import digits

MASTERS = {"int16": "int16", "int8": "int8", "fp32": "float32"}
MEMORIES = {"sram": "SRAM", "flash": "flash"}


def table(head: Sequence[str], rows: Iterable[Sequence[str]], words: int = 1) -> str:
    """The first ``words`` columns are text, the others are numbers."""
    rule = ["---"] * words + ["---:"] * (len(head) - words)
    return "".join(f"| {' | '.join(line)} |\n" for line in (head, rule, *rows))


def paragraph(text: str, indent: str = "") -> str:
    """Lines of a paragraph; ``indent`` of all but the first."""
    return textwrap.fill(text, 120, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False) + "\n"


def item(text: str) -> str:
    """One of a list."""
    return paragraph(f"- {text}", "  ")


def percent(value: float) -> str:
    """A share (0..1)."""
    return f"{digits(100 * value, 3)} %"


def code(*names: str) -> str:
    return ", ".join(f"`{name}`" for name in names)
