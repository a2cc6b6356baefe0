"""One run from a target to a Run: the network, its programs (weights in SRAM and in flash), values, cycles, energy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from accel_models.network import Network
from accel_models.program import Program
from accel_models.run import Run
from accel_models.system import System
from cosim.bind import Report, bind
from cosim.options import CosimOptions, Options
from cosim.run import run
from cosim.steps import differences, is_step, run_steps
from cosim.stream.rules import is_stream
from workloads.arrays import load_arrays

if TYPE_CHECKING:
    from cosim.frontend import Prepared


@dataclass(frozen=True, slots=True)
class Outcome:
    """A Run with the program behind it and golden's outputs in real units, [invocations, ...] by name."""

    run: Run
    program: Program
    values: Mapping[str, np.ndarray]


def run_target(
    spec: str,
    system: System,
    options: Options,
    *,
    weights: str,
    fidelity: str,
    samples: int,
    report: Report,
    cosimulation: CosimOptions | None = None,
    steps: int = 1,
) -> Outcome:
    """Everything behind ``cosim run`` for targets that are not programs yet."""
    from accel_models.golden.machine import run_program

    if fidelity == "rtl":
        from rtl.bench.support import need_rtl_of

        need_rtl_of(system)
    bound = bind(spec, system, options, weights, report)
    found, program, cold = bound.found, bound.program, bound.cold
    if steps > 1 and not is_step(bound.network):
        raise ValueError(f"--steps is for training steps, which {spec} is not")
    metrics: dict[str, Any] = {}
    values: Mapping[str, np.ndarray] = {}
    if not isinstance(found, Network) and found.stream is not None:
        return _stream(found, program, options, fidelity, report, cosimulation)
    if is_stream(program):
        return _first_frame(program, options.inputs, fidelity, options.seed, report, cosimulation)
    if is_step(bound.network):
        values, metrics = _train(found, program, options, steps, samples, report)
    elif isinstance(found, Network):
        if options.inputs is not None:
            values = run_program(program, named_inputs(program, options.inputs)).values
    else:
        report("executing on golden")
        values = run_program(program, {name: array[None] for name, array in found.inputs.items()}).values
        if options.inputs is None:
            metrics = score(found, program, samples, report)
        metrics |= {"notes": list(found.notes)} if found.notes else {}
    rtl = None
    if fidelity == "rtl":
        from cosim.cosimulation import on_rtl, random_inputs

        if isinstance(found, Network):
            given = named_inputs(program, options.inputs) if options.inputs else random_inputs(program, options.seed)
        else:
            given = {name: array[None] for name, array in found.inputs.items()}
        rtl = on_rtl(program, given, report, cosimulation)
    report("timing")
    result = run(program, fidelity=fidelity, cold=cold, metrics=metrics, seed=options.seed, rtl=rtl)
    return Outcome(result, program, values)


def _first_frame(
    program: Program,
    inputs: Path | None,
    fidelity: str,
    seed: int,
    report: Report,
    cosimulation: CosimOptions | None,
) -> Outcome:
    """Of a stream without a clip."""
    from cosim.stream.file import first_frame

    result, values = first_frame(
        program, inputs, fidelity=fidelity, seed=seed, report=report, cosimulation=cosimulation
    )
    return Outcome(result, program, values)


def _stream(
    found: Prepared,
    program: Program,
    options: Options,
    fidelity: str,
    report: Report,
    cosimulation: CosimOptions | None,
) -> Outcome:
    """Frame after frame; the Run is that of one of them, its metrics those of all."""
    from cosim.stream.clip import play

    assert found.stream is not None
    fps = options.stream.fps if options.stream is not None else None
    result, values = play(
        found.stream, program, fps=fps, fidelity=fidelity, seed=options.seed, report=report, cosimulation=cosimulation
    )
    notes = [
        *found.notes,
        f"operators, energy by part and timeline are those of frame {result.metrics['stream']['shown']}, whose latency "
        f"is the median of {result.metrics['frames']} frames",
    ]
    return Outcome(replace(result, metrics={**result.metrics, "notes": notes}), program, values)


