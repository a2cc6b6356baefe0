"""Cost of an operator on the microcontroller's core: a linear model of MACs, outputs and elements, by kernel library.

The coefficients, their fit and their sources are in tables/cpu.yaml; README.md gives the errors on rows held out.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np

from accel_models import cpu_functions
from accel_models.constants import Constant, load_table
from accel_models.network import TRAINING, Conv2d, CpuCall, Elementwise, MatMul, Operator, Pool, Reshape, Tensor
from accel_models.system import Cpu

_OVERHEAD = (
    "not fitted: assumed when the rest was fitted (tables/cpu.yaml); the held-out rows of README.md include it",
    "low (an assumption)",
)


@dataclass(frozen=True, slots=True)
class Energy:
    """Energy of one active cycle, measured in ``node_nm``; holds core, memories and regulator of that chip."""

    node_nm: int
    pj_per_cycle: float
    trust: str
    source: str


@dataclass(frozen=True, slots=True)
class Core:
    name: str
    scale: float
    source: str
    trust: str
    energy: tuple[Energy, ...]
    float_mac: Constant | None = None
    """Cycles of this core for a MAC in float32, where they were measured; else those of the table, scaled."""


@dataclass(frozen=True, slots=True)
class Library:
    name: str
    call: float
    per_output: float
    per_mac: Mapping[str, float]
    fitted: tuple[str, ...]
    trust: str
    source: str


@dataclass(frozen=True, slots=True)
class CpuCost:
    """``cycles_cpu``: of the CPU's clock, rounded up. ``energy_pj``: all of the microcontroller meanwhile."""

    cycles_cpu: int
    energy_pj: float


@dataclass(frozen=True, slots=True)
class _Tables:
    cores: Mapping[str, Core]
    libraries: Mapping[str, Library]
    per_element: Mapping[str, float]
    sources: Mapping[str, str]
    trust: Mapping[str, str]
    float_mac: float
    float_gradient: float
    access: float
    loop: float
    idle_fraction: float


@cache
def tables() -> _Tables:
    """The parsed content of tables/cpu.yaml."""
    raw = load_table("cpu")
    cores = {name: _core(name, item) for name, item in raw["cores"].items()}
    libraries = {
        name: Library(name=name, **(item | {"fitted": tuple(item["fitted"])}))
        for name, item in raw["libraries"].items()
    }
    sources = {name: item["source"] for name, item in raw["per_element"].items()}
    trust = {name: item["trust"] for name, item in raw["per_element"].items()}
    for name in ("float_mac", "float_gradient", "access", "loop", "idle_fraction"):
        sources[name], trust[name] = raw[name]["source"], raw[name]["trust"]
    return _Tables(
        cores=cores,
        libraries=libraries,
        per_element={name: item["cycles"] for name, item in raw["per_element"].items()},
        sources=sources,
        trust=trust,
        float_mac=raw["float_mac"]["cycles"],
        float_gradient=raw["float_gradient"]["factor"],
        access=raw["access"]["cycles"],
        loop=raw["loop"]["cycles"],
        idle_fraction=raw["idle_fraction"]["value"],
    )


def _core(name: str, item: Mapping[str, Any]) -> Core:
    measured = item.get("float_mac")
    if measured is not None:
        measured = Constant(
            f"cpu.{name}.float_mac", measured["cycles"], "cycles/MAC", measured["source"], measured["trust"]
        )
    energy = tuple(Energy(**row) for row in item["energy"])
    return Core(name, item["scale"], item["source"], item["trust"], energy, measured)


def core_of(cpu: Cpu) -> Core:
    """The core's table. Raises ValueError naming the known ones."""
    found = tables().cores.get(cpu.core)
    if found is None:
        raise ValueError(f"cpu.core: unknown core {cpu.core!r}; want one of {', '.join(sorted(tables().cores))}")
    return found


def library_of(cpu: Cpu) -> Library:
    """The kernel library's table. Raises ValueError naming the known ones."""
    found = tables().libraries.get(cpu.library)
    if found is None:
        known = ", ".join(sorted(tables().libraries))
        raise ValueError(f"cpu.library: unknown kernel library {cpu.library!r}; want one of {known}")
    return found


