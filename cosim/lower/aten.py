"""ATen operators without a NumPy kernel: how their call is written into a Network, and executed by PyTorch later.

``CpuCall.function`` is ``aten::name.overload`` (any namespace), its parameters ``args`` and ``kwargs`` hold plain JSON
values and tagged tuples: ``("tensor", i)`` is operand i, ``("list", ...)`` a list, ``("dtype", name)`` a dtype.
An operator that draws random numbers has a third one, ``seed``: it draws the same ones every time it runs. ``keep``:
the places of the results that are wanted, where it leaves some out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import fx

from accel_models.kernels import FUNCTIONS
from accel_models.network import CpuCall, Network

from .errors import LoweringError
from .kernels import Call, Named, torch_name


def call(low: Named, node: fx.Node) -> Call:
    """The call of ``node`` with its arguments; LoweringError for arguments that cannot be written down."""
    schema = getattr(node.target, "_schema", None)
    if schema is None:
        raise LoweringError(f"node {node.name}: {node.target} is no ATen operator")
    tensors: list[str] = []
    args = tuple(_encode(low, node, value, tensors) for value in node.args)
    kwargs = tuple((key, _encode(low, node, value, tensors)) for key, value in sorted(node.kwargs.items()))
    overload = schema.overload_name or "default"
    parameters: dict[str, Any] = {"args": args, "kwargs": kwargs}
    if torch.Tag.nondeterministic_seeded in node.target.tags:
        parameters["seed"] = _seed(low.seed, node.name)
    return Call(f"{schema.name}.{overload}", tensors, parameters)


def _seed(seed: int, name: str) -> int:
    """A seed for one operator, 63 bits: two operators of a network draw different numbers."""
    digest = hashlib.sha256(f"{seed} {name}".encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1


def register(network: Network) -> None:
    """Make ``accel_models.kernels`` able to execute the ATen calls of a network, through PyTorch."""
    for operator in network.operators:
        attributes = operator.attributes
        if not isinstance(attributes, CpuCall):
            continue
        inner = dict(attributes.parameters).get("calls", ()) if attributes.function == "sequence" else ()
        for function in (attributes.function, *(item[0] for item in inner)):
            if "::" in function:
                FUNCTIONS.setdefault(function, kernel(function))


def kernel(function: str) -> Callable[..., tuple[np.ndarray, ...]]:
    """A NumPy-in, NumPy-out form of the operator named ``namespace::name.overload``."""
    path, _, overload = function.rpartition(".")
    namespace, _, name = path.partition("::")
    target = getattr(getattr(getattr(torch.ops, namespace), name), overload)

    def run(
        *operands: np.ndarray,
        args: tuple[Any, ...],
        kwargs: tuple[tuple[str, Any], ...],
        seed: int | None = None,
        keep: tuple[int, ...] | None = None,
    ) -> tuple[np.ndarray, ...]:
        tensors = [torch.from_numpy(np.array(operand)) for operand in operands]
        with torch.no_grad(), torch.random.fork_rng(devices=[], enabled=seed is not None):
            if seed is not None:
                torch.default_generator.manual_seed(seed)
            result = target(*(_decode(value, tensors) for value in args), **{k: _decode(v, tensors) for k, v in kwargs})
        results = result if isinstance(result, tuple | list) else (result,)
        kept = [place for place, item in enumerate(results) if item is not None] if keep is None else keep
        return tuple(results[place].numpy() for place in kept)

    return run


def _encode(low: Named, node: fx.Node, value: Any, tensors: list[str]) -> Any:
    if isinstance(value, fx.Node):
        name = low.reals[value][0]
        if name not in tensors:
            tensors.append(name)
        return ("tensor", tensors.index(name))
    if isinstance(value, torch.dtype):
        return ("dtype", torch_name(value))
    if isinstance(value, list | tuple):
        return ("list", *(_encode(low, node, item, tensors) for item in value))
    if isinstance(value, torch.device | torch.layout | torch.memory_format):
        return None  # everything runs on the CPU, strided
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise LoweringError(f"node {node.name}: argument {value!r} of {node.target} cannot be written into a Network")


def _decode(value: Any, tensors: list[torch.Tensor]) -> Any:
    if not isinstance(value, tuple | list):
        return value
    tag, *items = value
    if tag == "tensor":
        return tensors[items[0]]
    if tag == "dtype":
        return getattr(torch, items[0])
    return [_decode(item, tensors) for item in items]
