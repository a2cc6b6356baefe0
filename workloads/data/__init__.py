"""Data sets: readers of files that the user names, and generators for what the package brings itself."""

from workloads.data.samples import DataSet, Samples, Split

__all__ = ["DataSet", "Samples", "Split"]
