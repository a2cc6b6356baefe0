"""Is the flower in the picture? A generated stand-in for visual wake words, which needs photos of people.

Backgrounds are crops of two photos; class 1 has the flower of one of them pasted in, at a random size, angle, place
and colour; class 0 has, half of the time, a decoy in its place: the same flower with its tiles shuffled. Storage form:
uint8 (n, 3, 96, 96). Photos: scikit-learn's china.jpg and flower.jpg, halved; see the README for their licence.
"""

from functools import lru_cache
from pathlib import Path

import numpy as np

from workloads.arrays import load_arrays
from workloads.data.resize import resize_bilinear
from workloads.data.samples import DataSet, Samples, Split

SIDE_PIXELS = 96
GENERATED = {"train": 2400, "test": 400}
_STREAM = {"train": 0, "test": 1}
_SEED = 17
_PHOTOS = Path(__file__).parent / "photos.npz"
_CENTRE, _RADIUS = (110, 153), 70  # of the flower in the halved photo: row, column and pixels
_TILE = 20  # pixels; the decoy's shuffled tiles: its colours and edges, not its form
_LEAVES = (slice(0, 213), slice(226, 320))  # rows and columns of the flower photo without the flower


@lru_cache(maxsize=1)
def photos() -> dict[str, np.ndarray]:
    """(3, rows, columns) float64, 0..255."""
    return {name: photo.transpose(2, 0, 1).astype(np.float64) for name, photo in load_arrays(_PHOTOS).items()}


@lru_cache(maxsize=1)
def flower() -> np.ndarray:
    """(4, 140, 140): red, green, blue (0..255) and opacity (0..1: a disc without the dark leaves)."""
    rows, columns = (slice(centre - _RADIUS, centre + _RADIUS) for centre in _CENTRE)
    colours = photos()["flower"][:, rows, columns]
    y, x = np.mgrid[-_RADIUS:_RADIUS, -_RADIUS:_RADIUS] + 0.5
    inside = (np.hypot(y, x) < _RADIUS) & (colours[0] > colours[2] + 20.0)  # petals are red, leaves are blue-green
    return np.concatenate([colours, inside[None].astype(np.float64)])


def _shuffled(thing: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The same tiles of 20x20 pixels in another order."""
    n = thing.shape[1] // _TILE
    tiles = thing.reshape(4, n, _TILE, n, _TILE).transpose(1, 3, 0, 2, 4).reshape(n * n, 4, _TILE, _TILE)
    mixed = rng.permutation(tiles).reshape(n, n, 4, _TILE, _TILE)
    return np.asarray(mixed.transpose(2, 0, 3, 1, 4).reshape(thing.shape))


def _coloured(image: np.ndarray, spread: float, rng: np.random.Generator) -> np.ndarray:
    """Random exposure and white balance."""
    return image * rng.uniform(1.0 - spread, 1.0 + spread) * rng.uniform(1.0 - spread, 1.0 + spread, (3, 1, 1))


def _background(rng: np.random.Generator) -> np.ndarray:
    """A square crop of a photo, resized; (3, 96, 96)."""
    photo = photos()["china"] if rng.random() < 0.8 else photos()["flower"][(slice(None), *_LEAVES)]
    side = int(rng.integers(60, min(photo.shape[1:]) + 1))
    top, left = (int(rng.integers(0, length - side + 1)) for length in photo.shape[1:])
    crop = resize_bilinear(photo[:, top : top + side, left : left + side], SIDE_PIXELS, SIDE_PIXELS)
    crop = crop[:, :, ::-1] if rng.random() < 0.5 else crop
    return _coloured(crop, 0.3, rng)


def _paste(image: np.ndarray, thing: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Put a (4, 140, 140) thing into a (3, 96, 96) image: 24 to 64 pixels wide, turned, at least mostly visible."""
    width = rng.uniform(24.0, 64.0)
    while thing.shape[1] > 2 * width:  # halve first: sampling points alone would alias
        n = thing.shape[1] // 2
        thing = thing[:, : 2 * n, : 2 * n].reshape(4, n, 2, n, 2).mean(axis=(2, 4))
    margin = width / 3.0
    row, column = rng.uniform(margin, SIDE_PIXELS - margin, 2)
    angle = rng.uniform(0.0, 2.0 * np.pi)
    y, x = np.mgrid[0:SIDE_PIXELS, 0:SIDE_PIXELS] + 0.5
    y, x = (y - row) / width, (x - column) / width
    v, u = np.cos(angle) * y - np.sin(angle) * x, np.sin(angle) * y + np.cos(angle) * x
    n = thing.shape[1]
    rows, columns = ((0.5 + part) * n - 0.5 for part in (v, u))
    low_r, low_c = np.floor(rows).astype(np.int64), np.floor(columns).astype(np.int64)
    inside = (low_r >= 0) & (low_c >= 0) & (low_r < n - 1) & (low_c < n - 1)
    low_r, low_c = np.where(inside, low_r, 0), np.where(inside, low_c, 0)
    fr, fc = rows - low_r, columns - low_c
    sampled = (1 - fr) * ((1 - fc) * thing[:, low_r, low_c] + fc * thing[:, low_r, low_c + 1])
    sampled += fr * ((1 - fc) * thing[:, low_r + 1, low_c] + fc * thing[:, low_r + 1, low_c + 1])
    opacity = np.where(inside, sampled[3], 0.0)
    return np.asarray(image * (1.0 - opacity) + sampled[:3] * opacity)


def draw(label: int, rng: np.random.Generator) -> np.ndarray:
    """One picture with (1) or without (0) the flower; uint8 (3, 96, 96)."""
    if label not in (0, 1):
        raise ValueError(f"label is {label}, want 0 or 1")
    image = _background(rng)
    if label == 1 or rng.random() < 0.5:
        thing = flower() if label == 1 else _shuffled(flower(), rng)
        coloured = np.concatenate([_coloured(thing[:3], 0.3, rng), thing[3:]])
        image = _paste(image, coloured, rng)
    image = image + rng.normal(0.0, 4.0, image.shape)  # the camera's noise
    return np.clip(np.floor(image + 0.5), 0, 255).astype(np.uint8)


@lru_cache(maxsize=8)
def _generated(split: Split, count: int) -> Samples:
    labels = np.arange(count, dtype=np.int64) % 2
    rngs = (np.random.default_rng([_SEED, _STREAM[split], index]) for index in range(count))
    return Samples(np.stack([draw(int(label), rng) for label, rng in zip(labels, rngs, strict=True)]), labels)


def _read(split: Split, count: int | None) -> Samples:
    total = GENERATED[split]
    if count is not None and not 1 <= count <= total:
        raise ValueError(f"count is {count}, want 1..{total}, the samples there are")
    return _generated(split, total if count is None else count)


def presence() -> DataSet:
    """2400 training and 400 test pictures, half of them with the flower. Every picture has its own seed."""
    return DataSet("presence", _read)
