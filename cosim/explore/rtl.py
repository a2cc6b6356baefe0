"""The last level: a point's program on the accelerator's RTL under Verilator, held to golden and the event machine.

What runs is what ``cosim run --fidelity rtl`` runs, with inputs drawn from a fixed seed: cycles do not depend on them.
Cycles of the accelerator are the RTL's; CPU calls, which run between its segments, stay modelled. Energy is that of the
counted events, which the RTL's counters have to confirm, with static power over the RTL's time.
"""

import contextlib
import re
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from accel_models.program import Program
from accel_models.run import Run
from accel_models.system import SystemFileError
from cosim.cosimulation import on_rtl, random_inputs
from cosim.explore.metrics import OF_RTL, of_run
from cosim.run import RtlResult, disagreement, run

if TYPE_CHECKING:
    from cosim.explore.space import Space

_SEED = 0
_DECIDE = ("accelerator", "accelerator.array", "accelerator.array.kind")  # axes: whether there is RTL of a point
_COMPLAINT = re.compile(r"%(?:Error|Warning).*")
_PLACE = re.compile(r"(?:/[^/\s:]+)+/(?=[^/\s:]+\.sv)")  # folders differ from machine to machine


class RtlFault(RuntimeError):
    """The simulation could not be built or ended without a result; says nothing about the system."""


def need_simulator() -> None:
    """Raise MissingToolError, which names what is missing and how to get it."""
    from rtl.bench.tools import require_tools

    require_tools()


def need_rtl(space: "Space", points: Iterable[int]) -> None:
    """Raise ValueError for a point that there is no RTL of, and for a space in which no point has any.

    Of the points that a front will have, each that lacks it is reported as a design that the RTL cannot run.
    """
    from rtl.bench.support import need_rtl_of

    systems = [] if any(path in _DECIDE for path in space.values) else [space.base]
    for index in points:
        with contextlib.suppress(SystemFileError):  # no system at all: the exploration says so
            systems.append(space.system_at(space.point(index)))
    for system in systems:
        if system.accelerator is not None:
            need_rtl_of(system)


def on_the_rtl(program: Program) -> tuple[dict[str, float], str]:
    """Metrics with those of OF_RTL, and how the RTL disagrees with the models, or "".

    Raises ValueError where there is no RTL of the system, and RtlFault.
    """
    from rtl.bench.tools import BuildError, RtlError

    if not len(program.commands):
        raise ValueError("no part of the program runs on the accelerator: there is nothing to simulate")
    try:
        found = on_rtl(program, random_inputs(program, _SEED), lambda text: None)
    except BuildError as error:
        complaint = _COMPLAINT.search(str(error))
        if complaint is None:  # a compiler or a disk, not the design
            raise RtlFault(f"the RTL could not be built: {error}") from None
        raise ValueError(f"the RTL cannot be built for this system: {_PLACE.sub('', complaint[0])}") from None
    except RtlError as error:
        raise RtlFault(f"the RTL's simulation ended without a result: {error}") from None
    modelled = run(program, fidelity="rtl", rtl=found)
    own = (found.cycles, _expected(found), found.bytes_different, len(found.counters_different))
    return of_run(_timed(modelled, found)) | dict(zip(OF_RTL, own, strict=True)), _reason(found)


def _reason(found: RtlResult) -> str:
    return "" if found.holds else disagreement(found.to_json())


def _expected(found: RtlResult) -> int:
    return found.cycles if found.expected_cycles is None else found.expected_cycles


def _timed(modelled: Run, found: RtlResult) -> Run:
    """The run in the RTL's time. The CPU sleeps while the accelerator works: all static power counts."""
    more = found.cycles - _expected(found)
    cycles = modelled.cycles + more
    latency_ms = cycles / (modelled.clock_mhz * 1e3)
    energy_uj = modelled.energy_uj + modelled.static_power_mw * more / (modelled.clock_mhz * 1e3)
    return replace(
        modelled,
        cycles=cycles,
        latency_ms=latency_ms,
        energy_uj=energy_uj,
        average_power_mw=energy_uj / latency_ms if latency_ms else 0.0,
        utilization=modelled.utilization * modelled.cycles / cycles if cycles else 0.0,
    )
