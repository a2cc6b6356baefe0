"""Lowering: a quantized ATen graph becomes a Network of integer operators and listed CPU calls."""

from .api import Lowered, lower, lower_with_codes
from .aten import register
from .check import LayerDifference, Stored, layer_differences
from .errors import LoweringError
from .patchskip import lower_dense, lower_stream
from .step import lower_step
from .trained import lower_training_step, products_in_float

__all__ = [
    "LayerDifference",
    "Lowered",
    "LoweringError",
    "Stored",
    "layer_differences",
    "lower",
    "lower_dense",
    "lower_step",
    "lower_stream",
    "lower_training_step",
    "lower_with_codes",
    "products_in_float",
    "register",
]
