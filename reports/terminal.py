"""The table that a run ends with: in colour on a terminal, plain columns in a file or a pipe."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from reports import streams, training
from reports.derived import RunJson, peak_macs_per_cycle, utilization
from reports.units import count, digits, duration, energy, metric, share, shorten, size

_HEAD = ("operator", "kind", "on", "MACs", "cycles", "share", "array use", "energy (µJ)", "bus bytes")
_LEFT = 3  # columns aligned to the left
_GAP = "  "
_MOST_LOSSES = 5
_WARMTH = {"sram": "warm", "flash": "cold"}  # by where the weights lie
_DROPPED_FIRST = ("kind", "bus bytes", "on", "energy (µJ)", "array use")  # where the terminal is narrow
_MOST_ROWS = 60  # longer networks show their slowest operators, and the rest as one row
_NAME_LENGTH = 36


def show(run: RunJson, report: Path | None, stream: Any) -> None:
    """Write the table, totals, warm beside cold, metrics and the report's path to ``stream``."""
    if getattr(stream, "isatty", lambda: False)():
        _show_in_color(run, report, stream)
    else:
        stream.write(text(run, report))


def text(run: RunJson, report: Path | None = None) -> str:
    """What ``show`` writes where there is no terminal."""
    return "\n".join([_title(run), "", *(line for line, _ in _table(run)), "", *summary(run), *_path(report)]) + "\n"


def _title(run: RunJson) -> str:
    return f"{run['workload']} on {run['system']}"


def _table(run: RunJson, width: int | None = None) -> list[tuple[str, str]]:
    """Lines with their style. Columns that do not fit into ``width`` characters are left out, never cut."""
    body, foot = rows(run), total(run)
    widths = [max(len(row[i]) for row in (_HEAD, *body, foot)) for i in range(len(_HEAD))]
    kept = list(range(len(_HEAD)))
    for dropped in _DROPPED_FIRST:
        if width is None or sum(widths[i] + len(_GAP) for i in kept) - len(_GAP) <= width:
            break
        kept.remove(_HEAD.index(dropped))
    rule = _GAP.join("-" * widths[i] for i in kept)
    styles = {"accelerator": "", "cpu": "magenta"}
    return [
        (_line(_HEAD, widths, kept), "bold"),
        (rule, "dim"),
        *((_line(row, widths, kept), styles.get(row[2], "dim")) for row in body),
        (rule, "dim"),
        (_line(foot, widths, kept), "bold"),
    ]


def _line(row: Sequence[str], widths: Sequence[int], kept: Sequence[int]) -> str:
    return _GAP.join(row[i].ljust(widths[i]) if i < _LEFT else row[i].rjust(widths[i]) for i in kept).rstrip()


def rows(run: RunJson) -> list[tuple[str, ...]]:
    """A row an operator, then rows of no operator; their cycles and energy add up to the totals."""
    operators = run["operators"]
    slowest = sorted(range(len(operators)), key=lambda i: (-operators[i]["cycles"], i))[:_MOST_ROWS]
    found = [_operator(run, operators[i]) for i in sorted(slowest)]
    rest = [item for i, item in enumerate(operators) if i not in set(slowest)]
    if rest:
        found.append(_rest(run, rest))
    for row in run["named_rows"]:
        if row["cycles"] or row["energy_uj"]:
            found.append(_row(run, (row["name"], "", ""), "", row["cycles"], "", row["energy_uj"], ""))
    return found


def _operator(run: RunJson, item: RunJson) -> tuple[str, ...]:
    reached = utilization(run, item)
    return _row(
        run,
        (shorten(item["name"], _NAME_LENGTH), item["kind"], item["placement"]),
        f"{item['macs']:,}",
        item["cycles"],
        "" if reached is None else f"{100 * reached:.1f} %",
        item["energy_uj"],
        f"{item['bytes']:,}",
    )


def _rest(run: RunJson, rest: list[RunJson]) -> tuple[str, ...]:
    return _row(
        run,
        (f"{len(rest)} faster operators", "", ""),
        f"{sum(item['macs'] for item in rest):,}",
        sum(item["cycles"] for item in rest),
        "",
        sum(item["energy_uj"] for item in rest),
        f"{sum(item['bytes'] for item in rest):,}",
    )


def _row(
    run: RunJson, names: tuple[str, str, str], macs: str, cycles: int, reached: str, energy_uj: float, moved: str
) -> tuple[str, ...]:
    return (*names, macs, f"{cycles:,}", share(cycles, run["cycles"]), reached, digits(energy_uj), moved)


def total(run: RunJson) -> tuple[str, ...]:
    """The last row."""
    reached = f"{100 * run['utilization']:.1f} %" if peak_macs_per_cycle(run) else ""
    return _row(
        run,
        ("total", "", ""),
        f"{run['macs']:,}",
        run["cycles"],
        reached,
        run["energy_uj"],
        f"{run['traffic_bytes']:,}",
    )


