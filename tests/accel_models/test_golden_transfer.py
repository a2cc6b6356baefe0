"""Golden's load, store and fill against run-by-run copies."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accel_models.commands import Fill, Load, Store
from accel_models.golden.access import GoldenError
from accel_models.golden.transfer import fill, load, store

SIZE = 2048
STRIDE = st.integers(0, 40)


@st.composite
def transfers(draw: st.DrawFn) -> dict[str, int]:
    fields = {name: draw(st.integers(0, 5)) for name in ("planes", "rows")} | {"row_bytes": draw(st.integers(0, 40))}
    fields["pad_address"] = draw(st.integers(0, 300))
    for name in ("bus_row_stride", "bus_plane_stride", "pad_row_stride", "pad_plane_stride"):
        fields[name] = draw(STRIDE)
    return fields


Sides = tuple[str, str]


def by_run(f: dict[str, int], source: np.ndarray, target: np.ndarray, starts: tuple[int, int], order: Sides) -> None:
    """Copy run after run; ``order`` names the sides (bus, pad) of source and target."""
    for plane in range(f["planes"]):
        for row in range(f["rows"]):
            from_, to = (
                start + plane * f[f"{side}_plane_stride"] + row * f[f"{side}_row_stride"]
                for start, side in zip(starts, order, strict=True)
            )
            target[to : to + f["row_bytes"]] = source[from_ : from_ + f["row_bytes"]].copy()


@given(transfers(), st.integers(0, 300), st.booleans(), st.integers(0, 2**32 - 1))
def test_transfers_copy_run_after_run(f: dict[str, int], offset: int, shared: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    bus = rng.integers(0, 256, (1 if shared else 2, SIZE)).astype(np.uint8)
    pad = rng.integers(0, 256, (2, SIZE)).astype(np.uint8)
    wanted = pad.copy()
    for image in range(2):
        by_run(f, bus[image % len(bus)], wanted[image], (offset, f["pad_address"]), ("bus", "pad"))
    load(Load(bus_address=0, **f), bus, offset, pad)
    np.testing.assert_array_equal(pad, wanted)

    bus = rng.integers(0, 256, (2, SIZE)).astype(np.uint8)
    wanted = bus.copy()
    for image in range(2):
        by_run(f, pad[image], wanted[image], (f["pad_address"], offset), ("pad", "bus"))
    store(Store(bus_address=0, **f), pad, bus, offset)
    np.testing.assert_array_equal(bus, wanted)


def test_fill_writes_a_code_and_nothing_between_its_runs() -> None:
    pad = np.full((2, 64), 9, np.uint8)
    fill(Fill(pad_address=5, row_bytes=3, rows=4, pad_row_stride=10, value=-2), pad)
    wanted = np.full(64, 9, np.uint8)
    for row in range(4):
        wanted[5 + 10 * row : 8 + 10 * row] = 254
    np.testing.assert_array_equal(pad, np.stack([wanted, wanted]))


def test_bytes_beyond_a_memory_are_refused() -> None:
    bus, pad = np.zeros((1, 100), np.uint8), np.zeros((1, 50), np.uint8)
    with pytest.raises(GoldenError, match=r"bus_address: bytes 90\.\.101 are outside a memory of 100 bytes"):
        load(Load(bus_address=0, pad_address=0, row_bytes=12), bus, 90, pad)
    with pytest.raises(GoldenError, match=r"pad_address: bytes 41\.\.50 "):
        load(Load(bus_address=0, pad_address=41, row_bytes=10), bus, 0, pad)
    with pytest.raises(GoldenError, match="pad_address"):
        fill(Fill(pad_address=0, row_bytes=1, rows=6, pad_row_stride=10), pad)
    assert not pad.any()
