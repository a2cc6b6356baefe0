"""The table of activity: layers alone are those of the network, energy is the model's, the committed page is whole."""

import json
import math
from types import SimpleNamespace

import numpy as np
import pytest

from accel_models.cost import Hardware
from accel_models.energy import dynamic_pj, unit_energies
from accel_models.golden.machine import run_program
from accel_models.network import Network
from accel_models.system import load_system
from cosim.encode import compile_network
from cosim.validate.activity import NETWORK, RESULTS, SYSTEM, WHOLE
from cosim.validate.activity_report import activity, layers, page, total_pj
from cosim.validate.layers import Layer, convolutions, random_layer, real_layers
from rtl.activity.measure import totals_of
from rtl.activity.sensitivity import parts
from rtl.activity.signals import ASSUMED, CLASSES, Activity
from tests.cosim.networks import residual_network, system

SMALL = system(4, 4)


@pytest.fixture(scope="module")
def network() -> Network:
    net = residual_network()
    return net.build(net.operators[-1].outputs[0])


@pytest.fixture(scope="module")
def alone(network: Network) -> dict[str, Layer]:
    codes = np.random.default_rng(1).integers(-128, 128, (1, *network.tensors["x"].shape), np.int8)
    return real_layers(network, SMALL, {"x": codes})


def outputs(layer: Layer) -> np.ndarray:
    program = compile_network(layer.network, SMALL, "sram", search=False)
    return run_program(program, layer.inputs).codes[layer.network.outputs[0]]


def test_layers_alone_compute_what_they_do_in_the_network(network: Network, alone: dict[str, Layer]) -> None:
    assert list(alone) == [item.name for item in convolutions(network)]
    read = {name: codes for layer in alone.values() for name, codes in layer.inputs.items()}
    between = [name for name in alone if alone[name].network.outputs[0] in read]
    assert between
    for name in between:
        np.testing.assert_array_equal(outputs(alone[name]), read[alone[name].network.outputs[0]])


def test_random_layers_differ_in_their_data_only(alone: dict[str, Layer]) -> None:
    for layer in alone.values():
        drawn = random_layer(layer, np.random.default_rng(2))
        real, other = (compile_network(item.network, SMALL, "sram", search=False) for item in (layer, drawn))
        np.testing.assert_array_equal(real.commands, other.commands)
        assert any((layer.inputs[name] != drawn.inputs[name]).any() for name in layer.inputs)
        if layer.network.operators[0].attributes.residual is None:  # type: ignore[attr-defined]
            assert 20 < outputs(drawn).std() < 80


def test_the_parts_are_the_models_energy(network: Network) -> None:
    program = compile_network(network, SMALL, "sram", search=False)
    assert SMALL.accelerator is not None
    totals = totals_of(program, Hardware.of(SMALL.accelerator, SMALL.bus))
    model = dynamic_pj(SMALL, SimpleNamespace(**totals))
    found = parts(totals, SMALL)
    model["vector"] -= totals["lookups"] * unit_energies(SMALL).lookup
    for component in ("array", "vector", "bus"):
        mine = math.fsum(part.pj for part in found if part.component == component)
        assert mine == pytest.approx(model[component], rel=1e-12) and mine > 0
    still = {item.name: Activity(bits=1, toggles=1, charged_bits=round(1 / ASSUMED)) for item in CLASSES}
    assert all(part.scaled_pj(still) == part.pj == pytest.approx(part.switched_pj(still)) for part in found)


def test_registers_follow_their_data_with_their_switching_alone(network: Network) -> None:
    """Where nothing moves, their cells keep the rest, and operators nothing."""
    program = compile_network(network, SMALL, "sram", search=False)
    assert SMALL.accelerator is not None
    found = parts(totals_of(program, Hardware.of(SMALL.accelerator, SMALL.bus)), SMALL)
    nothing = {item.name: Activity(bits=1, toggles=0, charged_bits=1) for item in CLASSES}
    kept = {part.name: part.switched_pj(nothing) / part.pj for part in found if part.pj}
    registers = [name for name in kept if name.endswith("registers")]
    assert len(registers) == 4
    assert all(kept[name] == pytest.approx(1 - 0.118) for name in registers)
    stages = 7 * 32 * 0.009 / (7 * 32 * 0.009 + 0.417 + 2 * 0.02947)  # all three of 40 nm
    assert kept.pop("rounding, shift, clamp") == pytest.approx((1 - 0.118) * stages)
    assert not any(value for name, value in kept.items() if name not in registers)
    assert all(part.scaled_pj(nothing) == 0 for part in found)


def test_the_committed_page_is_whole() -> None:
    data = json.loads((RESULTS / "activity.json").read_text())
    assert (data["network"], data["system"]) == (NETWORK, SYSTEM)
    names = {item.name for item in CLASSES}
    assert all(set(point["classes"]) == names for point in data["points"])
    assert (RESULTS / "activity.md").read_text() == page(data)
    assert [point["layer"] for point in data["points"]] == [WHOLE, *(name for name in layers(data) for _ in range(2))]


def test_the_committed_page_says_what_it_measured() -> None:
    """Random data has the assumed activity, real data less, in every convolution that fills its lanes."""
    data = json.loads((RESULTS / "activity.json").read_text())
    accelerator = load_system(SYSTEM).accelerator
    assert accelerator is not None
    full = [name for name in layers(data) if name not in ("conv", "fc")]
    for layer in full:
        for name in ("operand registers", "products", "column adders"):
            random, real = (activity(data, layer, kind, name) for kind in ("random", "real"))
            assert abs(random / ASSUMED - 1) < 0.15 and real < 0.8 * random
    assert total_pj(data, "scaled_pj") < total_pj(data, "switched_pj") < data["total_pj"]
