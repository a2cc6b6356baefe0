"""What is made of Verilator's coverage files: the sum over builds, the holes, and which of them are explained."""

import json
from pathlib import Path

import pytest

from rtl.bench.build import RTL_DIR, variant
from rtl.bench.run import run_block
from rtl.coverage import __main__ as command
from rtl.coverage.holes import HOLES, Key, judge, load_reasons
from rtl.coverage.plugin import RUNS, form
from rtl.coverage.points import Coverage, CoverageError, lines_of
from rtl.coverage.report import json_text, measure, page

FOLDER = Path("/tree/rtl")
SOURCE = """module counter (input wire logic clk_i);
  always_ff @(posedge clk_i) begin
    if (up)   q <= q + 1;  // one more
    else begin
      q <= q - 1;
      r <= q;
    end
    if (up) q <= q + 1;
  end
endmodule
"""
BLOCK, IF, ELSE = ("block", 2, 3, "2"), ("if", 3, 5, "3"), ("else", 3, 6, "4-6")
AGAIN, NEVER = ("if", 8, 5, "8"), ("else", 8, 6, "")


def entry(point: tuple[str, int, int, str], count: int, file: str = "/tree/rtl/counter.sv") -> str:
    kind, line, number, lines = point
    fields = {"f": file, "l": line, "n": number, "t": "line", "page": "v_line/counter", "o": kind, "S": lines, "h": "x"}
    if not lines:
        del fields["S"]
    text = "".join(f"\x01{key}\x02{value}" for key, value in fields.items())
    return f"C '{text}' {count}\n"


def counted(*files: str) -> Coverage:
    coverage = Coverage()
    for file in files:
        coverage.add("# SystemC::Coverage-3\n" + file, FOLDER)
    return coverage


def test_a_point_is_reached_where_any_build_reached_it() -> None:
    coverage = counted(entry(BLOCK, 2) + entry(IF, 0) + entry(ELSE, 3), entry(IF, 4) + entry(AGAIN, 0))
    counts = {(point.line, point.kind): tally.count for point, tally in coverage.points.items()}
    assert counts == {(2, "block"): 2, (3, "if"): 4, (3, "else"): 3, (8, "if"): 0}


def test_only_files_of_the_design_itself_count() -> None:
    coverage = counted(entry(BLOCK, 1, "/tree/rtl/bench/bench_top.sv") + entry(BLOCK, 1))
    assert {point.module for point in coverage.points} == {"counter"}


def test_a_line_counts_once_and_is_reached_by_any_point() -> None:
    coverage = counted(entry(BLOCK, 1) + entry(ELSE, 0) + entry(("if", 4, 9, "5,8"), 1))
    reached, lines = lines_of(coverage.of("counter").values())
    assert sorted(lines) == [2, 4, 5, 6, 8]
    assert sorted(reached) == [2, 5, 8]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("C 'nonsense\n", "line 2: want C"),
        ("C '\x01l\x022\x01n\x023' 1\n", "line 2: KeyError"),
        (entry(("if", 1, 2, "x-y"), 1), "line 2: ValueError"),
    ],
)
def test_a_file_that_is_no_coverage_file_is_refused(text: str, said: str) -> None:
    with pytest.raises(CoverageError, match=said):
        counted(text)


def test_holes_are_named_by_text_and_occurrence() -> None:
    coverage = counted(entry(IF, 1) + entry(ELSE, 1) + entry(AGAIN, 0) + entry(NEVER, 0))
    again = Key("counter", "if (up) q <= q + 1;", "if", 1)
    unwritten = Key("counter", "if (up) q <= q + 1;", "else", 1)
    verdict = judge(coverage, {"counter": SOURCE}, {again: "why"})
    assert [(hole.key, hole.reason) for hole in verdict.holes] == [(again, "why"), (unwritten, "")]
    assert [hole.key for hole in verdict.unexplained] == [unwritten]
    assert verdict.superfluous == ()


