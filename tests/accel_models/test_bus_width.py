"""What a wider bus does to one transfer: whole beats cost a few bytes more, and time where the memory is slow."""

import numpy as np

from accel_models.batch import batches
from accel_models.cost import beats
from accel_models.work import work_of
from tests.accel_models.handmade import load, program, system
from tests.accel_models.test_timing import hw_of

WIDTHS = (4, 8, 16, 32)


def test_a_run_delivers_at_most_a_partial_beat_more_at_each_end() -> None:
    rng = np.random.default_rng(0)
    by_width = {width: hw_of(program([], on=system(bus__bytes_per_cycle=width))) for width in WIDTHS}
    most = 0
    for _ in range(300):
        rows = int(rng.integers(1, 5))
        item = load(int(rng.integers(1, 200)), "flash", offset=int(rng.integers(0, 64)), rows=rows,
                    bus_row_stride=int(rng.integers(0, 300)))  # fmt: skip
        for narrow, wide in zip(WIDTHS[:-1], WIDTHS[1:], strict=True):
            extra = int(beats(item, by_width[wide])) * wide - int(beats(item, by_width[narrow])) * narrow
            assert 0 <= extra <= 2 * (wide - narrow) * rows
            most = max(most, extra // rows)
    assert most == 2 * 16  # the bound is reached


def cycles(width: int, offset: int, row_bytes: int) -> int:
    item = program([load(row_bytes, "flash", offset=offset)], on=system(bus__bytes_per_cycle=width))
    found = work_of(item, batches(item))
    return int(found.cycles[0] + found.shared[0])


def test_a_slow_memory_takes_their_time() -> None:
    """Flash at 52 MB/s and 200 MHz: 3.85 cycles a byte."""
    assert cycles(16, 14, 4) > cycles(4, 14, 4)  # 32 bytes instead of 8
    for offset in range(0, 32, 3):
        for row_bytes in (1, 4, 31, 256):
            assert cycles(16, offset, row_bytes) - cycles(8, offset, row_bytes) <= 2 * 8 * 200 / 52 + 2
