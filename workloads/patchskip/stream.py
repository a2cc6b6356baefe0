"""A network that lives from frame to frame and recomputes patches only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod

import torch

from workloads.patchskip import integer
from workloads.patchskip.comparator import Comparator, Gate
from workloads.patchskip.cost import Cost
from workloads.patchskip.integer import Network, Operator
from workloads.patchskip.patches import convolve_patches, spans
from workloads.patchskip.plan import check_memory, compared_maps, plans_of
from workloads.patchskip.settings import Settings

MOST_BLIND_FRAMES = 8
"""A stream that has fallen back to dense looks again after at most so many frames."""
Masks = dict[str, torch.Tensor]


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame's result: the network's output (values, float32) and last map (int8); `whole`: nothing was skipped.

    Masks are bool (patches down, across): `changed` by compared map, `recomputed` by layer.
    """

    output: torch.Tensor
    features: torch.Tensor
    whole: bool
    changed: Mapping[str, torch.Tensor]
    recomputed: Mapping[str, torch.Tensor]
    cost: Cost


@dataclass(slots=True)
class _Step:
    """A frame in the making: masks and convolutions' operands so far, and the maps as they were."""

    before: dict[str, torch.Tensor]
    changed: Masks = field(default_factory=dict)
    rewritten: Masks = field(default_factory=dict)
    operands: dict[str, torch.Tensor] = field(default_factory=dict)
    cost: Cost = Cost()


