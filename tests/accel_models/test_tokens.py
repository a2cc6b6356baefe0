"""Tokens between commands whose order they keep, also where more are given than a counter holds before any is taken."""

from collections.abc import Sequence

import numpy as np
import pytest

from accel_models.checker import CheckError, check_commands
from accel_models.commands import Command, End, Fill, Store
from accel_models.tokens import add_tokens

COLUMNS, WIDTH = 16, 16


def fill(place: int) -> Fill:
    """Writes one place of the scratchpad, on the vector engine."""
    return Fill(pad_address=WIDTH * place, row_bytes=WIDTH, value=1)


def store(place: int) -> Store:
    """Reads it, on the store engine."""
    return Store(pad_address=WIDTH * place, bus_address=WIDTH * place, row_bytes=WIDTH, pad_row_stride=WIDTH)


def ordered(commands: Sequence[Command], depth: int) -> list[Command]:
    found = add_tokens(commands, COLUMNS, depth)
    check_commands([*found, End()], COLUMNS, depth)
    return found


@pytest.mark.parametrize("depth", [1, 2, 3, 8, 63])
@pytest.mark.parametrize("count", [1, 2, 3, 4, 9, 70, 200])
def test_all_givers_come_before_all_takers(depth: int, count: int) -> None:
    found = ordered([*map(fill, range(count)), *map(store, range(count))], depth)
    assert sum(command.wait != 0 for command in found) == min(count, depth)
    waiting = [index for index, command in enumerate(found) if command.wait]
    assert waiting == list(range(count, count + min(count, depth))), "as many wait for their own writer as can"


@pytest.mark.parametrize("depth", [1, 2, 3, 5])
@pytest.mark.parametrize("seed", range(20))
def test_any_order_of_two_engines(depth: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    kinds, places = rng.integers(0, 2, 120), rng.integers(0, 6, 120)
    commands = [(fill, store)[kind](int(place)) for kind, place in zip(kinds, places, strict=True)]
    ordered(commands, depth)
    with pytest.raises(CheckError):
        check_commands([*commands, End()], COLUMNS, depth)
