"""Every evaluated point as a table: CSV and Parquet, sorted by point, without times: equal studies, equal bytes."""

import csv
import io
import json
from typing import Any

from cosim.explore.driver import Exploration
from cosim.explore.extra import needed

Columns = dict[str, list[Any]]


def columns_of(found: Exploration) -> Columns:
    """Column by column: point, status, axes, objectives, metrics; None where a point lacks one."""
    space, results = found.space, found.results
    chosen = set(found.front)
    table: Columns = {
        "point": [result.index for result in results],
        "status": [result.status for result in results],
        "reason": [result.reason for result in results],
        "level": [result.level if result.simulated else "" for result in results],
        "front": [result.index in chosen for result in results],
    }
    for path in space.values:
        table[path] = _plain([result.point[path] for result in results])
    objectives = [expression.text for expression, _ in space.goals]
    metrics = sorted({name for result in results for name in result.metrics if name in space.names()})
    system = space.system_names()
    for name in [*dict.fromkeys(objectives), *metrics]:
        if name not in table and name not in system:
            table[name] = [result.metrics.get(name) for result in results]
    for expression, _ in space.goals:
        if expression.text not in expression.names:
            values = [float(expression.value(result.metrics)) for result in results]
            table[expression.text] = [None if value != value else value for value in values]
    return table


def _plain(values: list[Any]) -> list[Any]:
    """Values of one kind as they are; mixed or nested ones as JSON."""
    kinds = {type(value) for value in values}
    if len(kinds) == 1 and kinds <= {int, float, str, bool}:
        return values
    if kinds == {int, float}:
        return [float(value) for value in values]
    return [json.dumps(value, sort_keys=True) for value in values]


def csv_bytes(table: Columns) -> bytes:
    """RFC 4180 text; floats in their shortest exact form."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerow(table)
    for row in zip(*table.values(), strict=True):
        writer.writerow(["" if value is None else value for value in row])
    return stream.getvalue().encode()


def parquet_bytes(table: Columns) -> bytes:
    """One row group a table. Numbers of metrics are float64, so that types do not depend on the values."""
    arrow, parquet = needed("pyarrow"), needed("pyarrow.parquet")
    kinds = {bool: arrow.bool_(), int: arrow.int64(), str: arrow.string()}
    arrays = {}
    for name, values in table.items():
        kind = next((type(value) for value in values if value is not None), float)
        exact = kinds.get(kind) if all(type(value) is kind for value in values) else None
        arrays[name] = arrow.array(values, type=exact or arrow.float64())
    stream = io.BytesIO()
    parquet.write_table(arrow.table(arrays), stream)
    return stream.getvalue()
