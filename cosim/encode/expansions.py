"""Expansions of one network: its steps and loads without addresses, kept for compilations that come to the same ones.

Few fields of a system decide an expansion: array, accumulators, bus, and what of the network stays in the scratchpad.
Speeds and sizes of memories only decide where its blocks lie and when its loads are issued: the scheduler writes that
into the expansion, which is rewound before it is scheduled anew.
"""

from collections.abc import Hashable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from accel_models import cost
from accel_models.network import TRAINING, Network
from cosim.encode.assemble import Encoded, encoded
from cosim.encode.constants import ConstantImage
from cosim.encode.expand import Builder, Limits
from cosim.encode.matrix import expand_matrix
from cosim.encode.movement import expand_movement
from cosim.encode.schedule import step_starts
from cosim.encode.tensors import MOVEMENT, Layout, matrix_like
from cosim.encode.training import expand_training
from cosim.encode.vector import expand_elementwise, expand_pool

_MOST = 64  # of ResNet-8 some 0.3 MiB each; systems that differ in memories and bus come to fewer
_MOST_ENCODED = 8


@dataclass(frozen=True, slots=True)
class Expansion:
    """``starts``: predicted start cycle of every step, and the end; ``firsts``: the step that asks for each block."""

    builder: Builder
    starts: NDArray[np.float64]
    firsts: tuple[int, ...]
    _encoded: dict[Hashable, Encoded] = field(default_factory=dict)

    def rewind(self, weights: str) -> None:
        """As if nothing had been placed; constants lie in memory ``weights``."""
        for block, first in zip(self.builder.blocks, self.firsts, strict=True):
            block.first, block.offset = first, -1
        for storage in self.builder.homes.values():
            storage.space = "sram"
        self.builder.constants.move(weights)

    def commands(self, weights: str, token_depth: int) -> Encoded:
        """The commands as they are placed; those placed alike before are taken from then."""
        builder = self.builder
        slots, offsets = tuple(load.slot for load in builder.loads), tuple(block.offset for block in builder.blocks)
        homes = tuple((storage.space, storage.block.offset) for storage in builder.homes.values())
        key = (weights, token_depth, slots, offsets, homes)
        if key not in self._encoded:
            if len(self._encoded) == _MOST_ENCODED:
                self._encoded.clear()
            self._encoded[key] = encoded(builder, token_depth)
        return self._encoded[key]


class Expansions:
    """Expansions of ``network``, at most ``most`` of them: the one that was used longest ago goes first."""

    def __init__(self, network: Network, most: int = _MOST) -> None:
        self.network, self._most = network, most
        self._made: dict[Hashable, Expansion] = {}

    def __len__(self) -> int:
        return len(self._made)

    def of(self, layout: Layout, hw: cost.Hardware, weights: str, kept: frozenset[str], limits: Limits) -> Expansion:
        """The expansion, nothing placed; it holds until the next call. ``weights``: the memory of the constants."""
        parted = weights == "sram" and _may_part(layout, kept)
        key = (hw, parted, kept, *limits.decisions())
        found = self._made.pop(key, None) or self._make(layout, hw, parted, kept, limits)
        self._made[key] = found
        if len(self._made) > self._most:
            del self._made[next(iter(self._made))]
        found.rewind(weights)
        return found

    def _make(self, layout: Layout, hw: cost.Hardware, parted: bool, kept: frozenset[str], limits: Limits) -> Expansion:
        builder = Builder(self.network, hw, layout, layout.homes(kept), ConstantImage(), kept, limits, parted)
        _expand(builder, layout)
        return Expansion(builder, step_starts(builder), tuple(block.first for block in builder.blocks))


def _may_part(layout: Layout, kept: frozenset[str]) -> bool:
    """Whether an operator that could start on a part of its input has one that passes through."""
    return any(matrix_like(operator) and layout.roots[operator.inputs[0]] not in kept for operator in layout.operators)


def _expand(builder: Builder, layout: Layout) -> None:
    previous_on_cpu = False
    for row, operator in enumerate(builder.operators):
        if not layout.accelerated[row]:
            for name in operator.outputs:
                builder.written(name)
            previous_on_cpu = True
            continue
        if previous_on_cpu and builder.steps:
            builder.segment += 1
        previous_on_cpu = False
        builder.begin_operator()
        if matrix_like(operator):
            expand_matrix(builder, row)
        elif isinstance(operator.attributes, MOVEMENT):
            expand_movement(builder, row)
        elif isinstance(operator.attributes, TRAINING):
            expand_training(builder, row)
        elif operator.kind == "pool":
            expand_pool(builder, row)
        else:
            expand_elementwise(builder, row)
