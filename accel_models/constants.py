"""Cited constants: the YAML tables, each value with its unit, conditions, source and trust."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

_TABLES = Path(__file__).parent / "tables"


@dataclass(frozen=True, slots=True)
class Constant:
    """A value as its source gives it: what every report lists."""

    name: str
    value: float
    unit: str
    source: str
    trust: str = ""


@cache
def load_table(name: str) -> dict[str, Any]:
    """The content of tables/<name>.yaml."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    table = yaml.load((_TABLES / f"{name}.yaml").read_text(encoding="utf-8"), Loader=loader)
    assert isinstance(table, dict)
    return table


def section(name: str, part: str) -> list[Constant]:
    """The entries of one section of a table that carry a value of their own."""
    return [
        Constant(f"{part}.{key}", float(item["value"]), item["unit"], item["source"], str(item.get("trust", "")))
        for key, item in load_table(name)[part].items()
        if isinstance(item, dict) and "value" in item
    ]
