"""Readers refuse what is not theirs with a message that says what is wrong; generators repeat byte for byte."""

import gzip
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import workloads
from workloads.arrays import load_arrays, save_arrays
from workloads.data import hum, images, presence, speech
from workloads.data.features import cepstrum, log_mel, mel_filters
from workloads.data.idx import read_idx
from workloads.data.resize import resize_bilinear

MNIST_FIRST, FASHION_FIRST = (7, 2, 1, 0, 4, 1, 4, 9), (9, 2, 1, 1, 6, 1, 4, 6)


def idx_bytes(array: np.ndarray) -> bytes:
    return b"\0\0\x08" + bytes([array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def write_mnist(folder: Path, first: tuple[int, ...], packed: bool = True) -> None:
    """A small data set of random pixels whose test labels begin like a known one's."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(1)
    for stem, count in (("train", 64), ("t10k", 100)):
        labels = np.resize(np.array(first, np.uint8), count)
        pixels = rng.integers(0, 256, (count, 28, 28), np.uint8)
        for kind, array in (("images-idx3", pixels), ("labels-idx1", labels)):
            data = idx_bytes(array)
            name = f"{stem}-{kind}-ubyte"
            (folder / (name + ".gz" if packed else name)).write_bytes(gzip.compress(data) if packed else data)


def write_cifar10(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(2)
    arrays = {}
    for split, count in (("train", 64), ("test", 100)):
        arrays[f"{split}_images"] = rng.integers(0, 256, (count, 32, 32, 3), np.uint8)
        arrays[f"{split}_labels"] = (np.arange(count) % 10).astype(np.uint8)
    save_arrays(folder / "cifar10_jpeg_subset.npz", arrays)


def test_idx_reads_what_was_written(tmp_path: Path) -> None:
    array = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    (tmp_path / "plain").write_bytes(idx_bytes(array))
    (tmp_path / "packed.gz").write_bytes(gzip.compress(idx_bytes(array)))
    np.testing.assert_array_equal(read_idx(tmp_path / "plain", 3), array)
    np.testing.assert_array_equal(read_idx(tmp_path / "packed.gz", 3), array)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda data: data[:-1], "truncated"),
        (lambda data: data + b"\0", "truncated or foreign"),
        (lambda data: data[:10], "header is incomplete"),
        (lambda data: b"", "not an IDX file"),
        (lambda data: b"PNG" + data, "not an IDX file"),
        (lambda data: data[:2] + b"\x0d" + data[3:], "type code 0x0d"),
        (lambda data: data[:3] + b"\x01" + data[4:], "1 dimensions, want"),
    ],
)
def test_idx_refuses_a_broken_file(spoil: Callable[[bytes], bytes], message: str, tmp_path: Path) -> None:
    path = tmp_path / "images"
    path.write_bytes(spoil(idx_bytes(np.zeros((2, 3, 4), np.uint8))))
    with pytest.raises(ValueError, match=message) as caught:
        read_idx(path, 3)
    assert str(path) in str(caught.value)


def test_idx_refuses_a_broken_gzip_file(tmp_path: Path) -> None:
    path = tmp_path / "images.gz"
    path.write_bytes(gzip.compress(idx_bytes(np.zeros((2, 3, 4), np.uint8)))[:-9])
    with pytest.raises(ValueError, match="cannot be read"):
        read_idx(path, 3)


@pytest.mark.parametrize(("first", "name"), [(MNIST_FIRST, "mnist"), (FASHION_FIRST, "fashion-mnist")])
@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("below", ["", "somewhere"])
def test_idx_folders_are_told_apart_by_their_labels(
    first: tuple[int, ...], name: str, packed: bool, below: str, tmp_path: Path
) -> None:
    write_mnist(tmp_path / below, first, packed)
    workload = workloads.get("resnet8")
    assert workload.weights_for(tmp_path).name == f"resnet8_{name}.npz"
    inputs, labels = workload.evaluation(tmp_path)
    assert inputs.shape == (100, 3, 32, 32) and labels[:8].tolist() == list(first)
    assert (inputs[:, :, :2] == -1.0).all() and (inputs[:, 0] == inputs[:, 2]).all(), "framed in black, grey"
    assert workload.calibration(tmp_path).shape == (64, 3, 32, 32)


def test_cifar10_keeps_its_colours(tmp_path: Path) -> None:
    write_cifar10(tmp_path)
    workload = workloads.get("resnet8")
    assert workload.weights_for(tmp_path).name == "resnet8_cifar10.npz"
    inputs, labels = workload.evaluation(tmp_path)
    stored = load_arrays(tmp_path / "cifar10_jpeg_subset.npz")
    np.testing.assert_array_equal(inputs.numpy()[7, 2], (stored["test_images"][7, :, :, 2] - 128.0) / 128.0)
    np.testing.assert_array_equal(labels, stored["test_labels"])


def test_a_named_data_set_is_preferred(tmp_path: Path) -> None:
    from workloads.resnet8.task import TASK

    write_cifar10(tmp_path / "a")
    write_mnist(tmp_path / "b", MNIST_FIRST)
    assert TASK.data_set(tmp_path).name == "cifar10"
    assert TASK.data_set(tmp_path, "mnist").name == "mnist"
    with pytest.raises(ValueError, match="no data set found in .*; want one of fashion-mnist"):
        TASK.data_set(tmp_path, "fashion-mnist")
    with pytest.raises(ValueError, match="unknown data set 'svhn'; want one of cifar10, fashion-mnist, mnist"):
        TASK.data_set(tmp_path, "svhn")
    with pytest.raises(ValueError, match="does not come with the package: it needs --data DIR"):
        TASK.data_set(None, "mnist")


@pytest.mark.parametrize("name", ["resnet8", "vww", "kws", "ad"])
def test_a_folder_without_data_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing here")
    workload = workloads.get(name)
    for use in (workload.evaluation, workload.calibration, workload.weights_for):
        with pytest.raises(ValueError, match=r"no data set found in .*(; want one of|reads no files)"):
            use(tmp_path)
        with pytest.raises(ValueError, match="is not a folder"):
            use(tmp_path / "missing")


def test_an_incomplete_idx_folder_is_refused(tmp_path: Path) -> None:
    write_mnist(tmp_path, MNIST_FIRST)
    (tmp_path / "train-images-idx3-ubyte.gz").unlink()
    with pytest.raises(ValueError, match="mnist is incomplete"):
        workloads.get("resnet8").calibration(tmp_path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 not a zip", b"some text"])
def test_foreign_npz_files_are_refused(content: bytes, tmp_path: Path) -> None:
    for name, workload in (("cifar10_jpeg_subset.npz", "resnet8"), ("fsdd.npz", "kws")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match="not a readable .npz"):
            workloads.get(workload).evaluation(tmp_path)


def test_truncated_and_wrong_npz_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "cifar10_jpeg_subset.npz"
    write_cifar10(tmp_path)
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(ValueError, match="not a readable .npz"):
        workloads.get("resnet8").evaluation(tmp_path)
    other = tmp_path / "other"
    save_arrays(other / "cifar10_jpeg_subset.npz", {"train_images": np.zeros((4, 32, 32, 3), np.uint8)})
    with pytest.raises(ValueError, match="want uint8 train_images and train_labels"):
        workloads.get("resnet8").evaluation(other)


def test_a_pickle_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", a=np.array([{}], dtype=object))
    with pytest.raises(ValueError, match="not a readable .npz"):
        load_arrays(tmp_path / "x.npz")


def test_spoken_digits_are_split_by_take(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    lengths = np.array([2000, 8000, 12_000, 3000])
    arrays = {
        "samples": rng.integers(-9000, 9000, int(lengths.sum())).astype(np.int16),
        "offsets": np.concatenate([[0], np.cumsum(lengths)]),
        "digit": np.array([3, 1, 4, 9], np.uint8),
        "take": np.array([4, 5, 0, 49], np.uint8),
        "sample_rate": np.array(8000),
    }
    save_arrays(tmp_path / "fsdd" / "fsdd.npz", arrays)
    workload = workloads.get("kws")
    inputs, labels = workload.evaluation(tmp_path)
    assert inputs.shape == (2, 1, 49, 10) and sorted(labels.tolist()) == [3, 4]
    save_arrays(tmp_path / "wrong" / "fsdd.npz", arrays | {"sample_rate": np.array(16_000)})
    with pytest.raises(ValueError, match="16000 Hz, int16, want 8000 Hz"):
        workload.evaluation(tmp_path / "wrong")


@pytest.mark.parametrize(
    ("module", "data_set", "cache"),
    [(presence, presence.presence, "_generated"), (speech, speech.vowels, "_generated"), (hum, hum.hum, "_generated")],
)
def test_generators_repeat_and_do_not_depend_on_the_count(module: object, data_set: Callable, cache: str) -> None:
    many = data_set().read("test", 6)
    getattr(module, cache).cache_clear()
    again, few = data_set().read("test", 6), data_set().read("test", 3)
    assert many.inputs.tobytes() == again.inputs.tobytes() and many.labels.tobytes() == again.labels.tobytes()
    assert few.inputs.tobytes() == many.inputs[:3].tobytes()
    assert data_set().read("train", 3).inputs.tobytes() != few.inputs.tobytes()
    for count in (0, 10**6):
        with pytest.raises(ValueError, match=f"count is {count}"):
            data_set().read("test", count)


def test_digits_are_split_without_overlap() -> None:
    train, test = (images.digits().read(split, None) for split in ("train", "test"))
    assert (len(train.labels), len(test.labels)) == (1200, 597)
    assert train.inputs.dtype == np.uint8 and train.inputs.shape[1:] == (1, 32, 32)
    assert np.bincount(test.labels).min() > 40, "every class is in the test set"


def test_resizing_keeps_constants_and_ramps() -> None:
    assert resize_bilinear(np.full((2, 8, 8), 7.0), 32, 32) == pytest.approx(7.0)
    ramp = np.broadcast_to(np.arange(8.0), (8, 8))
    middle = resize_bilinear(ramp, 32, 32)[16, 2:-2]
    assert np.diff(middle) == pytest.approx(0.25)
    np.testing.assert_array_equal(resize_bilinear(ramp, 8, 8), ramp)


def test_a_tone_lands_in_its_mel_band() -> None:
    filters = mel_filters(40, 256, 8000, 20.0, 4000.0)
    assert filters.sum(axis=1) == pytest.approx(1.0)
    tone = np.sin(2 * np.pi * 1000.0 / 8000 * np.arange(8000))[None]
    bands = log_mel(tone, 240, 160, 256, filters)
    assert bands.shape == (1, 49, 40)
    strongest = int(bands[0, 20].argmax())
    assert abs(int(filters[strongest].argmax()) * 8000 / 256 - 1000.0) < 100.0
    assert cepstrum(np.ones((1, 40)), 10)[0] == pytest.approx([40**0.5] + [0.0] * 9)
