"""Generated clips: flowers drift over a photo, before a camera that stands, pans, is noisy, or changes its exposure.

Made of the package's two photos, so that a stream can be run without any file. The number of flowers is known.
"""

from dataclasses import dataclass

import numpy as np

from workloads.data.presence import flower, photos
from workloads.data.resize import resize_bilinear
from workloads.patchskip.clips import Clip

ROWS, COLUMNS, FPS = 120, 160, 10.0
MOST_FLOWERS = 3


@dataclass(frozen=True, slots=True)
class Camera:
    """What the camera does: pixels a frame that it pans, deviation of its noise (grey levels), drift of its gain."""

    pan: float = 0.0
    noise: float = 0.0
    drift_per_frame: float = 0.0


CAMERAS = {
    "still": Camera(),
    "pan": Camera(pan=1.5),
    "noise": Camera(noise=4.0),
    "drift": Camera(drift_per_frame=0.001),
}


@dataclass(frozen=True, slots=True)
class _Flower:
    """One flower, (4, side, side): where it is at frame 0, how far it moves a frame, and when it is there."""

    picture: np.ndarray
    start: np.ndarray
    step: np.ndarray
    first: int
    last: int


def _draw_flower(frames: int, rng: np.random.Generator) -> _Flower:
    side = int(rng.integers(18, 40))
    first = int(rng.integers(0, max(1, frames // 2)))
    last = first + int(rng.integers(frames // 3, frames + 1))
    start = rng.uniform((0.0, 0.0), (ROWS - side, COLUMNS - side))
    return _Flower(resize_bilinear(flower(), side, side), start, rng.uniform(-1.0, 1.0, 2), first, last)


def _background(width: int, rng: np.random.Generator) -> np.ndarray:
    """(3, 120, width): a crop of the landscape photo, enlarged; 0..255."""
    photo = photos()["china"]
    height = min(photo.shape[1], photo.shape[2] * ROWS // width)
    top = int(rng.integers(0, photo.shape[1] - height + 1))
    return resize_bilinear(photo[:, top : top + height], ROWS, width)


def _paste(image: np.ndarray, thing: _Flower, frame: int) -> None:
    """Put the flower of one frame into (3, rows, columns), at whole pixels, bouncing off the edges."""
    side = thing.picture.shape[1]
    room = np.array([ROWS - side, COLUMNS - side])
    place = (thing.start + thing.step * frame) % (2 * room)
    row, column = np.floor(np.where(place > room, 2 * room - place, place)).astype(int)
    target = image[:, row : row + side, column : column + side]
    target += thing.picture[3] * (thing.picture[:3] - target)


def generate(camera: str, frames: int, seed: int = 0) -> tuple[Clip, np.ndarray]:
    """A clip uint8 (frames, 3, 120, 160) at 10 frames/s, and the number of flowers in each frame, int64."""
    if camera not in CAMERAS:
        raise ValueError(f"unknown camera {camera!r}; want one of {', '.join(CAMERAS)}")
    if frames < 1:
        raise ValueError(f"frames is {frames}, want 1 or more")
    what = CAMERAS[camera]
    rng = np.random.default_rng([seed, list(CAMERAS).index(camera)])
    behind = _background(COLUMNS + int(what.pan * frames) + 1, rng)
    things = [_draw_flower(frames, rng) for _ in range(int(rng.integers(1, MOST_FLOWERS + 1)))]
    pictures, counts = np.empty((frames, 3, ROWS, COLUMNS), np.uint8), np.zeros(frames, np.int64)
    for frame in range(frames):
        left = int(what.pan * frame)
        image = behind[:, :, left : left + COLUMNS].copy()
        for thing in things:
            if thing.first <= frame < thing.last:
                _paste(image, thing, frame)
                counts[frame] += 1
        image = image * (1.0 + what.drift_per_frame * frame) + rng.normal(0.0, what.noise, image.shape)
        pictures[frame] = np.clip(np.floor(image + 0.5), 0, 255)
    return Clip(f"scene_{camera}", pictures, FPS, np.arange(frames)), counts
