"""Where nodes come from: hooks that watch a trace. (What phase they belong to is decided by `phases`.)

Stack traces survive on few nodes of a `make_fx` graph and on none of its backward, so every node is stamped when it is
made: with the module being called, the user's source line, the running autograd node and the running optimizer step.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import fx
from torch.fx.experimental.proxy_tensor import PythonKeyTracer
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

STAMP = "stamp"  # key of a node's Stamp in its meta
_MAKE_GRADS = str(Path(torch.autograd.__file__))


@dataclass(frozen=True, slots=True)
class Stamp:
    """What was going on when a node was made."""

    module: torch.nn.Module | None
    """The innermost module whose forward was running."""
    source: str
    """`file.py:line` of the innermost user frame."""
    sequence: int
    """Autograd's number of the forward operation: links a gradient to what it is the gradient of."""
    is_gradient: bool
    """Made by an autograd node (or as the gradient that starts a backward pass)."""
    accumulates: bool
    """Made while a gradient was added to a leaf."""
    is_differentiable: bool
    """The first node with its sequence number: the one that autograd recorded."""
    in_optimizer: bool


@dataclass(slots=True)
class Watcher:
    """Stamps nodes while `watching()`; afterwards knows the outermost modules and the optimizers that ran."""

    roots: list[torch.nn.Module] = field(default_factory=list)
    optimizers: list[torch.optim.Optimizer] = field(default_factory=list)
    last_node: fx.Node | None = None
    _stack: list[torch.nn.Module] = field(default_factory=list)
    _stepping: int = 0
    _sequences: set[int] = field(default_factory=set)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Install the hooks; remove them whatever happens."""
        original = PythonKeyTracer.create_node
        watcher = self

        def create_node(tracer: PythonKeyTracer, *args: Any, **kwargs: Any) -> fx.Node:
            node = original(tracer, *args, **kwargs)
            if node.op == "call_function":
                node.meta[STAMP] = watcher._stamp()
                watcher.last_node = node
            return node

        with ExitStack() as stack:
            for register, hook in (
                (register_optimizer_step_pre_hook, self._before_step),
                (register_optimizer_step_post_hook, self._after_step),
                (register_module_forward_pre_hook, self._enter),
            ):
                stack.callback(register(hook).remove)
            stack.callback(register_module_forward_hook(self._leave, always_call=True).remove)
            stack.callback(setattr, PythonKeyTracer, "create_node", original)
            PythonKeyTracer.create_node = create_node
            self._stack, self._stepping = [], 0
            yield

    def module_names(self) -> dict[torch.nn.Module, str]:
        """Return a path for every module below the outermost ones that ran.

        The first one with parameters gets the empty prefix; others are told apart by their class.
        """
        names: dict[torch.nn.Module, str] = {}
        roots = sorted(self.roots, key=lambda root: next(root.parameters(), None) is None)
        for index, root in enumerate(roots):
            main = index == 0 and next(root.parameters(), None) is not None
            prefix = "" if main else f"{type(root).__name__}{index}" if index else type(root).__name__
            for path, module in root.named_modules(prefix=prefix):
                names.setdefault(module, path)
        return names

    def _enter(self, module: torch.nn.Module, _inputs: Any) -> None:
        if not self._stack and not any(module is root for root in self.roots):
            self.roots.append(module)
        self._stack.append(module)

    def _leave(self, module: torch.nn.Module, _inputs: Any, _output: Any) -> None:
        while self._stack and self._stack.pop() is not module:
            pass  # a module below raised before its own hook was reached

    def _before_step(self, optimizer: torch.optim.Optimizer, *_: Any) -> None:
        if not any(optimizer is known for known in self.optimizers):
            self.optimizers.append(optimizer)
        self._stepping += 1

    def _after_step(self, *_: Any) -> None:
        self._stepping -= 1

    def _stamp(self) -> Stamp:
        running = torch._C._current_autograd_node()
        source, starts_backward = _user_frame()
        if running is not None:
            accumulates = "AccumulateGrad" in running.name()
            return Stamp(None, source, running._sequence_nr(), True, accumulates, False, self._stepping > 0)
        sequence = torch.autograd._get_sequence_nr() - 1
        first = sequence not in self._sequences and torch.is_grad_enabled()
        self._sequences.add(sequence)
        module = self._stack[-1] if self._stack else None
        return Stamp(module, source, sequence, starts_backward, False, first, self._stepping > 0)


def _user_frame() -> tuple[str, bool]:
    """Return the innermost user line, and whether autograd is making the gradient that starts a backward pass."""
    from .inference import is_user_file

    starts_backward = False
    frame: Any = sys._getframe(1)
    while frame is not None:
        filename = frame.f_code.co_filename
        if filename == _MAKE_GRADS and frame.f_code.co_name == "_make_grads":
            starts_backward = True
        if is_user_file(filename):
            return f"{Path(filename).name}:{frame.f_lineno}", starts_backward
        frame = frame.f_back
    return "", starts_backward
