"""CPU functions that normalise: softmax and the norms of inference, float32, in PyTorch's axis order."""

import math
from collections.abc import Callable, Sequence

import numpy as np


def softmax(x: np.ndarray, *, dim: int = -1) -> np.ndarray:
    """``exp(x - max) / sum`` along ``dim``."""
    powers = np.exp(x - x.max(axis=dim, keepdims=True))
    return powers / powers.sum(axis=dim, keepdims=True)


def log_softmax(x: np.ndarray, *, dim: int = -1) -> np.ndarray:
    """``x - max - log(sum exp(x - max))`` along ``dim``."""
    shifted = x - x.max(axis=dim, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=dim, keepdims=True))


def layer_norm(
    x: np.ndarray,
    weight: np.ndarray | None = None,
    bias: np.ndarray | None = None,
    *,
    normalized_shape: Sequence[int],
    eps: float = 1e-5,
) -> np.ndarray:
    """``(x - mean) / sqrt(variance + eps) * weight + bias`` over the last axes, ``normalized_shape`` of them."""
    axes = tuple(range(-len(normalized_shape), 0))
    if x.shape[-len(axes) :] != tuple(normalized_shape):
        raise ValueError(f"layer_norm: normalized_shape {tuple(normalized_shape)} does not end the shape {x.shape}")
    return _affine(_standardised(x, axes, eps), weight, bias)


def group_norm(
    x: np.ndarray,
    weight: np.ndarray | None = None,
    bias: np.ndarray | None = None,
    *,
    num_groups: int,
    eps: float = 1e-5,
) -> np.ndarray:
    """Norm of x [N, C, ...] over each group of channels and all positions; ``weight``, ``bias`` [C]."""
    grouped = x.reshape(x.shape[0], num_groups, -1)
    channels = (x.shape[1],) + (1,) * (x.ndim - 2)
    normal = _standardised(grouped, (2,), eps).reshape(x.shape)
    return _affine(normal, _reshaped(weight, channels), _reshaped(bias, channels))


def batch_norm(
    x: np.ndarray,
    weight: np.ndarray | None,
    bias: np.ndarray | None,
    mean: np.ndarray,
    variance: np.ndarray,
    *,
    eps: float = 1e-5,
) -> np.ndarray:
    """Inference: x [N, C, ...] with running ``mean`` and ``variance`` [C]."""
    channels = (x.shape[1],) + (1,) * (x.ndim - 2)
    normal = (x - mean.reshape(channels)) / np.sqrt(variance.reshape(channels) + np.float32(eps))
    return _affine(normal, _reshaped(weight, channels), _reshaped(bias, channels))


def _standardised(x: np.ndarray, axes: tuple[int, ...], eps: float) -> np.ndarray:
    centred = x - x.mean(axis=axes, keepdims=True)
    count = math.prod(x.shape[axis] for axis in axes)
    variance = np.square(centred).sum(axis=axes, keepdims=True) / np.float32(count)
    return centred / np.sqrt(variance + np.float32(eps))


def _reshaped(values: np.ndarray | None, shape: tuple[int, ...]) -> np.ndarray | None:
    return None if values is None else values.reshape(shape)


def _affine(x: np.ndarray, weight: np.ndarray | None, bias: np.ndarray | None) -> np.ndarray:
    x = x if weight is None else x * weight
    return x if bias is None else x + bias


FUNCTIONS: dict[str, Callable[..., np.ndarray]] = {
    "softmax": softmax,
    "log_softmax": log_softmax,
    "layer_norm": layer_norm,
    "group_norm": group_norm,
    "batch_norm": batch_norm,
}
