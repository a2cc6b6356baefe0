"""Bilinear resizing of images, as two matrix products."""

import numpy as np


def _weights(n_in: int, n_out: int) -> np.ndarray:
    """(n_out, n_in) interpolation matrix; pixel centres at half-integers, edges repeated."""
    position = np.clip((np.arange(n_out) + 0.5) * n_in / n_out - 0.5, 0, n_in - 1)
    low = np.minimum(position.astype(np.int64), max(n_in - 2, 0))
    high = np.minimum(low + 1, n_in - 1)
    fraction = position - low
    matrix = np.zeros((n_out, n_in))
    np.add.at(matrix, (np.arange(n_out), low), 1 - fraction)
    np.add.at(matrix, (np.arange(n_out), high), fraction)
    return matrix


def resize_bilinear(images: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resize the last two axes (rows, columns) to (height, width); float64. No smoothing when shrinking."""
    rows, columns = _weights(images.shape[-2], height), _weights(images.shape[-1], width)
    return np.asarray(rows @ images @ columns.T)
