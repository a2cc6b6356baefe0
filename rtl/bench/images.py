"""Memory images as the text that SystemVerilog's $readmemh and $writememh use: one word a line, its byte 0 last."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]


def write_image(path: Path, data: Bytes, word_bytes: int, offset_bytes: int = 0) -> None:
    """Write bytes (uint8 [n]) that lie from ``offset_bytes`` of a memory of ``word_bytes`` wide words on.

    A last word that is not full is filled up with zeros. Raises ValueError where the offset is inside a word.
    """
    if offset_bytes % word_bytes:
        raise ValueError(f"offset_bytes: want a multiple of {word_bytes}, got {offset_bytes}")
    padded = np.zeros(-(-len(data) // word_bytes) * word_bytes, np.uint8)
    padded[: len(data)] = data
    text = padded.reshape(-1, word_bytes)[:, ::-1].tobytes().hex("\n", word_bytes)
    path.write_text(f"@{offset_bytes // word_bytes:x}\n{text}\n", encoding="ascii")


def read_image(path: Path, word_bytes: int) -> Bytes:
    """The bytes (uint8 [n]) of a memory that was written from its word 0 on."""
    words = path.read_text(encoding="ascii").split()
    data = np.frombuffer(bytes.fromhex("".join(word for word in words if word[0] not in "/@")), np.uint8)
    return data.reshape(-1, word_bytes)[:, ::-1].reshape(-1)


def bank_of(word: int, banks: int) -> int:
    """The bank of the scratchpad that holds a word; the row in it is ``word // banks``. As in rtl/scratchpad.sv."""
    if banks == 2:
        return word % 2
    bits = banks.bit_length() - 1
    turn, turns = word >> bits, word >> (2 * bits + 1)
    return (word ^ turn ^ turn >> 1 ^ turns ^ turns >> 1) % banks


def read_scratchpad(folder: Path, banks: int, word_bytes: int) -> Bytes:
    """The bytes (uint8 [n]) of a scratchpad whose bank n was written to ``pad_n.dump``."""
    words = np.stack(
        [read_image(folder / f"pad_{bank}.dump", word_bytes).reshape(-1, word_bytes) for bank in range(banks)]
    )
    count = words.shape[0] * words.shape[1]
    bank = np.array([bank_of(word, banks) for word in range(count)])
    return np.ascontiguousarray(words[bank, np.arange(count) // banks]).reshape(-1)
