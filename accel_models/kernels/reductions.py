"""CPU functions that reduce axes. ``dim``: an axis, a list of axes, or None for all; ``keepdim`` keeps them, size 1."""

from collections.abc import Callable, Sequence

import numpy as np

Axes = int | Sequence[int] | None


def _axes(dim: Axes) -> int | tuple[int, ...] | None:
    """None and an empty list both mean every axis, as in PyTorch."""
    if dim is None or isinstance(dim, int):
        return dim
    return tuple(dim) or None


def sum_(x: np.ndarray, *, dim: Axes = None, keepdim: bool = False) -> np.ndarray:
    """Sum; integers and booleans sum in int64."""
    dtype = x.dtype if x.dtype.kind == "f" else np.int64
    return np.asarray(np.sum(x, axis=_axes(dim), keepdims=keepdim, dtype=dtype))


def mean(x: np.ndarray, *, dim: Axes = None, keepdim: bool = False) -> np.ndarray:
    """Mean in float32; float32 sums are pairwise."""
    return np.asarray(np.mean(x, axis=_axes(dim), keepdims=keepdim, dtype=np.float32))


def var(x: np.ndarray, *, dim: Axes = None, keepdim: bool = False, correction: float = 1) -> np.ndarray:
    """Variance, divided by ``n - correction``."""
    return np.var(x, axis=_axes(dim), keepdims=keepdim, ddof=correction)


def amax(x: np.ndarray, *, dim: Axes = None, keepdim: bool = False) -> np.ndarray:
    return np.max(x, axis=_axes(dim), keepdims=keepdim)


def amin(x: np.ndarray, *, dim: Axes = None, keepdim: bool = False) -> np.ndarray:
    return np.min(x, axis=_axes(dim), keepdims=keepdim)


def max_(x: np.ndarray, *, dim: int, keepdim: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Largest values and their indices (int64, the first of equals) along one axis."""
    return amax(x, dim=dim, keepdim=keepdim), argmax(x, dim=dim, keepdim=keepdim)


def argmax(x: np.ndarray, *, dim: int | None = None, keepdim: bool = False) -> np.ndarray:
    """Index (int64) of the first largest element, of the flattened array when ``dim`` is None."""
    return np.asarray(np.argmax(x, axis=dim, keepdims=keepdim), np.int64)


def argmin(x: np.ndarray, *, dim: int | None = None, keepdim: bool = False) -> np.ndarray:
    """Index (int64) of the first smallest element, of the flattened array when ``dim`` is None."""
    return np.asarray(np.argmin(x, axis=dim, keepdims=keepdim), np.int64)


FUNCTIONS: dict[str, Callable[..., np.ndarray | tuple[np.ndarray, ...]]] = {
    "sum": sum_,
    "mean": mean,
    "var": var,
    "amax": amax,
    "amin": amin,
    "max": max_,
    "argmax": argmax,
    "argmin": argmin,
}
