"""Mutation testing of the RTL: `python -m rtl.mutation`, or `make mutants`; writes reports/results/mutation.{json,md}.

Needs the source tree (the tests are the judge), the extras `rtl`, `verify` and `dev`. Exit status 1 where fewer than
90 % are killed or a survivor has no reason, 2 where the campaign itself fails.
"""

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

from accel_models.container import write_atomic
from rtl.bench.build import RTL_DIR, Variant
from rtl.bench.tools import RtlError, tool_versions
from rtl.mutation.campaign import OPTIONS, TREE, Outcome, Test, clean, collect, run_faults
from rtl.mutation.equivalence import parents, proved_in
from rtl.mutation.faults import Fault, faults_of
from rtl.mutation.parse import Source
from rtl.mutation.reasons import load_reasons
from rtl.mutation.report import TARGET, Result, explain, json_text, page
from rtl.mutation.sample import sample, sources
from rtl.mutation.schema import PACKAGE, PACKAGE_TEXT, schema
from rtl.mutation.stages import TESTS
from rtl.mutation.tokens import MutationError

RESULTS = TREE / "reports" / "results"
BUILD = TREE / "build" / "mutation"
_JUDGES = ("rtl/*.sv", "rtl/bench/*", "tests/rtl/*.py", "accel_models/**/*.py", "cosim/**/*.py")
_PROOF_TOPS = 2  # the module, and the smallest one that contains it


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m rtl.mutation", description="mutation testing of the RTL")
    parser.add_argument("--faults", type=int, default=500, help="how many to draw (default %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the draw (default %(default)s)")
    parser.add_argument("--jobs", type=int, default=2, help="simulations at a time (default %(default)s)")
    parser.add_argument("--resume", action="store_true", help="keep what an interrupted run of the same campaign found")
    options = parser.parse_args(arguments)
    if options.faults < 1 or options.jobs < 1:
        parser.error(f"want --faults and --jobs of at least 1, got {options.faults} and {options.jobs}")
    try:
        result = campaign(options.faults, options.seed, options.jobs, options.resume)
    except (RtlError, MutationError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    write_atomic(RESULTS / "mutation.json", json_text(result).encode())
    write_atomic(RESULTS / "mutation.md", page(result).encode())
    print(f"{result.killed} of {len(result.outcomes)} killed, score {result.score:.1%}; wrote {RESULTS}/mutation.md")
    for item in result.unexplained:
        print(f"no reason: {item.fault.file}.sv:{item.fault.line}: {item.fault.mutated}", file=sys.stderr)
    return int(result.score < TARGET or bool(result.unexplained))


def campaign(count: int, seed: int, jobs: int, resume: bool) -> Result:
    """Draw, build, run, prove. Raises MutationError and what the tools raise."""
    found = sources()
    drawn, refused = sample(found, count, seed, jobs=jobs)
    _say(f"{len(drawn)} faults drawn, {refused} did not compile")
    numbered = dict(enumerate(drawn, 1))
    form = _schemata(found, numbered)
    journal = _Journal(BUILD / f"{_identity(drawn)}.jsonl", keep=resume)
    collect(TESTS)
    tests = journal.tests() or journal.keep_tests(clean(TESTS, form, BUILD / "work", jobs, _say))
    known = journal.outcomes()
    waiting = {number: fault.file for number, fault in numbered.items() if fault.key not in known}
    for number, outcome in run_faults(waiting, tests, form, BUILD / "work", jobs):
        fault = numbered[number]
        journal.add({"key": fault.key, **asdict(outcome)})
        _say(f"{fault.file}.sv:{fault.line} {fault.kind}: {outcome.how} {outcome.by} [{outcome.seconds:.0f} s]")
    known = journal.outcomes()
    outcomes = [(fault, known[fault.key]) for fault in drawn]
    _prove(found, [fault for fault, outcome in outcomes if outcome.how == "survived"], journal, jobs)
    every = [fault for source in found.values() for fault in faults_of(source)]
    return Result(
        seed=seed,
        jobs=jobs,
        lines=len({(fault.file, fault.line) for fault in every}),
        candidates=len(every),
        refused=refused,
        outcomes=outcomes,
        survivors=explain(outcomes, journal.proofs(), load_reasons()),
        tests=TESTS,
        test_s=sum(outcome.seconds for _, outcome in outcomes),
    )


def _schemata(found: dict[str, Source], numbered: dict[int, Fault]) -> Variant:
    folder = BUILD / "schema"
    folder.mkdir(parents=True, exist_ok=True)
    package = folder / f"{PACKAGE}.sv"
    write_atomic(package, PACKAGE_TEXT.encode())
    files: dict[Path, Path] = {}
    for name, source in found.items():
        mine = {number: fault for number, fault in numbered.items() if fault.file == name}
        if mine:
            write_atomic(folder / f"{name}.sv", schema(source, mine).encode())
            files[(RTL_DIR / f"{name}.sv").resolve()] = folder / f"{name}.sv"
    return Variant(files, (package,), BUILD / "rtl", OPTIONS)


def _identity(drawn: Sequence[Fault]) -> str:
    """A name that changes with the faults and with whatever judges them."""
    digest = hashlib.sha256(repr([drawn, TESTS, tool_versions()]).encode())
    for pattern in _JUDGES:
        for file in sorted(path for path in TREE.glob(pattern) if path.is_file()):
            digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def _prove(found: dict[str, Source], survivors: Sequence[Fault], journal: "_Journal", jobs: int) -> None:
    known = journal.proofs()
    waiting = [fault for fault in survivors if fault.key not in known]

    def prove(fault: Fault) -> str:
        return proved_in(found[fault.file], fault, parents(fault.file)[:_PROOF_TOPS])

    with ThreadPoolExecutor(jobs) as pool:
        for fault, proved in zip(waiting, pool.map(prove, waiting), strict=True):
            journal.add({"proof": fault.key, "top": proved})
            _say(f"{fault.file}.sv:{fault.line} {'proved equal in ' + proved if proved else 'not proved equal'}")


class _Journal:
    """What was found, a line of JSON each, written as it comes: an interrupted campaign goes on from here."""

    def __init__(self, file: Path, keep: bool) -> None:
        self.file = file
        if not keep:
            file.unlink(missing_ok=True)

    def add(self, entry: dict[str, object]) -> None:
        with self.file.open("a") as handle:
            handle.write(json.dumps(entry) + "\n")

    def _entries(self, name: str) -> list[dict]:
        lines = self.file.read_text().splitlines() if self.file.exists() else []
        entries = []
        for line in lines:
            try:
                entries.append(json.loads(line))
            except json.JSONDecodeError:
                continue  # the line that was being written when the run was interrupted
        return [entry for entry in entries if name in entry]

    def outcomes(self) -> dict[tuple, Outcome]:
        found = self._entries("key")
        return {tuple(item["key"]): Outcome(item["how"], item["by"], item["seconds"]) for item in found}

    def proofs(self) -> dict[tuple, str]:
        return {tuple(item["proof"]): item["top"] for item in self._entries("proof")}

    def tests(self) -> tuple[Test, ...]:
        found = self._entries("tests")
        if not found:
            return ()
        return tuple(Test(name, seconds, frozenset(modules)) for name, seconds, modules in found[-1]["tests"])

    def keep_tests(self, tests: tuple[Test, ...]) -> tuple[Test, ...]:
        self.add({"tests": [(test.name, test.seconds, sorted(test.modules)) for test in tests]})
        return tests


def _say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
