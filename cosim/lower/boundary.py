"""The boundary of a network: which inputs arrive as codes, how they are stored, what the outputs are."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import fx

from accel_models.network import Elementwise, Output8

from . import cpu
from .clamps import CLAMPS
from .codes import Codes, codes_of, is_dequantize, is_quantize
from .errors import LoweringError
from .graph import Graph, name_of
from .registry import MOVES
from .values import Value, channels_last, plain_value

if TYPE_CHECKING:
    from .lowering import Lowering

# Operators that want their channels last.
_IMAGES = (
    *(f"aten.{kind}" for kind in ("conv1d", "conv2d", "convolution", "pixel_shuffle", "upsample_nearest2d")),
    *(f"aten.{kind}_pool{rank}d" for rank in (1, 2) for kind in ("max", "avg", "adaptive_avg", "adaptive_max")),
    "aten.max_pool2d_with_indices",
    "aten.channel_shuffle",
)
_SAME_ORDER = ("aten.add", "aten.mul", "aten.sub", "aten.pad", "aten.constant_pad_nd", "aten.cat", *CLAMPS)


def boundary_codes(graph: Graph, node: fx.Node) -> Codes | None:
    """Codes that an input is quantized to before anything else happens to it; None when it is used as it is.

    The caller quantizes: what the network gets are int8 codes. Only moves and clamps may stand before the Q.
    """
    if graph.dtype_name(node) != "float32":
        return _given_codes(graph, node)
    found: list[Codes] = []
    stack = list(node.users)
    while stack:
        user = stack.pop()
        if is_quantize(user):
            found.append(codes_of(graph, user))
        elif user.op == "call_function" and name_of(user) in (*MOVES, *CLAMPS) and user.users:
            stack.extend(user.users)
        elif user.op == "output" or user.users:
            return None
    if not found or any(not codes.same_scale(found[0]) for codes in found):
        return None
    first = found[0]
    return Codes(first.scale, first.zero_point, min(c.low for c in found), max(c.high for c in found))


def _given_codes(graph: Graph, node: fx.Node) -> Codes | None:
    """Codes of an input that is int8 already, from the DQ that reads it."""
    for user in node.users:
        if is_dequantize(user):
            if graph.dtype_name(node) != "int8":
                raise LoweringError(
                    f"input {node.name} holds {graph.dtype_name(node)} codes; want int8 codes or float32"
                )
            return codes_of(graph, user)
    return None


def preferred_axes(graph: Graph, node: fx.Node) -> tuple[int, ...]:
    """Stored order of an input: channels last when a convolution or a pool is the first to care, else PyTorch's."""
    rank = len(graph.shape(node))
    plain = tuple(range(rank))
    if rank < 2:
        return plain
    queue, seen = list(node.users), set(node.users)
    while queue:
        user = queue.pop(0)
        if user.op != "call_function":
            continue
        if name_of(user) in _IMAGES:
            spatial = 1 if "1d" in name_of(user) else 2
            return channels_last(rank, batched=rank == spatial + 2) if rank > spatial else plain
        if is_quantize(user) or is_dequantize(user) or name_of(user) in _SAME_ORDER or len(user.args) == 1:
            fresh = [later for later in user.users if later not in seen]
            seen.update(fresh)
            queue.extend(fresh)
    return plain


def add_input(low: Lowering, node: fx.Node) -> None:
    """Declare an input: codes where it is quantized first, else the tensor that the caller has."""
    shape, dtype = low.graph.shape(node), low.graph.dtype_name(node)
    codes = boundary_codes(low.graph, node)
    axes = tuple(range(len(shape)))
    if codes is not None or dtype in ("int8", "uint8"):
        axes = preferred_axes(low.graph, node)
    stored = tuple(shape[axis] for axis in axes)
    name = low.draft.tensor(stored, "int8" if codes is not None else dtype, codes, "input")
    low.draft.labels[name] = str(node.target)
    low.draft.ranges[name] = (-128, 127)  # whatever the Q's bounds: the caller may bring any code
    permutation = None if axes == tuple(range(len(shape))) else axes
    low.draft.tensors[name] = replace(low.draft.tensors[name], permutation=permutation)
    low.draft.inputs.append(name)
    if low.draft.tensors[name].dtype == "int8":
        low.set_integers(node, Value(name, shape, axes))
    else:
        low.reals[node] = [name]


def output(low: Lowering, node: fx.Node) -> str:
    """Name of an output tensor: codes without their final DQ where there are any, else the real tensor."""
    integer = low.graph.dtype(node) in (torch.int8, torch.uint8)
    known = None
    if integer and (is_quantize(node) or low.has_integers(node)):
        known = low.integers(node)
    elif not integer and low.graph.constant(node) is None:
        found = low.codes(node)
        known = found[0] if found else None
    if known is None:
        return _own(low, plain_value(low.real(node), low.graph.shape(node)), node).tensor
    value = _own(low, known, node)
    tensor = low.draft.tensors[value.tensor]
    if value.axes != tuple(range(len(value.shape))):
        low.draft.tensors[value.tensor] = replace(tensor, permutation=value.axes)
    return value.tensor


def _own(low: Lowering, value: Value, node: fx.Node) -> Value:
    """Make sure that an output has a tensor of its own: not an input, a constant or another output."""
    tensor = low.draft.tensors[value.tensor]
    if tensor.role == "activation":
        low.draft.tensors[value.tensor] = replace(tensor, role="output")
        return value
    if tensor.dtype == "int8":
        codes = Codes(tensor.scale or 1.0, tensor.zero_point, *low.draft.code_range(value.tensor))
        attributes = Elementwise(function="rescale", zero_a=codes.zero_point,
                                 output=Output8(zero_point=codes.zero_point))  # fmt: skip
        name = low.draft.emit(attributes, [value.tensor], tensor.shape, codes, node, label="copy")
    else:
        name = cpu.copy(low, value.tensor, node)
    low.draft.tensors[name] = replace(low.draft.tensors[name], role="output")
    return replace(value, tensor=name)
