"""The clips, networks and gates that the commands and the measurements share."""

from pathlib import Path

import numpy as np
import torch

from workloads.patchskip import annotate, clips, scenes
from workloads.patchskip.backbones import build
from workloads.patchskip.clips import Clip, to_inputs
from workloads.patchskip.gate_training import GateJob, Pairs
from workloads.patchskip.integer import Network
from workloads.patchskip.wrap import quantized

GATE_SEEDS, GATE_FRAMES = range(300, 304), 40
CALIBRATION_SEED = 400
Labelled = tuple[Clip, np.ndarray | None]


def network(name: str, weights: Path | None = None) -> Network:
    """A backbone in integers; its ranges come from generated scenes, so from no frame that is measured."""
    frames = [scenes.generate(camera, 24, CALIBRATION_SEED)[0].frames[::4] for camera in scenes.CAMERAS]
    return quantized(build(name, weights), to_inputs(np.concatenate(frames)))


def sources(data: Path | None, wanted: str | None, frames: int | None) -> list[Labelled]:
    """Clips with their annotated counts, from `data` (a file or a folder), or a generated scene of each camera."""
    if data is None:
        cameras = [camera for camera in scenes.CAMERAS if wanted is None or wanted in f"scene_{camera}"]
        if not cameras:
            raise ValueError(
                f"no scene {wanted!r}; want one of {', '.join(f'scene_{name}' for name in scenes.CAMERAS)}"
            )
        return [scenes.generate(camera, frames or 48) for camera in cameras]
    found = [clips.read(path).first(frames) for path in clips.find(data, wanted)]
    return [(clip, annotate.stored(clip)) for clip in found]


def gate_job(net: Network, patch: int, target: float, steps: int, batch: int = 4) -> GateJob:
    """Gates learn on generated scenes alone: every real clip is new to them."""
    made = [scenes.generate(camera, GATE_FRAMES, seed) for seed in GATE_SEEDS for camera in ("still", "noise", "drift")]
    frames = tuple(to_inputs(clip.frames) for clip, _ in made)
    labels = tuple(torch.from_numpy(counts) for _, counts in made)
    return GateJob(net, Pairs(frames, labels), patch, target, steps, batch)
