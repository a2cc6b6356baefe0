"""Names, owners and first values of the tensors that a traced step closes over."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from .origins import Watcher
from .snapshot import Snapshot, WriteRecorder, storage_key

TensorKey = tuple[int, int, tuple[int, ...], tuple[int, ...]]
"""What makes two tensors the same: storage, offset, shape and strides."""


class StateNames:
    """Names for the tensors that a step closes over: parameters by path, optimizer state by parameter."""

    def __init__(self, snapshot: Snapshot, watcher: Watcher) -> None:
        self._names: dict[TensorKey, str] = {}
        self._owners: dict[TensorKey, str] = {}
        self._in_modules: set[TensorKey] = set()
        self.lazy: set[int] = set()
        """Storages of optimizer state and gradients: zero before they exist."""
        paths = watcher.module_names()
        for module, path in paths.items():
            for kind in (module._parameters, module._buffers):
                for key, tensor in kind.items():
                    if tensor is not None:
                        self._add(tensor, f"{path}.{key}".lstrip("."), path)
                        self._in_modules.add(tensor_key(tensor))
        for name, tensor in snapshot.named.items():
            self._add(tensor, name, "")
        for optimizer in [*snapshot.optimizers, *watcher.optimizers]:
            for parameter, state in optimizer.state.items():
                owner = self._owners.get(tensor_key(parameter), "")
                for key, value in state.items():
                    if isinstance(value, torch.Tensor):
                        self.lazy.add(storage_key(value))
                        self._add(value, f"{self.of(parameter) or 'parameter'}.{key}", owner)
        for tensor in self._leaves(snapshot, watcher):
            if tensor.grad is not None:
                self.lazy.add(storage_key(tensor.grad))
                self._add(tensor.grad, f"{self.of(tensor) or 'parameter'}.grad", self.owner(tensor))

    def _leaves(self, snapshot: Snapshot, watcher: Watcher) -> Iterator[torch.Tensor]:
        for root in [*snapshot.modules, *watcher.roots]:
            yield from root.parameters()
        yield from snapshot.named.values()
        for optimizer in [*snapshot.optimizers, *watcher.optimizers]:
            for group in optimizer.param_groups:
                yield from group["params"]

    def _add(self, tensor: torch.Tensor, name: str, owner: str) -> None:
        self._names.setdefault(tensor_key(tensor), name)
        self._owners.setdefault(tensor_key(tensor), owner)

    def of(self, tensor: torch.Tensor) -> str:
        """Return the tensor's name, or an empty string."""
        return self._names.get(tensor_key(tensor), "")

    def owner(self, tensor: torch.Tensor) -> str:
        """Return the path of the module that the tensor belongs to, or an empty string."""
        return self._owners.get(tensor_key(tensor), "")

    def is_part_of_module(self, tensor: torch.Tensor) -> bool:
        """Tell whether the tensor is a parameter or a buffer of a module that ran."""
        return tensor_key(tensor) in self._in_modules


def initial_value(tensor: torch.Tensor, names: StateNames, warm: WriteRecorder, live: WriteRecorder) -> torch.Tensor:
    """Return a copy of what a closed-over tensor held before the code first ran."""
    key = storage_key(tensor)
    written = warm.before(tensor)
    if written is None and key in warm.born and key in names.lazy:
        return torch.zeros_like(tensor).detach()
    if written is None:
        written = live.before(tensor)
    return (tensor if written is None else written).detach().clone()


def tensor_key(tensor: torch.Tensor) -> TensorKey:
    """Return what identifies a tensor's memory and its view of it."""
    return storage_key(tensor), tensor.storage_offset(), tuple(tensor.shape), tuple(tensor.stride())
