"""The list of workloads, free of PyTorch so that listing them is instant.

A workload's callables stand in `workloads/<name>/task.py`; they are imported on their first call.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import torch
    from torch import nn


@dataclass(frozen=True, slots=True)
class Workload:
    """A network with trained weights, real inputs and a way to score its outputs.

    The batch dimension is always first; inputs are float32 and normalised. A data folder (`Path`) is one that the
    user names with `--data`; `None` is the data set that comes with the package. Every callable raises ValueError
    for a folder or a file that it cannot use.
    """

    name: str
    summary: str
    build: Callable[..., nn.Module]
    """build(weights: Path | None = None): the network in eval mode; None loads the weights of the package's data."""
    example_inputs: Callable[[int], tuple[torch.Tensor, ...]]
    """example_inputs(n): the first n test inputs of the package's data set, as the network's argument tuple."""
    calibration: Callable[[Path | None], torch.Tensor]
    """calibration(folder): at least 32 real training inputs."""
    evaluation: Callable[[Path | None], tuple[torch.Tensor, torch.Tensor]]
    """evaluation(folder): at least 100 test inputs (16 matrices) and their labels (int64; for `auc`: 1 is an anomaly;
    for `relative_error`: float32, the exact outputs)."""
    weights_for: Callable[[Path | None], Path]
    """weights_for(folder): the committed weights that were trained on the data set found in the folder; ValueError
    where weights are generated."""
    metric: str
    """"accuracy" (a fraction, 0..1), "auc" (area under the ROC curve, 0..1) or "relative_error" (0 is exact)."""
    score: Callable[[np.ndarray, np.ndarray, np.ndarray], float]
    """score(outputs, inputs, labels): the metric's value."""
    macs: int
    """Multiply-accumulates of one inference; padding counts as in the reference models."""
    parameters: int
    """Weights and biases with batch norm folded into the layer before it."""


def _lazy(module: str, name: str) -> Callable[..., Any]:
    """A callable that imports `module` on its first call; a dotted `name` is looked up attribute by attribute."""

    def call(*args: Any, **kwargs: Any) -> Any:
        target: Any = importlib.import_module(module)
        for part in name.split("."):
            target = getattr(target, part)
        return target(*args, **kwargs)

    return call


def _workload(name: str, summary: str, metric: str, macs: int, parameters: int) -> Workload:
    task = f"workloads.{name}.task"
    return Workload(
        name=name,
        summary=summary,
        build=_lazy(task, "TASK.build"),
        example_inputs=_lazy(task, "TASK.example_inputs"),
        calibration=_lazy(task, "TASK.calibration"),
        evaluation=_lazy(task, "TASK.evaluation"),
        weights_for=_lazy(task, "TASK.weights_for"),
        metric=metric,
        score=_lazy("workloads.metrics", metric),
        macs=macs,
        parameters=parameters,
    )


# Sizes: MLPerf Tiny v1.x reference models (github.com/mlcommons/tiny, benchmark/training, int8 flatbuffers).
WORKLOADS: dict[str, Workload] = {
    workload.name: workload
    for workload in (
        _workload("resnet8", "image classification: ResNet-8 on 32x32x3, 10 classes", "accuracy", 12_501_632, 77_706),
        _workload(
            "vww", "presence in an image: MobileNetV1 0.25 on 96x96x3, 2 classes", "accuracy", 7_489_664, 210_850
        ),
        _workload("kws", "keyword spotting: DS-CNN on 49x10 MFCC, 12 classes", "accuracy", 2_656_768, 22_604),
        _workload("ad", "anomaly detection: autoencoder on 5 frames x 128 log-mel bands", "auc", 264_192, 265_864),
        _workload("gemm", "a 256x256 matrix times a constant one", "relative_error", 16_777_216, 65_536),
    )
}


@dataclass(frozen=True, slots=True)
class Training:
    """A training step in integers, with real data. Callables raise ValueError for what they cannot use."""

    name: str
    summary: str
    example: Callable[..., Any]
    """example(folder, seed, batch, masters): `workloads.octo.task.Example`; None is the data that comes with the
    package, and the training's own masters. Its step returns the loss, and of each layer how many updates were rounded
    to 0 and how many gradients were not 0."""
    training_samples: Callable[[Path | None], int]
    """training_samples(folder): of an epoch; no batch is larger."""
    accuracy: Callable[..., dict[str, Any]]
    """accuracy(folder, seed, report, masters): trains for real, in float32 and in integers; a dictionary of metrics."""
    batch: int
    """Samples of a step, unless told otherwise."""
    macs: int
    """Of a step: forward, input gradients and weight gradients of the batch."""
    parameters: int


def _training(name: str, recipe: str, summary: str, batch: int, macs: int, parameters: int) -> Training:
    task = "workloads.octo.task"
    example, samples, accuracy = (
        _lazy(task, f"{recipe}.{part}") for part in ("example", "training_samples", "accuracy")
    )
    return Training(name, f"{summary}, batch {batch}", example, samples, accuracy, batch, macs, parameters)


TRAININGS: dict[str, Training] = {
    item.name: item
    for item in (
        _training("octo", "DIGITS", "a training step in int8: 3 layers on 8x8 digits", 8, 744_192, 3_226),
        _training("octo-resnet8", "RESNET8", "a training step in int8: ResNet-8 on 32x32x3", 8, 296_500_224, 77_706),
        _training("octo-fp32", "FLOAT_DIGITS", "the step of octo in float32, to compare with", 8, 744_192, 3_226),
        _training(  # in float32, the activations of 8 samples are 5 MiB
            "octo-resnet8-fp32",
            "FLOAT_RESNET8",
            "the step of octo-resnet8 in float32, to compare with",
            1,
            37_062_528,
            77_706,
        ),
    )
}


@dataclass(frozen=True, slots=True)
class Streaming:
    """A network on video whose maps live on from frame to frame."""

    name: str
    summary: str
    example: Callable[..., Any]
    """example(data, clip, frames, settings): `workloads.patchskip.example.Example`; ValueError for what it cannot
    use."""
    macs: int
    """Of a frame, everything computed."""
    parameters: int
    system: str
    """The preset that it is made for: a stream keeps more than most have room for."""


STREAMS: dict[str, Streaming] = {
    "patchskip": Streaming(
        "patchskip",
        "video at 160x120: ResNet-8 that computes the patches that changed",
        _lazy("workloads.patchskip.example", "example"),
        234_393_920,
        77_381,
        "vision16",
    )
}


def names() -> list[str]:
    """The workloads' names, in the order of the list."""
    return list(WORKLOADS)


def get(name: str) -> Workload:
    """Return the workload called `name`; ValueError names the known ones."""
    if name not in WORKLOADS:
        raise ValueError(f"unknown workload {name!r}; want one of {', '.join(names())}")
    return WORKLOADS[name]
