"""From a target to a Network with its inputs: load, trace, quantize, lower. The one door to PyTorch for the tool."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from accel_models.network import Network
from cosim import lower, quantize, trace
from cosim.options import Options, StreamOptions
from cosim.trace import Traced
from cosim.trace.graph import op_name
from workloads.registry import STREAMS, TRAININGS, Streaming, Training, Workload

if TYPE_CHECKING:
    from workloads.patchskip.example import Example

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Step:
    """A training step, and what PyTorch makes of it."""

    traced: Traced
    training: Training | None = None

    def reference(self, steps: int = 1) -> tuple[list[np.ndarray], dict[str, np.ndarray]] | None:
        """Results, in order, of the last of so many steps on the same batch, and the state after it by name, as PyTorch
        has them; None where the step draws random numbers when it runs, or PyTorch cannot run the flat graph (a view
        of what has other strides there)."""
        traced = self.traced
        if any(_is_random(node) for node in traced.graph_module.graph.nodes):
            return None
        results: tuple[torch.Tensor, ...] = ()
        state: Mapping[str, torch.Tensor] | None = None
        try:
            for _ in range(steps):
                results, state = traced.run(*traced.example_inputs, state=state)
        except RuntimeError:
            return None
        return [item.numpy() for item in results], {name: item.numpy() for name, item in (state or {}).items()}


def _is_random(node: torch.fx.Node) -> bool:
    if torch.Tag.nondeterministic_seeded not in getattr(node.target, "tags", ()):
        return False
    named = getattr(node.target, "_schema", None)
    names = [argument.name for argument in named.arguments] if named is not None else []
    given = dict(zip(names, node.args, strict=False)) | dict(node.kwargs)
    return given.get("dropout_p", 0.0 if "dropout_p" in names else 1.0) != 0.0  # attention draws for its dropout only


@dataclass(frozen=True, slots=True)
class Streamed:
    """Frames of a clip, and the ``dense`` network that computes each of them whole."""

    example: Example
    dense: Network


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
    step: Step | None = None
    stream: Streamed | None = None
    reference: torch.nn.Module | None = field(default=None, compare=False)


def prepare(spec: str, options: Options, report: Report) -> Prepared:
    """Load and lower a target; ``report`` is told each stage. Raises ValueError with one clear line."""
    if spec in TRAININGS:
        return _training(TRAININGS[spec], options, report)
    for name in ("batch", "masters"):
        if getattr(options, name) is not None:
            trainings = ", ".join(TRAININGS)
            raise ValueError(f"--{name} does not apply: {spec} is none of the trainings that have it: {trainings}")
    if spec in STREAMS:
        return _stream(STREAMS[spec], options, report)
    with trace.silence(), trace.seeded(options.seed):
        report("loading")
        target = trace.load_target(
            spec, inputs=options.inputs, weights=options.weights, data=options.data, calibrate=options.calibrate
        )
        report("tracing")
        trace.seed_generators(options.seed)  # whatever loading drew
        traced = trace.trace(target)
        if traced.kind == "step":
            given = [name for name in ("calibrate", "keep_float") if getattr(options, name)]
            if given:
                option = {"keep_float": "float"}.get(given[0], given[0])
                raise ValueError(
                    f"--{option} does not apply: {target.name} is a training step, and nobody quantizes it"
                )
            return _step(Step(traced), options, report)
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


def _training(training: Training, options: Options, report: Report) -> Prepared:
    """A training of the registry: its step on a batch of its data."""
    for name in ("inputs", "weights", "calibrate"):
        if getattr(options, name) is not None:
            raise ValueError(f"--{name} does not apply: {training.name} is a training with data of its own")
    if options.batch == "largest":
        raise ValueError("--batch largest needs a system that the batch has to fit (--system); or give a number")
    with trace.silence(), trace.seeded(options.seed):
        report("loading")
        example = training.example(options.data, options.seed, options.batch or training.batch, options.masters)
        report("tracing")
        traced = trace.trace_callable(example.trainer, example.inputs, training.name)
    return _step(Step(traced, training), options, report)


def _stream(streaming: Streaming, options: Options, report: Report) -> Prepared:
    """A stream of the registry on a clip. It is quantized already."""
    for name in ("inputs", "weights", "calibrate", "keep_float"):
        if getattr(options, name) not in (None, False):
            option = {"keep_float": "float"}.get(name, name)
            raise ValueError(
                f"--{option} does not apply: {streaming.name} is a stream in integers with data of its own"
            )
    own = Options()
    if (options.multiplier_bits, options.rounding) != (own.multiplier_bits, own.rounding):
        raise ValueError(
            f"--multiplier-bits and --rounding do not apply: {streaming.name} is quantized with {own.multiplier_bits} "
            f"bits and rounds {own.rounding}"
        )
    given = options.stream or StreamOptions()
    report("loading")
    example = streaming.example(options.data, given.clip, given.frames, given.settings)
    report("lowering")
    network = lower.lower_stream(example.network, example.settings, streaming.name)
    dense = lower.lower_dense(example.network, streaming.name)
    others = f"clips not taken: {', '.join(example.others)}; --clip NAME takes one" if example.others else ""
    return Prepared(
        network=network, inputs={}, notes=(others,) * bool(others), data=options.data, stream=Streamed(example, dense)
    )


def _step(step: Step, options: Options, report: Report) -> Prepared:
    """A training step is lowered as it is written: Octo's integers as such, the rest in float but for what has Q/DQ."""
    report("lowering")
    traced = step.traced
    if any(op_name(node).startswith("octo.") for node in traced.graph_module.graph.nodes):
        network = lower.lower_step(traced, traced.name, options.seed)
    else:
        network = lower.lower_training_step(
            traced,
            name=traced.name,
            multiplier_bits=options.multiplier_bits,
            rounding=options.rounding,
            seed=options.seed,
        )
    lower.register(network)
    arrays = [value.detach().cpu().numpy() for value in traced.example_inputs]
    inputs = dict(zip(network.inputs, arrays, strict=True))
    notes, floats = list(traced.notes), lower.products_in_float(network)
    if floats:
        notes.append(
            f"{len(floats)} products with weights that are quantized anew in every step run in float32 on the CPU, on"
            f" the same numbers ({', '.join(floats[:3])}{', ...' if len(floats) > 3 else ''})"
        )
    return Prepared(network=network, inputs=inputs, notes=tuple(notes), data=options.data, step=step)


def evaluation_of(prepared: Prepared, samples: int) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """(inputs, labels, float outputs) of the first ``samples`` test samples of a workload, or None without one."""
    if prepared.workload is None or prepared.reference is None:
        return None
    inputs, labels = prepared.workload.evaluation(prepared.data)
    inputs, labels = inputs[:samples], labels[:samples]
    with torch.no_grad():
        outputs = prepared.reference(inputs)
    return inputs.numpy(), labels.numpy(), outputs.numpy()
