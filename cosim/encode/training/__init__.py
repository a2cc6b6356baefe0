"""Expansion of a training step's operators: products of three shapes, sums, pooling and updates, tile by tile."""

from cosim.encode.training.dispatch import expand_training

__all__ = ["expand_training"]
