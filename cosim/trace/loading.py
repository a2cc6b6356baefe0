"""Read what a target names: Python files, exported programs, arrays. Every failure is one clear line."""

from __future__ import annotations

import importlib.util
import inspect
import sys
import types
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from workloads.arrays import load_arrays

from .errors import USER_ERRORS, TargetError, one_line
from .inference import check_dtype, check_finite, user_line
from .seeding import silence


def load_python(path: Path) -> types.ModuleType:
    """Execute a Python file as a module of its own; its folder is importable meanwhile. Raises TargetError."""
    if not path.is_file():
        raise TargetError(f"no such file: {path}")
    spec = importlib.util.spec_from_file_location(f"_cosim_target_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise TargetError(f"{path} cannot be loaded as Python")
    module = importlib.util.module_from_spec(spec)
    folder = str(path.parent.resolve())
    sys.path.insert(0, folder)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except USER_ERRORS as error:
        place = f" ({path.name}:{error.lineno})" if isinstance(error, SyntaxError) else user_line(error)
        raise TargetError(f"{path} raised {one_line(error)} while it was loaded{place}") from error
    finally:
        sys.path.remove(folder)
    return module


def pick(module: types.ModuleType, path: Path, name: str) -> Any:
    """Return the object called `name`; TargetError lists what the file has."""
    found = getattr(module, name, None)
    if found is None or not (callable(found) or isinstance(found, torch.nn.Module)):
        own = [
            key
            for key, value in vars(module).items()
            if not key.startswith("_") and callable(value) and getattr(value, "__module__", "") == module.__name__
        ]
        reason = f"has no function {name!r}" if found is None else f"{name!r} is not callable"
        raise TargetError(f"{path} {reason}; it has {', '.join(own) or 'none'}")
    return found


def load_exported(path: Path) -> torch.export.ExportedProgram:
    """Read a `.pt2` file; TargetError when it is missing, truncated or something else."""
    if not path.is_file():
        raise TargetError(f"no such file: {path}")
    import cosim.quantize.pt2e  # noqa: F401  registers the quantized_decomposed operators that the file may use

    try:
        with silence():
            return torch.export.load(path)
    except Exception as error:
        raise TargetError(f"{path} is not a readable .pt2 file ({one_line(error, 160)})") from error


def read_inputs(path: Path, names: Sequence[str]) -> tuple[torch.Tensor, ...]:
    """Read the arrays of an `.npz`, by the arguments' names where they have these, else in the file's order."""
    try:
        arrays = load_arrays(path)
    except ValueError as error:
        raise TargetError(str(error)) from error
    if not arrays:
        raise TargetError(f"{path} holds no arrays")
    by_name = bool(names) and set(arrays) <= set(names)
    order = [name for name in names if name in arrays] if by_name else list(arrays)
    return tuple(to_tensor(f"{path}: {name}", arrays[name]) for name in order)


def example_inputs(module: types.ModuleType, path: Path, names: Sequence[str]) -> tuple[torch.Tensor, ...]:
    """Call the file's `example_inputs()`; a tensor, a sequence of them or a mapping by argument name.

    Functions of one file may share the mapping: each takes the names that it has.
    """
    function = getattr(module, "example_inputs", None)
    if not callable(function):
        raise TargetError(f"{path} has no example_inputs(), and the target takes arguments; give them with --inputs")
    try:
        value = function()
    except USER_ERRORS as error:
        raise TargetError(f"{path}: example_inputs() raised {one_line(error)}{user_line(error)}") from error
    if isinstance(value, Mapping):
        if value and not any(name in value for name in names):
            raise TargetError(f"{path}: example_inputs() names {list(value)}, want {list(names)}")
        value = [value[name] for name in names if name in value]
    if isinstance(value, (torch.Tensor, np.ndarray)):
        value = (value,)
    if not isinstance(value, Sequence):
        raise TargetError(f"{path}: example_inputs() returned {type(value).__name__}, want tensors")
    return tuple(to_tensor(f"{path}: example input {index}", item) for index, item in enumerate(value))


def to_tensor(label: str, value: Any) -> torch.Tensor:
    """Return a tensor of finite numbers, of a dtype that the tool supports; TargetError otherwise."""
    if isinstance(value, torch.Tensor):
        tensor = value
    else:
        try:
            tensor = torch.from_numpy(np.array(value))
        except TypeError as error:
            dtype = getattr(value, "dtype", type(value).__name__)
            raise TargetError(f"{label} has unsupported dtype {dtype}; want float32, int or bool") from error
    check_dtype(label, tensor)
    check_finite(label, tensor)
    return tensor


def argument_names(function: Callable[..., Any]) -> tuple[list[str], int, bool]:
    """Return the names of positional arguments, how many are required, and whether `*args` takes more."""
    target = function.forward if isinstance(function, torch.nn.Module) else function
    try:
        parameters = inspect.signature(target).parameters.values()
    except (TypeError, ValueError):
        return [], 0, True
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    required = sum(p.default is p.empty for p in positional)
    return [p.name for p in positional], required, any(p.kind is p.VAR_POSITIONAL for p in parameters)


def load_state(module: torch.nn.Module, path: Path) -> None:
    """Put the arrays of an `.npz` into a module, by name; TargetError when they do not fit."""
    try:
        arrays = load_arrays(path)
    except ValueError as error:
        raise TargetError(str(error)) from error
    state = {name: torch.from_numpy(array) for name, array in arrays.items()}
    try:
        module.load_state_dict(state)
    except USER_ERRORS as error:
        raise TargetError(
            f"{path} does not fit {type(module).__name__}: {one_line(error)}{user_line(error)}"
        ) from error
