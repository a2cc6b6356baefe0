"""One set of expansions for many compilations: every program is the one that a compilation alone makes."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from accel_models.system import System
from cosim.encode import CompileError, Expansions, compile_network
from tests.cosim.networks import random_network, residual_network, system

SYSTEMS = [
    system(),
    system(4, 4, 8192),
    system(4, 4, 8192, token_depth=4),
    system(4, 4, 2048),
    system(4, 4, 8192, clock_mhz=50),
    system(3, 5, 16384),
]


def bytes_of(expansions: Expansions, on: System, weights: str) -> bytes | str:
    """A program's bytes, or why there is none."""
    try:
        program = compile_network(expansions.network, on, weights, search=False, expansions=expansions)  # type: ignore[arg-type]
    except CompileError as error:
        return str(error)
    return program.to_bytes()


@settings(max_examples=15)
@given(
    seed=st.integers(0, 10**6),
    order=st.lists(
        st.tuples(st.integers(0, len(SYSTEMS) - 1), st.sampled_from(["sram", "flash", "auto"])), min_size=2, max_size=6
    ),
    most=st.sampled_from([1, 2, 64]),
)
def test_programs_do_not_depend_on_what_was_compiled_before(seed: int, order: list[tuple[int, str]], most: int) -> None:
    net, output = random_network(seed)
    network = net.build(output)
    shared = Expansions(network, most)
    for place, weights in order:
        alone = bytes_of(Expansions(network), SYSTEMS[place], weights)
        assert bytes_of(shared, SYSTEMS[place], weights) == alone


def test_systems_that_differ_in_speed_share_one_expansion() -> None:
    network = residual_network().build("conv6.y")
    shared = Expansions(network)
    made = []
    for clock in (50.0, 100.0, 200.0):
        on = system(clock_mhz=clock)
        made.append(compile_network(network, on, "sram", search=False, expansions=shared))
    assert len(shared) == 1
    compile_network(network, system(8, 8, 32768), "sram", search=False, expansions=shared)
    assert len(shared) == 2
    np.testing.assert_array_equal(made[0].commands, made[2].commands)
