"""Video files, decoded by PyAV (the extra `video`), cropped in the middle to 4:3 and averaged down to 160x120."""

from pathlib import Path

import numpy as np

from workloads.patchskip.clips import FPS, Clip

ROWS, COLUMNS = 120, 160


def _shares(size: int, parts: int) -> np.ndarray:
    """(parts, size): what each source pixel contributes to each of `parts` equal intervals; rows sum to 1."""
    edges = np.linspace(0.0, size, parts + 1)
    pixel = np.arange(size)
    overlap = np.minimum(pixel + 1, edges[1:, None]) - np.maximum(pixel, edges[:-1, None])
    return np.clip(overlap, 0.0, None) * (parts / size)


def shrink(image: np.ndarray, rows: int = ROWS, columns: int = COLUMNS) -> np.ndarray:
    """uint8 (rows, columns, 3) of any size -> uint8 (3, rows, columns): middle crop to the same shape, area average."""
    height, width = image.shape[:2]
    cut_h, cut_w = min(height, width * rows // columns), min(width, height * columns // rows)
    top, left = (height - cut_h) // 2, (width - cut_w) // 2
    crop = image[top : top + cut_h, left : left + cut_w].transpose(2, 0, 1).astype(np.float64)
    small = _shares(cut_h, rows) @ crop @ _shares(cut_w, columns).T
    return np.floor(small + 0.5).astype(np.uint8)


def decode(path: Path) -> Clip:
    """Every frame of the first video stream, by time stamp; ValueError for what cannot be decoded."""
    try:
        import av
    except ImportError as error:
        raise ValueError(f"{path}: reading video files needs PyAV: pip install 'cosim[video]'") from error
    if not path.is_file():
        raise ValueError(f"no such file: {path}")
    frames: list[np.ndarray] = []
    times: list[int] = []
    size: tuple[int, int] | None = None
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise ValueError(f"{path}: there is no video stream")
            stream = container.streams.video[0]
            rate = float(stream.average_rate or FPS)
            for frame in container.decode(stream):
                if size not in (None, (frame.width, frame.height)):
                    raise ValueError(f"{path}: frame {len(frames)} has another size: {frame.width}x{frame.height}")
                size = (frame.width, frame.height)
                if times and frame.pts is not None and frame.pts <= times[-1]:
                    raise ValueError(f"{path}: frames out of order: time stamp {frame.pts} after {times[-1]}")
                times.append(frame.pts if frame.pts is not None else len(times))
                frames.append(shrink(frame.to_ndarray(format="rgb24")))
            announced = stream.frames
    except av.error.FFmpegError as error:
        raise ValueError(f"{path}: corrupt video after frame {len(frames)} ({error})") from error
    if not frames or len(frames) < announced:
        raise ValueError(f"{path}: corrupt video: {len(frames)} of {announced} frames can be decoded")
    return Clip(path.stem, np.stack(frames), rate, np.arange(len(frames)))
