"""The networks, as lists of nodes: convolutions without batch norm, pooling and residual sums.

A linear layer is a convolution whose kernel covers its input. The last node gives the logits, (n, classes, 1, 1).
"""

from dataclasses import dataclass

from workloads.octo.products import out_size

INPUT = "input"


@dataclass(frozen=True, slots=True)
class Conv:
    """A dense (groups 1) or depthwise convolution with a bias per channel, then a ReLU or nothing."""

    name: str
    source: str
    channels_in: int
    channels_out: int
    kernel: tuple[int, int]
    stride: int = 1
    padding: tuple[int, int] = (0, 0)
    groups: int = 1
    relu: bool = True


@dataclass(frozen=True, slots=True)
class MaxPool:
    """The largest of each size x size window, without overlap."""

    name: str
    source: str
    size: int = 2


@dataclass(frozen=True, slots=True)
class Average:
    """The mean over all pixels."""

    name: str
    source: str


@dataclass(frozen=True, slots=True)
class Add:
    """relu(first + second)."""

    name: str
    source: str
    second: str
    relu: bool = True


Node = Conv | MaxPool | Average | Add


@dataclass(frozen=True, slots=True)
class Network:
    """Nodes in order of execution and the shape of one input."""

    name: str
    shape: tuple[int, int, int]
    nodes: tuple[Node, ...]

    @property
    def convs(self) -> tuple[Conv, ...]:
        return tuple(node for node in self.nodes if isinstance(node, Conv))

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one forward pass of one sample."""
        sizes = self.shapes()
        return sum(
            sizes[c.name][0]
            * sizes[c.name][1]
            * sizes[c.name][2]
            * c.channels_in
            // c.groups
            * c.kernel[0]
            * c.kernel[1]
            for c in self.convs
        )

    def shapes(self) -> dict[str, tuple[int, int, int]]:
        """Channels, rows and columns of the input and of every node's output."""
        found = {INPUT: self.shape}
        for node in self.nodes:
            channels, *size = found[node.source]
            if isinstance(node, Conv):
                if channels != node.channels_in:
                    raise ValueError(f"{node.name} wants {node.channels_in} channels, {node.source} has {channels}")
                pairs = zip(size, node.kernel, node.padding, strict=True)
                rows, columns = (out_size(s, k, node.stride, p) for s, k, p in pairs)
                found[node.name] = (node.channels_out, rows, columns)
            elif isinstance(node, MaxPool):
                found[node.name] = (channels, size[0] // node.size, size[1] // node.size)
            elif isinstance(node, Average):
                found[node.name] = (channels, 1, 1)
            else:
                found[node.name] = found[node.source]
        return found

    def rectified(self) -> frozenset[str]:
        """The nodes whose outputs are a ReLU's, pooled or not: where one is 0, its gradient is."""
        found: set[str] = set()
        for node in self.nodes:
            pooled = isinstance(node, MaxPool) and node.source in found
            if pooled or (isinstance(node, Conv | Add) and node.relu):
                found.add(node.name)
        return frozenset(found)

    def shared(self) -> frozenset[str]:
        """The nodes that two others read: their gradients are sums."""
        read = [node.source for node in self.nodes] + [node.second for node in self.nodes if isinstance(node, Add)]
        return frozenset(name for name in read if read.count(name) == 2 and name != INPUT)


def _octo_cnn() -> Network:
    """Octo's small network of three layers, on 32x32 images: two convolutions with pooling and a classifier."""
    return Network(
        "octo-cnn",
        (3, 32, 32),
        (
            Conv("conv1", INPUT, 3, 16, (3, 3), padding=(1, 1)),
            MaxPool("pool1", "conv1"),
            Conv("conv2", "pool1", 16, 32, (3, 3), padding=(1, 1)),
            MaxPool("pool2", "conv2", 4),
            Conv("fc", "pool2", 32, 10, (4, 4), relu=False),
        ),
    )


def _digits(name: str, convs: int) -> Network:
    """`convs` 3x3 convolutions of 12 channels on 8x8 pixels; pooling before the last two, then a classifier."""
    nodes: list[Node] = []
    source, channels = INPUT, 1
    for index in range(1, convs + 1):
        if index > convs - 2:
            nodes.append(MaxPool(f"pool{index}", source))
            source = f"pool{index}"
        nodes.append(Conv(f"conv{index}", source, channels, 12, (3, 3), padding=(1, 1)))
        source, channels = f"conv{index}", 12
    nodes.append(Conv("fc", source, 12, 10, (2, 2), relu=False))
    return Network(name, (1, 8, 8), tuple(nodes))


def _resnet8() -> Network:
    """ResNet-8 of `workloads.resnet8` with its batch norm folded."""
    nodes: list[Node] = [Conv("conv", INPUT, 3, 16, (3, 3), padding=(1, 1))]
    source, channels = "conv", 16
    for index, wide, stride in ((1, 16, 1), (2, 32, 2), (3, 64, 2)):
        block, shortcut = f"block{index}", source
        one = Conv(f"{block}.conv1", source, channels, wide, (3, 3), stride, (1, 1))
        two = Conv(f"{block}.conv2", one.name, wide, wide, (3, 3), 1, (1, 1), relu=False)
        nodes += [one, two]
        if stride != 1:
            shortcut = f"{block}.shortcut"
            nodes.append(Conv(shortcut, source, channels, wide, (1, 1), stride, relu=False))
        nodes.append(Add(block, two.name, shortcut))
        source, channels = block, wide
    nodes += [Average("pool", source), Conv("fc", "pool", 64, 10, (1, 1), relu=False)]
    return Network("resnet8", (3, 32, 32), tuple(nodes))


def _ds_cnn() -> Network:
    """DS-CNN of `workloads.kws` with its batch norm folded."""
    nodes: list[Node] = [Conv("stem", INPUT, 1, 64, (10, 4), 2, (5, 1))]
    source = "stem"
    for index in range(4):
        deep, wide = f"blocks.{index}.depthwise", f"blocks.{index}.pointwise"
        nodes += [Conv(deep, source, 64, 64, (3, 3), 1, (1, 1), groups=64), Conv(wide, deep, 64, 64, (1, 1))]
        source = wide
    nodes += [Average("pool", source), Conv("fc", "pool", 64, 12, (1, 1), relu=False)]
    return Network("ds-cnn", (1, 49, 10), tuple(nodes))


NETWORKS = {
    network.name: network
    for network in (
        _octo_cnn(),
        _digits("digits-cnn", 3),
        _digits("digits-cnn-6", 6),
        _digits("digits-cnn-10", 10),
        _resnet8(),
        _ds_cnn(),
    )
}


def get(name: str) -> Network:
    """A network by name; ValueError names the known ones."""
    if name not in NETWORKS:
        raise ValueError(f"unknown network {name!r}; want one of {', '.join(NETWORKS)}")
    return NETWORKS[name]
