"""The generator of random programs: what it draws is legal, covers the machine, and needs the tokens it has."""

from collections import Counter
from dataclasses import replace
from functools import lru_cache
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel_models.batch import batches
from accel_models.checker import CheckError, check_commands, check_program
from accel_models.commands import (
    COMMANDS,
    Command,
    Elementwise,
    End,
    Fill,
    Load,
    Matrix,
    MatrixMode,
    Pool,
    Ranging,
    Requantize,
    Residual,
    Scaling,
    Store,
    Sum,
    Update,
    layout,
)
from accel_models.commands import Register as InRegister
from accel_models.generator import CAUSES, CHIPS, MAKERS, illegal_program, random_program
from accel_models.generator.chips import chip as chip_of
from accel_models.generator.programs import with_spare_tokens
from accel_models.golden import GoldenError, Machine
from accel_models.program import Program
from accel_models.registers import ErrorCause
from accel_models.timing import Timing, TimingError, simulate
from tests.accel_models.handmade import system

SEEDS = range(120)


@lru_cache
def programs() -> tuple[Program, ...]:
    return tuple(random_program(seed, list(CHIPS.values())[seed % 2]) for seed in SEEDS)


def timed(item: Program) -> Timing:
    """The event machine, told of what data decided on golden."""
    machine = Machine(item)
    machine.run({})
    return simulate(item, machine.decided)


def drawn() -> list[Command]:
    return [command for item in programs() for command in item.decoded]


def test_every_command_class_has_one_maker() -> None:
    assert set(MAKERS) == set(COMMANDS)
    assert all(maker.share > 0 for kind, maker in MAKERS.items() if kind is not End)


def test_a_seed_gives_the_same_bytes_and_another_seed_others() -> None:
    chip = CHIPS["3x5"]
    assert random_program(7, chip).hash == random_program(7, chip).hash
    assert random_program(7, chip).hash != random_program(8, chip).hash
    assert illegal_program(7, chip).program.hash == illegal_program(7, chip).program.hash


def test_programs_are_legal_for_checker_golden_and_event_machine() -> None:
    for item in programs():
        check_program(item)
        assert timed(item).total_cycles > 0


def test_programs_cover_every_class_mode_and_flag() -> None:
    commands = drawn()
    assert set(map(type, commands)) == set(COMMANDS)
    matrices = {(c.mode, c.accumulate, c.transposed) for c in commands if isinstance(c, Matrix)}
    assert matrices == {(m, a, t) for m, a, t in product(range(3), range(2), range(2)) if m == MatrixMode.DOT or not t}
    assert {c.origin_y < 0 for c in commands if isinstance(c, Matrix)} == {True, False}
    scaled = [c for c in commands if isinstance(c, Requantize)]
    forms = {(c.residual, c.rounding, c.table) for c in scaled if c.scaling == Scaling.BLOCK}
    assert forms == set(product(range(2), repeat=3))
    forms = {(c.scaling, c.residual, c.rounding) for c in scaled if c.scaling != Scaling.BLOCK}
    assert forms == set(product((Scaling.UNIFORM, Scaling.BIAS), (Residual.NONE, Residual.MASK), (0, 2, 3)))
    assert {c.range for c in scaled} == {c.range for c in commands if isinstance(c, Sum)} == set(Ranging)
    assert {(c.wide, c.rounding) for c in commands if isinstance(c, Update)} == set(product(range(2), (0, 2, 3)))
    assert {(c.function, c.table) for c in commands if isinstance(c, Elementwise)} == set(product(range(4), range(2)))
    assert {(c.function, c.table) for c in commands if isinstance(c, Pool)} == set(product(range(3), range(2)))
    transfers = [c for c in commands if isinstance(c, Load | Store)]
    assert {c.bus_address % 8 for c in transfers} == set(range(8))
    assert {(type(c), c.listed) for c in transfers} == set(product((Load, Store), range(2)))
    empty = [c for c in commands if isinstance(c, Load | Store | Fill) and 0 in (c.rows, c.row_bytes)]
    assert empty and any(isinstance(c, Matrix) and 0 in (c.output_height, c.output_width) for c in commands)


def test_programs_use_registers_in_every_field_that_takes_one() -> None:
    fields = {(kind, spec.name) for kind in COMMANDS for spec in layout(kind) if spec.register}
    used = Counter(
        (type(command), spec.name)
        for command in drawn()
        for spec in layout(type(command))
        if isinstance(getattr(command, spec.name), InRegister)
    )
    assert fields == set(used), fields - set(used)
    assert any(extents_of_data(item) for item in programs()), "no extent whose register a Range wrote, or nothing did"


