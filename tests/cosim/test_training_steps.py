"""Training steps of users: values equal to eager PyTorch's, weights untouched, phases, state, and what is refused."""

import importlib.util
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from accel_models.kernels import run_network
from accel_models.network import CpuCall, Network
from accel_models.system import load_system
from cosim import lower, trace
from cosim.cli.main import main
from cosim.encode import compile_network
from cosim.steps import run_steps
from reports import terminal, training

STEPS = Path(__file__).parent / "fixtures" / "train_steps.py"
EXACT = 1e-5  # of the largest magnitude of a tensor


def lowered(name: str) -> Network:
    torch.manual_seed(0)
    traced = trace.trace(trace.load_target(f"{STEPS}:{name}"))
    network = lower.lower_training_step(traced, name=name)
    lower.register(network)
    return network


def difference(mine: Mapping[str, np.ndarray], theirs: Mapping[str, np.ndarray]) -> float:
    """The largest difference, relative to the largest magnitude of the tensor that it is in."""
    assert set(mine) == set(theirs)
    return max(float(np.abs(mine[n] - want).max() / max(1e-30, np.abs(want).max())) for n, want in theirs.items())


@pytest.fixture
def module() -> Iterator[ModuleType]:
    """The file once more, to train eagerly."""
    spec = importlib.util.spec_from_file_location("eager_steps", STEPS)
    assert spec is not None and spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    yield found


def inputs_of(module: ModuleType) -> dict[str, np.ndarray]:
    return {name: value.numpy()[None] for name, value in module.example_inputs().items()}


@pytest.mark.parametrize("name", ["cnn", "mlp", "normed"])
def test_three_steps_are_pytorchs(module: ModuleType, name: str) -> None:
    """Adam's bias correction included: its step counter is state, not a number of the trace."""
    network = lowered(f"{name}_step")
    assert not [item for item in functions(network) if "::" in item], "every operator has a NumPy kernel"
    program = compile_network(network, load_system("cortex-m7"))
    done = run_steps(program, inputs_of(module), 3)
    step = getattr(module, f"{name}_step")
    losses = [step(**module.example_inputs()).item() for _ in range(3)]
    np.testing.assert_allclose(done.losses, losses, rtol=EXACT)
    assert losses[2] < losses[0]
    net, optimizer = getattr(module, name), module.OPTIMIZERS[name]
    expected = {f"p_{key}".replace(".", "_"): value.numpy() for key, value in net.state_dict().items()}
    for key, parameter in net.named_parameters():
        for kind, value in optimizer.state[parameter].items():
            expected[f"p_{key}_{kind}".replace(".", "_")] = value.numpy()
    assert difference(done.state, expected) < EXACT
    assert done.unchanged == 0


def functions(network: Network) -> list[str]:
    """Of all CPU calls, those inside of others too."""
    found = []
    for operator in network.operators:
        if isinstance(operator.attributes, CpuCall):
            found.append(operator.attributes.function)
            found += [call[0] for call in dict(operator.attributes.parameters).get("calls", ())]
    return found


def test_macs_and_phases() -> None:
    network = lowered("cnn_step")
    conv1, conv2, classify = 4 * 64 * 4 * 9, 4 * 4 * 6 * 4 * 9, 4 * 6 * 5
    macs = dict.fromkeys(("forward", "backward-input", "backward-weight", "update"), 0)
    for operator in network.operators:
        macs[operator.phase] += operator.macs
    assert macs == {
        "forward": conv1 + conv2 + classify,
        "backward-input": conv2 + classify,
        "backward-weight": conv1 + conv2 + classify,
        "update": 0,
    }
    updates = [operator for operator in network.operators if operator.phase == "update"]
    assert len(updates) == 6 and {operator.attributes.function for operator in updates} == {"fused"}
    assert {operator.name for operator in updates} >= {"0.update_weight", "7.update_bias"}
    assert all(operator.origin for operator in network.operators), "every operator names its line"
    assert network.parameters == 4 * 9 + 4 + 6 * 4 * 9 + 6 + 6 * 5 + 5
    assert network.metadata["step"] and len(network.metadata["trained"]) == 6


def test_gradients_go_as_soon_as_they_can() -> None:
    """An update comes right behind its gradient: no weight gradient waits for the end of the step."""
    network = lowered("cnn_step")
    names = [operator.name for operator in network.operators]
    for operator in network.operators:
        if operator.phase == "update":
            gradient = next(i for i in operator.inputs if network.tensors[i].role == "activation")
            maker = next(other for other in network.operators if gradient in other.outputs)
            assert names.index(operator.name) == names.index(maker.name) + 1