def energy_of(cpu: Cpu, node_nm: int | None = None) -> Energy:
    """Energy of an active cycle, from the chip measured nearest to ``node_nm`` (default: the first); never scaled."""
    rows = core_of(cpu).energy
    if node_nm is None:
        return rows[0]
    return min(rows, key=lambda row: abs(math.log(row.node_nm / node_nm)))


def idle_mw(cpu: Cpu, node_nm: int | None = None) -> float:
    """Power of the core asleep while the accelerator works, clocks on."""
    return energy_of(cpu, node_nm).pj_per_cycle * tables().idle_fraction * cpu.clock_mhz * 1e-3


def cpu_cost(operator: Operator, tensors: Mapping[str, Tensor], cpu: Cpu, node_nm: int | None = None) -> CpuCost:
    """Cycles and energy of ``operator`` on ``cpu``; ``tensors`` must name its inputs and outputs.

    What leaves its bytes where they are (reshape, view) is free. Raises ValueError for an unknown core or library.
    """
    core, library, table = core_of(cpu), library_of(cpu), tables()
    cycles = 0.0
    if not _is_free(operator):
        if core.float_mac is not None:
            table = replace(table, float_mac=core.float_mac.value / core.scale)
        cycles = core.scale * (library.call + _work(operator, tensors, library, table))
    count = math.ceil(cycles - 1e-9)
    return CpuCost(count, count * energy_of(cpu, node_nm).pj_per_cycle)


def _work(operator: Operator, tensors: Mapping[str, Tensor], library: Library, table: _Tables) -> float:
    """Cycles of a Cortex-M4, without the call itself."""
    attributes = operator.attributes
    outputs = sum(tensors[name].elements for name in operator.outputs)
    match attributes:
        case Conv2d() | MatMul():
            kind = _conv_kind(operator, tensors) if isinstance(attributes, Conv2d) else "matmul"
            extra = table.per_element["table"] if attributes.table else 0.0
            if isinstance(attributes, Conv2d) and attributes.residual is not None:
                extra += table.per_element["add"]
            return library.per_mac[kind] * operator.macs + (library.per_output + extra) * outputs
        case Elementwise():
            return (table.per_element[attributes.function] + table.per_element["table"] * attributes.table) * outputs
        case Pool():
            taps = attributes.kernel[0] * attributes.kernel[1]
            return table.per_element["pool"] * taps * outputs + library.per_output * outputs
        case CpuCall():
            return _call(operator, tensors, library, table)
        case _ if isinstance(attributes, TRAINING):
            return _training(operator, tensors, library, table)
        case _:  # concat, slice, pad, permute: bytes move, whatever their type
            return _copy(operator, tensors, table)


def _is_free(operator: Operator) -> bool:
    attributes = operator.attributes
    if isinstance(attributes, CpuCall):
        return cpu_functions.class_of(attributes.function) == cpu_functions.FREE
    return isinstance(attributes, Reshape)


def _copy(operator: Operator, tensors: Mapping[str, Tensor], table: _Tables) -> float:
    return table.per_element["copy"] * sum(tensors[name].bytes for name in operator.outputs)


def _training(operator: Operator, tensors: Mapping[str, Tensor], library: Library, table: _Tables) -> float:
    """An operator of a training step: its products, and a rescaling of every element that it goes over."""
    elements = max(tensors[name].elements for name in (*operator.inputs, *operator.outputs))
    return library.per_mac["conv"] * operator.macs + table.per_element["rescale"] * elements


def _sequence(attributes: CpuCall, table: _Tables) -> float:
    """Cycles of the calls of a sequence, by class and elements; a copy is priced as of 4 bytes each."""
    found = 0.0
    for function, _, _, elements in dict(attributes.parameters)["calls"]:
        kind = cpu_functions.class_of(function)
        if kind == cpu_functions.BY_BYTES:
            found += 4 * table.per_element[kind] * elements
        elif kind != cpu_functions.FREE:
            found += table.per_element.get(kind, table.per_element["float"]) * elements
    return found


