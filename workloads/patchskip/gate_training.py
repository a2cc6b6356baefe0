"""Training gates without labels: the network stays as it is, pairs of frames say which patches mattered.

The loss is the relative square error of the last map plus a weight on how far the computed share is from its target.
Afterwards the gates stay as they are and the network can be tuned to them on its task.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from workloads.patchskip.blend import batch_features, run_blended
from workloads.patchskip.gates import IntegerGate, LearnedGate, to_integers
from workloads.patchskip.graph import Graph, run, with_parameters
from workloads.patchskip.integer import Network
from workloads.patchskip.pass_gate import PassGate, sampled_skips, triplet
from workloads.patchskip.plan import LayerPlan, plans_of

GAPS = (1, 2, 4, 8, 16)
"""Frames between the two of a pair: a reference may be old."""
TEMPERATURES = (2.0 / 3.0, 0.3)
"""Of the sigmoid, at the first and at the last step."""
SHARE_WEIGHT = 0.02
Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Pairs:
    """Frames of clips, float32 (n, c, rows, columns) each, from which pairs are drawn; labels int64 (n,) each."""

    clips: tuple[torch.Tensor, ...]
    labels: tuple[torch.Tensor, ...] = ()

    def draw(self, count: int, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
        """(before, now, labels of now), `count` of each."""
        chosen = rng.integers(0, len(self.clips), count)
        gaps = [min(int(rng.choice(GAPS)), len(self.clips[clip]) - 1) for clip in chosen]
        last = [int(rng.integers(gap, len(self.clips[clip]))) for clip, gap in zip(chosen, gaps, strict=True)]
        now = torch.stack([self.clips[clip][k] for clip, k in zip(chosen, last, strict=True)])
        before = torch.stack([self.clips[clip][k - gap] for clip, k, gap in zip(chosen, last, gaps, strict=True)])
        labels = torch.stack([self.labels[c][k] for c, k in zip(chosen, last, strict=True)]) if self.labels else None
        return before, now, labels


@dataclass(frozen=True, slots=True)
class GateJob:
    """One training: patch edge, the share of dense work to aim at, steps of a few pairs each."""

    network: Network
    pairs: Pairs
    patch: int = 8
    target: float = 0.2
    steps: int = 200
    batch: int = 4
    learning_rate: float = 0.02
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0.0 < self.target < 1.0:
            raise ValueError(f"target is {self.target}, want a share between 0 and 1")

    @property
    def graph(self) -> Graph:
        return self.network.graph

    def plans(self) -> dict[str, LayerPlan]:
        return plans_of(self.graph.layers, self.patch)


def _names(graph: Graph) -> list[str]:
    return list(dict.fromkeys(name for layer in graph.layers if layer.kind == "conv" for name in layer.inputs))


class _Decider:
    """Gates' decisions in a blend: sampled with logistic noise, straight through; or plain, at temperature 0."""

    def __init__(self, job: GateJob, gates: nn.ModuleDict, temperature: float) -> None:
        self.gates, self.temperature, self.plans = gates, temperature, job.plans()
        self.steps = {operator.layer.name: operator.codes.step for operator in job.network.operators}

    def __call__(self, name: str, now: torch.Tensor, before: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        with torch.no_grad():  # a gate learns what to do with a feature, the layers before it not to change it
            seen = batch_features(now, before, self.plans[name].grid, self.steps[name])
        logit = self.gates[name](seen)
        if self.temperature > 0:
            noise = torch.rand_like(logit).clamp(1e-6, 1 - 1e-6).logit()
            logit = (logit + noise) / self.temperature
        possible = (seen[..., 0] > 0).to(logit.dtype)
        return (logit > 0).to(logit.dtype) * possible, torch.sigmoid(logit) * possible


def _new_gates(graph: Graph, seed: int) -> nn.ModuleDict:
    torch.manual_seed(seed)
    return nn.ModuleDict({name: LearnedGate() for name in _names(graph)})


def train_gates(job: GateJob, report: Report = lambda line: None) -> tuple[nn.ModuleDict, dict[str, IntegerGate]]:
    """Gates by name of the compared map, in float32 and in integers."""
    gates, plans, features = _new_gates(job.graph, job.seed), job.plans(), job.graph.features
    optimizer = torch.optim.Adam(gates.parameters(), job.learning_rate)
    rng = np.random.default_rng([job.seed, 1])
    for step in range(job.steps):
        first, last = TEMPERATURES
        decide = _Decider(job, gates, first + (last - first) * step / job.steps)
        earlier, now, _ = job.pairs.draw(job.batch, rng)
        with torch.no_grad():
            before, right = run(job.graph, earlier), run(job.graph, now)[features]
        done = run_blended(job.graph, plans, decide, now, before)
        error = (done.values[features] - right).square().sum() / right.square().sum()
        loss = error + SHARE_WEIGHT * (done.share - job.target).abs() / job.target
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if (step + 1) % 20 == 0:
            share = float(done.share.detach())
            report(f"gate step {step + 1}/{job.steps}: share {share:.3f}, error {float(error.detach()) ** 0.5:.4f}")
    return gates, {name: to_integers(gate) for name, gate in gates.items()}


def fine_tune(job: GateJob, gates: nn.ModuleDict, steps: int, learning_rate: float = 1e-4) -> Graph:
    """The network with weights tuned to the gates' blends, on the labels of the pairs (cross-entropy)."""
    if not job.pairs.labels:
        raise ValueError("the pairs have no labels to tune the network on")
    weights = {
        layer.name: (nn.Parameter(layer.weight.clone()), nn.Parameter(layer.bias.clone()))
        for layer in job.graph.layers
        if layer.weight is not None and layer.bias is not None
    }
    graph, plans = with_parameters(job.graph, weights), job.plans()
    optimizer = torch.optim.Adam([part for pair in weights.values() for part in pair], learning_rate)
    decide, rng = _Decider(job, gates, 0.0), np.random.default_rng([job.seed, 2])
    for _ in range(steps):
        earlier, now, labels = job.pairs.draw(job.batch, rng)
        with torch.no_grad():
            before = run(graph, earlier)
        output = run_blended(graph, plans, decide, now, before).values[graph.layers[-1].name]
        optimizer.zero_grad()
        functional.cross_entropy(output.flatten(1), labels).backward()
        optimizer.step()
    return with_parameters(job.graph, {name: (w.detach(), b.detach()) for name, (w, b) in weights.items()})


def train_pass(job: GateJob, report: Report = lambda line: None) -> PassGate:
    """PASS's gate on the frame, by its own sampling and triplet loss."""
    torch.manual_seed(job.seed)
    source = job.graph.layers[0]
    grid = job.plans()[source.name].grid
    gate = PassGate(source.shape[0], grid).train()
    optimizer, rng = torch.optim.Adam(gate.parameters(), 1e-3), np.random.default_rng([job.seed, 3])
    features = job.graph.features
    for step in range(job.steps):
        earlier, now, _ = job.pairs.draw(job.batch, rng)
        skips = sampled_skips(gate(now, earlier))
        spread = skips.repeat_interleave(grid.edge[0], 1).repeat_interleave(grid.edge[1], 2)
        spread = spread[:, None, : grid.rows, : grid.columns]
        anchor = run(job.graph, now)[features].detach()
        positive, negative = (
            run(job.graph, mask * earlier + (1 - mask) * now)[features] for mask in (spread, 1 - spread)
        )
        loss = triplet(anchor, positive, negative)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if (step + 1) % 20 == 0:
            report(f"PASS gate step {step + 1}/{job.steps}: loss {float(loss.detach()):.3f}")
    return gate
