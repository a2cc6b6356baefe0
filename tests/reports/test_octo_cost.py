"""The committed table of what integer training costs: fresh measurements give the same numbers, and what they mean."""

import copy
import json
from collections.abc import Mapping
from typing import Any

import pytest

from accel_models.system import load_system
from cosim.bind import bind
from cosim.encode import CompileError, compile_network
from cosim.options import Options
from reports.networks import RESULTS
from reports.octo_cost import aims, batches, measure, memory, page, steps
from reports.octo_cost.aims import Aim
from reports.octo_cost.measurements import (
    BATCH,
    BATCH_MASTERS,
    BATCH_SYSTEMS,
    FLOAT,
    MASTERS,
    SYSTEM,
    WORKLOADS,
    float_step,
    step,
)


def committed() -> dict[str, Any]:
    return json.loads((RESULTS / "octo_cost.json").read_text(encoding="utf-8"))


def silent(stage: str) -> None:
    del stage


def row_of(part: str, workload: str, masters: str) -> dict[str, Any]:
    (row,) = (row for row in committed()[part] if (row["workload"], row["masters"]) == (workload, masters))
    return row


def test_the_page_is_that_of_its_data() -> None:
    assert (RESULTS / "octo_cost.md").read_text(encoding="utf-8") == page(committed())


def test_the_table_has_every_network_system_and_masters() -> None:
    data = committed()
    assert {row["workload"] for row in data["steps"]} == {row["workload"] for row in data["memory"]} == set(WORKLOADS)
    cells = [(row["workload"], row["system"], row["masters"]) for row in data["batches"]]
    assert cells == [(w, s, m) for w in WORKLOADS for s in BATCH_SYSTEMS for m in BATCH_MASTERS]
    assert set(data["systems"]) == set(BATCH_SYSTEMS)


def test_a_fresh_step_of_octo_has_the_committed_numbers() -> None:
    fresh, extent = json.loads(json.dumps(step("octo", silent)))
    assert fresh == row_of("steps", "octo", MASTERS)
    assert extent == row_of("memory", "octo", MASTERS)
    stored = row_of("steps", "octo", FLOAT)
    assert json.loads(json.dumps(float_step("octo", stored["batch"], silent))) == stored


def test_a_fresh_step_of_resnet8_has_the_committed_numbers() -> None:
    """But for the run beside it and the searches, which the slow test repeats."""
    bound = bind("octo-resnet8", load_system(SYSTEM), Options(batch=BATCH, masters=MASTERS), "sram", silent)
    fresh = json.loads(json.dumps(steps.measure(bound, MASTERS, silent, beside=False)))
    assert fresh == row_of("steps", "octo-resnet8", MASTERS) | {"beside": None}
    extent, stored = memory.extent(bound.program), row_of("memory", "octo-resnet8", MASTERS)
    assert extent == {key: stored[key] for key in extent}


@pytest.mark.slow
def test_the_whole_measurement_gives_the_committed_table() -> None:
    assert json.loads(json.dumps(measure(silent))) == committed()


def test_phases_add_up_to_the_step() -> None:
    for row in committed()["steps"]:
        for key in ("cycles", "energy_uj"):
            parts = sum(item[key] for item in row["phases"]) + row[steps.OUTSIDE][key]
            assert parts == pytest.approx(row[key])
        assert sum(item["macs"] for item in row["phases"]) == row["macs"]
        assert row["epoch"]["steps"] == -(-row["epoch"]["samples"] // row["batch"])
        assert row["epoch"]["ms"] == pytest.approx(row["epoch"]["steps"] * row["latency_ms"])
        assert 0 < steps.utilization(row) <= 1


def test_the_smallest_sram_is_the_smallest() -> None:
    bound = bind("octo", load_system(SYSTEM), Options(batch=BATCH), "sram", silent)
    for weights in memory.KEPT:
        program = memory.smallest(bound, weights, silent)
        size = program.system.sram.size_bytes
        assert program.metadata["commands"] == weights and program.peak_bytes("sram") <= size
        small = memory.with_sram(program.system, size - memory.GRAIN_BYTES)
        with pytest.raises(CompileError, match="SRAM"):
            compile_network(bound.network, small, weights, search=False)  # type: ignore[arg-type]


def test_a_bound_is_no_more_than_its_parts_and_the_peak() -> None:
    for row in committed()["memory"]:
        for item in (row, *row["smallest"]):
            lasting = item["state_bytes"] + item["commands_bytes"]
            assert lasting < item["bound_bytes"] <= min(item["peak_bytes"], lasting + item["moving_bytes"])
        sram, flash = row["smallest"]
        assert (sram["commands"], flash["commands"], flash["commands_bytes"]) == ("sram", "flash", 0)
        assert flash["cycles"] > sram["cycles"] >= row["cycles"]


def test_batches_are_what_the_planner_finds() -> None:
    """Narrower masters leave room for more samples, and so does more SRAM."""
    data = {(row["workload"], row["system"], row["masters"]): row["batch"] for row in committed()["batches"]}
    for workload in WORKLOADS:
        for system in BATCH_SYSTEMS:
            assert data[workload, system, "int8"] >= data[workload, system, "int16"]
        assert data[workload, SYSTEM, "int16"] >= max(BATCH, data[workload, "edge16", "int16"])


@pytest.mark.slow
def test_fresh_largest_batches_of_resnet8() -> None:
    for row in committed()["batches"]:
        if row["workload"] == "octo-resnet8":
            fresh = batches.measure(row["workload"], row["system"], row["masters"], silent)
            assert json.loads(json.dumps(fresh)) == row


def value_of(data: Mapping[str, Any], text: str, workload: str = "octo-resnet8") -> Aim:
    (found,) = (aim for aim in aims(data) if text in aim.text and aim.workload == workload)
    return found


def test_what_is_reached() -> None:
    """By ResNet-8. Activations computed again are less than 30 % of the whole peak, unless commands are in flash."""
    data = committed()
    for text, value in (
        ("the array's use", 0.694),
        ("SRAM at the peak", 0.0009),
        ("SRAM of activations saved", 0.351),
        ("leaving its commands in flash", 0.381),
    ):
        aim = value_of(data, text)
        assert aim.reached and aim.value == pytest.approx(value, abs=0.001)
    missed = value_of(data, "saved by computing activations again")
    assert not missed.reached and missed.value == pytest.approx(0.218, abs=0.001)
    (update,) = (a for a in aims(data) if a.text.startswith("the update's") and a.workload == "octo-resnet8")
    assert update.reached and update.value == pytest.approx(0.0296, abs=0.001)


def test_an_aim_that_is_missed_is_called_so() -> None:
    data = copy.deepcopy(committed())
    assert value_of(data, "SRAM at the peak").reached
    row = next(row for row in data["memory"] if row["workload"] == "octo-resnet8")
    row["peak_bytes"] = int(1.2 * row["bound_bytes"])
    missed = value_of(data, "SRAM at the peak")
    assert not missed.reached and missed.value == pytest.approx(0.2, abs=1e-3)
    (line,) = (line for line in page(data).splitlines() if line.startswith(f"| {missed.text} | `octo-resnet8`"))
    assert line.endswith("| at most 10 % | 20 % | **not reached** |")
