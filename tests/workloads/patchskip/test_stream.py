"""A stream that skips patches gives the bits of the whole network where it must, and says what it spent."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from workloads import patchskip
from workloads.patchskip import POLICIES, Cost, Settings, Stream, integer
from workloads.patchskip.backbones import mobilenet, resnet8
from workloads.patchskip.clips import to_inputs
from workloads.patchskip.grid import Reach
from workloads.patchskip.integer import Network
from workloads.patchskip.plan import persistent_bytes


class Mixed(nn.Module):
    """One of each: padding, stride, dilation, depthwise, batch norm folded and not, pools, a join, a flat head."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 5, 2, padding=2)
        self.norm = nn.BatchNorm2d(8)
        self.pool = nn.MaxPool2d(3, 2, padding=1)
        self.wide = nn.Conv2d(8, 8, 3, padding=2, dilation=2, groups=8, bias=False)
        self.late = nn.BatchNorm2d(8)
        self.skip = nn.Conv2d(8, 8, 1, bias=False)
        self.mean = nn.AvgPool2d(2)
        self.head = nn.Linear(8 * 3 * 5, 8)
        self.fc = nn.Linear(8, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.pool(functional.relu(self.norm(self.first(x))))
        y = self.late(functional.relu(self.wide(x)))  # after the ReLU: it cannot be folded
        y = torch.relu(y + self.skip(x))
        y = self.mean(y)
        flat = self.head(torch.flatten(y, 1))
        return self.fc(functional.relu6(flat + y.mean((2, 3))))


def settled(build: Callable[[], nn.Module]) -> nn.Module:
    """In eval mode, with batch norms that do something; the same weights on every call."""
    torch.manual_seed(0)
    model = build()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0.0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0.0, 0.1)
    return model.eval()


