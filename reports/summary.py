"""The top of the page: one sentence, the tiles, and warm beside cold."""

from collections.abc import Mapping
from typing import Any

from reports import clip, streams
from reports.derived import RunJson, peak_macs_per_cycle
from reports.parts import Cell, Column, Tile, escape, table, tile
from reports.units import count, digits, duration, energy, metric, share, size

_FIDELITY = {"analytic": "closed form", "event": "event simulation", "rtl": "event simulation, RTL beside it"}
_WEIGHTS = {"sram": "weights in SRAM (warm)", "flash": "weights streamed from flash (cold)"}


def sentence(run: RunJson) -> str:
    """What ran where and what came out, in words. HTML."""
    if streams.is_stream(run):
        return clip.sentence(run)
    where = f", {_part(run)} on the accelerator" if run["accelerator_macs"] else ""
    cold, weights = run.get("cold"), str(run["weights"])
    weights = _WEIGHTS.get(weights, weights) if peak_macs_per_cycle(run) else "the CPU alone"
    after = f" Cold, with weights streamed from flash, it takes <b>{duration(cold['latency_ms'])}</b>." if cold else ""
    return (
        f"<b>{duration(run['latency_ms'])}</b> and <b>{energy(run['energy_uj'])}</b> for one invocation with"
        f" {escape(weights)}: {count(run['macs'], 'MACs')}{where}.{after}"
    )


def tiles(run: RunJson) -> list[Tile]:
    """The headline numbers, metrics last; a stream's first, since all else is of one of its frames."""
    memory = {item["space"]: item["size_bytes"] for item in run["memory"]}
    one = f"frame {run['metrics']['stream']['shown']} alone" if streams.is_stream(run) else "one invocation"
    sram = run["hardware"]["sram"]["size_bytes"]
    found = [
        Tile(
            name="Latency",
            key="latency_ms",
            exact=run["latency_ms"],
            value=duration(run["latency_ms"]),
            note=f"{one}, {_FIDELITY.get(run['fidelity'], run['fidelity'])}",
        ),
        Tile(
            name="Cycles",
            key="cycles",
            exact=run["cycles"],
            value=f"{run['cycles']:,}",
            note=f"at {digits(run['clock_mhz'])} MHz",
        ),
        Tile(
            name="Energy",
            key="energy_uj",
            exact=run["energy_uj"],
            value=energy(run["energy_uj"]),
            note=f"{digits(run['average_power_mw'])} mW on average",
        ),
        Tile(
            name="Work",
            key="macs",
            exact=run["macs"],
            value=count(run["macs"], "MACs"),
            note=f"{_part(run)} on the accelerator; {run['parameters']:,} parameters",
        ),
    ]
    if peak_macs_per_cycle(run):
        found.append(
            Tile(
                name="Array utilization",
                key="utilization",
                exact=run["utilization"],
                value=f"{100 * run['utilization']:.1f} %",
                note=f"of {peak_macs_per_cycle(run)} MACs a cycle, over the whole "
                + ("frame; skipped MACs do not count" if streams.is_stream(run) else "run"),
                share=run["utilization"],
            )
        )
    found.append(_memory("SRAM peak", "sram_peak_bytes", run, sram))
    if run["scratchpad_peak_bytes"]:
        found.append(_memory("Scratchpad peak", "scratchpad_peak_bytes", run, memory.get("scratchpad", 0)))
    found.append(_memory("Flash image", "flash_bytes", run, run["hardware"]["flash"]["size_bytes"]))
    found.append(
        Tile(
            name="Bus traffic",
            key="traffic_bytes",
            exact=run["traffic_bytes"],
            value=size(run["traffic_bytes"]),
            note=_largest_traffic(run["traffic_by_memory"]),
        )
    )
    if run["area_mm2"]:
        total = sum(run["area_mm2"].values())
        found.append(
            Tile(
                name="Silicon area",
                key="area_mm2",
                exact=total,
                value=f"{digits(total)} mm²",
                note=f"estimate at {run['hardware']['technology']['node_nm']} nm",
            )
        )
    return clip.tiles(run) + found if streams.is_stream(run) else found + _metrics(run["metrics"])


