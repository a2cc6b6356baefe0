"""Two explorations side by side: the same design in both, who wins, what differs, what is refused."""

import json
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
import pytest

from cosim.explore.compare import compare
from cosim.explore.designs import axes, points_in_common, settings
from cosim.explore.files import parse_space
from reports.exploration import comparison
from tests.cosim.explore.small import plain
from tests.fixtures.command import Command, Refusal, refusal, runner
from tests.reports.test_html import Page

GOALS = [
    {"metric": "latency_ms", "goal": "minimise", "unit": "ms"},
    {"metric": "accuracy", "goal": "maximise", "unit": ""},
]


def exploration(front: dict[int, list[float]], **changes: Any) -> dict[str, Any]:
    """An explore.json with this front, by point; keywords change the space."""
    space = parse_space(plain("x.network", objectives=["latency_ms", "energy_uj"]) | changes)
    points = [
        {"index": index, "level": "searched", "point": space.point(index), "objectives": values, "metrics": {}}
        for index, values in front.items()
    ]
    return {
        "space": space.model_dump(mode="json", by_alias=True),
        "base": space.base.model_dump(mode="json"),
        "axes": [{"path": path, "values": list(values)} for path, values in space.values.items()],
        "size": space.lattice.size,
        "evaluated": space.lattice.size,
        "counts": {"ok": space.lattice.size, "constraint": 0, "infeasible": 0, "failed": 0},
        "objectives": GOALS,
        "front": points,
        "levels": [],
        "chosen": None,
        "provenance": {"version": "1", "sources": "aaaa", "seed": 0},
    }


ROWS = {"accelerator.array.rows": [4, 8, 16]}


def test_an_axis_of_one_space_is_held_against_the_fixed_value_of_the_other() -> None:
    a = exploration({0: [1, 1]}, axes=ROWS | {"accelerator.array.columns": [8, 16, 32]})
    b = exploration({0: [1, 1]}, axes={"accelerator.array.rows": [8, 16, 32]})  # edge16 has 16 columns
    rows, columns = axes(a, b)
    assert (rows["both"], rows["only_a"], rows["only_b"]) == ([8, 16], [4], [32])
    assert (columns["both"], columns["only_a"], columns["axis_of"]) == ([16], [8, 32], ["a"])
    assert settings(a, b) == [] and points_in_common(a, b) == 2


def test_designs_on_both_fronts_are_found_under_other_numbers() -> None:
    a = exploration({0: [2.0, 0.5], 4: [4.0, 0.75]}, axes=ROWS | {"accelerator.array.columns": [8, 16]})
    b = exploration({1: [1.0, 0.5], 0: [3.0, 0.75]}, axes={"accelerator.array.rows": [16, 4]})
    found = compare(a, b)
    assert found["designs"] == []  # 4 x 8 and 16 x 8 on A's front; 4 x 16 and 16 x 16 on B's
    a["front"][0]["point"]["accelerator.array.columns"] = 16
    (design,) = compare(a, b)["designs"]
    assert (design["point_a"], design["point_b"]) == (0, 1)
    assert design["b_over_a"] == [0.5, 1.0]


def test_the_options_of_workloads_are_part_of_the_design() -> None:
    a = exploration({0: [1, 1]}, axes=ROWS | {"options.weights_in": ["sram", "flash"]})
    fixed = {"target": "x.network", "options": {"weights_in": "flash"}}
    b = exploration({0: [1, 1]}, axes=ROWS, workloads=[fixed])
    assert axes(a, b)[1]["both"] == ["flash"] and points_in_common(a, b) == 3
    c = exploration({0: [1, 1]}, axes=ROWS, options={"weights_in": "sram"})
    assert [item["name"] for item in settings(b, c)] == ["x.options.weights_in"] and points_in_common(b, c) == 0
    d = exploration(
        {0: [1, 1]}, axes=ROWS, workloads=[{"target": "x.network", "weight": 3}], constraints=["cycles > 1"]
    )
    assert [item["name"] for item in settings(c, d)] == ["x.options.weights_in", "x.weight", "constraints"]


def test_other_base_systems_and_overlapping_axes_share_no_point() -> None:
    a = exploration({0: [1, 1]}, axes=ROWS)
    b = exploration({0: [1, 1]}, axes=ROWS, system="edge8")
    names = [item["name"] for item in settings(a, b)]
    assert "sram.size_bytes" in names and "accelerator.array.rows" not in names and points_in_common(a, b) == 0
    parts = [{"node_nm": 22, "vdd": 0.8, "device_type": "itrs-lstp"}]
    whole, field = {"technology": parts}, {"technology.vdd": [0.8]}
    c, d = exploration({0: [1, 1]}, axes=whole), exploration({0: [1, 1]}, axes=field)
    assert settings(c, d)[0] == {"name": "axes", "a": "technology", "b": "technology.vdd"}
    assert points_in_common(c, d) == 0


def test_the_verdict() -> None:
    a = exploration({0: [2.0, 0.5], 1: [4.0, 1.0]}, axes=ROWS)
    b = exploration({0: [1.0, 0.5], 1: [4.0, 0.75], 2: [5.0, 1.0]}, axes=ROWS)
    said = compare(a, b)["verdict"]
    assert said["beaten"] == {"a": 1, "b": 2}
    assert said["on_joint_front"] == {"a": 1, "b": 1}
    assert said["best"] == {"a": [2.0, 1.0], "b": [1.0, 1.0]}
    # the box: latency 1 to 5.5, accuracy 1 down to 0.45
    want_a = (3.5 * 0.05 + 1.5 * 0.5) / (4.5 * 0.55)
    want_b = (4.5 * 0.05 + 1.5 * 0.25 + 0.5 * 0.25) / (4.5 * 0.55)
    assert said["volume"]["a"] == pytest.approx(want_a) and said["volume"]["b"] == pytest.approx(want_b)
    assert said["volume"]["both"] > max(want_a, want_b)


