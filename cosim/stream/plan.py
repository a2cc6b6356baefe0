"""What a stream is made of before its first command: layers, the patches that they read, and the work of a patch."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import prod

import numpy as np

from accel_models.network import Conv2d, Elementwise, Network, Operator, Pool
from cosim.stream.context import Patches
from cosim.stream.maps import Map, StreamError, fields_of, plan_maps, read_by, with_wide_pixels
from cosim.stream.patches import Field, Grid, Reach, Region, reach
from cosim.stream.rules import Rules

Reaches = tuple[Reach, Reach]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A map that a layer reads: through ``fields``, anew where ``mask`` (a name) says so."""

    map: Map
    fields: tuple[Field, Field]
    mask: str
    reaches: Reaches


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """An operator whose output is made patch by patch. ``theta``: None where nobody compares the output."""

    operator: Operator
    target: Map
    sources: tuple[Source, ...]
    theta: int | None
    macs_per_pixel: int
    feeds_mean: bool

    @property
    def name(self) -> str:
        return self.operator.name

    @property
    def mask(self) -> str:
        """Of what is computed anew."""
        return self.target.name

    @property
    def has_reference(self) -> bool:
        """Whether it is compared with something else than what its map holds from the frame before."""
        return self.theta is not None and self.target.reference is not None

    @property
    def is_join(self) -> bool:
        return len(self.sources) > 1

    def joined_to(self, before: "Layer") -> bool:
        """Whether this is a join of the results of the layer before, which nobody else has to wait for."""
        convolves = isinstance(before.operator.attributes, Conv2d)
        return self.is_join and convolves and before.theta is None and self.sources[0].map is before.target

    def patch_bytes(self, region: Region) -> int:
        """Of a patch of the output."""
        return prod(region.edge) * self.target.channels

    def patch_macs(self, region: Region) -> int:
        """Of a patch of the output, as the network counts them."""
        return prod(region.edge) * self.macs_per_pixel

    def charge(self, region: Region) -> int:
        """Multiply-accumulates charged for a patch that is computed anew (workloads.patchskip.cost)."""
        size = self.patch_bytes(region)
        compared = size + 1 if self.theta is not None else 0
        return self.patch_macs(region) + compared + (2 * size if self.feeds_mean else 0)

    def constant_charge(self) -> int:
        """Of finding out which patches those are: an input patch looked at, and a bit written, count as one each."""
        grid = self.target.grid
        taps = sum(
            prod(_taps(axis, target, size) for axis, target, size in zip(item.reaches, grid.shape, found, strict=True))
            for item in self.sources
            for found in [item.map.grid.shape]
        )
        return taps + grid.cells


def _taps(axis: Reach, target: int, source: int) -> int:
    """Input patches that all output patches of an axis look at."""
    start = axis.stride * np.arange(target) + axis.origin
    return int((np.minimum(start + axis.kernel, source) - np.maximum(start, 0)).sum())


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """``network``: on frames of wide pixels. ``masks``: grids by name; the frame has one of what changed alone."""

    network: Network
    rules: Rules
    frame: Map
    layers: tuple[Layer, ...]
    masks: Mapping[str, Grid]
    macs: int
    frame_channels: int

    @property
    def maps(self) -> list[Map]:
        return [self.frame, *(layer.target for layer in self.layers)]

    @property
    def constant_charge(self) -> int:
        """Of a frame that was looked at, before any layer computes."""
        grid = self.frame.grid
        return prod(grid.size) * self.frame_channels + grid.cells + sum(item.constant_charge() for item in self.layers)


def changed(name: str) -> str:
    """The name of the mask of what changed in a compared map."""
    return f"{name}.changed"


def compared(name: str) -> str:
    """The name of the mask of the patches of a map that are compared."""
    return f"{name}.compared"


def consumed(name: str) -> str:
    """The name of the mask of the patches of a map that become its reference with the whole map."""
    return f"{name}.consumed"


def rest(name: str) -> str:
    """The name of the mask of the patches of a join of which only the second operand is new."""
    return f"{name}.rest"


def plan_stream(given: Network) -> Plan:
    """Raises StreamError naming a rule out of its range, or an operator that cannot be made patch by patch."""
    try:
        rules = Rules.of(given)
    except ValueError as error:
        raise StreamError(str(error)) from None
    _check_frame(given)
    for operator in given.operators:
        _check(given, operator)
    network = with_wide_pixels(given)
    (source,) = network.inputs
    thetas = _thetas(network, rules)
    separate = {source, *(name for name in thetas if thetas[name] > 0)}
    maps = plan_maps(network, rules.patch, separate)
    layers = tuple(_layer(given, network, operator, maps, thetas) for operator in _ordered(network))
    masks = dict.fromkeys((changed(source), consumed(source)), maps[source].grid)
    for layer in layers:
        masks[layer.mask] = layer.target.grid
        if layer.theta is not None:
            names = [compared(layer.target.name), changed(layer.target.name)]
            names += [consumed(layer.target.name)] if layer.has_reference else []
            masks |= dict.fromkeys(names, layer.target.grid)
        if layer.is_join:
            masks[rest(layer.target.name)] = layer.target.grid
    return Plan(
        network=network,
        rules=rules,
        frame=maps[source],
        layers=layers,
        masks=masks,
        macs=given.macs,
        frame_channels=given.tensors[source].shape[3],
    )


