"""Every cycle belongs to one row: by hand, and over random programs."""

import numpy as np
import pytest

from accel_models import cost
from accel_models.accounts import NAMED, account, named
from accel_models.analytic import estimate
from accel_models.batch import batches
from accel_models.commands import Engine
from accel_models.counts import of_batches
from accel_models.timing import simulate
from accel_models.work import work_of
from tests.accel_models.handmade import load, matrix, program, random_commands, requantize, store, system
from tests.accel_models.test_timing import hw_of, with_call

LOAD, MATRIX, VECTOR, STORE = (1 << engine for engine in Engine)


def test_priority_prologue_start_up_and_idle() -> None:
    item = program(
        [
            load(1024, signal=MATRIX),
            matrix(32, 32, 16, wait=LOAD, signal=VECTOR),
            load(4096),
            requantize(32, 16, wait=MATRIX, signal=STORE),
            store(512, wait=VECTOR),
        ],
        rows=[0, 0, 2, 1, 1],
    )
    timing = simulate(item)
    accounts = account(item, timing)
    start, end = timing.start, timing.end
    assert named(accounts)["start-up"] == start[0]  # nothing but command fetch
    assert named(accounts)["DMA prologue"] == end[0] - start[0]
    assert accounts.cycles[0] == end[1] - start[1]  # the matrix engine hides the second load
    assert accounts.cycles[1] == (end[3] - start[3]) + (end[4] - start[4])
    assert accounts.cycles[2] == end[2] - end[4]  # the tail of a load that nothing hides
    assert named(accounts)["idle"] == cost.SEGMENT_END
    assert accounts.total_cycles == timing.total_cycles


def test_idle_cycles_between_commands() -> None:
    item = program([matrix(1, 1, 1), load(8)], on=system(accelerator__queue_depth=1), metadata={"commands": "flash"})
    timing = simulate(item)
    accounts = account(item, timing)
    assert named(accounts)["idle"] == timing.total_cycles - int(timing.start[0]) - sum(timing.busy) - sum(
        timing.stalled
    )
    assert accounts.total_cycles == timing.total_cycles


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("where", ["sram", "flash"])
def test_rows_sum_and_macs_bound_cycles(seed: int, where: str) -> None:
    rng = np.random.default_rng(seed)
    count = int(rng.integers(1, 150))
    item = program(
        random_commands(rng, count), rows=sorted(rng.integers(0, 9, count).tolist()), metadata={"commands": where}
    )
    timing = simulate(item)
    accounts = account(item, timing, work_of(item, batches(item)))
    assert accounts.total_cycles == timing.total_cycles
    assert (accounts.cycles >= 0).all()
    length = timing.end - timing.start
    assert accounts.busy.sum(axis=0).tolist() == [int(length[timing.engine == engine].sum()) for engine in Engine]
    macs = of_batches(batches(item), count + 1, hw_of(item)).total()["macs"]
    assert timing.total_cycles * 256 >= macs
    # No row owns more cycles than its engines worked or were held up in sharing.
    per_row = np.zeros(len(item.rows), np.int64)
    np.add.at(per_row, item.command_rows[:-1], (timing.end - timing.start)[:-1])
    assert (accounts.cycles[: len(item.rows)] <= per_row).all()


def test_cpu_calls_own_their_cycles() -> None:
    item = with_call()
    timing = simulate(item)
    accounts = account(item, timing)
    (call,) = timing.calls
    assert accounts.cycles[1] == accounts.call_cycles[1] == call.end - call.start
    assert accounts.total_cycles == timing.total_cycles
    alone = with_call("cortex-m7", commands=False)
    accounts = account(alone, simulate(alone))
    assert accounts.cycles[-len(NAMED) :].sum() == 0
    assert accounts.total_cycles == accounts.call_cycles.sum() == simulate(alone).total_cycles


@pytest.mark.parametrize("seed", range(10))
def test_the_estimate_balances_too(seed: int) -> None:
    rng = np.random.default_rng(seed)
    item = program(random_commands(rng, 80), rows=sorted(rng.integers(0, 9, 80).tolist()))
    timing, accounts = estimate(item)
    assert accounts.total_cycles == timing.total_cycles
    assert timing.busy == simulate(item).busy
    assert timing.total_cycles >= max(timing.busy)
    timing, accounts = estimate(with_call())
    assert accounts.total_cycles == timing.total_cycles
    assert timing.calls[0].cycles_cpu == simulate(with_call()).calls[0].cycles_cpu