def test_objectives_may_come_in_another_order_but_have_to_be_the_same() -> None:
    a, b = exploration({0: [1.0, 0.5]}, axes=ROWS), exploration({0: [0.5, 1.0]}, axes=ROWS)
    b["objectives"] = GOALS[::-1]
    assert compare(a, b)["fronts"]["a"] == compare(a, b)["fronts"]["b"]
    b["objectives"] = GOALS[:1]
    with pytest.raises(
        ValueError, match="objectives differ.*minimise latency_ms, maximise accuracy in A; minimise latency_ms"
    ):
        compare(a, b)


def test_empty_fronts_and_notes() -> None:
    a, b = exploration({}, axes=ROWS), exploration({}, axes=ROWS, workloads=[{"target": "x.network", "weight": 2}])
    b["provenance"] = {"version": "1", "sources": "bbbb", "seed": 0}
    found = compare(a, b)
    assert found["verdict"]["volume"]["both"] == 0 and found["verdict"]["best"] == {"a": None, "b": None}
    assert found["provenance"] == {"sources": ["aaaa", "bbbb"]}
    text = "\n".join(comparison.lines(found))
    assert "the workloads differ (x.weight)" in text and "other sources made A than B" in text
    assert Page(comparison.page(found)).fetched == ["data:,"]


# ---- as a user types it ----


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.chdir(tmp_path)
    return runner(capsys)


@pytest.fixture
def refused(command: Command, tmp_path: Path) -> Refusal:
    return refusal(command, tmp_path)


@pytest.fixture
def pair(tmp_path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """A folder and a file; B has one more point on its front."""
    found = (
        exploration({0: [2.0, 0.5]}, axes=ROWS),
        exploration({0: [2.0, 0.5], 2: [3.0, 0.75]}, axes=ROWS),
    )
    (tmp_path / "a").mkdir()
    for place, data in zip(("a/explore.json", "b.json"), found, strict=True):
        (tmp_path / place).write_text(json.dumps(data))
    return found


def test_text_json_and_page(command: Command, pair: tuple[dict[str, Any], dict[str, Any]], tmp_path: Path) -> None:
    result = command("explore", "--compare", "a", "b.json", "--out", "out", "--json", "-")
    assert result.status == 0, result.err
    found = json.loads(result.out)
    assert found == json.loads((tmp_path / "out/comparison.json").read_text()) == json.loads(json.dumps(compare(*pair)))
    assert "3 points are in both spaces" in result.err and "A's front beats 0 of B's 2 points" in result.err
    page = Page((tmp_path / "out/comparison.html").read_text())
    assert page.fetched == ["data:,"] and "fronts-0-1" in page.ids
    for figure in json.loads(page.scripts["figures"]):
        go.Figure({"data": figure["data"], "layout": figure["layout"]})
    plain_text = command("explore", "--compare", "b.json", "a")
    assert plain_text.status == 0 and "front of both together: 2 points of A, 1 of B" in plain_text.out


@pytest.mark.usefixtures("pair")
def test_files_that_are_not_explorations(refused: Refusal, tmp_path: Path) -> None:
    (tmp_path / "foreign.json").write_text("[1, 2]")
    (tmp_path / "half.json").write_text('{"space": ')
    (tmp_path / "binary.json").write_bytes(b"\xff\xfe")
    compare_a = ("explore", "--compare", "a")
    assert "no such file: nothing; want a folder that 'cosim explore --out' wrote" in refused(*compare_a, "nothing")
    assert "no such file: out/explore.json" in refused(*compare_a, _folder(tmp_path / "out"))
    assert "foreign.json is not an exploration's JSON: it lacks axes, base" in refused(*compare_a, "foreign.json")
    assert "half.json is not an exploration's JSON (truncated or foreign)" in refused(*compare_a, "half.json")
    assert "binary.json is not an exploration's JSON (truncated" in refused("explore", "--compare", "binary.json", "a")
    assert "SPACE does not apply" in refused("explore", "space.yaml", "--compare", "a", "a")
    assert "--rtl does not apply" in refused("explore", "--compare", "a", "a", "--rtl", 2)
    other = exploration({0: [1.0, 1.0]}, axes=ROWS) | {"objectives": GOALS[:1]}
    (tmp_path / "other.json").write_text(json.dumps(other))
    assert "the objectives differ" in refused(*compare_a, "other.json")


def _folder(path: Path) -> str:
    path.mkdir()
    return path.name


def test_a_broadcast_array_is_one_design_whether_it_is_an_axis_or_not() -> None:
    """Systems do not write the kind of a broadcast array."""
    a = exploration({0: [1, 1]}, axes=ROWS)
    b = exploration({0: [1, 1]}, axes=ROWS | {"accelerator.array.kind": ["broadcast", "systolic"]})
    assert points_in_common(a, b) == 3
    (kind,) = (item for item in axes(a, b) if item["path"] == "accelerator.array.kind")
    assert (kind["both"], kind["only_a"], kind["only_b"]) == (["broadcast"], [], ["systolic"])
