"""The tables of the page: operators, CPU calls, constants and their sources, provenance."""

from reports.derived import RunJson, limit, milliseconds, utilization
from reports.parts import Cell, Column, chip, escape, plain, table
from reports.units import digits, duration, share

_OPERATOR_COLUMNS = (
    Column("#", True),
    Column("Operator"),
    Column("Phase"),
    Column("Placement"),
    Column("MACs", True),
    Column("Cycles", True),
    Column("Share", True, "bar"),
    Column("Array use", True),
    Column("Energy (µJ)", True),
    Column("Bus bytes", True),
    Column("Longest at work"),
    Column("Mapping, origin", style="long"),
)
_DASH = '<span class="dim">–</span>'


def operators(run: RunJson) -> str:
    """One row an operator; named rows and totals below."""
    longest = max((item["cycles"] for item in run["operators"]), default=0)
    columns = _OPERATOR_COLUMNS
    rows = [_operator(run, i, item, longest) for i, item in enumerate(run["operators"])]
    outside = [("named", _outside(run, row)) for row in run["named_rows"] if row["cycles"] or row["energy_uj"]]
    foot = [
        (style, [Cell(cells.get(c.name, "")) for c in columns]) for style, cells in [*outside, ("total", _total(run))]
    ]
    return table(columns, rows, identity="operators", foot=foot)


def _operator(run: RunJson, index: int, item: RunJson, longest: int) -> list[Cell]:
    reached, part = utilization(run, item), item["cycles"] / run["cycles"] if run["cycles"] else 0.0
    width = 44 * item["cycles"] / longest if longest else 0.0
    return [
        Cell(str(index), index),
        Cell(f'<b>{escape(item["name"])}</b> <span class="dim">{escape(item["kind"])}</span>', item["name"]),
        Cell(escape(item["phase"])),
        Cell(chip(item["placement"], item["placement"]), item["placement"]),
        Cell(f"{item['macs']:,}", item["macs"]),
        Cell(f"{item['cycles']:,}", item["cycles"]),
        Cell(f'<i style="width:{width:.1f}px"></i>{100 * part:.1f} %', repr(part)),
        Cell("–", "") if reached is None else Cell(f"{100 * reached:.1f} %", repr(reached)),
        Cell(digits(item["energy_uj"]), repr(item["energy_uj"])),
        Cell(f"{item['bytes']:,}", item["bytes"]),
        Cell(limit(item)),
        Cell(_mapping(item), item["mapping"]),
    ]


def _mapping(item: RunJson) -> str:
    origin = f'<div class="origin">{escape(item["origin"])}</div>' if item["origin"] else ""
    return (escape(item["mapping"]) + origin) or _DASH


def _outside(run: RunJson, row: RunJson) -> dict[str, str]:
    return {
        "Operator": f"{escape(row['name'])} (no operator)",
        "Cycles": f"{row['cycles']:,}",
        "Share": share(row["cycles"], run["cycles"]),
        "Energy (µJ)": digits(row["energy_uj"]),
    }


def _total(run: RunJson) -> dict[str, str]:
    return {
        "Operator": "Total",
        "MACs": f"{run['macs']:,}",
        "Cycles": f"{run['cycles']:,}",
        "Share": "100 %",
        "Array use": f"{100 * run['utilization']:.1f} %",
        "Energy (µJ)": digits(run["energy_uj"]),
        "Bus bytes": f"{run['traffic_bytes']:,}",
    }


def cpu_calls(run: RunJson) -> str:
    """Every call of the CPU, in order; a sentence where there is none."""
    if not run["cpu_calls"]:
        return '<p class="how" id="no-cpu-calls">None: the accelerator ran every operator.</p>'
    columns = [
        Column("#", True),
        Column("Operator"),
        Column("Function"),
        Column("Starts at cycle", True),
        Column("Cycles", True),
        Column("CPU cycles", True),
        Column("Time", True),
        Column("Energy (µJ)", True),
    ]
    rows = [
        [
            Cell(str(i), i),
            Cell(f"<b>{escape(call['name'])}</b>", call["name"]),
            Cell(f"<code>{escape(call['function'])}</code>", call["function"]),
            Cell(f"{call['start']:,}", call["start"]),
            Cell(f"{call['cycles']:,}", call["cycles"]),
            Cell(f"{call['cycles_cpu']:,}", call["cycles_cpu"]),
            Cell(duration(milliseconds(run, call["cycles"])), call["cycles"]),
            Cell(digits(call["energy_uj"]), repr(call["energy_uj"])),
        ]
        for i, call in enumerate(run["cpu_calls"])
    ]
    return table(columns, rows, identity="cpu-calls")


def constants(run: RunJson) -> str:
    """Every constant behind the estimates, with unit, trust and source."""
    columns = [
        Column("Constant"),
        Column("Value", True),
        Column("Unit"),
        Column("Trust", style="long"),
        Column("Source", style="long"),
    ]
    rows = [
        [
            Cell(f"<code>{escape(item['name'])}</code>", item["name"]),
            Cell(f"{item['value']:g}", repr(item["value"])),
            Cell(escape(item["unit"])),
            Cell(escape(item["trust"]) or '<span class="dim">–</span>', item["trust"]),
            Cell(escape(item["source"])),
        ]
        for item in run["constants"]
    ]
    return table(columns, rows, identity="constants")


def provenance(run: RunJson) -> str:
    """Where the run comes from, and the system as its file describes it."""
    rows = plain(run["provenance"])
    columns = [Column("Field"), Column("Value")]
    hardware = table(columns, plain(run["hardware"]), identity="hardware", sortable=False)
    return (
        table(columns, rows, identity="provenance", sortable=False)
        + f"<details><summary>The system, field by field</summary>{hardware}</details>"
    )
