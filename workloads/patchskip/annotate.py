"""Who is in the picture? Labels of a fixed camera's clip, derived from the clip itself by background subtraction.

The empty scene is pieced together from frames chosen by eye (a median will not do: people and bottles stand in their
places for more than half of the time). A frame's exposure is matched to it by the median of their ratio. A pixel of
which any colour differs by more than `PIXEL_STEP` is foreground, a cell of 4x4 pixels with `CELL_PIXELS` of them too,
and every group of touching cells (sides or corners, gaps of one cell closed) of at least `LEAST_CELLS` is an object: a
person, a bottle, or a hand, together with what it touches.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from workloads.arrays import load_arrays, save_arrays
from workloads.patchskip import clips

STORED = Path(__file__).parent / "annotations.npz"
PIXEL_STEP, CELL, CELL_PIXELS, LEAST_CELLS = 28.0, 4, 8, 12


@dataclass(frozen=True, slots=True)
class Scene:
    """A video's clip, and its empty scene: from which frame on which column the picture is taken."""

    clip: str
    pieces: tuple[tuple[int, int], ...]


SCENES = {
    "one-by-one-person-detection": Scene("fixed_person", ((0, 0),)),
    "bottle-detection": Scene("fixed_bottle", ((0, 568), (115, 1033))),
}


def background(frames: np.ndarray, scene: Scene) -> np.ndarray:
    """(c, rows, columns) float64: the empty scene, each piece in the exposure of the first."""
    first = frames[scene.pieces[0][1]].astype(np.float64)
    behind = first.copy()
    for column, frame in scene.pieces[1:]:
        piece = frames[frame].astype(np.float64)
        behind[:, :, column:] = piece[:, :, column:] * np.median((first + 1.0) / (piece + 1.0))
    return behind


def cells(frame: np.ndarray, behind: np.ndarray) -> np.ndarray:
    """bool (rows / 4, columns / 4): where the foreground is; whole cells only."""
    gain = np.median((behind + 1.0) / (frame + 1.0))
    different = (np.abs(frame * gain - behind) > PIXEL_STEP).any(axis=0)
    rows, columns = (size // CELL for size in different.shape)
    tiles = different[: rows * CELL, : columns * CELL].reshape(rows, CELL, columns, CELL)
    return np.asarray(tiles.sum(axis=(1, 3)) >= CELL_PIXELS)


def _grown(mask: np.ndarray) -> np.ndarray:
    padded = np.pad(mask, 1)
    height, width = mask.shape
    return np.max([padded[y : y + height, x : x + width] for y in range(3) for x in range(3)], axis=0)


def components(mask: np.ndarray) -> list[int]:
    """Sizes (cells of `mask`) of the groups that touch once gaps of one cell are closed."""
    closed = ~_grown(~_grown(mask))
    labels = np.where(closed, np.arange(1, closed.size + 1).reshape(closed.shape), 0)
    while True:  # the largest number spreads over each group
        spread = np.where(closed, _grown(labels), 0)
        if np.array_equal(spread, labels):
            break
        labels = spread
    return [int((mask & (labels == label)).sum()) for label in np.unique(labels) if label]


def count(frame: np.ndarray, behind: np.ndarray) -> int:
    """Objects in a frame uint8 (c, rows, columns) before the background."""
    return sum(size >= LEAST_CELLS for size in components(cells(frame, behind)))


def derive(frames: np.ndarray, scene: Scene) -> np.ndarray:
    """int8 (n,): objects in each frame of a whole clip, smoothed by the median of five frames."""
    behind = background(frames, scene)
    raw = np.array([count(frame, behind) for frame in frames])
    padded = np.pad(raw, 2, mode="edge")
    return np.median([padded[k : k + len(raw)] for k in range(5)], axis=0).astype(np.int8)


def stored(clip: clips.Clip) -> np.ndarray | None:
    """int64 (n,): the committed counts of a clip's frames by name and number, or None for a clip without labels."""
    counts = load_arrays(STORED).get(clip.name)
    if counts is None or clip.index.max() >= len(counts):
        return None
    return counts[clip.index].astype(np.int64)


def main(arguments: list[str] | None = None) -> None:
    """Annotate videos and store their counts under the names of their clips."""
    parser = argparse.ArgumentParser(
        prog="python -m workloads.patchskip.annotate", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("videos", nargs="+", type=Path, help=", ".join(SCENES))
    found = {}
    for path in parser.parse_args(arguments).videos:
        scene = SCENES[path.stem]
        counts = derive(clips.read(path).frames, scene)
        found[scene.clip] = counts
        print(path.stem, "frames by number of objects:", np.bincount(counts).tolist(), flush=True)
    save_arrays(STORED, found)


if __name__ == "__main__":
    main()
