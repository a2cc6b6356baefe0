"""Losses: by hand for every reason, and exact on random programs."""

from dataclasses import replace

import numpy as np
import pytest

from accel_models import cost
from accel_models.batch import batches
from accel_models.commands import Command, Engine, MatrixMode
from accel_models.losses import NAMES, losses_of
from accel_models.program import Program
from accel_models.timing import Timing, simulate
from tests.accel_models.handmade import load, matrix, pool, program, random_commands, requantize, store, system
from tests.accel_models.test_timing import with_call

LOAD, MATRIX, VECTOR, STORE = (1 << engine for engine in Engine)


def ideal(item: Program) -> Timing:
    """The event machine without conflicts in banks, which these hand-made programs are not about."""
    return simulate(item, ideal_scratchpad=True)


def split(item: Program, timing: Timing | None = None) -> dict[str, int]:
    """Losses by name, zeros left out; they add up and none is negative."""
    timing = timing or ideal(item)
    found = losses_of(item, timing, batches(item) if len(item.commands) else ())
    assert (found.cycles >= 0).all()
    assert found.bound_cycles + int(found.cycles.sum()) == timing.total_cycles
    named = found.named()
    assert list(named) == list(NAMES)
    return {name: cycles for name, cycles in named.items() if cycles}


def with_macs(commands: list[Command], macs: int) -> Program:
    item = program(commands)
    return replace(item, rows=(replace(item.rows[0], macs=macs),))


def test_one_full_tile() -> None:
    """32 pixels through a full array: everything else is prologue, the command's own overhead and the drain."""
    commands = [
        load(1024, signal=MATRIX),
        matrix(32, 16, 16, wait=LOAD, signal=VECTOR),
        requantize(32, 16, wait=MATRIX, signal=STORE),
        store(512, wait=VECTOR),
    ]
    item = with_macs(commands, 32 * 256)
    timing = ideal(item)
    assert split(item) == {
        "prologue": int(timing.start[1]),
        "start and drain": cost.MATRIX_START + cost.MATRIX_DRAIN,
        "weight loads": 16,
        "final drain": timing.total_cycles - int(timing.end[1]),
    }
    assert losses_of(item, timing, batches(item)).bound_cycles == 32


def test_lanes_of_partly_filled_tiles() -> None:
    """20 x 12: a tile of 16 rows and one of 4, both 12 columns wide."""
    item = with_macs([matrix(64, 20, 12)], 64 * 20 * 12)
    found = split(item)
    bound = 64 * 20 * 12 // 256
    assert bound == 60 and found["idle rows"] == 64 * 12 * 16 // 256 and found["idle columns"] == 64 * 20 * 4 // 256
    deep = split(
        with_macs(
            [matrix(32, 0, 16, mode=MatrixMode.DEPTHWISE, kernel_height=3, taps=3, input_pixel_stride=16)], 32 * 9 * 16
        )
    )
    assert deep["depthwise rows"] == 3 * 32 * 13 * 16 // 256 and "idle rows" not in deep
    assert deep["empty slots"] == 3 * 2, "a chain of three taps fills in two slots"
    short = split(with_macs([matrix(2, 16, 16)], 2 * 256))
    assert short["empty slots"] == cost.ACCUMULATE_LATENCY - 2


def test_what_the_array_waits_for() -> None:
    first = matrix(32, 16, 16, signal=VECTOR)
    slow = load(4096, signal=MATRIX)
    wait = [first, slow, matrix(32, 16, 16, wait=LOAD)]
    timing = ideal(program(wait))
    assert split(program(wait))["DMA wait"] == int(timing.start[2] - timing.end[0])
    emptied = [first, requantize(200, 16, wait=MATRIX, signal=MATRIX), matrix(32, 16, 16, wait=VECTOR)]
    timing = ideal(program(emptied))
    assert split(program(emptied))["vector wait"] == int(timing.start[2] - timing.end[0])
    both = [load(64, signal=MATRIX), *emptied[:2], matrix(32, 16, 16, wait=LOAD | VECTOR)]
    timing = ideal(program(both))
    assert split(program(both))["vector wait"] == int(timing.start[3] - timing.end[1]), "the token that came last"
    pooled = [first, pool(wait=MATRIX, signal=MATRIX), matrix(32, 16, 16, wait=VECTOR)]
    item = program(pooled, rows=[0, 1, 2])
    timing = ideal(item)
    found = losses_of(item, timing, batches(item))
    assert found.of_row(1) == {"vector operators": int(timing.start[2] - timing.end[0])}
    assert found.of_row(2).keys() == {"start and drain", "weight loads", "idle columns", "final drain"}


def test_commands_that_come_late() -> None:
    """Fetched from flash, the second command comes long after the first has ended; no load is in its way."""
    item = program([matrix(1, 1, 1), matrix(1, 1, 1)], metadata={"commands": "flash"})
    timing = ideal(item)
    assert split(item)["command wait"] == int(timing.start[1] - timing.end[0]) > 0


def test_commands_behind_loads_wait_for_them() -> None:
    """The third load fills the queue, so that the dispatcher does not get to the second matrix command."""
    item = program(
        [matrix(1, 1, 1), *(load(4096) for _ in range(3)), matrix(1, 1, 1)], on=system(accelerator__queue_depth=1)
    )
    timing = ideal(item)
    gap, loading = (timing.end[0], timing.start[4]), (timing.start[1:4], timing.end[1:4])
    covered = np.maximum(0, np.minimum(loading[1], gap[1]) - np.maximum(loading[0], gap[0])).sum()
    found = split(item)
    assert found["DMA wait"] == covered > 400
    assert found["DMA wait"] + found.get("command wait", 0) == gap[1] - gap[0]


def test_longer_commands_are_bank_conflicts() -> None:
    item = program([matrix(32, 16, 16), matrix(32, 16, 16)])
    timing = ideal(item)
    later = timing.end.copy()
    later[1:] += 7
    longer = replace(timing, end=later, total_cycles=timing.total_cycles + 7, segments=((0, timing.total_cycles + 7),))
    assert "bank conflicts" not in split(item)
    assert split(item, longer) == split(item) | {"bank conflicts": 7}


def test_without_the_array() -> None:
    item = program([load(64, signal=VECTOR), pool(wait=LOAD)])
    timing = ideal(item)
    worked = int(timing.end[1] - timing.start[1])
    assert split(item) == {"vector operators": worked, "DMA wait": timing.total_cycles - worked}
    called = with_call()
    (call,) = ideal(called).calls
    assert split(called)["CPU"] == call.end - call.start
    alone = with_call("cortex-m7", commands=False)
    assert split(alone) == {"CPU": ideal(alone).total_cycles}


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("where", ["sram", "flash"])
def test_random_programs_balance(seed: int, where: str) -> None:
    rng = np.random.default_rng(seed)
    count = int(rng.integers(1, 150))
    rows = sorted(rng.integers(0, 9, count).tolist())
    split(program(random_commands(rng, count), rows=rows, metadata={"commands": where}))
