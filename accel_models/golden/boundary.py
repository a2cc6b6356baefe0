"""The boundary between a caller's arrays and stored codes: axis order, quantization in, dequantization out."""

import numpy as np

from accel_models.kernels.quantization import dequantize, quantize
from accel_models.network import Tensor


def caller_shape(tensor: Tensor) -> tuple[int, ...]:
    """Shape of one invocation's array in the caller's axis order."""
    if tensor.permutation is None:
        return tensor.shape
    shape = [0] * len(tensor.shape)
    for stored, caller in enumerate(tensor.permutation):
        shape[caller] = tensor.shape[stored]
    return tuple(shape)


def to_stored(tensor: Tensor, values: np.ndarray) -> np.ndarray:
    """Codes in stored order, [batch, *tensor.shape], from ``values`` [batch, *caller's shape].

    Floats are quantized when the tensor has a scale; integers are codes already and must fit the tensor's dtype. Where
    the caller's first axis is 1 it may be left out. Raises ValueError naming the tensor.
    """
    values = np.asarray(values)
    wanted = caller_shape(tensor)
    short = wanted[1:] if wanted[:1] == (1,) else wanted
    if values.ndim == 0 or values.shape[1:] not in (wanted, short):
        raise ValueError(f"input {tensor.name}: want shape {('batch', *wanted)}, got {values.shape}")
    values = values.reshape(len(values), *wanted)
    dtype = np.dtype(tensor.dtype)
    if values.dtype.kind == "f" and dtype.kind == "i" and tensor.scale is not None:
        values = quantize(values, scale=tensor.scale, zero_point=tensor.zero_point)
    elif values.dtype.kind == "f" and dtype.kind == "f":
        values = values.astype(dtype)
    elif values.dtype.kind not in "iub" or dtype.kind == "f":
        raise ValueError(f"input {tensor.name}: want {tensor.dtype}, got {values.dtype}")
    elif dtype.kind in "iu" and values.size and not _fits(values, dtype):
        raise ValueError(f"input {tensor.name}: values {values.min()}..{values.max()} do not fit {tensor.dtype}")
    if tensor.permutation is not None:
        values = values.transpose(0, *(axis + 1 for axis in tensor.permutation))
    return np.ascontiguousarray(values, dtype)


def to_caller(tensor: Tensor, codes: np.ndarray) -> np.ndarray:
    """``codes`` [batch, *tensor.shape] in the caller's axis order, dtype unchanged."""
    if tensor.permutation is None:
        return codes
    return np.ascontiguousarray(codes.transpose(0, *(int(axis) + 1 for axis in np.argsort(tensor.permutation))))


def to_real(tensor: Tensor, codes: np.ndarray) -> np.ndarray:
    """float32 values of codes; codes of a tensor without a scale are returned as they are."""
    return codes if tensor.scale is None else dequantize(codes, scale=tensor.scale, zero_point=tensor.zero_point)


def _fits(values: np.ndarray, dtype: np.dtype) -> bool:
    bounds = np.iinfo(dtype)
    return int(values.min()) >= bounds.min and int(values.max()) <= bounds.max
