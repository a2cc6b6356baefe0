"""From a target to a Network with its inputs: load, trace, quantize, lower. The one door to PyTorch for the tool."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from accel_models.network import Network
from cosim import lower, quantize, trace
from cosim.options import Options
from cosim.trace import Target, Traced
from workloads.registry import Workload

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A network, the arrays it was traced with, and, for workloads, how to score it.

    ``inputs``: float arrays by network input, one invocation, in the caller's axis order.
    """

    network: Network
    inputs: Mapping[str, np.ndarray]
    notes: tuple[str, ...] = ()
    workload: Workload | None = None
    data: Path | None = None
    reference: torch.nn.Module | None = field(default=None, compare=False)
    step: Traced | None = field(default=None, compare=False)
    """The traced graph of a training step, to compare with."""


def prepare(spec: str, options: Options, report: Report) -> Prepared:
    """Load and lower a target; ``report`` is told each stage. Raises ValueError with one clear line."""
    with trace.silence(), trace.seeded(options.seed):
        report("loading")
        target = trace.load_target(
            spec, inputs=options.inputs, weights=options.weights, data=options.data, calibrate=options.calibrate
        )
        report("tracing")
        trace.seed_generators(options.seed)  # whatever loading drew
        traced = trace.trace(target)
        if traced.kind == "step":
            return _prepare_step(target, traced, options, report)
        if options.keep_float and quantize.carries_qdq(traced):
            raise ValueError(
                f"--float does not apply: {target.name} carries Q/DQ operators, so it is quantized already"
            )
        if not options.keep_float:
            report("quantizing")
            traced = quantize.quantize(traced, target.calibration)
        report("lowering")
        network = lower.lower(
            traced.graph_module,
            name=target.name,
            multiplier_bits=options.multiplier_bits,
            rounding=options.rounding,  # type: ignore[arg-type]
            origins=traced.origins,
            allow_float=options.keep_float,
            seed=options.seed,
        )
    lower.register(network)
    arrays = [value.detach().cpu().numpy() for value in target.inputs]
    return Prepared(
        network=network,
        inputs=dict(zip(network.inputs, arrays, strict=True)),
        notes=traced.notes,
        workload=target.workload,
        data=options.data,
        reference=target.module,
    )


def _prepare_step(target: Target, traced: Traced, options: Options, report: Report) -> Prepared:
    """A training step is lowered as it is written: what carries Q/DQ in integers, the rest in float."""
    given = [name for name in ("calibrate", "keep_float") if getattr(options, name)]
    if given:
        option = {"keep_float": "float"}.get(given[0], given[0])
        raise ValueError(f"--{option} does not apply: {target.name} is a training step, which nobody quantizes for it")
    report("lowering")
    network = lower.lower_training_step(
        traced,
        name=target.name,
        multiplier_bits=options.multiplier_bits,
        rounding=options.rounding,
        seed=options.seed,
    )
    lower.register(network)
    arrays = [value.detach().cpu().numpy() for value in target.inputs]
    inputs = dict(zip(network.inputs, arrays, strict=True))
    return Prepared(network=network, inputs=inputs, notes=traced.notes, step=traced)


def reference_steps(prepared: Prepared, steps: int) -> dict[str, np.ndarray] | None:
    """PyTorch's own outputs of the last of so many steps, and its state, by name; None where it draws numbers."""
    traced = prepared.step
    if traced is None or any(_is_random(node) for node in traced.graph_module.graph.nodes):
        return None
    results: tuple[torch.Tensor, ...] = ()
    state: Mapping[str, torch.Tensor] | None = None
    for _ in range(steps):
        results, state = traced.run(*traced.example_inputs, state=state)
    named = dict(zip(prepared.network.outputs, results, strict=True)) | dict(state or {})
    return {name: value.detach().numpy() for name, value in named.items()}


def _is_random(node: torch.fx.Node) -> bool:
    return torch.Tag.nondeterministic_seeded in getattr(node.target, "tags", ())


def evaluation_of(prepared: Prepared, samples: int) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """(inputs, labels, float outputs) of the first ``samples`` test samples of a workload, or None without one."""
    if prepared.workload is None or prepared.reference is None:
        return None
    inputs, labels = prepared.workload.evaluation(prepared.data)
    inputs, labels = inputs[:samples], labels[:samples]
    with torch.no_grad():
        outputs = prepared.reference(inputs)
    return inputs.numpy(), labels.numpy(), outputs.numpy()
