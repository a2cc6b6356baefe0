"""Keep the user's objects as they were: tracing executes the user's code, on the user's weights.

Writes to tensors are seen by a dispatch mode, which copies a storage before its first write. What is not a tensor
write (optimizer state, `.grad`, train/eval flags, rebound buffers, random generators) is saved beforehand.
"""

from __future__ import annotations

import inspect
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch.optim.lr_scheduler import LRScheduler
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes

_MAX_DEPTH = 4


def storage_key(tensor: torch.Tensor) -> int:
    """Return what identifies a tensor's memory for as long as the memory lives."""
    return int(tensor.untyped_storage()._cdata)


class WriteRecorder(TorchDispatchMode):
    """Sees every operator: copies storages before their first write, and knows which ones were allocated meanwhile."""

    def __init__(self, on_result: Callable[[Any, Any, Any], None] | None = None) -> None:
        super().__init__()
        self.first: dict[int, tuple[torch.UntypedStorage, torch.UntypedStorage]] = {}
        """Storage -> itself (kept alive, so that its key stays its own) and its content before the first write."""
        self.born: dict[int, torch.UntypedStorage] = {}
        self.saw_backward = False
        self.items: list[tuple[torch.Tensor, Any]] = []
        """Tensors whose value the code read as a Python number, and that number."""
        self._on_result = on_result

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is torch.ops.aten._local_scalar_dense.default:
            with _disable_current_modes():
                value = func(*args)
            self.items.append((args[0], value))
            return value
        self.saw_backward |= torch._C._current_autograd_node() is not None
        known: set[int] = set()
        for tensor in _tensors(args, kwargs):
            known.add(storage_key(tensor))
        for tensor in _written(func, args, kwargs):
            self._save(tensor)
        result = func(*args, **kwargs)
        for tensor in _tensors(result):
            key = storage_key(tensor)
            if key not in known and key not in self.born:
                self.born[key] = tensor.untyped_storage()
        if self._on_result is not None:
            self._on_result(func, args, result)
        return result

    def _save(self, tensor: torch.Tensor) -> None:
        key = storage_key(tensor)
        if key not in self.first:
            storage = tensor.untyped_storage()
            with _disable_current_modes():
                self.first[key] = (storage, storage.clone())

    def before(self, tensor: torch.Tensor) -> torch.Tensor | None:
        """Return a copy of the tensor from before the first write, or None if it was never written."""
        if storage_key(tensor) not in self.first:
            return None
        old = torch.empty(0, dtype=tensor.dtype).set_(
            self.first[storage_key(tensor)][1], tensor.storage_offset(), tensor.shape, tensor.stride()
        )
        return old.clone()


class NumberReader(TorchFunctionMode):
    """Lets traced code read a tensor's value as a Python number (`.item()`, `float(x)`, `if x:`), and notes it."""

    _READS = (
        torch.Tensor.item,
        torch.Tensor.tolist,
        torch.Tensor.__bool__,
        torch.Tensor.__float__,
        torch.Tensor.__int__,
        torch.Tensor.__index__,
    )

    def __init__(self, items: list[tuple[torch.Tensor, Any]]) -> None:
        super().__init__()
        self._items = items

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func not in self._READS:
            return func(*args, **(kwargs or {}))
        with _disable_current_modes():
            value = func(*args, **(kwargs or {}))
        self._items.append((args[0], value))
        return value


def _tensors(*values: Any) -> Iterator[torch.Tensor]:
    for value in values:
        if isinstance(value, torch.Tensor):
            yield value
        elif isinstance(value, (list, tuple)):
            yield from _tensors(*value)
        elif isinstance(value, dict):
            yield from _tensors(*value.values())


def _written(func: Any, args: Any, kwargs: Any) -> Iterator[torch.Tensor]:
    if func is torch.ops.aten.native_batch_norm.default:  # its schema hides that it updates the running statistics
        yield from _tensors(args[3:5] if args[5] else ())
        return
    for position, argument in enumerate(func._schema.arguments):
        if argument.alias_info is not None and argument.alias_info.is_write:
            value = args[position] if position < len(args) else kwargs.get(argument.name)
            yield from _tensors(value)


