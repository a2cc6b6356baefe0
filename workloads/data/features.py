"""Sound to network inputs: mel bands and mel-frequency cepstral coefficients. NumPy only."""

from functools import lru_cache

import numpy as np

_POWER_FLOOR = 1e-8  # keeps the logarithm finite, and silence from being all spread


def hz_to_mel(hz: np.ndarray | float) -> np.ndarray:
    """Mel scale: 2595 log10(1 + f / 700). Source: D. O'Shaughnessy, "Speech Communication", 1987, p. 150."""
    return 2595.0 * np.log10(1.0 + np.asarray(hz) / 700.0)


def mel_to_hz(mel: np.ndarray) -> np.ndarray:
    """Inverse of `hz_to_mel`."""
    return np.asarray(700.0 * (10.0 ** (mel / 2595.0) - 1.0))


@lru_cache(maxsize=4)
def mel_filters(bands: int, fft_size: int, rate_hz: int, low_hz: float, high_hz: float) -> np.ndarray:
    """(bands, fft_size // 2 + 1) triangular filters, equally wide in mel, each with a sum of 1.

    A triangle narrower than a bin falls between bins: it is widened to one bin each way.
    """
    edges = mel_to_hz(np.linspace(hz_to_mel(low_hz), hz_to_mel(high_hz), bands + 2)) * fft_size / rate_hz
    low, centre, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    bins = np.arange(fft_size // 2 + 1)
    rise = (bins - low) / np.maximum(centre - low, 1.0) + np.maximum(1.0 - (centre - low), 0.0)
    fall = (high - bins) / np.maximum(high - centre, 1.0) + np.maximum(1.0 - (high - centre), 0.0)
    filters = np.clip(np.minimum(rise, fall), 0.0, None)
    return np.asarray(filters / filters.sum(axis=1, keepdims=True))


def log_mel(sound: np.ndarray, window: int, hop: int, fft_size: int, filters: np.ndarray) -> np.ndarray:
    """(n, samples) in -1..1 -> (n, frames, bands) natural logarithm of the power in each band.

    Hann windows of `window` samples, one every `hop`; frames = (samples - window) // hop + 1.
    """
    frames = np.lib.stride_tricks.sliding_window_view(sound, window, axis=-1)[:, ::hop]
    hann = np.hanning(window + 1)[:-1]
    spectrum = np.fft.rfft(frames * hann, fft_size, axis=-1)
    power = (spectrum.real**2 + spectrum.imag**2) / np.sum(hann) ** 2
    return np.asarray(np.log(power @ filters.T + _POWER_FLOOR))


def cepstrum(bands: np.ndarray, coefficients: int) -> np.ndarray:
    """Orthonormal DCT-II over the last axis, the first `coefficients` of it."""
    n = bands.shape[-1]
    angle = np.pi / n * np.outer(np.arange(coefficients), np.arange(n) + 0.5)
    basis = np.cos(angle) * np.sqrt(2.0 / n)
    basis[0] /= np.sqrt(2.0)
    return np.asarray(bands @ basis.T)
