"""The networks that come with the package: made by today's sources, the same when made anew, taken without PyTorch."""

import sys
from pathlib import Path

import numpy as np
import pytest

from accel_models.network import Network
from cosim.explore import shipped
from cosim.explore.lowered import Lowered
from cosim.explore.networks import Networks
from cosim.explore.space import Weighted, WorkloadOptions
from cosim.explore.store import Store
from workloads.registry import WORKLOADS

SLOW = ("vww",)


def networks(seed: int = shipped.SEED, samples: int = shipped.SAMPLES) -> Networks:
    return Networks(Store.in_memory(), seed=seed, samples=samples, report=lambda text: None)


def network_of(lowered: Lowered) -> Network:
    return Network.load(Path("shipped.network"), lowered.data)


def test_they_are_of_todays_sources() -> None:
    want = {shipped.place(target) for target in WORKLOADS}
    assert set(shipped.FOLDER.iterdir()) == want, "run python -m cosim.explore.shipped"
    for target in WORKLOADS:
        found = shipped.shipped(target)
        assert found is not None and network_of(found).hash == found.hash


@pytest.mark.parametrize(
    "target", [pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW)) for name in WORKLOADS]
)
def test_they_are_the_same_when_made_anew(target: str) -> None:
    """But for what sums of floats, in the order of another machine, do to a scale."""
    kept = shipped.shipped(target)
    made = networks().lower(Weighted(target=target), WorkloadOptions())
    assert kept is not None and made.quality == pytest.approx(kept.quality, abs=0.01)
    ours, theirs = network_of(kept), network_of(made)
    assert [item.kind for item in ours.operators] == [item.kind for item in theirs.operators]
    assert ours.tensors.keys() == theirs.tensors.keys() and ours.constants.keys() == theirs.constants.keys()
    for name, values in ours.constants.items():
        tolerance = {"atol": 0} if values.dtype == np.int8 else {"atol": 2}
        np.testing.assert_allclose(values, theirs.constants[name], rtol=1e-4 * (values.dtype != np.int8), **tolerance)


def test_default_options_need_no_pytorch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cosim.frontend", None)
    for options in (WorkloadOptions(), WorkloadOptions(weights_in="flash")):
        assert networks().of(Weighted(target="kws"), options) == shipped.shipped("kws")


@pytest.mark.parametrize(
    ("options", "settings"),
    [({"multiplier_bits": 16}, {}), ({}, {"seed": 1}), ({}, {"samples": 10})],
    ids=["options", "seed", "samples"],
)
def test_anything_else_is_lowered(
    monkeypatch: pytest.MonkeyPatch, options: dict[str, int], settings: dict[str, int]
) -> None:
    other = Lowered("0123", b"", {})
    monkeypatch.setattr(Networks, "lower", lambda self, workload, options: other)
    assert networks(**settings).of(Weighted(target="kws"), WorkloadOptions.model_validate(options)) is other


def test_one_of_other_sources_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipped, "lowering_sources", lambda workload: "0123456789abcdef")
    assert shipped.shipped("kws") is None
