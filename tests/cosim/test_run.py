"""A Run's accounts on compiled programs: exact sums, bounds, monotony, JSON keys, light imports."""

import json
import math
import subprocess
import sys
from dataclasses import fields, replace

import numpy as np
import pytest

from accel_models.accounts import NAMED
from accel_models.golden.machine import run_program
from accel_models.network import Network
from accel_models.program import Program
from accel_models.system import System, load_system
from accel_models.timing import simulate
from cosim.encode import compile_network
from cosim.run import RtlResult, run
from tests.cosim.networks import random_network, residual_network
from tests.cosim.networks import system as small_system

KEYS = {
    "workload", "system", "cycles", "latency_ms", "energy_uj", "macs", "accelerator_macs", "utilization",
    "sram_peak_bytes", "flash_bytes", "traffic_bytes", "metrics", "phases", "operators", "rtl", "provenance",
}  # fmt: skip
OPERATOR_KEYS = {"name", "kind", "phase", "placement", "macs", "cycles", "energy_uj", "bytes"}


def residual() -> Network:
    net = residual_network()
    return net.build(net.operators[-1].outputs[0])


def compiled(weights: str = "sram", on: str | System = "edge16") -> Program:
    return compile_network(residual(), load_system(on) if isinstance(on, str) else on, weights)  # type: ignore[arg-type]


def on_system(program: Program, **changes: object) -> Program:
    """The same commands on a system with other speeds."""
    data = program.system.model_dump()
    for path, value in changes.items():
        *parts, field = path.split("__")
        target = data
        for part in parts:
            target = target[part]
        target[field] = value
    values = {item.name: getattr(program, item.name) for item in fields(program)}
    return Program(**values | {"system": System.model_validate(data)})


def compulsory_bytes(network: Network) -> int:
    """Inputs, constants and outputs, each once. An input that a slice reads first need not be read in full."""
    sliced = {operator.inputs[0] for operator in network.operators if operator.kind == "slice"}
    ends = [name for name in (*network.inputs, *network.outputs) if name not in sliced]
    return sum(network.tensors[name].bytes for name in ends) + sum(data.nbytes for data in network.constants.values())


def check_balance(program: Program, fidelity: str = "event") -> dict[str, object]:
    found = run(program, fidelity=fidelity).to_json()
    rows = found["operators"] + found["named_rows"]
    assert sum(row["cycles"] for row in rows) == found["cycles"]
    assert math.fsum(row["energy_uj"] for row in rows) == pytest.approx(found["energy_uj"], rel=1e-9)
    assert math.fsum(found["energy_by_component_uj"].values()) == pytest.approx(found["energy_uj"], rel=1e-9)
    for row in found["operators"]:
        assert math.fsum(row["energy_by_component_uj"].values()) == pytest.approx(row["energy_uj"], rel=1e-9)
    assert sum(row["bytes"] for row in found["operators"]) == found["traffic_bytes"]
    assert sum(found["traffic_by_memory"].values()) == found["traffic_bytes"]
    assert sum(row["macs"] for row in found["operators"]) == found["macs"] == program.macs
    for key in ("cycles", "macs", "bytes"):
        assert sum(phase[key] for phase in found["phases"]) == sum(row[key] for row in found["operators"])
    return found


def test_json_has_the_promised_keys() -> None:
    program = compiled()
    found = json.loads(run(program, metrics={"accuracy": 0.5}, seed=3).to_text())
    assert found.keys() >= KEYS
    assert all(row.keys() >= OPERATOR_KEYS for row in found["operators"])
    assert found["metrics"] == {"accuracy": 0.5} and found["rtl"] is None
    assert found["provenance"].keys() >= {"version", "system_hash", "network_hash", "seed"}
    assert found["provenance"]["seed"] == 3
    assert found["utilization"] == found["accelerator_macs"] / (found["cycles"] * 256)
    assert found["latency_ms"] == found["cycles"] / 200e3
    assert [row["name"] for row in found["named_rows"]] == list(NAMED)
    assert all(row["mapping"] for row in found["operators"] if row["macs"])
    assert all(row["energy_uj"] > 0 for row in found["operators"])
    assert len({len(values) for values in found["timeline"].values()}) == 1
    assert len(found["timeline"]["start"]) == found["commands"] - 1
    assert all(item["source"] for item in found["constants"])
    assert found["hardware"] == program.system.model_dump(mode="json")


@pytest.mark.parametrize("weights", ["sram", "flash"])
@pytest.mark.parametrize("system", ["edge16", "edge8", "edge16-ext"])
@pytest.mark.parametrize("fidelity", ["event", "analytic"])
def test_a_residual_network_balances(system: str, weights: str, fidelity: str) -> None:
    found = check_balance(compiled(weights, system), fidelity)
    peak = 64 if system == "edge8" else 256
    assert found["cycles"] * peak >= found["accelerator_macs"]  # type: ignore[operator]
    assert found["traffic_bytes"] >= compulsory_bytes(residual())  # type: ignore[operator]


