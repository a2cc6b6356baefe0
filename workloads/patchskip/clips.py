"""Clips: frames in order, from arrays, from video files, or from a folder of either.

`.npz` files hold `gray` (n, rows, columns) or `rgb` (n, rows, columns, 3), uint8, and may hold `fps`, `first_frame` and
`index` (n,), the numbers of their frames, which must rise.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from workloads.arrays import load_arrays

VIDEOS = (".mp4", ".avi", ".mkv", ".mov", ".webm")
FPS = 10.0  # of arrays that do not say


@dataclass(frozen=True, slots=True)
class Clip:
    """Frames uint8 (n, 1 or 3, rows, columns), frames a second, and the number of each frame in its source, (n,)."""

    name: str
    frames: np.ndarray
    fps: float
    index: np.ndarray

    def __post_init__(self) -> None:
        if self.frames.dtype != np.uint8 or self.frames.ndim != 4 or self.frames.shape[1] not in (1, 3):
            raise ValueError(
                f"{self.name}: want uint8 frames (n, 1 or 3, rows, columns), got {self.frames.dtype} "
                f"{self.frames.shape}"
            )
        if not len(self.frames):
            raise ValueError(f"{self.name}: there are no frames")
        if self.index.shape != (len(self.frames),):
            raise ValueError(f"{self.name}: {len(self.frames)} frames, but index has the shape {self.index.shape}")
        if not (np.isfinite(self.fps) and self.fps > 0):
            raise ValueError(f"{self.name}: fps is {self.fps}, want above 0")
        backwards = np.flatnonzero(np.diff(self.index) <= 0)
        if len(backwards):
            before, after = self.index[backwards[0] : backwards[0] + 2]
            raise ValueError(f"{self.name}: frames out of order: frame {after} comes after frame {before}")

    def first(self, count: int | None) -> "Clip":
        """The first `count` frames, or all."""
        return self if count is None else replace(self, frames=self.frames[:count], index=self.index[:count])


def to_inputs(frames: np.ndarray) -> torch.Tensor:
    """uint8 (n, 1 or 3, rows, columns) -> float32 (n, 3, rows, columns) = (pixel - 128) / 128; grey is repeated."""
    return ((torch.from_numpy(frames).to(torch.float32) - 128.0) / 128.0).expand(-1, 3, -1, -1)


def from_arrays(name: str, arrays: dict[str, np.ndarray]) -> Clip:
    """The clip in named arrays; colour comes before grey."""
    if "rgb" in arrays:
        frames = arrays["rgb"]
        if frames.ndim != 4 or frames.shape[3] != 3:
            raise ValueError(f"{name}: want rgb (n, rows, columns, 3), got {frames.shape}")
        frames = np.ascontiguousarray(frames.transpose(0, 3, 1, 2))
    elif "gray" in arrays:
        if arrays["gray"].ndim != 3:
            raise ValueError(f"{name}: want gray (n, rows, columns), got {arrays['gray'].shape}")
        frames = arrays["gray"][:, None]
    else:
        raise ValueError(f"{name}: want an array `gray` or `rgb`, found {', '.join(sorted(arrays)) or 'none'}")
    try:
        fps, first = float(arrays.get("fps", FPS)), int(arrays.get("first_frame", 0))
    except TypeError as error:
        raise ValueError(f"{name}: want one number each as fps and first_frame ({error})") from error
    return Clip(name, frames, fps, arrays.get("index", np.arange(first, first + len(frames))))


def read(path: Path) -> Clip:
    """The clip in one file; videos need the extra `video` and are scaled to 160x120."""
    if path.suffix.lower() in VIDEOS:
        from workloads.patchskip.video import decode

        return decode(path)
    if path.suffix.lower() != ".npz":
        raise ValueError(f"{path}: want a .npz file of frames or a video ({', '.join(VIDEOS)})")
    return from_arrays(path.stem.removesuffix("_160x120"), load_arrays(path))


def _in_folder(folder: Path, suffixes: tuple[str, ...]) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in suffixes and path.is_file())


def find(place: Path, wanted: str | None = None) -> list[Path]:
    """Files of clips: `place` itself, or those in the folder or one level below; `wanted` is part of a file's name.

    Frame arrays come before videos, which are listed where there are no arrays, or when `wanted` names one.
    """
    if place.is_file():
        return [place]
    if not place.is_dir():
        raise ValueError(f"{place} is neither a file nor a folder")
    for folder in (place, *sorted(path for path in place.iterdir() if path.is_dir())):
        for suffixes in ((".npz",), VIDEOS):
            found = [path for path in _in_folder(folder, suffixes) if wanted is None or wanted in path.name]
            found = [path for path in found if path.suffix in VIDEOS or _holds_frames(path)]
            if found:
                return found
    named = f" whose name holds {wanted!r}" if wanted else ""
    raise ValueError(
        f"no clip{named} in {place}: want .npz files with `gray` or `rgb`, or videos ({', '.join(VIDEOS)})"
    )


def _holds_frames(path: Path) -> bool:
    """Whether an archive names frames; a broken one counts, so that reading it says what is wrong."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return bool({"gray", "rgb"} & set(getattr(file, "files", ())))
    except Exception:  # a foreign file can fail anywhere
        return True
