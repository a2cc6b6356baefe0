"""CPU functions of whole layers and of indexing, float32, in PyTorch's axis order (images are NCHW)."""

from collections.abc import Callable, Sequence

import numpy as np

Pair = int | Sequence[int]


def _pair(value: Pair) -> tuple[int, int]:
    if isinstance(value, int):
        return value, value
    values = tuple(value)
    return (values[0], values[0]) if len(values) == 1 else (values[0], values[1])


def linear(x: np.ndarray, weight: np.ndarray, bias: np.ndarray | None = None) -> np.ndarray:
    """``x @ weight.T + bias``; weight [out, in]."""
    y = x @ weight.T
    return y if bias is None else y + bias


def conv2d(
    x: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | None = None,
    *,
    stride: Pair = 1,
    padding: Pair = 0,
    dilation: Pair = 1,
    groups: int = 1,
) -> np.ndarray:
    """x [N, Cin, H, W], weight [Cout, Cin/groups, kh, kw], zero padding -> [N, Cout, OH, OW]."""
    step, dilate = _pair(stride), _pair(dilation)
    extent = [(size - 1) * gap + 1 for size, gap in zip(weight.shape[2:], dilate, strict=True)]
    windows = _windows(_padded(x, padding, 0), extent, step)[..., :: dilate[0], :: dilate[1]]
    inputs, outputs = weight.shape[1], weight.shape[0] // groups
    parts = []
    for group in range(groups):
        taken = windows[:, group * inputs : (group + 1) * inputs]
        kernel = weight[group * outputs : (group + 1) * outputs]
        parts.append(np.tensordot(taken, kernel, axes=((1, 4, 5), (1, 2, 3))))
    y = np.moveaxis(np.concatenate(parts, axis=-1), -1, 1)
    return y if bias is None else y + bias[:, None, None]


def max_pool2d(x: np.ndarray, *, kernel_size: Pair, stride: Pair | None = None, padding: Pair = 0) -> np.ndarray:
    """Largest value of each window of x [N, C, H, W]; padding never wins."""
    kernel = _pair(kernel_size)
    windows = _windows(_padded(x, padding, -np.inf), kernel, _pair(stride) if stride else kernel)
    return windows.max(axis=(-2, -1))


def avg_pool2d(x: np.ndarray, *, kernel_size: Pair, stride: Pair | None = None, padding: Pair = 0) -> np.ndarray:
    """Mean of each window of x [N, C, H, W], padding zeros included (PyTorch's default)."""
    kernel = _pair(kernel_size)
    windows = _windows(_padded(x, padding, 0), kernel, _pair(stride) if stride else kernel)
    return windows.mean(axis=(-2, -1), dtype=np.float32)


def adaptive_avg_pool2d(x: np.ndarray, *, output_size: Pair) -> np.ndarray:
    """Means of x [..., H, W] over bins from floor(i*size/n) to ceil((i+1)*size/n)."""
    height, width = _pair(output_size)

    def bins(size: int, count: int) -> list[slice]:
        return [slice(i * size // count, -(-(i + 1) * size // count)) for i in range(count)]

    rows = [[x[..., v, h].mean(axis=(-2, -1)) for h in bins(x.shape[-1], width)] for v in bins(x.shape[-2], height)]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def _padded(x: np.ndarray, padding: Pair, value: float) -> np.ndarray:
    vertical, horizontal = _pair(padding)
    around = ((0, 0), (0, 0), (vertical, vertical), (horizontal, horizontal))
    return np.pad(x, around, constant_values=value) if vertical or horizontal else x


def _windows(x: np.ndarray, extent: Sequence[int], stride: tuple[int, int]) -> np.ndarray:
    """[N, C, OH, OW, extent, extent]."""
    views = np.lib.stride_tricks.sliding_window_view(x, tuple(extent), axis=(2, 3))
    return views[:, :, :: stride[0], :: stride[1]]


def upsample_nearest(x: np.ndarray, *, output_size: Pair) -> np.ndarray:
    """x [..., H, W] to ``output_size``: output i reads input floor(i * size / output size)."""
    height, width = _pair(output_size)
    rows, columns = np.arange(height) * x.shape[-2] // height, np.arange(width) * x.shape[-1] // width
    return x[..., rows[:, None], columns]


def pixel_shuffle(x: np.ndarray, *, upscale_factor: int) -> np.ndarray:
    """[..., C*r*r, H, W] -> [..., C, H*r, W*r]."""
    r, (*lead, channels, height, width) = upscale_factor, x.shape
    y = x.reshape(*lead, channels // (r * r), r, r, height, width)
    n = len(lead)
    y = y.transpose(*range(n), n, n + 3, n + 1, n + 4, n + 2)
    return y.reshape(*lead, channels // (r * r), height * r, width * r)


def embedding(weight: np.ndarray, indices: np.ndarray) -> np.ndarray:
    """Rows of weight [entries, features]."""
    if indices.size and not 0 <= indices.min() <= indices.max() < len(weight):
        raise ValueError(f"embedding: want indices in 0..{len(weight) - 1}, got {indices.min()}..{indices.max()}")
    return weight[indices]


def gather(x: np.ndarray, index: np.ndarray, *, dim: int) -> np.ndarray:
    """``x`` at ``index`` along ``dim``; the other axes of index may be shorter than those of x, as in PyTorch."""
    axis = dim % x.ndim
    part = tuple(slice(None) if i == axis else slice(size) for i, size in enumerate(index.shape))
    return np.take_along_axis(x[part], index, axis=axis)


FUNCTIONS: dict[str, Callable[..., np.ndarray]] = {
    "linear": linear,
    "matmul": np.matmul,
    "conv2d": conv2d,
    "max_pool2d": max_pool2d,
    "avg_pool2d": avg_pool2d,
    "adaptive_avg_pool2d": adaptive_avg_pool2d,
    "upsample_nearest": upsample_nearest,
    "pixel_shuffle": pixel_shuffle,
    "embedding": embedding,
    "gather": gather,
    "identity": np.asarray,
}
