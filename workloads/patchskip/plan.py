"""What is known of a stream before its first frame: patches of every map, halos, what is compared and what is kept."""

from dataclasses import dataclass
from math import prod

import torch

from workloads.patchskip.graph import Layer
from workloads.patchskip.grid import Grid, Reach, reach, through
from workloads.patchskip.integer import Network
from workloads.patchskip.settings import Settings


@dataclass(frozen=True, slots=True)
class LayerPlan:
    """A layer's patches, which patches of each input they read, and pixels and taps of each patch, (down, across)."""

    grid: Grid
    reaches: tuple[Reach, ...]
    areas: torch.Tensor
    taps: torch.Tensor

    def dilated(self, masks: list[torch.Tensor]) -> torch.Tensor:
        """The patches that read a patch in any of the inputs' masks."""
        return torch.stack([r(mask) for r, mask in zip(self.reaches, masks, strict=True)]).any(dim=0)

    def pixels(self, mask: torch.Tensor) -> int:
        """In the patches of `mask`."""
        return int(self.areas[mask].sum())


def grids_of(layers: tuple[Layer, ...], patch: int) -> dict[str, Grid]:
    """The patches of every map; they shrink with each stride."""
    source = layers[0]
    grids = {source.name: Grid(*source.shape[1:], (patch, patch))}
    for layer in layers[1:]:
        grids[layer.name] = through(grids[layer.inputs[0]], *layer.shape[1:], layer.window)
    return grids


def plans_of(layers: tuple[Layer, ...], patch: int) -> dict[str, LayerPlan]:
    """The plan of every layer, by name."""
    grids, plans = grids_of(layers, patch), {}
    for layer in layers:
        grid = grids[layer.name]
        reaches = tuple(reach(grids[name], grid, layer.window) for name in layer.inputs)
        taps = sum((r.taps() for r in reaches), torch.zeros(grid.shape, dtype=torch.int64))
        plans[layer.name] = LayerPlan(grid, reaches, grid.areas(), taps)
    return plans


def compared_maps(layers: tuple[Layer, ...], settings: Settings) -> tuple[str, ...]:
    """Names of the maps with a comparator: the frame, and what convolutions read."""
    source = layers[0].name
    if settings.compare == "input":
        return (source,)
    read = {name for layer in layers if layer.kind == "conv" for name in layer.inputs}
    return (source, *(layer.name for layer in layers[1:] if layer.name in read))


def persistent_bytes(network: Network, settings: Settings) -> dict[str, int]:
    """What lives from frame to frame: every operator's output, references, sums (int32) and masks."""
    layers = network.graph.layers
    sizes = {layer.name: prod(layer.shape) for layer in layers}
    grids = grids_of(layers, settings.patch)
    return {
        "outputs": sum(sizes[layer.name] for layer in layers[1:]),
        "references": sum(sizes[name] for name in compared_maps(layers, settings)),
        "sums": sum(4 * layer.shape[0] for layer in layers if layer.kind == "mean"),
        "masks": sum(-(-prod(grid.shape) // 8) for grid in grids.values()),
    }


def check_memory(network: Network, settings: Settings) -> None:
    """ValueError naming what to drop when the stream keeps more than the settings allow."""
    limit, needs = settings.memory_bytes, persistent_bytes(network, settings)
    if limit is None or sum(needs.values()) <= limit:
        return
    parts = ", ".join(f"{name} {size}" for name, size in needs.items())
    advice = "a smaller network or frame"
    if settings.compare == "every":
        saved = needs["references"] - prod(network.input.layer.shape)
        advice = f"compare='input', which drops {saved} bytes of references"
    raise ValueError(f"the stream keeps {sum(needs.values())} bytes ({parts}), the limit is {limit}; want {advice}")