def summary(run: RunJson) -> list[str]:
    """Lines under the table."""
    array = bool(peak_macs_per_cycle(run))
    lines = [_headline(_WARMTH[run["weights"]] if array else "run", run, array)]
    if run.get("cold"):
        lines.append(_headline("cold", run["cold"], array))
    lines.append(
        f"work   {count(run['macs'], 'MACs')}, {share(run['accelerator_macs'], run['macs'])} on the accelerator,"
        f" {run['parameters']:,} parameters; CPU calls: {len(run['cpu_calls'])}"
    )
    lines.append(
        f"memory {size(run['sram_peak_bytes'])} SRAM, {size(run['scratchpad_peak_bytes'])} scratchpad at the peak,"
        f" {size(run['flash_bytes'])} flash"
    )
    lines += _lost(run) + _step(run) + _against(run) + _metrics(run)
    if run.get("rtl"):
        lines.append(f"rtl    {run['rtl']['cycles']:,} cycles, {run['rtl']['bytes_different']:,} bytes different")
    return lines


def _headline(name: str, item: RunJson, array: bool) -> str:
    flash = item["traffic_by_memory"].get("flash_read", 0)
    return (
        f"{name:6} {duration(item['latency_ms'])} ({item['cycles']:,} cycles), {energy(item['energy_uj'])},"
        f" {digits(item['average_power_mw'])} mW"
        + (f", array use {100 * item['utilization']:.1f} %" if array else "")
        + (f", {size(flash)} from flash" if flash else "")
    )


def _lost(run: RunJson) -> list[str]:
    """Cycles beyond the array bound, by reason, the largest first."""
    rows = sorted((item for item in run["losses"] if item["cycles"]), key=lambda item: -item["cycles"])
    if not rows:
        return []
    parts = [f"{item['name']} {item['cycles']:,}" for item in rows[:_MOST_LOSSES]]
    parts += [f"others {rest:,}"] if (rest := sum(item["cycles"] for item in rows[_MOST_LOSSES:])) else []
    return [f"lost   {run['cycles'] - run['bound_cycles']:,} cycles beyond the array bound: {', '.join(parts)}"]


def _step(run: RunJson) -> list[str]:
    """A training step: what each phase takes, beside its forward pass alone, and an epoch."""
    if not training.is_step(run):
        return []
    parts = [
        f"{item.name} {share(item.milliseconds, run['latency_ms'])} of the time, "
        f"{share(item.microjoules, run['energy_uj'])} of the energy"
        for item in training.phases(run)
    ]
    lines = [f"{'step' if not i else '':6} {part}" for i, part in enumerate(parts)]
    beyond = training.beyond_forward(run)
    if beyond is not None:
        lines.append(
            f"       {digits(beyond[0], 3)} times the time and {digits(beyond[1], 3)} times the energy of its forward "
            "phase alone"
        )
    whole = training.epoch(run)
    if whole is not None:
        steps, spent, used = whole
        lines.append(f"epoch  {steps:,} steps of {training.samples(run):,} samples: {duration(spent)}, {energy(used)}")
    return lines


def _against(run: RunJson) -> list[str]:
    """The run beside this one: what it takes, ratios for the same samples, and the constants behind it."""
    other = run.get("against")
    if not other:
        return []
    many = f", batch {other['samples']:,}" if other["samples"] != training.samples(run) else ""
    lines = [
        f"beside {other['workload']} on {other['system']}: {duration(other['latency_ms'])},"
        f" {energy(other['energy_uj'])}{many}; for the same samples it takes"
    ]
    lines += [f"       {item.name:16} {item.text()}" for item in training.ratios(run)]
    if training.rests_on_unlike_energies(run):
        lines.append(f"       {training.UNLIKE}")
    for item in training.sources(run):
        lines.append(f"source {item['name']} {digits(item['value'])} {item['unit']}: {item['source']}; {item['trust']}")
    return lines


def _stream(run: RunJson) -> list[str]:
    """A stream: what skipping saves over all frames, and what it costs."""
    metrics, name = run["metrics"], run["metrics"]["stream"]["clip"]
    return [
        f"stream {name}, {metrics['frames']} frames: {100 * metrics['skip_ratio']:.1f} % of the MACs skipped; a frame"
        f" takes {duration(metrics['latency_mean_ms'])} on average, {duration(metrics['latency_max_ms'])} at worst,"
        f" dense {duration(metrics['latency_dense_ms'])}; {energy(metrics['energy_mean_uj'])} on average, dense"
        f" {energy(metrics['energy_dense_uj'])}",
        f"       {metrics['deadline_misses']} frames miss the deadline of {duration(streams.deadline_ms(run))}; error"
        f" {100 * metrics['error']:.2f} %, the dense network's answer in {100 * metrics['agreement']:.1f} % of frames;"
        f" codes different from PyTorch: {metrics['codes_different']:,}",
    ]


def _metrics(run: RunJson) -> list[str]:
    found = [
        f"{name} {metric(value)}"
        for name, value in run["metrics"].items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    ]
    if streams.is_stream(run):
        lines = _stream(run)
    else:
        lines = [f"values {', '.join(found)}"] if found else []
    return lines + [f"note   {note}" for note in run["metrics"].get("notes", [])]


def _path(report: Path | None) -> list[str]:
    return [f"report {report}"] if report is not None else []


def _show_in_color(run: RunJson, report: Path | None, stream: Any) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(file=stream, highlight=False, soft_wrap=True)
    console.print(Text(_title(run), "bold cyan"))
    console.print()
    for line, style in _table(run, console.width):
        console.print(Text(line, style))
    console.print()
    for line in [*summary(run), *_path(report)]:
        console.print(Text.assemble((line[:7], "bold"), line[7:]))
