"""The four networks have exactly the published sizes and come with weights that score what the README says."""

import csv
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import workloads
from workloads.training import outputs_of

# Parameters with batch norm folded, MACs, and the score that the README states, less a point for other CPUs.
EXPECTED = {
    "resnet8": (77_706, 12_501_632, 0.98),
    "vww": (210_850, 7_489_664, 0.985),
    "kws": (22_604, 2_656_768, 0.90),
    "ad": (265_864, 264_192, 0.97),
}
SHAPES = {
    "resnet8": ((3, 32, 32), (10,)),
    "vww": ((3, 96, 96), (2,)),
    "kws": ((1, 49, 10), (12,)),
    "ad": ((640,), (640,)),
}
MODEL_IN_TABLE = {"resnet8": "ic", "vww": "vww", "kws": "kws", "ad": "ad"}


def layers(module: nn.Module, inputs: torch.Tensor) -> list[dict[str, int]]:
    """MACs, weights and biases (batch norm folded) of every convolution and linear layer, in order of execution."""
    found: list[dict[str, int]] = []

    def hook(layer: nn.Module, _: object, output: torch.Tensor) -> None:
        weight = layer.weight
        macs = output[0].numel() * weight[0].numel()
        # a folded batch norm gives its layer one bias a channel, which every layer here has one way or the other
        found.append({"macs": macs, "weight_params": weight.numel(), "bias_params": weight.shape[0]})

    handles = [m.register_forward_hook(hook) for m in module.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    module(inputs)
    for handle in handles:
        handle.remove()
    return found


@pytest.mark.parametrize("name", EXPECTED)
def test_sizes_are_those_of_the_reference(name: str) -> None:
    workload = workloads.get(name)
    parameters, macs, _ = EXPECTED[name]
    found = layers(workload.build(), *workload.example_inputs(1))
    assert sum(layer["macs"] for layer in found) == workload.macs == macs
    counted = sum(layer["weight_params"] + layer["bias_params"] for layer in found)
    assert counted == workload.parameters == parameters


@pytest.mark.parametrize("name", EXPECTED)
def test_every_convolution_can_be_folded(name: str) -> None:
    """A convolution has either its own bias or a batch norm, as many as there are of each."""
    module = workloads.get(name).build()
    bare = [m for m in module.modules() if isinstance(m, nn.Conv2d | nn.Linear) and m.bias is None]
    norms = [m for m in module.modules() if isinstance(m, nn.BatchNorm2d)]
    assert len(bare) == len(norms)


@pytest.mark.parametrize("name", EXPECTED)
def test_each_layer_is_that_of_the_reference_table(name: str, reference_dir: Path) -> None:
    with (reference_dir / "mlperf_tiny_models.csv").open() as file:
        rows = [r for r in csv.DictReader(file) if r["benchmark"] == MODEL_IN_TABLE[name] and r["weight_params"]]
    want = [{key: int(row[key]) for key in ("macs", "weight_params", "bias_params")} for row in rows]
    workload = workloads.get(name)
    found = layers(workload.build(), *workload.example_inputs(1))
    assert sorted(map(tuple, (d.values() for d in found))) == sorted(map(tuple, (d.values() for d in want)))


@pytest.mark.parametrize("name", EXPECTED)
def test_shapes_and_types(name: str) -> None:
    workload = workloads.get(name)
    module = workload.build()
    assert not module.training
    (inputs,) = workload.example_inputs(3)
    calibration = workload.calibration(None)
    shape_in, shape_out = SHAPES[name]
    assert inputs.shape == (3, *shape_in) and inputs.dtype == torch.float32
    assert calibration.shape[1:] == shape_in and len(calibration) >= 32
    assert module(inputs).shape == (3, *shape_out)
    assert len(torch.unique(inputs)) > 16, "real inputs vary"


@pytest.mark.parametrize("name", EXPECTED)
def test_committed_weights_score_what_is_stated(name: str) -> None:
    workload = workloads.get(name)
    inputs, labels = workload.evaluation(None)
    assert len(inputs) == len(labels) >= 100
    score = workload.score(outputs_of(workload.build(), inputs), inputs.numpy(), labels.numpy())
    assert score >= EXPECTED[name][2]


@pytest.mark.parametrize("name", EXPECTED)
def test_calibration_and_evaluation_share_no_sample(name: str) -> None:
    workload = workloads.get(name)
    seen = {sample.numpy().tobytes() for sample in workload.calibration(None)}
    assert not any(sample.numpy().tobytes() in seen for sample in workload.evaluation(None)[0])


@pytest.mark.parametrize(
    ("name", "folder", "least"),
    [
        ("resnet8", "mnist", 0.98),
        ("resnet8", "fashion-mnist", 0.88),
        ("resnet8", "cifar10", 0.62),
        ("kws", "fsdd", 0.97),
    ],
)
def test_weights_for_files_score_what_is_stated(name: str, folder: str, least: float, data_dir: Path) -> None:
    workload = workloads.get(name)
    place = data_dir / folder
    inputs, labels = (part[:1000] for part in workload.evaluation(place))
    module = workload.build(workload.weights_for(place))
    assert workload.score(outputs_of(module, inputs), inputs.numpy(), labels.numpy()) >= least


def test_committed_weights_are_small() -> None:
    files = list(Path(workloads.__file__).parent.rglob("*.npz"))
    assert files
    for file in files:
        assert file.stat().st_size < 700_000, file


def test_an_unknown_workload_is_named_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"unknown workload 'resnet9'; want one of resnet8, vww, kws, ad, gemm"):
        workloads.get("resnet9")
    assert workloads.names() == [*EXPECTED, "gemm"]


