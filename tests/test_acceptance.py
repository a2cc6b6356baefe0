"""The main job, end to end: what `cosim run` says about the workloads, and its values against PyTorch."""

import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from accel_models.golden import boundary
from accel_models.golden.machine import Machine, run_program
from accel_models.kernels import execute
from accel_models.network import Conv2d, Network, Tensor
from accel_models.program import Program
from accel_models.system import load_system
from cosim import quantize, trace
from cosim.encode import compile_network
from tests.fixtures import prepared
from tests.fixtures.command import CONVNET, FIXTURES, runner
from workloads.registry import WORKLOADS

MACS = {"resnet8": 12_501_632, "vww": 7_489_664, "kws": 2_656_768, "ad": 264_192, "gemm": 256**3}
PARAMETERS = {"resnet8": 77_706, **{name: item.parameters for name, item in WORKLOADS.items() if name != "resnet8"}}
KEYS = {
    *("workload", "system", "cycles", "latency_ms", "energy_uj", "macs", "accelerator_macs", "utilization"),
    *("sram_peak_bytes", "flash_bytes", "traffic_bytes", "metrics", "phases", "operators", "rtl", "provenance"),
    *("bound_cycles", "losses"),
}
OPERATOR_KEYS = {"name", "kind", "phase", "placement", "macs", "cycles", "energy_uj", "bytes"}
FREE = ("reshape",)
"""Kinds that move nothing: their output lies on their input."""

_texts: dict[str, str] = {}


