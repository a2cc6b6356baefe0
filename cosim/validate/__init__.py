"""Validation: the models held to published measurements, with what was fitted and what was held out said apart."""

from cosim.validate.gemmini import GemminiReport, gemmini
from cosim.validate.published import Comparison, published

__all__ = ["Comparison", "GemminiReport", "gemmini", "published"]