class Stream:
    """Call it with frame after frame, float32 (channels, rows, columns) as the network expects them."""

    def __init__(self, network: Network, settings: Settings, gates: Mapping[str, Gate] | None = None) -> None:
        check_memory(network, settings)
        self.network, self.settings = network, settings
        self.plans = plans_of(network.graph.layers, settings.patch)
        gates, compared = gates or {}, compared_maps(network.graph.layers, settings)
        for name in gates.keys() - set(compared):
            raise ValueError(f"a gate for {name}, which is not compared; want {', '.join(compared)}")
        zeros = {operator.layer.name: operator.codes.zero for operator in network.operators}
        self.comparators = {
            name: Comparator(
                self.plans[name].grid, settings.policy, settings.theta_of(name), zeros[name], gates.get(name)
            )
            for name in compared
        }
        self.restart()

    def restart(self) -> None:
        """Forget every frame."""
        self.values: dict[str, torch.Tensor] = {}
        self.sums: dict[str, torch.Tensor] = {}
        self.frames = 0
        self._last_index: int | None = None
        self._blind, self._next_blind = 0, 1

    def __call__(self, frame: torch.Tensor, index: int | None = None) -> Frame:
        """The next frame; `index`, its number, must rise (frames may be missing)."""
        codes = self._codes(frame, index)
        refresh = self.settings.refresh > 0 and self.frames % self.settings.refresh == 0
        first, self.frames = self.frames == 0, self.frames + 1
        if self._blind > 0:
            self._blind -= 1
            return self._whole(codes, Cost())
        return self._whole(codes, Cost()) if first or refresh else self._sparse(codes)

    def _codes(self, frame: torch.Tensor, index: int | None) -> torch.Tensor:
        want = self.network.input.layer.shape
        if tuple(frame.shape) != want:
            raise ValueError(f"frame {self.frames} has the shape {tuple(frame.shape)}, the stream's is {want}")
        if not torch.isfinite(frame).all():
            raise ValueError(f"frame {self.frames} holds values that are not finite")
        if index is not None:
            if self._last_index is not None and index <= self._last_index:
                raise ValueError(f"frames out of order: frame {index} comes after frame {self._last_index}")
            self._last_index = index
        return self.network.input.codes.encode(frame)

    def _frame(self, whole: bool, changed: Masks, recomputed: Masks, cost: Cost) -> Frame:
        last = self.network.operators[-1]
        output = last.codes.decode(self.values[last.layer.name]).flatten()
        return Frame(output, self.values[self.network.graph.features], whole, changed, recomputed, cost)

    def _whole(self, codes: torch.Tensor, spent: Cost) -> Frame:
        """Compute all; references and sums start anew."""
        self.values = integer.dense(self.network, codes)
        for name, comparator in self.comparators.items():
            comparator.take_all(self.values[name])
        for operator in self.network.operators:
            if operator.layer.kind == "mean":
                self.sums[operator.layer.name] = integer.sums(self.values[operator.layer.inputs[0]])
        everything = {name: torch.ones(plan.grid.shape, dtype=torch.bool) for name, plan in self.plans.items()}
        macs, written = self.network.graph.macs, sum(self.values[name].numel() for name in self.comparators)
        cost = spent + Cost(macs_dense=macs, macs=macs, reference_bytes=written)
        return self._frame(True, {name: everything[name] for name in self.comparators}, everything, cost)

    def _sparse(self, codes: torch.Tensor) -> Frame:
        """Compute what changed; fall back to the whole frame when that is nearly all."""
        source, most = self.network.input.layer.name, self.settings.dense_above
        step = _Step(self.values)
        self.values = {**self.values, source: codes}
        plan = self.plans[source]
        step.rewritten[source] = torch.ones(plan.grid.shape, dtype=torch.bool)
        self._compare(self.network.input, step)
        if plan.pixels(step.changed[source]) > most * plan.areas.sum():
            self._look_away()
            return self._whole(codes, step.cost)
        for operator in self.network.operators[1:]:
            self._advance(operator, step)
            if operator.layer.name in self.comparators:
                self._compare(operator, step)
        cost = step.cost + Cost(macs_dense=self.network.graph.macs)
        if cost.charged > most * cost.macs_dense:
            self._look_away()
        else:
            self._next_blind = 1
        return self._frame(False, step.changed, step.rewritten, cost)

    def _look_away(self) -> None:
        """Skipping does not pay now: the next frames are dense without a look, twice as many each time."""
        self._blind = self._next_blind
        self._next_blind = min(2 * self._next_blind, MOST_BLIND_FRAMES)

    def _compare(self, operator: Operator, step: _Step) -> None:
        """Only what was rewritten is looked at: the rest was found unchanged before, and is."""
        name, channels = operator.layer.name, operator.layer.shape[0]
        comparator, plan, candidates = self.comparators[name], self.plans[name], step.rewritten[name]
        changed, step.operands[name] = comparator.look(self.values[name], candidates)
        step.changed[name] = changed
        patches, compared = int(candidates.sum()), plan.pixels(candidates) * channels
        written = compared if comparator.policy == "always" else plan.pixels(changed) * channels
        step.cost += Cost(
            gate_macs=comparator.gate.macs(patches, plan.grid, channels) if comparator.gate else 0,
            compared=compared,
            mask_bits=patches,
            reference_bytes=compared + written,
        )

    def _advance(self, operator: Operator, step: _Step) -> None:
        """Recompute the patches of a layer that read a changed one; other layers than convolutions: a rewritten one."""
        layer, plan = operator.layer, self.plans[operator.layer.name]
        masks, maps = step.rewritten, self.values
        if layer.kind == "conv":
            masks, maps = {**masks, **step.changed}, {**maps, **step.operands}
        mask = plan.dilated([masks[name] for name in layer.inputs])
        sources = [maps[name] for name in layer.inputs]
        step.rewritten[layer.name] = mask
        if mask.any():
            self.values[layer.name] = self._recomputed(operator, sources, mask, step)
        gathered = 0
        if layer.kind == "conv":
            gathered = int(mask.sum()) * prod(spans(layer.window, plan.grid.edge)) * len(sources[0])
        step.cost += Cost(
            macs=plan.pixels(mask) * layer.macs_per_pixel,
            mask_bits=int(plan.taps.sum()) + mask.numel(),
            gathered_bytes=gathered,
        )

    def _recomputed(
        self, operator: Operator, sources: list[torch.Tensor], mask: torch.Tensor, step: _Step
    ) -> torch.Tensor:
        layer, grid, old = operator.layer, self.plans[operator.layer.name].grid, step.before[operator.layer.name]
        if layer.kind == "mean":
            return self._mean(operator, sources[0], step)
        if mask.all():
            return integer.whole(operator, sources)
        if layer.kind == "conv":
            return convolve_patches(operator, sources[0], grid, mask, old)
        return torch.where(grid.pixels(mask), integer.whole(operator, sources), old)

    def _mean(self, operator: Operator, source: torch.Tensor, step: _Step) -> torch.Tensor:
        """The mean over all pixels from its running sums: rewritten patches add what they hold less what they held."""
        (name,) = operator.layer.inputs
        plan, rewritten = self.plans[name], step.rewritten[name]
        here = plan.grid.pixels(rewritten)
        sums = self.sums[operator.layer.name]
        sums = sums + integer.sums(source * here) - integer.sums(step.before[name] * here)
        self.sums[operator.layer.name] = sums
        step.cost += Cost(summed=2 * plan.pixels(rewritten) * len(source))
        return integer.mean(operator, sums)