def _part(run: RunJson) -> str:
    """The share of MACs on the accelerator."""
    return (
        "all" if run["macs"] and run["accelerator_macs"] == run["macs"] else share(run["accelerator_macs"], run["macs"])
    )


def _memory(name: str, key: str, run: RunJson, whole: int) -> Tile:
    used = run[key]
    note = f"{share(used, whole)} of {size(whole)}" if whole else ""
    return Tile(name=name, key=key, exact=used, value=size(used), note=note, share=used / whole if whole else None)


def _largest_traffic(by_memory: Mapping[str, int]) -> str:
    moved = sorted(((value, name) for name, value in by_memory.items() if value), reverse=True)[:3]
    return ", ".join(f"{name.replace('_', ' ')} {size(value)}" for value, name in moved)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _metrics(metrics: Mapping[str, Any]) -> list[Tile]:
    """A tile a metric. ``X_float`` (the float model's X) and ``samples`` are notes under X."""
    numbers = {name: value for name, value in metrics.items() if _is_number(value)}
    floats = {name: f"{name}_float" for name in numbers if f"{name}_float" in numbers}
    shown = [name for name in numbers if name not in floats.values() and (name != "samples" or len(numbers) == 1)]
    samples = f"{numbers['samples']:,} samples" if "samples" in numbers else ""
    found = []
    for name in shown:
        compared = f"float model {_metric(name, numbers[floats[name]])}" if name in floats else ""
        note = "; ".join(part for part in (compared, samples if name != "samples" else "") if part)
        title = name.replace("_", " ").replace("top1", "top-1")
        found.append(
            Tile(
                name=title[0].upper() + title[1:],
                key=f"metrics.{name}",
                exact=numbers[name],
                value=_metric(name, numbers[name]),
                note=note,
            )
        )
    return found


def _metric(name: str, value: float) -> str:
    percent = ("accuracy" in name or "agreement" in name) and 0 <= value <= 1
    return f"{100 * value:.2f} %" if percent else metric(value)


def notes(run: RunJson) -> str:
    """What the run wants its reader to know, such as calibration on example inputs only. HTML."""
    found = run["metrics"].get("notes", [])
    items = "".join(f"<li>{escape(str(note))}</li>" for note in found)
    return f'<ul class="card notes" id="notes">{items}</ul>' if found else ""


def tile_grid(run: RunJson) -> str:
    return f'<div class="tiles">{"".join(tile(item) for item in tiles(run))}</div>'


def warm_and_cold(run: RunJson) -> str:
    """A table of both, with the ratio; empty where only one was simulated."""
    if not run.get("cold"):
        return ""
    warm, cold = run["warm"], run["cold"]
    shown: tuple[tuple[str, str, Any], ...] = (
        ("Latency", "latency_ms", duration),
        ("Cycles", "cycles", lambda value: f"{value:,}"),
        ("Energy", "energy_uj", energy),
        ("Average power", "average_power_mw", lambda value: f"{digits(value)} mW"),
        ("Array utilization", "utilization", lambda value: f"{100 * value:.1f} %"),
        ("SRAM peak", "sram_peak_bytes", size),
        ("Bus traffic", "traffic_bytes", size),
        ("Read from flash", "flash_read", size),
    )
    lines: dict[str, list[Cell]] = {"Warm": [], "Cold": [], "Cold / warm": []}
    for _, key, text in shown:
        a, b = _headline(warm, key), _headline(cold, key)
        lines["Warm"].append(Cell(text(a), repr(a)))
        lines["Cold"].append(Cell(text(b), repr(b)))
        lines["Cold / warm"].append(Cell(f"{digits(b / a, 3)} ×" if a else "–"))
    columns = [Column(""), *(Column(name, True) for name, _, _ in shown)]
    rows = [[Cell(f"<b>{name}</b>"), *cells] for name, cells in lines.items()]
    return (
        '<div class="card" id="warm-cold"><h2>Warm beside cold</h2><p class="how">Warm: weights and input already'
        " lie in SRAM when the clock starts. Cold: the weights stream from flash during the run. The clock stops when"
        " the output is in SRAM.</p>" + table(columns, rows, identity="warm-cold-table", sortable=False) + "</div>"
    )


def _headline(item: Mapping[str, Any], key: str) -> Any:
    return item["traffic_by_memory"].get(key, 0) if key == "flash_read" else item[key]
