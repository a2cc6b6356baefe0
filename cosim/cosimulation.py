"""The third machine: a program on the accelerator's RTL under Verilator, as a Run reports it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from accel_models.accounts import NAMED
from accel_models.golden import boundary
from accel_models.program import Program
from cosim.options import CosimOptions
from cosim.run import RtlResult

if TYPE_CHECKING:
    from rtl.bench.outcome import CosimResult
    from rtl.bench.recording import Recording

Report = Callable[[str], None]
_MOST_MISMATCHES = 50  # that a Run lists


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


def recording_of(options: CosimOptions) -> Recording | None:
    """What to record. Raises ValueError for a window that means nothing."""
    from rtl.bench.recording import DEFAULT_WINDOW, Recording

    return None if options.waves is None else Recording.parse(options.waves, options.window or DEFAULT_WINDOW)


def on_rtl(
    program: Program, inputs: Mapping[str, np.ndarray], report: Report, options: CosimOptions | None = None
) -> RtlResult:
    """Run one invocation on the RTL and compare it with golden and the event machine.

    Memories other than nominal ones have no expected cycles. Raises ValueError for options that mean nothing and for a
    system that there is no RTL of, and rtl.bench.RtlError where the RTL cannot be built, stops or recorded no waves.
    """
    from rtl.bench.cosim import cosimulate
    from rtl.bench.job import MemorySettings

    options = options or CosimOptions()
    memory = MemorySettings.parse(options.memory)
    return _result(
        program, cosimulate(program, inputs, memory=memory, recording=recording_of(options), progress=report)
    )


def invocations_on_rtl(
    program: Program,
    invocations: Sequence[tuple[Mapping[str, np.ndarray], Mapping[str, np.ndarray]]],
    report: Report,
    options: CosimOptions | None = None,
) -> RtlResult:
    """Run invocations of a program whose memory lives on; of each what golden's memories held before it, by name, and
    inputs. Where each ends as golden does, so does the whole sequence. The sum of all, raising as ``on_rtl`` does.
    """
    from rtl.bench.cosim import Case, cosimulate_all
    from rtl.bench.job import MemorySettings
    from rtl.bench.run import SimulationError

    options = options or CosimOptions()
    if options.waves is not None:
        raise ValueError("--waves does not apply to several invocations")
    memory = MemorySettings.parse(options.memory)
    cases = [
        Case(program=replace(program, images={**program.images, **before}), inputs=inputs, memory=memory)
        for before, inputs in invocations
    ]
    results = []
    for found in cosimulate_all(cases, progress=report):
        if isinstance(found, SimulationError):
            raise found
        results.append(_result(program, found))
    return _sum(results)


def _sum(results: Sequence[RtlResult]) -> RtlResult:
    def counts(name: str) -> dict[str, int]:
        of: list[Mapping[str, int]] = [getattr(item, name) for item in results]
        return {key: sum(values.get(key, 0) for values in of) for key in of[0]}

    expected = [item.expected_cycles for item in results]
    memories = [
        {**parts[0], "different": sum(part["different"] for part in parts)}
        for parts in zip(*(item.memories for item in results), strict=True)
    ]
    return RtlResult(
        cycles=sum(item.cycles for item in results),
        bytes_different=sum(item.bytes_different for item in results),
        counters=counts("counters"),
        expected=counts("expected"),
        expected_cycles=None if None in expected else sum(value or 0 for value in expected),
        error=next((item.error for item in results if item.error), ""),
        memories=tuple(memories),
        mismatches=tuple(item for result in results for item in result.mismatches)[:_MOST_MISMATCHES],
        rows=_rows_summed([item.rows for item in results]),
    )


def _rows_summed(results: Sequence[tuple[Mapping[str, Any], ...]]) -> tuple[dict[str, Any], ...]:
    found: dict[str, dict[str, Any]] = {}
    for rows in results:
        for row in rows:
            total = found.setdefault(row["name"], {"name": row["name"], "cycles": 0, "expected_cycles": 0})
            total["cycles"] += row["cycles"]
            both = None not in (row["expected_cycles"], total["expected_cycles"])
            total["expected_cycles"] = total["expected_cycles"] + row["expected_cycles"] if both else None
    return tuple(found.values())


def _result(program: Program, found: CosimResult) -> RtlResult:
    return RtlResult(
        cycles=sum(found.cycles),
        bytes_different=sum(found.bytes_different.values()),
        counters=found.counters,
        expected=found.expected,
        expected_cycles=sum(found.expected_cycles) if found.expected_cycles else None,
        error=found.error or found.golden_error,
        memories=_memories(program, found.bytes_different),
        mismatches=tuple(asdict(item) for item in found.mismatches),
        rows=() if found.error else _rows(program, found),
    )


def _memories(program: Program, different: Mapping[str, int]) -> tuple[dict[str, Any], ...]:
    from rtl.bench.outcome import compared_bytes

    sizes = compared_bytes(program.system)
    return tuple({"memory": name, "bytes": sizes[name], "different": count} for name, count in different.items())


def _rows(program: Program, found: CosimResult) -> tuple[dict[str, Any], ...]:
    """Rows that the accelerator spends cycles on."""
    from rtl.bench.outcome import cycles_by_row

    names = [*(row.name for row in program.rows), *NAMED]
    cycles = cycles_by_row(program, found.start, found.end, found.cycles)
    expected: list[int | None] = [None] * len(names)
    if found.expected_cycles:
        expected = [*cycles_by_row(program, found.expected_start, found.expected_end, found.expected_cycles)]
    rows = zip(names, cycles, expected, strict=True)
    return tuple({"name": name, "cycles": got, "expected_cycles": want} for name, got, want in rows if got or want)
