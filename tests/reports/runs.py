"""Runs of a small compiled network, as the JSON that reports read."""

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from accel_models.network import CpuCall, Network, Operator, Tensor
from accel_models.system import load_system
from cosim.encode import compile_network
from cosim.run import RtlResult, run
from tests.cosim.networks import residual_network

METRICS = {"accuracy": 0.96875, "accuracy_float": 0.984375, "samples": 64, "notes": ["</script><b>escaped & shown</b>"]}


RTL = RtlResult(
    cycles=1234,
    bytes_different=3,
    counters={"macs": 7, "cycles": 1234, "load_stalled": 9, "matrix_busy": 40},
    expected={"macs": 7, "cycles": 1240, "matrix_busy": 41},
    expected_cycles=1240,
    memories=(
        {"memory": "sram", "bytes": 4096, "different": 3},
        {"memory": "scratchpad", "bytes": 512, "different": 0},
    ),
    mismatches=({"space": "sram", "tensor": "<t>", "bytes": 3, "offset": 17, "got": 1, "want": 2},),
    rows=(
        {"name": "conv", "cycles": 1000, "expected_cycles": 1006},
        {"name": "start-up", "cycles": 234, "expected_cycles": 234},
    ),
)


def network() -> Network:
    """Residual network whose softmax runs on the CPU; one name that HTML would take for a tag."""
    net = residual_network()
    logits = net.operators[-1].outputs[0]
    net.tensors["odds"] = Tensor(name="odds", shape=net.shape(logits), dtype="int8")
    call = CpuCall(function="softmax_int8", parameters=(("scale", 0.1),))
    net.operators.append(Operator(name="soft<max>", inputs=(logits,), outputs=("odds",), attributes=call))
    net.operators[:] = [replace(item, origin=f"net.{i} model.py:{10 + i}") for i, item in enumerate(net.operators)]
    return net.build("odds", name="small & <quick>")


@cache
def _text(system: str, fidelity: str, cold: bool, weights: str) -> str:
    chip = load_system(system)
    program = compile_network(network(), chip, weights)  # type: ignore[arg-type]
    beside = compile_network(network(), chip, "flash") if cold else None
    rtl = RTL if fidelity == "rtl" else None
    return run(program, fidelity=fidelity, cold=beside, metrics=METRICS, rtl=rtl).to_text()


def small_run(
    system: str = "edge16", fidelity: str = "event", cold: bool = True, weights: str = "sram"
) -> Mapping[str, Any]:
    """The JSON of a run, read back from its text as ``cosim report`` does."""
    found = json.loads(_text(system, fidelity, cold, weights))
    assert isinstance(found, dict)
    return found