@pytest.fixture
def run_text(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """`cosim run NAME --json -`: the text on standard output. Each network runs once a process."""
    monkeypatch.chdir(tmp_path)

    def text(name: str, again: bool = False) -> str:
        if name not in _texts or again:
            result = runner(capsys)("run", name, "--json", "-", "--samples", 64)
            assert result.status == 0, result.err
            _texts[name] = _texts[name] if again else result.out
            return result.out
        return _texts[name]

    return text


# ---- the JSON of a run ----


@pytest.mark.parametrize("name", MACS)
def test_a_run_accounts_for_everything(run_text: Any, name: str) -> None:
    run = json.loads(run_text(name))
    assert run.keys() >= KEYS
    assert run["workload"] == name and run["system"] == "edge16"
    assert run["macs"] == MACS[name]
    assert run["accelerator_macs"] == run["macs"], "everything up to the logits is on the accelerator"
    assert run["parameters"] == PARAMETERS[name]
    _check_rows(run)
    _check_physics(run)
    assert run["metrics"].keys() >= {WORKLOADS[name].metric, f"{WORKLOADS[name].metric}_float", "samples"}
    assert run["provenance"].keys() >= {"version", "system_hash", "seed"}
    assert run["rtl"] is None, "this run had no co-simulation"
    assert run["warm"]["cycles"] == run["cycles"] < run["cold"]["cycles"], "flash is slower than SRAM"


def _check_rows(run: dict[str, Any]) -> None:
    operators, named = run["operators"], run["named_rows"]
    assert all(operator.keys() >= OPERATOR_KEYS for operator in operators)
    assert {operator["placement"] for operator in operators} <= {"accelerator", "cpu"}
    assert len({operator["name"] for operator in operators}) == len(operators)
    assert sum(row["cycles"] for row in (*operators, *named)) == run["cycles"]
    assert run["bound_cycles"] + sum(row["cycles"] for row in run["losses"]) == run["cycles"]
    assert sum(row["energy_uj"] for row in (*operators, *named)) == pytest.approx(run["energy_uj"], rel=1e-9)
    assert sum(run["energy_by_component_uj"].values()) == pytest.approx(run["energy_uj"], rel=1e-9)
    for row in operators:
        assert sum(row["energy_by_component_uj"].values()) == pytest.approx(row["energy_uj"], rel=1e-9, abs=1e-15)
        if row["placement"] == "accelerator" and row["kind"] not in FREE:
            assert row["energy_uj"] > 0 and row["cycles"] > 0, row["name"]
    assert sum(row["macs"] for row in operators) == run["macs"]
    assert sum(row["bytes"] for row in operators) == run["traffic_bytes"] == sum(run["traffic_by_memory"].values())
    for phase in run["phases"]:
        members = [row for row in operators if row["phase"] == phase["name"]]
        for key in ("macs", "cycles", "bytes"):
            assert phase[key] == sum(row[key] for row in members)
        assert phase["energy_uj"] == pytest.approx(sum(row["energy_uj"] for row in members), rel=1e-9)
    assert {phase["name"] for phase in run["phases"]} == {row["phase"] for row in operators} == {"forward"}


def _check_physics(run: dict[str, Any]) -> None:
    array = run["hardware"]["accelerator"]["array"]
    peak = array["rows"] * array["columns"]
    assert run["utilization"] == run["accelerator_macs"] / (run["cycles"] * peak)
    assert run["cycles"] >= run["macs"] / peak
    assert run["latency_ms"] == pytest.approx(run["cycles"] / (run["clock_mhz"] * 1e3))
    assert run["average_power_mw"] == pytest.approx(run["energy_uj"] / run["latency_ms"])
    assert 0 < run["sram_peak_bytes"] <= run["hardware"]["sram"]["size_bytes"]
    assert run["parameters"] <= run["flash_bytes"] <= run["hardware"]["flash"]["size_bytes"]
    network = prepared.workload(run["workload"]).network
    ends = sum(network.tensors[name].bytes for name in (*network.inputs, *network.outputs))
    constants = sum(array.nbytes for array in network.constants.values())
    assert run["traffic_bytes"] >= ends + constants, "inputs and weights are read, outputs written, at least once"
    for engine in run["engines"].values():
        assert 0 <= engine["busy"] <= run["cycles"]


def test_the_same_run_gives_the_same_bytes(run_text: Any) -> None:
    assert run_text("kws") == run_text("kws", again=True)


# ---- values against PyTorch ----


@cache
def _quantized(name: str) -> trace.Traced:
    """The Q/DQ graph that the network was lowered from."""
    target = trace.load_target(name)
    return quantize.quantize(trace.trace(target), target.calibration)


def _is(node: torch.fx.Node, kind: str) -> bool:
    return node.op == "call_function" and str(node.target).startswith(f"quantized_decomposed.{kind}_per_tensor")


class FedByGolden(torch.fx.Interpreter):
    """Runs a Q/DQ graph, layer by layer, on golden's codes: after each Q node compares, then goes on with golden's.

    A Q node's codes are the next ones in golden's order with its scale, zero point and number of elements. The
    accelerator stores images with the channels last.
    """

    def __init__(self, module: torch.fx.GraphModule, golden: list[tuple[Tensor, np.ndarray]]) -> None:
        super().__init__(module)
        self.waiting = golden
        self.errors: dict[str, np.ndarray] = {}

    def run_node(self, n: torch.fx.Node) -> Any:
        result = super().run_node(n)
        if not _is(n, "quantize") or not isinstance(n.args[0], torch.fx.Node):
            return result
        place = next((i for i, (tensor, _) in enumerate(self.waiting) if self._fits(tensor, n, result)), None)
        if place is None:
            assert "flatten" in n.args[0].name, f"nothing in golden's program computes {n.args[0].name}"
            return result  # the same bytes: golden has no operator for it
        tensor, golden = self.waiting[place]
        self.waiting = self.waiting[place + 1 :]
        if result.ndim == 4:
            golden = golden.reshape(result.shape[0], *result.shape[2:], result.shape[1]).transpose(0, 3, 1, 2)
        golden = golden.reshape(tuple(result.shape))
        self.errors[tensor.name] = np.abs(golden.astype(np.int16) - result.numpy().astype(np.int16))
        return torch.from_numpy(np.ascontiguousarray(golden))

    def _fits(self, tensor: Tensor, node: torch.fx.Node, result: torch.Tensor) -> bool:
        scale, zero_point = node.args[1:3]
        return tensor.scale in (scale, None) and (tensor.zero_point, tensor.elements) == (zero_point, result.numel())


def _layer_codes(program: Program, network: Network, images: np.ndarray) -> dict[str, np.ndarray]:
    """Codes [images, ...] of every operator's output, read from the golden machine's memories as the program runs."""
    found: dict[str, np.ndarray] = {}
    operators = {operator.name: operator for operator in network.operators}  # free reshapes have no row
    blocks: dict[str, str] = {}  # tensor -> the block it lies in: its own, or in place that of an operand

    def keep(row: int, machine: Machine) -> None:
        operator = operators[program.rows[row].name]
        for name in operator.outputs:
            for source in (name, *(blocks[item] for item in operator.inputs if item in blocks)):
                alive = [p for p in program.placements if p.tensor == source and p.first <= row <= p.last]
                whole = [
                    p for p in alive if p.bytes == network.tensors[name].bytes and (source == name or p.last > row)
                ]
                if whole:
                    found[name], blocks[name] = machine.placed(whole[-1]).view(np.int8), source
                    break
            if name in program.bindings:
                found[name] = machine.read(name)

    (first,) = network.inputs
    Machine(program, len(images), on_row_end=keep).run({first: images})
    found[first] = boundary.to_stored(network.tensors[first], images)
    for operator in network.operators:
        if operator.kind in FREE and operator.inputs[0] in found:
            found.setdefault(operator.outputs[0], found[operator.inputs[0]])
    return {name: codes.reshape(len(images), *network.tensors[name].shape) for name, codes in found.items()}


def _golden_codes(network: Network, codes: dict[str, np.ndarray], image: int) -> list[tuple[Tensor, np.ndarray]]:
    """One image's codes in golden's order, with what a convolution gives before its fused residual add."""
    found = [(network.tensors[name], codes[name][image]) for name in network.inputs]
    for operator in network.operators:
        attributes, output = operator.attributes, network.tensors[operator.outputs[0]]
        if isinstance(attributes, Conv2d) and attributes.residual is not None:
            held = replace(
                output, name=f"{operator.name} before the add", scale=None, zero_point=attributes.output.zero_point
            )
            plain = replace(
                operator,
                inputs=operator.inputs[:5],
                outputs=(held.name,),
                attributes=replace(attributes, residual=None, table=False),
            )
            values = {operator.inputs[0]: codes[operator.inputs[0]][image], **network.constants}
            found.append((held, execute(plain, values, {held.name: held})[held.name]))
        if output.name in codes:
            found.append((output, codes[output.name][image]))
    return found


def _layer_errors(name: str, images: int) -> dict[str, list[np.ndarray]]:
    """Differences by tensor over real images, each layer fed golden's codes."""
    network, program, graph = prepared.workload(name).network, prepared.program(name), _quantized(name).graph_module
    inputs, _ = WORKLOADS[name].evaluation(None)
    found: dict[str, list[np.ndarray]] = {}
    for part in torch.split(inputs[:images], 32):
        codes = _layer_codes(program, network, part.numpy())
        for index, image in enumerate(part):
            checked = FedByGolden(graph, _golden_codes(network, codes, index))
            with torch.no_grad():
                checked.run(image[None])
            for key, errors in checked.errors.items():
                found.setdefault(key, []).append(errors)
    return found


@pytest.mark.parametrize(("name", "images"), [("resnet8", 128), ("vww", 16), ("kws", 128), ("ad", 128)])
def test_every_layer_is_within_one_lsb_of_pytorch(name: str, images: int) -> None:
    network = prepared.workload(name).network
    found = _layer_errors(name, images)
    reshaped = {operator.inputs[0] for operator in network.operators if operator.kind in FREE}
    layers = {operator.outputs[0] for operator in network.operators if operator.kind not in FREE}
    assert layers - reshaped <= found.keys(), "every layer was compared"
    for tensor, errors in found.items():
        joined = np.stack(errors)
        assert len(joined) == images
        assert joined.max() <= 1, tensor
        assert (joined > 0).mean() < 0.005, tensor


@pytest.mark.parametrize("name", ["resnet8"])
def test_top1_is_that_of_the_quantized_model(name: str) -> None:
    """End to end on the whole test set that comes with the package."""
    item, graph = prepared.workload(name), _quantized(name).graph_module
    inputs, labels = WORKLOADS[name].evaluation(None)
    (first,), (last,) = item.network.inputs, item.network.outputs
    golden = run_program(prepared.program(name), {first: inputs.numpy()[:, None]}).values[last]
    golden = golden.reshape(len(inputs), -1)
    with torch.no_grad():
        wanted = np.concatenate([graph(image[None])[0].numpy() for image in inputs])
    ours, theirs = (np.mean(array.argmax(1) == labels.numpy()) for array in (golden, wanted))
    assert len(inputs) >= 100
    assert abs(ours - theirs) <= 0.003
    assert np.mean(golden.argmax(1) == wanted.argmax(1)) >= 0.99
    assert ours > 0.9, "the network is trained"


# ---- contract 3 on the real network ----


def test_values_do_not_depend_on_hardware() -> None:
    """ResNet-8's output codes: three arrays, several scratchpads, weights in SRAM and in flash."""
    network = prepared.workload("resnet8").network
    inputs, _ = WORKLOADS["resnet8"].evaluation(None)
    given = {network.inputs[0]: inputs[:2].numpy()[:, None]}
    chips = [load_system("edge16"), load_system("edge8")]
    odd = {"array": {"rows": 3, "columns": 5}, "queue_depth": 2, "token_depth": 6}
    chips += [prepared.variant(accelerator=odd)]
    chips += [prepared.variant(accelerator={"scratchpad": {"size_bytes": size}}) for size in (16384, 40000)]
    seen: dict[bytes, list[str]] = {}
    programs = set()
    for chip in chips:
        for weights in ("sram", "flash"):
            program = compile_network(network, chip, weights, search=False)  # type: ignore[arg-type]
            codes = run_program(program, given).codes[network.outputs[0]]
            seen.setdefault(codes.tobytes(), []).append(f"{chip.name} {weights}")
            programs.add(program.commands.tobytes())
    assert len(seen) == 1, list(seen.values())
    assert len(programs) == 2 * len(chips), "the programs differ"


# ---- a network that is none of ours ----

# Stem, three inverted residuals (expand, filter, project), two branches, classifier.
CONVNET_MACS = 256 * 12 * 27 + 256 * 36 * (12 + 9 + 12) + 256 * 12 * 36 + 64 * 36 * (9 + 20)
CONVNET_MACS += 64 * 60 * (20 + 9 + 20) + 64 * 20 * 16 * (25 + 1) + 32 * 7


def test_a_foreign_network_runs_on_the_accelerator(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = runner(capsys)("run", CONVNET, "--json", "-")
    assert result.status == 0, result.err
    run = json.loads(result.out)
    assert run["accelerator_macs"] >= 0.95 * run["macs"] > 0
    _check_rows(run)
    kinds = {row["kind"] for row in run["operators"]}
    assert {"conv2d", "concat", "pool"} <= kinds
    assert run["macs"] == CONVNET_MACS
    assert any("calibrated on the example inputs" in note for note in run["metrics"]["notes"])


def _quantizer(name: str) -> Any:
    """Our quantizer, or one of torchao's own, for chips that we know nothing of."""
    if name == "ours":
        return quantize.AcceleratorQuantizer(quantize.RangeObserver.MINMAX)
    if name == "xnnpack":
        from torchao.testing.pt2e import _xnnpack_quantizer as xnnpack

        return xnnpack.XNNPACKQuantizer().set_global(xnnpack.get_symmetric_quantization_config(is_per_channel=True))
    from torchao.quantization.pt2e.quantizer import x86_inductor_quantizer as x86

    return x86.X86InductorQuantizer().set_global(x86.get_default_x86_inductor_quantization_config())


def _exported(quantizer: str, file: Path) -> tuple[torch.Tensor, torch.fx.GraphModule]:
    """Write the network, quantized with torchao's PT2E, to a .pt2 file; return a test image and the Q/DQ model."""
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

    module = trace.loading.load_python(FIXTURES / "convnet.py")
    (example,) = module.example_inputs()
    graph = torch.export.export(module.network(), (example,)).module()
    observed = prepare_pt2e(graph, _quantizer(quantizer))
    for image in module.images(32, seed=1):
        observed(image[None])
    converted = convert_pt2e(observed)
    torch.export.save(torch.export.export(converted, (example,)), file)
    return module.images(1, seed=9), converted


# Torchao's recipe for x86 gives most layers float outputs: those layers run on the CPU.
@pytest.mark.parametrize(("quantizer", "share"), [("ours", 0.95), ("xnnpack", 0.95), ("x86", 0.05)])
def test_a_quantized_pt2_with_own_inputs(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quantizer: str, share: float
) -> None:
    monkeypatch.chdir(tmp_path)
    image, converted = _exported(quantizer, tmp_path / "m.pt2")
    with torch.no_grad():
        wanted = converted(image).numpy()
    np.savez(tmp_path / "x.npz", x=image.numpy())
    run = runner(capsys)
    result = run("run", "m.pt2", "--inputs", "x.npz", "--outputs", "y.npz", "--json", "o.json")
    assert result.status == 0, result.err
    found = json.loads((tmp_path / "o.json").read_text())
    assert found["accelerator_macs"] >= share * found["macs"] and found["macs"] == CONVNET_MACS
    with np.load(tmp_path / "y.npz") as data:
        (got,) = data.values()
    assert got.shape == wanted.shape and got.dtype == np.float32
    assert run("compile", "m.pt2", "-o", "m.network").status == 0
    network = Network.load(tmp_path / "m.network")
    scale = network.tensors[network.outputs[0]].scale or np.ptp(wanted) / 255
    assert np.abs(got - wanted).max() <= 2 * scale * (1 + 1e-5)
    assert np.ptp(wanted) > 20 * scale, "the outputs are no constant"


# ---- float ----


@pytest.mark.parametrize("target", ["kws", CONVNET])
def test_float_runs_on_the_cpu_with_pytorchs_values(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    monkeypatch.chdir(tmp_path)
    result = runner(capsys)("run", target, "--float", "--outputs", "y.npz", "--json", "-", "--samples", 16)
    assert result.status == 0, result.err
    run = json.loads(result.out)
    assert run["accelerator_macs"] == 0 < run["macs"]
    assert all(row["placement"] == "cpu" for row in run["operators"] if row["kind"] not in FREE)
    assert all(row["cycles"] > 0 and row["energy_uj"] > 0 for row in run["operators"] if row["kind"] not in FREE)
    assert len(run["cpu_calls"]) >= sum(row["kind"] not in FREE for row in run["operators"])
    loaded = trace.load_target(target)
    assert loaded.module is not None
    with torch.no_grad():
        wanted = loaded.module(*loaded.inputs).numpy()
    with np.load(tmp_path / "y.npz") as data:
        (got,) = data.values()
    np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-4 * np.abs(wanted).max())
    if loaded.workload is not None:
        assert run["macs"] == MACS[target] and run["parameters"] == PARAMETERS[target]
        metric = loaded.workload.metric
        assert run["metrics"][metric] == run["metrics"][f"{metric}_float"]


# ---- real data ----


# Least accuracy: what the committed weights reach in float (0.99, 0.91, 0.66, 0.99), less a margin for 200 samples.
@pytest.mark.parametrize(
    ("name", "folder", "least"),
    [
        ("resnet8", "mnist", 0.95),
        ("resnet8", "fashion-mnist", 0.8),
        ("resnet8", "cifar10", 0.57),
        ("kws", "fsdd", 0.95),
    ],
)
def test_real_data(
    data_dir: Path,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    folder: str,
    least: float,
) -> None:
    monkeypatch.chdir(tmp_path)
    result = runner(capsys)("run", name, "--data", data_dir / folder, "--json", "-", "--samples", 200)
    assert result.status == 0, result.err
    run = json.loads(result.out)
    assert run["macs"] == MACS[name] and run["metrics"]["samples"] == 200
    assert run["metrics"]["accuracy"] > least
    assert abs(run["metrics"]["accuracy"] - run["metrics"]["accuracy_float"]) <= 0.03
    assert run["metrics"]["top1_agreement"] > 0.95