def _train(
    found: Prepared | Network, program: Program, options: Options, steps: int, samples: int, report: Report
) -> tuple[Mapping[str, np.ndarray], dict[str, Any]]:
    """Values of the last of ``steps`` training steps on one batch, and metrics: of all steps, of the last one's values
    and state beside PyTorch's, and of a short training where the registry has one. A file needs inputs for values."""
    if isinstance(found, Network) and options.inputs is None:
        return {}, {}
    report(f"executing {steps} step{'s' * (steps > 1)} on golden")
    if isinstance(found, Network):
        assert options.inputs is not None
        done = run_steps(program, named_inputs(program, options.inputs), steps)
        return done.values, done.metrics() | ({"notes": done.notes()} if done.notes() else {})
    done = run_steps(program, {name: array[None] for name, array in found.inputs.items()}, steps)
    assert found.step is not None
    metrics, notes = done.metrics(), [*found.notes, *done.notes()]
    reference = found.step.reference(steps)
    if reference is not None:
        metrics |= differences(program, done, *reference)
    training = found.step.training
    if training is not None and len(program.outputs) > 1:  # the counts of an integer step
        zero, changed = (int(count) for count in done.values[program.outputs[1]][0].sum(axis=0))
        metrics["zero_updates"] = zero / max(1, changed)
    if options.masters is not None:
        metrics["masters"] = options.masters
    if training is not None and samples:
        metrics |= training.accuracy(options.data, options.seed, report, options.masters)
    first = next(iter(found.inputs.values()), np.zeros(()))
    if first.ndim:
        metrics["batch"] = len(first)
    return done.values, metrics | ({"notes": notes} if notes else {})


def run_file(
    path: Path,
    inputs: Path | None,
    *,
    fidelity: str,
    seed: int,
    report: Report,
    cosimulation: CosimOptions | None = None,
) -> Outcome:
    """Run a compiled program; values only where inputs are given. On RTL, inputs are drawn from ``seed`` otherwise.

    Raises ValueError for a stream without a frame, see ``first_frame``.
    """
    program = Program.load(path)
    if fidelity == "rtl":
        from rtl.bench.support import need_rtl_of

        need_rtl_of(program.system)
    if is_stream(program):
        return _first_frame(program, inputs, fidelity, seed, report, cosimulation)
    values: Mapping[str, np.ndarray] = {}
    given = named_inputs(program, inputs) if inputs else None
    if given is not None:
        from accel_models.golden.machine import run_program

        values = run_program(program, given).values
    rtl = None
    if fidelity == "rtl":
        from cosim.cosimulation import on_rtl, random_inputs

        given = random_inputs(program, seed) if given is None else given
        rtl = on_rtl(program, given, report, cosimulation)
    return Outcome(run(program, fidelity=fidelity, seed=seed, rtl=rtl), program, values)


def named_inputs(program: Program, path: Path) -> dict[str, np.ndarray]:
    """One invocation's inputs from an ``.npz``: by name, or in order when there are as many arrays as inputs.

    Raises ValueError for a file that cannot be read, for other arrays and for numbers that are not finite.
    """
    arrays = load_arrays(path)
    for name, array in arrays.items():
        if np.issubdtype(array.dtype, np.inexact) and not np.isfinite(array).all():
            raise ValueError(f"{path}: {name} holds values that are not finite (NaN or infinity)")
    if set(arrays) != set(program.inputs):
        if len(arrays) != len(program.inputs):
            raise ValueError(f"{path} holds {sorted(arrays)}, want {list(program.inputs)}")
        arrays = dict(zip(program.inputs, arrays.values(), strict=True))
    return {name: array[None] for name, array in arrays.items()}


def score(prepared: Prepared, program: Program, samples: int, report: Report) -> dict[str, Any]:
    """A workload's metric on golden's outputs beside that of the float model, on the same real samples."""
    from accel_models.golden.machine import run_program
    from cosim.frontend import evaluation_of

    workload = prepared.workload
    evaluation = evaluation_of(prepared, samples) if samples else None
    if workload is None or evaluation is None:
        return {}
    inputs, labels, floats = evaluation
    report(f"executing {len(inputs)} samples on golden")
    tensor = program.bindings[program.inputs[0]].tensor
    batch = tensor.shape[0] if tensor.shape else 1
    if batch != 1:
        return {}
    outputs = run_program(program, {program.inputs[0]: inputs[:, None]}).values[program.outputs[0]]
    outputs = outputs.reshape(floats.shape)
    found: dict[str, Any] = {
        workload.metric: float(workload.score(outputs, inputs, labels)),
        f"{workload.metric}_float": float(workload.score(floats, inputs, labels)),
        "samples": len(inputs),
    }
    if workload.metric == "accuracy":
        found["top1_agreement"] = float(np.mean(outputs.argmax(-1) == floats.argmax(-1)))
    return found
