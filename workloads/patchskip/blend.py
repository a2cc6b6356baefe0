"""A network in float32 in which gates mix what a layer computes now with what it held before, with gradients.

Only convolutions need mixing: every other layer is a function of its inputs, pixel by pixel.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch

from workloads.patchskip.gates import FRACTION
from workloads.patchskip.graph import Graph, apply
from workloads.patchskip.grid import Grid
from workloads.patchskip.plan import LayerPlan

Decide = Callable[[str, torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor]]
"""(name of a map, now, before) -> (hard, soft): float32 (n, down, across), 0 or 1 and its probability."""


@dataclass(frozen=True, slots=True)
class Blended:
    """Every layer's map, and the share of the dense multiply-accumulates that was computed (with a gradient)."""

    values: dict[str, torch.Tensor]
    share: torch.Tensor


def dilated(plan: LayerPlan, hard: torch.Tensor, soft: torch.Tensor) -> torch.Tensor:
    """(n, down, across): 1 where any patch that is read is on; the gradient is that of the chance of it (noisy or)."""
    rows, columns = plan.reaches[0].matrices()
    on = (rows @ hard @ columns.T > 0).to(hard.dtype)
    chance = 1.0 - torch.exp(rows @ torch.log1p(-soft.clamp(max=1.0 - 1e-6)) @ columns.T)
    return on + chance - chance.detach()


def batch_features(now: torch.Tensor, before: torch.Tensor, grid: Grid, step: float) -> torch.Tensor:
    """(n, down, across, 3) float32: the gate's features of float maps, in codes of `step`, not rounded."""
    distance, elements = (now - before).abs() / step, grid.areas() * now.shape[1]
    per_image = [
        torch.stack(
            [
                grid.largest(d),
                FRACTION * grid.tiles(d).sum((0, 2, 4)) / elements,
                grid.tiles(x).sum((0, 2, 4)) / elements,
            ],
            dim=-1,
        )
        for d, x in zip(distance, now.abs() / step, strict=True)
    ]
    return torch.stack(per_image).clamp(max=255.0)


def run_blended(
    graph: Graph, plans: Mapping[str, LayerPlan], decide: Decide, x: torch.Tensor, before: Mapping[str, torch.Tensor]
) -> Blended:
    """The network on frames x (n, c, rows, columns), where `before` holds every layer's map of earlier frames."""
    values, decisions = {graph.layers[0].name: x}, dict[str, tuple[torch.Tensor, torch.Tensor]]()
    computed = x.new_zeros(())
    for layer in graph.layers[1:]:
        values[layer.name] = fresh = apply(layer, [values[name] for name in layer.inputs])
        if layer.kind != "conv":
            continue
        (source,) = layer.inputs
        if source not in decisions:
            decisions[source] = decide(source, values[source], before[source])
        plan = plans[layer.name]
        mask = dilated(plan, *decisions[source])
        spread = mask.repeat_interleave(plan.grid.edge[0], 1).repeat_interleave(plan.grid.edge[1], 2)
        spread = spread[:, None, : plan.grid.rows, : plan.grid.columns]
        values[layer.name] = before[layer.name] + spread * (fresh - before[layer.name])
        computed = computed + (mask * plan.areas).sum() * layer.macs_per_pixel
    return Blended(values, computed / (len(x) * graph.macs))
