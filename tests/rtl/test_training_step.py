"""Operators of a training step, and a whole step, on the RTL: every byte golden's, every cycle the models'."""

import numpy as np
import pytest

from cosim import trace
from cosim.encode import compile_network
from cosim.lower import lower_step
from rtl.bench.cosim import Case, cosimulate, cosimulate_all
from tests.cosim.training_drafts import CASES, INDEXED, NEAREST, PSEUDO, layer, pooling, sums
from tests.rtl.test_accelerator import SYSTEMS, check
from workloads.octo.settings import Settings
from workloads.octo.task import example

ROUNDINGS = (PSEUDO, INDEXED, NEAREST, PSEUDO, INDEXED)


@pytest.mark.parametrize("name", [pytest.param("4x4", marks=pytest.mark.slow), "3x5"])
def test_operators(name: str) -> None:
    drafts = [layer(case, ROUNDINGS[index], bool(index % 2), index) for index, case in enumerate(CASES)]
    cases = []
    for draft in [*drafts, sums(), pooling(2, (7, 5))]:
        network = draft.network()
        program = compile_network(network, SYSTEMS[name], search=False)
        assert not program.cpu_calls
        cases.append(Case(program=program, inputs={key: draft.values[key][None] for key in network.inputs}))
    for result in cosimulate_all(cases):
        check(result, cycles=True)


def test_a_whole_step() -> None:
    """Of the digits' network: three segments of commands between calls of the CPU."""
    first = example("digits-cnn", Settings(weights="int16"), 2, 0.1, 0)
    network = lower_step(trace.trace_callable(first.trainer, first.inputs, "step"), "step")
    program = compile_network(network, SYSTEMS["4x4"], search=False)
    given = {"x": first.x.numpy()[None], "labels": first.labels.numpy()[None], "step": np.array([0], np.int32)}
    check(cosimulate(program, given), cycles=True)
