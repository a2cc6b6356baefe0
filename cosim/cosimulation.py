"""The third machine: a program on the accelerator's RTL under Verilator, as a Run reports it."""

from collections.abc import Callable, Mapping

import numpy as np

from accel_models.golden import boundary
from accel_models.program import Program
from cosim.run import RtlResult

Report = Callable[[str], None]


def random_inputs(program: Program, seed: int) -> dict[str, np.ndarray]:
    """Inputs for a compiled file that brings none: codes over each whole type, [1, ...] in the caller's order."""
    rng = np.random.default_rng(seed)
    found = {}
    for name in program.inputs:
        tensor = program.bindings[name].tensor
        shape = (1, *boundary.caller_shape(tensor))
        kind = np.dtype(tensor.dtype)
        if kind.kind == "f":
            found[name] = rng.standard_normal(shape).astype(kind)
        else:
            limits = np.iinfo(kind) if kind.kind in "iu" else np.iinfo(np.int8)
            found[name] = rng.integers(limits.min, limits.max, shape, kind, endpoint=True)
    return found


def on_rtl(program: Program, inputs: Mapping[str, np.ndarray], report: Report, *, memory: str = "nominal") -> RtlResult:
    """Run one invocation on the RTL and compare it with golden and the event machine.

    ``memory``: how the memories behave, see MemorySettings.parse; other than nominal ones have no expected cycles.
    Raises ValueError for a ``memory`` that means nothing and for a system without an accelerator, and
    rtl.bench.RtlError where the RTL cannot be built or stops.
    """
    from rtl.bench.cosim import cosimulate
    from rtl.bench.job import MemorySettings

    found = cosimulate(program, inputs, memory=MemorySettings.parse(memory), progress=report)
    return RtlResult(
        cycles=sum(found.cycles),
        bytes_different=sum(found.bytes_different.values()),
        counters=found.counters,
        expected=found.expected,
        expected_cycles=sum(found.expected_cycles) if found.expected_cycles else None,
        error=found.error or found.golden_error,
    )
