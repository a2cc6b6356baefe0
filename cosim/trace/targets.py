"""Targets: what a user can name on the command line, loaded and ready to trace.

A built-in workload (`resnet8`), a function, a model or a model factory in a file (`file.py:name`), or an exported
program (`model.pt2`), float or quantized.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch

import workloads
from workloads.registry import Workload

from . import loading
from .errors import USER_ERRORS, NotFiniteError, TargetError, one_line
from .graph import Traced
from .inference import trace_exported, trace_module, user_line
from .snapshot import Snapshot, WriteRecorder
from .steps import trace_callable


@dataclass(frozen=True, slots=True)
class Target:
    """A loaded target: exactly one of `module`, `function` and `exported` is set."""

    name: str
    kind: Literal["module", "function", "exported"]
    inputs: tuple[torch.Tensor, ...]
    """What it is traced with: shapes and the batch of the compiled program come from here."""
    module: torch.nn.Module | None = None
    function: Callable[..., Any] | None = None
    exported: torch.export.ExportedProgram | None = None
    workload: Workload | None = None
    """Set for built-in workloads: their data sets and metric."""
    calibration: tuple[torch.Tensor, ...] | None = None
    """Real data to calibrate a quantization with, batch first, one tensor per input; None where nobody gave any."""


def load_target(
    spec: str,
    *,
    inputs: Path | None = None,
    weights: Path | None = None,
    data: Path | None = None,
    calibrate: Path | None = None,
) -> Target:
    """Load the target called `spec`.

    `inputs`: an `.npz` with its arguments, by name or in order. `weights`: an `.npz` for a model's parameters. `data`:
    the folder of a workload's data set. `calibrate`: an `.npz` of calibration data, arrays as in `inputs` with more
    samples. Raises TargetError (ValueError) with one line for anything that cannot be loaded.
    """
    path, _, name = spec.rpartition(":")
    if path.endswith(".py") or (not path and name.endswith(".py")):
        if data is not None:
            raise TargetError(
                f"{spec}: a data folder is for built-in workloads; give arrays with --inputs, --calibrate"
            )
        return _from_python(Path(path or name), name if path else "", inputs, weights, calibrate)
    if spec.endswith(".pt2"):
        if weights is not None or data is not None:
            raise TargetError(f"{spec}: an exported program has its weights; it takes neither --weights nor --data")
        return _from_exported(Path(spec), inputs, calibrate)
    return _from_workload(spec, inputs, weights, data, calibrate)


def trace(target: Target) -> Traced:
    """Trace a loaded target. Raises TargetError."""
    if target.exported is not None:
        return trace_exported(target.exported, target.inputs, target.name)
    if target.module is not None:
        try:
            return trace_module(target.module, target.inputs, target.name)
        except NotFiniteError:
            raise
        except TargetError:
            return _run_module(target.module, target.inputs, target.name)
    assert target.function is not None
    return trace_callable(target.function, target.inputs, target.name)


def _run_module(module: torch.nn.Module, inputs: tuple[torch.Tensor, ...], name: str) -> Traced:
    """Trace a module that `torch.export` refuses (or that raises) by running it in eval mode."""
    training = {part: part.training for part in module.modules()}
    try:
        module.eval()
        traced = trace_callable(module, inputs, name)
    finally:
        for part, flag in training.items():
            part.training = flag
    if traced.kind != "inference":
        raise TargetError(f"{name} changes its own state in eval mode; give a function that does one step")
    return replace(traced, notes=(*traced.notes, f"{name}: traced by running it, because torch.export cannot"))


def _from_workload(
    spec: str, inputs: Path | None, weights: Path | None, data: Path | None, calibrate: Path | None
) -> Target:
    try:
        workload = workloads.get(spec)
    except ValueError as error:
        hint = "a file.py:function or a file.pt2"
        if "/" in spec or "." in spec:
            raise TargetError(f"cannot tell what {spec!r} is; want a workload, {hint}") from error
        raise TargetError(f"{error}, {hint}") from error
    try:
        if weights is None and data is not None:
            weights = workload.weights_for(data)
        module = workload.build(weights)
        example = tuple(workload.example_inputs(1))
        samples = workload.calibration(data) if calibrate is None else None
    except ValueError as error:
        raise TargetError(f"{spec}: {one_line(error).removeprefix('ValueError: ')}") from error
    names, _, _ = loading.argument_names(module)
    return Target(
        name=spec,
        kind="module",
        inputs=example if inputs is None else loading.read_inputs(inputs, names),
        module=module,
        workload=workload,
        calibration=(samples,) if samples is not None else _calibration(calibrate, names),
    )


def _from_exported(path: Path, inputs: Path | None, calibrate: Path | None) -> Target:
    exported = loading.load_exported(path)
    names = list(exported.graph_signature.user_inputs)
    example = exported.example_inputs
    if inputs is not None:
        given = loading.read_inputs(inputs, names)
    elif example and example[0] and not example[1]:
        given = tuple(example[0])
    else:
        raise TargetError(f"{path} holds no positional example inputs; give them with --inputs")
    return Target(path.stem, "exported", given, exported=exported, calibration=_calibration(calibrate, names))


def _from_python(path: Path, name: str, inputs: Path | None, weights: Path | None, calibrate: Path | None) -> Target:
    module = loading.load_python(path)
    if not name:
        raise TargetError(f"{path} names no function; want {path}:function")
    found = loading.pick(module, path, name)
    label = f"{path.name}:{name}"
    if isinstance(found, type) and issubclass(found, torch.nn.Module):
        found = _call(found, label)
    names, required, more = loading.argument_names(found)
    if not isinstance(found, torch.nn.Module) and not names and not more:
        made = _made_module(found, label)
        if made is not None:
            found = made
            names, required, more = loading.argument_names(found)
    if weights is not None:
        if not isinstance(found, torch.nn.Module):
            raise TargetError(f"{label}: weights are for models, and this is a function")
        loading.load_state(found, weights)
    given: tuple[torch.Tensor, ...] = ()
    if inputs is not None:
        given = loading.read_inputs(inputs, names)
    elif names or more:
        given = loading.example_inputs(module, path, names)
    if len(given) < required or (len(given) > len(names) and not more):
        wanted = str(required) if required == len(names) else f"{required} to {len(names)}"
        raise TargetError(f"{label}: got {len(given)} inputs, want {wanted}: {', '.join(names) or 'none'}")
    calibration = _calibration(calibrate, names)
    if isinstance(found, torch.nn.Module):
        return Target(label, "module", given, module=found, calibration=calibration)
    return Target(label, "function", given, function=found, calibration=calibration)


def _calibration(path: Path | None, names: list[str]) -> tuple[torch.Tensor, ...] | None:
    return None if path is None else loading.read_inputs(path, names)


def _call(function: Callable[[], Any], label: str) -> Any:
    try:
        return function()
    except USER_ERRORS as error:
        raise TargetError(f"{label} raised {one_line(error)}{user_line(error)}") from error


def _made_module(function: Callable[[], Any], label: str) -> torch.nn.Module | None:
    """Call a function without arguments; return the model that it makes, or None if it computes something.

    What the call changes is put back.
    """
    snapshot = Snapshot(function)
    try:
        with snapshot.recording(WriteRecorder()):
            made = _call(function, label)
    finally:
        snapshot.restore()
    return made if isinstance(made, torch.nn.Module) else None
