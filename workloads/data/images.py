"""Images of 32x32 pixels in 10 classes: scikit-learn's digits, MNIST, Fashion-MNIST, a CIFAR-10 subset.

Storage form: uint8, (n, channels, 32, 32), with 1 channel (grey) or 3 (red, green, blue).
"""

from functools import lru_cache
from pathlib import Path

import numpy as np

from workloads.arrays import load_arrays
from workloads.data.folders import Source
from workloads.data.idx import read_idx
from workloads.data.resize import resize_bilinear
from workloads.data.samples import DataSet, Samples, Split, take

SIDE_PIXELS = 32
DIGITS_TRAIN = 1200  # of 1797
DIGITS_SPLIT_SEED = 2024

# The first test labels tell the two data sets apart, whose files have the same names.
_MNIST_TEST_LABELS = (7, 2, 1, 0, 4, 1, 4, 9)
_FASHION_TEST_LABELS = (9, 2, 1, 1, 6, 1, 4, 6)
_IDX_FILES = "train- and t10k-images-idx3-ubyte and -labels-idx1-ubyte, plain or .gz"


def _digit_levels(split: Split) -> Samples:
    """Handwritten digits of 8x8 pixels and 17 grey levels, 0 to 16; float64 (n, 8, 8).

    Source: E. Alpaydin, C. Kaynak, "Optical Recognition of Handwritten Digits", UCI, 1998; as in scikit-learn.
    """
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(DIGITS_SPLIT_SEED).permutation(len(labels))
    chosen = order[:DIGITS_TRAIN] if split == "train" else order[DIGITS_TRAIN:]
    return Samples(images[chosen].reshape(-1, 8, 8), labels[chosen].astype(np.int64))


@lru_cache(maxsize=2)
def _digits(split: Split) -> Samples:
    """Digits enlarged by bilinear interpolation."""
    levels = _digit_levels(split)
    large = np.floor(resize_bilinear(levels.inputs * (255.0 / 16.0), SIDE_PIXELS, SIDE_PIXELS) + 0.5).astype(np.uint8)
    return Samples(large[:, None], levels.labels)


@lru_cache(maxsize=2)
def _small_digits(split: Split) -> Samples:
    levels = _digit_levels(split)
    return Samples(np.minimum(levels.inputs * 16, 255).astype(np.uint8)[:, None], levels.labels)


def digits() -> DataSet:
    """scikit-learn's digits: 1200 training and 597 test images, always there."""
    return DataSet("digits", lambda split, count: take(_digits(split), count))


def small_digits() -> DataSet:
    """The same digits at their own size: uint8 (n, 1, 8, 8), 16 times the grey level, 255 for the darkest."""
    return DataSet("digits-8x8", lambda split, count: take(_small_digits(split), count))


def _idx_path(folder: Path, stem: str) -> Path | None:
    return next((path for path in (folder / f"{stem}.gz", folder / stem) if path.is_file()), None)


@lru_cache(maxsize=2)
def _idx_samples(images: Path, labels: Path) -> Samples:
    """28x28 grey images, framed by two background pixels on every side."""
    pixels, classes = read_idx(images, 3), read_idx(labels, 1)
    if pixels.shape[1:] != (28, 28) or len(pixels) != len(classes):
        raise ValueError(f"{images}: want (n, 28, 28) with n = {len(classes)} labels, got {pixels.shape}")
    if not len(classes) or classes.max() > 9:
        raise ValueError(f"{labels}: want at least one label, all of 0..9")
    return Samples(np.pad(pixels, ((0, 0), (2, 2), (2, 2)))[:, None], classes.astype(np.int64))


def _open_idx(folder: Path, name: str, fingerprint: tuple[int, ...]) -> DataSet | None:
    stems = {"train": "train", "test": "t10k"}
    test_labels = _idx_path(folder, "t10k-labels-idx1-ubyte")
    if test_labels is None or tuple(read_idx(test_labels, 1)[: len(fingerprint)]) != fingerprint:
        return None

    def read(split: Split, count: int | None) -> Samples:
        images = _idx_path(folder, f"{stems[split]}-images-idx3-ubyte")
        labels = _idx_path(folder, f"{stems[split]}-labels-idx1-ubyte")
        if images is None or labels is None:
            raise ValueError(f"{folder}: {name} is incomplete; want {_IDX_FILES}")
        return take(_idx_samples(images, labels), count)

    return DataSet(name, read)


@lru_cache(maxsize=1)
def _cifar_arrays(path: Path) -> dict[str, np.ndarray]:
    arrays = load_arrays(path)
    for split in ("train", "test"):
        images, labels = arrays.get(f"{split}_images"), arrays.get(f"{split}_labels")
        if images is None or labels is None or images.dtype != np.uint8:
            raise ValueError(f"{path}: want uint8 {split}_images and {split}_labels")
        if images.shape[1:] != (SIDE_PIXELS, SIDE_PIXELS, 3) or len(images) != len(labels) or not len(labels):
            raise ValueError(f"{path}: want images (n, 32, 32, 3) and n > 0 labels, got {images.shape}, {labels.shape}")
    return arrays


def _open_cifar10(folder: Path) -> DataSet | None:
    path = folder / "cifar10_jpeg_subset.npz"
    if not path.is_file():
        return None

    def read(split: Split, count: int | None) -> Samples:
        arrays = _cifar_arrays(path)
        images = np.ascontiguousarray(arrays[f"{split}_images"].transpose(0, 3, 1, 2))
        return take(Samples(images, arrays[f"{split}_labels"].astype(np.int64)), count)

    return DataSet("cifar10", read)


SOURCES = (
    Source("cifar10", "cifar10_jpeg_subset.npz", _open_cifar10),
    Source("fashion-mnist", _IDX_FILES, lambda f: _open_idx(f, "fashion-mnist", _FASHION_TEST_LABELS)),
    Source("mnist", _IDX_FILES, lambda f: _open_idx(f, "mnist", _MNIST_TEST_LABELS)),
)