def _ordered(network: Network) -> list[Operator]:
    """The operators, with that of the two operands of a join last, and first of its operands, that is more to do."""
    makers = {operator.outputs[0]: operator for operator in network.operators}
    found: dict[str, Operator] = {}

    def visit(name: str) -> None:
        operator = makers.get(name)
        if operator is None or name in found:
            return
        operands = sorted(read_by(operator), key=lambda item: makers[item].macs if item in makers else 0)
        for item in operands:
            visit(item)
        found[name] = _swapped(operator) if operands and operands[-1] != operator.inputs[0] else operator

    for name in network.outputs:
        visit(name)
    return list(found.values())


def _swapped(operator: Operator) -> Operator:
    """An add with its operands in the other order: the same sum."""
    attributes = operator.attributes
    if not isinstance(attributes, Elementwise):
        return operator
    other = replace(
        attributes,
        zero_a=attributes.zero_b,
        zero_b=attributes.zero_a,
        multiplier_a=attributes.multiplier_b,
        multiplier_b=attributes.multiplier_a,
    )
    return replace(operator, inputs=(operator.inputs[1], operator.inputs[0], *operator.inputs[2:]), attributes=other)


def _thetas(network: Network, rules: Rules) -> Mapping[str, int]:
    """The thresholds of compared maps. The frame has one always."""
    (source,) = network.inputs
    made = [source, *(name for operator in network.operators for name in operator.outputs)]
    for name in rules.theta:
        if name not in made:
            raise StreamError(f"network {network.name}: theta names {name}, which is no map; maps: {', '.join(made)}")
    if source not in rules.theta:
        raise StreamError(f"network {network.name}: want a theta for the frame, {source}")
    return rules.theta


def _check_frame(network: Network) -> None:
    """Whether the input is one picture."""
    if len(network.inputs) != 1:
        raise StreamError(f"network {network.name} has the inputs {', '.join(network.inputs)}; want one, the frame")
    (source,) = network.inputs
    tensor = network.tensors[source]
    if len(tensor.shape) != 4 or tensor.shape[0] != 1 or tensor.dtype != "int8":
        raise StreamError(
            f"the frame {source} is {tensor.dtype}{list(tensor.shape)}; want int8[1, rows, columns, channels]"
        )


def _check(network: Network, operator: Operator) -> None:
    """Whether an operator can be made patch by patch."""
    attributes, name = operator.attributes, operator.name
    problem = ""
    if isinstance(attributes, Conv2d):
        channels = network.tensors[operator.inputs[0]].shape[3]
        if attributes.groups not in (1, channels):
            problem = f"a convolution of {attributes.groups} groups; 1 group, or one a channel, can"
        elif attributes.residual is not None or attributes.table:
            problem = "a convolution fused with a residual add or a table; leave them apart"
    elif isinstance(attributes, Elementwise):
        if attributes.function != "add" or attributes.table:
            problem = f"the function {attributes.function}; an add without a table can"
    elif isinstance(attributes, Pool):
        size = network.tensors[operator.inputs[0]].shape[1:3]
        if attributes.function != "average" or tuple(attributes.kernel) != size or any(attributes.padding):
            problem = "a pooling window; a mean over the whole map can: use strided convolutions instead"
    else:
        problem = f"a {operator.kind}"
    if problem:
        raise StreamError(f"operator {name} cannot be skipped patch by patch: it is {problem}")


def _layer(
    given: Network,
    network: Network,
    operator: Operator,
    maps: Mapping[str, Map],
    thetas: Mapping[str, int],
) -> Layer:
    target = maps[operator.outputs[0]]
    frame = network.inputs[0]
    convolves = isinstance(operator.attributes, Conv2d)
    if frame in operator.inputs and not convolves:
        raise StreamError(f"operator {operator.name} reads the frame: want a convolution there")
    fields = fields_of(network, operator)
    sources = []
    for name in read_by(operator):
        try:
            reaches = reach(maps[name].grid, target.grid, fields)
        except ValueError as error:
            raise StreamError(f"operator {operator.name}: {error}; want a patch that all strides divide") from None
        mask = changed(name) if convolves and name in thetas else name
        sources.append(Source(map=maps[name], fields=fields, mask=mask, reaches=reaches))
    if len(sources) > 1 and not sources[0].map.grid == sources[1].map.grid == target.grid:
        raise StreamError(f"operator {operator.name} joins maps of different patches; want equal strides before it")
    (original,) = (item for item in given.operators if item.name == operator.name)
    readers = [item for item in network.operators if target.name in item.inputs]
    return Layer(
        operator=operator,
        target=target,
        sources=tuple(sources),
        theta=thetas.get(target.name),
        macs_per_pixel=original.macs // prod(target.size),
        feeds_mean=any(isinstance(item.attributes, Pool) for item in readers),
    )


def gathered(layer: Layer, place: int, region: Region) -> Patches:
    """What the patches of a region of a layer's output read of its source ``place``."""
    source, edge = layer.sources[place], layer.target.grid.edge
    down, across = (
        (first * pixels * axis.stride - axis.padding, axis.span(inside), pixels * axis.stride)
        for axis, first, pixels, inside in zip(source.fields, region.first, edge, region.edge, strict=True)
    )
    at, size, step = zip(down, across, strict=True)
    return Patches(source.map, source.map.storage, at, size, step)