def test_states_that_trade_places_and_other_losses(module: ModuleType) -> None:
    network = lowered("hand_written")
    values = dict(zip(network.inputs, (v.numpy() for v in module.example_inputs().values()), strict=True))
    state: dict[str, np.ndarray] = {}
    for _ in range(3):
        found = run_network(network, values | state)
        state = {name: found[name] for name, tensor in network.tensors.items() if tensor.role == "persistent"}
        loss, total = module.hand_written(**module.example_inputs())
        assert found[network.outputs[0]] == pytest.approx(loss.item(), rel=EXACT)
        assert found[network.outputs[1]] == pytest.approx(total.item())
    # The two tensors have no name in the user's code: told apart by what they hold.
    held = [value for name, value in state.items() if value.shape == (4,)]
    assert sorted(map(tuple, held)) == sorted(tuple(value.numpy()) for value in module.memory.values())
    weight = next(value for value in state.values() if value.shape == (64, 5))
    assert difference({"w": weight}, {"w": module.weight.detach().numpy()}) < EXACT


def test_the_aten_form_serves_what_has_no_numpy_kernel(module: ModuleType) -> None:
    network = lowered("others_step")
    assert "aten::convolution_backward.default" in functions(network)
    done = run_steps(compile_network(network, load_system("cortex-m7")), inputs_of(module), 2)
    losses = [module.others_step(**module.example_inputs()).item() for _ in range(2)]
    np.testing.assert_allclose(done.losses, losses, rtol=EXACT)
    for key, value in module.others.state_dict().items():
        have = {key: done.state[f"p_{key}".replace(".", "_")]}
        assert difference(have, {key: value.numpy()}) < 1e-4, "Adam divides by the root of tiny gradients"


def test_dropout_draws_when_it_runs() -> None:
    network = lowered("dropped_step")
    assert "aten::bernoulli.p" in functions(network)


def test_no_constant_is_memory_that_nobody_wrote() -> None:
    """Dropout draws into an ``empty_like``: a step has the same network every time."""
    torch.use_deterministic_algorithms(True)  # with it, such memory is NaN
    try:
        network = lowered("dropped_step")
    finally:
        torch.use_deterministic_algorithms(False)
    assert not any(np.isnan(data).any() for data in network.constants.values())


