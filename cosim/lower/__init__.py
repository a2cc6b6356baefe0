"""Lowering: a quantized ATen graph becomes a Network of integer operators and listed CPU calls."""

from .api import lower
from .aten import register
from .errors import LoweringError

__all__ = ["LoweringError", "lower", "register"]
