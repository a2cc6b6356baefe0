"""What the CPU decides between frames is what PyTorch's stream decides, whatever changed and was charged."""

from collections.abc import Sequence
from math import floor

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from accel_models.kernels.streams import FLAGS, STATE, choose, finish
from tests.cosim.stream import drawn
from workloads.patchskip import Cost, Frame, Settings, Stream, integer
from workloads.patchskip.stream import MOST_BLIND_FRAMES, _Step

NETWORK = drawn.quantized([drawn.Block(kind="conv", channels=4)], 10, 13)
CONSTANT = 77  # of every frame that was looked at


class Told(Stream):
    """A stream that is told which of its 12 patches changed, and what a frame costs; its rule is its own."""

    def tell(self, changed: Sequence[bool], macs: int) -> Frame:
        self.mask, self.macs = torch.tensor(changed).reshape(3, 4), macs
        return self(torch.zeros(3, 10, 13))

    def _compare(self, operator: integer.Operator, step: _Step) -> None:
        step.changed[operator.layer.name] = self.mask

    def _advance(self, operator: integer.Operator, step: _Step) -> None:
        if operator is self.network.operators[-1]:
            step.cost += Cost(macs=self.macs)

    def _whole(self, codes: torch.Tensor, spent: Cost) -> Frame:
        return self._frame(True, {}, {}, spent)

    def _frame(self, whole: bool, *rest: object) -> Frame:
        return Frame(torch.zeros(1), torch.zeros(1), whole, {}, {}, Cost())


FRAMES = st.lists(
    st.tuples(st.lists(st.sampled_from((False, False, True)), min_size=12, max_size=12), st.integers(0, 300)),
    min_size=5,
    max_size=40,
)


@given(FRAMES, st.sampled_from((0, 0, 1, 2, 3, 7)), st.sampled_from((0.0, 0.2, 0.5, 1.0, 1.2)), st.booleans())
def test_decisions_are_those_of_pytorch(
    frames: list[tuple[list[bool], int]], refresh: int, dense_above: float, restless: bool
) -> None:
    """The kernels' only state is what the last call gave; ``restless``: every frame is charged too much."""
    stream = Told(NETWORK, Settings(patch=4, refresh=refresh, dense_above=dense_above))
    macs, areas = NETWORK.graph.macs, stream.plans["x"].areas.numpy()
    sizes, charges = np.unique(areas), np.array([macs // 200, 0, 1], np.int64)
    state, flags = np.array(STATE, np.int32), np.array(FLAGS, np.int8)
    for changed, number in frames:
        counts = np.array([number + 300 * restless, 5, 9], np.int32)
        frame = stream.tell(changed, CONSTANT + int((counts * charges).sum()))
        looked = np.array([np.reshape(changed, (3, 4))[areas == size].sum() for size in sizes], np.int32)
        choice = choose(looked, sizes, state, flags, most=floor(dense_above * areas.sum()), refresh=refresh)
        was_compared, most = bool(flags[1]), floor(dense_above * macs)
        limits = {"constant": CONSTANT, "most": most, "refresh": refresh, "most_blind": MOST_BLIND_FRAMES}
        state, flags = finish(counts, charges, state, flags, choice, **limits)
        assert bool(choice[0]) == frame.whole and choice[1] == 1 - choice[0]
        assert state.tolist() == [stream.frames, stream._blind, stream._next_blind]
        is_compared_next = not stream._blind and not (refresh and stream.frames % refresh == 0)
        assert flags.tolist() == [0, is_compared_next]
        # A whole frame becomes the reference where the next one is compared with it.
        assert bool(choice[2]) == (frame.whole and not was_compared and is_compared_next)
        assert choice[3] == max(choice[1], choice[2])
