"""Post-training quantization of a traced float graph to int8, through torchao's PT2E with our own quantizer."""

from .annotate import AcceleratorQuantizer, RangeObserver
from .convert import QuantizeError, carries_qdq, quantize

__all__ = ["AcceleratorQuantizer", "QuantizeError", "RangeObserver", "carries_qdq", "quantize"]
