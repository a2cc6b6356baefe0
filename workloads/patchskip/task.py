"""How many objects are in the picture: what the backbones are trained on, and how a stream's answers are scored.

Training frames are generated scenes of other seeds and, with a folder of the two fixed clips' videos, every frame of
them that lies outside the 200 frames that are measured. Labels of the videos: `annotate.py`.
"""

from functools import lru_cache
from pathlib import Path

import numpy as np

from workloads import losses, pixels
from workloads.arrays import load_arrays
from workloads.data.folders import Source
from workloads.data.samples import DataSet, Samples, Split, take
from workloads.metrics import accuracy
from workloads.patchskip import annotate, clips, scenes
from workloads.patchskip.backbones import BACKBONES, MOST_OBJECTS
from workloads.task import Recipe, Task

MEASURED = {"fixed_person": range(400, 600), "fixed_bottle": range(600, 800)}
SCENE_SEEDS, SCENE_FRAMES = {"train": range(100, 112), "test": range(200, 202)}, 24
CLIPS_EPOCHS = {"resnet8": 24, "mobilenet": 8}
STEP = 2  # frames of a video: every second one, since neighbours hardly differ


def _scenes(split: Split) -> Samples:
    parts = [scenes.generate(camera, SCENE_FRAMES, seed) for seed in SCENE_SEEDS[split] for camera in scenes.CAMERAS]
    frames, counts = (np.concatenate(arrays) for arrays in ([c.frames for c, _ in parts], [n for _, n in parts]))
    return Samples(frames, np.minimum(counts, MOST_OBJECTS))


def _read_scenes(split: Split, count: int | None) -> Samples:
    return take(_scenes(split), count)


def generated() -> DataSet:
    """Scenes alone: 1152 training and 192 test frames."""
    return DataSet("scenes", _read_scenes)


@lru_cache(maxsize=2)
def _video(path: Path) -> clips.Clip:
    return clips.read(path)


def _open_videos(folder: Path) -> DataSet | None:
    paths = {scene.clip: folder / f"{stem}.mp4" for stem, scene in annotate.SCENES.items()}
    if not all(path.is_file() for path in paths.values()):
        return None

    def read(split: Split, count: int | None) -> Samples:
        found = _scenes(split)
        frames, labels = [found.inputs], [found.labels]
        for name, path in paths.items():
            clip, counts = _video(path), load_arrays(annotate.STORED)[name].astype(np.int64)
            measured = np.isin(clip.index, MEASURED[name])
            chosen = np.flatnonzero(measured if split == "test" else ~measured)[::STEP]
            frames.append(clip.frames[chosen])
            labels.append(np.minimum(counts[chosen], MOST_OBJECTS))
        return take(Samples(np.concatenate(frames), np.concatenate(labels)), count)

    return DataSet("clips", read)


def _augment(stored: np.ndarray, data_set: str, rng: np.random.Generator) -> np.ndarray:
    del data_set
    return pixels.mirrored(pixels.shifted(stored, 4, rng), rng)


SOURCES = (Source("clips", ", ".join(f"{stem}.mp4" for stem in annotate.SCENES), _open_videos),)
TASKS = {
    name: Task(
        name=name,
        network=network,
        to_inputs=pixels.to_inputs,
        loss=losses.classification,
        score=accuracy,
        embedded=generated,
        embedded_recipe=Recipe(epochs=8, batch_size=16),
        sources=SOURCES,
        recipes={"clips": Recipe(epochs=CLIPS_EPOCHS[name], batch_size=16)},
        augment=_augment,
    )
    for name, network in BACKBONES.items()
}
