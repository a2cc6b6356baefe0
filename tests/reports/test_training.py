"""A training step's numbers and figures, on a small run whose operators are told apart by phase."""

import copy
from typing import Any

import plotly.graph_objects as go
import pytest

from reports import figures, html, terminal, training
from tests.reports.runs import small_run
from tests.reports.test_html import Page

PHASES = ("forward", "backward-input", "backward-weight", "update")
OTHER = {
    "workload": "float",
    "system": "cortex-m7",
    "samples": 2,
    "macs": 800,
    "accelerator_macs": 0,
    "cycles": 1000,
    "latency_ms": 3.0,
    "energy_uj": 40.0,
    "sram_peak_bytes": 9,
    "phases": [{"name": name, "macs": 200, "latency_ms": 0.75, "energy_uj": 10.0} for name in PHASES],
    "constants": [{"name": "cpu.m7.float_mac", "value": 5.52, "unit": "cycles/MAC", "source": "a log", "trust": "low"}],
}
CURVES = [
    {"name": "int8", "quantity": "accuracy", "of": "run", "samples": [8, 16], "values": [0.5, 0.75]},
    {"name": "fp32", "quantity": "accuracy", "of": "against", "samples": [8, 16], "values": [0.5, 0.8]},
]


def step_run(**metrics: Any) -> dict[str, Any]:
    """The small run as a step of four samples: its operators shared out over the phases, a tensor of each kind."""
    run = copy.deepcopy(dict(small_run()))
    operators = run["operators"]
    for i, item in enumerate(operators):
        item["phase"] = PHASES[4 * i // len(operators)]
    run["phases"] = [
        {key: sum(o[key] for o in operators if o["phase"] == name) for key in ("macs", "cycles", "energy_uj", "bytes")}
        | {"name": name}
        for name in PHASES
    ]
    run["metrics"] = {"batch": 4, **metrics}
    sram = next(item for item in run["memory"] if item["space"] == "sram")
    last, count = len(operators) - 1, len(operators)
    sram["tensors"] += [
        {"tensor": "w", "role": "persistent", "offset": 0, "bytes": 1024, "first": 0, "last": count},
        {"tensor": "kept", "role": "activation", "offset": 0, "bytes": 2048, "first": 0, "last": last},
        {"tensor": "fleeting", "role": "activation", "offset": 0, "bytes": 512, "first": 0, "last": 0},
        {"tensor": "gradient", "role": "activation", "offset": 0, "bytes": 256, "first": last, "last": last},
    ]
    sram["used_bytes"] = [
        used + 1024 + 2048 + 512 * (row == 0) + 256 * (row == last) for row, used in enumerate(sram["used_bytes"])
    ]
    return run


def test_ratios_are_of_the_same_samples() -> None:
    run = step_run() | {"against": OTHER}
    whole, *parts = training.ratios(run)
    assert whole.time == pytest.approx(2 * 3.0 / run["latency_ms"])
    assert whole.energy == pytest.approx(2 * 40.0 / run["energy_uj"])
    assert [part.name for part in parts] == list(PHASES)
    forward = next(part for part in training.phases(run) if part.name == "forward")
    assert parts[0].time == pytest.approx(2 * 0.75 / forward.milliseconds)
    assert training.against_phases(run)[0].macs == 400


def test_a_step_beside_its_forward_phase_and_an_epoch() -> None:
    run = step_run(epoch_samples=10)
    cycles = next(phase["cycles"] for phase in run["phases"] if phase["name"] == "forward")
    beyond = training.beyond_forward(run)
    assert beyond is not None and beyond[0] == pytest.approx(run["cycles"] / cycles)
    assert training.epoch(run) == (3, 3 * run["latency_ms"], 3 * run["energy_uj"])
    assert training.epoch(step_run()) is None and training.beyond_forward(small_run()) is None


def test_phases_add_up_to_the_run() -> None:
    run = step_run()
    for figure, key in ((figures.step_times(run), "latency_ms"), (figures.step_energies(run), "energy_uj")):
        go.Figure(figure.to_json()["data"], figure.to_json()["layout"])
        assert sum(trace["x"][0] for trace in figure.data) == pytest.approx(run[key])
        alone = [trace for trace in figure.data if len(trace["x"]) == 2]
        assert [trace["name"] for trace in alone] == ["forward"], "the forward phase stands alone below"


def test_memory_names_what_the_forward_phase_saves() -> None:
    run = step_run()
    figure = next(item for item in figures.step_memories(run) if item.id == "step-memory-sram")
    go.Figure(figure.to_json()["data"], figure.to_json()["layout"])
    names = {trace["name"]: trace for trace in figure.data}
    assert "kept" in names and not {"fleeting", "gradient", "w"} & set(names)
    assert set(names["parameters and state"]["y"]) == {1.0}
    rows = len(run["operators"])
    assert names["kept"]["y"] == [2.0] * (2 * rows)
    used = next(item for item in run["memory"] if item["space"] == "sram")["used_bytes"]
    total = [sum(trace["y"][2 * row] for trace in figure.data) * 1024 for row in range(rows)]
    assert total == pytest.approx(used), "the stack is what is alive"


def test_a_memory_whose_places_are_used_in_turns_is_not_stacked() -> None:
    run = step_run()
    sram = next(item for item in run["memory"] if item["space"] == "sram")
    sram["size_bytes"] = max(sram["used_bytes"])
    assert "step-memory-sram" in {figure.id for figure in figures.step_memories(run)}
    sram["size_bytes"] -= 1
    assert "step-memory-sram" not in {figure.id for figure in figures.step_memories(run)}


def test_curves_take_each_runs_own_time_and_energy() -> None:
    run = step_run(curves=CURVES, losses=[2.0, 1.0]) | {"against": OTHER}
    mine, other, loss = training.curves(run)
    assert mine.seconds == pytest.approx([2 * run["latency_ms"] / 1e3, 4 * run["latency_ms"] / 1e3])
    assert other.seconds == pytest.approx([0.012, 0.024]) and other.joules == pytest.approx([160e-6, 320e-6])
    assert loss.quantity == "loss" and loss.joules[1] == pytest.approx(2 * run["energy_uj"] / 1e6)
    assert len(training.curves(step_run(curves=CURVES))) == 1, "without the other run its curve has no time"
    ids = [figure.id for figure in figures.learning(run)]
    assert ids == [f"learning-{what}-{key}" for what in ("accuracy", "loss") for key in ("time", "energy")]


def test_the_page_of_a_step() -> None:
    run = step_run(curves=CURVES, epoch_samples=100) | {"against": OTHER}
    text = html.page(run)
    page = Page(text)
    wanted = {"step", "step-time", "step-energy", "beside-time", "beside-energy", "step-memory-sram"}
    assert wanted <= set(page.ids) and "learning-accuracy-time" in page.ids
    assert page.tables["phases"][1][0][0] == "forward" and page.tables["phases"][-1][0][0] == "Total"
    assert page.tables["against-constants"][1][4][0] == "a log"
    assert page.fetched == ["data:,"]
    assert html.page(run) == text
    plain = Page(html.page(small_run()))
    assert not wanted & set(plain.ids), "an inference has no step"


def test_the_terminal_says_it_too() -> None:
    text = terminal.text(step_run(epoch_samples=100) | {"against": OTHER})
    assert "epoch  25 steps of 4 samples" in text
    assert "beside float on cortex-m7: 3 ms, 40 µJ, batch 2" in text
    assert "source cpu.m7.float_mac 5.52 cycles/MAC: a log; low" in text
    assert "energies are of two kinds" in text
    assert "beside" not in terminal.text(small_run()) and "step " not in terminal.text(small_run())
