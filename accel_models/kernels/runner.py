"""One operator, or a whole network, on NumPy arrays."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from accel_models.kernels import (
    gradients,
    integer,
    layers,
    movement,
    normalization,
    pointwise,
    quantization,
    reductions,
    streams,
    training,
)
from accel_models.network import (
    TRAINING,
    Concat,
    Conv2d,
    CpuCall,
    Elementwise,
    MatMul,
    Network,
    Operator,
    Pad,
    Permute,
    Pool,
    Reshape,
    Slice,
    Tensor,
)

Arrays = dict[str, np.ndarray]
Call = tuple[str, Sequence[int], Sequence[tuple[str, Any]], int]

#: Kernels by CpuCall.function. Tensors are positional, ``CpuCall.parameters`` are keywords; results are an array or a
#: tuple of arrays. Names and parameters are PyTorch's where PyTorch has the function. Add one in the module it fits.
FUNCTIONS: dict[str, Callable[..., np.ndarray | tuple[np.ndarray, ...]]] = {
    **quantization.FUNCTIONS,
    **pointwise.FUNCTIONS,
    **reductions.FUNCTIONS,
    **normalization.FUNCTIONS,
    **layers.FUNCTIONS,
    **movement.FUNCTIONS,
    **gradients.FUNCTIONS,
    **training.FUNCTIONS,
    **streams.FUNCTIONS,
}


def sequence(*operands: np.ndarray, calls: Sequence[Call], results: Sequence[int]) -> tuple[np.ndarray, ...]:
    """Several calls as one. A call is (function, operands, parameters, elements); values are numbered in order: the
    operands of the sequence, then the results of each call. ``elements`` of each call are what it is priced by."""
    values = list(operands)
    for function, given, parameters, _ in calls:
        found = FUNCTIONS[function](*(values[place] for place in given), **dict(parameters))
        values += found if isinstance(found, tuple) else (found,)
    return tuple(np.asarray(values[place]) for place in results)


FUNCTIONS["sequence"] = FUNCTIONS["fused"] = sequence  # one after the other, or all of them element by element


def execute(operator: Operator, values: Mapping[str, np.ndarray], tensors: Mapping[str, Tensor]) -> Arrays:
    """Outputs of one operator by name.

    ``values``: its inputs, in the stored order of their tensors; ``tensors``: declarations of (at least) its outputs,
    which give the sizes of pools, slices, pads and reshapes. Raises ValueError naming an unknown function, or an output
    that does not have the declared shape or kind of number.
    """
    operands = [values[name] for name in operator.inputs]
    declared = [tensors[name] for name in operator.outputs]
    with np.errstate(all="ignore"):  # infinities and not-a-number are values, as in PyTorch
        results = _results(operator, operands, declared)
    if len(results) != len(declared):
        raise ValueError(f"operator {operator.name}: want {len(declared)} results, the kernel gave {len(results)}")
    return {tensor.name: _declared(operator, tensor, value) for tensor, value in zip(declared, results, strict=True)}


def _results(operator: Operator, operands: list[np.ndarray], declared: list[Tensor]) -> tuple[np.ndarray, ...]:
    attributes, shape = operator.attributes, declared[0].shape
    match attributes:
        case Conv2d():
            return (integer.conv2d(attributes, *operands),)
        case MatMul():
            return (integer.matmul(attributes, *operands),)
        case Elementwise():
            return (integer.elementwise(attributes, *operands),)
        case Pool():
            return (integer.pool(attributes, shape, *operands),)
        case Concat():
            return (np.concatenate(operands, attributes.axis),)
        case Slice():
            return (movement.slice_(attributes, shape, *operands),)
        case Pad():
            return (movement.pad(attributes, shape, *operands),)
        case Permute():
            return (np.transpose(operands[0], attributes.axes),)
        case Reshape():
            return (operands[0].reshape(shape),)
        case CpuCall():
            function = FUNCTIONS.get(attributes.function)
            if function is None:
                raise ValueError(f"operator {operator.name}: no NumPy kernel for function {attributes.function!r}")
            try:
                result = function(*operands, **dict(attributes.parameters))
            except TypeError as error:
                raise ValueError(f"operator {operator.name}, function {attributes.function!r}: {error}") from None
            return result if isinstance(result, tuple) else (result,)
        case _ if isinstance(attributes, TRAINING):
            return training.operator(attributes, *operands)
    raise ValueError(f"operator {operator.name}: no kernel for kind {operator.kind!r}")


def _declared(operator: Operator, tensor: Tensor, value: np.ndarray) -> np.ndarray:
    value, dtype = np.asarray(value), np.dtype(tensor.dtype)
    if value.shape != tensor.shape or not np.can_cast(value.dtype, dtype, "same_kind"):
        raise ValueError(
            f"operator {operator.name}: tensor {tensor.name} is declared {tensor.dtype}{tensor.shape}, "
            f"the kernel gave {value.dtype}{value.shape}"
        )
    return np.ascontiguousarray(value.astype(dtype, copy=False)).reshape(tensor.shape)


def run_network(network: Network, inputs: Mapping[str, np.ndarray]) -> Arrays:
    """Every tensor of one invocation by name, from input codes in stored order.

    Persistent tensors start from ``inputs`` or, where they are not given, from zero. Raises ValueError naming an input
    of another shape or dtype.
    """
    values: Arrays = dict(network.constants)
    for name, tensor in network.tensors.items():
        if tensor.role == "persistent" and name not in values:
            values[name] = np.zeros(tensor.shape, tensor.dtype)
    for name in (*network.inputs, *(set(inputs) - set(network.inputs))):
        if name not in inputs or name not in network.tensors:
            raise ValueError(f"network {network.name}: want the inputs {list(network.inputs)}, got {sorted(inputs)}")
        tensor, array = network.tensors[name], np.asarray(inputs[name])
        if array.shape != tensor.shape or array.dtype != np.dtype(tensor.dtype):
            raise ValueError(f"input {name}: want {tensor.dtype}{tensor.shape}, got {array.dtype}{array.shape}")
        values[name] = array
    for operator in network.operators:
        values.update(execute(operator, values, network.tensors))
    return values
