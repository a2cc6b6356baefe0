"""CPU functions of a training step in float32: gradients of layers and losses, in PyTorch's axis order (NCHW).

Names and parameters are those of PyTorch's backward operators where it has one that does the same.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from accel_models.kernels.layers import Pair, _pair


def _taps(
    kernel: Sequence[int], step: tuple[int, int], gap: tuple[int, int], count: Sequence[int]
) -> Iterator[tuple[int, int, slice, slice]]:
    """Of each place in a kernel: its index, and the rows and columns of a padded image that ``count`` windows meet."""
    for row in range(kernel[0]):
        for column in range(kernel[1]):
            rows, columns = (
                slice(start, start + (n - 1) * jump + 1, jump)
                for start, n, jump in zip((row * gap[0], column * gap[1]), count, step, strict=True)
            )
            yield row, column, rows, columns


def conv2d_input_gradient(
    g: np.ndarray,
    weight: np.ndarray,
    *,
    size: Sequence[int],
    stride: Pair = 1,
    padding: Pair = 0,
    dilation: Pair = 1,
    groups: int = 1,
) -> np.ndarray:
    """The gradient of the input, of ``size`` rows and columns, from that of the output, g [N, Cout, OH, OW]."""
    step, pad, gap = _pair(stride), _pair(padding), _pair(dilation)
    n, outputs, *count = g.shape
    channels = weight.shape[1]
    high, wide = size[0] + 2 * pad[0], size[1] + 2 * pad[1]
    total = np.zeros((n, groups * channels, high, wide), g.dtype)
    grouped = g.reshape(n, groups, outputs // groups, *count)
    kernel = weight.reshape(groups, outputs // groups, channels, *weight.shape[2:])
    for row, column, rows, columns in _taps(weight.shape[2:], step, gap, count):
        part = np.einsum("ngohw,goc->ngchw", grouped, kernel[..., row, column], optimize=True)
        total[:, :, rows, columns] += part.reshape(n, groups * channels, *count)
    return np.ascontiguousarray(total[:, :, pad[0] : pad[0] + size[0], pad[1] : pad[1] + size[1]])


def conv2d_weight_gradient(
    g: np.ndarray,
    x: np.ndarray,
    *,
    kernel_size: Sequence[int],
    stride: Pair = 1,
    padding: Pair = 0,
    dilation: Pair = 1,
    groups: int = 1,
) -> np.ndarray:
    """The gradient of the weight [Cout, Cin/groups, kh, kw]: a sum over samples and pixels."""
    step, pad, gap = _pair(stride), _pair(padding), _pair(dilation)
    n, outputs, *count = g.shape
    channels = x.shape[1] // groups
    padded = np.pad(x, ((0, 0), (0, 0), (pad[0], pad[0]), (pad[1], pad[1])))
    grouped = g.reshape(n, groups, outputs // groups, *count)
    result = np.zeros((groups, outputs // groups, channels, *kernel_size), g.dtype)
    for row, column, rows, columns in _taps(kernel_size, step, gap, count):
        part = padded[:, :, rows, columns].reshape(n, groups, channels, *count)
        result[..., row, column] = np.einsum("ngohw,ngchw->goc", grouped, part, optimize=True)
    return result.reshape(outputs, channels, *kernel_size)


def max_pool2d_with_indices(
    x: np.ndarray, *, kernel_size: Pair, stride: Pair | None = None, padding: Pair = 0
) -> tuple[np.ndarray, np.ndarray]:
    """The largest of each window and its place in the image, row by row (int64), the first of equals."""
    kernel, pad = _pair(kernel_size), _pair(padding)
    step = _pair(stride) if stride else kernel
    n, c, height, width = x.shape
    around = ((0, 0), (0, 0), (pad[0], pad[0]), (pad[1], pad[1]))
    places = np.pad(np.arange(height * width).reshape(1, 1, height, width), around)
    view = np.lib.stride_tricks.sliding_window_view
    windows = view(np.pad(x, around, constant_values=-np.inf), kernel, axis=(2, 3))[:, :, :: step[0], :: step[1]]
    names = view(places, kernel, axis=(2, 3))[:, :, :: step[0], :: step[1]]
    first = windows.reshape(*windows.shape[:4], -1)
    best = np.argmax(np.where(np.isnan(first), np.inf, first), axis=-1)[..., None]
    index = np.take_along_axis(np.broadcast_to(names, windows.shape).reshape(first.shape), best, -1)[..., 0]
    return np.take_along_axis(first, best, -1)[..., 0], index.astype(np.int64)


def max_pool2d_gradient(g: np.ndarray, indices: np.ndarray, *, size: Sequence[int]) -> np.ndarray:
    """Each gradient added at its place in an image of ``size``, 0 elsewhere."""
    n, c = g.shape[:2]
    flat = np.zeros((n * c, size[0] * size[1]), g.dtype)
    np.add.at(flat, (np.arange(n * c)[:, None], indices.reshape(n * c, -1)), g.reshape(n * c, -1))
    return flat.reshape(n, c, *size)


def avg_pool2d_gradient(
    g: np.ndarray, *, size: Sequence[int], kernel_size: Pair, stride: Pair | None = None, padding: Pair = 0
) -> np.ndarray:
    """Each gradient spread over its window, padding counted (PyTorch's default)."""
    kernel, pad = _pair(kernel_size), _pair(padding)
    step = _pair(stride) if stride else kernel
    n, c, *count = g.shape
    total = np.zeros((n, c, size[0] + 2 * pad[0], size[1] + 2 * pad[1]), g.dtype)
    share = g / np.asarray(kernel[0] * kernel[1], g.dtype)
    for _, _, rows, columns in _taps(kernel, step, (1, 1), count):
        total[:, :, rows, columns] += share
    return np.ascontiguousarray(total[:, :, pad[0] : pad[0] + size[0], pad[1] : pad[1] + size[1]])


def threshold_backward(g: np.ndarray, x: np.ndarray, *, threshold: float = 0.0) -> np.ndarray:
    """``g`` where x is above the threshold, else 0."""
    return np.where(x > threshold, g, np.zeros((), g.dtype))


def hardtanh_backward(g: np.ndarray, x: np.ndarray, *, min_val: float = -1.0, max_val: float = 1.0) -> np.ndarray:
    """``g`` strictly between the bounds, else 0."""
    return np.where((x > min_val) & (x < max_val), g, np.zeros((), g.dtype))


def sigmoid_backward(g: np.ndarray, y: np.ndarray) -> np.ndarray:
    return g * (1 - y) * y


def tanh_backward(g: np.ndarray, y: np.ndarray) -> np.ndarray:
    return g * (1 - y * y)


def softmax_backward(g: np.ndarray, y: np.ndarray, *, dim: int) -> np.ndarray:
    """``y`` is the softmax."""
    product = g * y
    return product - y * product.sum(axis=dim, keepdims=True)


def log_softmax_backward(g: np.ndarray, y: np.ndarray, *, dim: int) -> np.ndarray:
    """``y`` is the logarithm of the softmax."""
    return g - np.exp(y) * g.sum(axis=dim, keepdims=True)


def nll_loss(
    x: np.ndarray, target: np.ndarray, weight: np.ndarray | None = None, *, reduction: int = 1, ignore_index: int = -100
) -> tuple[np.ndarray, np.ndarray]:
    """Negative log-likelihood of x [N, classes] (reduction 0: each, 1: mean, 2: sum) and the weight of all samples."""
    chosen, share = _chosen(x.shape[1], target, weight, ignore_index, x.dtype)
    each = -np.take_along_axis(x, chosen[:, None], 1)[:, 0] * share
    total = share.sum(dtype=x.dtype)
    if reduction == 0:
        return each, np.zeros((), x.dtype)
    summed = each.sum(dtype=x.dtype)
    return np.asarray(summed / total if reduction == 1 else summed), np.asarray(total)


def nll_loss_backward(
    g: np.ndarray,
    target: np.ndarray,
    total: np.ndarray,
    weight: np.ndarray | None = None,
    *,
    classes: int,
    reduction: int = 1,
    ignore_index: int = -100,
) -> np.ndarray:
    """The gradient of nll_loss, [N, ``classes``]; ``total``: its second result."""
    chosen, share = _chosen(classes, target, weight, ignore_index, g.dtype)
    each = -share * (g / total if reduction == 1 else g)
    result = np.zeros((len(target), classes), g.dtype)
    np.put_along_axis(result, chosen[:, None], each[:, None].astype(g.dtype), 1)
    return result


def _chosen(
    classes: int, target: np.ndarray, weight: np.ndarray | None, ignore: int, dtype: np.dtype
) -> tuple[np.ndarray, np.ndarray]:
    """The class of each sample (0 where it is ignored) and how much the sample counts. Raises ValueError."""
    ignored = target == ignore
    wrong = target[~ignored & ((target < 0) | (target >= classes))]
    if wrong.size:
        raise ValueError(f"nll_loss: want classes in 0..{classes - 1}, got {int(wrong[0])}")
    chosen = np.where(ignored, 0, target)
    return chosen, np.where(ignored, 0, 1 if weight is None else weight[chosen]).astype(dtype)


def native_batch_norm(
    x: np.ndarray,
    weight: np.ndarray | None = None,
    bias: np.ndarray | None = None,
    mean: np.ndarray | None = None,
    variance: np.ndarray | None = None,
    *,
    momentum: float,
    eps: float,
) -> tuple[np.ndarray, ...]:
    """Batch norm in training over x [N, C, ...]: its result, the batch's mean and 1 / sqrt(variance + eps), and, where
    the running ones are given, their new values."""
    axes, wide = (0, *range(2, x.ndim)), (slice(None), *[None] * (x.ndim - 2))
    middle, spread = x.mean(axis=axes, dtype=np.float32), x.var(axis=axes, dtype=np.float32)
    inverse = 1 / np.sqrt(spread + np.float32(eps))
    y = (x - middle[wide]) * inverse[wide]
    y = y if weight is None else y * weight[wide]
    y = y if bias is None else y + bias[wide]
    if mean is None or variance is None:
        return y, middle, inverse
    count, share = x.size // x.shape[1], np.float32(momentum)
    unbiased = spread * np.float32(count / max(1, count - 1))
    return y, middle, inverse, (1 - share) * mean + share * middle, (1 - share) * variance + share * unbiased


def native_batch_norm_backward(
    g: np.ndarray, x: np.ndarray, mean: np.ndarray, inverse: np.ndarray, weight: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Gradients of the input, the weight and the bias; ``mean``, ``inverse``: of the batch, as native_batch_norm."""
    axes, wide = (0, *range(2, x.ndim)), (slice(None), *[None] * (x.ndim - 2))
    normal = (x - mean[wide]) * inverse[wide]
    for_bias, for_weight = g.sum(axis=axes), (g * normal).sum(axis=axes)
    count = np.float32(x.size // x.shape[1])
    scale = inverse if weight is None else inverse * weight
    return (g - for_bias[wide] / count - normal * for_weight[wide] / count) * scale[wide], for_weight, for_bias


def mse_loss(x: np.ndarray, target: np.ndarray, *, reduction: int = 1) -> np.ndarray:
    """Squared differences (reduction 0: each, 1: mean, 2: sum)."""
    each = np.square(x - target)
    return each if reduction == 0 else np.asarray(each.mean() if reduction == 1 else each.sum())


def mse_loss_backward(g: np.ndarray, x: np.ndarray, target: np.ndarray, *, reduction: int = 1) -> np.ndarray:
    return np.asarray(2 / x.size if reduction == 1 else 2, x.dtype) * (x - target) * g


def gemm(
    a: np.ndarray,
    b: np.ndarray,
    bias: np.ndarray | None = None,
    *,
    transposed_a: bool = False,
    transposed_b: bool = False,
) -> np.ndarray:
    """``a @ b + bias`` of matrices, either of which may be read in columns."""
    y = (a.T if transposed_a else a) @ (b.T if transposed_b else b)
    return y if bias is None else y + bias


def lerp(start: np.ndarray, end: np.ndarray, *, weight: float) -> np.ndarray:
    """``start + weight * (end - start)``, from whichever end is nearer, as PyTorch does."""
    share = np.asarray(weight, start.dtype)
    return start + share * (end - start) if abs(weight) < 0.5 else end - (end - start) * (1 - share)


def addcmul(x: np.ndarray, a: np.ndarray, b: np.ndarray, *, value: float = 1) -> np.ndarray:
    """``x + value * a * b``."""
    return x + np.asarray(value, x.dtype) * a * b


def addcdiv(x: np.ndarray, a: np.ndarray, b: np.ndarray, *, value: float = 1) -> np.ndarray:
    """``x + value * a / b``."""
    return x + np.asarray(value, x.dtype) * a / b


def power_of(x: np.ndarray, *, base: float) -> np.ndarray:
    """``base ** x``."""
    return np.power(np.asarray(base, x.dtype), x)


def expand(x: np.ndarray, *, shape: Sequence[int]) -> np.ndarray:
    """x repeated along its axes of size 1, and along new ones before them."""
    return np.broadcast_to(x, tuple(shape))


FUNCTIONS: dict[str, Callable[..., np.ndarray | tuple[np.ndarray, ...]]] = {
    "conv2d_input_gradient": conv2d_input_gradient,
    "conv2d_weight_gradient": conv2d_weight_gradient,
    "max_pool2d_with_indices": max_pool2d_with_indices,
    "max_pool2d_gradient": max_pool2d_gradient,
    "avg_pool2d_gradient": avg_pool2d_gradient,
    "threshold_backward": threshold_backward,
    "hardtanh_backward": hardtanh_backward,
    "sigmoid_backward": sigmoid_backward,
    "tanh_backward": tanh_backward,
    "softmax_backward": softmax_backward,
    "log_softmax_backward": log_softmax_backward,
    "nll_loss": nll_loss,
    "nll_loss_backward": nll_loss_backward,
    "mse_loss": mse_loss,
    "mse_loss_backward": mse_loss_backward,
    "native_batch_norm": native_batch_norm,
    "native_batch_norm_backward": native_batch_norm_backward,
    "gemm": gemm,
    "lerp": lerp,
    "addcmul": addcmul,
    "addcdiv": addcdiv,
    "power_of": power_of,
    "expand": expand,
}
