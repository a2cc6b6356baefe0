"""The computations in plain PyTorch: four small networks with data, training scripts and weights, and a matrix product.

Importing this package needs neither PyTorch nor NumPy; a workload's callables import them when they are called.
"""

from workloads.registry import TRAININGS, WORKLOADS, Training, Workload, get, names

__all__ = ["TRAININGS", "WORKLOADS", "Training", "Workload", "get", "names"]
