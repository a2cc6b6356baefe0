"""Makes photos.npz: scikit-learn's two sample photos at half their size, so that nothing needs a JPEG decoder.

Run where Pillow is installed: `python -m workloads.data.make_photos`. Nothing else in the package uses Pillow.
"""

import sys
from pathlib import Path

import numpy as np

from workloads.arrays import save_arrays

OUT = Path(__file__).parent / "photos.npz"


def halved(photo: np.ndarray) -> np.ndarray:
    """(rows, columns, 3) uint8 -> (rows // 2, columns // 2, 3) uint8: means of 2x2 pixels, rounded half up."""
    rows, columns = photo.shape[0] // 2, photo.shape[1] // 2
    blocks = photo[: 2 * rows, : 2 * columns].reshape(rows, 2, columns, 2, 3).astype(np.uint16)
    return np.asarray((blocks.sum(axis=(1, 3)) + 2) >> 2, np.uint8)


def main() -> int:
    """Write `OUT` from the installed scikit-learn."""
    from sklearn.datasets import load_sample_image

    save_arrays(OUT, {name: halved(load_sample_image(f"{name}.jpg")) for name in ("china", "flower")})
    return 0


if __name__ == "__main__":
    sys.exit(main())
