"""What the commands write when all is well."""

import json
from pathlib import Path

import numpy as np
import pytest

from accel_models.network import Network
from accel_models.program import Program
from tests.fixtures.command import FIXTURES, TARGETS, Command, contents, runner

TINY = f"{TARGETS}:tiny"
MACS = 12 * 12 * 8 * 27 + 8 * 4


@pytest.fixture
def cosim(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    monkeypatch.chdir(tmp_path)
    return runner(capsys)


def run_json(path: Path) -> dict:
    return json.loads(path.read_text())


def test_run_prints_a_table_and_writes_the_report(cosim: Command, tmp_path: Path) -> None:
    result = cosim("run", TINY, "--out", "report", "--json", "o.json")
    assert result.status == 0, result.err
    assert set(contents(tmp_path)) == {"o.json", "report", *(f"report/{n}" for n in _REPORT)}
    assert (tmp_path / "o.json").read_bytes() == (tmp_path / "report" / "run.json").read_bytes()
    run = run_json(tmp_path / "o.json")
    assert run["macs"] == run["accelerator_macs"] == MACS
    for text in ("conv", "classify", "edge16", f"{run['cycles']:,}"):
        assert text in result.out
    assert "report.html" in result.out


_REPORT = ("run.json", "trace.json", "report.html")


def test_json_on_standard_output_stands_alone(cosim: Command, tmp_path: Path) -> None:
    result = cosim("run", TINY, "--json", "-")
    assert json.loads(result.out)["macs"] == MACS
    assert "conv" in result.err, "the table goes beside it"
    assert contents(tmp_path) == {}


def test_equal_runs_write_equal_bytes(cosim: Command, tmp_path: Path) -> None:
    for folder in ("a", "b"):
        assert cosim("run", TINY, "--out", folder).status == 0
    for name in _REPORT:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name


def test_a_report_can_be_drawn_again(cosim: Command, tmp_path: Path) -> None:
    assert cosim("run", TINY, "--out", "a").status == 0
    result = cosim("report", "a", "--out", "b", "--json", "-")
    assert result.status == 0, result.err
    assert json.loads(result.out) == {"report": "b/report.html", "trace": "b/trace.json"}
    for name in ("report.html", "trace.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_compiled_files_give_what_the_target_gives(cosim: Command, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "x.npz", x=rng.normal(size=(1, 3, 12, 12)).astype(np.float32))
    np.savez(tmp_path / "c.npz", x=rng.normal(size=(20, 3, 12, 12)).astype(np.float32))
    compiled = cosim("compile", TINY, "-o", "t.network", "--calibrate", "c.npz", "--json", "c.json")
    assert compiled.status == 0, compiled.err
    assert cosim("compile", "t.network", "--system", "edge8", "-o", "t.program", "--out", "deep").status == 0
    more = ("--inputs", "x.npz", "--outputs")
    assert (
        cosim("run", TINY, "--calibrate", "c.npz", "--system", "edge8", *more, "a.npz", "--json", "a.json").status == 0
    )
    assert cosim("run", "t.network", "--system", "edge8", *more, "b.npz", "--json", "b.json").status == 0
    assert cosim("run", "deep/t.program", *more, "c.npz", "--json", "p.json").status == 0
    runs = [run_json(tmp_path / name) for name in ("a.json", "b.json", "p.json")]
    for key in ("cycles", "energy_uj", "macs", "traffic_bytes", "operators", "system", "workload"):
        assert runs[0][key] == runs[1][key] == runs[2][key], key
    outputs = [np.load(tmp_path / name) for name in ("a.npz", "b.npz", "c.npz")]
    (name,) = outputs[0].files
    assert outputs[0][name].shape == (1, 4) and outputs[0][name].dtype == np.float32
    for other in outputs[1:]:
        np.testing.assert_array_equal(outputs[0][name], other[name])
    summary = run_json(tmp_path / "c.json")
    assert summary["macs"] == MACS and summary["network_hash"] == Network.load(tmp_path / "t.network").hash


def test_options_reach_the_network(cosim: Command, tmp_path: Path) -> None:
    assert cosim("compile", TINY, "-o", "a.network").status == 0
    assert cosim("compile", TINY, "-o", "b.network", "--multiplier-bits", "16", "--rounding", "double").status == 0
    assert Network.load(tmp_path / "a.network").metadata["multiplier_bits"] == 31
    other = Network.load(tmp_path / "b.network").metadata
    assert (other["multiplier_bits"], other["rounding"]) == (16, "double")
    assert cosim("compile", "b.network", "--system", "edge16", "-o", "b.program", "--weights-in", "flash").status == 0
    assert Program.load(tmp_path / "b.program").metadata["weights"] == "flash"


def test_float_networks_are_files_too(cosim: Command, tmp_path: Path) -> None:
    assert cosim("compile", TINY, "--float", "-o", "f.network").status == 0
    network = Network.load(tmp_path / "f.network")
    assert network.macs == MACS and {operator.kind for operator in network.operators} <= {"cpu", "reshape"}
    result = cosim("run", "f.network", "--system", "cortex-m4", "--json", "-")
    assert result.status == 0, result.err
    run = json.loads(result.out)
    assert run["accelerator_macs"] == 0 < run["cycles"] and run["utilization"] == 0


def test_float_refuses_a_quantized_graph(cosim: Command, tmp_path: Path) -> None:
    import torch

    from cosim.quantize import pt2e  # noqa: F401  registers the operators

    quantized = torch.ops.quantized_decomposed

    class Quantized(torch.nn.Module):
        def forward(self, x):
            x = quantized.quantize_per_tensor(x, 0.1, 0, -128, 127, torch.int8)
            return quantized.dequantize_per_tensor(x, 0.1, 0, -128, 127, torch.int8)

    torch.export.save(torch.export.export(Quantized(), (torch.zeros(1, 4),)), tmp_path / "q.pt2")
    result = cosim("run", "q.pt2", "--float")
    assert result.status == 1 and "--float does not apply" in result.err


@pytest.mark.parametrize("system", ["cortex-m7", "edge8", "edge16"])
def test_a_cpu_alone_is_slower(cosim: Command, system: str) -> None:
    run = json.loads(cosim("run", TINY, "--system", system, "--json", "-").out)
    assert run["macs"] == MACS
    assert run["accelerator_macs"] == (0 if system == "cortex-m7" else MACS)
    assert (run["cycles"] > 20_000) == (system == "cortex-m7")


def test_analytic_cycles_stay_near_the_event_machine(cosim: Command) -> None:
    runs = {
        fidelity: json.loads(cosim("run", TINY, "--fidelity", fidelity, "--json", "-").out)
        for fidelity in ("analytic", "event")
    }
    assert runs["analytic"]["cycles"] == pytest.approx(runs["event"]["cycles"], rel=0.35)
    for run in runs.values():
        assert sum(row["cycles"] for row in (*run["operators"], *run["named_rows"])) == run["cycles"]


_RANDOM = """import random
import torch
from torch import nn

def example_inputs():
    return torch.rand(1, 3, 6, 6)

class Untrained(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.gain = random.random()
    def forward(self, x):
        return self.conv(x) * self.gain

class Noisy(Untrained):
    def forward(self, x):
        return super().forward(x + 0.5 * torch.rand_like(x)) + torch.rand_like(x[:, :1, 1:-1, 1:-1])
"""


@pytest.mark.parametrize("name", ["Untrained", "Noisy"])
def test_the_seed_decides_initialization(cosim: Command, tmp_path: Path, name: str) -> None:
    """Equal seeds, equal files, however the generators of the process stand; they go on where they were."""
    import random

    import torch

    (tmp_path / "net.py").write_text(_RANDOM)
    found = []
    for index, seed in enumerate((5, 5, 6)):
        torch.rand(index + 1)
        random.random()
        states = torch.get_rng_state(), random.getstate()
        assert cosim("compile", f"net.py:{name}", "--seed", seed, "-o", f"{index}.network").status == 0
        assert torch.equal(torch.get_rng_state(), states[0]) and random.getstate() == states[1]
        found.append((tmp_path / f"{index}.network").read_bytes())
    assert found[0] == found[1] != found[2]


def test_random_operators_draw_by_the_seed(cosim: Command, tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(_RANDOM)
    np.savez(tmp_path / "x.npz", x=np.ones((1, 3, 6, 6), np.float32))
    outputs = []
    for seed in (5, 5, 6):
        result = cosim("run", "net.py:Noisy", "--inputs", "x.npz", "--seed", seed, "--outputs", "y.npz", "--json", "-")
        assert result.status == 0, result.err
        assert json.loads(result.out)["provenance"]["seed"] == seed
        outputs.append(next(iter(np.load(tmp_path / "y.npz").values())))
    np.testing.assert_array_equal(outputs[0], outputs[1])
    assert (outputs[0] != outputs[2]).any()
    assert cosim("compile", "net.py:Noisy", "--inputs", "x.npz", "-o", "n.network", "--seed", 5).status == 0
    calls = [item.attributes for item in Network.load(tmp_path / "n.network").operators if item.kind == "cpu"]
    seeds = [dict(call.parameters)["seed"] for call in calls if call.function.startswith("aten::rand_like")]
    assert len(set(seeds)) == 2, "two operators draw different numbers"


def test_a_step_is_no_inference_but_its_model_is(cosim: Command) -> None:
    result = cosim("run", f"{FIXTURES / 'step.py'}:_net", "--json", "-")
    assert result.status == 1 and "step.py" in result.err, "its example_inputs() also has labels"


def test_lists(cosim: Command) -> None:
    found = json.loads(cosim("list", "--json", "-").out)
    assert [item["name"] for item in found["workloads"]] == [
        "resnet8",
        "vww",
        "kws",
        "ad",
        "gemm",
        "octo",
        "octo-resnet8",
        "octo-fp32",
        "octo-resnet8-fp32",
        "patchskip",
    ]
    assert {"edge16", "edge8", "cortex-m7", "cortex-m4"} <= {item["name"] for item in found["systems"]}
    schema = json.loads(cosim("list", "--schema").out)
    assert "accelerator" in schema["properties"]
    text = cosim("list").out
    assert "12,501,632" in text and "edge16" in text


def test_every_command_writes_its_json(cosim: Command, tmp_path: Path) -> None:
    for command in ("list", "doctor"):
        result = cosim(command, "--json", f"{command}.json", "--out", "folder")
        assert result.status == 0, result
        assert run_json(tmp_path / f"{command}.json") == run_json(tmp_path / "folder" / f"{command}.json")
