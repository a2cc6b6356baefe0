"""One proof in Yosys: reads block and checker, proves every assertion by temporal induction, reaches every state named.

An assertion holds for ever where it holds in the first cycles after a reset (base case), and in any cycle after n
cycles in which all of them held (induction); n is the depth. The assumptions of the checker hold in both. Inputs are
free.
"""

import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rtl.bench.build import RTL_DIR, sources_of
from rtl.bench.tools import BuildError
from rtl.bench.yosys import read_commands, run_yosys
from rtl.proofs.blocks import Proof

PROOF_DIR = Path(__file__).resolve().parent
_TIMEOUT_S = 600.0
# Yosys reads no names of another module's signals: such a line becomes a `connect` after everything is one module.
_PROBE = re.compile(r"^(?P<indent> *)assign (?P<to>\w+) *= (?P<source>u_dut\.[\w.]+)(?P<each>\[i\])?;$", re.MULTILINE)
_GENERATE = re.compile(r"^ *for \(genvar i = 0; i < (?P<bound>\w+); i\+\+\) begin : (?P<label>\w+)$", re.MULTILINE)
_REACH = re.compile(r"^ *output +logic +reach_(\w+)_o\b", re.MULTILINE)
_LABEL = re.compile(r"^ *(a_\w+) *: assert\b", re.MULTILINE)
_RULE = re.compile(r"^ *stream_rule\b[^;]*;", re.MULTILINE)
_ASSUMED = ".Assumed(1'b1)"
_COMMENT = re.compile(r"//[^\n]*")
_PROVED = re.compile(r"Induction step proven: SUCCESS!")
_LENGTH = re.compile(r"\[induction step (\d+)\] Solving problem|\[base case (\d+)\] Solving problem")
_REFUTED = "model found for base case: FAIL!"
_OPEN = "Reached maximum number of time steps -> proof failed."


@dataclass(frozen=True, slots=True)
class Outcome:
    """``how``: "proved" at induction length ``steps``, "refuted" by a run of ``steps`` cycles, or "open" after them."""

    how: str
    steps: int


def files_of(proof: Proof, replaced: Mapping[str, Path] | None = None) -> tuple[Path, ...]:
    """Return the sources, packages first; `replaced` names other files by stem. Raises BuildError for a missing one."""
    checker = PROOF_DIR / f"{proof.checker}.sv"
    if not checker.is_file():
        raise BuildError(f"{proof.block} has no checker: write rtl/proofs/{checker.name}")
    words = set(re.findall(r"\w+", _COMMENT.sub("", checker.read_text())))
    helpers = [file for file in sorted(PROOF_DIR.glob("*.sv")) if file.stem in words - {proof.checker}]
    files = (*sources_of(proof.block, RTL_DIR), *helpers, checker)
    return tuple((replaced or {}).get(file.stem, file) for file in files)


def reached_names(proof: Proof) -> tuple[str, ...]:
    """Return the states that the checker names: its outputs reach_NAME_o."""
    return tuple(_REACH.findall((PROOF_DIR / f"{proof.checker}.sv").read_text()))


def properties(files: Sequence[Path]) -> tuple[str, ...]:
    """Return the labels of all assertions in the files (the checker last), each once; a rule only assumed has none."""
    rules = _RULE.findall(_COMMENT.sub("", files[-1].read_text()))
    skipped = {"stream_rule"} if all(_ASSUMED in rule for rule in rules) else set()
    texts = [_COMMENT.sub("", file.read_text()) for file in files if file.stem not in skipped]
    found = [label for text in texts for label in _LABEL.findall(text)]
    return tuple(dict.fromkeys(found))


def prove(proof: Proof, replaced: Mapping[str, Path] | None = None) -> Outcome:
    """Prove the assertions of the checker, of its helpers and of the block. Raises MissingToolError, BuildError."""
    solve = f"sat -seq 1 -set-assumes -prove-asserts -tempinduct -maxsteps {proof.max_steps}"
    log = _run(proof, files_of(proof, replaced), [solve])
    lengths = [int(first or second) for first, second in _LENGTH.findall(log)]
    verdicts = {"proved": bool(_PROVED.search(log)), "refuted": _REFUTED in log, "open": _OPEN in log}
    held = [name for name, said in verdicts.items() if said]
    if len(held) != 1 or not lengths:
        raise BuildError(f"{proof.name}: Yosys gave no verdict; end of the log:\n" + "\n".join(log.splitlines()[-30:]))
    return Outcome(held[0], lengths[-1])


def reach(proof: Proof, replaced: Mapping[str, Path] | None = None) -> dict[str, int]:
    """Return for every state that the checker names the cycles from reset to it. Raises BuildError for one not reached.

    A proof whose assumptions contradict each other, or keep the block from working, would hold of anything.
    """
    names = reached_names(proof)
    search = f"sat -seq 1 -set-assumes -tempinduct -tempinduct-baseonly -maxsteps {proof.reach_steps}"
    solves = ["chformal -assert -remove", "opt_clean", *(f"{search} -prove reach_{name}_o 1'b0" for name in names)]
    log = _run(proof, files_of(proof, replaced), solves)
    parts = log.split("Executing SAT pass")[1:]
    steps: dict[str, int] = {}
    for name, part in zip(names, parts, strict=True):
        if _REFUTED not in part:
            raise BuildError(f"{proof.name}: {name} is not reached within {proof.reach_steps} cycles")
        steps[name] = [int(first or second) for first, second in _LENGTH.findall(part)][-1]
    return steps


def _run(proof: Proof, files: Sequence[Path], solves: Sequence[str]) -> str:
    with tempfile.TemporaryDirectory(prefix="proof-") as name:
        text, connects = _without_probes(files[-1].read_text(), proof.parameters)
        checker = Path(name) / files[-1].name
        checker.write_text(text)
        sources = (*files[:-1], checker)
        commands = (
            *read_commands(proof.checker, parameters=proof.parameters, sources=sources, formal=True),
            *("proc", "flatten", "memory_map"),
            *connects,
            *("async2sync", "dffunmap", "chformal -lower", "opt -fast"),
            *solves,
        )
        return run_yosys(commands, timeout_s=_TIMEOUT_S)


def _without_probes(text: str, parameters: Mapping[str, int]) -> tuple[str, list[str]]:
    """Return the checker without its looks into the block, and the commands that make these connections.

    `assign x = u_dut.y;` stands anywhere, `assign x = u_dut.y[i];` in a generate loop over i up to a parameter.
    """
    connects = []
    for match in _PROBE.finditer(text):
        if not match["each"]:
            connects.append(f"connect -set {match['to']} {match['source']}")
            continue
        loop = [found for found in _GENERATE.finditer(text) if found.start() < match.start()][-1]
        for i in range(parameters[loop["bound"]]):
            connects.append(f"connect -set {loop['label']}[{i}].{match['to']} {match['source']}[{i}]")
    return _PROBE.sub("", text), connects