@pytest.mark.parametrize("key", [Key("counter", "if (up) q <= q + 1;", "if"), Key("gone", "x", "if")])
def test_an_explanation_of_what_is_no_hole_is_found(key: Key) -> None:
    verdict = judge(counted(entry(IF, 1)), {"counter": SOURCE}, {key: "why"})
    assert verdict.superfluous == (key,)
    assert verdict.holes == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[hole]]\nmodule = 'x'\nline = 'y'\nkind = 'if'\nreason = ' '", "hole 1: want a text in reason"),
        ("[[hole]]\nmodule = 'x'\nline = 'y'\nkind = 'if'\nreason = 'z'\ncolumn = 3", "unknown fields column"),
        (2 * "[[hole]]\nmodule = 'x'\nline = 'y'\nkind = 'if'\nreason = 'z'\n", "hole 2 is there twice"),
        ("[[hole]", "holes.toml"),
    ],
)
def test_a_wrong_explanation_is_refused(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "holes.toml"
    file.write_text(text)
    with pytest.raises(CoverageError, match=said):
        load_reasons(file)


def test_the_tables_count_lines_and_branches() -> None:
    coverage = counted(entry(BLOCK, 2) + entry(IF, 1) + entry(ELSE, 0))
    verdict = judge(coverage, {"counter": SOURCE}, {Key("counter", "if (up) q <= q + 1;", "else"): "why"})
    text = json_text(measure(coverage, ["counter", "wires"]), verdict, "5.0")
    shown = page(json.loads(text))
    assert "| `counter` | 2 / 5 | 1 / 2 | 1 |" in shown
    assert "| `wires` | - | - |  |" in shown
    assert "- `counter`, else of `if (up) q <= q + 1;`: why" in shown


def test_every_explanation_names_a_line_of_the_design() -> None:
    for key in load_reasons():
        lines = [" ".join(line.partition("//")[0].split()) for line in (RTL_DIR / f"{key.module}.sv").open()]
        assert lines.count(key.line) > 0, f"{HOLES.name}: {key} is not in {key.module}.sv"


@pytest.mark.slow  # another form of Verilator's run-time files: 15 s where none is cached
def test_a_run_leaves_its_counts(tmp_path: Path) -> None:
    (tmp_path / RUNS).mkdir()
    with variant(form(tmp_path)):
        run_block("skid", "tb_skid", parameters={"Width": 24}, test_dir=Path(__file__).parent.parent)
    (file,) = (tmp_path / RUNS).iterdir()
    coverage = Coverage()
    coverage.add(file.read_text(), RTL_DIR)
    assert {point.module for point in coverage.points} == {"skid"}
    assert all(tally.count for tally in coverage.points.values())


@pytest.fixture
def judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tree of one module and one run, for `--judge-only`."""
    build, rtl = tmp_path / "build", tmp_path / "rtl"
    rtl.mkdir()
    (build / RUNS).mkdir(parents=True)
    (rtl / "counter.sv").write_text(SOURCE)
    (build / RUNS / "a.dat").write_text("".join(entry(point, 1, f"{rtl}/counter.sv") for point in (BLOCK, IF, ELSE)))
    (build / "sources").write_text(command._digest({"counter": SOURCE}))
    monkeypatch.setattr(command, "RTL_DIR", rtl)
    monkeypatch.setattr(command, "BUILD", build)
    monkeypatch.setattr(command, "RESULTS", tmp_path)
    monkeypatch.setattr(command, "load_reasons", dict)
    return tmp_path


def test_the_command_writes_what_has_no_unexplained_hole(judged: Path) -> None:
    assert command.main(["--judge-only"]) == 0
    assert json.loads((judged / "coverage.json").read_text())["modules"] == [
        {"module": "counter", "lines_reached": 5, "lines": 5, "branches_reached": 2, "branches": 2}
    ]


def test_the_command_fails_at_a_hole(judged: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (judged / "build" / RUNS / "b.dat").write_text(entry(AGAIN, 0, f"{judged}/rtl/counter.sv"))
    assert command.main(["--judge-only"]) == 1
    assert "no reason: counter.sv:8: if not reached" in capsys.readouterr().err
    assert not (judged / "coverage.json").exists()


def test_the_command_fails_at_a_superfluous_explanation(judged: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "load_reasons", lambda: {Key("counter", "if (up) q <= q + 1;", "if"): "why"})
    assert command.main(["--judge-only"]) == 1
    assert not (judged / "coverage.json").exists()


def test_the_command_refuses_counts_of_other_sources(judged: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (judged / "rtl" / "counter.sv").write_text(SOURCE.replace("q - 1", "q - 2"))
    assert command.main(["--judge-only"]) == 2
    assert "no complete run of these sources" in capsys.readouterr().err


def test_the_command_refuses_a_module_that_no_test_builds(judged: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = SOURCE.replace("counter", "other")
    (judged / "rtl" / "other.sv").write_text(other)
    (judged / "build" / "sources").write_text(command._digest({"counter": SOURCE, "other": other}))
    assert command.main(["--judge-only"]) == 2
    assert "no test builds other" in capsys.readouterr().err
