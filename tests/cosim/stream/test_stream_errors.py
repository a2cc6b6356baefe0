"""What cannot be a stream, or not on that chip, is refused with the name of what is in the way and what would help."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import pytest

from accel_models.network import Network
from accel_models.system import System, load_system
from cosim.encode.assemble import CompileError
from cosim.lower import lower_stream
from cosim.stream.compiler import compile_stream
from tests.cosim.networks import NetworkBuilder
from tests.cosim.stream import drawn
from tests.cosim.stream.drawn import chip
from workloads.patchskip import Settings

CHIP = chip(16, 16, 16)


@cache
def lowered() -> Network:
    return lower_stream(drawn.residual(), Settings(patch=8))


def ruled(**rules: object) -> Network:
    """The network with other rules than it was lowered with, as a file may say."""
    network = lowered()
    return replace(network, metadata={**network.metadata, "stream": {**network.metadata["stream"], **rules}})


def built(
    layers: Callable[[NetworkBuilder, str], str], shape: tuple[int, ...] = (1, 16, 24, 3), patch: int = 8
) -> Network:
    net = NetworkBuilder()
    network = net.build(layers(net, net.input("x", shape)))
    return replace(network, metadata={"stream": {"patch": patch, "theta": {"x": 0}}})


def refused(network: Network, system: System, message: str) -> None:
    with pytest.raises(CompileError, match=message):
        compile_stream(network, system)


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"theta": {"x": 1, "nope": 2}}, "theta names nope, which is no map; maps: x, made_0_first, made_1_first"),
        ({"theta": {"add": 2}}, "want a theta for the frame, x"),
        ({"theta": {"x": 0, "add": 256}}, r"theta of add is 256, want 0\.\.255 codes"),
        ({"patch": 0}, "patch is 0, want 1 pixel or more"),
        (
            {"patch": 2},
            "map x lie 8 bytes apart.* bus's 16: want a patch of the frame that is a multiple of 4 pixels",
        ),
        ({"patch": 6}, r"operator made_\w+: patches of .* uneven patches of .*; want a patch that all strides divide"),
        ({"refresh": -1}, "refresh is -1, want 0"),
        ({"dense_above": -0.5}, "dense_above is -0.5, want a share of 0 or more"),
        ({"most_blind": 0}, "most_blind is 0, want 1 frame or more"),
        ({"tau": 1}, "unknown rule 'tau' of a stream; want patch, theta"),
    ],
)
def test_rules(rules: dict[str, object], message: str) -> None:
    refused(ruled(**rules), CHIP, message)


def test_a_network_without_rules() -> None:
    refused(replace(lowered(), metadata={}), CHIP, "network patchskip is no stream")


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        (lambda n, x: n.pool(n.conv(x, 8), "max", (2, 2)), "operator pool1 .* a pooling window; a mean over"),
        (lambda n, x: n.pool(n.conv(x, 8), "average", (2, 2)), "operator pool1 cannot be skipped"),
        (lambda n, x: n.elementwise("multiply", n.conv(x, 8), n.conv(x, 8)), "multiply2 .* the function multiply"),
        (lambda n, x: n.elementwise("add", n.conv(x, 8), n.conv(x, 8), table=True), "operator add2 cannot be skipped"),
        (lambda n, x: n.concat(3, n.conv(x, 8), n.conv(x, 8)), "operator concat2 .* it is a concat"),
        (lambda n, x: n.reshape(n.conv(x, 8), (1, 1, 384, 8)), "operator reshape1 .* it is a reshape"),
        (lambda n, x: n.conv(n.conv(x, 8), 8, groups=2), "operator conv1 .* 2 groups; 1 group, or one a channel, can"),
        (lambda n, x: n.conv(n.conv(x, 8), 8, table=True), "operator conv1 .* fused with a residual add or a table"),
        (lambda n, x: n.conv(x, 3, groups=3), "operator conv0 reads the frame: want a convolution of one group"),
        (lambda n, x: n.elementwise("add", x, n.conv(x, 3)), "operator add1 reads the frame: want a convolution"),
        (lambda n, x: n.elementwise("add", n.conv(x, 8), n.input("z", (1, 16, 24, 8))), "the inputs x, z; want one"),
        (
            lambda n, x: n.conv(n.conv(x, 3, (1, 1), padding=(0, 0, 0, 0)), 8),
            "map conv0.y lie 24 bytes apart.* a multiple of 16 pixels, or channels of the map that are a multiple of 2",
        ),
    ],
)  # fmt: skip
def test_layers(layers: Callable[[NetworkBuilder, str], str], message: str) -> None:
    refused(built(layers), CHIP, message)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((1, 16, 24, 5), "a frame has 5 channels, a stream takes 4 at most"),
        ((2, 16, 24, 3), r"the frame x is int8\[2, 16, 24, 3\]; want int8\[1, rows, columns, channels\]"),
    ],
)
def test_frames(shape: tuple[int, ...], message: str) -> None:
    refused(built(lambda net, x: net.conv(x, 16), shape), CHIP, message)


@pytest.mark.parametrize(
    ("system", "message"),
    [
        (load_system("cortex-m7"), "which system cortex-m7 cannot run: no accelerator"),
        (chip(4, 4, entries=64), "operator made_0_first: a patch of 4x4 pixels takes 64 .* want a smaller patch"),
        (chip(16, 16, pad_bytes=4096), "masks of all maps take .* scratchpad holds 4096 B: want a larger patch"),
        (chip(16, 16, pad_bytes=16384), "weights .* the scratchpad: .*; want a smaller patch or smaller layers"),
        (chip(16, 16, sram_bytes=1 << 16), r"references.* SRAM holds 65536 B: want theta 0, or .* which drops 5\d+ B"),
        (chip(16, 16, sram_bytes=180 << 10), "B of weights and .* B of commands.*: want .* has fewer commands"),
    ],
)  # fmt: skip
def test_chips(system: System, message: str) -> None:
    refused(lowered(), system, message)


def test_advice_helps() -> None:
    """What a refused stream is told to drop is enough here."""
    plain = chip(16, 16, sram_bytes=214 << 10)
    refused(ruled(theta=dict.fromkeys(lowered().metadata["stream"]["theta"], 2)), plain, "compare=input")
    compile_stream(ruled(theta={"x": 2}), plain)
