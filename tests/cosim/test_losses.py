"""Losses of compiled networks: exact, whatever the network, the system and the home of the weights."""

from hypothesis import given, settings
from hypothesis import strategies as st

from accel_models.run import Run
from accel_models.system import System, load_system
from cosim.encode import compile_network
from cosim.run import run
from tests.cosim.networks import random_network, system

SYSTEMS = [
    system(8, 8, 32768),
    system(3, 5, 16384, token_depth=6, queue_depth=2),
    system(4, 4, 8192, accumulators={"entries": 32}),
    *(load_system(name) for name in ("edge16", "edge8", "edge16-ext")),
]


def check(found: Run) -> None:
    peak = found.hardware["accelerator"]["array"]["rows"] * found.hardware["accelerator"]["array"]["columns"]
    assert found.bound_cycles == -(-found.accelerator_macs // peak)
    assert min(item.cycles for item in found.losses) >= 0
    assert found.bound_cycles + sum(item.cycles for item in found.losses) == found.cycles
    for item in found.losses:
        assert item.cycles == sum(operator.losses.get(item.name, 0) for operator in found.operators)
    for operator in found.operators:
        assert min(operator.losses.values(), default=1) > 0
        if operator.placement == "cpu":
            assert operator.bound_cycles == 0 and operator.losses.keys() <= {"CPU"}
    assert sum(operator.bound_cycles for operator in found.operators) == found.bound_cycles


@settings(max_examples=60)
@given(seed=st.integers(0, 10**6), chip=st.sampled_from(SYSTEMS), weights=st.sampled_from(["sram", "flash"]))
def test_losses_of_random_networks_balance(seed: int, chip: System, weights: str) -> None:
    net, output = random_network(seed)
    check(run(compile_network(net.build(output), chip, weights, search=False)))  # type: ignore[arg-type]


def test_only_the_event_machine_accounts_losses() -> None:
    net, output = random_network(5)
    program = compile_network(net.build(output), load_system("edge16"), search=False)
    found = run(program, fidelity="analytic")
    assert not found.losses and not found.bound_cycles
    assert not any(operator.losses for operator in found.operators)
    assert not run(compile_network(net.build(output), load_system("cortex-m7"))).losses
