"""Trace any callable by running it: a whole train step becomes one flat, functional ATen graph.

`make_fx` executes the code on real tensors, so the user's state is put back afterwards, bit for bit, also when the code
raises. The code runs twice: once to warm up (optimizers create their state on the first step), once to be traced.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import fx
from torch.fx.experimental.proxy_tensor import make_fx
from torch.utils import _pytree as pytree

from .assemble import Attribute, Draft, assemble
from .errors import USER_ERRORS, TargetError, one_line
from .fold import RANDOM_VALUE, fold_constants
from .foreach import expand_foreach
from .functionalize import WEIGHT, WRITES_LEAF, functionalize
from .graph import Origin, Traced, attribute
from .hooks import observed_state, portable_optimizers
from .inference import check_dtype, finish_inference, user_line
from .normalize import drop_bookkeeping, set_values
from .origins import STAMP, Watcher
from .snapshot import NumberReader, Snapshot, WriteRecorder, storage_key
from .state_names import StateNames, TensorKey, initial_value, tensor_key


def trace_callable(function: Callable[..., Any], inputs: tuple[torch.Tensor, ...], name: str) -> Traced:
    """Trace `function(*inputs)`; an inference graph if it neither differentiates nor changes state, else a step.

    Raises TargetError when the function raises (naming the exception and its line) or cannot be traced.
    """
    for index, tensor in enumerate(inputs):
        check_dtype(f"{name}: input {index}", tensor)
    return _Tracer(function, inputs, name).run()


@dataclass(slots=True)
class _Tracer:
    function: Callable[..., Any]
    inputs: tuple[torch.Tensor, ...]
    name: str
    notes: list[str] = field(default_factory=list)

    def run(self) -> Traced:
        snapshot = Snapshot(self.function)
        watcher, warm, live = Watcher(), WriteRecorder(), WriteRecorder()
        try:
            with observed_state(snapshot), portable_optimizers():
                with snapshot.recording(warm):
                    self._call(self.function, self._copies())
                is_step = warm.saw_backward or self._writes_state(warm)
                live = self._recorder(watcher)
                with watcher.watching():
                    module = self._make_graph(snapshot, live, is_step)
            names = StateNames(snapshot, watcher)
            if not is_step:
                return self._inference(module, names, watcher)
            return self._step(module, names, watcher, warm, live)
        finally:
            snapshot.restore()

    # Running the user's code.

    def _copies(self) -> tuple[torch.Tensor, ...]:
        return tuple(t.detach().clone().requires_grad_(t.requires_grad) for t in self.inputs)

    def _call(self, function: Callable[..., Any], inputs: tuple[torch.Tensor, ...]) -> Any:
        try:
            return function(*inputs)
        except TargetError:
            raise
        except USER_ERRORS as error:
            raise TargetError(f"{self.name} raised {one_line(error)}{user_line(error)}") from error

    def _writes_state(self, recorder: WriteRecorder) -> bool:
        """Tell whether the code wrote to memory that it had not allocated itself."""
        return any(key not in recorder.born for key in recorder.first)

    def _recorder(self, watcher: Watcher) -> WriteRecorder:
        """A recorder that also notes on nodes which tensors are trained, and what random operators returned."""

        def note(func: Any, args: Any, result: Any) -> None:
            node = watcher.last_node
            if node is None or node.target is not func:
                return
            for argument, tensor in zip(node.args, args, strict=False):
                if isinstance(argument, fx.Node) and argument.op == "call_function" and _is_trained(tensor):
                    argument.meta[WEIGHT] = True
            if not isinstance(result, torch.Tensor):
                return
            node.meta[WRITES_LEAF] = _is_trained(result) and func._schema.is_mutable
            random = torch.Tag.nondeterministic_seeded in func.tags
            if random and "dropout" not in func.name():
                with torch.utils._python_dispatch._disable_current_modes():
                    node.meta[RANDOM_VALUE] = result.detach().clone()

        return WriteRecorder(note)

    def _make_graph(self, snapshot: Snapshot, live: WriteRecorder, is_step: bool) -> fx.GraphModule:
        found: list[Any] = []

        def flat(*arguments: torch.Tensor) -> list[torch.Tensor]:
            with snapshot.recording(live), NumberReader(live.items):
                result = self._call(self.function, arguments)
            found.extend(pytree.tree_leaves(result))
            return [tensor for tensor in (self._as_tensor(leaf, live) for leaf in found) if tensor is not None]

        try:
            module = make_fx(flat, tracing_mode="real", pre_dispatch=not is_step)(*self._copies())
        except TargetError:
            raise
        except USER_ERRORS as error:
            raise TargetError(f"{self.name}: cannot be traced: {one_line(error)}{user_line(error)}") from error
        self._name_inputs(module)
        if live.items:
            self.notes.append(
                f"{self.name}: reads {len(live.items)} tensor values as numbers; those of the example inputs, and "
                "every branch taken on them, are fixed in the graph"
            )
        return module

    def _name_inputs(self, module: fx.GraphModule) -> None:
        """Call the placeholders what the function calls its arguments."""
        names: list[str] = []
        with suppress(TypeError, ValueError):
            names = list(inspect.signature(self.function).parameters)
        placeholders = [node for node in module.graph.nodes if node.op == "placeholder"]
        for index, node in enumerate(placeholders):
            name = names[index] if len(names) == len(placeholders) else f"input_{index}"
            node.target = name
            node._rename(name)
        module.recompile()

    def _as_tensor(self, leaf: Any, live: WriteRecorder) -> torch.Tensor | None:
        """Return a tensor output; for a number, the tensor that it was read from with `.item()`."""
        if isinstance(leaf, torch.Tensor):
            return leaf
        if isinstance(leaf, float):
            return next((tensor for tensor, value in reversed(live.items) if value == leaf), None)
        return None

    # From the raw graph to the result.

    def _inference(self, module: fx.GraphModule, names: StateNames, watcher: Watcher) -> Traced:
        self._unify_attributes(module, names)
        paths = watcher.module_names()
        for node in module.graph.nodes:
            stamp = node.meta.get(STAMP)
            if stamp is not None:
                node.meta["origin"] = Origin(paths.get(stamp.module, ""), stamp.source)
        drop_bookkeeping(module)
        set_values(module, self.inputs)
        flat, _ = functionalize(module)
        set_values(flat, self.inputs)
        fold_constants(flat, random=not self.inputs)
        return finish_inference(flat, self.inputs, self.name, tuple(self.notes))

    def _step(
        self, module: fx.GraphModule, names: StateNames, watcher: Watcher, warm: WriteRecorder, live: WriteRecorder
    ) -> Traced:
        tensors = self._unify_attributes(module, names)
        expand_foreach(module.graph)
        drop_bookkeeping(module)
        set_values(module, self.inputs)
        try:
            flat, finals = functionalize(module)
        except ValueError as error:
            raise TargetError(f"{self.name}: {error}") from error
        self._refuse_overlaps(tensors, finals)
        attributes = {
            target: Attribute(
                value=initial_value(tensor, names, warm, live),
                owner=names.owner(tensor),
                is_state=target in finals and storage_key(tensor) not in live.born,
                is_named=bool(names.of(tensor)),
            )
            for target, tensor in tensors.items()
        }
        draft = Draft(self.name, flat, self._copies(), finals, attributes, watcher.module_names(), tuple(self.notes))
        return assemble(draft)

    def _unify_attributes(self, module: fx.GraphModule, names: StateNames) -> dict[str, torch.Tensor]:
        """Give each tensor that the code closes over one `get_attr` target with the user's name; return them."""
        targets: dict[TensorKey, str] = {}
        tensors: dict[str, torch.Tensor] = {}
        used = {str(node.target) for node in module.graph.nodes if node.op == "placeholder"}
        for node in module.graph.nodes:
            if node.op != "get_attr":
                continue
            tensor = attribute(module, str(node.target))
            if not isinstance(tensor, torch.Tensor):
                raise TargetError(f"{self.name}: graph attribute {node.target} is not a tensor")
            name = names.of(tensor)
            check_dtype(f"{self.name}: tensor {name or node.target}", tensor)
            key = tensor_key(tensor)
            if key not in targets:
                targets[key] = _unique(name or str(node.target).lstrip("_"), used)
                tensors[targets[key]] = tensor
            node.target = targets[key]
            node.meta[WEIGHT] = tensor.requires_grad or names.is_part_of_module(tensor)
        for target, tensor in tensors.items():
            if hasattr(module, target):
                delattr(module, target)
            module.register_buffer(target, tensor.detach())
        return tensors

    def _refuse_overlaps(self, tensors: Mapping[str, torch.Tensor], finals: Mapping[str, fx.Node]) -> None:
        """Raise TargetError if a changed tensor shares memory with another one: the graph would miss the change."""
        seen: dict[int, str] = {}
        for target, tensor in tensors.items():
            other = seen.setdefault(storage_key(tensor), target)
            if other != target and (other in finals or target in finals):
                raise TargetError(
                    f"{self.name}: changes {target}, which shares memory with {other}; want separate tensors"
                )


def _is_trained(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and value.requires_grad and value.is_leaf


def _unique(name: str, used: set[str]) -> str:
    """Return a placeholder name like `name` that nobody has, and reserve it."""
    base = re.sub(r"\W", "_", name) or "state"
    if base[0].isdigit():
        base = f"p_{base}"
    candidate, count = base, 0
    while candidate in used:
        count += 1
        candidate = f"{base}_{count}"
    used.add(candidate)
    return candidate
