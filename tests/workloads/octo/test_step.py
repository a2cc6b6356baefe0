"""A training step: what it computes, that it can be traced, and that it depends on nothing but its inputs."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.fx.experimental.proxy_tensor import make_fx
from torch.nn import functional

from workloads.octo import fp32, initial, networks, problem
from workloads.octo.export import compensation_cost, folded
from workloads.octo.layers import Backward, forward
from workloads.octo.rules import look_at_directions, niti_rate, parse_sparse
from workloads.octo.scales import Quantiser, State, scalar
from workloads.octo.settings import CHOICES, Settings, Sparse
from workloads.octo.step import Rate, first_ranges, infer, rate_of, train_step, weight_codes

CNN = networks.get("digits-cnn")
DIGITS = problem.read(CNN, None, None)
X, Y = DIGITS.codes(DIGITS.inputs[:40]), DIGITS.labels[:40]
RATE = rate_of(0.1, 20)


@pytest.fixture(autouse=True)
def no_autograd() -> object:
    with torch.no_grad():
        yield


def start(settings: Settings, network: networks.Network = CNN, x: torch.Tensor = X, y: torch.Tensor = Y) -> State:
    state = initial.initial_state(network, settings, initial.he(network, 3), -7, 3)
    return first_ranges(network, settings, state, x[:20], y[:20])


def steps(settings: Settings, state: State, count: int, rate: Rate = RATE) -> State:
    for step in range(count):
        part = slice(20 * (step % 2), 20 * (step % 2) + 20)
        state, _ = train_step(CNN, settings, state, X[part], Y[part], scalar(step), rate)
    return state


def same(a: State, b: State) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) and a[name].dtype == b[name].dtype for name in a)


ATEN = {
    "<built-in function getitem>",
    *(f"aten.{name}.Tensor" for name in ("__lshift__", "__rshift__", "add", "div", "mul", "sub")),
    *(
        f"aten.{name}.default"
        for name in ("_to_copy", "cat", "clamp", "exp2", "full", "neg", "stack", "unsqueeze", "zeros")
    ),
    *("aten.__rshift__.Scalar", "aten.view.default"),
}
"""What a step needs beside the operators of octo: exponents and shifts, biases in float32, and a report."""
SETTINGS = {
    "default": Settings(),
    "stochastic": Settings(rounding="stochastic_indexed", weights="int16", prc="fixed", lac="channel"),
    "current": Settings(scales="current", prc="statistics", lac="element", weights="int12"),
    "float": Settings(weights="fp32", rounding="nearest", prc="learned", momentum=0.9, gradient_bits=5),
    "grid": Settings(rule="grid"),
    "direction": Settings(rule="direction", weights="int10"),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_a_traced_step_gives_equal_bytes(name: str) -> None:
    settings = SETTINGS[name]
    state = start(settings)

    def function(
        state: State, x: torch.Tensor, y: torch.Tensor, step: torch.Tensor, rate: list[torch.Tensor]
    ) -> object:
        return train_step(CNN, settings, state, x, y, step, Rate(*rate))

    numbers = [RATE.mantissa, RATE.shift, RATE.real]
    traced = make_fx(function, tracing_mode="fake")(state, X[:20], Y[:20], scalar(0), numbers)
    targets = {str(node.target) for node in traced.graph.nodes if node.op == "call_function"}
    assert {"octo.conv2d.default", "octo.requantize.default", "octo.conv2d_weight_gradient.default"} <= targets
    others = {target for target in targets if not target.startswith("octo.")}
    assert others <= ATEN, others - ATEN
    theirs = dict(state)
    for step in range(5):
        part = slice(20 * (step % 2), 20 * (step % 2) + 20)
        state, report = train_step(CNN, settings, state, X[part], Y[part], scalar(step), RATE)
        theirs, traced_report = traced(theirs, X[part], Y[part], scalar(step), numbers)
        assert same(state, theirs) and same(report, traced_report), step


@pytest.mark.parametrize("rounding", ["nearest", "pseudo_stochastic"])
def test_the_order_of_samples_changes_no_integer(rounding: str) -> None:
    settings = Settings(rounding=rounding, weights="int12")
    state, order = start(settings), torch.randperm(20, generator=torch.Generator().manual_seed(1))
    one, _ = train_step(CNN, settings, state, X[:20], Y[:20], scalar(0), RATE)
    other, _ = train_step(CNN, settings, state, X[:20][order], Y[:20][order], scalar(0), RATE)
    one, other = ({n: v for n, v in s.items() if not n.endswith("/bias")} for s in (one, other))
    assert same(one, other)


def test_noise_depends_on_seed_and_step() -> None:
    settings = Settings(rounding="stochastic_indexed")
    state = start(settings)
    base, _ = train_step(CNN, settings, state, X[:20], Y[:20], scalar(0), RATE)
    for other in (state | {"seed": scalar(4)}, state):
        step = scalar(1 if other is state else 0)
        found, _ = train_step(CNN, settings, other, X[:20], Y[:20], step, RATE)
        assert not torch.equal(found["conv2/master"], base["conv2/master"])


@pytest.mark.parametrize(("name", "size"), [("digits-cnn", 8), ("octo-cnn", 32), ("resnet8", 32), ("ds-cnn", 49)])
def test_gradients_point_where_those_of_autograd_do(name: str, size: int) -> None:
    """Of every layer, at equal weights: the way back through pooling, residual sums and depthwise layers."""
    network, settings = networks.get(name), Settings(weights="fp32", rounding="nearest", scales="current")
    rng = torch.Generator().manual_seed(size)
    shape = (4, *network.shape)
    base = torch.randn(shape, generator=rng)
    x = (functional.avg_pool2d(base, 3, 1, 1) * 120).clamp(-128, 127).to(torch.int8)
    labels = torch.tensor([0, 3, 5, 9])
    state = initial.initial_state(network, settings, initial.he(network, 1), -7, 1)
    weights = weight_codes(network, settings, state)
    quantiser = Quantiser(network, settings, state, scalar(0), True)
    saved = forward(network, state, weights, x, quantiser)
    backward = Backward(network, saved, quantiser)
    backward.run(labels)
    floats = {f"{c.name}/weight": weights[c.name][0].double() * 2.0 ** weights[c.name][1] for c in network.convs}
    leaves = {n: v.float().requires_grad_() for n, v in floats.items()}
    leaves |= {f"{c.name}/bias": torch.zeros(c.channels_out).requires_grad_() for c in network.convs}
    with torch.enable_grad():
        logits = fp32.logits_of(network, fp32.Reference(), leaves, x.float() / 128)
        functional.cross_entropy(logits, labels, reduction="sum").backward()
    codes, exponent = saved.codes[network.nodes[-1].name]
    assert torch.allclose(codes.flatten(1) * 2.0**exponent, logits, atol=0.12 * float(logits.abs().max()))
    for conv in network.convs:
        found = backward.found[conv.name]
        want = leaves[f"{conv.name}/weight"].grad.flatten()
        have = (found.weights.double() * 2.0**found.weights_exponent).float().flatten()
        cosine = float(functional.cosine_similarity(have, want, dim=0))
        assert cosine > 0.85, (conv.name, cosine)  # 8 bits each layer: the first of 11 has 0.88
        assert 0.8 < float(have.norm() / want.norm()) < 1.25, conv.name


def test_a_tensor_of_zeros_is_legal() -> None:
    settings = Settings(lac="none")
    parameters = {name: torch.zeros_like(value) for name, value in initial.he(CNN, 0).items()}
    state = initial.initial_state(CNN, settings, parameters, -7, 0)
    black = torch.zeros_like(X[:20])
    state = first_ranges(CNN, settings, state, black, Y[:20])
    for step in range(3):
        state, report = train_step(CNN, settings, state, black, Y[:20], scalar(step), RATE)
    assert float(report["loss"]) == pytest.approx(np.log(10), abs=0.05)
    assert state["conv1.output/shift"] == 0 and not state["conv1/master"].any()


def test_compensation_per_channel_folds_exactly() -> None:
    settings = Settings(lac="channel")
    state = steps(settings, start(settings), 6)
    plain, exported = folded(CNN, settings, state)
    assert plain.lac == "none" and "conv1/mu" not in exported
    for conv in CNN.convs:
        bias, alpha, mu, offset = (state[f"{conv.name}/{part}"].flatten() for part in ("bias", "alpha", "mu", "offset"))
        assert torch.equal(exported[f"{conv.name}/bias"], bias + alpha * mu + offset)
        assert state[f"{conv.name}/bias_codes"].shape == (conv.channels_out, 1, 1)
    current = replace(settings, scales="current")
    for way in (settings, current):
        mine, theirs = infer(CNN, way, state, X), infer(CNN, replace(way, lac="none"), exported, X)
        assert torch.equal(mine[0], theirs[0]) and torch.equal(mine[1], theirs[1])
    with pytest.raises(ValueError, match="does not fold"):
        folded(CNN, replace(settings, lac="element"), state)


def test_what_compensation_costs() -> None:
    assert compensation_cost(CNN, Settings()).parameters == 0
    channel, element = (compensation_cost(CNN, Settings(lac=kind)) for kind in ("channel", "element"))
    assert (channel.parameters, channel.inference_bytes) == (3 * 46, 0)
    outputs = 12 * 64 + 12 * 16 + 12 * 4 + 10
    assert (element.parameters, element.inference_bytes) == (3 * outputs, 4 * outputs)
    state = start(Settings(lac="element"))
    assert state["conv1/bias_codes"].shape == state["conv1/mu"].shape == (12, 8, 8)


def test_qas_is_the_arithmetic_itself_and_grid_is_off_by_the_scale() -> None:
    octo, qas, grid = (steps(s, start(s), 4) for s in (Settings(), Settings(rule="qas"), Settings(rule="grid")))
    assert same(octo, qas)
    assert not torch.equal(octo["conv2/master"], grid["conv2/master"])
    exponent = int(octo["fc/exponent"])
    large = rate_of(0.1 / 4.0**exponent, 20)
    state = start(Settings(rule="grid"))
    one, _ = train_step(CNN, Settings(rule="grid"), state, X[:20], Y[:20], scalar(0), large)
    other, _ = train_step(CNN, Settings(), state, X[:20], Y[:20], scalar(0), RATE)
    assert torch.equal(one["fc/master"], other["fc/master"]), "a rate over the scale's square undoes it"


def test_niti_needs_no_learning_rate_and_no_bias() -> None:
    settings = Settings(rule="niti")
    state = start(settings)
    for bits in (5, 4, 3):
        new, _ = train_step(CNN, settings, state, X[:20], Y[:20], scalar(0), niti_rate(bits))
        change = (new["conv2/master"].int() - state["conv2/master"].int()).abs().max()
        assert 1 << (bits - 2) <= change <= 1 << (bits - 1)
        assert torch.equal(new["conv2/bias"], state["conv2/bias"])
        assert torch.equal(new["conv2/exponent"], state["conv2/exponent"])


def test_directions_choose_bounds_and_rates() -> None:
    settings = Settings(rule="direction")
    state = look_at_directions(CNN, settings, start(settings), X[:20], Y[:20], 0)
    rates = [int(state[f"{conv.name}/rate"]) for conv in CNN.convs]
    assert all(0.1 * 2**15 <= rate <= 2**15 for rate in rates)
    assert all(1 <= int(state[f"{name}/beta"]) <= 256 for name in ("loss.gradient", "conv2.input_gradient"))
    new = steps(settings, state, 2)
    assert not torch.equal(new["conv1/master"], state["conv1/master"])


def test_a_sparse_table_trains_what_it_says() -> None:
    table = parse_sparse("conv3:0.5,fc:1:nobias")
    assert table == (Sparse("conv3", True, 0.5), Sparse("fc", False, 1.0))
    settings = Settings(sparse=table)
    state = start(settings)
    new = steps(settings, state, 3)
    for name in ("conv1/master", "conv2/master", "conv1/bias", "fc/bias"):
        assert torch.equal(new[name], state[name]), name
    assert torch.equal(new["conv3/master"][:, 6:], state["conv3/master"][:, 6:])
    assert not torch.equal(new["conv3/master"][:, :6], state["conv3/master"][:, :6])
    assert not torch.equal(new["fc/master"], state["fc/master"])
    assert "conv3.input_gradient/shift" not in new, "nothing in front of conv3 needs a gradient"


@pytest.mark.parametrize(
    ("text", "message"), [("fc", "want layer:ratio"), ("fc:1:bias", "nobias"), ("fc:2", "want 0..1")]
)
def test_bad_sparse_rows_are_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Settings(sparse=parse_sparse(text))


def test_unknown_layers_and_an_empty_table_are_refused() -> None:
    with pytest.raises(ValueError, match="names conv9, which digits-cnn does not have"):
        start(Settings(sparse=parse_sparse("conv9:1")))
    with pytest.raises(ValueError, match="trains no layer"):
        start(Settings(sparse=parse_sparse("fc:0:nobias")))


@pytest.mark.parametrize("name", CHOICES)
def test_unknown_choices_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} is 'other', want one of"):
        Settings(**{name: "other"})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"gradient_bits": 2}, "gradient_bits is 2, want 3..8"),
        ({"random_bits": 17}, "random_bits is 17"),
        ({"momentum": 0.9}, "plain SGD"),
        ({"rule": "niti", "weights": "int16"}, "niti trains int8"),
        ({"update_rounding": "up"}, "update_rounding is 'up'"),
    ],
)
def test_settings_that_contradict_are_refused(values: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Settings(**values)


def test_inputs_are_checked() -> None:
    with pytest.raises(ValueError, match="NaN"):
        initial.input_codes(torch.tensor([[float("nan")]]), -7)
    with pytest.raises(ValueError, match="batch of 0"):
        initial.input_codes(torch.zeros(0, 1), -7)
    with pytest.raises(ValueError, match="batch is 0"):
        rate_of(0.1, 0)
    with pytest.raises(ValueError, match="not all finite"):
        bad = initial.he(CNN, 0)
        bad["conv1/weight"][0] = float("inf")
        initial.initial_state(CNN, Settings(), bad, -7, 0)


def test_trained_weights_of_resnet8_survive_their_folding() -> None:
    network = networks.get("resnet8")
    data = problem.read(network, None, None, 64)
    parameters = initial.trained(network)
    logits = fp32.logits_of(network, fp32.Reference(), parameters, data.test_inputs[:64])
    assert (logits.argmax(1) == data.test_labels[:64]).float().mean() > 0.95
    settings = Settings()
    state = initial.initial_state(network, settings, parameters, data.input_exponent, 0)
    state = first_ranges(network, settings, state, data.codes(data.inputs[:32]), data.labels[:32])
    codes, _ = infer(network, settings, state, data.codes(data.test_inputs[:64]))
    assert (codes.argmax(1) == data.test_labels[:64]).float().mean() > 0.9
    with pytest.raises(ValueError, match="no trained weights of digits-cnn"):
        initial.trained(CNN)