def moving(frames: int, rows: int, columns: int, seed: int = 0) -> torch.Tensor:
    """(frames, 3, rows, columns): a textured square crosses a textured scene; a frame repeats now and then."""
    rng = np.random.default_rng(seed)
    scene = rng.integers(0, 256, (3, rows, columns))
    thing = rng.integers(0, 256, (3, 5, 5))
    pictures = np.repeat(scene[None], frames, 0).astype(np.uint8)
    for k in range(frames):
        row, column = (k // 2 * 2) % (rows - 5), (k // 2 * 3) % (columns - 5)
        pictures[k, :, row : row + 5, column : column + 5] = thing
    return to_inputs(pictures)


@pytest.fixture(scope="module")
def mixed() -> tuple[Network, torch.Tensor]:
    frames = moving(12, 27, 37)
    return patchskip.quantized(settled(Mixed), frames), frames


def run(stream: Stream, frames: torch.Tensor) -> tuple[int, Cost]:
    """(values that differ from the dense network, sum of costs) of every layer and frame."""
    wrong, cost = 0, Cost()
    for frame in frames:
        cost += stream(frame).cost
        right = integer.dense(stream.network, stream.network.input.codes.encode(frame))
        wrong += sum(int((right[name] != stream.values[name]).sum()) for name in right)
    return wrong, cost


def test_the_integer_network_is_the_users_network(mixed: tuple[Network, torch.Tensor]) -> None:
    network, frames = mixed
    with torch.no_grad():
        want = settled(Mixed)(frames)
    got = torch.stack([Stream(network, Settings())(frame).output for frame in frames])
    assert (got - want).norm() < 0.05 * want.norm()


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("patch", [1, 3, 4, 6, 8, 64])
def test_theta_0_is_dense_bit_for_bit(mixed: tuple[Network, torch.Tensor], policy: str, patch: int) -> None:
    network, frames = mixed
    settings = Settings(patch=patch, theta=0, policy=policy, dense_above=2.0)  # type: ignore[arg-type]
    wrong, cost = run(Stream(network, settings), frames)
    assert wrong == 0
    if patch <= 4:
        assert cost.macs < 0.8 * cost.macs_dense


@pytest.mark.parametrize("compare", ["every", "input"])
@pytest.mark.parametrize("build", [resnet8, mobilenet])
def test_the_backbones_are_exact_on_maps_that_patches_do_not_divide(
    build: Callable[[], nn.Module], compare: str
) -> None:
    frames = moving(4, 44, 60)
    network = patchskip.quantized(settled(build), frames)
    settings = Settings(patch=8, theta=0, compare=compare)  # type: ignore[arg-type]
    wrong, cost = run(Stream(network, settings), frames)
    assert wrong == 0 and cost.macs < cost.macs_dense


def test_without_the_halo_the_result_is_wrong(
    mixed: tuple[Network, torch.Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the other tests would see if the dilation were forgotten."""
    network, frames = mixed

    def narrow(self: Reach, mask: torch.Tensor) -> torch.Tensor:
        rows, columns = ((first + last) // 2 for first, last in (self.rows, self.columns))
        return mask[rows][:, columns]

    monkeypatch.setattr(Reach, "__call__", narrow)
    wrong, _ = run(Stream(network, Settings(patch=4, theta=0)), frames)
    assert wrong > 0


def test_a_still_scene_costs_the_comparison_of_the_frame_and_no_macs(mixed: tuple[Network, torch.Tensor]) -> None:
    network, frames = mixed
    stream = Stream(network, Settings(patch=4))
    stream(frames[0])
    still = stream(frames[0])
    assert still.cost.macs == 0 and not still.whole
    assert still.cost.compared == 3 * 27 * 37
    assert still.cost.mask_bits > sum(mask.numel() for mask in still.recomputed.values())  # written, and looked at
    assert torch.equal(still.output, Stream(network, Settings())(frames[0]).output)


def test_macs_are_those_of_the_recomputed_pixels(mixed: tuple[Network, torch.Tensor]) -> None:
    network, frames = mixed
    stream = Stream(network, Settings(patch=5, theta=0, dense_above=2.0))
    stream(frames[0])
    done = stream(frames[2])
    counted = 0
    for layer in network.graph.layers:
        pixels = stream.plans[layer.name].grid.pixels(done.recomputed[layer.name])
        counted += int(pixels.sum()) * layer.macs_per_pixel
    assert 0 < done.cost.macs == counted < done.cost.macs_dense == network.graph.macs


def test_a_refresh_ends_the_error(mixed: tuple[Network, torch.Tensor]) -> None:
    network, frames = mixed
    stream = Stream(network, Settings(patch=4, theta=200, refresh=4))
    done = [stream(frame) for frame in frames]
    assert [frame.whole for frame in done] == [k % 4 == 0 for k in range(len(frames))]
    right = integer.dense(network, network.input.codes.encode(frames[8]))
    assert torch.equal(done[8].features, right[network.graph.features])
    assert not torch.equal(
        done[7].features, integer.dense(network, network.input.codes.encode(frames[7]))[network.graph.features]
    )


def test_noise_is_noticed_and_computed_whole(mixed: tuple[Network, torch.Tensor]) -> None:
    network, _ = mixed
    noise = torch.rand(24, 3, 27, 37, generator=torch.Generator().manual_seed(1)) * 2 - 1
    stream = Stream(network, Settings(patch=4))
    done = [stream(frame) for frame in noise]
    assert all(frame.whole for frame in done)
    looks = [frame.cost.compared > 0 for frame in done]
    assert looks[:12] == [False, True, False, True, False, False, True, False, False, False, False, True]
    cost = sum((frame.cost for frame in done), Cost())
    assert cost.charged < 1.01 * cost.macs_dense
    still = [stream(noise[-1]) for _ in range(12)]
    assert still[-1].cost.macs == 0  # and it comes back


def test_bad_frames_are_named(mixed: tuple[Network, torch.Tensor]) -> None:
    network, frames = mixed
    stream = Stream(network, Settings())
    stream(frames[0], 7)
    for frame, message in (
        (frames[0, :1], r"frame 1 has the shape \(1, 27, 37\), the stream's is \(3, 27, 37\)"),
        (frames[0, :, :20], r"frame 1 has the shape \(3, 20, 37\)"),
        (torch.full_like(frames[0], float("nan")), "frame 1 holds values that are not finite"),
    ):
        with pytest.raises(ValueError, match=message):
            stream(frame, 8)
    with pytest.raises(ValueError, match="frame 7 comes after frame 7"):
        stream(frames[1], 7)
    assert stream(frames[2], 9).cost.macs > 0  # and the stream goes on


def test_caches_that_do_not_fit_are_an_error_that_says_what_to_drop(mixed: tuple[Network, torch.Tensor]) -> None:
    network, _ = mixed
    needs = persistent_bytes(network, Settings())
    with pytest.raises(ValueError, match=r"references \d+.*want compare='input', which drops \d+ bytes"):
        Stream(network, Settings(memory_bytes=sum(needs.values()) - 1))
    with pytest.raises(ValueError, match="want a smaller network or frame"):
        Stream(network, Settings(memory_bytes=3_000, compare="input"))
    Stream(network, Settings(memory_bytes=sum(needs.values())))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"patch": 0}, "patch is 0"),
        ({"theta": -1}, "theta is -1"),
        ({"theta": {"x": 256}}, "theta is .*256"),
        ({"policy": "sometimes"}, "policy is 'sometimes', want one of always, cond, hybrid, delta"),
        ({"compare": "nothing"}, "compare is 'nothing'"),
        ({"refresh": -1}, "refresh is -1"),
        ({"dense_above": -0.1}, "dense_above is -0.1"),
    ],
)
def test_settings_out_of_range_are_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(Settings(), **change)  # type: ignore[arg-type]