def extents_of_data(item: Program) -> bool:
    """Whether data decides an extent. Row lists, of data too, are refused later."""
    try:
        batches(item)
    except ValueError as error:
        return "whose value data decides" in str(error)
    return False


def test_programs_have_segments_calls_and_commands_in_every_memory() -> None:
    kinds = {(len(item.segments) > 1, bool(item.cpu_calls)) for item in programs()}
    assert {(False, False), (True, False), (True, True)} <= kinds
    assert {item.metadata["commands"] for item in programs()} == {"sram", "flash", "external"}


def test_about_half_of_the_programs_are_long() -> None:
    cycles = [timed(item).total_cycles for item in programs()]
    assert 0.4 < np.mean(np.array(cycles) >= 2000) < 0.95


def bodies(item: Program) -> list[list[Command]]:
    """The commands of every segment, without End."""
    found = [item.decoded[s.first : s.first + s.count - 1] for s in item.segments if s.count]
    return [list(body) for body in found]


def without_token(body: list[Command], taker: int, source: int) -> list[Command]:
    """The commands without one token: neither given nor taken."""
    target = body[taker].ENGINE
    assert target is not None
    position = sum(c.wait >> source & 1 for c in body[:taker] if c.ENGINE == target)
    giver = [i for i, c in enumerate(body) if c.ENGINE == source and c.signal >> target & 1][position]
    changed = list(body)
    changed[taker] = replace(body[taker], wait=body[taker].wait & ~(1 << source))
    changed[giver] = replace(changed[giver], signal=changed[giver].signal & ~(1 << target))
    return changed


@settings(max_examples=40)
@given(seed=st.integers(0, 10**6), pick=st.integers(0, 10**6), chip=st.sampled_from(sorted(CHIPS)))
def test_no_needed_token_can_be_removed(seed: int, pick: int, chip: str) -> None:
    item = random_program(seed, CHIPS[chip], spare_tokens=False)
    accelerator = CHIPS[chip].accelerator
    assert accelerator is not None
    tokens = [(b, i, s) for b in bodies(item) for i, c in enumerate(b) for s in range(4) if c.wait >> s & 1]
    if tokens:
        body, taker, source = tokens[pick % len(tokens)]
        with pytest.raises(CheckError):
            check_commands(
                [*without_token(body, taker, source), End()], accelerator.array.columns, accelerator.token_depth
            )


def test_spare_tokens_are_more_tokens_and_change_nothing_else() -> None:
    accelerator, more = CHIPS["4x4"].accelerator, 0
    assert accelerator is not None
    size = accelerator.array.columns, accelerator.token_depth
    for seed in range(20):
        for body in bodies(random_program(seed, CHIPS["4x4"], spare_tokens=False)):
            spare = with_spare_tokens(np.random.default_rng(seed), body, *size)
            check_commands([*spare, End()], *size)
            for a, b in zip(body, spare, strict=True):
                assert replace(a, wait=0, signal=0) == replace(b, wait=0, signal=0)
                assert not a.wait & ~b.wait and not a.signal & ~b.signal
                more += a.wait != b.wait
    assert more > 50


@pytest.mark.parametrize("seed", range(4 * len(CAUSES)))
def test_golden_or_the_event_machine_names_the_cause(seed: int) -> None:
    item = illegal_program(seed, list(CHIPS.values())[seed % 2])
    assert item.cause == CAUSES[seed % len(CAUSES)]
    if item.cause in (ErrorCause.DEADLOCK, ErrorCause.TOKEN_OVERFLOW):
        with pytest.raises(TimingError) as timing:  # tokens mean nothing to golden
            timed(item.program)
        assert timing.value.cause == item.cause
    else:
        with pytest.raises(GoldenError) as golden:
            Machine(item.program).run({})
        assert golden.value.cause == item.cause


def test_every_cause_that_a_program_can_have_is_drawn() -> None:
    """A command fetch fails only where the host asks for commands that are nowhere."""
    assert set(CAUSES) == set(ErrorCause) - {ErrorCause.NONE, ErrorCause.COMMAND_READ}


def test_a_chip_that_cannot_run_them_is_refused() -> None:
    for chip in (system(), chip_of(4, 4, multiplier_bits=16)):
        with pytest.raises(ValueError, match="want external RAM and an accelerator with 31-bit multipliers"):
            random_program(0, chip)
