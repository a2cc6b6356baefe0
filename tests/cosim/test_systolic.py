"""Networks on systolic arrays: the same bytes, accounts that balance, and time that only the array changes."""

from collections.abc import Callable

import numpy as np
import pytest

from accel_models.batch import batches
from accel_models.golden.machine import run_program
from accel_models.losses import losses_of
from accel_models.network import Network
from accel_models.system import System, parse_system
from accel_models.timing import simulate
from accel_models.work import work_of
from cosim.encode import compile_network
from cosim.run import run
from tests.cosim.networks import NetworkBuilder, residual_network, system

KINDS = [{"kind": "systolic", "dataflow": "weight"}, {"kind": "systolic", "dataflow": "output"}]


def on(array: dict[str, str]) -> System:
    data = system(8, 8).model_dump()
    data["accelerator"]["array"] |= array
    return parse_system(data)


def depthwise() -> Network:
    net = NetworkBuilder(5)
    x = net.input("x", (1, 12, 12, 24))
    y = net.conv(net.conv(x, 24, groups=24), 40, kernel=(1, 1), padding=(0, 0, 0, 0))
    return net.build(net.conv(y, 40, groups=40, stride=(2, 2)))


def residual() -> Network:
    net = residual_network()
    return net.build(net.operators[-1].outputs[0])


@pytest.mark.parametrize("make", [residual, depthwise])
@pytest.mark.parametrize("array", KINDS, ids=["weight", "output"])
def test_values_do_not_depend_on_the_array(make: Callable[[], Network], array: dict[str, str]) -> None:
    network = make()
    rng = np.random.default_rng(2)
    given = {name: rng.integers(-128, 128, (1, *network.tensors[name].shape), np.int8) for name in network.inputs}
    plain, other = (compile_network(network, on(kind), "sram") for kind in ({}, array))
    want, got = (run_program(program, given).codes for program in (plain, other))
    assert want
    for name in want:
        np.testing.assert_array_equal(got[name], want[name])
    found, analytic = run(other), run(other, fidelity="analytic")
    assert found.cycles != run(plain).cycles and found.cycles * 64 >= found.accelerator_macs > 0
    assert 0.7 < analytic.cycles / found.cycles < 1.3


@pytest.mark.parametrize("array", KINDS, ids=["weight", "output"])
def test_accounts_balance(array: dict[str, str]) -> None:
    program = compile_network(depthwise(), on(array), "sram", search=False)
    found = batches(program)
    timing = simulate(program, work=work_of(program, found))
    losses = losses_of(program, timing, found)
    assert losses.bound_cycles + int(losses.cycles.sum()) == timing.total_cycles
    assert (losses.cycles >= 0).all() and losses.named()["depthwise rows"] > 0
