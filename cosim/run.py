"""Run a compiled program: values on golden (when there are inputs), cycles, energy and area, joined into a Run.

Light on purpose: no PyTorch, pandas or plotly is imported on this path.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from importlib import metadata
from typing import Any

import numpy as np

from accel_models import batch, cost
from accel_models.accounts import Accounts, account
from accel_models.analytic import estimate
from accel_models.batch import NOTHING_DECIDED, Batch, Decided
from accel_models.counts import Counts, of_batches
from accel_models.energy import energy_of
from accel_models.losses import Losses, losses_of
from accel_models.program import Program
from accel_models.results import build_run
from accel_models.run import FIDELITIES, Run
from accel_models.timing import Timing, simulate
from accel_models.work import command_memory, work_of


@dataclass(frozen=True, slots=True, kw_only=True)
class RtlResult:
    """What co-simulation found: cycles of the accelerator's segments, bytes that differ from golden, counters.

    ``expected``, ``expected_cycles``: what the models say of the same; no cycles where the memories are not the
    system's. ``error``: what stopped the RTL, or "".
    ``memories``: bytes compared and different by memory (registers and sums are four bytes each). ``mismatches``: per
    tensor with wrong bytes, the first of them (memory, place in it, got, want). ``rows``: accelerator cycles of every
    operator and named row on the RTL and, where ``expected_cycles`` is known, on the event machine.
    """

    cycles: int
    bytes_different: int
    counters: Mapping[str, int]
    expected: Mapping[str, int] = field(default_factory=dict)
    expected_cycles: int | None = None
    error: str = ""
    memories: tuple[Mapping[str, Any], ...] = ()
    mismatches: tuple[Mapping[str, Any], ...] = ()
    rows: tuple[Mapping[str, Any], ...] = ()

    @property
    def counters_different(self) -> list[str]:
        """Counters that the models know and that are not equal; cycles and stalls have a tolerance of their own."""
        exact = [name for name in self.expected if "stalled" not in name and not name.endswith("cycles")]
        return [name for name in exact if self.counters.get(name) != self.expected[name]]

    @property
    def holds(self) -> bool:
        """Contracts 1 and 2: equal bytes and counters, total cycles within 2 % or 32."""
        expected = self.expected_cycles
        near = expected is None or abs(self.cycles - expected) <= max(0.02 * expected, 32)
        return not self.error and not self.bytes_different and not self.counters_different and near

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"counters_different": self.counters_different, "holds": self.holds}


def disagreement(rtl: Mapping[str, Any]) -> str:
    """How the RTL and the models differ, of the JSON of a RtlResult that does not hold."""
    against = "" if rtl["expected_cycles"] is None else f" against {rtl['expected_cycles']}"
    return (
        f"the RTL and the models disagree: {rtl['bytes_different']} bytes differ, counters "
        f"{', '.join(rtl['counters_different']) or 'equal'}, {rtl['cycles']} cycles{against}"
        f"{', stopped by ' + rtl['error'] if rtl['error'] else ''}"
    )


def run(
    program: Program,
    inputs: Mapping[str, np.ndarray] | None = None,
    *,
    fidelity: str = "event",
    cold: Program | None = None,
    metrics: Mapping[str, Any] | None = None,
    seed: int = 0,
    decided: Decided = NOTHING_DECIDED,
    rtl: RtlResult | None = None,
    named: bool = True,
) -> Run:
    """Simulate one invocation of ``program``.

    ``inputs``: arrays [images, ...] in the caller's axis order; golden runs them and Run.outputs holds its codes.
    ``decided``: what data decides and cycles depend on, as for batch.batches.
    ``cold``: the same network compiled with its weights in flash; its Run becomes ``Run.cold``. ``fidelity`` rtl takes
    the timing of the event machine and attaches ``rtl``. ``named``: with the program's hash in the provenance, which
    takes as long as an analytic run. Raises ValueError.
    """
    if fidelity not in FIDELITIES:
        raise ValueError(f"fidelity: want one of {', '.join(FIDELITIES)}, got {fidelity!r}")
    if (fidelity == "rtl") != (rtl is not None):
        raise ValueError("fidelity rtl goes with the result of a co-simulation; see rtl.bench")
    if cold is not None and cold.network_hash != program.network_hash:
        raise ValueError(f"cold program is of network {cold.network_hash}, the warm one of {program.network_hash}")
    timing, accounts, counts, losses = _simulate(program, fidelity, decided)
    return build_run(
        program,
        timing,
        accounts,
        counts,
        energy_of(program.system, counts, accounts, timing, command_memory(program)),
        fidelity=fidelity,
        losses=losses,
        metrics=metrics,
        provenance={"version": _version(), "seed": seed} | ({"program_hash": program.hash} if named else {}),
        cold=run(cold, fidelity="event" if fidelity == "rtl" else fidelity, seed=seed) if cold is not None else None,
        rtl=rtl.to_json() if rtl else None,
        outputs=_golden(program, inputs) if inputs is not None else None,
    )


def _simulate(
    program: Program,
    fidelity: str,
    decided: Decided,
) -> tuple[Timing, Accounts, Counts, Losses | None]:
    """Timing, accounts, counts by row, and losses of an array on the event machine; costs are computed once."""
    accelerator = program.system.accelerator
    found = batch.batches(program, decided) if len(program.command_rows) else ()
    counts = counts_of(program, found)
    work = work_of(program, found) if found else None
    if fidelity == "analytic":
        return *estimate(program, work), counts, None
    timing = simulate(program, work=work)
    losses = losses_of(program, timing, found) if accelerator is not None else None
    return timing, account(program, timing, work), counts, losses


def counts_of(program: Program, found: tuple[Batch, ...]) -> Counts:
    """Counts of each row of a program, whose commands are ``found``."""
    rows, accelerator = len(program.rows), program.system.accelerator
    if accelerator is None or not found:
        return Counts.zeros(rows)
    hw = cost.Hardware.of(accelerator, program.system.bus)
    return of_batches(found, len(program.command_rows), hw).by_row(program.command_rows, rows)


def _golden(program: Program, inputs: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
    from accel_models.golden.machine import run_program  # only when there are inputs

    return run_program(program, inputs).codes


@cache  # the package's metadata are a file
def _version() -> str:
    try:
        return metadata.version("cosim")
    except metadata.PackageNotFoundError:
        return "source tree"
