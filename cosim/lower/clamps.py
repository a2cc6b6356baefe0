"""Operators that only bound their input: fused into the operator that produces it, as clamps on the codes."""

from __future__ import annotations

from torch import fx

from .graph import Graph, name_of

CLAMPS = (
    "aten.relu",
    "aten.relu6",
    "aten.hardtanh",
    "aten.clamp",
    "aten.clamp_min",
    "aten.clamp_max",
    "aten.threshold",
)
_KEYS = {
    "aten.hardtanh": ("min_val", "max_val"),
    "aten.clamp": ("min", "max"),
    "aten.clamp_min": ("min", ""),
    "aten.clamp_max": ("", "max"),
}
_INFINITE = float("inf")


def clamp_bounds(graph: Graph, node: fx.Node) -> tuple[float, float] | None:
    """Lower and upper bound of a clamp, real and possibly infinite; None where a bound is no constant number."""
    name, given = name_of(node), graph.arguments(node)
    if name == "aten.relu":
        return 0.0, _INFINITE
    if name == "aten.relu6":
        return 0.0, 6.0
    if name == "aten.threshold":  # x if x > threshold else value
        return (0.0, _INFINITE) if given["threshold"] == 0 and given["value"] == 0 else None
    bounds = []
    for key, missing in zip(_KEYS[name], (-_INFINITE, _INFINITE), strict=True):
        value = given.get(key)
        constant = graph.constant(value)
        if constant is not None and constant.numel() == 1:
            value = float(constant)
        if isinstance(value, fx.Node):
            return None
        bounds.append(missing if value is None else float(value))
    return (bounds[0], bounds[1]) if bounds[0] <= bounds[1] else None