@pytest.mark.parametrize("seed", range(12))
def test_random_networks_balance(seed: int) -> None:
    net, output = random_network(seed)
    network = net.build(output)
    chip = small_system(*((8, 8), (16, 16), (4, 12))[seed % 3])
    program = compile_network(network, chip)
    found = check_balance(program)
    accelerator = program.system.accelerator
    assert accelerator is not None
    peak = accelerator.array.macs_per_cycle
    assert found["cycles"] * peak >= found["accelerator_macs"]  # type: ignore[operator]
    assert found["traffic_bytes"] >= compulsory_bytes(network)  # type: ignore[operator]
    assert found["counts"]["macs"] >= found["accelerator_macs"]  # type: ignore[index]


@pytest.mark.parametrize("weights", ["sram", "flash"])
@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("sram__banks", (1, 2, 4, 16)),
        ("flash__bandwidth_mb_per_s", (10, 52, 333, 1600)),
        ("sram__latency_cycles", (30, 4, 1)),
    ],
)
def test_more_of_anything_never_costs_a_cycle(weights: str, field: str, values: tuple[int, ...]) -> None:
    program = compiled(weights)
    totals = [simulate(on_system(program, **{field: value})).total_cycles for value in values]
    assert totals == sorted(totals, reverse=True)


def test_warm_and_cold() -> None:
    warm, cold = compiled("sram"), compiled("flash")
    found = run(warm, cold=cold)
    assert found.cold is not None
    data = found.to_json()
    assert data["warm"]["cycles"] == data["cycles"] == run(warm).cycles
    assert data["cold"]["cycles"] == run(cold).cycles > data["cycles"]
    assert data["cold"]["traffic_by_memory"]["flash_read"] > 0 == data["warm"]["traffic_by_memory"]["flash_read"]
    other = residual_network(size=8)
    with pytest.raises(ValueError, match="cold program is of network"):
        run(warm, cold=compile_network(other.build(other.operators[-1].outputs[0]), load_system("edge16"), "flash"))


def test_analytic_is_near_the_event_machine() -> None:
    for weights in ("sram", "flash"):
        program = compiled(weights)
        event, estimate = run(program).cycles, run(program, fidelity="analytic").cycles
        assert estimate == pytest.approx(event, rel=0.25)


def test_golden_values_come_along() -> None:
    program = compiled()
    rng = np.random.default_rng(0)
    inputs = {"x": rng.integers(-128, 128, (1, *program.bindings["x"].tensor.shape)).astype(np.int8)}
    found = run(program, inputs)
    want = run_program(program, inputs).codes
    assert found.outputs.keys() == want.keys() == set(program.outputs)
    for name, codes in want.items():
        np.testing.assert_array_equal(found.outputs[name], codes)
    assert "outputs" not in found.to_json()


def test_same_run_same_bytes() -> None:
    assert run(compiled()).to_text() == run(compiled()).to_text()


def test_a_microcontroller_alone() -> None:
    program = compiled("flash", "cortex-m4")
    found = check_balance(program)
    assert found["accelerator_macs"] == 0 and found["utilization"] == 0
    assert len(found["cpu_calls"]) == len(program.cpu_calls)  # type: ignore[arg-type]
    assert found["energy_by_component_uj"]["cpu"] == pytest.approx(found["energy_uj"])  # type: ignore[index]
    assert found["energy_uj"] == pytest.approx(found["cycles"] * 350e-6)  # type: ignore[operator]


def test_memory_over_rows() -> None:
    program = compiled()
    for memory in run(program).memory:
        assert len(memory.used_bytes) == len(program.rows)
        assert max(memory.used_bytes) <= memory.peak_bytes <= memory.size_bytes
        for row, used in enumerate(memory.used_bytes):
            assert used == sum(t["bytes"] for t in memory.tensors if t["first"] <= row <= t["last"])


def test_fidelity_is_checked() -> None:
    program = compiled()
    with pytest.raises(ValueError, match=r"fidelity: want one of analytic, event, rtl, got 'fast'"):
        run(program, fidelity="fast")
    with pytest.raises(ValueError, match="co-simulation"):
        run(program, fidelity="rtl")
    found = run(program, fidelity="rtl", rtl=RtlResult(cycles=100, bytes_different=0, counters={"beats": 3})).to_json()
    assert found["rtl"]["cycles"] == 100 and found["rtl"]["counters"] == {"beats": 3}
    assert found["cycles"] == run(program).cycles


def test_running_a_program_imports_nothing_heavy() -> None:
    heavy = ("torch", "pandas", "plotly", "sklearn", "scipy")
    code = f"import sys, cosim.run; print([name for name in {heavy} if name in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"


def test_what_co_simulation_must_hold() -> None:
    """Contracts 1 and 2: equal bytes and counters, cycles within 2 % or 32."""
    good = RtlResult(
        cycles=1015,
        bytes_different=0,
        counters={"macs": 7, "load_stalled": 3},
        expected={"macs": 7, "load_stalled": 9, "cycles": 1000},
        expected_cycles=1000,
    )
    assert good.holds and good.counters_different == []
    assert not replace(good, cycles=1033).holds
    assert not replace(good, bytes_different=1).holds
    assert not replace(good, error="timeout").holds
    assert replace(good, counters={"macs": 8, "load_stalled": 3}).counters_different == ["macs"]