class Snapshot:
    """The user's state before tracing. `restore()` puts it back, bit for bit."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._undo: list[Callable[[], None]] = []
        self._seen: set[int] = set()
        self._keep: list[Any] = []  # ids in `_seen` must not be reused
        self.recorders: list[WriteRecorder] = []
        self.optimizers: list[torch.optim.Optimizer] = []
        self.modules: list[torch.nn.Module] = []
        self.named: dict[str, torch.Tensor] = {}
        """Tensors that the function's globals or closure name."""
        torch_rng, numpy_rng, python_rng = torch.get_rng_state(), np.random.get_state(), random.getstate()  # noqa: NPY002
        self._undo += [
            lambda: torch.set_rng_state(torch_rng),
            lambda: np.random.set_state(numpy_rng),  # noqa: NPY002
            lambda: random.setstate(python_rng),
        ]
        grad_enabled, compiling = torch.is_grad_enabled(), torch.compiler._is_compiling_flag
        self._undo.append(lambda: torch.set_grad_enabled(grad_enabled))
        self._undo.append(lambda: setattr(torch.compiler, "_is_compiling_flag", compiling))
        for name, value in reachable(function):
            self._visit(name, value, _MAX_DEPTH)

    @contextmanager
    def recording(self, recorder: WriteRecorder) -> Iterator[WriteRecorder]:
        """Run code under `recorder`, whose storages `restore` will put back."""
        self.recorders.append(recorder)
        with recorder:
            yield recorder

    def restore(self) -> None:
        """Put everything back; tensors last, through the memory they had."""
        for undo in reversed(self._undo):
            undo()
        for recorder in reversed(self.recorders):
            for key, (storage, content) in recorder.first.items():
                if not any(key in other.born for other in self.recorders) and storage.nbytes() == content.nbytes():
                    storage.copy_(content)

    def add_module(self, module: torch.nn.Module) -> None:
        """Save a module that turned out to be in use."""
        self._visit("", module, _MAX_DEPTH)

    def add_optimizer(self, optimizer: torch.optim.Optimizer) -> None:
        """Save an optimizer that turned out to be in use, before it steps."""
        self._visit("", optimizer, _MAX_DEPTH)

    def _visit(self, name: str, value: Any, depth: int) -> None:
        if id(value) in self._seen or depth == 0 or isinstance(value, (str, bytes, int, float, type(None), type)):
            return
        self._seen.add(id(value))
        self._keep.append(value)
        if isinstance(value, torch.Tensor):
            self._save_tensor(value)
            if name:
                self.named.setdefault(name, value)
        elif isinstance(value, torch.nn.Module):
            self._save_module(value)
        elif isinstance(value, torch.optim.Optimizer):
            self._save_optimizer(value)
        elif isinstance(value, LRScheduler):
            self._save_attributes(value)
        elif isinstance(value, dict):
            for key, item in list(value.items()):
                self._visit(f"{name}_{key}" if name else str(key), item, depth - 1)
        elif isinstance(value, (list, tuple, set)):
            for index, item in enumerate(list(value)):
                self._visit(f"{name}_{index}", item, depth - 1)
        elif callable(value) and hasattr(value, "__code__"):
            for key, item in reachable(value):
                self._visit(key, item, depth - 1)
        elif hasattr(value, "__dict__") and not inspect.ismodule(value):
            self._save_attributes(value)
            for key, item in list(vars(value).items()):
                self._visit(key, item, depth - 1)

    def _save_tensor(self, tensor: torch.Tensor) -> None:
        if not tensor.is_leaf:
            return
        gradient, data, needs = tensor.grad, tensor.data, tensor.requires_grad

        def undo() -> None:
            if tensor.data_ptr() != data.data_ptr():
                tensor.data = data
            if tensor.requires_grad != needs:
                tensor.requires_grad_(needs)
            tensor.grad = gradient

        self._undo.append(undo)

    def _save_attributes(self, value: Any) -> None:
        try:
            saved = dict(vars(value))
        except TypeError:
            return

        def undo() -> None:
            attributes = vars(value)
            if attributes.keys() != saved.keys() or any(attributes[k] is not v for k, v in saved.items()):
                attributes.clear()
                attributes.update(saved)

        self._undo.append(undo)

    def _save_module(self, module: torch.nn.Module) -> None:
        self.modules.append(module)
        for part in module.modules():
            self._seen.add(id(part))
            self._keep.append(part)
            self._save_attributes(part)
            for members in (part._parameters, part._buffers):
                self._undo.append(_undo_mapping(members))
                for tensor in members.values():
                    if tensor is not None and id(tensor) not in self._seen:
                        self._seen.add(id(tensor))
                        self._save_tensor(tensor)

    def _save_optimizer(self, optimizer: torch.optim.Optimizer) -> None:
        self.optimizers.append(optimizer)
        self._undo.append(_undo_mapping(optimizer.state))
        for state in list(optimizer.state.values()):
            self._undo.append(_undo_mapping(state))
        for group in optimizer.param_groups:
            self._undo.append(_undo_mapping(group))
            for parameter in group["params"]:
                if id(parameter) not in self._seen:
                    self._seen.add(id(parameter))
                    self._save_tensor(parameter)


def _undo_mapping(mapping: dict[Any, Any]) -> Callable[[], None]:
    saved = dict(mapping)

    def undo() -> None:
        mapping.clear()
        mapping.update(saved)

    return undo


def reachable(function: Callable[..., Any]) -> Iterator[tuple[str, Any]]:
    """Yield name and value of what a function can touch: globals that it names, its closure, defaults and `self`."""
    if isinstance(function, torch.nn.Module):
        yield "", function
        return
    owner = getattr(function, "__self__", None)
    if owner is not None:
        yield "self", owner
    code = getattr(function, "__code__", None)
    if code is None:  # an object with __call__, or something made in C
        yield "self", function
        function = getattr(type(function), "__call__")  # noqa: B004, B009
        code = getattr(function, "__code__", None)
        if code is None:
            return
    globals_ = getattr(function, "__globals__", {})
    for name in _names(code):
        if name in globals_:
            yield name, globals_[name]
    for name, cell in zip(code.co_freevars, getattr(function, "__closure__", None) or (), strict=False):
        try:
            yield name, cell.cell_contents
        except ValueError:  # an empty cell
            continue
    for default in getattr(function, "__defaults__", None) or ():
        yield "", default


def _names(code: Any) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if inspect.iscode(constant):
            yield from _names(constant)
