"""Scores of network outputs. NumPy only, so that outputs of any machine can be scored."""

import numpy as np


def accuracy(outputs: np.ndarray, inputs: np.ndarray, labels: np.ndarray) -> float:
    """Fraction of samples whose largest output is at the label; outputs (n, classes), labels (n,)."""
    del inputs  # the same signature for every metric
    if outputs.ndim != 2 or len(outputs) != len(labels) or not len(labels):
        raise ValueError(f"want outputs (n, classes) and n > 0 labels, got {outputs.shape} and {labels.shape}")
    return float(np.mean(np.argmax(outputs, axis=1) == labels))


def auc(outputs: np.ndarray, inputs: np.ndarray, labels: np.ndarray) -> float:
    """Area under the ROC curve of the mean squared reconstruction error; labels (n,): 1 is an anomaly.

    The probability that an anomaly has a larger error than a normal sample, ties counting one half.
    """
    if outputs.shape != inputs.shape or len(outputs) != len(labels):
        raise ValueError(
            f"want outputs and inputs of one shape and as many labels, got {outputs.shape}, {inputs.shape} "
            f"and {labels.shape}"
        )
    difference = outputs.reshape(len(outputs), -1).astype(np.float64) - inputs.reshape(len(inputs), -1)
    errors = np.mean(difference**2, axis=1)
    normal, anomalous = np.sort(errors[labels == 0]), errors[labels == 1]
    if not len(normal) or not len(anomalous):
        raise ValueError("want at least one normal (0) and one anomalous (1) sample")
    below = np.searchsorted(normal, anomalous, side="left") + np.searchsorted(normal, anomalous, side="right")
    return float(np.mean(below) / (2 * len(normal)))


def relative_error(outputs: np.ndarray, inputs: np.ndarray, labels: np.ndarray) -> float:
    """Root mean square of what separates the outputs from the labels, over that of the labels; all of one shape."""
    del inputs  # the same signature for every metric
    if outputs.shape != labels.shape or not labels.any():
        raise ValueError(f"want outputs and labels of one shape, not all 0, got {outputs.shape} and {labels.shape}")
    exact = labels.astype(np.float64)
    return float(np.sqrt(np.mean((outputs - exact) ** 2) / np.mean(exact**2)))
