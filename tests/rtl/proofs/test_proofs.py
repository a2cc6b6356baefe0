"""Proofs of the RTL: they succeed, they fail on a broken block, and the committed results are those of the table."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet

from rtl.bench.build import RTL_DIR, lint
from rtl.bench.tools import BuildError, MissingToolError
from rtl.bench.yosys import yosys_path
from rtl.proofs.__main__ import RESULTS, main
from rtl.proofs.blocks import PROOFS, Proof
from rtl.proofs.prove import PROOF_DIR, files_of, properties, prove, reach, reached_names
from rtl.proofs.report import page

BLOCKS = tuple(dict.fromkeys(proof.block for proof in PROOFS))


@dataclass(frozen=True, slots=True)
class Fault:
    """One place of a block (its text is there once) and what is put there."""

    block: str
    old: str
    new: str
    file: str = ""  # default: the block's


FAULTS = (
    Fault("skid", "else if (valid_i) begin", "else if (valid_i && ready_i) begin"),
    Fault("skid", "if (ready_o) spare_q <= data_i;", "spare_q <= data_i;"),
    Fault("fifo", "count_q != CountW'(Depth)", "count_q != CountW'(Depth - 1)"),
    Fault("fifo", "if (pop) read_q <= (read_q == IndexW'(Depth - 1)) ? '0 :", "if (pop) read_q <="),
    Fault("beat_queue", "address[next] == address[read_q] + 21'(count[read_q])", "1'b1"),
    Fault("beat_queue", "pair ? last_q[next] : last_q[read_q]", "last_q[read_q]"),
    Fault("command_queue", "!(empty_o && pop)", "!pop"),
    Fault("command_queue", "held_i && count_q == CountW'(Depth - 1)", "held_i && count_q == CountW'(Depth)"),
    Fault("token_counters", "up[s][t] && !down[s][t] && !full[s][t]", "up[s][t] && !full[s][t]"),
    Fault("token_counters", "(up & full & ~down) != '0", "(up & full & ~down & ~(up >> 1)) != '0"),
    Fault("dispatcher", "command_ready_o = is_end ? all_idle : room;", "command_ready_o = 1'b1;"),
    Fault("dispatcher", "if (command_valid_i && !legal)", "if (command_valid_i && !legal && command_i[7])"),
    Fault("dispatcher", "push_valid_o    = target;", "push_valid_o    = room ? target : '0;"),
    Fault("engine_front", "assign take_o          = go && !taken_q;", "assign take_o          = go;"),
    Fault("engine_front", "if (accept) signal_q <= signal_o;", "signal_q <= signal_o;"),
    Fault("engine_front", "assign give_o          = done_i;", "assign give_o          = done_i && running_q;"),
    Fault("operand_stream", "issued_q != 2'd2", "issued_q != 2'd3"),
    Fault("operand_stream", "else if (shift) first_q <= second_q;", "else if (shift) first_q <= fresh;"),
    Fault("axi_read_mux", "assign load             = held_q ? load_q :", "assign load             ="),
    Fault("axi_read_mux", "r_valid_i && r_ready_o && r_last_i", "r_valid_i && r_ready_o"),
    Fault("axi_read_mux", "count_q != CountW'(Depth)", "1'b1", "fifo"),
)


@pytest.fixture
def yosys() -> None:
    try:
        yosys_path()
    except MissingToolError as error:
        pytest.skip(str(error))


def first_of(block: str) -> Proof:
    """The first proof of the block."""
    return next(proof for proof in PROOFS if proof.block == block)


def cases(items: Sequence[Proof] | Sequence[Fault]) -> list[ParameterSet]:
    """As parameters: slow where the block's first proof is, and all but the first of each block."""
    seen: set[str] = set()
    found = []
    for number, item in enumerate(items):
        name = item.name if isinstance(item, Proof) else f"{item.block}-{number}"
        slow = item.block in seen or first_of(item.block).slow
        found.append(pytest.param(item, id=name, marks=[pytest.mark.slow] if slow else []))
        seen.add(item.block)
    return found