def run_json(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict:
    assert main([*map(str, arguments), "--json", "-"]) == 0
    return json.loads(capsys.readouterr().out)


def test_the_command_line_runs_a_step_and_leaves_the_weights(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[ModuleType] = []
    load = trace.loading.load_python

    def keep(path: Path) -> ModuleType:
        kept.append(load(path))
        return kept[-1]

    monkeypatch.setattr(trace.loading, "load_python", keep)
    data = run_json(capsys, "run", f"{STEPS}:cnn_step", "--system", "cortex-m7", "--steps", 3)
    assert [phase["name"] for phase in data["phases"]] == ["forward", "backward-input", "backward-weight", "update"]
    assert all(phase["cycles"] > 0 and phase["energy_uj"] > 0 for phase in data["phases"])
    assert (
        sum(phase["cycles"] for phase in data["phases"]) + sum(row["cycles"] for row in data["named_rows"])
        == data["cycles"]
    )
    metrics = data["metrics"]
    assert metrics["floats_largest_difference"] < EXACT and metrics["zero_updates"] == 0
    assert len(metrics["losses"]) == 3 and metrics["losses"][2] == metrics["loss"] < metrics["losses"][0]
    persistent = [t for m in data["memory"] if m["space"] == "sram" for t in m["tensors"] if t["role"] == "persistent"]
    assert {t["tensor"] for t in persistent} >= {"p_0_weight", "p_0_weight_momentum_buffer"}
    (user,) = kept
    spec = importlib.util.spec_from_file_location("fresh_steps", STEPS)
    assert spec is not None and spec.loader is not None
    fresh = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fresh)
    for name, value in fresh.cnn.state_dict().items():
        assert torch.equal(user.cnn.state_dict()[name], value), f"{name} is the user's and must stay bit for bit"
    assert not user.OPTIMIZERS["cnn"].state, "no momentum is left behind"


def test_what_carries_codes_is_integer_and_the_rest_float(capsys: pytest.CaptureFixture[str]) -> None:
    data = run_json(capsys, "run", f"{STEPS}:transfer_step", "--system", "edge16", "--steps", 2)
    places = {item["name"]: item["placement"] for item in data["operators"]}
    assert places["conv"] == "accelerator" and places["addmm"] == "cpu"
    assert data["accelerator_macs"] == 4 * 64 * 16 * 9
    assert data["macs"] == data["accelerator_macs"] + 2 * 4 * 16 * 5, "forward and weight gradient of the head"
    assert data["parameters"] == 16 * 5 + 5
    assert {item["name"] for item in data["phases"]} >= {"forward", "backward-weight", "update"}
    assert data["metrics"]["floats_largest_difference"] < 1e-3, "a code may be off by one at a tie"


def test_weights_quantized_anew_are_trained_in_float_and_said_so(capsys: pytest.CaptureFixture[str]) -> None:
    data = run_json(capsys, "run", f"{STEPS}:quantization_aware_step", "--system", "edge16", "--steps", 2)
    assert data["metrics"]["floats_largest_difference"] < EXACT and data["accelerator_macs"] == 0
    assert any("quantized anew in every step" in note for note in data["metrics"]["notes"])
    assert data["metrics"]["losses"][1] < data["metrics"]["losses"][0]


def test_a_step_beside_float_on_a_microcontroller(capsys: pytest.CaptureFixture[str]) -> None:
    """The other run is the one that the command line makes of it alone, and ratios are of the same samples."""
    alone = run_json(capsys, "run", f"{STEPS}:mlp_step", "--system", "cortex-m7")
    given = ("--against", f"{STEPS}:mlp_step@cortex-m7", "--epoch", 1000)
    both = run_json(capsys, "run", "octo", "--system", "edge16", "--samples", 0, *given)
    other = both["against"]
    assert other["system"] == "cortex-m7" and other["samples"] == 4 and both["metrics"]["batch"] == 8
    assert (other["latency_ms"], other["energy_uj"]) == (alone["latency_ms"], alone["energy_uj"])
    assert [phase["name"] for phase in other["phases"]] == [phase["name"] for phase in alone["phases"]]
    whole = training.ratios(both)[0]
    assert whole.time == pytest.approx(2 * alone["latency_ms"] / both["latency_ms"])
    assert whole.energy == pytest.approx(2 * alone["energy_uj"] / both["energy_uj"])
    assert training.epoch(both) == (125, 125 * both["latency_ms"], 125 * both["energy_uj"])
    text = terminal.text(both)
    assert "beside train_steps.py:mlp_step on cortex-m7" in text and "epoch  125 steps of 8 samples" in text
    assert "cpu.cortex-m7.float_mac 5.52 cycles/MAC: 57.406 ms" in text, "a ratio stands with its sources"


@pytest.mark.parametrize("text", ["@cortex-m7", "octo@", "nowhere"])
def test_a_run_to_compare_with_that_is_none(capsys: pytest.CaptureFixture[str], text: str) -> None:
    message = refused(capsys, "run", f"{STEPS}:mlp_step", "--against", text)
    assert "want SYSTEM or TARGET@SYSTEM" in message or "nowhere" in message


def test_underflow_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    data = run_json(capsys, "run", f"{STEPS}:tiny_rate_step", "--system", "cortex-m7")
    assert data["metrics"]["zero_updates"] == 1.0
    assert any("learning rate is too small" in note for note in data["metrics"]["notes"])


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert main([*map(str, arguments)]) == 1
    return capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("breaks", ("output is nan", "step 1", "log", "train_steps.py:")),
        ("changes_its_input", ("changes its input x",)),
        ("in_half", ("float16", "_to_copy", "train_steps.py:")),
    ],
)
def test_what_cannot_be_trained_is_named(
    capsys: pytest.CaptureFixture[str], name: str, wanted: tuple[str, ...]
) -> None:
    message = refused(capsys, "run", f"{STEPS}:{name}", "--system", "cortex-m7")
    assert all(part in message for part in wanted), message


def test_a_batch_that_does_not_fit(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    inputs = tmp_path / "large.npz"
    np.savez(inputs, x=np.zeros((2048, 1, 8, 8), np.float32), y=np.zeros(2048, np.int64))
    message = refused(capsys, "run", f"{STEPS}:cnn_step", "--system", "cortex-m7", "--inputs", inputs)
    assert "does not fit SRAM" in message and "alive at the peak" in message and "a smaller batch" in message


def test_options_of_quantization_and_steps(capsys: pytest.CaptureFixture[str]) -> None:
    assert "--float does not apply" in refused(capsys, "run", f"{STEPS}:cnn_step", "--float")
    assert "--steps: want 1 or more" in refused(capsys, "run", f"{STEPS}:cnn_step", "--steps", 0)


def test_a_compiled_step_trains_without_its_file(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    network, inputs = tmp_path / "step.network", tmp_path / "batch.npz"
    assert main(["compile", f"{STEPS}:mlp_step", "-o", str(network)]) == 0
    np.savez(inputs, **{name: value.numpy() for name, value in _examples().items()})
    capsys.readouterr()
    given = ("--system", "cortex-m7", "--steps", 2, "--inputs", inputs)
    compiled = run_json(capsys, "run", network, *given)
    source = run_json(capsys, "run", f"{STEPS}:mlp_step", *given)
    assert compiled["metrics"]["losses"] == source["metrics"]["losses"]
    assert compiled["cycles"] == source["cycles"]


def _examples() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return {"x": torch.randn(4, 1, 8, 8, generator=generator), "y": torch.randint(0, 5, (4,), generator=generator)}
