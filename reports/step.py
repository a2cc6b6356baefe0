"""The part of the page about a training step: its phases, the run beside it, its memory and its curves."""

from collections.abc import Callable

from reports import figures, training
from reports.derived import RunJson
from reports.figures.figure import Figure
from reports.page import card, section
from reports.parts import Cell, Column, escape, table
from reports.units import digits, duration, energy, share


def is_shown(run: RunJson) -> bool:
    return training.is_step(run) or bool(run.get("against"))


def sections(run: RunJson, put: Callable[[Figure], str]) -> list[str]:
    """Sections in order; ``put`` takes a figure and gives its card."""
    if not is_shown(run):
        return []
    found = [section("step", card(_title(run), _reading(run), _phases(run)))]
    if training.is_step(run):
        found.append(_pair(put(figures.step_times(run)), put(figures.step_energies(run))))
    if run.get("against"):
        found.append(_pair(put(figures.beside_times(run)), put(figures.beside_energies(run))))
        found.append(section("", card("What the ratios rest on", _rests(run), _constants(run))))
    if training.is_step(run):
        found += [section("", put(figure)) for figure in figures.step_memories(run)]
    curves = figures.learning(run)
    return found + [_pair(put(curves[i]), put(curves[i + 1])) for i in range(0, len(curves), 2)]


def _pair(left: str, right: str) -> str:
    return section("", f'<div class="pair">{left}{right}</div>')


def _title(run: RunJson) -> str:
    return "Training step by phase" if training.is_step(run) else "Beside another run"


def _reading(run: RunJson) -> str:
    parts = []
    beyond = training.beyond_forward(run)
    if beyond is not None:
        parts.append(
            f"A step of {training.samples(run):,} samples takes {digits(beyond[0], 3)} times the time and"
            f" {digits(beyond[1], 3)} times the energy of its forward phase alone."
        )
    whole = training.epoch(run)
    if whole is not None:
        steps, spent, used = whole
        samples = run["metrics"]["epoch_samples"]
        parts.append(f"An epoch of {samples:,} samples: {steps:,} steps, {duration(spent)}, {energy(used)}.")
    other = run.get("against")
    if other:
        parts.append(
            f"The last columns say how many times that {other['workload']} on {other['system']} takes for the same"
            " samples."
        )
    return " ".join(parts)


def _phases(run: RunJson) -> str:
    """A row a phase, and the whole."""
    columns = [Column("Phase"), Column("MACs", True), Column("Time", True), Column("Share of time", True)]
    columns += [Column("Energy", True), Column("Share of energy", True)]
    ratios = {item.name: item for item in training.ratios(run)}
    if ratios:
        columns += [Column("Other: time", True), Column("Other: energy", True)]
    rows = []
    for part in training.phases(run):
        row = [
            Cell(f"<b>{escape(part.name)}</b>", part.name),
            Cell(f"{part.macs:,}", part.macs),
            Cell(duration(part.milliseconds), repr(part.milliseconds)),
            Cell(share(part.milliseconds, run["latency_ms"])),
            Cell(energy(part.microjoules), repr(part.microjoules)),
            Cell(share(part.microjoules, run["energy_uj"])),
        ]
        rows.append(row + (_ratio(ratios.get(part.name)) if ratios else []))
    whole = [
        Cell("Total"),
        Cell(f"{run['macs']:,}"),
        Cell(duration(run["latency_ms"])),
        Cell("100 %"),
        Cell(energy(run["energy_uj"])),
        Cell("100 %"),
    ]
    if ratios:
        whole += _ratio(next(iter(ratios.values())))
    return table(columns, rows, identity="phases", foot=[("total", whole)], sortable=False)


def _ratio(item: training.Ratio | None) -> list[Cell]:
    values = (None, None) if item is None else (item.time, item.energy)
    return [Cell("–", "") if value is None else Cell(f"{digits(value, 3)} ×", repr(value)) for value in values]


def _rests(run: RunJson) -> str:
    text = "Constants of the other run's processor that its time and energy come from."
    if training.rests_on_unlike_energies(run):
        text += f" {training.UNLIKE[:1].upper()}{training.UNLIKE[1:]}."
    return text


def _constants(run: RunJson) -> str:
    columns = [Column("Constant"), Column("Value", True), Column("Unit")]
    columns += [Column("Trust", style="long"), Column("Source", style="long")]
    rows = [
        [
            Cell(f"<code>{escape(item['name'])}</code>", item["name"]),
            Cell(f"{item['value']:g}", repr(item["value"])),
            Cell(escape(item["unit"])),
            Cell(escape(item["trust"])),
            Cell(escape(item["source"])),
        ]
        for item in training.sources(run)
    ]
    return table(columns, rows, identity="against-constants", sortable=False)
