"""Random programs and cycle errors as tables: what counts as agreement, resuming, and the committed tables."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from accel_models.accounts import account
from accel_models.timing import simulate
from cosim.validate import cycles, programs
from cosim.validate.cycles import RowCycles
from rtl.bench.outcome import cycles_by_row
from rtl.bench.programs import Share, Verdict
from tests.accel_models.handmade import load, matrix, program, requantize, store

SHARE = Share(commands=3, cycles=110, expected_cycles=100, difference=12, worst=-7, worst_command=4)
GOOD = Verdict(
    seed=0, chip="4x4", memory="nominal", commands=20, cycles=4004, expected_cycles=4000, classes={"Load": SHARE}
)
REFUSED = replace(GOOD, cycles=0, expected_cycles=0, classes={})


def test_what_holds_and_what_does_not() -> None:
    assert programs.holds(programs.summary([GOOD], [REFUSED]))
    for wrong in (
        replace(GOOD, different=("sram",)),
        replace(GOOD, error="deadlock"),
        replace(GOOD, cycles=4081),
        replace(GOOD, cycles=4021),  # within 2 %, but the mean is not within 0.5 %
    ):
        assert not programs.holds(programs.summary([wrong], []))
    assert not programs.holds(programs.summary([GOOD], [replace(REFUSED, error="want deadlock, RTL says nothing")]))


def test_short_programs_have_32_cycles_and_no_part_in_the_mean() -> None:
    short = replace(GOOD, cycles=131, expected_cycles=100)
    assert short.near and not replace(short, cycles=133).near
    assert programs.summary([GOOD, short], [])["mean_cycle_error"] == pytest.approx(0.001)


def test_tables_name_the_worst() -> None:
    worse = replace(GOOD, seed=17, cycles=4050, classes={"Load": replace(SHARE, worst=30, worst_command=9)})
    data = programs.summary([GOOD, worse, replace(GOOD, seed=23, different=("pad",))], [])
    assert data["classes"]["Load"] | {"worst_seed": 17, "worst_command": 9} == data["classes"]["Load"]
    assert data["classes"]["Load"]["mean_error"] == pytest.approx(36 / 300)
    text = programs.tables(data)
    assert "| 17 | 4x4 | 4,050 | 4,000 | +1.25% |" in text and "1, seeds 23." in text


def test_finished_chunks_are_not_run_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*arguments: object) -> str:
        raise AssertionError("a chunk that is there was run again")

    monkeypatch.setattr(programs, "_chunk", never)
    for what, count in (("programs", 100), ("programs", 150), ("illegal", 20)):
        start = 100 if count == 150 else 0
        found = [asdict(replace(GOOD if what == "programs" else REFUSED, seed=seed)) for seed in range(start, count)]
        (tmp_path / f"{what}-{start:06d}-{count:06d}.json").write_text(json.dumps(found))
    said: list[str] = []
    verdicts, illegal = programs.measure(150, 20, 1, tmp_path, said.append)
    assert [item.seed for item in verdicts] == list(range(150)) and len(illegal) == 20
    assert verdicts[3] == replace(GOOD, seed=3)
    assert said[0].startswith("3 of 3 chunks are there already")


def test_rows_share_the_cycles_of_both_machines() -> None:
    item = program(
        [load(signal=2), matrix(wait=1, signal=4), requantize(wait=2, signal=8), store(wait=4)], [0, 1, 1, 2]
    )
    timing = simulate(item)
    found = cycles_by_row(item, timing.start.tolist(), timing.end.tolist(), [timing.total_cycles])
    assert found == account(item, timing).cycles.tolist() and sum(found) == timing.total_cycles


def test_kinds_name_the_worst_row() -> None:
    row = RowCycles(network="kws", system="edge16", row="conv", kind="conv2d", cycles=102, expected_cycles=100)
    found = cycles.kinds([row, replace(row, row="last", cycles=90), replace(row, kind="pool", cycles=100)])
    assert found["conv2d"]["worst"]["row"] == "last" and found["conv2d"]["worst"]["difference"] == -10
    assert found["conv2d"]["mean_error"] == pytest.approx(12 / 200) and found["pool"]["mean_error"] == 0


def test_the_committed_tables_hold() -> None:
    data = json.loads((programs.RESULTS / "programs.json").read_text())
    assert data["programs"] >= 10_000 and data["illegal"] >= 1_000 and programs.holds(data)
    assert (programs.RESULTS / "programs.md").read_text() == programs.tables(data)
    errors = json.loads((programs.RESULTS / "cycle_errors.json").read_text())
    assert {item["network"] for item in errors["networks"]} == set(cycles.NETWORKS) and cycles.holds(errors)
