"""The hum of a rotating machine, healthy or not, for anomaly detection. Everything is generated.

Storage form: float32 (n, 640): 5 frames x 128 mel bands, a window of 192 ms at 16 kHz (frames of 1024 samples, one
every 512), as in MLPerf Tiny (github.com/mlcommons/tiny, benchmark/training/anomaly_detection), standardised.
"""

from functools import lru_cache

import numpy as np

from workloads.data.features import log_mel, mel_filters
from workloads.data.samples import DataSet, Samples, Split

RATE_HZ = 16_000
_FFT, _HOP, FRAMES, BANDS = 1024, 512, 5, 128
_SAMPLES = _FFT + (FRAMES - 1) * _HOP
GENERATED = {"train": 4096, "test": 600}  # test: every other one is an anomaly
_STREAM = {"train": 0, "test": 1}
_SEED = 47
_MEAN, _DEVIATION = -13.0, 1.6  # of the training windows, rounded

_SPEEDS_HZ = np.array([98.0, 118.0, 142.0])  # three settings of the machine
_HARMONICS = np.arange(1, 41)
_PROFILE = _HARMONICS**-0.8 * (1.0 + 0.8 * np.cos(_HARMONICS * 0.9))  # the machine's own timbre
ANOMALIES = ("click", "whine", "rub", "imbalance")


def _hum(rng: np.random.Generator, profile: np.ndarray) -> np.ndarray:
    """Harmonics of a slightly unsteady speed under noise that falls with frequency."""
    time = np.arange(_SAMPLES) / RATE_HZ
    speed_hz = rng.choice(_SPEEDS_HZ) * rng.normal(1.0, 0.004)
    strength = profile * rng.lognormal(0.0, 0.12, len(profile))
    phases = rng.uniform(0.0, 2.0 * np.pi, len(profile))
    tones = strength @ np.sin(2.0 * np.pi * np.outer(_HARMONICS * speed_hz, time) + phases[:, None])
    noise = rng.standard_normal(_SAMPLES)
    noise = noise + 2.0 * np.convolve(noise, np.full(8, 0.125), mode="same")
    return np.asarray(0.05 * tones + 0.02 * rng.lognormal(0.0, 0.15) * noise)


def _anomalous(kind: str, rng: np.random.Generator) -> np.ndarray:
    """A hum with one fault: a knock, a tone between harmonics, a rough modulated scrape, or a changed timbre."""
    time = np.arange(_SAMPLES) / RATE_HZ
    if kind == "imbalance":
        return _hum(rng, _PROFILE * np.exp(rng.normal(0.0, 0.7, len(_PROFILE))))
    sound = _hum(rng, _PROFILE)
    severity = rng.uniform(0.3, 1.0)
    if kind == "click":
        after = np.clip(time - rng.uniform(0.02, 0.15), 0.0, None)
        ring = np.sin(2.0 * np.pi * rng.uniform(1500.0, 5000.0) * after) * np.exp(-after / 0.004) * (after > 0.0)
        return np.asarray(sound + 0.6 * severity * ring)
    if kind == "whine":
        return np.asarray(sound + 0.04 * severity * np.sin(2.0 * np.pi * rng.uniform(900.0, 6000.0) * time))
    if kind == "rub":
        rough = np.diff(rng.standard_normal(_SAMPLES + 1)) * (1.0 + np.sin(2.0 * np.pi * rng.uniform(8, 25) * time))
        return np.asarray(sound + 0.03 * severity * rough)
    raise ValueError(f"unknown anomaly {kind!r}; want one of {', '.join(ANOMALIES)}")


def windows(sound: np.ndarray) -> np.ndarray:
    """(n, 3072) sounds -> (n, 640) float32, standardised."""
    filters = mel_filters(BANDS, _FFT, RATE_HZ, 20.0, RATE_HZ / 2)
    bands = log_mel(sound, _FFT, _HOP, _FFT, filters)
    return ((bands - _MEAN) / _DEVIATION).astype(np.float32).reshape(len(sound), FRAMES * BANDS)


@lru_cache(maxsize=8)
def _generated(split: Split, count: int) -> Samples:
    labels = np.arange(count) % 2 if split == "test" else np.zeros(count)
    sounds = []
    for index in range(count):
        rng = np.random.default_rng([_SEED, _STREAM[split], index])
        faulty = labels[index] == 1
        sounds.append(_anomalous(ANOMALIES[index // 2 % len(ANOMALIES)], rng) if faulty else _hum(rng, _PROFILE))
    return Samples(windows(np.stack(sounds)), labels.astype(np.int64))


def _read(split: Split, count: int | None) -> Samples:
    total = GENERATED[split]
    if count is not None and not 1 <= count <= total:
        raise ValueError(f"count is {count}, want 1..{total}, the samples there are")
    return _generated(split, total if count is None else count)


def hum() -> DataSet:
    """4096 healthy training windows; 600 test windows, half of them anomalies (label 1). Each has its own seed."""
    return DataSet("hum", _read)