def test_listing_needs_neither_torch_nor_numpy() -> None:
    code = "import sys, workloads; workloads.names(); assert not {'torch', 'numpy', 'sklearn'} & sys.modules.keys()"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(workloads.__file__).parent.parent)


def test_inputs_given_out_are_copies() -> None:
    """Writing into a tensor must not change what the next caller gets."""
    for name in EXPECTED:
        (first,) = workloads.get(name).example_inputs(2)
        before = first.clone()
        first.zero_()
        assert torch.equal(workloads.get(name).example_inputs(2)[0], before)


def test_scores_refuse_shapes_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="want outputs"):
        workloads.get("resnet8").score(np.zeros((3, 10)), np.zeros((3, 1)), np.zeros(4))
    with pytest.raises(ValueError, match="at least one normal"):
        workloads.get("ad").score(np.zeros((3, 4)), np.zeros((3, 4)), np.ones(3))


def test_auc_counts_pairs() -> None:
    inputs = np.zeros((5, 1))
    outputs = np.array([[1.0], [2.0], [2.0], [3.0], [0.5]])
    labels = np.array([0, 0, 1, 1, 1])
    # pairs (anomaly, normal): 2>1, 2=2, 3>1, 3>2, 0.5<1, 0.5<2
    assert workloads.get("ad").score(outputs, inputs, labels) == pytest.approx(3.5 / 6)


def test_the_product_is_256_cubed_generated_and_exact() -> None:
    gemm = workloads.get("gemm")
    (weight,) = gemm.build().parameters()
    inputs, labels = gemm.evaluation(None)
    assert weight.shape == (256, 256) and weight.numel() == gemm.parameters
    assert inputs.shape == labels.shape == (16, 256, 256) and 256 * weight.numel() == gemm.macs
    assert torch.equal(inputs[:3], gemm.example_inputs(3)[0]), "the same matrices on every call"
    assert not torch.equal(inputs[0], inputs[1]) and not torch.equal(inputs[0], gemm.calibration(None)[0])
    outputs = gemm.build()(inputs).detach().numpy()
    assert gemm.score(outputs, inputs.numpy(), labels.numpy()) < 1e-6
    assert gemm.score(1.25 * outputs, inputs.numpy(), labels.numpy()) == pytest.approx(0.25, rel=1e-4)


def test_the_product_reads_no_files(tmp_path: Path) -> None:
    gemm = workloads.get("gemm")
    for call in (gemm.calibration, gemm.evaluation, gemm.weights_for):
        with pytest.raises(ValueError, match="this workload reads no files"):
            call(tmp_path)
    with pytest.raises(ValueError, match="its matrix is generated"):
        gemm.weights_for(None)
    with pytest.raises(ValueError, match="want outputs and labels of one shape"):
        gemm.score(np.ones((2, 3)), np.ones((2, 3)), np.ones((2, 4)))
