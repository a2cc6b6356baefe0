"""Layer by layer against PyTorch: the Q/DQ graph executed on the codes that the network computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import fx

from accel_models.kernels import execute
from accel_models.network import Operator, Tensor

from .codes import is_quantize


@dataclass(frozen=True, slots=True)
class Stored:
    """The codes of a Q node in a network: bytes of ``tensor`` in ``shape``, whose axis i is PyTorch's axis ``axes[i]``.

    ``operator``: for codes between fused stages, which no tensor holds, the stages up to them; ``tensor`` names its
    result.
    """

    tensor: str
    shape: tuple[int, ...]
    axes: tuple[int, ...]
    operator: Operator | None = None
    declared: Tensor | None = None

    def codes(self, values: Mapping[str, np.ndarray]) -> np.ndarray:
        """int8 codes in PyTorch's order, from the network's tensors."""
        if self.operator is not None and self.declared is not None:
            values = execute(self.operator, values, {self.tensor: self.declared})
        codes = np.transpose(values[self.tensor].reshape(self.shape), np.argsort(self.axes))
        return np.ascontiguousarray(codes)


@dataclass(frozen=True, slots=True)
class LayerDifference:
    """Codes of one Q node: how many elements, how many differ, and the largest difference in LSB."""

    node: str
    tensor: str
    elements: int
    differing: int
    largest: int


def layer_differences(
    module: fx.GraphModule,
    stored: Mapping[str, Stored],
    values: Mapping[str, np.ndarray],
    inputs: Sequence[torch.Tensor],
) -> list[LayerDifference]:
    """Compare every Q node whose codes a network holds (``Lowered.stored``) with PyTorch, each fed the network's codes.

    ``values``: the network's tensors in stored order (golden's or ``kernels.run_network``'s); ``inputs``: PyTorch's.
    Between fused stages the codes are recomputed with the network's own arithmetic.
    """
    found: list[LayerDifference] = []

    class Compare(fx.Interpreter):
        def run_node(self, n: fx.Node) -> Any:
            result = super().run_node(n)
            place = stored.get(n.name)
            if place is None or not is_quantize(n):
                return result
            have = torch.from_numpy(place.codes(values)).to(torch.int16)
            have = have + 128 if result.dtype == torch.uint8 else have
            difference = (have - result.to(torch.int16)).abs()
            count, largest = int((difference > 0).sum()), int(difference.max())
            found.append(LayerDifference(n.name, place.tensor, difference.numel(), count, largest))
            return have.to(result.dtype)

    with torch.no_grad():
        Compare(module).run(*inputs)
    return found
