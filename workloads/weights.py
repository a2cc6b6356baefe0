"""Weights on disk: one `.npz` of named arrays per network, never a pickle."""

from pathlib import Path

import numpy as np
import torch
from torch import nn

from workloads.arrays import load_arrays, save_arrays

_COUNTER = "num_batches_tracked"  # batch norm's counter: unused in eval mode, so not stored


def save_weights(path: Path, module: nn.Module, dtype: type[np.floating] = np.float16) -> None:
    """Store a module's parameters and buffers, rounded half even to `dtype`."""
    arrays = {
        name: value.detach().cpu().numpy().astype(dtype)
        for name, value in module.state_dict().items()
        if not name.endswith(_COUNTER)
    }
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise ValueError(f"{name} holds values that {np.dtype(dtype)} cannot represent")
    save_arrays(path, arrays)


def load_weights(path: Path, module: nn.Module) -> None:
    """Load what `save_weights` stored; ValueError names the first array that is missing, foreign or misshapen."""
    arrays = load_arrays(path)
    state = {name: value for name, value in module.state_dict().items() if not name.endswith(_COUNTER)}
    for name in sorted(arrays.keys() ^ state.keys()):
        raise ValueError(f"{path} does not fit {type(module).__name__}: {name} is only in one of the two")
    for name, value in state.items():
        if arrays[name].shape != tuple(value.shape) or arrays[name].dtype.kind != "f":
            raise ValueError(
                f"{path}: {name} is {arrays[name].dtype} {arrays[name].shape}, want floats {tuple(value.shape)}"
            )
    module.load_state_dict({n: torch.from_numpy(a.astype(np.float32)) for n, a in arrays.items()}, strict=False)
