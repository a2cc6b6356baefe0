"""Hooks around the user's code while it is traced."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.nn.modules.module import register_module_forward_pre_hook
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

from .snapshot import Snapshot


@contextmanager
def observed_state(snapshot: Snapshot) -> Iterator[None]:
    """Save modules and optimizers that only turn up while the code runs."""
    handles = [
        register_module_forward_pre_hook(lambda module, _inputs: snapshot.add_module(module)),
        register_optimizer_step_pre_hook(lambda optimizer, *_: snapshot.add_optimizer(optimizer)),
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def portable_optimizers() -> Iterator[None]:
    """Make optimizers trace as plain tensor arithmetic: one parameter at a time, step counter kept as a tensor.

    `capturable` keeps Adam's bias correction on tensors; on the CPU it is allowed only while "compiling".
    """
    flag = torch.compiler._is_compiling_flag

    def before(optimizer: torch.optim.Optimizer, *_: Any) -> None:
        for group in optimizer.param_groups:
            for key, value in (("foreach", False), ("fused", None), ("capturable", True)):
                if key in group:
                    group[key] = value
        torch.compiler._is_compiling_flag = True

    def after(*_: Any) -> None:
        torch.compiler._is_compiling_flag = flag

    handles = [register_optimizer_step_pre_hook(before), register_optimizer_step_post_hook(after)]
    try:
        yield
    finally:
        torch.compiler._is_compiling_flag = flag
        for handle in handles:
            handle.remove()
