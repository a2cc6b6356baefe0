"""Streams on the RTL: each frame begins with the memory that golden left, and ends with golden's, byte by byte."""

from dataclasses import replace

import pytest

from rtl.bench.cosim import Case, cosimulate_all
from tests.cosim.stream import drawn
from tests.cosim.stream.drawn import Block
from tests.cosim.stream.twins import Twins
from tests.rtl.test_accelerator import SYSTEMS, check
from workloads.patchskip import Settings

ROWS, COLUMNS = 24, 18
CHANGES = ("point", "none", "faint", "global", "point")


@pytest.mark.parametrize(
    ("name", "theta"), [("4x4", 0), ("3x5", {"x": 2, "made_0_first": 60, "made_1_first": 3, "add": 4})]
)
def test_frames(name: str, theta: int | dict[str, int]) -> None:
    """A whole frame, one of which a part changed and one of which nothing did, a whole one and a blind one after it."""
    blocks = [
        Block(kind="conv", channels=8, stride=2),
        Block(kind="identity", channels=8),
        Block(kind="shortcut", channels=16, stride=2, swapped=True),
    ]
    network = drawn.quantized(blocks, ROWS, COLUMNS, seed=2)
    twins = Twins(network, Settings(theta=theta, patch=8, dense_above=0.97), SYSTEMS[name])
    cases, kinds = [], []
    for image in drawn.inputs(drawn.clip(CHANGES, ROWS, COLUMNS, 3)):
        sram = twins.machine.state.bus["sram"][0].copy()
        program = replace(twins.program, images={**twins.program.images, "sram": sram})
        cases.append(Case(program=program, inputs=twins.compiled.inputs(twins.codes(image))))
        frame = twins(image)
        assert twins.differences == []
        computed = [mask.float().mean() for mask in frame.recomputed.values()][1:]
        kinds.append("whole" if frame.whole else "part" if any(computed) else "nothing")
    for result in cosimulate_all(cases):
        check(result, cycles=True)
    assert kinds == ["whole", "part", "nothing", "part", "whole", "whole"]