@pytest.mark.parametrize("proof", cases(PROOFS))
def test_every_property_is_proved_and_every_state_reached(proof: Proof, yosys: None) -> None:
    assert prove(proof).how == "proved"
    steps = reach(proof)
    assert tuple(steps) == reached_names(proof)
    assert all(1 <= cycles <= proof.reach_steps for cycles in steps.values())


@pytest.mark.parametrize("fault", cases(FAULTS))
def test_a_broken_block_is_refuted(fault: Fault, yosys: None, tmp_path: Path) -> None:
    """A run from reset shows the fault: not only does induction fail."""
    stem = fault.file or fault.block
    text = (RTL_DIR / f"{stem}.sv").read_text()
    assert text.count(fault.old) == 1
    broken = tmp_path / f"{stem}.sv"
    broken.write_text(text.replace(fault.old, fault.new))
    deep = Proof(fault.block, first_of(fault.block).parameters, max_steps=12)
    assert prove(deep, {stem: broken}).how == "refuted"


def test_every_block_has_a_fault() -> None:
    assert {fault.block for fault in FAULTS} == set(BLOCKS)


def test_a_contradiction_is_found_out(yosys: None, tmp_path: Path) -> None:
    """Assumptions that nothing meets prove anything; then no state is reached."""
    proof = first_of("skid")
    checker = tmp_path / f"{proof.checker}.sv"
    text = (PROOF_DIR / checker.name).read_text()
    never = "  always_comb begin\n    m_never : assume (!valid_i);\n"
    checker.write_text(text.replace("  always_comb begin\n", never, 1))
    assert prove(proof, {proof.checker: checker}).how == "proved"
    with pytest.raises(BuildError, match="skid Width=8: full is not reached within 16 cycles"):
        reach(proof, {proof.checker: checker})


def test_what_induction_cannot_show_is_open(yosys: None, tmp_path: Path) -> None:
    """One step is too few without the property that ties the spare word to the followed one."""
    proof = Proof("skid", {"Width": 8}, max_steps=1)
    checker = tmp_path / f"{proof.checker}.sv"
    text = (PROOF_DIR / checker.name).read_text()
    checker.write_text("\n".join(line for line in text.splitlines() if "a_second_in_spare" not in line))
    assert prove(proof, {proof.checker: checker}).how == "open"


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.name)
def test_checkers_are_clean(proof: Proof) -> None:
    lint(proof.checker, parameters=proof.parameters, sources=files_of(proof))


@pytest.mark.parametrize("file", sorted(PROOF_DIR.glob("*.sv")), ids=lambda file: file.stem)
def test_checkers_follow_the_house_rules(file: Path) -> None:
    text = file.read_text()
    assert len(text.splitlines()) <= 250 and f"\nmodule {file.stem} " in text and "Golden:" in text
    assert text.startswith(f"// {file.stem}: ") and text.endswith("`default_nettype wire\n")


def test_every_checker_is_in_the_table_and_reaches_something() -> None:
    assert {file.stem for file in PROOF_DIR.glob("*_proof.sv")} == {proof.checker for proof in PROOFS}
    assert all(reached_names(proof) for proof in PROOFS)


def test_results_are_complete() -> None:
    """After a change of a block, a checker or the table: `make proofs`."""
    data = json.loads((RESULTS / "proofs.json").read_text())
    found = [(item["block"], item["parameters"]) for item in data["proofs"]]
    assert found == [(proof.block, dict(proof.parameters)) for proof in PROOFS]
    for item, proof in zip(data["proofs"], PROOFS, strict=True):
        assert tuple(item["properties"]) == properties(files_of(proof))
        assert tuple(item["reached"]) == reached_names(proof) and 1 <= item["depth"] <= proof.max_steps


def test_the_page_is_that_of_the_json() -> None:
    assert (RESULTS / "proofs.md").read_text() == page(json.loads((RESULTS / "proofs.json").read_text()))


def test_an_unknown_block_names_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as leaving:
        main(["radio"])
    assert leaving.value.code == 2
    assert "no proof of radio: want some of skid, fifo" in capsys.readouterr().err
