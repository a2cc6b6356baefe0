"""Accumulator memory with its read-modify-write pipeline; one size that is no power of two."""

import pytest

from hdl import run
from rtl.bench import SimulationError

PARAMS = {"Entries": 24, "Columns": 5}


def test_accumulators() -> None:
    run("accumulators", "tb_accumulators", params=PARAMS)


def test_early_update_is_refused() -> None:
    """The memory does not forward: its assertion stops a simulation that updates an entry too soon."""
    with pytest.raises(SimulationError, match="a_updates_apart"):
        run("accumulators", "tb_accumulators", params=PARAMS, testcase="too_early", env={"TOO_EARLY": "1"})
