"""Reader of IDX files (the format of MNIST), plain or gzip-compressed.

Format: two zero bytes, a type code (0x08: unsigned byte), the number of dimensions, each dimension as a big-endian
32-bit number, then the elements. Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database", file format section.
"""

import gzip
import struct
import zlib
from pathlib import Path

import numpy as np

_UNSIGNED_BYTE = 0x08


def read_idx(path: Path, dimensions: int) -> np.ndarray:
    """Return the file's uint8 array of `dimensions` dimensions; ValueError says what is wrong with the file."""
    try:
        data = path.read_bytes()
        if path.suffix == ".gz":
            data = gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"{path} cannot be read ({error})") from error
    if len(data) < 4 or data[:2] != b"\0\0":
        raise ValueError(f"{path} is not an IDX file")
    if data[2] != _UNSIGNED_BYTE or data[3] != dimensions:
        raise ValueError(
            f"{path} has type code {data[2]:#04x} and {data[3]} dimensions, want unsigned bytes (0x08) "
            f"and {dimensions} dimensions"
        )
    start = 4 + 4 * dimensions
    if len(data) < start:
        raise ValueError(f"{path} is truncated: its header is incomplete")
    shape = struct.unpack(f">{dimensions}I", data[4:start])
    want = int(np.prod(shape, dtype=np.int64))
    if len(data) - start != want:
        raise ValueError(f"{path} is truncated or foreign: {len(data) - start} elements, its header says {want}")
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape)