def _fused(operator: Operator, tensors: Mapping[str, Tensor], table: _Tables) -> float:
    """Cycles of calls on the same elements in one loop: an access a tensor read or written, and what each call does
    more than to load and store. Calls on single numbers come before the loop."""
    assert isinstance(operator.attributes, CpuCall)
    elements = max(tensors[name].elements for name in operator.outputs)
    touched = [name for name in (*operator.inputs, *operator.outputs) if tensors[name].elements == elements]
    inner = table.loop + table.access * len(touched)
    found = 0.0
    for function, _, _, count in dict(operator.attributes.parameters)["calls"]:
        cycles = table.per_element[cpu_functions.class_of(function)]
        if count == elements:
            inner += cycles - table.per_element["float"] + 1
        else:
            found += cycles * count
    return found + inner * elements


def _call(operator: Operator, tensors: Mapping[str, Tensor], library: Library, table: _Tables) -> float:
    """A CPU call. Elements are those of the results, or of the first operand where it has more (reductions)."""
    assert isinstance(operator.attributes, CpuCall)
    kind = cpu_functions.class_of(operator.attributes.function)
    outputs = sum(tensors[name].elements for name in operator.outputs)
    match kind:
        case cpu_functions.MACS:
            slower = table.float_gradient if operator.phase.startswith("backward") else 1.0
            return table.float_mac * slower * operator.macs + table.per_element["float"] * outputs
        case cpu_functions.PRODUCTS:
            return library.per_mac["conv"] * operator.macs + library.per_output * outputs
        case cpu_functions.SEQUENCE:
            return _sequence(operator.attributes, table)
        case cpu_functions.FUSED:
            return _fused(operator, tensors, table)
        case cpu_functions.POOL:
            taps = cpu_functions.taps(operator, tensors)
            return table.per_element["pool"] * taps + table.per_element["float"] * outputs
        case cpu_functions.BY_BYTES:
            return _copy(operator, tensors, table)
        case _:
            elements = max(outputs, tensors[operator.inputs[0]].elements) if operator.inputs else outputs
            return table.float_mac * operator.macs + table.per_element[kind] * elements


def _conv_kind(operator: Operator, tensors: Mapping[str, Tensor]) -> str:
    attributes = operator.attributes
    assert isinstance(attributes, Conv2d)
    weight, output = tensors[operator.inputs[1]].shape, tensors[operator.outputs[0]].shape
    if attributes.groups > 1 and weight[2] == 1:
        return "depthwise"
    if weight[0] * weight[1] > 1:
        return "conv"
    return "linear" if int(np.prod(output[:-1])) == 1 else "pointwise"


def sources(cpu: Cpu, node_nm: int | None = None) -> list[Constant]:
    """The constants that the cost of this core and library rests on."""
    core, library, energy, table = core_of(cpu), library_of(cpu), energy_of(cpu, node_nm), tables()
    return [
        Constant(f"cpu.{core.name}.energy", energy.pj_per_cycle, "pJ/cycle", energy.source, energy.trust),
        Constant(f"cpu.{core.name}.scale", core.scale, "of the cycles of a Cortex-M4", core.source, core.trust),
        *(
            Constant(f"cpu.{library.name}.{kind}", value, "Cortex-M4 cycles/MAC", library.source, library.trust)
            for kind, value in library.per_mac.items()
        ),
        Constant(f"cpu.{library.name}.per_output", library.per_output, "Cortex-M4 cycles/output", *_OVERHEAD),
        Constant(f"cpu.{library.name}.call", library.call, "Cortex-M4 cycles/call", *_OVERHEAD),
        _single("idle", table.idle_fraction, "of active power", "idle_fraction"),
        core.float_mac or _single("float_mac", table.float_mac, "Cortex-M4 cycles/MAC", "float_mac"),
        _single("float_gradient", table.float_gradient, "of a float MAC of inference", "float_gradient"),
        _single("access", table.access, "Cortex-M4 cycles/element", "access"),
        _single("loop", table.loop, "Cortex-M4 cycles/element", "loop"),
        *(_single(name, value, "Cortex-M4 cycles/element", name) for name, value in table.per_element.items()),
    ]


def _single(name: str, value: float, unit: str, key: str) -> Constant:
    return Constant(f"cpu.{name}", value, unit, tables().sources[key], tables().trust[key])
