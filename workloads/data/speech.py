"""One-second sounds at 8 kHz for keyword spotting: synthesised vowel pairs, or spoken digits from a folder.

Storage form: float32 (n, 1, 49, 10): 49 frames of 30 ms, one every 20 ms, with 10 cepstral coefficients of 40 mel
bands from 20 to 4000 Hz, as in MLPerf Tiny (github.com/mlcommons/tiny, benchmark/training/keyword_spotting), whose
recordings have 16 kHz. Each coefficient is standardised with the constants below.
"""

from functools import lru_cache
from pathlib import Path

import numpy as np

from workloads.arrays import load_arrays
from workloads.data.features import cepstrum, log_mel, mel_filters
from workloads.data.folders import Source
from workloads.data.samples import DataSet, Samples, Split, take

RATE_HZ = 8000
FRAMES, COEFFICIENTS = 49, 10
_WINDOW, _HOP, _FFT, _BANDS = 240, 160, 256, 40

# Mean and standard deviation of each coefficient over the training sounds of both data sets, rounded.
_MEAN = np.array([-85.0, 3.5, 0.0, -1.0, -1.5, -0.5, -0.3, -0.5, -0.4, -0.2])
_DEVIATION = np.array([15.0, 5.0, 3.5, 2.7, 2.5, 1.9, 2.2, 1.6, 1.2, 1.1])

# First and second formant in Hz, averages over men, of the vowels of: heed, had, hawed, who'd. Source: G. Peterson,
# H. Barney, "Control Methods Used in a Study of the Vowels", J. Acoust. Soc. Am. 24(2), 1952, table II.
_VOWELS_HZ = np.array([[270.0, 2290.0], [660.0, 1720.0], [570.0, 840.0], [300.0, 870.0]])
_BANDWIDTHS_HZ = np.array([90.0, 140.0])  # wide enough that a harmonic always falls into a formant
WORDS = tuple((a, b) for a in range(4) for b in range(4) if a != b)
"""The 12 classes: every ordered pair of different vowels."""

GENERATED = {"train": 2400, "test": 480}
_STREAM = {"train": 0, "test": 1}
_SEED = 31


def mfcc(sound: np.ndarray) -> np.ndarray:
    """(n, 8000) in -1..1 -> (n, 1, 49, 10) float32, standardised."""
    filters = mel_filters(_BANDS, _FFT, RATE_HZ, 20.0, 4000.0)
    coefficients = cepstrum(log_mel(sound, _WINDOW, _HOP, _FFT, filters), COEFFICIENTS)
    return np.asarray((coefficients - _MEAN) / _DEVIATION, np.float32)[:, None]


def synthesise(word: int, rng: np.random.Generator) -> np.ndarray:
    """One second of the word `WORDS[word]`, said by a random voice at a random moment in random noise; (8000,)."""
    length = int(rng.integers(3200, 6400))
    begin = int(rng.integers(0, RATE_HZ - length))
    time = np.arange(length) / length
    glide = np.clip((time - rng.uniform(0.35, 0.5)) / rng.uniform(0.1, 0.2), 0.0, 1.0)
    first, second = (_VOWELS_HZ[vowel] * rng.uniform(0.85, 1.15, 2) for vowel in WORDS[word])
    tract = rng.uniform(0.9, 1.15)  # a shorter vocal tract raises every formant
    formants_hz = tract * (first + (second - first) * glide[:, None])
    pitch_hz = rng.uniform(90.0, 220.0) * (1.0 + rng.uniform(-0.15, 0.15) * time)
    phase = 2.0 * np.pi * np.cumsum(pitch_hz) / RATE_HZ
    voice = np.zeros(length)
    for harmonic in range(1, int(3800.0 / pitch_hz.max()) + 1):
        distance = (harmonic * pitch_hz[:, None] - formants_hz) / _BANDWIDTHS_HZ
        strength = (1.0 / (1.0 + distance**2)) @ np.array([1.0, 0.5])
        voice += strength * np.sin(harmonic * phase)
    voice *= np.sin(np.pi * time) ** 0.5
    sound = np.zeros(RATE_HZ)
    sound[begin : begin + length] = voice / np.abs(voice).max()
    snr_db = rng.uniform(-14.0, 12.0)
    noise = rng.standard_normal(RATE_HZ) * np.sqrt(np.mean(voice**2)) / np.abs(voice).max() * 10.0 ** (-snr_db / 20.0)
    return np.asarray(rng.uniform(0.2, 0.6) * (sound + noise))


@lru_cache(maxsize=8)
def _generated(split: Split, count: int) -> Samples:
    rngs = [np.random.default_rng([_SEED, _STREAM[split], index]) for index in range(count)]
    labels = np.array([rng.integers(len(WORDS)) for rng in rngs], np.int64)
    sounds = np.stack([synthesise(int(label), rng) for label, rng in zip(labels, rngs, strict=True)])
    return Samples(mfcc(sounds), labels)


def _read_generated(split: Split, count: int | None) -> Samples:
    total = GENERATED[split]
    if count is not None and not 1 <= count <= total:
        raise ValueError(f"count is {count}, want 1..{total}, the samples there are")
    return _generated(split, total if count is None else count)


def vowels() -> DataSet:
    """Synthesised vowel pairs, 12 classes: 2400 training and 480 test sounds. Every sound has its own seed."""
    return DataSet("vowels", _read_generated)


def _one_second(recording: np.ndarray) -> np.ndarray:
    """The middle second of a longer recording; a shorter one in the middle of silence. Peak 0.5."""
    spare = RATE_HZ - len(recording)
    if spare < 0:
        recording = recording[-spare // 2 :][:RATE_HZ]
        spare = 0
    sound = np.pad(recording.astype(np.float64), (spare // 2, spare - spare // 2))
    return np.asarray(0.5 * sound / max(float(np.abs(sound).max()), 1.0))


@lru_cache(maxsize=2)
def _spoken(path: Path, split: Split) -> Samples:
    arrays = load_arrays(path)
    missing = {"samples", "offsets", "digit", "take", "sample_rate"} - arrays.keys()
    if missing:
        raise ValueError(f"{path}: no array {', '.join(sorted(missing))}")
    samples, offsets, digit, takes = (arrays[name] for name in ("samples", "offsets", "digit", "take"))
    if int(arrays["sample_rate"]) != RATE_HZ or samples.dtype != np.int16:
        raise ValueError(f"{path}: {arrays['sample_rate']} Hz, {samples.dtype}, want {RATE_HZ} Hz, int16")
    if len(offsets) != len(digit) + 1 or len(takes) != len(digit) or int(offsets[-1]) != len(samples):
        raise ValueError(f"{path}: offsets, digit and take do not belong together")
    chosen = np.flatnonzero((takes < 5) == (split == "test"))  # the data set's own split
    chosen = chosen[np.random.default_rng(_SEED).permutation(len(chosen))]  # sorted by digit in the file
    sounds = np.stack([_one_second(samples[offsets[i] : offsets[i + 1]]) for i in chosen])
    return Samples(mfcc(sounds), digit[chosen].astype(np.int64))


def _open_spoken(folder: Path) -> DataSet | None:
    path = folder / "fsdd.npz"
    return DataSet("fsdd", lambda split, count: take(_spoken(path, split), count)) if path.is_file() else None


SOURCES = (Source("fsdd", "fsdd.npz: spoken digits, 8 kHz", _open_spoken),)
