"""``lower``: the package's entry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import fx

from accel_models.network import CpuCall, Network, Reshape

from . import conv, copies, matmul, pooling, shapes  # noqa: F401  they register their operators
from .assemble import assemble
from .check import Stored
from .codes import is_dequantize, is_quantize
from .errors import LoweringError
from .fuse import fuse
from .graph import Graph
from .lowering import Lowering

_FIX = "quantize it first: cosim.quantize.quantize(traced, calibration)"


@dataclass(frozen=True, slots=True)
class Lowered:
    """A network and, by name of the graph's Q nodes, where their codes lie in it (see ``check.layer_differences``)."""

    network: Network
    stored: Mapping[str, Stored]


def lower(
    graph: fx.GraphModule | torch.export.ExportedProgram,
    *,
    name: str,
    multiplier_bits: int = 31,
    rounding: Literal["half_up", "double"] = "half_up",
    origins: Mapping[str, Any] | None = None,
    allow_float: bool = False,
    seed: int = 0,
) -> Network:
    """The network of ``lower_with_codes``."""
    return lower_with_codes(
        graph,
        name=name,
        multiplier_bits=multiplier_bits,
        rounding=rounding,
        origins=origins,
        allow_float=allow_float,
        seed=seed,
    ).network


def lower_with_codes(
    graph: fx.GraphModule | torch.export.ExportedProgram,
    *,
    name: str,
    multiplier_bits: int = 31,
    rounding: Literal["half_up", "double"] = "half_up",
    origins: Mapping[str, Any] | None = None,
    allow_float: bool = False,
    seed: int = 0,
) -> Lowered:
    """Lower a functional ATen inference graph with Q/DQ nodes; the graph is not changed.

    ``multiplier_bits``: 31, or 16 for the cheaper multiplier. ``rounding``: of requantization, as in arithmetic.py.
    ``origins``: node name -> object with ``module``, ``source``, ``phase``; without it the nodes' own metadata is used.
    ``allow_float``: take a graph without quantized operators too; all of it then runs on the CPU, in float32.
    ``seed``: of operators that draw random numbers, together with their node's name.
    Values agree with PyTorch's execution of the same graph, layer by layer, to 1 LSB at rounding ties. Raises
    LoweringError for a graph without quantized operators and for what int8 arithmetic cannot hold.
    """
    if multiplier_bits not in (16, 31):
        raise LoweringError(f"want multiplier_bits 16 or 31, got {multiplier_bits}")
    if rounding not in ("half_up", "double"):
        raise LoweringError(f"want rounding 'half_up' or 'double', got {rounding!r}")
    source = Graph(graph, origins)
    if not allow_float and not any(is_quantize(node) or is_dequantize(node) for node in source.nodes):
        raise LoweringError(f"{name}: no quantized operator in the graph (no Q/DQ node); {_FIX}")
    lowering = Lowering(source, multiplier_bits, rounding == "double", seed)
    lowering.run()
    draft = lowering.draft
    fuse(draft)
    if not allow_float and not any(not isinstance(step.attributes, CpuCall | Reshape) for step in draft.steps):
        raise LoweringError(f"{name}: zero quantized operators: no operator of the graph computes on int8 codes")
    metadata = {"multiplier_bits": multiplier_bits, "rounding": rounding}
    network, names = assemble(draft, source, name, sum(lowering.trained.values()), metadata)
    return Lowered(network, lowering.stored(names))
