"""Patch-skip networks on the accelerator compute every map of every layer as PyTorch does, bit for bit."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from accel_models.arithmetic import half_up_shift
from accel_models.golden.machine import run_program
from accel_models.kernels import run_network
from accel_models.network import Network
from accel_models.system import System, load_system
from cosim.encode import compile_network
from cosim.lower import LoweringError, lower_dense, lower_stream
from cosim.lower.patchskip_layers import away_from_zero
from cosim.run import run
from cosim.stream.rules import Rules
from tests.cosim.networks import system
from workloads import patchskip
from workloads.patchskip import Settings, integer, problem, scenes
from workloads.patchskip.backbones import BACKBONES
from workloads.patchskip.clips import to_inputs
from workloads.patchskip.gates import LearnedGate, to_integers
from workloads.patchskip.plan import compared_maps, persistent_bytes


class Mixed(nn.Module):
    """Padding, stride, dilation, groups, batch norm folded and not, pools, joins, clamps, a head over a whole map."""

    def __init__(self, rows: int, columns: int, channels: int, pool: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, channels, (5, 3), 2, padding=(2, 1))
        self.norm = nn.BatchNorm2d(channels)
        self.most = nn.MaxPool2d((3, 2), 2, padding=(1, 0))
        self.wide = nn.Conv2d(channels, channels, 3, padding=2, dilation=2, groups=channels, bias=False)
        self.late = nn.BatchNorm2d(channels)
        self.skip = nn.Conv2d(channels, channels, 1, bias=False)
        self.mean = nn.AvgPool2d(pool)
        down, across = (rows + 1) // 2, (columns + 1) // 2
        down, across = (down + 1) // 2 // pool, across // 2 // pool
        self.head = nn.Linear(channels * down * across, channels)
        self.last = nn.Linear(channels, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.most(torch.relu(self.norm(self.first(x))))
        y = self.late(torch.relu(self.wide(x)))  # behind a ReLU: a convolution of its own
        y = torch.relu(y + self.skip(x))
        both = torch.relu(y) + y  # y is read twice: the clamp is a layer
        y = self.mean(both)
        return self.last(nn.functional.relu6(self.head(torch.flatten(y, 1)) + y.mean((2, 3))))


def quantized(build: Callable[[], nn.Module], rows: int, columns: int, seed: int = 0) -> integer.Network:
    """Random weights, and batch norms that do something."""
    torch.manual_seed(seed)
    model = build()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0.0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    return patchskip.quantized(model.eval(), random_frames(2, rows, columns, seed))


def random_frames(count: int, rows: int, columns: int, seed: int = 0) -> torch.Tensor:
    return to_inputs(np.random.default_rng(seed).integers(0, 256, (count, 3, rows, columns)).astype(np.uint8))


def stored(codes: torch.Tensor) -> np.ndarray:
    """int8 (c, rows, columns) -> [1, rows, columns, c]."""
    return np.ascontiguousarray(codes.permute(1, 2, 0)[None].numpy())


def with_all_maps(network: Network) -> Network:
    """The same network, every map of which is an output."""
    names = [operator.outputs[0] for operator in network.operators]
    kept = {name: replace(network.tensors[name], role="output", permutation=None) for name in names}
    return replace(network, tensors={**network.tensors, **kept}, outputs=tuple(names))


def maps_on(machine: System, network: Network) -> Callable[[np.ndarray], dict[str, np.ndarray]]:
    """Every map that golden makes of a frame [1, rows, columns, 3] with the compiled program."""
    kept = with_all_maps(network)
    frame = kept.inputs[0]
    tensors = {**kept.tensors, frame: replace(kept.tensors[frame], permutation=None)}
    program = compile_network(replace(kept, tensors=tensors), machine, "sram", search=False)
    assert not program.cpu_calls
    return lambda codes: {name: array[0] for name, array in run_program(program, {frame: codes[None]}).codes.items()}


def differences(
    network: integer.Network, maps_of: Callable[[np.ndarray], dict[str, np.ndarray]], frames: torch.Tensor
) -> dict[str, int]:
    """Layers with codes that differ from those of PyTorch, and how many do."""
    found: dict[str, int] = {}
    for frame in frames:
        codes = network.input.codes.encode(frame)
        maps = maps_of(stored(codes))
        for name, want in integer.dense(network, codes).items():
            wrong = int((maps[name] != stored(want)).sum()) if name != network.input.layer.name else 0
            if wrong:
                found[name] = found.get(name, 0) + wrong
    return found


def by_kernels(network: Network) -> Callable[[np.ndarray], dict[str, np.ndarray]]:
    return lambda codes: run_network(network, {network.inputs[0]: codes})


@pytest.fixture(scope="module", params=sorted(BACKBONES))
def backbone(request: pytest.FixtureRequest) -> Iterator[integer.Network]:
    yield problem.network(request.param)


def clips() -> torch.Tensor:
    """Two frames of a scene of each camera, and two random ones."""
    made = [to_inputs(scenes.generate(camera, 9, 5)[0].frames[::8]) for camera in scenes.CAMERAS]
    return torch.cat([*made, random_frames(2, scenes.ROWS, scenes.COLUMNS)])


def test_backbones_have_the_bits_of_pytorch_in_every_layer(backbone: integer.Network) -> None:
    network = lower_stream(backbone, Settings())
    frames = clips()
    assert differences(backbone, by_kernels(network), frames) == {}
    assert differences(backbone, maps_on(load_system("vision16"), network), frames[:: len(frames) - 1]) == {}


def test_backbones_are_counted_as_pytorch_counts_them(backbone: integer.Network) -> None:
    network = lower_stream(backbone, Settings())
    layers = backbone.graph.layers
    assert network.macs == backbone.graph.macs > 16_000_000
    assert network.parameters == sum(x.numel() for layer in layers for x in (layer.weight, layer.bias) if x is not None)
    assert [operator.name for operator in network.operators] == [layer.name for layer in layers[1:]]
    assert {name for name, tensor in network.tensors.items() if tensor.role != "constant"} == {x.name for x in layers}
    kinds = {"conv": "conv2d", "add": "elementwise", "mean": "pool"}
    assert [operator.kind for operator in network.operators] == [kinds[layer.kind] for layer in layers[1:]]


def test_the_dense_network_fuses_its_sums_and_keeps_their_values(backbone: integer.Network) -> None:
    network = lower_dense(backbone)
    sums = [layer.name for layer in backbone.graph.layers if layer.kind == "add"]
    assert [operator.name for operator in network.operators if operator.kind == "elementwise"] == []
    assert len(network.operators) == len(backbone.operators) - 1 - len(sums)
    assert network.macs == backbone.graph.macs and "stream" not in network.metadata
    (frame,) = random_frames(1, scenes.ROWS, scenes.COLUMNS, 3)
    codes = backbone.input.codes.encode(frame)
    want, maps = integer.dense(backbone, codes), by_kernels(network)(stored(codes))
    made = [operator.outputs[0] for operator in network.operators]
    assert set(sums) <= set(made)
    assert [name for name in made if (maps[name] != stored(want[name])).any()] == []


def test_vision16_keeps_what_a_stream_of_a_backbone_keeps(backbone: integer.Network) -> None:
    weights = sum(data.nbytes for data in lower_stream(backbone, Settings()).constants.values())
    assert (
        1.1 * (sum(persistent_bytes(backbone, Settings()).values()) + weights) < load_system("vision16").sram.size_bytes
    )


@pytest.mark.parametrize(
    ("name", "fused", "cycles", "use"),
    [("resnet8", True, 980_057, 0.934), ("resnet8", False, 1_075_842, 0.851), ("mobilenet", True, 131_153, 0.483)],
)
def test_whole_frames_cost_what_the_readme_says(name: str, fused: bool, cycles: int, use: float) -> None:
    """Without a search for better tilings, which finds none here."""
    network = problem.network(name)
    lowered = lower_dense(network) if fused else lower_stream(network, Settings())
    program = compile_network(lowered, load_system("vision16"), "sram", search=False)
    found = run(program).to_json()
    assert found["cycles"] == cycles
    assert found["utilization"] == pytest.approx(use, abs=5e-4)
    assert found["macs"] == found["accelerator_macs"] == network.graph.macs


def test_one_of_each_layer_has_the_bits_of_pytorch_on_golden() -> None:
    found = quantized(lambda: Mixed(27, 37, 8, 2), 27, 37)
    kinds = {layer.kind for layer in found.graph.layers}
    assert kinds == {"input", "conv", "add", "max_pool", "mean_pool", "mean"}
    network = lower_stream(found, Settings())
    frames = random_frames(3, 27, 37, 1)
    assert differences(found, by_kernels(network), frames) == {}
    assert differences(found, maps_on(system(), network), frames) == {}


def test_a_program_takes_and_gives_real_numbers_in_the_order_of_pytorch() -> None:
    found = quantized(lambda: Mixed(27, 37, 8, 2), 27, 37)
    frames = random_frames(3, 27, 37, 2)
    network = lower_dense(found)
    program = compile_network(network, system(), "sram", search=False)
    values = run_program(program, {network.inputs[0]: frames[:, None].numpy()}).values[network.outputs[0]]
    codes = [integer.dense(found, found.input.codes.encode(frame)) for frame in frames]
    last = found.operators[-1]
    want = torch.stack([last.codes.decode(maps[last.layer.name]) for maps in codes])
    np.testing.assert_allclose(values.reshape(3, 5, 1, 1), want.numpy(), rtol=1e-6)


@settings(max_examples=20)
@given(st.data())
def test_small_networks_have_the_bits_of_pytorch(data: st.DataObject) -> None:
    rows, columns = (data.draw(st.integers(16, 40)) for _ in range(2))
    pool, seed = data.draw(st.integers(1, 4)), data.draw(st.integers(0, 1000))
    channels = data.draw(st.integers(1, 9))
    found = quantized(lambda: Mixed(rows, columns, channels, pool), rows, columns, seed)
    assert differences(found, by_kernels(lower_stream(found, Settings())), random_frames(2, rows, columns, seed)) == {}


def test_a_channel_without_weights_has_the_bits_of_pytorch() -> None:
    """Its bias is beyond an int32, and its factor 0."""

    def build() -> nn.Module:
        layer = nn.Conv2d(3, 4, 3)
        with torch.no_grad():
            layer.weight[1] = 0.0
            layer.bias[1] = 3.0
        return nn.Sequential(layer, nn.ReLU())

    found = quantized(build, 9, 9)
    assert found.operators[1].bias is not None and int(found.operators[1].bias.abs().max()) > 2**31
    assert differences(found, by_kernels(lower_stream(found, Settings())), random_frames(2, 9, 9)) == {}


@pytest.mark.parametrize("pixels", [1, 2, 3, 4, 6, 9, 12, 16, 25, 100, 255 * 254, 255 * 255])
def test_a_mean_of_codes_goes_away_from_zero_at_ties(pixels: int) -> None:
    sums = np.arange(-128 * pixels, 127 * pixels + 1)
    want = np.sign(sums) * ((np.abs(sums) + pixels // 2) // pixels)
    multiplier, shift = away_from_zero(pixels)
    assert 0 < multiplier < 1 << 31
    np.testing.assert_array_equal(half_up_shift(sums * multiplier, shift), want)


def test_the_rules_are_those_of_the_settings(tmp_path: Path) -> None:
    found = quantized(lambda: Mixed(27, 37, 8, 2), 27, 37)
    plain = Settings(patch=4, theta={"x": 3, "most": 5}, refresh=30, dense_above=0.75)
    path = tmp_path / "stream.network"
    lower_stream(found, plain, name="mixed").save(path)
    rules = Rules.of(Network.load(path))
    compared = compared_maps(found.graph.layers, plain)
    assert rules.theta == {name: {"x": 3, "most": 5}.get(name, 0) for name in compared} and len(compared) > 3
    assert (rules.patch, rules.refresh, rules.dense_above) == (4, 30, 0.75)
    alone = Rules.of(lower_stream(found, Settings(theta=7, compare="input")))
    assert alone.theta == {"x": 7}


def test_what_the_accelerator_cannot_skip_by_is_refused() -> None:
    found = quantized(lambda: Mixed(27, 37, 8, 2), 27, 37)
    for policy in ("always", "cond", "delta"):
        with pytest.raises(ValueError, match=f"policy is '{policy}'.* 'hybrid' only"):
            lower_stream(found, Settings(policy=policy))
    with pytest.raises(ValueError, match="x: a learned gate"):
        lower_stream(found, Settings(), gates={"x": to_integers(LearnedGate())})
    with pytest.raises(ValueError, match="the limit is 1000"):
        lower_stream(found, Settings(memory_bytes=1000))


def test_arithmetic_that_the_accelerator_lacks_names_the_layer() -> None:
    dilated = quantized(lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.MaxPool2d(2, 1, dilation=2)), 9, 9)
    with pytest.raises(LoweringError, match=r"_1: a maximum with dilation \(2, 2\)"):
        lower_stream(dilated, Settings())
    long = quantized(lambda: nn.Sequential(nn.Conv2d(3, 1, 1), nn.AdaptiveAvgPool2d(1)), 1, 256)
    with pytest.raises(LoweringError, match="_1: pools 1x256 pixels, want 255"):
        lower_stream(long, Settings())

    def biased() -> nn.Module:
        layer = nn.Conv2d(3, 4, 3)
        with torch.no_grad():
            layer.weight[2] *= 1e-6
            layer.bias[2] = 3.0
        return layer

    with pytest.raises(LoweringError, match="the sum of channel 2 can reach"):
        lower_stream(quantized(lambda: nn.Sequential(biased()), 9, 9), Settings())
