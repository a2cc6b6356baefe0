"""The static checker: every compiled program passes, and no token can be removed."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel_models.checker import CheckError, check_commands, check_program
from accel_models.commands import Command, End, Load, Store
from accel_models.timing import simulate
from cosim.encode import compile_network
from tests.cosim.networks import random_network, residual_network, system

SYSTEMS = [system(), system(8, 8, 16384), system(3, 5, 16384)]
SHALLOW = system(3, 5, 16384, token_depth=3, queue_depth=1)


def _segment(commands: tuple[Command, ...]) -> list[Command]:
    return list(commands[: next(i for i, c in enumerate(commands) if isinstance(c, End)) + 1])


def _without_token(body: list[Command], taker: int, source: int) -> list[Command]:
    """Remove the token that command ``taker`` takes from engine ``source``, together with the signal that gives it."""
    position = sum(c.wait >> source & 1 for c in body[:taker] if c.ENGINE == body[taker].ENGINE)
    target = body[taker].ENGINE
    assert target is not None
    givers = [i for i, c in enumerate(body) if c.ENGINE == source and c.signal >> target & 1]
    changed = list(body)
    changed[taker] = replace(body[taker], wait=body[taker].wait & ~(1 << source))
    giver = givers[position]
    changed[giver] = replace(body[giver], signal=body[giver].signal & ~(1 << target))
    return changed


@pytest.mark.parametrize("chip", SYSTEMS, ids=lambda chip: chip.name)
def test_no_token_can_be_removed(chip: object) -> None:
    assert hasattr(chip, "accelerator")
    network = residual_network().build("conv6.y")
    program = compile_network(network, chip)  # type: ignore[arg-type]
    body = _segment(program.decoded)
    columns, depth = chip.accelerator.array.columns, chip.accelerator.token_depth
    check_commands(body, columns, depth)
    removed = 0
    for index, command in enumerate(body):
        for source in range(4):
            if command.wait >> source & 1:
                removed += 1
                with pytest.raises(CheckError):
                    check_commands(_without_token(body, index, source), columns, depth)
    assert removed > 20


@settings(max_examples=15)
@given(seed=st.integers(0, 10**6), pick=st.integers(0, 10**6))
def test_removed_tokens_of_random_programs_are_caught(seed: int, pick: int) -> None:
    net, output = random_network(seed)
    chip = SYSTEMS[seed % len(SYSTEMS)]
    program = compile_network(net.build(output), chip)
    accelerator = chip.accelerator
    assert accelerator is not None
    body = _segment(program.decoded)
    takers = [(i, s) for i, c in enumerate(body) for s in range(4) if c.wait >> s & 1]
    if takers:
        with pytest.raises(CheckError):
            changed = _without_token(body, *takers[pick % len(takers)])
            check_commands(changed, accelerator.array.columns, accelerator.token_depth)


@settings(max_examples=15)
@given(seed=st.integers(0, 10**6))
def test_shallow_counters_never_overflow(seed: int) -> None:
    """The compiler throttles engines that would run ahead of three tokens; that costs tokens, not correctness."""
    net, output = random_network(seed)
    program = compile_network(net.build(output), SHALLOW)
    check_program(program)
    assert simulate(program).total_cycles > 0


def _load(address: int, pad: int, **masks: int) -> Load:
    return Load(bus_address=address, pad_address=pad, row_bytes=16, **masks)


def _store(address: int, pad: int, **masks: int) -> Store:
    return Store(bus_address=address, pad_address=pad, row_bytes=16, **masks)


LOAD, STORE = 1 << 0, 1 << 3


def test_read_after_write_needs_a_token() -> None:
    check_commands([_load(0, 0, signal=STORE), _store(64, 0, wait=LOAD), End()], 16, 4)
    with pytest.raises(CheckError, match="both touch pad"):
        check_commands([_load(0, 0), _store(64, 0), End()], 16, 4)


def test_a_wait_that_nothing_meets_is_a_deadlock() -> None:
    with pytest.raises(CheckError, match="waits for a token from LOAD"):
        check_commands([_store(64, 0, wait=LOAD), _load(0, 0, signal=STORE), End()], 16, 4)


def test_a_token_that_nobody_takes_is_an_error() -> None:
    with pytest.raises(CheckError, match="never taken"):
        check_commands([_load(0, 0, signal=STORE), End()], 16, 4)


def test_a_counter_that_can_overflow_is_an_error() -> None:
    loads = [_load(0, 16 * i, signal=STORE) for i in range(5)]
    stores = [_store(1024 + 16 * i, 16 * i, wait=LOAD) for i in range(5)]
    check_commands([*loads, *stores, End()], 16, 5)
    with pytest.raises(CheckError, match="exceed its depth of 4"):
        check_commands([*loads, *stores, End()], 16, 4)


def test_a_segment_ends_with_its_only_end() -> None:
    with pytest.raises(CheckError, match="exactly one End"):
        check_commands([_load(0, 0)], 16, 4)
