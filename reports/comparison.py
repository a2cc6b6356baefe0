"""The co-simulation in the page: a verdict, then memories, counters and operators of the RTL beside the models."""

from typing import Any

from reports.derived import RunJson
from reports.parts import Cell, Column, chip, escape, table

_TOLERANCE = "within 2 % or 32 cycles"


def verdict(run: RunJson) -> str:
    """One sentence: whether the two agree, and where not."""
    rtl = run["rtl"]
    faults = [f"{rtl['bytes_different']:,} bytes differ"] if rtl["bytes_different"] else []
    faults += [f"{name} differs" for name in rtl["counters_different"]]
    faults += [f"stopped by {rtl['error']}"] if rtl["error"] else []
    if not faults and not rtl["holds"]:
        faults = ["the cycles are too far apart"]
    text = "; ".join(faults) if faults else "every byte equals golden's, every counter the models'"
    mark = chip("agrees" if rtl["holds"] else "disagrees", "good" if rtl["holds"] else "bad")
    return f'<p class="how" id="rtl-verdict">{mark} {escape(text)}. {_cycles(rtl)}</p>'


def _cycles(rtl: dict[str, Any]) -> str:
    expected = rtl["expected_cycles"]
    if expected is None:
        return f"{rtl['cycles']:,} cycles; with other memories than the system's the models say nothing about them."
    error = 100 * (rtl["cycles"] / expected - 1) if expected else 0.0
    return f"{rtl['cycles']:,} cycles, event machine {expected:,}: {error:+.2f} %."


def memories(run: RunJson) -> str:
    """Bytes compared with golden after the last command, by memory."""
    columns = [Column("Memory"), Column("Bytes compared", True), Column("Different", True)]
    rows = [
        [Cell(escape(item["memory"])), _number(item["bytes"]), _number(item["different"])]
        for item in run["rtl"]["memories"]
    ]
    return table(columns, rows, identity="rtl-memories")


def mismatches(run: RunJson) -> str:
    """The first wrong byte of every tensor that has one; nothing where all are right."""
    if not run["rtl"]["mismatches"]:
        return ""
    columns = [Column("Memory"), Column("Tensor"), Column("Bytes", True), Column("First at", True), Column("RTL", True),
               Column("Golden", True)]  # fmt: skip
    rows = [
        [
            Cell(escape(item["space"])),
            Cell(escape(item["tensor"]) or "no tensor", item["tensor"]),
            *(_number(item[key]) for key in ("bytes", "offset", "got", "want")),
        ]
        for item in run["rtl"]["mismatches"]
    ]
    return table(columns, rows, identity="rtl-mismatches")


def counters(run: RunJson) -> str:
    """Every performance counter beside what the models say."""
    columns = [
        Column("Counter"),
        Column("RTL", True),
        Column("Models", True),
        Column("Difference", True),
        Column("Wanted"),
    ]
    expected = run["rtl"]["expected"]
    rows = [_counter(name, value, expected.get(name)) for name, value in run["rtl"]["counters"].items()]
    return table(columns, rows, identity="rtl-counters")


def _counter(name: str, value: int, expected: int | None) -> list[Cell]:
    loose = "stalled" in name or name.endswith("cycles")
    wanted = "not modelled" if expected is None else _TOLERANCE if loose else "equal"
    unknown = Cell("–", "")
    difference = unknown if expected is None else Cell(f"{value - expected:+,}", value - expected)
    label = Cell(f"<code>{escape(name)}</code>", name)
    return [label, _number(value), unknown if expected is None else _number(expected), difference, Cell(wanted)]


def rows(run: RunJson) -> str:
    """Cycles by operator on the RTL and on the event machine."""
    columns = [Column("#", True), Column("Operator"), Column("RTL", True), Column("Event machine", True),
               Column("Difference", True)]  # fmt: skip
    found = []
    for index, item in enumerate(run["rtl"]["rows"]):
        want = item["expected_cycles"]
        beside = [Cell("–", ""), Cell("–", "")]
        if want is not None:
            beside = [_number(want), Cell(f"{item['cycles'] - want:+,}", item["cycles"] - want)]
        found.append(
            [Cell(str(index), index), Cell(escape(item["name"]), item["name"]), _number(item["cycles"]), *beside]
        )
    return table(columns, found, identity="rtl-rows")


def _number(value: int) -> Cell:
    return Cell(f"{value:,}", value)
