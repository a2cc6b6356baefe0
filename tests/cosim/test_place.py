"""Placement by lifetime: never an overlap, never outside, and close to what no placement can beat."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosim.place import Arena, Block, PlacementError, lower_bound


@st.composite
def blocks(draw: st.DrawFn) -> list[Block]:
    found = []
    for index in range(draw(st.integers(1, 25))):
        first = draw(st.integers(0, 20))
        life = draw(st.integers(0, 8))
        found.append(Block(f"t{index}", draw(st.integers(1, 500)), first, first + life))
    return found


@given(blocks(), st.integers(0, 200))
def test_blocks_that_live_together_do_not_overlap(items: list[Block], reserved: int) -> None:
    arena = Arena("memory", 1 << 20, reserved)
    arena.add_all(items)
    assert all(item.placed and item.offset >= reserved and item.offset % item.alignment == 0 for item in items)
    for i, a in enumerate(items):
        for b in items[:i]:
            if a.first <= b.last and b.first <= a.last:
                assert a.offset + a.bytes <= b.offset or b.offset + b.bytes <= a.offset
    assert arena.peak == max(item.offset + item.bytes for item in items)
    assert arena.peak - reserved >= lower_bound(items)[0]


def test_lives_that_only_touch_share_no_slot() -> None:
    arena = Arena("memory", 64)
    arena.add_all([Block("a", 64, 0, 3), Block("b", 64, 4, 6)])
    with pytest.raises(PlacementError):
        arena.add_all([Block("c", 16, 3, 4)])


def test_best_fit_takes_the_tightest_gap() -> None:
    arena = Arena("memory", 1024)
    arena.add_all([Block("low", 256, 0, 9), Block("high", 256, 0, 9)])
    wide, tight = Block("wide", 128, 0, 9), Block("tight", 512, 0, 9)
    assert arena.add(wide) and wide.offset == 512
    assert not arena.add(tight), "512 bytes are not free in one piece"


def test_the_error_names_what_is_alive_at_the_peak() -> None:
    arena = Arena("SRAM", 1000, 100)
    with pytest.raises(PlacementError) as caught:
        arena.add_all([Block("image", 600, 0, 5), Block("early", 200, 0, 1), Block("late", 400, 4, 6)])
    text = str(caught.value)
    assert "late (400 B) does not fit SRAM: 900 B are free" in text
    assert "image (600 B)" in text and "early" not in text


@given(blocks())
def test_lower_bound_is_the_largest_sum_alive(items: list[Block]) -> None:
    best, slot = lower_bound(items)
    sums = [sum(item.bytes for item in items if item.first <= moment <= item.last) for moment in range(30)]
    assert best == max(sums) and sums[slot] == best


def test_fragmentation_is_told_apart() -> None:
    arena = Arena("SRAM", 96, blocks=[Block("a", 32, 0, 9, offset=0), Block("b", 16, 0, 9, offset=48)])
    with pytest.raises(PlacementError, match="96 B are alive at the peak .enough, but not in one piece."):
        arena.add_all([Block("c", 48, 5, 6)])
