"""Records the activity of a program on the accelerator's RTL."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from accel_models import batch, counts
from accel_models.commands import Requantize
from accel_models.cost import Hardware
from accel_models.program import Program
from accel_models.timing import simulate
from rtl.activity.saif import read_saif
from rtl.activity.signals import REQUANTIZE_RESULTS, Activity, Totals, activities
from rtl.bench import outcome
from rtl.bench.build import Variant, default_build_root, variant
from rtl.bench.cosim import Progress, cosimulate
from rtl.bench.recording import Recording
from rtl.bench.tools import RtlError

WIDEST = 1 << 16  # bits of a signal that is recorded: the products of 64x64 PEs


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """``totals``: what the program does; ``activities``: by class of rtl.activity.signals.CLASSES."""

    cycles: int
    totals: Totals
    activities: Mapping[str, Activity]


def measure(program: Program, inputs: Mapping[str, np.ndarray], progress: Progress | None = None) -> Measured:
    """Run one invocation, ``inputs`` [1, ...], and count the changes from the first start to the last end.

    Raises as cosimulate, and RtlError where the RTL's values are not golden's: then its activity means nothing.
    """
    accelerator = program.system.accelerator
    if accelerator is None:
        raise ValueError(f"system {program.system.name} has no accelerator: there is no activity to measure")
    stop = sum(outcome.segment_cycles(program, simulate(program)))
    form = Variant({}, (), _build_root(), ("--trace-saif", "--trace-max-width", str(WIDEST)))
    with tempfile.TemporaryDirectory(prefix="activity-") as folder, variant(form):
        file = Path(folder) / "program.saif"
        found = cosimulate(program, inputs, recording=Recording(file, 0, stop), progress=progress)
        if not found.values_equal:
            raise RtlError(f"{program.name}: the RTL's values are not golden's: {dict(found.bytes_different)}")
        signals = read_saif(file)
    hw = Hardware.of(accelerator, program.system.bus)
    totals = totals_of(program, hw)
    return Measured(cycles=sum(found.cycles), totals=totals, activities=activities(signals, totals, program.system))


def totals_of(program: Program, hw: Hardware) -> Totals:
    """What the program does; programs without register operands."""
    found = batch.batches(program)
    fields = [item.fields for item in found if item.command is Requantize]
    results = sum(int((item.height * item.width * item.columns).sum()) for item in fields)
    return counts.of_batches(found, len(program.commands), hw).total() | {REQUANTIZE_RESULTS: results}


def _build_root() -> Path:
    return default_build_root().parent / "activity"
