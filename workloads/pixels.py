"""From stored images to network inputs, and variations of stored images for training."""

import numpy as np
import torch


def to_inputs(stored: np.ndarray) -> torch.Tensor:
    """(n, 1 or 3, rows, columns) uint8 -> (n, 3, rows, columns) float32 = (pixel - 128) / 128; grey is repeated."""
    values = (torch.from_numpy(stored).to(torch.float32) - 128.0) / 128.0
    return values.expand(-1, 3, -1, -1).contiguous()


def shifted(stored: np.ndarray, most: int, rng: np.random.Generator) -> np.ndarray:
    """Shift every image by up to `most` pixels each way, repeating the edge."""
    height, width = stored.shape[-2:]
    padded = np.pad(stored, ((0, 0), (0, 0), (most, most), (most, most)), mode="edge")
    offsets = rng.integers(0, 2 * most + 1, (len(stored), 2))
    return np.stack([image[:, y : y + height, x : x + width] for image, (y, x) in zip(padded, offsets, strict=True)])


def mirrored(stored: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Mirror every other image, chosen at random, left to right."""
    chosen = rng.integers(0, 2, len(stored), dtype=bool)
    return np.where(chosen[:, None, None, None], stored[..., ::-1], stored)
