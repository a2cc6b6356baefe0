"""Screening: metrics of all points of a space at once, each part of the work done once for the points that share it.

A point's program depends on the *structure* of its system (array, sizes of memories, bus, options ...); its cycles on
that and on the *speed* of clock and memories; its energy and area on structure and *price* (technology, energy of
memories). So points fall into groups, and each group is worked out on one of its points: compiled with the compiler's
first mapping, timed by accel_models.forecast, priced by accel_models.energy. The order of a program's loads depends a
little on the speed of flash: it is compiled once for fast and once for slow flash. README.md gives the errors.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accel_models import cpu
from accel_models.area import total_mm2
from accel_models.batch import batches
from accel_models.energy import dynamic_pj, static_pj, static_power
from accel_models.forecast import forecast
from accel_models.network import Network
from accel_models.program import Program
from accel_models.results import traffic
from accel_models.system import System
from accel_models.timing import tensors_of
from accel_models.work import command_memory, memory_speed
from cosim.encode import Expansions
from cosim.explore.evaluate import compiled
from cosim.explore.metrics import numbers_of, ratio, together
from cosim.explore.networks import Networks
from cosim.explore.space import Space, Weighted, WorkloadOptions, changed
from cosim.run import counts_of

SPEED = ("accelerator.clock_mhz", "sram.latency_cycles", "flash.bandwidth_mb_per_s", "flash.latency_ns")
PRICE = ("technology", "flash.energy_nj_per_byte", "flash.source", "flash.trust", "description")
_FAST_FLASH = 4.0  # cycles of the accelerator per beat, at most
Progress = Callable[[int, int], None]
Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Screened:
    """``metrics``: float64 [points] by name, not-a-number where a point is infeasible; ``reasons``: how often each."""

    metrics: Mapping[str, Float64]
    feasible: NDArray[np.bool_]
    reasons: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class _Groups:
    """Rows that agree in some axes: one row of each group, and the group of every row."""

    rows: Int64
    of: Int64


@dataclass(frozen=True, slots=True)
class _Compiled:
    """A program, what of its run does not depend on speed or price, its counts, and where its commands lie."""

    program: Program
    fixed: Mapping[str, float]
    counts: Any
    commands_in: str


class Screen:
    """Screens points of one space. Programs are kept, so that parts of a space may be screened one after the other."""

    def __init__(self, space: Space, networks: Networks) -> None:
        self.space, self.networks = space, networks
        self.programs = 0
        self._axes = {path: place for place, path in enumerate(space.values)}
        self._compiled: dict[tuple[str, int, bool], _Compiled | str] = {}
        self._expansions: dict[str, Expansions] = {}
        self._checked = axes_of(space, None, "structure", "price")
        self._systems: dict[tuple[int, int], System] = {}

    def screen(self, indices: Sequence[int] | Int64, progress: Progress | None = None) -> Screened:
        """Metrics of these points; ``progress`` is told how many groups are done. Raises what lowering raises."""
        self._points, count = indices, len(indices)
        self._systems = {}
        self._digits = self.space.lattice.columns(indices)
        feasible, reasons = np.ones(count, bool), defaultdict[str, int](int)
        metrics = self._of_systems(feasible, reasons)
        parts, each = {}, len(self.space.workloads)
        for before, workload in enumerate(self.space.workloads):

            def share(done: int, of: int, before: int = before) -> None:
                if progress is not None:
                    progress(before * of + done, each * of)

            parts[workload.label] = self._of_workload(workload, metrics, feasible, reasons, share)
        weights = {item.label: item.weight for item in self.space.workloads}
        metrics |= together(parts, weights)
        return Screened({name: np.where(feasible, value, np.nan) for name, value in metrics.items()}, feasible, reasons)

    def _groups(self, rows: Int64, paths: Sequence[str]) -> _Groups:
        """Groups of ``rows`` that agree in the axes ``paths``."""
        of = np.zeros(len(rows), np.int64)
        for path in paths:
            key = of * len(self.space.values[path]) + self._digits[self._axes[path]][rows]
            of = np.unique(key, return_inverse=True)[1]  # numbered anew: a product of many axes has no end
        return _Groups(rows[np.unique(of, return_index=True)[1]], of)

    def _system(self, row: int, speed: Sequence[str] = ()) -> System:
        """The system of a row, checked, with what it has on these axes of speed. Raises SystemFileError."""
        key = (len(speed), self._key(row, (*self._checked, *speed)))
        if key not in self._systems:
            if not speed:
                self._systems[key] = self.space.system_at(self.space.point(int(self._points[row])))
            else:
                *others, path = speed
                value = self.space.values[path][self._digits[self._axes[path]][row]]
                self._systems[key] = changed(self._system(row, others), path.split("."), value)
        return self._systems[key]

    def _systems_of(self, rows: Int64) -> list[System]:
        """The system of each row; rows that differ in options only share one."""
        speed = axes_of(self.space, None, "speed")
        groups = self._groups(rows, (*self._checked, *speed))
        made = [self._system(row, speed) for row in groups.rows.tolist()]
        return [made[place] for place in groups.of.tolist()]

    def _of_systems(self, feasible: NDArray[np.bool_], reasons: dict[str, int]) -> dict[str, Float64]:
        """Area, and every number of the system; marks systems that cannot be."""
        count = len(self._points)
        found = {name: np.full(count, float(value)) for name, value in numbers_of(self.space.base_data).items()}
        for path, values in sorted(self.space.values.items(), key=lambda item: item[0].count(".")):
            if self.space.option_of(path) is None:
                for digit, value in enumerate(values):
                    rows = self._digits[self._axes[path]] == digit
                    for name, number in numbers_of({path: value}).items():
                        found.setdefault(name, np.full(count, np.nan))[rows] = number
        groups = self._groups(np.arange(count), self._checked)
        area = np.full(len(groups.rows), np.nan)
        for place, row in enumerate(groups.rows):
            try:
                area[place] = total_mm2(self._system(int(row)))
            except ValueError as error:
                reasons[str(error).partition("\n")[0]] += int((groups.of == place).sum())
        found["area_mm2"] = area[groups.of]
        feasible &= ~np.isnan(found["area_mm2"])
        return found

    def _of_workload(
        self,
        workload: Weighted,
        known: Mapping[str, Float64],
        feasible: NDArray[np.bool_],
        reasons: dict[str, int],
        progress: Progress,
    ) -> dict[str, Float64]:
        """Metrics of one workload, [points]; marks points whose system cannot run it."""
        rows = np.flatnonzero(feasible)
        speed = self._groups(rows, axes_of(self.space, workload, "structure", "speed"))
        systems = self._systems_of(speed.rows)
        chosen = self._programs(workload, speed.rows, systems, progress)
        for place, item in enumerate(chosen):
            if isinstance(item, str):
                reasons[f"{workload.label}: {item}"] += int((speed.of == place).sum())
        usable = np.array([not isinstance(item, str) for item in chosen], bool)[speed.of]
        feasible[rows[~usable]] = False
        cycles, called = self._times(systems, chosen)
        price = self._groups(rows, axes_of(self.space, workload, "structure", "price"))
        dynamic, power = self._prices(price, [chosen[speed.of[np.searchsorted(rows, row)]] for row in price.rows])
        clock = self._clock(known, rows)
        at = speed.of
        pj = dynamic[price.of] + static_pj(
            SimpleNamespace(**{name: value[price.of] for name, value in power.items()}), cycles[at], called[at], clock
        )
        part = self._assemble(chosen, at, cycles[at], pj * 1e-6, clock)
        spread = {name: np.full(len(self._points), np.nan) for name in part}
        for name, value in part.items():
            spread[name][rows] = value
        return spread

    def _clock(self, known: Mapping[str, Float64], rows: Int64) -> Float64:
        own = known.get("accelerator.clock_mhz")
        return (known["cpu.clock_mhz"] if own is None else np.where(np.isnan(own), known["cpu.clock_mhz"], own))[rows]

    def _programs(
        self, workload: Weighted, rows: Int64, systems: Sequence[System], progress: Progress
    ) -> list[_Compiled | str]:
        """The program of each row, or why there is none."""
        paths = axes_of(self.space, workload, "structure")
        alike = self._groups(rows, paths)
        keys = [self._key(row, paths) for row in alike.rows.tolist()]
        points = [self.space.point(int(self._points[row])) for row in alike.rows]
        options = [self.space.options_at(point, workload) for point in points]
        found = []
        for system, place in zip(systems, alike.of.tolist(), strict=True):
            key = (workload.label, keys[place], _slow_flash(system, options[place]))
            if key not in self._compiled:
                self._compiled[key] = self._make(workload, system, options[place])
                self.programs += 1
            found.append(self._compiled[key])
            progress(len(found), len(rows))
        return found

    def _key(self, row: int, paths: Sequence[str]) -> int:
        """A number for a row's values on these axes."""
        found = 0
        for path in paths:
            found = found * len(self.space.values[path]) + int(self._digits[self._axes[path]][row])
        return found

    def _make(self, workload: Weighted, system: System, options: WorkloadOptions) -> _Compiled | str:
        lowered = self.networks.of(workload, options)
        if lowered.hash not in self._expansions:
            self._expansions[lowered.hash] = Expansions(Network.load(Path(workload.label), lowered.data))
        expansions = self._expansions[lowered.hash]
        try:
            program = compiled(
                expansions.network, system, options.weights_in, search=False, checked=False, expansions=expansions
            )
            for call in program.cpu_calls:
                cpu.cpu_cost(call, tensors_of(program), system.cpu, system.technology.node_nm)
        except ValueError as error:
            return str(error).partition("\n")[0]
        totals = counts_of(program, batches(program) if len(program.commands) else ()).total()
        fixed = dict(lowered.quality) | {
            "sram_peak_bytes": program.peak_bytes("sram"),
            "scratchpad_peak_bytes": program.peak_bytes("scratchpad"),
            "flash_bytes": program.flash_bytes,
            "traffic_bytes": sum(traffic(totals, program).values()),
            "accelerator_macs": program.accelerator_macs,
            "peak": system.accelerator.array.macs_per_cycle if system.accelerator else 0,
        }
        where = command_memory(program) if len(program.commands) else "sram"
        return _Compiled(program, fixed, SimpleNamespace(**totals), where)

    def _times(self, systems: Sequence[System], chosen: Sequence[_Compiled | str]) -> tuple[Float64, Float64]:
        """(cycles, those of the CPU) of each system's program; those of one program go together."""
        cycles, called = np.full(len(systems), np.nan), np.full(len(systems), np.nan)
        by_program: dict[int, list[int]] = defaultdict(list)
        for place, item in enumerate(chosen):
            if not isinstance(item, str):
                by_program[id(item)].append(place)
        for places in by_program.values():
            item = chosen[places[0]]
            assert isinstance(item, _Compiled)
            cycles[places], called[places] = forecast(item.program, [systems[place] for place in places])
        return cycles, called

    def _prices(self, price: _Groups, chosen: Sequence[_Compiled | str]) -> tuple[Float64, dict[str, Float64]]:
        """pJ of what commands and the CPU do, and the parts of the static power in mW, of each price group."""
        dynamic = np.full(len(price.rows), np.nan)
        power = {name: np.full(len(price.rows), np.nan) for name in ("accelerator", "external", "rest")}
        for place, (item, system) in enumerate(zip(chosen, self._systems_of(price.rows), strict=True)):
            if isinstance(item, str):
                continue
            dynamic[place] = math.fsum(dynamic_pj(system, item.counts, item.commands_in).values())
            tensors = tensors_of(item.program) if item.program.cpu_calls else {}
            for call in item.program.cpu_calls:
                dynamic[place] += cpu.cpu_cost(call, tensors, system.cpu, system.technology.node_nm).energy_pj
            static = static_power(system)
            for name, value in power.items():
                value[place] = getattr(static, name)
        return dynamic, power

    def _assemble(
        self, chosen: Sequence[_Compiled | str], at: Int64, cycles: Float64, energy_uj: Float64, clock: Float64
    ) -> dict[str, Float64]:
        """Metrics of one workload for the rows of a screen."""
        made = [item.fixed if isinstance(item, _Compiled) else {} for item in chosen]
        names = dict.fromkeys(name for item in made for name in item)
        fixed = {name: np.array([item.get(name, np.nan) for item in made], np.float64)[at] for name in names}
        if not fixed:
            return dict.fromkeys(_RUN, np.full(len(at), np.nan))
        latency = cycles / (clock * 1e3)
        macs, peak = fixed.pop("accelerator_macs"), fixed.pop("peak")
        return fixed | {
            "cycles": cycles,
            "latency_ms": latency,
            "energy_uj": energy_uj,
            "energy_delay_uj_ms": energy_uj * latency,
            "average_power_mw": ratio(energy_uj, latency),
            "utilization": ratio(macs, cycles * peak),
        }


