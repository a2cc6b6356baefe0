"""Golden's load, store and fill against run-by-run copies."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accel_models.commands import REGISTERS, Fill, Load, Register, Store, decode, encode
from accel_models.golden.access import GoldenError
from accel_models.golden.dispatch import execute
from accel_models.golden.transfer import fill, load, store
from accel_models.memory import bus_address
from accel_models.registers import ErrorCause
from tests.accel_models.random_room import room_of

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
    load(Load(bus_address=0, **f), bus, offset, pad, 8)
    np.testing.assert_array_equal(pad, wanted)

    bus = rng.integers(0, 256, (2, SIZE)).astype(np.uint8)
    wanted = bus.copy()
    for image in range(2):
        by_run(f, pad[image], wanted[image], (f["pad_address"], offset), ("pad", "bus"))
    store(Store(bus_address=0, **f), pad, bus, offset, 8)
    np.testing.assert_array_equal(bus, wanted)


@given(transfers(), st.integers(0, 300), st.sampled_from((4, 8, 32)), st.data())
def test_a_row_list_says_where_planes_begin(f: dict[str, int], offset: int, width: int, data: st.DataObject) -> None:
    """Gather and scatter, with a list of its own in each invocation of the batch."""
    rng = np.random.default_rng(len(f))
    state = replace(room_of(rng, 4, 4).state.one(0), bus_bytes=width)
    state = replace(state, scratchpad=np.repeat(state.scratchpad, 2, 0), registers=np.repeat(state.registers, 2, 0),
                    accumulators=np.repeat(state.accumulators, 2, 0),
                    bus={space: np.repeat(memory, 2, 0) for space, memory in state.bus.items()})  # fmt: skip
    place = st.integers(0, 800 // width).map(lambda beat: beat * width)
    lists = [data.draw(st.lists(place, min_size=f["planes"], max_size=f["planes"])) for _ in range(2)]
    at = state.scratchpad.shape[1] - 64
    for pad, entries in zip(state.scratchpad, lists, strict=True):
        pad[at : at + 4 * len(entries)] = np.array(entries, "<u4").view(np.uint8)
    for kind in (Load, Store):
        pads, buses = state.scratchpad.copy(), state.bus["sram"].copy()
        for pad, bus, entries in zip(pads, buses, lists, strict=True):
            for plane, entry in enumerate(entries):
                one = f | {"planes": 1}
                inside = f["pad_address"] + plane * f["pad_plane_stride"]
                if kind is Load:
                    by_run(one, bus, pad, (offset + entry, inside), ("bus", "pad"))
                else:
                    by_run(one, pad, bus, (inside, offset + entry), ("pad", "bus"))
        listed = f | {"bus_plane_stride": 800, "listed": 1, "list_address": at}
        execute(kind(bus_address=bus_address("sram", offset), **listed), state)
        np.testing.assert_array_equal(state.scratchpad, pads)
        np.testing.assert_array_equal(state.bus["sram"], buses)


def test_a_list_of_no_whole_beats_or_outside_is_refused_and_changes_nothing() -> None:
    state = room_of(np.random.default_rng(1), 4, 4).state
    state.scratchpad[0, :8] = np.array([64, 12], "<u4").view(np.uint8)
    fields = {"bus_address": bus_address("sram", 0), "pad_address": 64, "row_bytes": 8, "planes": 2, "listed": 1}
    fields["bus_plane_stride"] = 1 << 28
    with pytest.raises(GoldenError, match="list_address: offset 1 is 12, want a multiple of 8 bytes") as caught:
        execute(Load(**fields, list_address=0), state)
    assert caught.value.cause is ErrorCause.FIELD_RANGE
    with pytest.raises(GoldenError, match="list_address: bytes .* are outside a memory of") as caught:
        execute(Store(**fields, list_address=state.scratchpad.shape[1] - 7), state)
    assert caught.value.cause is ErrorCause.SCRATCHPAD_RANGE
    with pytest.raises(GoldenError, match=r"offset 0 is 64, want 56 \(bus_plane_stride\) at most") as caught:
        execute(Load(**fields | {"bus_plane_stride": 56}, list_address=0), state)
    assert caught.value.cause is ErrorCause.FIELD_RANGE
    state.scratchpad[0, 4:8] = np.array([1 << 28], "<u4").view(np.uint8)
    before = state.scratchpad.copy()
    with pytest.raises(GoldenError, match="bus_address: bytes .* are outside") as caught:
        execute(Load(**fields, list_address=0), state)
    assert caught.value.cause is ErrorCause.BUS_READ
    np.testing.assert_array_equal(state.scratchpad, before)


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
        load(Load(bus_address=0, pad_address=0, row_bytes=12), bus, 90, pad, 8)
    with pytest.raises(GoldenError, match=r"pad_address: bytes 41\.\.50 "):
        load(Load(bus_address=0, pad_address=41, row_bytes=10), bus, 0, pad, 8)
    with pytest.raises(GoldenError, match="pad_address"):
        fill(Fill(pad_address=0, row_bytes=1, rows=6, pad_row_stride=10), pad)
    assert not pad.any()


@pytest.mark.parametrize("count", [0, 1, 3])
@pytest.mark.parametrize("kind", [Load, Store])
def test_a_register_counts_planes(kind: type[Load] | type[Store], count: int) -> None:
    fields = {"bus_address": bus_address("sram", 64), "pad_address": 8, "row_bytes": 5, "rows": 2}
    strides = {"bus_row_stride": 9, "bus_plane_stride": 40, "pad_row_stride": 5, "pad_plane_stride": 10}
    command = decode(encode(kind(**fields, **strides, planes=Register(REGISTERS - 1))))
    counted, plain = (room_of(np.random.default_rng(count), 4, 4).state for _ in range(2))
    for state in (counted, plain):
        state.registers[:, REGISTERS - 1] = count
    execute(command, counted)
    execute(kind(**fields, **strides, planes=count), plain)
    np.testing.assert_array_equal(counted.scratchpad, plain.scratchpad)
    np.testing.assert_array_equal(counted.bus["sram"], plain.bus["sram"])
    counted.registers[:, REGISTERS - 1] = 1 << 16
    with pytest.raises(GoldenError, match=r"planes: want 0\.\.65535, got 65536") as caught:
        execute(command, counted)
    assert caught.value.cause is ErrorCause.REGISTER_RANGE
