"""Random programs on golden, the event machine and the RTL: values, counters, cycles, and why illegal ones stop."""

from functools import lru_cache

import pytest

from accel_models.generator import CAUSES, CHIPS
from rtl.bench import programs
from rtl.bench.job import MEMORY_KINDS
from rtl.bench.programs import LONG_CYCLES, Verdict
from rtl.bench.stimulus import rounds
from tests.rtl.test_accelerator import SYSTEMS

SEEDS = range(200)
COMMANDS = 16


@lru_cache
def verdicts() -> tuple[Verdict, ...]:
    return tuple(programs.run(SEEDS))


def test_two_hundred_programs_are_equal_on_three_machines() -> None:
    """Every byte of every memory, sums and registers too; commands, bytes moved, MACs and busy cycles."""
    assert [item for item in verdicts() if not item.equal] == []
    kinds = {(item.chip, item.memory) for item in verdicts()}
    assert kinds == {(chip, memory) for chip in CHIPS for memory in MEMORY_KINDS}


def test_their_cycles_are_the_event_machines() -> None:
    """Command by command, where the memories are the system's."""
    timed = [item for item in verdicts() if item.expected_cycles]
    assert len(timed) >= 100 and sum(item.expected_cycles >= LONG_CYCLES for item in timed) > 60
    assert [
        (item.seed, item.cycles, item.expected_cycles) for item in timed if item.cycles != item.expected_cycles
    ] == []
    assert [
        (item.seed, name, share) for item in timed for name, share in item.classes.items() if share.difference
    ] == []


def test_three_machines_name_the_same_cause_of_an_illegal_program() -> None:
    """And the RTL does so in bounded time: a segment that takes longer counts as hanging."""
    found = programs.run_illegal(range(rounds(8) * len(CAUSES)))
    assert [(item.seed, item.chip, item.error) for item in found if item.error] == []


@pytest.mark.parametrize("name", CHIPS)
def test_the_chips_are_those_that_compiled_programs_run_on(name: str) -> None:
    """They differ in memories only, and so share a build of the bench."""
    assert CHIPS[name].accelerator == SYSTEMS[name].accelerator and CHIPS[name].bus == SYSTEMS[name].bus