_RUN = (
    "latency_ms", "energy_uj", "sram_peak_bytes", "scratchpad_peak_bytes", "flash_bytes", "traffic_bytes", "cycles",
    "average_power_mw", "utilization", "energy_delay_uj_ms",
)  # fmt: skip


def axes_of(space: Space, workload: Weighted | None, *roles: str) -> list[str]:
    """Axes that play these roles (structure, speed, price); options only of the workload, as structure."""
    found = []
    for path in space.values:
        option = space.option_of(path)
        if option is None:
            role = "speed" if path in SPEED else "price" if path.startswith(PRICE) else "structure"
        elif workload is not None and option[0] in (None, workload.label):
            role = "structure"
        else:
            continue
        found += [path] * (role in roles)
    return found


def structures(space: Space) -> int:
    """How many systems or options of workloads, told apart by what programs depend on, the workloads meet."""
    return sum(
        math.prod(len(space.values[path]) for path in axes_of(space, item, "structure")) for item in space.workloads
    )


def _slow_flash(system: System, options: WorkloadOptions) -> bool:
    """Which of two programs a system gets; the same for all where nothing comes from flash while a program runs."""
    if options.weights_in == "sram" or system.accelerator is None:
        return False
    return memory_speed(system)["flash"][1] > _FAST_FLASH
