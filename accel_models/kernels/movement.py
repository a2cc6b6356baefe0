"""Operators and CPU functions that only move bytes, for any dtype."""

from collections.abc import Callable, Sequence

import numpy as np

from accel_models.network import Pad, Slice


def slice_(a: Slice, shape: tuple[int, ...], x: np.ndarray) -> np.ndarray:
    """``shape`` elements from ``a.start`` in steps of ``a.step`` on every axis."""
    if not len(a.start) == len(a.step) == x.ndim:
        raise ValueError(f"slice: want {x.ndim} starts and steps, got {a.start} and {a.step}")
    ranges = zip(a.start, a.step, shape, strict=True)
    return x[tuple(slice(start, start + (count - 1) * step + 1, step) for start, step, count in ranges)]


def pad(a: Pad, shape: tuple[int, ...], x: np.ndarray) -> np.ndarray:
    """x with ``a.value`` around it: ``a.before`` elements before each axis, what is left of ``shape`` after."""
    if len(a.before) != x.ndim:
        raise ValueError(f"pad: want {x.ndim} counts before, got {a.before}")
    y = np.full(shape, a.value, x.dtype)
    y[tuple(slice(before, before + count) for before, count in zip(a.before, x.shape, strict=True))] = x
    return y


def permute(x: np.ndarray, *, dims: Sequence[int]) -> np.ndarray:
    """Axes of x in the order ``dims``."""
    return np.transpose(x, tuple(dims))


def concat(*arrays: np.ndarray, dim: int = 0) -> np.ndarray:
    """Arrays joined along an axis they have."""
    return np.concatenate(arrays, axis=dim)


def stack(*arrays: np.ndarray, dim: int = 0) -> np.ndarray:
    """Arrays of one shape joined along a new axis."""
    return np.stack(arrays, axis=dim)


def reshape(x: np.ndarray, *, shape: Sequence[int]) -> np.ndarray:
    """The elements of x in another shape."""
    return x.reshape(tuple(shape))


FUNCTIONS: dict[str, Callable[..., np.ndarray]] = {
    "permute": permute,
    "concat": concat,
    "stack": stack,
    "reshape": reshape,
    "slice": lambda x, *, dim, start, end: np.take(x, np.arange(start, end), axis=dim),
}
