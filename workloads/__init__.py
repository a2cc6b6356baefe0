"""The computations: four small networks in plain PyTorch, with their data, training scripts and weights.

Importing this package needs neither PyTorch nor NumPy; a workload's callables import them when they are called.
"""

from workloads.registry import WORKLOADS, Workload, get, names

__all__ = ["WORKLOADS", "Workload", "get", "names"]
