"""Row lists: what checker, footprint and batch demand of them, and what they cost in the event machine."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel_models import cost, counts, row_lists
from accel_models.batch import Decided, batches
from accel_models.checker import CheckError, check_commands
from accel_models.commands import End, Load, Register, Store
from accel_models.footprint import Interval, footprint
from accel_models.golden.access import GoldenError
from accel_models.golden.dispatch import execute
from accel_models.memory import bus_address
from accel_models.requests import BeatRequests, burst_sizes
from accel_models.row_lists import ListReader
from accel_models.timing import simulate
from tests.accel_models.handmade import program, system
from tests.accel_models.random_room import room_of

SRAM = bus_address("sram", 0)
_FIELDS = {
    "bus_address": SRAM, "pad_address": 0, "row_bytes": 64, "rows": 4, "planes": 3, "bus_row_stride": 128,
    "bus_plane_stride": 8192, "pad_row_stride": 64, "pad_plane_stride": 256, "listed": 1, "list_address": 4096,
}  # fmt: skip
GATHER, SCATTER = Load(**_FIELDS), Store(**_FIELDS)
OFFSETS = (0, 4096, 512)
SETUP = 6


def cycles(command: Load | Store, offsets: tuple[int, ...] = ()) -> int:
    """Of the command alone, without what fetching it takes."""
    timing = simulate(program([command]), Decided(lists={0: offsets}))
    return int(timing.end[0] - timing.start[0])


@pytest.mark.parametrize("command", [GATHER, SCATTER])
def test_long_planes_hide_their_offsets(command: Load | Store) -> None:
    """A Load's entries take cycles in which no beat has to be written; a Store's stand before its own beats."""
    plain = replace(command, listed=0, list_address=0, bus_plane_stride=4096)
    lost = cycles(command, OFFSETS) - cycles(plain)
    assert lost == 0 if isinstance(command, Load) else 0 < lost <= len(OFFSETS)


@pytest.mark.parametrize(("kind", "setup", "per_plane"), [(Load, 6, 3), (Store, 6, 3)])
def test_short_planes_wait_for_their_offsets(kind: type[Load] | type[Store], setup: int, per_plane: int) -> None:
    """A plane of one beat: its offset is asked for, comes, is taken; only then is the next one asked for."""

    def of(planes: int) -> int:
        fields = {"row_bytes": 8, "planes": planes, "pad_plane_stride": 8, "listed": 1, "list_address": 4096}
        fields["bus_plane_stride"] = 64
        short = kind(bus_address=SRAM, pad_address=0, **fields)
        return cycles(short, (64,) * planes)

    assert of(40) - of(20) == 20 * per_plane


def test_an_entry_is_asked_for_when_the_one_before_has_been_taken() -> None:
    reader = ListReader([1, 2, 4], begun=10)
    assert [reader.wants(cycle) for cycle in (10, 11, 12)] == [0, 1, 1]
    reader.grant(13)
    assert reader.taken == [15] and reader.wants(15) == 0 and reader.wants(16) == 2
    reader.grant(16)
    assert reader.taken == [15] and reader.wants(30) == 0
    reader.allow(20)
    assert reader.taken == [15, 20] and reader.wants(20) == 0 and reader.wants(21) == 4
    reader.allow(22)
    reader.grant(30)
    assert reader.taken == [15, 20, 32]
    reader.allow(40)
    assert reader.wants(50) == 0


@settings(max_examples=60)
@given(
    st.lists(st.lists(st.integers(1, 9), min_size=1, max_size=4), min_size=1, max_size=5),
    st.sampled_from((1.0, 1.5, 3.0)),
    st.integers(1, 40),
)
def test_a_scatter_sends_every_beat_and_loses_what_stands_in_its_way(
    planes: list[list[int]], pace: float, latency: int
) -> None:
    beats = sum(map(sum, planes))
    masks = BeatRequests(np.full(beats, 1, np.uint64), np.zeros(beats, np.uint64), np.full(len(planes), 2, np.uint64))
    free = row_lists.store(masks, planes, SETUP, (latency, pace), lambda first, count: np.zeros(count, np.uint64))
    assert int((free.wanted == 1).sum()) == beats and int((free.wanted == 2).sum()) == len(planes)
    assert free.cycles >= SETUP + np.ceil(beats * pace)
    held = np.zeros(4 * free.cycles + 200, np.uint64)
    held[SETUP : SETUP + 25] = 3
    late = row_lists.store(masks, planes, SETUP, (latency, pace), lambda first, count: held[first : first + count])
    assert free.cycles <= late.cycles <= free.cycles + 25 + 2
    assert int((late.wanted == 1).sum()) >= beats


def test_bursts_follow_the_offsets_over_pages() -> None:
    hw = cost.Hardware.of(*(getattr(system(), part) for part in ("accelerator", "bus")))
    assert burst_sizes(GATHER, hw, np.array((0, 4096 - 40, 512))) == [[8] * 4, [5, 3, 8, 8, 8], [8] * 4]
    assert sum(map(sum, burst_sizes(GATHER, hw, np.array(OFFSETS)))) == cost.beats(GATHER, hw)


def test_entries_are_scratchpad_reads() -> None:
    hw = cost.Hardware.of(*(getattr(system(), part) for part in ("accelerator", "bus")))
    for command in (GATHER, SCATTER):
        plain = counts.of_command(type(command), replace(command, listed=0, list_address=0), hw)
        listed = counts.of_command(type(command), command, hw)
        assert listed["pad_reads"] - plain["pad_reads"] == 3  # type: ignore[operator]
        assert {k: v for k, v in listed.items() if k != "pad_reads"} == {
            k: v for k, v in plain.items() if k != "pad_reads"
        }


def test_the_event_machine_wants_the_list() -> None:
    item = program([GATHER])
    with pytest.raises(ValueError, match="command 0 of program .*: want the 3 offsets of its row list.*got 0"):
        batches(item)
    with pytest.raises(ValueError, match="no whole beats"):
        batches(item, Decided(lists={0: (0, 4, 8)}))
    assert batches(program([replace(GATHER, rows=0)]))[0].lists == {}


def test_a_listed_transfer_may_touch_what_its_largest_offset_reaches() -> None:
    found = footprint(SCATTER, 16)
    assert Interval("bus", SRAM, SRAM + 8192 + 3 * 128 + 64, True) in found
    assert Interval("pad", 4096, 4096 + 12, False) in found


def test_a_load_over_its_own_list_is_refused() -> None:
    over = replace(GATHER, list_address=300)
    with pytest.raises(CheckError, match=r"command 0 \(Load\) writes pad \[300, 312\), where its own row list lies"):
        check_commands([over, End()], 16, 8)
    check_commands([GATHER, End()], 16, 8)
    check_commands([replace(over, planes=Register(3)), End()], 16, 8)  # golden knows how many
    state = room_of(np.random.default_rng(0), 4, 4).state
    state.scratchpad[...] = 0
    with pytest.raises(GoldenError, match=r"list_address: the Load writes its own list, bytes 300\.\.311"):
        execute(over, state)
    execute(replace(over, planes=1), state)  # does not reach it
