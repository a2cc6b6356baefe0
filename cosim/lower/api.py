"""``lower``: the package's entry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import fx

from accel_models.network import CpuCall, Network, Reshape

from . import conv, matmul, pooling, shapes  # noqa: F401  they register their operators
from .assemble import assemble
from .codes import is_dequantize, is_quantize
from .errors import LoweringError
from .fuse import fuse
from .graph import Graph
from .lowering import Lowering

_FIX = "quantize it first: cosim.quantize.quantize(traced, calibration)"


def lower(
    graph: fx.GraphModule | torch.export.ExportedProgram,
    *,
    name: str,
    multiplier_bits: int = 31,
    rounding: Literal["half_up", "double"] = "half_up",
    origins: Mapping[str, Any] | None = None,
) -> Network:
    """Lower a functional ATen inference graph with Q/DQ nodes; the graph is not changed.

    ``multiplier_bits``: 31, or 16 for the cheaper multiplier. ``rounding``: of requantization (accel_models.arithmetic).
    ``origins``: node name -> object with ``module``, ``source``, ``phase``; without it the nodes' own metadata is used.
    Values agree with PyTorch's execution of the same graph, layer by layer, to 1 LSB at rounding ties. Raises
    LoweringError for a graph without quantized operators and for what int8 arithmetic cannot hold.
    """
    if multiplier_bits not in (16, 31):
        raise LoweringError(f"want multiplier_bits 16 or 31, got {multiplier_bits}")
    if rounding not in ("half_up", "double"):
        raise LoweringError(f"want rounding 'half_up' or 'double', got {rounding!r}")
    source = Graph(graph, origins)
    if not any(is_quantize(node) or is_dequantize(node) for node in source.nodes):
        raise LoweringError(f"{name}: no quantized operator in the graph (no Q/DQ node); {_FIX}")
    lowering = Lowering(source, multiplier_bits, rounding == "double")
    lowering.run()
    draft = lowering.draft
    fuse(draft)
    if not any(not isinstance(step.attributes, CpuCall | Reshape) for step in draft.steps):
        raise LoweringError(f"{name}: no operator of the graph computes on int8 codes; {_FIX}")
    metadata = {"multiplier_bits": multiplier_bits, "rounding": rounding}
    return assemble(draft, source, name, sum(lowering.trained.values()), metadata)
