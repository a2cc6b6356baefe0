"""Patch skip: a video network that recomputes only the patches that changed, and says what that costs."""

from workloads.patchskip.cost import Cost
from workloads.patchskip.settings import POLICIES, Settings
from workloads.patchskip.stream import Frame, Stream
from workloads.patchskip.wrap import quantized, wrap

__all__ = ["POLICIES", "Cost", "Frame", "Settings", "Stream", "quantized", "wrap"]
