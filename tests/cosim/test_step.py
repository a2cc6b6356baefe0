"""A training step as a program: golden against PyTorch's integer step, its memory, its phases, and steps of users."""

import functools
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from accel_models.golden.boundary import to_caller
from accel_models.golden.machine import Machine
from accel_models.kernels import run_network
from accel_models.network import CpuCall, Network
from accel_models.program import Program
from accel_models.run import Run
from accel_models.system import load_system
from cosim import trace
from cosim.encode import compile_network
from cosim.encode.assemble import CompileError
from cosim.lower import lower_step, register
from cosim.place import Block, lower_bound
from cosim.run import run
from tests.fixtures.command import FIXTURES, Command, runner
from workloads.octo import initial, networks, problem
from workloads.octo.networks import INPUT, Average, Conv
from workloads.octo.settings import Settings
from workloads.octo.step import first_ranges
from workloads.octo.task import Example, Trainer, example


@pytest.fixture
def cosim(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    monkeypatch.chdir(tmp_path)
    return runner(capsys)


@functools.cache
def made(network: str, settings: Settings, batch: int) -> tuple[Example, Network]:
    """A trainer before its first step and its network, traced once."""
    first = deep(settings, batch) if network == "deep" else example(network, settings, batch, 0.1, 0)
    traced = trace.trace_callable(first.trainer, first.inputs, network)
    return first, lower_step(traced, network)


def deep(settings: Settings, batch: int) -> Example:
    """A depthwise layer between two dense ones, on the digits."""
    nodes = (
        Conv("stem", INPUT, 1, 6, (3, 3), 2, (1, 1)),
        Conv("depthwise", "stem", 6, 6, (3, 3), 1, (1, 1), groups=6),
        Average("pool", "depthwise"),
        Conv("fc", "pool", 6, 10, (1, 1), relu=False),
    )
    network = networks.Network("deep", (1, 8, 8), nodes)
    data = problem.read(network, None, None)
    x, labels = data.codes(data.inputs[:batch]), data.labels[:batch]
    with torch.no_grad():
        state = initial.initial_state(network, settings, initial.he(network, 0), data.input_exponent, 0)
        state = first_ranges(network, settings, state, x, labels)
    return Example(Trainer(network, settings, state, 0.1, batch), x, labels)


def batches(first: Example, steps: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    data = problem.read(first.trainer.network, None, None)
    size = len(first.labels)
    for step in range(steps):
        start = step * size % (len(data.labels) - size)
        yield data.codes(data.inputs[start : start + size]), data.labels[start : start + size]


def differing(program: Program, machine: Machine, state: dict[str, torch.Tensor]) -> list[str]:
    """State tensors of which a bit differs, by name; those that a step never changes are constants of the program."""
    found, seen = [], set()
    for name, want in state.items():
        bound = f"state_{name.replace('/', '_').replace('.', '_')}"
        if bound in program.bindings:
            seen.add(bound)
            have = to_caller(program.bindings[bound].tensor, machine.read(bound))[0]
            if have.dtype != want.numpy().dtype or not np.array_equal(have, want.numpy()):
                found.append(name)
    assert seen == {name for name, item in program.bindings.items() if item.tensor.role == "persistent"}
    return found


def follow(network: str, settings: Settings, batch: int, steps: int, systems: list[str]) -> None:
    """Steps on real batches on golden, on each system, and in PyTorch: results and state equal after every one."""
    first, lowered = made(network, settings, batch)
    state = {name: value.clone() for name, value in first.trainer.state.items()}
    trainer = replace(first.trainer, state=state)
    programs = [compile_network(lowered, load_system(system), search=False) for system in systems]
    assert all(row.kind == "sequence" for program in programs for row in program.rows if row.placement == "cpu")
    machines = [Machine(program) for program in programs]
    for step, (x, labels) in enumerate(batches(first, steps)):
        loss, updates = trainer(x, labels, torch.tensor(step, dtype=torch.int32))
        given = {"x": x.numpy()[None], "labels": labels.numpy()[None], "step": np.array([step], np.int32)}
        for program, machine in zip(programs, machines, strict=True):
            results = machine.run(given)
            have = [results[name][0] for name in program.outputs]
            assert have[0] == loss.numpy() and np.array_equal(have[1], updates.numpy()), step
            assert not differing(program, machine, state), step


def test_fifty_steps_on_two_systems() -> None:
    follow("digits-cnn", Settings(), 4, 50, ["edge16", "edge8"])


def test_resnet8_on_two_systems() -> None:
    follow("resnet8", Settings(weights="int16", prc="fixed"), 2, 2, ["edge16-train", "edge16"])


SETTINGS = {
    "stochastic": ("digits-cnn", Settings(rounding="stochastic_indexed", weights="int16", prc="fixed", lac="channel")),
    "current": ("digits-cnn", Settings(scales="current", prc="statistics", lac="element", weights="int12")),
    "float": ("digits-cnn", Settings(weights="fp32", rounding="nearest", prc="learned", momentum=0.9)),
    "depthwise": ("deep", Settings()),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_what_the_accelerator_lacks_is_computed_on_the_cpu(name: str) -> None:
    """Golden equals PyTorch with any setting; what has no command is listed as a row of the CPU."""
    first, network = made(*SETTINGS[name], 2)
    register(network)
    program = compile_network(network, load_system("edge16"), search=False)
    machine = Machine(program)
    given = {"x": first.x.numpy()[None], "labels": first.labels.numpy()[None], "step": np.array([0], np.int32)}
    state = {key: value.clone() for key, value in first.trainer.state.items()}
    for step in range(2):
        results = machine.run(given | {"step": np.array([step], np.int32)})
        loss, _ = replace(first.trainer, state=state)(first.x, first.labels, torch.tensor(step, dtype=torch.int32))
        assert results[program.outputs[0]][0] == loss.numpy()
        assert not differing(program, machine, state)
    listed = [row for row in program.rows if row.placement == "cpu" and row.kind != "sequence"]
    assert bool(listed) == (name != "stochastic"), "what is not a sequence of small calls"
    if name == "depthwise":
        assert {row.kind for row in listed} == {"integer_conv2d", "input_gradient", "weight_gradient", "update"}


@functools.cache
def large_step() -> tuple[Program, Run]:
    """ResNet-8, batch 8, int16 masters on edge16-train."""
    _, network = made("resnet8", Settings(weights="int16"), 8)
    program = compile_network(network, load_system("edge16-train"), "sram", search=False)
    return program, run(program, named=False)


def test_a_step_of_resnet8_fills_the_array_and_its_memory() -> None:
    """Batch 8, int16 masters, edge16-train: utilization of the products, share of the update, peak of the memory."""
    program, result = large_step()
    assert result.macs == 296_500_224
    phases = {item.name: item for item in result.phases}
    products = [phases[name] for name in ("forward", "backward-input", "backward-weight")]
    assert sum(item.macs for item in products) / sum(item.cycles for item in products) / 256 > 0.67
    assert phases["update"].cycles < 0.03 * result.cycles
    assert sum(row.cycles for row in result.operators) + sum(row.cycles for row in result.named_rows) == result.cycles
    memory = next(item for item in result.memory if item.space == "sram")
    assert memory.peak_bytes <= 1.01 * max(memory.used_bytes)
    assert max(memory.used_bytes) < 1_170_000


def test_a_step_that_does_not_fit_computes_activations_again() -> None:
    """At most 70 % of the memory of tensors that live for a while, the same bytes, and a few percent more cycles."""
    first, network = made("resnet8", Settings(weights="int16"), 8)
    large = load_system("edge16-train")
    small = large.model_copy(update={"sram": large.sram.model_copy(update={"size_bytes": 960_000})})
    programs = [large_step()[0], compile_network(network, small, "sram", search=False)]
    assert programs[1].metadata["recomputed"] == ["block1_conv1", "conv"]
    moving = [
        lower_bound(
            [
                Block(item.tensor, item.bytes, item.first, item.last)
                for item in program.placements
                if item.space == "sram" and item.role not in ("commands", "persistent")
            ]
        )[0]
        for program in programs
    ]
    assert moving[1] < 0.7 * moving[0]
    cycles = [large_step()[1].cycles, run(programs[1], named=False).cycles]
    assert cycles[0] < cycles[1] < 1.1 * cycles[0]
    given = {"x": first.x.numpy()[None], "labels": first.labels.numpy()[None], "step": np.array([0], np.int32)}
    machines = [Machine(program) for program in programs]
    results = [machine.run(given) for machine in machines]
    for name in programs[0].outputs:
        np.testing.assert_array_equal(results[0][name], results[1][name])
    for name, item in programs[0].bindings.items():
        if item.tensor.role == "persistent":
            np.testing.assert_array_equal(*(machine.read(name) for machine in machines), name)


def test_a_batch_that_does_not_fit_names_what_is_alive() -> None:
    _, network = made("resnet8", Settings(weights="int16"), 8)
    with pytest.raises(CompileError, match=r"alive at the peak.*conv.output \(131072 B\)"):
        compile_network(network, load_system("edge16"), search=False)


def test_a_step_is_the_same_network_after_a_file() -> None:
    first, network = made("digits-cnn", Settings(), 4)
    again = Network.load(Path("x"), network.to_bytes())
    assert again.hash == network.hash and set(again.initial) == {
        name for name, tensor in network.tensors.items() if tensor.role == "persistent"
    }
    stored = np.ascontiguousarray(first.x.numpy().transpose(0, 2, 3, 1))
    inputs = {"x": stored, "labels": first.labels.numpy(), "step": np.array(0, np.int32)}
    one, other = (run_network(item, inputs) for item in (network, again))
    assert all(np.array_equal(one[name], other[name]) for name in one)


def test_sums_of_a_batch_beyond_an_int32_stay_on_the_cpu() -> None:
    """132,104 products of two codes fit an accumulator; more are summed where sums are wide."""
    from cosim.lower.step.patterns import MOST_SUMMED

    assert MOST_SUMMED * 128 * 127 <= 2**31 - 1 < (MOST_SUMMED + 1) * 128 * 127
    x = torch.full((1, 1, 364, 364), -128, dtype=torch.int8)  # 132,496 pixels
    master = torch.zeros(1, 1, 1, 1, dtype=torch.int8)
    from workloads.octo.ops import octo

    def step(g: torch.Tensor) -> torch.Tensor:
        acc = octo.conv2d_weight_gradient(x, g, [1, 1], [1, 1], [0, 0], 1)
        number = torch.ones((), dtype=torch.int32)
        new, counts = octo.update(master, acc, number, 24 * number, 127, "nearest", 0 * number, 8)
        master.copy_(new)
        return counts

    traced = trace.trace_callable(step, (torch.full_like(x, -127),), "wide")
    network = lower_step(traced, "wide")
    assert all(isinstance(operator.attributes, CpuCall) for operator in network.operators)
    values = run_network(network, {"g": np.full((1, 364, 364, 1), -127, np.int8)})
    assert values["state_master" if "state_master" in values else "master"].item() == -127


def test_a_batch_of_zeros_and_a_rate_that_underflows() -> None:
    """Ranges of zero and updates that all vanish are values like others; the step counts the latter."""
    first, _ = made("digits-cnn", Settings(), 4)
    trainer = replace(first.trainer, state={k: v.clone() for k, v in first.trainer.state.items()}, learning_rate=1e-9)
    traced = trace.trace_callable(trainer, first.inputs, "slow")
    program = compile_network(lower_step(traced, "slow"), load_system("edge16"), search=False)
    machine = Machine(program)
    for step in range(3):
        x = torch.zeros_like(first.x) if step < 2 else first.x
        loss, updates = trainer(x, first.labels, torch.tensor(step, dtype=torch.int32))
        given = {"x": x.numpy()[None], "labels": first.labels.numpy()[None], "step": np.array([step], np.int32)}
        results = machine.run(given)
        assert results[program.outputs[0]][0] == loss.numpy()
        np.testing.assert_array_equal(results[program.outputs[1]][0], updates.numpy())
        assert not differing(program, machine, trainer.state)
    assert updates[:, 1].sum() > 0 and torch.equal(updates[:, 0], updates[:, 1]), "every update was rounded to 0"


# ---- steps of users ----


def test_a_step_that_reads_what_it_changes() -> None:
    a, b = torch.zeros(3), torch.ones(3)

    def step(x: torch.Tensor) -> torch.Tensor:
        old = a * 2
        a.copy_(b * 3 + x)
        b.copy_(old)
        return x + 1

    network = lower_step(trace.trace_callable(step, (torch.ones(3),), "swap"), "swap")
    values = run_network(network, {"x": np.ones(3, np.float32)})
    assert values["a"].tolist() == [4.0] * 3 and values["b"].tolist() == [0.0] * 3


def test_a_users_step_runs_on_the_cpu_and_leaves_the_user_alone(cosim: Command) -> None:
    result = cosim("run", FIXTURES / "step.py:train_step", "--json", "-")
    assert result.status == 0, result.err
    found = json.loads(result.out)
    assert found["metrics"]["floats_largest_difference"] < 1e-6
    forward = 2 * (8 * 6 * 6 * 27 + 8 * 6 * 6 * 4)
    macs = {item["name"]: item["macs"] for item in found["phases"]}
    assert macs == {"forward": forward, "backward-input": 2 * 8 * 6 * 6 * 4, "backward-weight": forward, "update": 0}
    assert found["accelerator_macs"] == 0 and all(item["placement"] == "cpu" for item in found["operators"])


def test_octo_on_the_command_line(cosim: Command) -> None:
    result = cosim("run", "octo", "--json", "-", "--samples", 0)
    assert result.status == 0, result.err
    found = json.loads(result.out)
    assert found["metrics"]["integers_different"] == 0 and found["metrics"]["floats_largest_difference"] == 0
    assert 0 < found["metrics"]["zero_updates"] < 0.5
    assert found["macs"] == found["accelerator_macs"] == 744_192
    assert {item["name"] for item in found["phases"]} == {"forward", "backward-input", "backward-weight", "update"}
    assert all(item["cycles"] > 0 and item["energy_uj"] > 0 for item in found["phases"])


def test_options_that_a_training_has_no_use_for(cosim: Command, tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", x=np.zeros(3))
    result = cosim("run", "octo", "--inputs", "x.npz")
    assert result.status == 1 and "--inputs does not apply: octo is a training" in result.err
