"""One stream over one clip: what it costs, how far its maps are from the dense network's, and how right its answers."""

from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
import torch

from workloads.patchskip import integer
from workloads.patchskip.backbones import MOST_OBJECTS
from workloads.patchskip.clips import Clip, to_inputs
from workloads.patchskip.cost import Cost
from workloads.patchskip.integer import Network
from workloads.patchskip.stream import Frame, Stream

Values = dict[str, float | int]


@dataclass(frozen=True, slots=True)
class Reference:
    """The dense network on a clip: last maps int8 (n, c, rows, columns), answers int64 (n,), labels (n,) or None."""

    features: torch.Tensor
    answers: np.ndarray
    labels: np.ndarray | None


def reference(network: Network, clip: Clip, counts: np.ndarray | None) -> Reference:
    """Every frame computed whole; `counts` are the annotated numbers of objects."""
    maps, answers = [], []
    for frame in to_inputs(clip.frames):
        values = integer.dense(network, network.input.codes.encode(frame))
        maps.append(values[network.graph.features])
        answers.append(int(values[network.graph.layers[-1].name].flatten().argmax()))
    labels = None if counts is None else np.minimum(counts, MOST_OBJECTS)
    return Reference(torch.stack(maps), np.array(answers), labels)


def scores(answers: np.ndarray, labels: np.ndarray | None) -> Values:
    """Shares of frames in which presence, and the number of objects, are as annotated."""
    if labels is None:
        return {}
    return {"presence": float(np.mean((answers > 0) == (labels > 0))), "count": float(np.mean(answers == labels))}


def relative_error(network: Network, found: torch.Tensor, right: torch.Tensor) -> float:
    """|found - right| / |right| (Euclidean) of int8 codes of the last map, its zero point taken off."""
    features = network.graph.features
    zero = next(o.codes.zero for o in network.operators if o.layer.name == features)
    distance = found.to(torch.float32) - right.to(torch.float32)
    return float(distance.norm() / (right.to(torch.float32) - zero).norm().clamp(min=1e-9))


def measure(
    stream: Stream, clip: Clip, dense: Reference, seen: Callable[[int, Frame], None] = lambda frame, done: None
) -> Values:
    """The whole clip through a restarted stream; `seen` gets each frame's number in the clip and result."""
    stream.restart()
    cost, answers, errors, different, whole = Cost(), [], [], 0, 0
    for k, (frame, index) in enumerate(zip(to_inputs(clip.frames), clip.index, strict=True)):
        done = stream(frame, int(index))
        seen(k, done)
        cost, whole = cost + done.cost, whole + done.whole
        answers.append(int(done.output.argmax()))
        different += int((done.features != dense.features[k]).sum())
        errors.append(relative_error(stream.network, done.features, dense.features[k]))
    found = np.array(answers)
    return {
        "frames": len(clip.frames),
        "gain": round(cost.gain, 4),
        "skip_ratio": round(cost.skip_ratio, 4),
        "overhead": round(cost.overhead / cost.macs_dense, 5),
        "gate_overhead": round(cost.gate_macs / cost.macs_dense, 5),
        "whole_frames": whole,
        "error": round(float(np.mean(errors)), 5),
        "last_error": round(float(np.mean(errors[-10:])), 5),
        "codes_different": different,
        "agreement": round(float(np.mean(found == dense.answers)), 4),
        **{name: round(value, 4) for name, value in scores(found, dense.labels).items()},
        **{f"dense_{name}": round(value, 4) for name, value in scores(dense.answers, dense.labels).items()},
        **asdict(cost),
    }
