"""The data that figures and tables of an exploration share.

``data``: JSON of ``cosim explore`` (cosim.explore.driver.summary); ``table``: its points, column by column
(cosim.explore.export.columns_of).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reports.units import digits

Data = Mapping[str, Any]
Table = Mapping[str, Sequence[Any]]
MOST_POINTS = 4000  # in the page's figures; of more, an even choice and all of the front


def rows_shown(table: Table) -> list[int]:
    """Rows whose objectives are known and hold every constraint, at most MOST_POINTS of them."""
    usable = [row for row, status in enumerate(table["status"]) if status == "ok"]
    step = -(-len(usable) // MOST_POINTS) or 1
    front = {row for row in usable if table["front"][row]}
    return sorted({*usable[::step], *front})


def paths_of(data: Data) -> list[str]:
    """The axes in the order of the space: the last one changes fastest from point to point."""
    return [item["path"] for item in data["axes"]]


def label(data: Data, objective: int) -> str:
    """An objective with its unit."""
    item = data["objectives"][objective]
    return f"{item['metric']} ({item['unit']})" if item["unit"] else str(item["metric"])


def short(path: str) -> str:
    """An axis by its last two parts: array.rows."""
    return ".".join(path.split(".")[-2:])


def text_of(value: Any) -> str:
    """A value of an axis or metric for people."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{value:,}" if isinstance(value, int) else digits(value)


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of equally many texts as lines, each column as wide as its longest text."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(text.rjust(width) for text, width in zip(row, widths, strict=True)) for row in rows]


def levels(table: Table, path: str, rows: Sequence[int]) -> list[Any]:
    """The values that an axis takes in these rows, numbers in order, others in that of the table."""
    seen = list(dict.fromkeys(table[path][row] for row in rows))
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in seen)
    return sorted(seen) if numbers else seen


def sensitivity(data: Data, table: Table, rows: Sequence[int]) -> NDArray[np.float64]:
    """[axes, objectives]: share of the variance of an objective (of its logarithm where it is positive) that lies
    between the values of one axis, all others taken as they come; 0 where nothing varies."""
    found = np.zeros((len(data["axes"]), len(data["objectives"])))
    for column, item in enumerate(data["objectives"]):
        values = np.array([table[item["metric"]][row] for row in rows], float)
        if len(values) and (values > 0).all():
            values = np.log(values)
        spread = float(((values - values.mean()) ** 2).sum()) if len(values) else 0.0
        if spread <= 1e-12 * max(1.0, float((values**2).sum())):
            continue
        for place, path in enumerate(paths_of(data)):
            own = [table[path][row] for row in rows]
            groups = [values[[mine == value for mine in own]] for value in levels(table, path, rows)]
            between = sum(len(group) * (group.mean() - values.mean()) ** 2 for group in groups)
            found[place, column] = between / spread
    return found
