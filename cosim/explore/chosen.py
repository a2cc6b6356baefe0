"""One design of the front beside the space's base system: every workload run on both, as ``cosim run`` runs it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accel_models.network import Network
from accel_models.run import Run
from accel_models.system import System
from cosim.bind import programs_of
from cosim.explore.driver import Exploration
from cosim.explore.networks import Networks
from cosim.explore.space import Space, Weighted, WorkloadOptions
from cosim.run import run

Report = Callable[[str], None]
LOWEST = "lowest energy-delay product on the front"
NAMED = "named by --choose"
TOTALS = (
    "latency_ms", "cycles", "energy_uj", "average_power_mw", "utilization", "sram_peak_bytes", "scratchpad_peak_bytes",
    "flash_bytes", "traffic_bytes",
)  # fmt: skip
_OF_OPERATOR = ("name", "placement", "cycles", "energy_uj")


@dataclass(frozen=True, slots=True)
class Side:
    """A workload on one of the systems: its run, or the reason why there is none."""

    run: Run | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Chosen:
    """``sides``: by workload, on the chosen point and on the base system; ``why`` this point."""

    index: int
    why: str
    point: Mapping[str, Any]
    base: str
    sides: Mapping[str, tuple[Side, Side]]

    @property
    def problems(self) -> list[str]:
        """What the chosen point cannot run; what the base cannot run is a finding and not a problem."""
        return [
            f"point {self.index} cannot run {label}: {chosen.reason}"
            for label, (chosen, _) in self.sides.items()
            if chosen.run is None
        ]


def lowest(found: Exploration) -> int | None:
    """The point of the front with the lowest product of mean energy and mean latency, of equal ones the first."""
    front = [result for result in found.results if result.index in found.front]
    return min(front, key=lambda result: result.metrics["energy_delay_uj_ms"]).index if front else None


def chosen_of(space: Space, networks: Networks, index: int, why: str, *, seed: int, report: Report) -> Chosen:
    """Run every workload on point ``index`` and on the base system. Raises what lowering raises."""
    point = space.point(index)
    system = _system(space, index)
    sides = {}
    for workload in space.workloads:
        pair = []
        for on, options in (
            (system, space.options_at(point, workload)),
            (space.base, space.options_at({}, workload)),
        ):
            pair.append(_side(networks, workload, on, options, seed, report))
        sides[workload.label] = (pair[0], pair[1])
    return Chosen(index, why, point, space.base.name, sides)


def _system(space: Space, index: int) -> System | str:
    """The point's system under a name of its own, or why it cannot be."""
    try:
        found = space.system_at(space.point(index))
    except ValueError as error:
        return str(error).partition("\n")[0]
    return found.model_copy(update={"name": f"{space.base.name}-point{index}"})


def _side(
    networks: Networks, workload: Weighted, on: System | str, options: WorkloadOptions, seed: int, report: Report
) -> Side:
    if isinstance(on, str):
        return Side(None, on)
    lowered = networks.of(workload, options)
    network = Network.load(Path(workload.label), lowered.data)
    try:
        program, cold = programs_of(network, on, options.weights_in, lambda text: report(f"{workload.label}: {text}"))
        return Side(run(program, cold=cold, metrics=lowered.quality, seed=seed))
    except ValueError as error:
        return Side(None, str(error).partition("\n")[0])


def plain(found: Chosen) -> dict[str, Any]:
    """What the JSON file holds and the report draws."""
    return {
        "point": found.index,
        "why": found.why,
        "values": dict(found.point),
        "base": found.base,
        "workloads": {
            label: {"chosen": _plain_side(chosen), "base": _plain_side(base)}
            for label, (chosen, base) in found.sides.items()
        },
    }


def _plain_side(side: Side) -> dict[str, Any]:
    if side.run is None:
        return {"reason": side.reason}
    data = side.run.to_json()
    kept = {name: data[name] for name in (*TOTALS, "weights", "energy_by_component_uj", "area_mm2")}
    rows = [{name: item[name] for name in _OF_OPERATOR} for item in data["operators"]]
    rows += [{"placement": "", **item} for item in data["named_rows"] if item["cycles"] or item["energy_uj"]]
    return kept | {"system": data["system"], "rows": rows, "reason": ""}
