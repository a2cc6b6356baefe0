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


class StepError(ValueError):
    """A training step: traced and counted, not lowered by this release. ``macs`` by phase."""

    def __init__(self, message: str, macs: Mapping[str, int]) -> None:
        super().__init__(message)
        self.macs = dict(macs)


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
            raise _step_error(target, traced)
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


def _step_error(target: Target, traced: Traced) -> StepError:
    macs: dict[str, int] = {phase: count for phase, count in trace.count_macs(traced).items() if count}
    counted = ", ".join(f"{phase} {count:,}" for phase, count in macs.items())
    return StepError(
        f"{target.name} updates parameters: a training step is traced and counted (MACs: {counted}), "
        "but this release does not lower it; give a function that only computes outputs",
        macs,
    )


def evaluation_of(prepared: Prepared, samples: int) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """(inputs, labels, float outputs) of the first ``samples`` test samples of a workload, or None without one."""
    if prepared.workload is None or prepared.reference is None:
        return None
    inputs, labels = prepared.workload.evaluation(prepared.data)
    inputs, labels = inputs[:samples], labels[:samples]
    with torch.no_grad():
        outputs = prepared.reference(inputs)
    return inputs.numpy(), labels.numpy(), outputs.numpy()
