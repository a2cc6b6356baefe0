"""Memory images: what is written is read back, as the text that the simulator reads and writes."""

from pathlib import Path

import numpy as np
import pytest

from rtl.bench.images import read_image, write_image


@pytest.mark.parametrize("word_bytes", [1, 4, 8, 32])
def test_round_trip(tmp_path: Path, word_bytes: int) -> None:
    data = np.random.default_rng(word_bytes).integers(0, 256, 64 * word_bytes, np.uint8)
    write_image(tmp_path / "image", data, word_bytes)
    np.testing.assert_array_equal(read_image(tmp_path / "image", word_bytes), data)


def test_text(tmp_path: Path) -> None:
    """The lowest byte is the last of its word, the address counts words, an open end is filled up."""
    write_image(tmp_path / "image", np.arange(1, 7, dtype=np.uint8), 4, 64)
    assert (tmp_path / "image").read_text() == "@10\n04030201\n00000605\n"


def test_offset_inside_a_word(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="offset_bytes: want a multiple of 8, got 12"):
        write_image(tmp_path / "image", np.zeros(8, np.uint8), 8, 12)
